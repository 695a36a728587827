/** The phases with the facts of fresh and of built clusters: shells can read all they say, and no secret is in an argv. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Cidr, Config, Node } from '../../lib/config.mts'
import { openings } from '../../lib/doors.mts'
import type { Facts } from '../../lib/facts.mts'
import type { Guard, Phase } from '../../lib/guard.mts'
import { inventory } from '../../lib/keystone.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { nodeIds } from '../../lib/ring.mts'
import { compile } from '../../lib/script.mts'
import { INTERFACES, SERVICES } from '../../lib/services.mts'
import { phase as corosync } from '../../tasks/03-corosync.mts'
import { phase as endpoints } from '../../tasks/07-keystone-endpoints.mts'
import { suite } from '../suite.mts'
import { folder, run, SHELLS, shell } from './local-shell.mts'
import { factsOf, guardsOf, PHASES, textsOf } from './phase-texts.mts'
import { needing, runTool } from './real-tool.mts'

/** Words that stand in no text of ours, so that each place where one stands is found. */
const OS_PASSWORD = 'Ospw0rd'
const FENCE_PASSWORD = 'Fencepw0rd'
const STATS_PASSWORD = 'Statspw0rd'
const KEY = Buffer.from('Ringkey'.repeat(18)).toString('base64')
const TLS_KEY = Buffer.from('Tlskey'.repeat(18)).toString('base64')
const OTHER_KEY = Buffer.from('Another'.repeat(18)).toString('base64')

function configOf(count: number, six: boolean, fenced: boolean, { tls = false, second = '' } = {}): Config {
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  const address = (last: number) => (six ? `2001:db8::${last}` : `192.0.2.${last}`)
  const lines = [
    `NODES="\n${numbers.map((n) => `${address(n)} node${n}.test.com node${n}`).join('\n')}\n"`,
    `VIP="${address(99)}/${six ? 64 : 24}${second}"`,
    ...(fenced
      ? [
          'FENCING=fence_ipmilan',
          ...numbers.map((n) => `FENCE_node${n}='ip=192.0.2.20${n} username=u password=${FENCE_PASSWORD}'`),
        ]
      : ['FENCING=none']),
    ...(tls ? ['TLS_CERT=self-signed', 'SERVICE_keystone="tls=yes"'] : []),
    `OS_PASSWORD=${OS_PASSWORD}`,
    'NTP_SERVERS="0.pool.ntp.org 192.0.2.77"',
    'REPOS="deb http://mirror.test.com/debian bookworm-backports main"',
    'CLUSTER_PROPERTIES="cluster-recheck-interval=5min"',
    `STATS_PASSWORD=${STATS_PASSWORD}`,
    'RATE_LIMIT_keystone=100/10s',
  ]
  return parseConfig(`${lines.join('\n')}\n`, join(dir, 'env'))
}
const dir = folder()

type Kept = Readonly<Record<string, unknown>>
/** What keystone says with a token. */
const catalogue = (
  endpoints: readonly Kept[],
  services: readonly Kept[] = [{ id: 's1', type: 'identity' }],
  address = '192.0.2.1',
) => {
  const catalog = services.map((one) => ({
    ...one,
    endpoints: endpoints.filter(({ service_id }) => service_id === one.id).map(({ service_id, ...rest }) => rest),
  }))
  return `${address}\n${JSON.stringify({ token: { catalog } })}`
}
const endpoint = (id: string, iface: string, url: string, region = 'RegionOne') => ({
  id,
  service_id: 's1',
  interface: iface,
  region_id: region,
  url,
})

