/** The doctor: from what nodes say to what is wrong with them, what explains what, and what is said of it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Config, Node } from '../../lib/config.mts'
import { env } from '../../lib/doctor/bundle.mts'
import { bundleFacts } from '../../lib/doctor/bundle-facts.mts'
import { drafts } from '../../lib/doctor/doctor.mts'
import { diagnosis, docOf, EXPLAINS, type FindingId, IDS, rootOf } from '../../lib/doctor/finding.mts'
import { certificates, servers } from '../../lib/doctor/haproxy.mts'
import { monitored } from '../../lib/doctor/monitor.mts'
import { lastRun, notesOf } from '../../lib/doctor/notes.mts'
import { tell } from '../../lib/doctor/report.mts'
import { seenOf } from '../../lib/doctor/seen.mts'
import { SAME, survey } from '../../lib/doctor/survey.mts'
import type { Lost } from '../../lib/errors.mts'
import type { GuardEnd } from '../../lib/event.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { drilledUntil } from '../../lib/run-logs.mts'
import { suite } from '../suite.mts'
import { folder, run, SHELLS } from './local-shell.mts'
import { factsOf, guardsOf } from './phase-texts.mts'

const ROOT = join(import.meta.dirname, '../..')
const MON = readFileSync(join(import.meta.dirname, 'fixtures/crm-mon.xml'), 'utf8')

const configOf = (count: number, more = ''): Config =>
  parseConfig(
    `NODES="\n${[1, 2, 3]
      .slice(0, count)
      .map((at) => `192.0.2.1${at} n${at}.example.org n${at}`)
      .join('\n')}"\nVIP=192.0.2.100/24\nFENCING=none\n${more}`,
    '/nowhere/env',
  )
const config = configOf(2)

const conf = (nodes: readonly Node[], totem = '', quorum = 'two_node: 1') => `# Written by quorate
totem {
  version: 2
  cluster_name: openstack
  transport: knet
  crypto_cipher: aes256
  crypto_hash: sha256
  ${totem}
}
nodelist {
${nodes.map(({ name, address }, at) => `  node {\n    name: ${name}\n    nodeid: ${at + 1}\n    ring0_addr: ${address}\n  }`).join('\n')}
}
quorum {
  provider: corosync_votequorum
  ${quorum}
}
`

/** As corosync-cmapctl has it. */
const live = (nodes: readonly Node[], more = 'quorum.two_node=1') =>
  [
    ...nodes.flatMap(({ name, address }, at) => [
      `nodelist.node.${at}.name=${name}`,
      `nodelist.node.${at}.nodeid=${at + 1}`,
      `nodelist.node.${at}.ring0_addr=${address}`,
    ]),
    'quorum.provider=corosync_votequorum',
    more,
    'totem.cluster_name=openstack\ntotem.crypto_cipher=aes256\ntotem.crypto_hash=sha256\ntotem.transport=knet\ntotem.version=2',
  ].join('\n')

const quorum = (nodes: readonly Node[], quorate = 'Yes') =>
  `Quorate:          ${quorate}\n\nMembership information\n----------------------\n    Nodeid      Votes Name\n${nodes
    .map(({ name }, at) => `         ${at + 1}          1 ${name}`)
    .join('\n')}`

const stat = (first: string, second = 'UP,L7OK,200') =>
  `# pxname,svname,status,check_status,check_code,check_desc\nkeystone,n1,${first},\nkeystone,n2,${second},`

type Said = Record<string, string>

