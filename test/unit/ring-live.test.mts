/** The way from the ring that runs to the one that is wanted. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Config, Node } from '../../lib/config.mts'
import { runsWith } from '../../lib/corosync.mts'
import type { Facts } from '../../lib/facts.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { corosyncConf, ringOf } from '../../lib/render/corosync-conf.mts'
import { linkAddresses, linkNumbers, nodeIds } from '../../lib/ring.mts'
import { differences, knownMembers, liveSettings, settingsOf, told, wayOf } from '../../lib/ring-live.mts'
import { phase } from '../../tasks/03-corosync.mts'
import { suite } from '../suite.mts'
import { folder, run, SHELLS } from './local-shell.mts'
import { factsOf } from './phase-texts.mts'

const config = (...more: string[]): Config =>
  parseConfig(
    ['NODES="\n192.168.18.11 a.x a\n192.168.18.12 b.x b\n"', 'VIP=192.168.18.100/24\nFENCING=none', ...more, ''].join(
      '\n',
    ),
    '/tmp/.env',
  )
const three = (it: Config): Config => ({
  ...it,
  nodes: [...it.nodes, { name: 'c', fqdn: 'c.x', address: '192.168.18.13' }],
})
const octet = (node: Node) => node.address.split('.')[3]
const addresses = (node: Node) =>
  ['192.168.18', '10.0.1', '10.0.2', '10.0.3']
    .map((net, index) => `${index + 2}: eth${index} inet ${net}.${octet(node)}/24 scope global eth${index}`)
    .join('\n')

const confOf = (it: Config, facts: Facts): string => {
  const ids = nodeIds(it, facts)
  return corosyncConf(
    ringOf(
      it,
      (node) => linkAddresses(it, facts, node),
      linkNumbers(it, facts),
      (node) => ids.get(node.name) as number,
    ),
  )
}

/** As corosync-cmapctl says it, with some of what corosync adds. */
const cmap = (conf: string): string =>
  [
    ...[...settingsOf(conf)].map(([key, value]) => `${key.replace(/^node (\d+) /, 'nodelist.node.$1.')}=${value}`),
    'nodelist.local_node_pos=0',
    'totem.interface.0.bindnetaddr=192.168.18.11',
  ].join('\n')

/** A ring that runs as this env file says. */
const running = (it: Config, nodes = it.nodes): Facts => {
  const fresh = factsOf(it, (node) => ({ hostname: node.name, addresses: addresses(node) }))
  const conf = confOf(it, fresh)
  const runs = (node: Node) => it.nodes.some(({ name }) => name === node.name)
  return factsOf({ ...it, nodes }, (node) => ({
    hostname: node.name,
    addresses: addresses(node),
    'corosync.conf': runs(node) ? conf : '',
    'corosync.live': runs(node) ? cmap(conf) : '',
    'corosync.quorate': 'Yes',
  }))
}

const change = (from: Config, to: Config) => {
  const facts = running(from, to.nodes)
  const [first] = to.nodes as readonly [Node]
  const all = differences(liveSettings(facts, first), settingsOf(confOf(to, facts)))
  return { way: wayOf(all), told: told(all).join('; '), conf: confOf(to, facts), facts }
}

const test = suite('the way to another ring')

test('what corosync says of itself is what the file says', () => {
  for (const it of [config(), config('LINKS="10.0.1.0/24 10.0.2.0/24"', 'TOKEN=2000'), config('TRANSPORT=udp')]) {
    assert.equal(change(it, it).told, '')
    assert.is(change(it, it).way, undefined)
  }
})

