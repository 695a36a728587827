/** corosync.conf as rendered, as corosync reads it, and what our own linter finds in bad ones. */
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { parseCidr } from '../../lib/address.mts'
import type { Cidr } from '../../lib/config.mts'
import { corosyncConf, type Ring } from '../../lib/render/corosync-conf.mts'
import { corosyncProblems } from '../../lib/render/corosync-problems.mts'
import { suite } from '../suite.mts'
import { golden } from './golden.mts'
import { corosyncTest, needing } from './real-tool.mts'
import { splits, voted } from './vqsim.mts'

const ids = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)
const links = (...texts: string[]): Ring['links'] => at(...texts.map((text) => parseCidr(text) as Cidr))
/** By their numbers. */
const at = <Value,>(...values: Value[]): ReadonlyMap<number, Value> => new Map(values.entries())

const ring = (count: number, changes: Partial<Ring> = {}): Ring => ({
  clusterName: 'openstack',
  transport: 'knet',
  linkMode: 'passive',
  mcastAddr: '239.255.42.2',
  mcastPort: 5405,
  links: new Map(),
  nodes: ids(count).map((id) => ({ name: `node${id}`, id, addresses: at(`192.168.18.${10 + id}`) })),
  ...changes,
})

const nodesAt = (...addressesOf: ((id: number) => string)[]): Pick<Ring, 'nodes'> => ({
  nodes: ids(2).map((id) => ({ name: `node${id}`, id, addresses: at(...addressesOf.map((address) => address(id))) })),
})

const RINGS: Readonly<Record<string, Ring>> = {
  'two-nodes': ring(2),
  'three-nodes': ring(3, { token: 5000 }),
  'links-1-and-3': ring(2, {
    links: new Map([...links('10.0.42.0/24')].map(([, link]) => [3, link])),
    nodes: ids(2).map((id) => ({
      name: `node${id}`,
      id,
      addresses: new Map([
        [1, `192.168.18.1${id}`],
        [3, `10.0.42.${id}`],
      ]),
    })),
  }),
  arbiter: ring(2, { arbiter: '10.0.0.9' }),
  'arbiter-of-three': ring(3, { arbiter: 'qnetd.example.org' }),
  'two-links': ring(2, {
    linkMode: 'active',
    links: links('10.0.42.0/24', '10.0.43.0/24'),
    ...nodesAt(
      (id) => `10.0.42.${id}`,
      (id) => `10.0.43.${id}`,
    ),
  }),
  ipv6: ring(
    2,
    nodesAt((id) => `2001:db8::1${id}`),
  ),
  'mixed-links': ring(
    2,
    nodesAt(
      (id) => `192.168.18.1${id}`,
      (id) => `2001:db8::1${id}`,
    ),
  ),
  'odd-names': ring(0, {
    clusterName: 'Rack_7-b',
    nodes: [
      { name: '0-db', id: 7, addresses: at('192.168.18.11') },
      { name: 'a', id: 1, addresses: at('192.168.18.12') },
      { name: `${'long-'.repeat(12)}name`.slice(0, 63), id: 65_535, addresses: at('192.168.18.13') },
    ],
  }),
  udpu: ring(3, { transport: 'udpu' }),
  udp: ring(2, { transport: 'udp' }),
  'udp-ipv6': ring(2, { transport: 'udp', mcastAddr: 'ff15::42', ...nodesAt((id) => `2001:db8::1${id}`) }),
}

const test = suite('corosync.conf')
const checked = needing(test, 'corosync')
const simulated = needing(test, 'corosync-vqsim')

for (const [name, one] of Object.entries(RINGS)) {
  const conf = corosyncConf(one)
  test(`${name}: as its golden file`, () => golden(`corosync-${name}.conf`, conf))
  test(`${name}: our linter finds nothing`, () => assert.equal(corosyncProblems(conf), []))
  checked(`${name}: corosync -t takes it without a warning`, async () => {
    const { code, output } = await corosyncTest(conf, one.nodes[0]?.name ?? '')
    assert.is(code, 0, output)
    assert.not.match(output, /warning|error/)
  })
}

checked('corosync -t refuses a bad file and says why, so that the tests above mean something', async () => {
  const large = corosyncConf(ring(2)).replace('nodeid: 2', 'nodeid: 65536')
  const { code, output } = await corosyncTest(large, 'node1')
  assert.is.not(code, 0)
  assert.match(output, /nodeid to be less than 65536/)
})