/** What a node of a cluster that is well says. */
const well =
  ({ nodes }: Config) =>
  (node: Node, index: number): Said => ({
    hostname: node.name,
    os: 'ID=debian\nVERSION_ID="12"',
    'clock-skew': '0',
    'clock-ahead': '0',
    addresses: `2: eth0 inet ${node.address}/24 scope global eth0${index === 0 ? '\n2: eth0 inet 192.0.2.100/24 scope global secondary eth0' : ''}`,
    'corosync.conf': conf(nodes, '', nodes.length === 2 ? 'two_node: 1' : ''),
    'corosync.live': live(nodes, nodes.length === 2 ? 'quorum.two_node=1' : 'quorum.x=1'),
    'secret.corosync.key': 'a2V5',
    links: `LINK ID 0 udp\n\taddr\t= ${node.address}\n\tstatus:\n${nodes.map((_, at) => `\t\tnodeid:          ${at + 1}:\t${at === index ? 'localhost' : 'connected'}`).join('\n')}`,
    quorum: quorum(nodes),
    pacemaker: MON,
    api: 'VIP keystone 200\nn1 keystone 200\nn2 keystone 200',
    'keys.fernet': '/etc/keystone/fernet-keys keystone:keystone 0123456789abcdef01 0 1',
    'doctor.built': 'yes',
    'doctor.units': 'corosync active enabled\npacemaker active enabled\nhaproxy active disabled',
    'doctor.time': 'chrony',
    'doctor.disks': 'kilobytes / 40000000 20000000\ninodes / 2000000 1900000',
    'doctor.packages': 'corosync=ii 3.1.7-1 haproxy=ii 2.6.12-1 ',
    'doctor.names': 'n1 192.0.2.11 \nn2 192.0.2.12 ',
    'doctor.ring.journal': '1 2 0',
    'doctor.macs': `02:00:00:00:00:0${index + 1}`,
    'doctor.vip.answers': index === 0 ? '192.0.2.100' : '192.0.2.100 02:00:00:00:00:01',
    'doctor.haproxy.ours': 'yes',
    'doctor.back-ends': stat('UP,L7OK,200'),
  })

/** The ids, and what is said, of nodes that say these things beside what is well. */
function found(change: (said: Said, index: number) => Said, of = config, lost: readonly Lost[] = []) {
  const facts = factsOf(of, (node, index) => ({ ...well(of)(node, index), ...change(well(of)(node, index), index) }))
  return diagnosis(drafts(seenOf(of, facts, lost)))
}
const both = (said: Said) => () => said
const second = (said: Said) => (_: Said, index: number) => (index === 1 ? said : ({} as Said))
const third = (said: Said) => (_: Said, index: number) => (index === 2 ? said : ({} as Said))
const monitor = (from: string | RegExp, to: string) => {
  const xml = MON.replace(from, to)
  assert.is.not(xml, MON)
  return both({ pacemaker: xml })
}

const test = suite('the doctor')