test('each change goes the gentlest way that there is', () => {
  const two = config('LINKS="10.0.1.0/24 10.0.2.0/24"')
  const ways: readonly (readonly [string, Config, Config, string, RegExp])[] = [
    ['a token', config(), config('TOKEN=2000'), 'load', /^totem.token: 2000, new$/],
    ['another token', config('TOKEN=1000'), config('TOKEN=2000'), 'load', /^totem.token: 1000, to be 2000$/],
    ['no token', config('TOKEN=1000'), config(), 'load', /^totem.token: 1000, gone$/],
    ['a third node', config(), three(config()), 'load', /node 3 name: c, new.*quorum.two_node: 1, gone/],
    ['two of three', three(config()), config(), 'load', /quorum.two_node: 1, new.*node 3 name: c, gone/],
    ['an arbiter', config(), config('QDEVICE=192.0.2.9'), 'load', /quorum.device.net.host: 192.0.2.9, new/],
    [
      'another link',
      two,
      config('LINKS="10.0.1.0/24 10.0.2.0/24 10.0.3.0/24"'),
      'load',
      /node 1 ring2_addr: 10.0.3.11, new/,
    ],
    ['the first link goes', two, config('LINKS=10.0.2.0/24'), 'load', /node 1 ring0_addr: 10.0.1.11, gone/],
    [
      'a link in the place of another',
      two,
      config('LINKS="10.0.3.0/24 10.0.2.0/24"'),
      'load',
      /ring2_addr: 10.0.3.11, new/,
    ],
    ['the links in another order', two, config('LINKS="10.0.2.0/24 10.0.1.0/24"'), '', /^$/],
    [
      'another mode',
      two,
      config('LINKS="10.0.1.0/24 10.0.2.0/24"', 'LINK_MODE=active'),
      'restart',
      /link_mode: passive, to be active/,
    ],
    ['another transport', config(), config('TRANSPORT=udpu'), 'all', /totem.transport: knet, to be udpu/],
    [
      'another group',
      config('TRANSPORT=udp'),
      config('TRANSPORT=udp', 'MCAST_PORT=5409'),
      'all',
      /mcastport: 5405, to be 5409/,
    ],
    ['another name', config(), config('CLUSTER_NAME=x'), 'all', /cluster_name: openstack, to be x/],
  ]
  for (const [name, from, to, way, said] of ways) {
    const found = change(from, to)
    assert.is(found.way ?? '', way, `${name}: ${found.told}`)
    assert.match(found.told, said, name)
  }
})

test('a ring that others have made: another encryption is loaded, and with what wants a restart all are stopped', () => {
  const hash = { key: 'totem.crypto_hash', from: 'sha1', to: 'sha256' }
  const mode = { key: 'totem.link_mode', from: undefined, to: 'passive' }
  assert.is(wayOf([hash]), 'load')
  assert.is(wayOf([mode]), 'restart')
  assert.is(wayOf([hash, mode]), 'all')
  assert.is(wayOf([]), undefined)
})

test('a node keeps its id, and one that comes gets that of nobody who is about to go', () => {
  const from = three(config())
  const to = { ...from, nodes: [...from.nodes.slice(0, 2), { name: 'd', fqdn: 'd.x', address: '192.168.18.14' }] }
  const facts = running(from, to.nodes)
  assert.equal(
    [...nodeIds(to, facts)],
    [
      ['a', 1],
      ['b', 2],
      ['d', 4],
    ],
  )
  assert.equal(
    knownMembers(facts, to.nodes).map(({ name }) => name),
    ['a', 'b', 'c'],
  )
})

test('a ring that is stopped is known by its files', () => {
  const it = config('LINKS="10.0.1.0/24 10.0.2.0/24"')
  const conf = confOf(it, running(it))
  const to = config('LINKS=10.0.2.0/24')
  const facts = factsOf(to, (node) => ({ hostname: node.name, addresses: addresses(node), 'corosync.conf': conf }))
  assert.equal(linkNumbers(to, facts), [1])
})

test('a daemon is asked for what it runs with: alike, other, too little and too much', () => {
  const it = config('TOKEN=1000', 'LINKS="10.0.1.0/24 10.0.2.0/24"')
  const conf = confOf(it, running(it))
  const wanted = settingsOf(conf)
  /** As the daemon prints it. */
  const raw = [...cmap(conf).split('\n')].map((line) => line.replace('=', ' (str) = '))
  const ask = (lines: readonly string[]) =>
    SHELLS.slice(0, 2).map(([, words]) => {
      const dir = folder()
      writeFileSync(join(dir, 'corosync-cmapctl'), `#!/bin/sh\ncat <<'END'\n${lines.join('\n')}\nEND\n`, {
        mode: 0o755,
      })
      const guard = { title: 'x', check: `PATH=${dir}:$PATH\n${runsWith(wanted, [])}` }
      const { ends, whole, stderr } = run(words, [guard], 'check')
      assert.ok(whole, stderr)
      return `${ends[0]?.result} ${ends[0]?.said.join(' ')}`.trim()
    })
  const both = (answer: string) => [answer, answer]
  assert.equal(ask(raw), both('ok'))
  assert.equal(
    ask(raw.map((line) => line.replace('token (str) = 1000', 'token (str) = 2000'))),
    both('pending totem.token'),
  )
  assert.equal(ask(raw.filter((line) => !line.includes('token'))), both('pending totem.token'))
  assert.equal(ask([...raw, 'quorum.device.net.host (str) = x']), both('pending quorum.device.net.host'))
  assert.equal(
    ask([...raw, 'nodelist.node.3.nodeid (u32) = 3', 'nodelist.node.3.name (str) = c']).map((line) =>
      line.split(' ').sort().join(' '),
    ),
    both('3 3 name node node nodeid pending'),
  )
  assert.equal(ask([]), both('pending corosync does not answer'))
})