const basics = (node: Node, index: number) => ({
  os: 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
  hostname: node.name,
  'machine-id': `${index}`.repeat(32),
  addresses: `1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet${node.address.includes(':') ? '6' : ''} ${node.address}/${node.address.includes(':') ? 64 : 24} scope global eth0`,
  'clock-skew': '0.1',
})
const fresh = (config: Config): Facts => factsOf(config, basics)
const built = (config: Config, name = (node: Node) => node.name): Facts =>
  factsOf(config, (node, index) => ({
    ...basics(node, index),
    hostname: name(node),
    chrony: '/usr/sbin/chronyd',
    'ssh.key': `ssh-ed25519 AAAAkey${index} root@${node.name}`,
    'ssh.host-keys': `ssh-ed25519 AAAAhost${index} root@x\necdsa-sha2-nistp256 AAAAecdsa${index} root@x`,
    'ssh.settings': 'port 22\npermitrootlogin yes',
    'secret.corosync.key': KEY,
    'secret.tls': `ca.key ${TLS_KEY}\nca.pem ${btoa('a\nb\nc\n')}\nvip.pem ${TLS_KEY}`,
    'corosync.quorate': 'Yes',
    'corosync.conf': '',
    'corosync.live': config.nodes
      .flatMap((one, at) => [
        `nodelist.node.${at}.nodeid=${at + 1}`,
        `nodelist.node.${at}.name=${name(one)}`,
        `nodelist.node.${at}.ring0_addr=${one.address}`,
      ])
      .join('\n'),
    'packaging.keystone': index === 0 ? 'uwsgi' : 'apache /etc/apache2/sites-available/keystone.conf',
    catalogue: catalogue([
      endpoint('e1', 'public', 'http://192.0.2.1:5000/v3'),
      endpoint('e2', 'internal', 'http://192.0.2.1:5000/v3'),
    ]),
  }))

const CLUSTERS: Readonly<Record<string, readonly [Config, Facts]>> = {}
const add = (title: string, config: Config, facts: (config: Config) => Facts) =>
  Object.assign(CLUSTERS, { [title]: [config, facts(config)] })
for (const count of [2, 3, 5]) {
  add(`${count} fresh nodes`, configOf(count, false, false), fresh)
  add(`${count} built nodes, fenced`, configOf(count, false, true), built)
}
add('2 fresh nodes, IPv6', configOf(2, true, true), fresh)
add('3 built nodes, IPv6', configOf(3, true, true), built)
add('2 fresh nodes, both families', configOf(2, false, true, { second: ' 2001:db8::99/64' }), fresh)
add('3 built nodes, both families', configOf(3, true, true, { second: ' 192.0.2.99/24' }), built)
add('2 built nodes with full host names', configOf(2, false, true), (config) => built(config, ({ fqdn }) => fqdn))
add('2 fresh nodes, with TLS', configOf(2, false, false, { tls: true }), fresh)
add('2 built nodes, with TLS', configOf(2, true, false, { tls: true }), built)
add('2 nodes of which nothing is known', configOf(2, false, false), (config) => factsOf(config, () => ({})))

/**
 * What is left of a text without the words of `printf %s`. That one is a builtin of every sh, so its words are in no argv
 * that ps(1) could show; whatever else a secret stands in may be the argument of a program.
 */
const withoutPrintf = (text: string) => text.replace(/printf %s (?:'[^']*'|\\'|[A-Za-z0-9_./:@%+=,-])+/g, 'printf %s …')

const texts = suite('texts of the phases')

for (const [title, [config, facts]] of Object.entries(CLUSTERS)) {
  for (const [program, words] of SHELLS) {
    needing(texts, program)(`${title}: ${program} can read them`, () => {
      const all = textsOf(config, facts)
      const guards = all.map(([where, check]): Guard => ({ title: where, check }))
      const { stderr } = shell([...words, '-n'], compile(guards, 'check').text, true)
      if (stderr === '') return
      // Something is wrong: then each alone, to name it.
      for (const [where, text] of all) assert.is(shell([...words, '-n'], text, true).stderr, '', where)
      assert.is(stderr, '')
    })
  }
  texts(`${title}: no secret is an argument of a program`, () => {
    for (const [where, text] of textsOf(config, facts)) {
      for (const secret of [OS_PASSWORD, FENCE_PASSWORD, KEY, TLS_KEY, config.stats?.login as string])
        assert.not.ok(withoutPrintf(text).includes(secret), where)
      assert.not.ok(text.includes(STATS_PASSWORD), where)
    }
  })
}