test('nothing is wrong with a cluster that is well, of two nodes and of three', () => {
  assert.equal(
    found(() => ({})),
    [],
  )
  const three = configOf(3)
  const mon = MON.replace(/(<node name="n2"[^>]*type="member"\/>)/, '$1\n    $1').replace(
    /(name="n2"[^>]*type="member"\/>\s*<node name=")n2/,
    '$1n3',
  )
  assert.equal(found(both({ pacemaker: mon }), three), [])
})

const key = (text: string) => ({ 'secret.corosync.key': Buffer.from(text).toString('base64') })
const CASES: readonly (readonly [id: FindingId, change: Parameters<typeof found>[0], text: RegExp])[] = [
  ['not-built', second({ 'doctor.built': '' }), /nothing of the cluster is on n2, while n1 has it/],
  ['run-cut-off', second({ lock: '4711\nroot@desk since then: make cluster' }), /root@desk since then/],
  [
    'disk-full',
    second({ 'doctor.disks': 'kilobytes /var 40000000 300' }),
    /disk of \/var on n2 is full: 0 of 39062 MB/,
  ],
  ['disk-full', second({ 'doctor.disks': 'kilobytes / 400000000 900000' }), /nearly full: 878 of 390625 MB/],
  ['disk-full', second({ 'doctor.disks': 'inodes / 100000 40' }), /is full: 40 of 100000 inodes/],
  [
    'out-of-memory',
    second({ 'doctor.killed': 'Out of memory: Killed process 1 (corosync)' }),
    /kernel of n2 has killed/,
  ],
  ['packages-half-installed', second({ 'doctor.half': 'haproxy' }), /half installed on n2: haproxy/],
  [
    'packages-differ',
    second({ 'doctor.packages': 'corosync=ii 3.1.8-1 ' }),
    /corosync has different versions: n1 3\.1\.7-1, n2 3\.1\.8-1/,
  ],
  ['clock-skew', second({ 'clock-skew': '1.2', 'clock-ahead': '1200' }), /n1 0 ms, n2 \+1200 ms/],
  ['no-time-service', second({ 'doctor.time': '' }), /no time service runs on n2/],
  ['name-elsewhere', second({ 'doctor.names': 'n2 127.0.1.1 ' }), /on n2 n2 is 127\.0\.1\.1 instead of 192\.0\.2\.12/],
  ['ring-keys-differ', second(key('other')), /n1 SHA-256 .*, n2 SHA-256 /],
  ['ring-keys-differ', second(key('')), /n2 none/],
  [
    'corosync-conf-stale',
    both({ 'corosync.conf': conf(config.nodes, 'rrp_mode: active') }),
    /rrp_mode is of corosync 1\.x/,
  ],
  [
    'corosync-conf-stale',
    both({ 'corosync.conf': conf(config.nodes, 'secauth: on') }),
    /secauth .* beside crypto_cipher/,
  ],
  [
    'corosync-conf-stale',
    both({ 'corosync.conf': conf(config.nodes, 'interface {\n bindnetaddr: 192.0.2.0\n }') }),
    /bindnetaddr .* beside a nodelist/,
  ],
  ['corosync-conf-unsafe', both({ 'corosync.conf': conf(config.nodes, 'tokn: 1') }), /totem\.tokn is no key/],
  [
    'corosync-down',
    second({ 'doctor.units': 'corosync failed enabled\npacemaker active enabled\nhaproxy active disabled' }),
    /corosync does not run on n2: failed/,
  ],
  [
    'pacemaker-down',
    second({ 'doctor.units': 'corosync active enabled\npacemaker inactive masked\nhaproxy active disabled' }),
    /n2: its unit is masked/,
  ],
  ['token-lost', second({ 'doctor.ring.journal': '9 0 0' }), /token was lost 9 times/],
  ['maintenance-mode', monitor('maintenance-mode="false"', 'maintenance-mode="true"'), /maintenance-mode=true/],
  ['standby', monitor(/(name="n2" .*?)standby="false"/, '$1standby="true"'), /n2 is in standby/],
  [
    'resource-unmanaged',
    monitor(
      'id="haproxy-clone" multi_state="false" unique="false" managed="true"',
      'id="haproxy-clone" managed="false"',
    ),
    /haproxy-clone is not managed/,
  ],
  [
    'resource-disabled',
    monitor('<clone id="haproxy-clone"', '<clone id="haproxy-clone" target_role="Stopped"'),
    /haproxy-clone is disabled/,
  ],
  [
    'resource-failed',
    monitor(
      '<status code',
      '<failures><failure op_key="vip_start_0" node="n1" exitstatus="error" exitreason="no card" task="start" last-rc-change="now"/></failures><status code',
    ),
    /vip has failed on n1: start gave error, no card \(now\)/,
  ],
  [
    'resource-failed',
    monitor(
      'id="vip" resource_agent="ocf:heartbeat:IPaddr2" role="Started" active="true" orphaned="false" blocked="false"',
      'id="vip" role="Started" blocked="true"',
    ),
    /vip is blocked/,
  ],
  [
    'stray-constraint',
    both({
      'doctor.constraints':
        '<rsc_location id="cli-ban-vip-on-n1" rsc="vip" role="Started" node="n1" score="-INFINITY"/>',
    }),
    /cli-ban-vip-on-n1 bans vip from n1/,
  ],
  [
    'fencing-failed',
    both({ 'doctor.fencings': 'reboot of n2 failed: delegate=, client=pacemaker-controld' }),
    /reboot of n2 failed/,
  ],
  ['node-offline', monitor(/(name="n2" .*?)unclean="false"/, '$1unclean="true"'), /n2 as UNCLEAN/],
  ['vip-in-network-files', second({ 'doctor.vip.files': '/etc/netplan/1.yaml' }), /1\.yaml on n2 names the VIP/],
  [
    'vip-stranger',
    second({ 'doctor.vip.answers': '192.0.2.100 02:00:00:00:00:01 02:00:00:00:00:99' }),
    /link-layer address 02:00:00:00:00:99, as n2 hears/,
  ],
  [
    'haproxy-cfg-broken',
    second({ 'doctor.haproxy.cfg': '[NOTICE] (7) : x\n[ALERT]    (7) : config : parsing [x:1]: unknown' }),
    /on n2: config : parsing/,
  ],
  ['port-taken', second({ 'doctor.ports': '0.0.0.0:5000 is taken by x (pid 1)' }), /on n2: 0\.0\.0\.0:5000/],
  ['haproxy-at-boot', second({ 'doctor.haproxy.boot': 'haproxy is enabled' }), /at boot on n2/],
  [
    'haproxy-older',
    second({ 'doctor.haproxy.current': 'haproxy.cfg is newer than the running haproxy' }),
    /older files .* on n2/,
  ],
  [
    'api-silent',
    both({ api: 'n1 keystone 200\nn2 keystone 503' }),
    /keystone on n2 answers 503 to http:\/\/192\.0\.2\.12:5000/,
  ],
  [
    'back-end-drained',
    both({ 'doctor.back-ends': stat('DRAIN,L7OK,200') }),
    /on n1, n2 sends n1 no new requests for keystone/,
  ],
  ['back-end-down', both({ 'doctor.back-ends': stat('UP,L7OK,200', 'DOWN,L4CON,') }), /n2 of keystone as down: L4CON/],
  [
    'keystone-keys-differ',
    second({ 'keys.fernet': '/x k:k ffffffffffffffffff 0 1' }),
    /fernet keys of n2: SHA-256 ffffffffffffffff/,
  ],
  ['rotation-not-over', (_, index): Said => (index === 0 ? { 'keys.rotating': 'yes' } : {}), /begun and not ended/],
]

for (const [id, change, text] of CASES)
  test(`${id}: ${text.source}`, () => {
    const all = found(change).filter((one) => one.id === id)
    assert.is(all.length, 1, JSON.stringify(found(change)))
    assert.match(all[0]?.text ?? '', text)
    const names: readonly unknown[] = config.nodes.map(({ name }) => name)
    assert.equal(
      all[0]?.nodes.filter((name) => !names.includes(name)),
      [],
    )
  })

test('corosync.conf: one that differs explains what is not loaded; two_node with three nodes, and votes that do not fit', () => {
  const other = conf(config.nodes, 'token: 4000')
  const differs = found(second({ 'corosync.conf': other }))
  assert.equal(
    differs.map(({ id, cause }) => [id, cause]),
    [
      ['corosync-conf-differs', undefined],
      ['corosync-conf-not-loaded', 'corosync-conf-differs'],
    ],
  )
  assert.match(differs[0]?.text ?? '', /totem\.token: n2 4000, n1 not set/)
  const three = configOf(3)
  const wrong = found(
    both({ 'corosync.conf': conf(three.nodes, '', 'two_node: 1'), 'corosync.live': live(three.nodes), pacemaker: '' }),
    three,
  )
  const [two] = wrong.filter(({ id }) => id === 'two-node')
  assert.equal(two?.nodes, ['n1', 'n2', 'n3'])
  assert.match(two?.text ?? '', /two_node is set for 3 nodes/)
  const votes = found(both({ 'corosync.conf': conf(config.nodes, '', 'two_node: 1\n  expected_votes: 1') }))
  assert.match(votes.find(({ id }) => id === 'two-node')?.text ?? '', /expected_votes is 1 for 2 nodes/)
})

test('of three nodes one that is alone is named with what it sees', () => {
  const three = configOf(3)
  const alone = found(
    third({
      quorum: quorum([three.nodes[2] as Node], 'No').replace(' 1          1 n3', ' 3          1 n3'),
      links: 'LINK ID 0 udp\n\tstatus:\n\t\tnodeid:          1:\tdisconnected\n\t\tnodeid:          2:\tdisconnected',
    }),
    three,
  )
  const [split] = alone.filter(({ id }) => id === 'ring-split')
  assert.match(split?.text ?? '', /n3 sees itself alone and is not quorate/)
  assert.is(split?.cause, 'links-down')
})

test('a VIP on two nodes comes from the one that has it without pacemaker', () => {
  const twice = found(
    second({
      addresses:
        '2: eth0 inet 192.0.2.12/24 scope global eth0\n2: eth0 inet 192.0.2.100/24 scope global secondary eth0',
    }),
  )
  assert.equal(
    twice.map(({ id, cause }) => [id, cause]),
    [
      ['vip-without-pacemaker', undefined],
      ['vip-twice', 'vip-without-pacemaker'],
    ],
  )
  assert.match(twice[0]?.text ?? '', /on eth0 of n2, and not by pacemaker: it has it on n1/)
  const nowhere = found((said) => ({ addresses: (said.addresses ?? '').replace(/\n.*/, '') }))
  assert.equal(
    nowhere.map(({ id }) => id),
    ['vip-nowhere'],
  )
})

test('fencing that is off is a fault where an agent is named, and a decision where it is none', () => {
  const fenced = configOf(2, '').fencing
  assert.is(fenced, 'none')
  const agent = { ...config, fencing: 'fence_x', fence: { n1: {}, n2: {} } }
  const off = found(() => ({}), agent)
  assert.equal(
    off.map(({ id, cause }) => [id, cause]),
    [
      ['stonith-off', undefined],
      ['fence-device-down', 'stonith-off'],
    ],
  )
})

test('a node that does not answer is told, and compared with nobody', () => {
  const lost = [{ node: 'n2', text: 'it does not answer', remedy: 'check its power' }]
  const all = found((_, index) => (index === 1 ? { 'secret.corosync.key': '', 'keys.fernet': '' } : {}), config, lost)
  assert.equal(
    all.map(({ id }) => id),
    ['node-not-reached'],
  )
  assert.match(all[0]?.text ?? '', /n2 could not be asked: it does not answer/)
})

test('a node that comes up: what it lacks follows from that, for as long as a boot may take', () => {
  const ids = (age: number, more: Said) =>
    found((_, index) => (index === 1 ? { 'doctor.booted': '1000', clock: `${1000 + age}.5`, ...more } : {})).map(
      ({ id, cause, nodes }) => [id, cause, ...nodes].join(' '),
    )
  const down = { 'doctor.units': 'corosync active enabled\npacemaker inactive enabled\nhaproxy inactive disabled' }
  const fresh = ids(7, down)
  assert.is(fresh[0], 'node-starting  n2')
  assert.ok(fresh.includes('pacemaker-down node-starting n2'), fresh.join('\n'))
  assert.equal(
    fresh.filter((one) => / {2}/.test(one)),
    ['node-starting  n2'],
  )
  // Of both it knows nothing for a moment.
  const flux = ids(7, { ...down, pacemaker: MON.replaceAll('online="true"', 'online="false" unclean="true"') })
  assert.equal(
    flux.filter((one) => / {2}/.test(one)),
    ['node-starting  n2'],
    flux.join('\n'),
  )
  const both = found(() => ({ 'doctor.booted': '1000', clock: '1007', ...down }))
  assert.equal(
    both.filter(({ id }) => id === 'pacemaker-down').map((one) => rootOf(both, one).nodes.join()),
    ['n1', 'n2'],
  )
  assert.ok(!ids(90, down).join().includes('node-starting'))
  assert.ok(ids(90, { ...down, 'doctor.system': 'starting' }).includes('node-starting  n2'))
  assert.ok(
    !ids(900, { ...down, 'doctor.system': 'starting' })
      .join()
      .includes('node-starting'),
  )
  assert.equal(ids(7, { 'doctor.system': 'starting' }), [])
})

test('a certificate that ends soon, that has ended, and that is another one', () => {
  const tls = { ...config, tls: {} }
  const now = Date.parse('2026-01-01T00:00:00Z')
  const at = (one: string, other: string, prints = ['AA', 'AA']) =>
    certificates(
      seenOf(
        tls,
        factsOf(tls, (_, index) => ({
          'doctor.built': 'yes',
          'doctor.certificate': `${[one, other][index]}\n${prints[index]}`,
        })),
        [],
      ),
      now,
    ).map(({ id, text }) => `${id}: ${text}`)
  const later = 'Jan  1 00:00:00 2027 GMT'
  assert.equal(at(later, later), [])
  assert.match(
    at('Jan 11 00:00:00 2026 GMT', later).join(),
    /certificate-ends: the certificate on n1 is good until 2026-01-11 only/,
  )
  assert.match(at('Dec 11 00:00:00 2025 GMT', later).join(), /on n1 has ended on 2025-12-11/)
  assert.match(at(later, later, ['AA', 'BB']).join(), /certificate-differs: .*n1 AA…, n2 BB…/)
})

test('what the phases say is told only where nothing else says it', () => {
  const end = (phase: string, guard: string, required: boolean, output = ''): GuardEnd => ({
    type: 'guard',
    ...{ phase, step: 's', node: 'n1', guard, state: 'pending', output, status: 1, ms: 0, required },
  })
  const phases = ['00-prereqs', '05-vip', 'verify'].map((id) => ({
    id,
    title: '',
    steps: [{ title: 's', on: () => [], guards: () => [] }],
  }))
  const ends = [
    end('00-prereqs', 'its machine-id is its own', true, 'n2 has it as well'),
    end('05-vip', 'the VIP is a resource', false, '--- CIB'),
    end('verify', 'no node is in standby', true, 'in standby: n1'),
    end('verify', 'something else', true),
  ]
  const at = (found: Parameters<typeof survey>[1]) =>
    survey({ phases, ends, past: () => 'drifted' }, found).map(({ id, text }) => `${id}: ${text}`)
  const all = at([])
  assert.match(all[0] ?? '', /^requirement: not true on n1: its machine-id is its own: n2 has it as well$/)
  assert.match(all.join('\n'), /not-proven: not true on n1: no node is in standby: in standby: n1/)
  assert.match(all.join('\n'), /drift: 05-vip does not hold on n1 \(it was done, and somebody has changed it since\)/)
  const host = [
    end('00-prereqs', '/etc/hosts has the block', false, ''),
    end('02-packages', 'the packages are installed', false, 'to be installed: haproxy 2.6'),
    end('02-packages', 'a fence agent is installed', false, ''),
    end('05-vip', 'the VIP is a resource', false, ''),
  ]
  const built = [...phases, { ...phases[0], id: '02-packages' }] as typeof phases
  assert.equal(
    survey({ phases: built, ends: host, past: () => 'drifted' }, [])
      .map(({ id }) => id)
      .sort(),
    ['drift', 'host-changed', 'host-changed', 'packages-missing'],
  )
  // Other ring keys take no package away.
  const [keys, gone, down] = diagnosis([
    { id: 'haproxy-down', nodes: ['n1'], text: '', remedy: '' },
    { id: 'packages-missing', nodes: ['n1'], text: '', remedy: '' },
    { id: 'ring-keys-differ', nodes: [], text: '', remedy: '' },
  ]).toSorted((one, other) => other.id.localeCompare(one.id))
  assert.equal(
    [keys?.id, gone?.id, gone?.cause, down?.cause],
    ['ring-keys-differ', 'packages-missing', undefined, 'packages-missing'],
  )
  const known = at([
    { id: 'standby', nodes: ['n1'], text: '', remedy: '' },
    { id: 'resource-unmanaged', nodes: [], text: '', remedy: '' },
  ])
  assert.equal(
    known.map((one) => one.split(':')[0]),
    ['requirement', 'not-proven'],
  )
})

test('a node that was installed anew is one cause, with its phases, and what the others say for its sake', () => {
  const phases = ['00-prereqs', '03-corosync', 'verify'].map((id) => ({
    id,
    title: '',
    steps: [{ title: 's', on: () => [], guards: () => [] }],
  }))
  const end = (phase: string, node: string, guard: string): GuardEnd => ({
    type: 'guard',
    ...{ phase, step: 's', node, guard, state: 'pending', output: 'none', status: 1, ms: 0, required: false },
  })
  const ends = [
    end('00-prereqs', 'n2', 'root has an ssh key'),
    end('00-prereqs', 'n2', 'names'),
    end('03-corosync', 'n2', 'the key is there'),
    end('00-prereqs', 'n1', 'root can log in to the other nodes'),
  ]
  const told = survey({ phases, ends, past: ({ node }) => (node === 'n2' ? 'node re-installed' : 'drifted') }, [])
  assert.equal(
    told.map(({ id, nodes, seen }) => [id, nodes, seen]),
    [
      [
        'node-replaced',
        ['n2'],
        ['00-prereqs: root has an ssh key (none), and 1 more', '03-corosync: the key is there (none)'],
      ],
      ['host-changed', ['n1'], undefined],
    ],
  )
  const all = diagnosis([
    ...told,
    { id: 'haproxy-down', nodes: ['n1'], text: '', remedy: '' },
    { id: 'not-built', nodes: ['n2'], text: '', remedy: '' },
    { id: 'links-down', nodes: ['n1', 'n2'], text: '', remedy: '' },
  ])
  assert.equal(
    all.map((one) => [one.id, rootOf(all, one).id]),
    [
      ['node-replaced', 'node-replaced'],
      ['not-built', 'node-replaced'],
      ['host-changed', 'node-replaced'],
      ['links-down', 'node-replaced'],
      // Of that node nobody has said anything.
      ['haproxy-down', 'haproxy-down'],
    ],
  )
})

test('a node that booted since the last run that builds is noted, whatever has only looked since', () => {
  const stateDir = folder()
  mkdirSync(join(stateDir, 'runs'))
  assert.is(lastRun(stateDir), undefined)
  const log = (time: string, command: string) =>
    writeFileSync(join(stateDir, 'runs', `${time}-0000.jsonl`), `${JSON.stringify({ time, type: 'run', command })}\n`)
  log('20260101T100000Z', 'npx zx tasks/03-corosync.mts')
  log('20260102T100000Z', 'npx zx tasks/cluster.mts --env .env')
  log('20260103T100000Z', 'npx zx tasks/cluster.mts --env .env --plan')
  log('20260104T100000Z', 'npx zx tasks/status.mts')
  const last = lastRun(stateDir)
  assert.is(last, Date.parse('2026-01-02T10:00:00Z'))
  // A drill breaks things on purpose until it is over.
  assert.is(drilledUntil(stateDir), undefined)
  const drill = join(stateDir, 'runs', '20260102T110000Z-0000.jsonl')
  log('20260102T110000Z', 'npx zx tasks/drill.mts power')
  // One that was refused broke nothing.
  assert.is(drilledUntil(stateDir), undefined)
  writeFileSync(drill, `${readFileSync(drill, 'utf8')}${JSON.stringify({ time: '', type: 'drill' })}\n`)
  const over = drilledUntil(stateDir) as number
  assert.ok(Math.abs(over - Date.now()) < 60_000)
  assert.is(lastRun(stateDir), over)
  const at = (second: string) =>
    notesOf(
      seenOf(
        config,
        factsOf(config, (node, index) => ({
          ...well(config)(node, index),
          'doctor.booted': index === 1 ? second : '1',
        })),
        [],
      ),
      last,
    ).map(({ id, nodes, text }) => `${id} ${nodes}: ${text}`)
  assert.equal(at(String(Date.parse('2026-01-02T09:00:00Z') / 1000)), [])
  assert.equal(at(String(Date.parse('2026-01-02T11:00:00Z') / 1000)), [
    'rebooted n2: booted since the last run of ours: n2 at 2026-01-02T11:00:00Z',
  ])
})

test('what stands for a guard is named by a title that there is', () => {
  const fenced = { ...config, fencing: 'fence_x', fence: { n1: {}, n2: {} } }
  const nothing = factsOf(config, () => ({}))
  const moved = factsOf(config, () => ({ 'packaging.keystone': 'uwsgi keystone', chrony: 'yes' }))
  // Of the phases that make sense of it, with a ring that runs and one that does not.
  const running = factsOf(config, (node, index) => ({
    ...well(config)(node, index),
    'corosync.live': live(config.nodes, 'totem.token=1'),
    'corosync.quorate': 'Yes',
    'secret.corosync.key': index === 0 ? 'a2V5' : 'b3RoZXI=',
  }))
  const titles = [nothing, moved, running, factsOf(config, well(config))].flatMap((facts) =>
    [configOf(2, 'OS_PASSWORD=x\nOS_USERNAME=admin\nOS_PROJECT_NAME=admin\nTLS_CERT=self-signed\n'), fenced].flatMap(
      (one) => guardsOf(one, facts).map(({ guard }) => guard.title),
    ),
  )
  for (const [pattern] of SAME)
    assert.ok(
      titles.some((title) => pattern.test(title)),
      pattern.source,
    )
})

test('what explains comes before what it explains, and every finding has its entry in the document', () => {
  for (const [cause, effects] of Object.entries(EXPLAINS))
    for (const effect of effects)
      assert.ok(IDS.indexOf(cause as FindingId) < IDS.indexOf(effect), `${cause} explains ${effect}`)
  const text = readFileSync(join(ROOT, 'docs/troubleshooting.md'), 'utf8')
  const section = text.slice(text.indexOf('\n## What make doctor finds\n'))
  const entries = [...section.matchAll(/^### (.*)$/gm)].map(([, name]) => name)
  assert.equal([...entries].sort(), [...IDS].sort())
  assert.is(docOf('two-node'), 'docs/troubleshooting.md#two-node')
})

test('the report tells causes with their remedy and consequences below, within 80 columns', () => {
  const findings = diagnosis([
    { id: 'ring-split', nodes: ['n1', 'n2'], text: 'the ring is not whole', remedy: 'x' },
    {
      id: 'ring-keys-differ',
      nodes: ['n1'],
      text: `the keys differ ${'and so on '.repeat(12)}`,
      remedy: 'find out',
      seen: ['a line'],
    },
    { id: 'vip-twice', nodes: [], text: 'the VIP is twice', remedy: 'y' },
  ])
  assert.ok(findings.every((one) => rootOf(findings, one).id === 'ring-keys-differ'))
  const lines: string[] = []
  tell((line) => void lines.push(line), {
    findings,
    notes: [{ id: 'x', nodes: [], text: 'by the way' }],
    asked: 7,
    up: 2,
    lost: 0,
  })
  const text = lines.join('\n')
  assert.match(text, /^note: by the way$/m)
  assert.match(text, /✖ the keys differ/)
  assert.match(text, /^ {2}remedy {3}find out\n {2}more {5}docs\/troubleshooting\.md#ring-keys-differ$/m)
  assert.match(text, /- the ring is not whole\n {11}- the VIP is twice/)
  assert.match(text, /1 cause found and 2 consequences: 7 things asked of 2 nodes/)
  assert.not.match(text, /remedy {3}x/)
  assert.equal(
    text.split('\n').filter((line) => line.replace(/\x1b\[\d+m/g, '').length > 80),
    [],
  )
})

test('of several that explain a thing the nearest one does, and only of a node in common', () => {
  const causeOf = (...found: readonly (readonly [id: FindingId, node: string])[]) =>
    diagnosis(found.map(([id, node]) => ({ id, nodes: [node], text: '', remedy: '' }))).find(
      ({ id }) => id === 'haproxy-down',
    )?.cause
  assert.is(causeOf(['haproxy-down', 'n2'], ['maintenance-mode', 'n2'], ['port-taken', 'n2']), 'port-taken')
  assert.is(causeOf(['haproxy-down', 'n2'], ['maintenance-mode', 'n2'], ['port-taken', 'n1']), 'maintenance-mode')
  assert.is(causeOf(['haproxy-down', 'n2'], ['port-taken', 'n1']), undefined)
})

test('crm_mon of a pacemaker that does not answer is nothing', () => {
  assert.is(monitored(''), undefined)
  assert.is(monitored('<pacemaker-result><status code="102"/></pacemaker-result>'), undefined)
  assert.equal(
    monitored(MON)?.resources.map(({ id }) => id),
    ['vip', 'public-link', 'public-link', 'haproxy', 'haproxy'],
  )
  assert.equal(servers(''), [])
})

test('the env file of a bundle has no comment, and no value of a key that names a secret', () => {
  const text = [
    '# it was hunter2 before',
    'VIP=192.0.2.1/24',
    'OS_PASSWORD=`it is me`',
    'FENCE_n1="ip=192.0.2.1 username=admin password=\\"two words\\" lanplus=1"',
    "FENCE_n2='ip=192.0.2.2 passwd=short snmp_priv_passwd=x'",
  ].join('\n')
  const said = env(text)
  assert.not.match(said, /hunter2|it is me|two words|short|=x/)
  assert.match(said, /VIP=192\.0\.2\.1\/24/)
  assert.match(said, /ip=192\.0\.2\.1 username=admin password=\*+ lanplus=1/)
})

for (const [name, words] of SHELLS)
  test(`a bundle masks on the node what looks like a secret, and its texts can be read (${name})`, () => {
    const guards = Object.entries(bundleFacts).map(([title, check]) => ({ title, check }))
    const cib = guards.find(({ title }) => title === 'bundle.cib.xml')
    assert.ok(cib)
    const said = run(words, [
      {
        title: '',
        check: cib.check.replace(
          'cibadmin --query ||',
          `echo "<nvpair id=\\"a\\" name=\\"passwd\\" value=\\"hush\\"/> http://me:hush@host gAAAAAhush stats auth me:hush" ||`,
        ),
      },
    ]).ends[0]
    assert.is(said?.result, 'ok')
    assert.match(said?.said.join('\n') ?? '', /name="passwd" value="\*+"/)
    assert.not.match(said?.said.join('\n') ?? '', /hush/)
    for (const { title, check } of guards) {
      const { ends, whole } = run(words, [{ title, check: `if false; then\n${check}\nfi` }])
      assert.ok(whole && ends[0]?.result === 'ok', title)
    }
  })

test.run()