test('the steps of a phase: nothing is stopped for what can be loaded, and nothing is started before all are stopped', () => {
  const guards = (from: Config, to: Config) => {
    const facts = running(from, to.nodes)
    const of = (title: string) =>
      phase.steps
        .filter((step) => step.title === title)
        .flatMap((step) =>
          step
            .on(to, facts)
            .flatMap((node) => step.guards(to, facts, node).map((guard) => ({ node: node.name, guard }))),
        )
    return {
      beside: of('links beside'),
      meet: of('links connected'),
      stop: of('stop'),
      load: of('load'),
      start: of('start'),
    }
  }
  const load = guards(config(), config('TOKEN=2000'))
  assert.equal([load.stop.length, load.load.map(({ node }) => node)], [0, ['a']])
  assert.match(load.load[0]?.guard.check ?? '', /nothing is restarted/)
  assert.is(
    load.start.some(
      ({ guard }) =>
        /restart corosync/.test(guard.apply ?? '') &&
        /configuration/.test(guard.title) &&
        !/service|asked/.test(guard.check),
    ),
    false,
  )
  const restart = guards(
    config('LINKS="10.0.1.0/24 10.0.2.0/24"'),
    config('LINKS="10.0.1.0/24 10.0.2.0/24"', 'LINK_MODE=rr'),
  )
  assert.equal([restart.stop.length, restart.load.length], [0, 0])
  assert.ok(restart.start.some(({ guard }) => guard.apply === 'systemctl restart corosync'))
  // None of the links stays: the new ones come first.
  const other = guards(config('LINKS="10.0.1.0/24 10.0.2.0/24"'), config('LINKS=10.0.3.0/24'))
  assert.equal([other.beside.length, other.meet.length, other.stop.length, other.load.length], [2, 1, 0, 1])
  assert.match(
    other.beside[0]?.guard.check ?? '',
    /ring0_addr: 10.0.1.11\n +ring1_addr: 10.0.2.11\n +ring2_addr: 10.0.3.11/,
  )
  assert.match(other.meet[0]?.guard.check ?? '', /-v want=6 /)
  assert.equal([load.beside.length, load.meet.length], [0, 0])
  const all = guards(config(), config('TRANSPORT=udpu'))
  assert.equal([all.stop.map(({ node }) => node), all.load.length], [['a', 'b'], 0])
  assert.match(all.stop[0]?.guard.check ?? '', /the API is away meanwhile/)
})

test('a VIP in the network of a link is no address of it, also one that the env file does not name any more', () => {
  const links = 'LINKS="10.0.1.0/24 2001:db8::/64"'
  const it: Config = { ...config(links), vip2: { address: '2001:db8::100', prefix: 64, family: 6 } }
  const [first] = it.nodes as readonly [Node]
  // The kernel tells the youngest of IPv6 first.
  const factsWith = (live: string) =>
    factsOf(it, (node) => ({
      hostname: node.name,
      addresses: [
        addresses(node),
        ...(node === first ? ['2: eth0 inet6 2001:db8::100/64 scope global'] : []),
        `2: eth0 inet6 2001:db8::${octet(node)}/64 scope global`,
      ].join('\n'),
      'corosync.live': live,
    }))
  const facts = factsWith('')
  assert.equal(linkAddresses(it, facts, first), ['10.0.1.11', '2001:db8::11'])
  const runs = factsWith(cmap(confOf(it, facts)))
  assert.equal(linkAddresses({ ...it, vip2: undefined }, runs, first), ['10.0.1.11', '2001:db8::11'])
})

test.run()