texts('the test of arguments finds what it looks for', () => {
  for (const text of [
    `curl --data 'x Ospw0rd y' http://a`,
    `printf %s 'a' "$b" | openssl passwd 'Ospw0rd'`,
    `printf %s 'it'\\''s'; A=Ospw0rd true`,
    `cat <<EOF\nOspw0rd\nEOF`,
  ])
    assert.match(withoutPrintf(text), OS_PASSWORD)
  assert.not.match(withoutPrintf(`printf %s 'it'\\''s Ospw0rd' | curl --data @-`), OS_PASSWORD)
  const [config, facts] = CLUSTERS['2 built nodes, fenced'] as readonly [Config, Facts]
  const all = textsOf(config, facts).map(([, text]) => text)
  const [own, known] = CLUSTERS['2 built nodes, with TLS'] as readonly [Config, Facts]
  assert.ok(textsOf(own, known).some(([, text]) => text.includes(TLS_KEY)))
  for (const secret of [OS_PASSWORD, FENCE_PASSWORD, KEY])
    assert.ok(
      all.some((text) => text.includes(secret)),
      secret,
    )
})

needing(texts, 'shellcheck')('shellcheck finds no error', () => {
  const clusters = ['2 built nodes, fenced', '2 built nodes, with TLS']
  const all = clusters.flatMap((name) =>
    textsOf(...(CLUSTERS[name] as readonly [Config, Facts])).map(([, text]) => text),
  )
  const files = [...new Set(all)].map((text, index) => {
    const file = join(dir, `text-${index}.sh`)
    writeFileSync(file, `set -eu\n${text}\n`)
    return file
  })
  assert.equal(runTool('shellcheck', ['-s', 'sh', '-S', 'error', '-f', 'gcc', ...files]), { code: 0, output: '' })
})

texts('each guard of a step has a title of its own, so that none is counted for another', () => {
  for (const [title, [config, facts]] of Object.entries(CLUSTERS)) {
    const all = guardsOf(config, facts).map(({ where }) => where)
    assert.equal(
      all.filter((where, index) => all.indexOf(where) !== index),
      [],
      title,
    )
  }
})

texts('the port of the statistics is looked at and opened where there are any', () => {
  for (const any of [true, false]) {
    const config = { ...configOf(2, false, false), ...(any ? {} : { stats: undefined }) }
    const ports = openings(config, fresh(config), config.nodes[0] as Node, false).map(({ ports }) => ports[0])
    assert.is(ports.includes(8404), any)
    const titles = guardsOf(config, fresh(config)).filter(({ where }) => where.includes('port 8404 is free'))
    assert.is(titles.length, any ? 2 : 0)
  }
})

texts('the same config and facts give the same texts, on every call', () => {
  for (const [config, facts] of Object.values(CLUSTERS)) assert.equal(textsOf(config, facts), textsOf(config, facts))
})

texts('a fact that a node cannot give is empty, and no message', () => {
  const [config] = CLUSTERS['2 fresh nodes'] as readonly [Config, Facts]
  const names = [
    'ssh.key',
    'ssh.host-keys',
    'ssh.settings',
    'corosync.conf',
    'secret.corosync.key',
    'chrony',
    'corosync.quorate',
  ]
  for (const phase of PHASES) {
    for (const [name, check] of Object.entries(phase.facts?.(config) ?? {})) {
      if (!names.includes(name)) continue
      const away = check
        .replaceAll('/etc/', '/nowhere/')
        .replaceAll('/root/', '/nowhere/')
        .replaceAll('sshd ', 'no-sshd ')
      const [end] = run(['sh'], [{ title: name, check: away }], 'check').ends
      assert.not.match(end?.said.join('\n') ?? '', /No such file|not found/, name)
    }
  }
})

texts.run()

const ring = suite('the ring')
const [config] = CLUSTERS['3 fresh nodes'] as readonly [Config, Facts]
const [first, second, third] = config.nodes as readonly [Node, Node, Node]
const withKeys = (...keys: readonly string[]) =>
  factsOf(config, (node, index) => ({ ...basics(node, index), 'secret.corosync.key': keys[index] ?? '' }))
const inStep = (facts: Facts, title: string, node: Node) =>
  (corosync.steps.find((step) => step.title === title) as Phase['steps'][number]).guards(config, facts, node)

ring('a key is made where no node has one, and on one node only', () => {
  const facts = withKeys()
  const step = corosync.steps.find(({ title }) => title === 'key') as Phase['steps'][number]
  assert.equal(step.on(config, facts), [first])
  assert.match(inStep(facts, 'key', first)[0]?.apply as string, 'corosync-keygen')
  assert.equal(run(['sh'], inStep(facts, 'configure', first).slice(0, 1), 'check').ends[0]?.said, [
    'no node has a ring key yet',
  ])
})

