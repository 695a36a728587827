/** Env files made up by fast-check: right ones of every kind, with what is meant by them, and lines that nobody wants. */
import fc from 'fast-check'
import { family } from '../../lib/address.mts'
import { KEYS } from '../../lib/read-config.mts'

/** A line of a file, or several when the value has line breaks. */
export interface Assignment {
  readonly key: string
  readonly text: string
}

/** What a right file says, as far as the reader could get it wrong. */
export interface Meant {
  readonly nodes: readonly { readonly name: string; readonly fqdn: string; readonly address: string }[]
  readonly vips: readonly string[]
  readonly openrc: Readonly<Record<string, string>>
  readonly fence: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Networks of LINKS, each with the addresses that the nodes have in it. */
  readonly links: readonly { readonly network: string; readonly addresses: readonly string[] }[]
}

export interface EnvFile {
  readonly assignments: readonly Assignment[]
  readonly meant: Meant
}

/** Stands in every password that is made up, and nowhere else: no problem may tell it. */
export const SECRET = 'hunTer2'

export const textOf = (assignments: readonly Assignment[]): string =>
  assignments.map(({ text }) => `${text}\n`).join('')

/** Characters that no env file may hold, the line break aside. */
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

const writable = (value: string, quote: string) =>
  !value.includes(quote) && !value.endsWith('\\') && !(quote === '"' && /\\[nr]/.test(value))
const QUOTES = ['"', "'", '`']

/** Whether there is a way to write it in one line. */
export const canBeWritten = (value: string): boolean =>
  !FORBIDDEN.test(value) && QUOTES.some((quote) => writable(value, quote))

/** A value in an env file: bare where that can be, else in quotes that it does not hold. */
const written = (value: string): fc.Arbitrary<string> => {
  const quoted = QUOTES.filter((quote) => writable(value, quote)).map((quote) => `${quote}${value}${quote}`)
  const bare = /^[^\s#"'`]([^#"'`]*[^\s#"'`])?$/.test(value) ? [value] : []
  return fc.constantFrom(...bare, ...quoted)
}

const assignment = (key: string, value: fc.Arbitrary<string>): fc.Arbitrary<Assignment> =>
  fc
    .tuple(value.chain(written), fc.constantFrom('', '', '', 'export ', '  '), fc.constantFrom('=', '=', ' = '))
    .map(([text, before, equals]) => ({ key, text: `${before}${key}${equals}${text}` }))

/** Made up once and used for every file: names and values beside their keys. */
const word = (characters: string, least: number, most: number) =>
  fc.string({ unit: fc.constantFrom(...characters), minLength: least, maxLength: most })
const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const LETTERS = `${LOWER}${LOWER.toUpperCase()}`
const DIGITS = '0123456789'

const label: fc.Arbitrary<string> = fc.oneof(
  fc.nat(99).map((number) => `node${number}`),
  fc
    .tuple(word(LETTERS + DIGITS, 1, 1), word(`${LETTERS}${DIGITS}--`, 0, 61), word(LETTERS + DIGITS, 0, 1))
    .map(([first, middle, last]) => `${first}${middle}${last}`.replace(/-+$/, '')),
  fc.constantFrom('a', '0-db', '3rd', 'x'.repeat(63), 'check', 'server', 'totem', 'none', 'INFINITY', 'name', 'debian'),
)
const hostLabel = label.filter((name) => !/^(?:\d+|0x[0-9a-f]*|localhost)$/i.test(name))
const domain = fc.constantFrom('', '.test.com', '.Rack-7.example.org', '.a', '.x.b.c.d', `.${'y'.repeat(63)}.net`)

/** Letters, blanks and signs that mean something to a shell, to XML, to JSON, to printf or to an env file. */
const freeCharacter = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...`${LETTERS}${DIGITS}`) },
  { weight: 3, arbitrary: fc.constantFrom(...' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~') },
  { weight: 1, arbitrary: fc.constantFrom('ä', '密', '🔑', 'e\u0301', '\u00a0', '\u200b', '\ufeff', '\u202e', 'ß') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
)
const freeText: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 9, arbitrary: fc.string({ unit: freeCharacter, minLength: 1, maxLength: 24 }) },
    {
      weight: 1,
      arbitrary: fc.string({ unit: freeCharacter, minLength: 1, maxLength: 9 }).map((one) => one.repeat(455)),
    },
  )
  .filter((text) => text.trim() !== '' && canBeWritten(text))
const password = fc
  .tuple(freeText, freeText)
  .map(([before, after]) => `${before}${SECRET}${after}`)
  .filter(canBeWritten)

const OPENRC = ['USERNAME', 'PROJECT_NAME', 'USER_DOMAIN_NAME', 'PROJECT_DOMAIN_NAME', 'REGION_NAME', 'PASSWORD']
const openrcOf = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`OS_${key}`, value]))