test('two_node stands for exactly two nodes', () => {
  for (const count of [1, 3, 4, 8]) assert.not.match(corosyncConf(ring(count)), 'two_node')
  assert.match(corosyncConf(ring(2)), 'two_node: 1')
})

/** All splits of up to five nodes; above that one for each size, since every node has one vote. */
const leavings = (count: number): number[][] =>
  count > 5
    ? ids(Math.floor(count / 2)).map((size) => ids(count).slice(0, size))
    : ids(2 ** (count - 1) - 1).map((mask) => ids(count).filter((id) => (mask >> (id - 1)) & 1))

for (const count of ids(7).map((one) => one + 1)) {
  simulated(`${count} nodes: who is quorate after each split`, async () => {
    for (const parts of await splits(corosyncConf(ring(count)), leavings(count))) {
      const told = JSON.stringify(parts)
      // Two nodes: both go on, and fencing decides.
      for (const { members, quorate } of parts) assert.is(quorate, count === 2 || members.length > count / 2, told)
      if (count > 2) assert.ok(parts.filter(({ quorate }) => quorate).length <= 1, told)
    }
  })
}

for (const count of ids(7).map((one) => one + 1)) {
  simulated(`${count} nodes and an arbiter: only the side that it votes for is quorate`, async () => {
    const conf = corosyncConf(ring(count, { arbiter: '10.0.0.9' }))
    // ffsplit never votes for the smaller side, lms even for a single node.
    const sizes = count % 2 === 0 ? [count / 2] : ids(count - 1)
    for (const size of sizes) {
      const parts = await voted(conf, ids(size))
      assert.equal(
        parts.map(({ members, quorate }) => [members.includes(1), quorate]).sort(),
        [
          [false, false],
          [true, true],
        ],
        JSON.stringify(parts),
      )
    }
    // Where it is gone, or gives nobody its vote, there are never two.
    for (const parts of await splits(conf, leavings(count)))
      assert.ok(parts.filter(({ quorate }) => quorate).length <= 1, JSON.stringify(parts))
  })
}

simulated('a stale two_node would split the brain of three nodes', async () => {
  const conf = corosyncConf(ring(3)).replace('provider: corosync_votequorum', '$&\n  two_node: 1')
  const [parts = []] = await splits(conf, [[1]])
  assert.equal(
    parts.map(({ quorate }) => quorate),
    [true, true],
  )
})

const good = corosyncConf(ring(2))
const three = corosyncConf(ring(3))
const add = (section: string, line: string, conf = good): string => conf.replace(`${section} {\n`, `$&  ${line}\n`)
const DEVICE = 'device {\n    model: net\n  }'

