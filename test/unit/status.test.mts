/** The status of a cluster as data: from what its nodes say to what is wrong. */
import * as assert from 'uvu/assert'
import type { Config, Node } from '../../lib/config.mts'
import { maskedAll } from '../../lib/mask.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { picture } from '../../lib/report/picture.mts'
import { cutOff, statusFacts, statusOf } from '../../lib/status.mts'
import { statusScreen } from '../../lib/status-screen.mts'
import { suite } from '../suite.mts'
import { run, SHELLS } from './local-shell.mts'
import { factsOf } from './phase-texts.mts'

const test = suite('status')

const text = `NODES="
192.0.2.11 n1.example.org n1
192.0.2.12 n2.example.org n2"
LINKS="192.0.2.0/24 10.0.0.0/24"
VIP=192.0.2.100/24
FENCING=none
SERVICES="keystone glance"
`
const config = parseConfig(text, '/tmp/.env')
const at = Date.UTC(2026, 0, 2)

const link = (number: number, address: string, other: string) =>
  `LINK ID ${number} udp\n\taddr\t= ${address}\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\t${other}`

const pacemaker = (second: string, options = 'stonith-enabled="false" maintenance-mode="false"', more = '') =>
  `<pacemaker-result api-version="2.25"><summary><current_dc present="true" name="n1"/>
    <cluster_options ${options}/></summary>
    <nodes><node name="n1" online="true" standby="false" pending="false" unclean="false"/>
    <node name="n2" ${second}/></nodes><resources/>${more}</pacemaker-result>`
const ONLINE = 'online="true" standby="false" pending="false" unclean="false"'

/** What corosync runs with, of so many nodes. */
const live = (count: number) =>
  Array.from({ length: count }, (_, at) => [
    `nodelist.node.${at}.name=n${at + 1}`,
    `nodelist.node.${at}.nodeid=${at + 1}`,
    `nodelist.node.${at}.ring0_addr=192.0.2.1${at + 1}`,
    `nodelist.node.${at}.ring1_addr=10.0.0.${at + 1}`,
  ])
    .flat()
    .join('\n')

/** What a node of a cluster that is well says. */
const well = (node: Node, index: number): Record<string, string> => ({
  hostname: node.name,
  os: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
  addresses: [
    `2: eth0 inet ${node.address}/24 scope global eth0`,
    ...(index === 0 ? ['2: eth0 inet 192.0.2.100/24 scope global secondary eth0'] : []),
    `3: eth1 inet 10.0.0.${index + 1}/24 scope global eth1`,
  ].join('\n'),
  'corosync.live': live(2),
  links: [link(0, node.address, 'connected'), link(1, `10.0.0.${index + 1}`, 'connected')].join('\n'),
  quorum: 'Quorate:          Yes\nExpected votes:   2\nTotal votes:      2',
  pacemaker: pacemaker(ONLINE),
  haproxy: 'active',
  versions: 'corosync 3.1.7\npacemaker 2.1.5\nhaproxy 2.6.12-1',
  'clock-ahead': String(index * 3),
  api: [
    'VIP keystone 200',
    'n1 keystone 200',
    'n2 keystone 200',
    'VIP glance 200',
    'n2 glance 200',
    'n1 glance 200',
  ].join('\n'),
})
const facts = (changed: (node: Node, index: number) => Record<string, string>) =>
  factsOf(config, (node, index) => ({ ...well(node, index), ...changed(node, index) }))
const seen = (changed: (node: Node, index: number) => Record<string, string>) =>
  statusOf(config, facts(changed), [], at)
const told = (changed: (node: Node, index: number) => Record<string, string>) =>
  seen(changed).problems.map((one) => one.text)

test('a cluster that is well has no problem, and its screen says how it is', () => {
  const status = seen(() => ({}))
  assert.equal(status.problems, [])
  assert.is(status.time, '2026-01-02T00:00:00.000Z')
  assert.equal(status.vips, [{ address: '192.0.2.100/24', holders: ['n1'] }])
  assert.equal(status.nodes[1]?.versions, { corosync: '3.1.7', pacemaker: '2.1.5', haproxy: '2.6.12-1' })
  assert.is(status.nodes[1]?.aheadMs, 3)
  assert.is(status.nodes[0]?.system, 'Debian GNU/Linux 12 (bookworm)')
  assert.equal(
    status.services.map(({ name, answers }) => [name, answers.map(({ host }) => host)]),
    [
      ['keystone', ['VIP', 'n1', 'n2']],
      ['glance', ['VIP', 'n1', 'n2']],
    ],
  )
  const screen = statusScreen(status)
  assert.match(screen, /^openstack: 2 nodes, quorate \(2 of 2 votes\)$/m)
  assert.match(screen, /^n1 +online +192\.0\.2\.11 10\.0\.0\.1 +ok +active +VIP DC$/m)
  assert.match(screen, /^clocks +n1 0 ms, n2 \+3 ms$/m)
  assert.match(screen, /^glance +VIP ok, n1 ok, n2 ok$/m)
})

