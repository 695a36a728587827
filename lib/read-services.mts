/** SERVICES and SERVICE_<name> of the env file: rows of the table, and what an operator says otherwise or besides. */
import { type Entry, wordsOf } from './env-file.mts'
import { didYouMean } from './nearest.mts'
import { type Pair, pairsOf } from './pairs.mts'
import { readLimits } from './read-traffic.mts'
import { INTERFACES, SERVICES, type Service } from './services.mts'
import { shown } from './shown.mts'
import type { Source } from './source.mts'

const PREFIX = 'SERVICE_'

export const isServiceKey = (key: string): boolean => /^SERVICE_./.test(key)

/** The key of a service: no shell variable and no env file has a hyphen in a name. */
const keyOf = (name: string) => `${PREFIX}${name.replaceAll('-', '_')}`
const NAME = /^[a-z][a-z0-9-]{0,31}$/
const CALLED = 'one of your own is named in a-z, 0-9 and "-", 32 of them at most'
const isOf = (key: string, name: string) => key.toLowerCase() === keyOf(name).toLowerCase()
const EXAMPLE = '"port=9999 type=demo check=/ expect=200 path=/v1"'

/** What can be said of a service, and how it has to look. A name of HAProxy's proxies and of types is no more than that. */
const FIELDS: Readonly<Record<string, readonly [RegExp, string]>> = {
  port: [/^[1-9]\d{0,4}$/, 'a port from 1 to 65535'],
  type: [/^[a-z][a-z0-9_-]{0,63}(?:,[a-z][a-z0-9_-]{0,63})*$/, "a type of keystone's catalogue, or some with commas"],
  // It stands in haproxy.cfg as it is: no quotes, no "#", no "$" and no backslash (configuration.txt, 2.2).
  check: [/^\/[\w/.~%?&=,:@!*+-]*$/, 'a path of plain characters that begins with /'],
  expect: [/^[1-5]\d\d(?:,[1-5]\d\d)*$/, 'a status of HTTP, or some with commas'],
  path: [/^\/[!-~]*$/, 'a path of plain characters that begins with /'],
  tls: [/^(?:yes|no)$/, 'yes or no'],
}

/** The services behind the VIP, in the order of the table, those that it does not have after them. */
export function readServices(source: Source): readonly Service[] {
  const entry = source.get('SERVICES')
  const own = source.entries.filter(({ key, value }) => isServiceKey(key) && value.trim() !== '')
  const known = (name: string) => SERVICES.find((one) => one.name === name)
  // Packages are called nova-api and heat-api-cfn.
  const short = (name: string) => (known(name.replace('-api', '')) ? name.replace('-api', '') : name)
  const words = entry === undefined ? [{ text: 'keystone', line: 0 }] : wordsOf(entry)
  const named = words.map(({ text, line }) => ({
    text: own.some(({ key }) => isOf(key, text)) ? text : short(text),
    line,
  }))
  const names = [...new Set(named.map(({ text }) => text))]
  for (const { text, line } of named) {
    if (known(text) || own.some(({ key }) => isOf(key, text)) || isBroken(source, text)) continue
    const table = SERVICES.map(({ name }) => name)
    const other = NAME.test(text) ? `write ${keyOf(text)}=${EXAMPLE} for one of your own` : CALLED
    source.report({
      line,
      key: 'SERVICES',
      text: `there is no service "${shown(text)}"`,
      remedy: didYouMean(text, table, `there are ${table.join(', ')}; ${other}`),
    })
  }
  if (entry !== undefined && !names.includes('keystone'))
    source.report({
      line: entry.line,
      key: 'SERVICES',
      text: 'SERVICES lacks keystone: the other services are found and trusted through it',
      remedy: 'write keystone first',
    })
  for (const { key, line } of own) {
    if (names.some((name) => isOf(key, name))) continue
    const remedy = `write ${shown(key.slice(PREFIX.length).replaceAll('_', '-').toLowerCase())} in SERVICES, or remove the line`
    source.report({ line, key, text: `${shown(key)} is for no service of SERVICES`, remedy })
  }
  const limits = readLimits(source, names)
  const services = names.flatMap((name) => {
    const said = own.filter(({ key }) => isOf(key, name))
    const [first, second] = said
    if (second)
      source.report({
        line: second.line,
        key: second.key,
        text: `${shown(name)} is described twice`,
        remedy: `keep one ${shown(keyOf(name))}`,
      })
    const row = first === undefined ? known(name) : described(source, first, name, known(name))
    const limit = limits.get(name)
    return row === undefined ? [] : limit === undefined ? row : { ...row, limit }
  })
  noneTwice(source, entry, own, services)
  const place = ({ name }: Service) => SERVICES.findIndex((one) => one.name === name) >>> 0
  return services.toSorted((one, other) => place(one) - place(other))
}