ring('an existing key beats a new one, wherever it is', () => {
  for (const facts of [withKeys(KEY), withKeys('', '', KEY), withKeys(KEY, KEY, KEY)]) {
    assert.equal(inStep(facts, 'key', first), [])
    for (const node of config.nodes) {
      const [key] = inStep(facts, 'configure', node)
      assert.match(key?.apply as string, KEY)
      assert.match(key?.title as string, '/etc/corosync/authkey')
    }
    for (const { guard } of guardsOf(config, facts)) assert.not.match(guard.apply ?? '', 'corosync-keygen')
  }
})

ring('nodes that disagree on it stop the run, and neither key is touched', () => {
  const facts = withKeys(KEY, '', OTHER_KEY)
  for (const node of config.nodes) {
    const guards = inStep(facts, 'configure', node)
    assert.is(guards[0]?.apply, undefined)
    const ended = run(['sh'], guards.slice(0, 1), 'check').ends[0]
    assert.is(ended?.result, 'pending')
    const said = ended?.said.join('\n') as string
    assert.match(said, /^node1: SHA-256 [0-9a-f]{16}…\nnode3: SHA-256 [0-9a-f]{16}…$/)
    assert.is(new Set(said.match(/[0-9a-f]{16}/g)).size, 2)
    for (const { check, apply } of guards) for (const key of [KEY, OTHER_KEY]) assert.not.match(check + apply, key)
  }
})

ring('node ids: kept from a corosync.conf that is there, else the next that are free', () => {
  const conf = (...nodes: readonly (readonly [string, number])[]) =>
    `nodelist {\n${nodes.map(([name, id]) => `  node {\n    ring0_addr: 192.0.2.1\n    name: ${name}\n    nodeid: ${id}\n  }\n`).join('')}}\n`
  const ids = (...confs: readonly string[]) => [
    ...nodeIds(
      config,
      factsOf(config, (node, index) => ({ ...basics(node, index), 'corosync.conf': confs[index] ?? '' })),
    ),
  ]
  assert.equal(ids(), [
    ['node1', 1],
    ['node2', 2],
    ['node3', 3],
  ])
  assert.equal(Object.fromEntries(ids(conf(['node1', 7], ['node2', 1]))), { node1: 7, node2: 1, node3: 2 })
  // One that is about to leave has its id as long as it is there.
  assert.equal(Object.fromEntries(ids('', '', conf(['node3', 1], ['old', 2]))), { node1: 3, node2: 4, node3: 1 })
  assert.equal(Object.fromEntries(ids(conf(['node1', 5], ['node2', 5]))), { node1: 5, node2: 1, node3: 2 })
  assert.equal(Object.fromEntries(ids('cat: /etc/corosync/corosync.conf: No such file or directory')), {
    node1: 1,
    node2: 2,
    node3: 3,
  })
})

ring('a live ring is restarted node after node, a fresh one all at once', () => {
  const start = corosync.steps.find(({ title }) => title === 'start') as Phase['steps'][number]
  assert.is(start.oneByOne?.(config, fresh(config)), false)
  assert.is(start.oneByOne?.(config, built(config)), true)
})

ring('members have the names that the nodes give themselves', () => {
  const full = built(config, ({ fqdn }) => fqdn)
  const [, conf] = inStep(full, 'configure', second)
  for (const node of [first, second, third]) assert.match(conf?.apply as string, `name: ${node.fqdn}\n`)
})

ring.run()

const keystone = suite('the keystone inventory')
const [four] = CLUSTERS['2 built nodes, fenced'] as readonly [Config, Facts]
const [six] = CLUSTERS['2 fresh nodes, IPv6'] as readonly [Config, Facts]
const found = (config: Config, said: string) =>
  inventory(
    config,
    factsOf(config, (_, index) => (index === 0 ? { catalogue: said } : {})),
  )