test('a node that is lost: the others are told as they are, and the link has its network though nobody tells its number', () => {
  const lost = [{ node: 'n2', text: 'it does not answer', remedy: 'check its power' }]
  const alone = factsOf(config, (node, index) =>
    index === 1
      ? {}
      : {
          ...well(node, 0),
          // It does not say itself that its name is the long one.
          'corosync.live': live(2).replace('name=n2', 'name=n2.example.org'),
          links: [link(0, '192.0.2.11', 'disconnected'), link(1, '10.0.0.1', 'disconnected')].join('\n'),
          pacemaker: pacemaker('online="false" standby="false" pending="false" unclean="false"'),
          quorum: 'Quorate:          Yes\nExpected votes:   2\nTotal votes:      1',
          api: 'VIP keystone 200\nn1 keystone 200\nn2 keystone 000',
        },
  )
  const status = statusOf(config, alone, lost, at)
  assert.equal(
    status.nodes.map(({ name, state, ring }) => [name, state, ring]),
    [
      ['n1', 'online', true],
      ['n2', 'not reached', false],
    ],
  )
  assert.equal(status.links, [
    { network: '192.0.2.0/24', down: ['n1'], to: ['n2'] },
    { network: '10.0.0.0/24', down: ['n1'], to: ['n2'] },
  ])
  assert.equal(
    status.problems.map((one) => one.text),
    [
      'n2 could not be asked: it does not answer',
      'the link in 192.0.2.0/24 is down, as n1 sees it',
      'the link in 10.0.0.0/24 is down, as n1 sees it',
      'keystone does not answer at n2',
    ],
  )
  assert.match(statusScreen(status), /^n2 +NOT REACHED +it does not answer$/m)
})

test('of three nodes it is told to which one a link is down, and not where all miss one another', () => {
  const three = parseConfig(text.replace('n2"', 'n2\n192.0.2.13 n3.example.org n3"'), '/tmp/.env')
  /** `sees`: by node, whom it sees in the first network. */
  const at3 = (sees: readonly (readonly number[])[]) => {
    const of = (number: number, own: string, seen: readonly number[], index: number) =>
      [
        `LINK ID ${number} udp\n\taddr\t= ${own}\n\tstatus:`,
        ...[1, 2, 3].map(
          (id) =>
            `\t\tnodeid:          ${id}:\t${id === index + 1 ? 'localhost' : seen.includes(id) ? 'connected' : 'disconnected'}`,
        ),
      ].join('\n')
    const said = factsOf(three, (node, index) => ({
      ...well(node, index),
      'corosync.live': live(3),
      links: [of(0, node.address, sees[index] ?? [], index), of(1, `10.0.0.${index + 1}`, [1, 2, 3], index)].join('\n'),
    }))
    return statusOf(three, said, [], at)
  }
  const third = at3([[2], [1], []])
  assert.equal(third.links[0], { network: '192.0.2.0/24', down: ['n1', 'n2', 'n3'], to: ['n1', 'n2', 'n3'] })
  assert.match(statusScreen(third), /^n1 .* DOWN to n3: 192\.0\.2\.0\/24 /m)
  assert.match(statusScreen(third), /^n3 .* DOWN: 192\.0\.2\.0\/24 /m)
  const one = at3([[2], [1], [1, 2]])
  assert.equal(one.links[0], { network: '192.0.2.0/24', down: ['n1', 'n2'], to: ['n3'] })
  assert.is(one.problems[0]?.text, 'the link in 192.0.2.0/24 to n3 is down, as n1, n2 see it')
  assert.equal(one.nodes[0]?.misses, [{ network: '192.0.2.0/24', nodes: ['n3'] }])
  // One that is no more in NODES is named, and hides nobody.
  const left = { ...one, nodes: one.nodes.slice(0, 2) }
  assert.equal(cutOff({ to: ['node 3'] }, left.nodes), ['node 3'])
  assert.equal(cutOff({ to: ['n2', 'node 3'] }, left.nodes), [])
  const gone = left.nodes.map((node) => ({ ...node, misses: [{ network: '192.0.2.0/24', nodes: ['node 3'] }] }))
  assert.match(statusScreen({ ...left, nodes: gone }), /^n1 .* DOWN to node 3: 192\.0\.2\.0\/24 /m)
  // The picture has it as a link that goes on; where nobody is at the other end it does not.
  const drawn = (nodes: typeof gone) =>
    [...picture('p', { ...left, nodes }).html.matchAll(/class="link (well|half|ill)"/g)].map(([, level]) => level)
  assert.ok(drawn(gone).includes('half') && !drawn(gone).includes('ill'))
  const alone = gone.map((node, index) => ({
    ...node,
    misses: [{ network: '192.0.2.0/24', nodes: [`n${2 - index}`] }],
  }))
  assert.ok(drawn(alone).includes('ill') && !drawn(alone).includes('half'))
  assert.match(
    at3([[], [], []]).problems[0]?.text ?? '',
    /^the link in 192\.0\.2\.0\/24 is down, as n1, n2, n3 see it$/,
  )
})