const isBroken = (source: Source, name: string) => [...source.broken.keys()].some((key) => isOf(key, name))

/** A row with what SERVICE_<name> says; undefined where that is wrong. */
function described(source: Source, entry: Entry, name: string, row: Service | undefined): Service | undefined {
  const { key, line } = entry
  let right = true
  const wrong = (at: number, text: string, remedy: string) => {
    source.report({ line: at, key, text, remedy })
    right = false
  }
  if (row === undefined && !NAME.test(name)) wrong(line, `"${shown(name)}" is no name of a service`, CALLED)
  const said = new Map<string, Pair>()
  const pairs = pairsOf(entry, (problem) => {
    source.report(problem)
    right = false
  })
  for (const pair of pairs) {
    const [form, what] = (Object.hasOwn(FIELDS, pair.name) && FIELDS[pair.name]) || []
    if (form === undefined || what === undefined)
      wrong(
        pair.line,
        `${shown(key)} sets ${shown(pair.name)}`,
        didYouMean(pair.name, Object.keys(FIELDS), `there are ${Object.keys(FIELDS).join(', ')}`),
      )
    else if (!form.test(pair.value) || (pair.name === 'port' && Number(pair.value) > 65535))
      wrong(pair.line, `${pair.name} of ${shown(key)} is not ${what}`, `write it like ${EXAMPLE}`)
    else said.set(pair.name, pair)
  }
  if (right && row === undefined && !said.has('port'))
    wrong(line, `${shown(key)} has no port`, `write ${shown(key)}=${EXAMPLE}`)
  if (!right) return undefined
  const value = (field: string) => said.get(field)?.value
  const path = value('path')
  const { keeps, ...rest } = row ?? {
    name,
    types: [],
    port: 0,
    check: { path: '/', expect: [200] },
    path: undefined,
    keeps: ANY,
    units: [name],
  }
  return {
    ...rest,
    name,
    types: value('type')?.split(',') ?? rest.types,
    port: Number(value('port') ?? rest.port),
    check: {
      path: value('check') ?? rest.check.path,
      expect: value('expect')?.split(',').map(Number) ?? rest.check.expect,
    },
    ...(value('tls') === 'yes' ? { tls: true } : {}),
    path: path === undefined && rest.path ? rest.path : onEach(path ?? ''),
    ...(path !== undefined || keeps === undefined ? {} : { keeps }),
  }
}

/** Where nothing is said of the path of an endpoint it stays. */
const ANY = /^/
const onEach = (path: string) => Object.fromEntries(INTERFACES.map((one) => [one, path])) as Service['path']

function noneTwice(
  source: Source,
  entry: Entry | undefined,
  own: readonly Entry[],
  services: readonly Service[],
): void {
  for (const [index, service] of services.entries()) {
    for (const other of services.slice(0, index)) {
      const at = own.find(({ key }) => isOf(key, service.name)) ?? own.find(({ key }) => isOf(key, other.name)) ?? entry
      const both = (what: string) =>
        source.report({
          line: at?.line,
          key: at?.key ?? 'SERVICES',
          text: `${other.name} and ${service.name} have one ${what}`,
          remedy: `give each its own with ${keyOf(service.name)}`,
        })
      if (other.port === service.port) both(`port, ${service.port}`)
      const type = service.types.find((one) => other.types.includes(one))
      if (type !== undefined) both(`type in the catalogue, ${type}`)
    }
  }
}