/** A value of a pair, in quotes of its own; the whole may have to stand in one kind of them. */
const pairText = (name: string, value: string): string =>
  /^[^\s"'\\]+$/.test(value) ? `${name}=${value}` : `${name}="${value.replaceAll(/["\\]/g, '\\$&')}"`

const PROPERTIES: readonly (readonly [string, readonly string[]])[] = [
  ['cluster-recheck-interval', ['5min', '0', '90s', '1hr', '300000ms', 'PT5M', 'P1DT2H']],
  ['no-quorum-policy', ['stop', 'freeze', 'ignore', 'demote']],
  ['pe-warn-series-max', ['1000', '0', '-1']],
  ['batch-limit', ['0', '10', '+3']],
  ['placement-strategy', ['default', 'utilization', 'minimal', 'balanced']],
  ['start-failure-is-fatal', ['true', 'off', 'y', '0']],
  ['stonith-timeout', ['60s', '2min']],
  ['stonith-max-attempts', ['1', '10', 'INFINITY']],
  ['load-threshold', ['80%', '0%', '12.5%']],
  ['node-health-strategy', ['none', 'only-green']],
  ['node-health-red', ['-INFINITY', '-10', '+5']],
  ['symmetric-cluster', ['true']],
]

interface Network {
  readonly cidr: string
  readonly address: (host: number) => string
}

const four = (start: string, prefix: number): Network => ({
  cidr: `${start}.0/${prefix}`,
  address: (host) => `${start.replace(/\d+$/, '')}${Number(/\d+$/.exec(start)?.[0]) + (host >> 8)}.${host & 255}`,
})
const six = (start: string, prefix: number): Network => ({
  cidr: `${start}::/${prefix}`,
  address: (host) => `${start}::${host.toString(16)}`,
})

/** Up to eight networks that do not overlap; the first one is that of the nodes. */
const networks: fc.Arbitrary<readonly Network[]> = fc
  .tuple(
    fc.boolean(),
    fc.integer({ min: 1, max: 255 }),
    fc.constantFrom(24, 25, 23, 22),
    fc.constantFrom(64, 48, 112, 120),
    fc.array(fc.boolean(), { maxLength: 7 }),
  )
  .map(([isSix, number, width4, width6, others]) => [
    isSix ? six(`2001:db8:${number.toString(16)}`, width6) : four(`192.${number}.16`, width4),
    ...others.map((one, index) => (one ? six(`fd00:${index + 1}`, 64) : four(`172.16.${index * 4}`, 24))),
  ])

/** How an address may be spelt; the reader puts it in one form. */
const spelt = (address: string): fc.Arbitrary<string> =>
  family(address) === 4
    ? fc.constant(address)
    : fc.constantFrom(address, address.toUpperCase(), address.replace('::', ':0::'), address.replace('::', '::0000:'))

/** A right file of any kind. `most` is the number of nodes that it may have. */
export const rightFile = (most = 32): fc.Arbitrary<EnvFile> =>
  fc
    .record({
      networks,
      names: fc.uniqueArray(fc.tuple(hostLabel, domain), {
        minLength: 2,
        maxLength: most,
        selector: ([name]) => name.toLowerCase(),
        size: 'max',
      }),
      hosts: fc.uniqueArray(fc.integer({ min: 1, max: 120 }), { minLength: 33, maxLength: 33 }),
      transport: fc.constantFrom('knet', 'knet', 'udpu', 'udp'),
      linked: fc.constantFrom('none' as const, 'all' as const, 'others' as const),
      agent: fc.constantFrom('none', 'none', 'fence_ipmilan', 'fence_virsh'),
      fence: fc.boolean(),
      vips: fc.constantFrom('one' as const, 'one' as const, 'first' as const, 'second' as const),
    })
    .chain(({ networks, names, hosts, transport, linked, agent, fence, vips: how }) => {
      const [own, ...others] = networks as readonly [Network, ...Network[]]
      const nodes = names.map(([name, domain], index) => ({
        name,
        fqdn: `${name}${domain}`,
        address: own.address(hosts[index] as number),
      }))
      const vip = own.address(hosts[32] as number)
      const all = { none: [], all: networks, others }[linked]
      const links = transport === 'knet' ? all : all.slice(0, 1)
      const first = (links[0] ?? own).address(1)
      const multicast = family(first) === 6 ? ['ff15::42', 'ff05::abcd'] : ['239.255.42.2', '239.192.0.1']
      const maybe = (key: string, ...values: string[]) =>
        fc.option(assignment(key, fc.constantFrom(...values)), { nil: undefined })
      const fenced = agent !== 'none' || fence
      const prefix = Number(own.cidr.split('/')[1])
      const other = family(vip) === 4 ? 'fd11:1::200/64' : '198.51.100.200/24'
      const vips = {
        one: [`${vip}/${prefix}`],
        first: [`${vip}/${prefix}`, other],
        second: [other, `${vip}/${prefix}`],
      }[how]
      return fc
        .record({
          nodes: nodesText(nodes),
          vip: spelt(vip).chain((address) =>
            assignment('VIP', fc.constant(vips.join(' ').replace(`${vip}/`, `${address}/`))),
          ),
          fencing: assignment('FENCING', fc.constant(agent)),
          params: fc.tuple(...(fenced ? nodes.map(({ name }) => fenceLine(name)) : [])),
          openrc: fc.record(Object.fromEntries(OPENRC.map((key) => [key, key === 'PASSWORD' ? password : freeText]))),
          withOpenrc: fc.boolean(),
          properties: fc.subarray([...PROPERTIES]).chain(propertiesLine),
          between: fc.constantFrom(' ', ', ', ','),
          mcastAddr:
            transport === 'udp' ? assignment('MCAST_ADDR', fc.constantFrom(...multicast)) : fc.constant(undefined),
          mcastPort: transport === 'udp' ? maybe('MCAST_PORT', '5405', '1025', '65535') : fc.constant(undefined),
          plain: fc.tuple(
            maybe('CLUSTER_NAME', 'openstack', 'Rack_7-b', 'a', '0.x', 'x'.repeat(32)),
            maybe('LINK_MODE', 'passive', 'active', 'rr'),
            maybe('TOKEN', '126', '127', '210', '1000', '10000', '600000'),
            maybe('SERVICES', 'keystone', 'keystone glance nova', 'swift-proxy, keystone'),
            maybe('SSH_USER', 'root', 'ubuntu', 'a.b-c@d'),
            maybe('SSH_PORT', '22', '1', '65535'),
            maybe('NTP_SERVERS', '0.pool.ntp.org 192.168.18.1', '2001:db8::1'),
            maybe('FIREWALL', 'open', 'off', 'keep'),
            maybe('SELINUX', 'keep', 'permissive', 'disabled'),
            maybe('RATE_LIMIT_keystone', '100/10s', '1/1s', '999999/9999s'),
            fc.option(assignment('STATS_PASSWORD', password), { nil: undefined }),
            maybe('REPOS', 'deb http://mirror.test.com/debian bookworm-backports main', 'deb [a=b c=d] file:/srv/x ./'),
          ),
        })
        .chain((made) => {
          const rc = openrcOf(made.withOpenrc ? made.openrc : {})
          return fc
            .tuple(...Object.entries(rc).map(([key, value]) => assignment(key, fc.constant(value))))
            .chain((lines) => {
              const assignments: Assignment[] = [
                made.nodes,
                made.vip,
                made.fencing,
                ...made.params.map(({ line }) => line),
                ...(transport === 'knet' ? [] : [{ key: 'TRANSPORT', text: `TRANSPORT=${transport}` }]),
                ...(links.length > 0
                  ? [{ key: 'LINKS', text: `LINKS="${links.map(({ cidr }) => cidr).join(made.between)}"` }]
                  : []),
                ...[made.mcastAddr, made.mcastPort, ...made.plain].filter((one) => one !== undefined),
                ...made.properties,
                ...lines,
              ]
              const meant: Meant = {
                nodes,
                vips,
                openrc: rc,
                fence: Object.fromEntries(made.params.map(({ node, pairs }) => [node, pairs])),
                links: links.map((link) => ({
                  network: link.cidr,
                  addresses: nodes.map((node, index) =>
                    link === own ? node.address : link.address(hosts[index] as number),
                  ),
                })),
              }
              return fc
                .shuffledSubarray(assignments, { minLength: assignments.length })
                .map((shuffled) => ({ assignments: shuffled, meant }))
            })
        })
    })

function nodesText(nodes: Meant['nodes']): fc.Arbitrary<Assignment> {
  const lines = fc.tuple(
    ...nodes.map(({ address, fqdn, name }) =>
      fc
        .tuple(spelt(address), fc.constantFrom(' ', '\t', '   '), fc.constantFrom('', '', '  # rack 1', ' '))
        .map(([literal, gap, rest]) => [literal, fqdn, name].join(gap) + rest),
    ),
  )
  return fc
    .tuple(lines, fc.constantFrom('\n', '\n', '\n\n', '\n# the rest\n'))
    .map(([all, between]) => ({ key: 'NODES', text: `NODES="\n${all.join(between)}\n"` }))
}

interface FenceLine {
  readonly node: string
  readonly pairs: Readonly<Record<string, string>>
  readonly line: Assignment
}

const fenceLine = (node: string): fc.Arbitrary<FenceLine> =>
  fc.tuple(password, freeText).map(([secret, extra]) => {
    const pairs = { ip: '192.0.2.7', username: 'admin', password: secret, 'x-extra': extra }
    const value = Object.entries(pairs)
      .map(([name, value]) => pairText(name, value))
      .join(' ')
    const kept = canBeWritten(value) ? pairs : { ip: '192.0.2.7', password: SECRET }
    const text = canBeWritten(value) ? value : `ip=192.0.2.7 password=${SECRET}`
    const quote = QUOTES.find((one) => writable(text, one))
    const key = `FENCE_${node.replaceAll('-', '_')}`
    return { node, pairs: kept, line: { key, text: `${key}=${quote}${text}${quote}` } }
  })

const propertiesLine = (some: typeof PROPERTIES): fc.Arbitrary<readonly Assignment[]> =>
  some.length === 0
    ? fc.constant([])
    : fc
        .tuple(fc.tuple(...some.map(([, values]) => fc.constantFrom(...values))), fc.constantFrom(' ', '\n', '\n  '))
        .map(([values, between]) => [
          {
            key: 'CLUSTER_PROPERTIES',
            text: `CLUSTER_PROPERTIES="${some.map(([name], index) => `${name}=${values[index]}`).join(between)}"`,
          },
        ])

/** What may stand in a value, or in a line, that nobody meant. */
const junkCharacter = fc.oneof(
  freeCharacter,
  fc.constantFrom(
    '\n',
    '\n',
    '\r\n',
    '\r',
    '\t',
    '\0',
    '\u0007',
    '\u001b',
    '\u0085',
    '\u2028',
    '"',
    "'",
    '`',
    '=',
    '#',
    '\\',
  ),
)
export const junk: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: junkCharacter, maxLength: 16 }) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: junkCharacter, minLength: 1, maxLength: 8 }).map((one) => one.repeat(512)),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '"',
      "'",
      '`',
      '""',
      '=',
      '#',
      '\\',
      '"\\',
      "'\\''",
      '$(id)',
      '`id`',
      '; id',
      '192.0.2.1/24',
      'ff15::1',
      '::1/0',
      '0',
      '-1',
      '1e9',
      'none',
      'fence_x',
      'a=b',
      'a="b',
      "a='b",
      'a=b a=c',
      '"\n1 2 3\n"',
      '"\n',
      'keystone',
      'true',
      '/',
      '~/',
      '..',
      ' ',
      '\t',
      'deb x y z',
      'deb http://u:p@h/ s c key=nothing',
      'constructor=1',
      '__proto__',
      'toString',
      '1.2.3.4 a.b c',
      'x'.repeat(4096),
      '../'.repeat(1400),
      '~/'.repeat(2048),
    ),
  },
)