test('a link of IPv6 has its network, whatever scope corosync prints', () => {
  const six = parseConfig(
    'NODES="\nfd00:1::11 n1.example.org n1\nfd00:1::12 n2.example.org n2"\nLINKS="fd00:1::/64 fd00:2::/64"\nVIP=fd00:1::100/64\nFENCING=none\n',
    '/tmp/.env',
  )
  const said = factsOf(six, (node, index) => ({
    ...well(node, index),
    links: [link(0, `${node.address}%2`, 'connected'), link(1, `fd00:2::1${index + 1}%2`, 'disconnected')].join('\n'),
  }))
  assert.equal(
    statusOf(six, said, [], at).links.map(({ network, down }) => [network, down]),
    [
      ['fd00:1::/64', []],
      ['fd00:2::/64', ['n1', 'n2']],
    ],
  )
})

test('an answer of pacemaker that was cut off is none', () => {
  const whole = pacemaker(ONLINE)
  for (let end = 0; end < whole.length; end++) {
    const { nodes, failures } = seen(() => ({ pacemaker: whole.slice(0, end) }))
    assert.equal([nodes.map(({ state }) => state), failures], [['no member', 'no member'], []], whole.slice(0, end))
  }
})

test('what is wrong is told, each in a sentence', () => {
  const both = told((_, index) => (index === 1 ? { addresses: '2: eth0 inet 192.0.2.100/24 scope global eth0' } : {}))
  assert.equal(both, ['the VIP 192.0.2.100/24 is held by n1 AND n2'])
  assert.equal(
    told(() => ({ quorum: 'Quorate:          No\nExpected votes:   2\nTotal votes:      1' })),
    ['the ring is not quorate: 1 of 2 votes'],
  )
  assert.equal(
    told(() => ({ pacemaker: pacemaker(ONLINE.replace('standby="false"', 'standby="true"')) })),
    ['n2 is in standby and runs nothing'],
  )
  assert.equal(
    told(() => ({ pacemaker: pacemaker(ONLINE, 'stonith-enabled="false" maintenance-mode="true"') })),
    ['the cluster is in maintenance mode: pacemaker heals nothing'],
  )
  const failure =
    '<failures><failure op_key="haproxy_start_0" node="n2" exitstatus="error" exitreason="" last-rc-change="Fri"/></failures>'
  const failed = seen((_, index) => ({
    pacemaker: pacemaker(ONLINE, 'stonith-enabled="false"', failure),
    haproxy: index === 1 ? 'failed' : 'active',
  }))
  assert.equal(
    failed.problems.map((one) => one.text),
    ['pacemaker: haproxy_start_0 failed on n2 (error, Fri)', 'HAProxy does not run on n2'],
  )
  assert.match(statusScreen(failed), /^failed +haproxy_start_0 on n2: error, Fri$/m)
  assert.equal(
    told((_, index) => ({ 'clock-ahead': String(index * -2500) })),
    ["the clock of n1 is 2500 ms ahead of the others'"],
  )
  assert.equal(
    told(() => ({ api: 'VIP glance 503' })),
    ['glance answers HTTP 503 at the VIP'],
  )
  assert.equal(
    told(() => ({ links: '', quorum: '', pacemaker: '', haproxy: 'inactive' })),
    ['there is no cluster yet: corosync runs on no node'],
  )
})

test('what is asked is one line per answer, though all are asked at once', () => {
  // Nothing listens on the ports there.
  const local: Config = {
    ...config,
    nodes: config.nodes.map((node) => ({ ...node, address: '127.0.0.9' })),
    vip: { ...config.vip, address: '127.0.0.9' },
  }
  for (const [, shell] of SHELLS) {
    const [end] = run(shell, [{ title: 'api', check: statusFacts(local).api as string }], 'check', true).ends
    assert.equal([...(end?.said ?? [])].sort(), [
      'VIP glance 000',
      'VIP keystone 000',
      'n1 glance 000',
      'n1 keystone 000',
      'n2 glance 000',
      'n2 keystone 000',
    ])
  }
})

test('what goes into the object of --json is masked, at any depth', () => {
  const mask = (one: string) => one.replaceAll('hunter2', '***')
  assert.equal(maskedAll({ a: ['x hunter2', 3, null], b: { c: 'hunter2' } }, mask), {
    a: ['x ***', 3, null],
    b: { c: '***' },
  })
})

test.run()
