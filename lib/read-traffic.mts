/** STATS_* and RATE_LIMIT_<name> of the env file: who sees what HAProxy counts, and how much one client may ask of an API. */
import { createHash } from 'node:crypto'
import type { Config } from './config.mts'
import { didYouMean } from './nearest.mts'
import { type Limit, type Service, STATS_PORT } from './services.mts'
import { shown } from './shown.mts'
import { matching, type Source } from './source.mts'

export const isLimitKey = (key: string): boolean => /^RATE_LIMIT_./.test(key)

/** The key of a service: no shell variable and no env file has a hyphen in a name. */
const keyOf = (name: string) => `RATE_LIMIT_${name.replaceAll('-', '_')}`

/** What RATE_LIMIT_<name> says, by service; `names` are those of SERVICES. */
export function readLimits(source: Source, names: readonly string[]): ReadonlyMap<string, Limit> {
  const limits = new Map<string, Limit>()
  const told = new Set<string>()
  for (const { key, value, line } of source.entries) {
    if (!isLimitKey(key) || value.trim() === '') continue
    const wrong = (text: string, remedy: string) => source.report({ line, key, text, remedy })
    const name = names.find((one) => keyOf(one).toLowerCase() === key.toLowerCase())
    const [, requests, seconds] = /^([1-9]\d{0,5})\/([1-9]\d{0,3})s$/.exec(value.trim()) ?? []
    if (name === undefined) {
      const keys = names.map((one) => shown(keyOf(one)))
      wrong(`${shown(key)} is for no service of SERVICES`, didYouMean(key, keys, `there are ${keys.join(', ')}`))
      continue
    }
    if (told.has(name)) wrong(`the limit of ${shown(name)} is set twice`, `keep one ${shown(keyOf(name))}`)
    told.add(name)
    if (requests === undefined)
      wrong(`${shown(key)} is not requests/seconds`, `write it like ${shown(keyOf(name))}=100/10s`)
    else limits.set(name, { requests: Number(requests), seconds: Number(seconds) })
  }
  return limits
}

/** The login to HAProxy's statistics, which are there only with a password. */
export function readStats(source: Source, services: readonly Service[]): Config['stats'] {
  const password = matching(source, 'STATS_PASSWORD', /^[^\n]+$/, 'one line', '…')
  const user = matching(
    source,
    'STATS_USER',
    /^[\w.@-]{1,64}$/,
    'a name of letters, digits, "_", ".", "@" and "-"',
    'quorate',
  )
  if (password === undefined) {
    if (user !== undefined && source.get('STATS_PASSWORD') === undefined && !source.broken.has('STATS_PASSWORD'))
      source.report({
        line: source.get('STATS_USER')?.line,
        key: 'STATS_USER',
        text: 'STATS_USER may see nothing: there is no STATS_PASSWORD',
        remedy: 'write a STATS_PASSWORD for it, or remove STATS_USER',
      })
    return undefined
  }
  const other = services.find(({ port }) => port === STATS_PORT)
  if (other !== undefined) {
    const key = `SERVICE_${other.name.replaceAll('-', '_')}`
    source.report({
      line: source.entries.find((one) => one.key.toLowerCase() === key.toLowerCase())?.line,
      key,
      text: `${shown(other.name)} has port ${STATS_PORT}, which is that of HAProxy's statistics`,
      remedy: 'give it another port, or remove STATS_PASSWORD',
    })
  }
  // RFC 7617, 2. HAProxy's converter `hex` writes capitals.
  const header = `Basic ${Buffer.from(`${user ?? 'quorate'}:${password}`).toString('base64')}`
  const login = createHash('sha256').update(header).digest('hex').toUpperCase()
  source.secret(password)
  source.secret(login)
  return { login }
}