keystone('endpoints that are elsewhere move, those that are there already do not', () => {
  const { moves, problems } = found(
    four,
    catalogue([
      endpoint('e1', 'public', 'http://192.0.2.1:5000/v3'),
      endpoint('e2', 'internal', 'http://192.0.2.99:5000/v3'),
      endpoint('e3', 'admin', 'http://controller:35357/v3'),
    ]),
  )
  assert.equal(problems, [])
  assert.equal(
    moves.map((move) => [move.id, move.interface, move.old, move.new]),
    [
      ['e1', 'public', 'http://192.0.2.1:5000/v3', 'http://192.0.2.99:5000/v3'],
      ['e3', 'admin', 'http://controller:35357/v3', 'http://192.0.2.99:5000/v3'],
    ],
  )
})

keystone('IPv6 stands in brackets', () => {
  const { moves } = found(six, catalogue([endpoint('e1', 'public', 'http://[2001:db8::1]:5000/v3')]))
  assert.equal(
    moves.map((move) => move.new),
    ['http://[2001:db8::99]:5000/v3'],
  )
  assert.equal(found(six, catalogue([endpoint('e1', 'public', 'http://[2001:db8::99]:5000/v3')])).moves, [])
})

keystone('of two VIPs endpoints name the first', () => {
  const [both] = CLUSTERS['2 fresh nodes, both families'] as readonly [Config, Facts]
  const urls = ['http://192.0.2.99:5000/v3', 'http://[2001:db8::99]:5000/v3', 'http://192.0.2.1:5000/v3']
  const { moves } = found(
    both,
    catalogue(urls.map((url, index) => endpoint(`e${index}`, INTERFACES[index] as string, url))),
  )
  assert.equal(
    moves.map((move) => [move.old, move.new]),
    [
      [urls[1], urls[0]],
      [urls[2], urls[0]],
    ],
  )
  const { vip, vip2 } = both
  assert.is(
    inventory(
      { ...both, vip: vip2 as Cidr, vip2: vip },
      factsOf(both, (_, index) =>
        index === 0 ? { catalogue: catalogue([endpoint('e1', 'public', urls[0] as string)]) } : {},
      ),
    ).moves[0]?.new,
    urls[1],
  )
})

keystone('two endpoints of one interface are a problem, told with both, and nothing moves', () => {
  const said = catalogue([
    endpoint('e1', 'public', 'http://a:5000/v3'),
    endpoint('e2', 'public', 'http://b:5000/v3'),
    endpoint('e3', 'admin', 'http://a:5000/v3'),
    endpoint('e4', 'admin', 'http://b:5000/v3'),
  ])
  const { problems } = found(four, said)
  assert.is(problems.length, 2)
  for (const part of ['2 public endpoints', 'http://a:5000/v3 (e1)', 'http://b:5000/v3 (e2)'])
    assert.match(problems[0] as string, part)
  const facts = factsOf(four, (node, index) => ({
    ...basics(node, index),
    ...(index === 0 ? { catalogue: said } : {}),
  }))
  const titles = guardsOf(four, facts, [endpoints]).map(({ where }) => where)
  assert.is(new Set(titles).size, titles.length, 'a failed guard must not be counted as the skipped one of its name')
  const applies = guardsOf(four, facts, [endpoints]).map(({ guard }) => guard.apply ?? '')
  assert.not.ok(applies.some((apply) => apply.includes('PATCH')))
})

keystone('other regions and services are not touched; a region without any endpoint is a problem', () => {
  const other = endpoint('e9', 'public', 'http://far:5000/v3', 'RegionTwo')
  const image = { ...endpoint('e8', 'public', 'http://glance:9292'), service_id: 's2' }
  const services = [
    { id: 's1', type: 'identity' },
    { id: 's2', type: 'image' },
  ]
  const both = found(four, catalogue([endpoint('e1', 'public', 'http://a:5000/v3'), other, image], services))
  assert.equal([both.moves.map(({ id }) => id), both.problems], [['e1'], []])
  const none = found(four, catalogue([other], services))
  assert.equal(none.moves, [])
  assert.match(none.problems.join(), /no identity endpoint in region RegionOne; there are some in: RegionTwo/)
})