/** What is wrong, the file, and what is told about it. */
const FAULTS: readonly (readonly [string, string, RegExp])[] = [
  ['a key of 1.x', add('totem', 'vsftype: none'), /^line 3: totem\.vsftype is of corosync 1\.x .*votequorum/],
  ['threads', add('totem', 'threads: 0'), /totem\.threads is of corosync 1\.x/],
  ['rrp_mode', add('totem', 'rrp_mode: active'), /totem\.rrp_mode is of corosync 1\.x .*link_mode/],
  ['ringnumber', add('totem', 'interface {\n    ringnumber: 0\n  }'), /interface\.ringnumber .*linknumber/],
  ['amf', `${good}amf {\n  mode: disabled\n}\n`, /: amf is of corosync 1\.x/],
  ['service', `${good}service {\n  name: pacemaker\n}\n`, /: service is of corosync 1\.x .*pacemaker/],
  ['aisexec', `${good}aisexec {\n  user: root\n}\n`, /: aisexec is of corosync 1\.x/],
  ['compatibility', `compatibility: whitetank\n${good}`, /^line 1: compatibility is of corosync 1\.x/],
  ['a misspelt totem key', add('totem', 'tokn: 1000'), /totem\.tokn is no key .*did you mean totem\.token\?/],
  ['a misspelt quorum key', add('quorum', 'two_nodes: 1'), /quorum\.two_nodes is no key .*two_node\?/],
  [
    'a misspelt node key',
    good.replace('nodeid: 1', '$&\n    ring_addr: 10.0.0.1'),
    /nodelist\.node\.ring_addr is no key/,
  ],
  ['a misspelt section', `${good}quorom {\n}\n`, /: quorom is no section .*quorum\?/],
  ['a misspelt inner section', add('quorum', 'devise {\n  }'), /quorum\.devise is no section .*quorum\.device\?/],
  ['a key said twice', add('totem', 'version: 1'), /^line 3: totem\.version is said again in line 4/],
  ['two_node for three', add('quorum', 'two_node: 1', three), /two_node is set for 3 nodes/],
  ['two_node with a device', add('quorum', DEVICE), /two_node and quorum\.device exclude/],
  ['two_node with a tie breaker', add('quorum', 'auto_tie_breaker: 1'), /two_node and quorum\.auto_tie_breaker/],
  ['two_node without wait_for_all', add('quorum', 'wait_for_all: 0'), /wait_for_all: 0 with two_node/],
  ['two nodes without two_node', good.replace('  two_node: 1\n', ''), /two_node is not set for two nodes/],
  ['ffsplit for three', corosyncConf(ring(3, { arbiter: 'a' })).replace('lms', 'ffsplit'), /ffsplit .* 3 nodes/],
  [
    'ffsplit with more votes',
    corosyncConf(ring(2, { arbiter: 'a' })).replace('votes: 1', 'votes: 2'),
    /ffsplit .* one vote/,
  ],
  ['a device without TLS', corosyncConf(ring(2, { arbiter: 'a' })).replace('required', 'on'), /tls is not required/],
  ['a device that is disabled', add('quorum', `last_man_standing: 1\n  ${DEVICE}`, three), /device is disabled/],
  ['no votequorum', good.replace('  provider: corosync_votequorum\n', ''), /provider is not corosync_votequorum/],
  ['no cipher', good.replace('cipher: aes256', 'cipher: none'), /crypto_cipher is none/],
  ['no word on crypto', good.replace(/ {2}crypto.*\n/g, ''), /crypto_hash is none/],
  ['no totem', good.replace(/totem \{[^}]*\}\n/, ''), /no totem section/],
  ['no nodelist', good.replace(/nodelist \{[\s\S]*?\n\}\n/, ''), /no nodelist/],
  ['a node without a name', good.replace('    name: node2\n', ''), /^line 17: the node has no name/],
  ['a node without an id', good.replace('    nodeid: 2\n', ''), /the node has no nodeid/],
  ['a name twice', good.replace('node2', 'node1'), /name node1 is that of line/],
  ['an id twice', good.replace('nodeid: 2', 'nodeid: 1'), /nodeid 1 is that of line/],
  ['an address twice', good.replace('18.12', '18.11'), /ring0_addr 192\.168\.18\.11 is that of line/],
  [
    'links that differ',
    good.replace('nodeid: 2', '$&\n    ring1_addr: 10.0.0.2'),
    /has links 0 1, the first one has 0/,
  ],
  [
    'two links over udpu',
    corosyncConf({ ...(RINGS['two-links'] as Ring), transport: 'udpu' }),
    /udpu can use one link only/,
  ],
  ['a section left open', good.replace(/\}\n$/, ''), /^line \d+: logging is never closed/],
  ['a brace too many', `${good}}\n`, /"}" closes nothing/],
  ['a nameless section', `${good}{\n}\n`, /a section without a name/],
  ['a section in one line', `${good}nozzle { name: x }\n`, /only a line's end may follow "{"/],
  ['more than a brace', `${good}nozzle {\n  x }\n}\n`, /"}" must stand on a line of its own/],
  ['no colon', add('totem', 'token 1000'), /"token 1000" is neither a key/],
]

for (const [name, conf, told] of FAULTS) {
  test(`the linter finds: ${name}`, () => {
    const problems = corosyncProblems(conf)
    assert.ok(
      problems.some((problem) => told.test(problem)),
      JSON.stringify(problems, null, 2),
    )
  })
}

test('secauth alone is no plain text', () => {
  const conf = good.replace(/ {2}crypto.*\n/g, '').replace('totem {\n', '$&  secauth: on\n')
  assert.equal(corosyncProblems(conf), [])
})

test('a device with its options is no fault', () => {
  const device =
    'device {\n    model: net\n    votes: 2\n    net {\n      host: 10.0.0.9\n      algorithm: lms\n      tls: required\n    }\n'
  const heuristics = '    heuristics {\n      mode: on\n      exec_ping: /bin/true\n    }\n  }'
  assert.equal(corosyncProblems(add('quorum', device + heuristics, three)), [])
})

test('comments and blank lines say nothing', () => {
  assert.equal(corosyncProblems(readFileSync(new URL('./golden/corosync-udpu.conf', import.meta.url), 'utf8')), [])
  assert.equal(corosyncProblems(good.replaceAll('\n', '\n\n  # vsftype: none {\n')), [])
})

test.run()