const someKey = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...KEYS) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'FENCE_node1',
      'FENCE_',
      'FENCE_x_y',
      'fence_a',
      '__proto__',
      'constructor',
      'Path',
      'token',
      'OS_AUTH_URL',
    ),
  },
  { weight: 1, arbitrary: junk },
)

/** Lines that may be anything, most of them about a key that there is. */
export const junkLines: fc.Arbitrary<string> = fc
  .array(
    fc
      .tuple(
        fc.constantFrom('', '', 'export ', ' ', '# '),
        someKey,
        fc.constantFrom('=', '=', '=', ' = ', '', ': '),
        junk,
        fc.constantFrom('\n', '\n', '\n', '\r\n', ''),
      )
      .map((parts) => parts.join('')),
    { maxLength: 12 },
  )
  .map((lines) => lines.join(''))

/** One change to a text: a character or a line that goes, comes, or is there again. */
export const change: fc.Arbitrary<(text: string) => string> = fc
  .tuple(fc.nat(7), fc.double({ min: 0, max: 1, noNaN: true }), junkCharacter, junk)
  .map(([kind, where, character, more]) => (text: string) => {
    const at = Math.floor(where * text.length)
    const lines = text.split('\n')
    const line = Math.floor(where * lines.length)
    switch (kind) {
      case 0:
        return text.slice(0, at) + text.slice(at + 1)
      case 1:
        return text.slice(0, at) + character + text.slice(at)
      case 2:
        return text.slice(0, at) + more + text.slice(at + more.length)
      case 3:
        return text.slice(0, at)
      case 4:
        return lines.toSpliced(line, 1).join('\n')
      case 5:
        return lines.toSpliced(line, 0, lines[line] ?? '').join('\n')
      case 6:
        return lines.with(Math.min(line, lines.length - 1), more).join('\n')
      default:
        return `\uFEFF${text.replaceAll('\n', '\r\n')}`
    }
  })