keystone('what is to be moved is asked for as it is kept, with its place holders; what is there is not', () => {
  const kept = (url: string) =>
    `${JSON.stringify({ services: [{ id: 's1', type: 'identity' }] })}\n${JSON.stringify({ endpoints: [endpoint('e1', 'public', url)] })}`
  const factsWith = (url: string, endpoints = '') =>
    factsOf(four, (_, index) =>
      index === 0 ? { catalogue: catalogue([endpoint('e1', 'public', url)]), endpoints } : {},
    )
  const asked = (facts: Facts) => Object.keys(endpoints.slowFacts?.(four, facts) ?? {})
  const old = 'http://192.0.2.1:5000/v3/42'
  const there = 'http://192.0.2.99:5000/v3'
  assert.equal(asked(factsOf(four, () => ({}))), ['catalogue'])
  assert.equal(asked(factsWith(there)), ['catalogue'])
  assert.equal(asked(factsWith(old)), ['catalogue', 'endpoints'])
  const moves = (facts: Facts) => inventory(four, facts).moves.map((move) => move.old)
  assert.equal(moves(factsWith(old)), [old])
  assert.equal(moves(factsWith(old, kept('http://192.0.2.1:5000/v3/%(project_id)s'))), [
    'http://192.0.2.1:5000/v3/%(project_id)s',
  ])
  // What was kept before it was moved is not believed.
  assert.equal(moves(factsWith(there, kept(old))), [])
})

keystone('each service of the table: its own port, the path that it has, the project as it is kept', () => {
  const many = { ...four, services: SERVICES.filter(({ name }) => ['keystone', 'cinder', 'horizon'].includes(name)) }
  const services = [
    { id: 's1', type: 'identity' },
    { id: 's2', type: 'volumev2' },
    { id: 's3', type: 'volumev3' },
  ]
  const project = 'c2ff9f6b8a1e4d6e9f3d1a0b5c7d8e9f'
  const said = (host: string, id: string) => {
    const [address, token = ''] = catalogue(
      [
        endpoint('e1', 'public', `http://${host}:5000/v3`),
        { ...endpoint('e2', 'public', `http://${host}:8776/v2/${id}`), service_id: 's2' },
        { ...endpoint('e3', 'public', `http://${host}:8776/v3/${id}`), service_id: 's3' },
      ],
      services,
    ).split('\n')
    const { token: inside } = JSON.parse(token)
    return `${address}\n${JSON.stringify({ token: { ...inside, project: { domain: { id: 'default' }, id: project } } })}`
  }
  const there = found(many, said('192.0.2.99', project))
  assert.equal([there.moves, there.problems], [[], []])
  const elsewhere = found(many, said('a', project))
  assert.equal(elsewhere.problems, [])
  assert.equal(
    elsewhere.moves.map((move) => [move.service, move.new]),
    [
      ['identity', 'http://192.0.2.99:5000/v3'],
      ['volumev2', 'http://192.0.2.99:8776/v2/%(project_id)s'],
      ['volumev3', 'http://192.0.2.99:8776/v3/%(project_id)s'],
    ],
  )
})

keystone('without a catalogue the reason is told', () => {
  assert.is(found(four, 'curl is not installed yet').unknown, 'curl is not installed yet')
  assert.is(found(four, '').unknown, 'keystone was not asked')
  // An answer that broke off, and JSON of another kind.
  for (const said of [
    '{"token": {',
    '192.0.2.1\n{}',
    '192.0.2.1\n{"token":{"catalog":[null]}}',
    '192.0.2.1\n{"token":{"catalog":[{}]}}',
    '192.0.2.1\n{"token":{"catalog":[{"endpoints":[{"id":"e1"},null]}],"project":{"id":"p"}}}',
  ])
    assert.is(found(four, said).unknown, said)
  const [readable] = guardsOf(four, fresh(four), [endpoints])
  assert.match(readable?.guard.check as string, 'keystone was not asked')
})

keystone('a token that came through the VIP is asked for once, unless there is something to move', () => {
  const token = (url: string, by: string) => {
    const said = catalogue([endpoint('e1', 'public', url)], undefined, by)
    const facts = factsOf(four, (node, index) => ({
      ...basics(node, index),
      ...(index === 0 ? { catalogue: said } : {}),
    }))
    const proof = guardsOf(four, facts, [endpoints]).find(({ guard }) => /token through/.test(guard.title))?.guard
    return /auth\/tokens/.test(proof?.check as string)
  }
  const there = 'http://192.0.2.99:5000/v3'
  assert.is(token(there, '192.0.2.99'), false)
  assert.is(token(there, '192.0.2.1'), true)
  assert.is(token('http://192.0.2.1:5000/v3', '192.0.2.99'), true)
})

keystone.run()
