/** The CIB as rendered, as pacemaker's schema and scheduler take it. */
import { readFileSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import type { Cidr, Config } from '../../lib/config.mts'
import {
  clusterFragments,
  fencePrimitives,
  goneFencing,
  goneVip,
  vipFragments,
  vipPrimitive,
} from '../../lib/render/cib.mts'
import { cibOf, element, nvpairs } from '../../lib/render/cib-xml.mts'
import { suite } from '../suite.mts'
import { golden } from './golden.mts'
import { needing, runTool, withFile } from './real-tool.mts'

type Wanted = Parameters<typeof clusterFragments>[0]

const nodes = (...names: string[]): Config['nodes'] =>
  names.map((name, index) => ({ name, fqdn: `${name}.example.org`, address: `192.168.18.${11 + index}` }))
const ipmi = (names: readonly string[]): Config['fence'] =>
  Object.fromEntries(
    names.map((name, index) => [name, { ip: `10.0.99.${index + 1}`, username: 'admin', password: `p&"<'${index}` }]),
  )
const none = { fencing: 'none', fence: {}, fencing2: 'none', fence2: {}, arbiter: undefined }
const fenced = (...names: string[]) => ({
  nodes: nodes(...names),
  fencing: 'fence_ipmilan',
  fence: ipmi(names),
  fencing2: 'fence_ipmilan',
  fence2: {},
  arbiter: undefined,
})
const VIP: Cidr = { address: '192.168.18.100', prefix: 24, family: 4 }

const VIP6: Cidr = { address: '2001:db8:18::100', prefix: 64, family: 6 }

const CIBS: Readonly<Record<string, Wanted>> = {
  'two-nodes': { ...fenced('node1', 'node2'), vip: VIP, clusterProperties: {} },
  'three-nodes': {
    ...fenced('node1', 'node2', 'node3'),
    vip: VIP,
    clusterProperties: { 'cluster-recheck-interval': '5min', 'no-quorum-policy': 'freeze' },
  },
  'two-devices': {
    ...fenced('node1', 'node2'),
    fencing2: 'fence_apc_snmp',
    fence2: { node2: { ip: '10.0.99.9', port: '7' } },
    vip: VIP,
    clusterProperties: {},
  },
  'no-fencing': { nodes: nodes('node1', 'node2'), ...none, vip: VIP, clusterProperties: {} },
  ipv6: {
    nodes: nodes('node1', 'node2'),
    ...none,
    vip: { address: '2001:db8::100', prefix: 64, family: 6 },
    clusterProperties: {},
  },
  'both-families': { ...fenced('node1', 'node2'), vip: VIP, vip2: VIP6, clusterProperties: {} },
  'odd-names': { ...fenced('0-db', 'a', 'x'.repeat(63)), vip: VIP, clusterProperties: {} },
}

const test = suite('CIB')
const verified = needing(test, 'crm_verify')
const simulated = needing(test, 'crm_simulate')

const names = (wanted: Wanted) => wanted.nodes.map(({ name }) => name)
const onCard = (wanted: Wanted, card: (node: string) => string) =>
  cibOf(clusterFragments(wanted, () => new Map(names(wanted).map((name) => [name, card(name)]))))
const cib = (wanted: Wanted) => onCard(wanted, () => 'eth0')
const verify = (xml: string) => withFile('cib.xml', xml, (file) => runTool('crm_verify', ['-VV', '--xml-file', file]))

const simulation = (file: string, flags: readonly string[]) => {
  const { code, output } = runTool('crm_simulate', ['--simulate', '--xml-file', file, '--save-output', file, ...flags])
  assert.is(code, 0, output)
  return { output, revised: output.slice(output.indexOf('Revised Cluster Status')) }
}

/** What the scheduler would do to start all of it on these nodes. */
const started = (file: string, wanted: Wanted) =>
  simulation(file, [...names(wanted).flatMap((name) => ['--node-up', name]), '--quorum', 'true'])

/** What it would do when something happens then to the node that holds the VIP. */
const happening = (
  wanted: Wanted,
  event: (holder: string) => readonly string[],
  edit = (xml: string, _: string) => xml,
) =>
  withFile('cib.xml', cib(wanted), (file) => {
    const on = holder(started(file, wanted).revised)
    writeFileSync(file, edit(readFileSync(file, 'utf8'), on))
    return { on, other: names(wanted).find((name) => name !== on) ?? '', ...simulation(file, event(on)) }
  })
const holder = (text: string) => /vip\s.*Started (\S+)/.exec(text)?.[1] ?? ''

/** As crm_attribute --name standby does it. */
const standby = (xml: string, name: string) =>
  xml.replace(
    `<node id="${name}" uname="${name}"/>`,
    `<node id="${name}" uname="${name}">${nvpairs('instance_attributes', `nodes-${name}`, { standby: 'on' })}</node>`,
  )

for (const [name, wanted] of Object.entries(CIBS)) {
  test(`${name}: as its golden file`, () => golden(`cib-${name}.xml`, `${cib(wanted)}\n`))
  verified(`${name}: crm_verify is content`, async () => {
    const { code, output } = await verify(cib(wanted))
    // Without nodes in the file there is no quorum either, of which it tells.
    assert.is(code, 0, output)
    assert.not.match(output, /error/)
  })
  simulated(`${name}: the scheduler starts all of it`, async () => {
    const { revised } = await withFile('cib.xml', cib(wanted), (file) => started(file, wanted))
    assert.match(revised, `Started: [ ${[...names(wanted)].sort().join(' ')} ]`)
    assert.match(revised, /vip\s.*Started/)
    assert.not.match(revised, /Stopped|FAILED|error/)
  })
}

verified('crm_verify refuses what it should, so that the tests above mean something', async () => {
  const { code } = await verify(cib(CIBS.ipv6 as Wanted).replace('rsc="vip"', 'rsc="vap"'))
  assert.is.not(code, 0)
})

const two = CIBS['two-nodes'] as Wanted

simulated('a lost node is fenced, and the VIP comes up on the other one', async () => {
  const { on, other, output, revised } = await happening(two, (holder) => ['--node-fail', holder])
  assert.match(output, new RegExp(`Fencing ${on}`))
  assert.is(holder(revised), other)
})

simulated('a planned move takes the VIP away before HAProxy, and touches no other HAProxy', async () => {
  const { on, other, output, revised } = await happening(two, () => [], standby)
  const actions = output.split('\n').filter((line) => line.includes('action:'))
  const at = (what: string) => actions.findIndex((line) => new RegExp(what).test(line))
  assert.ok(at(`vip +stop on ${on}`) >= 0, output)
  assert.ok(at(`vip +stop on ${on}`) < at(`haproxy +stop on ${on}`), output)
  assert.is(at(`haproxy\\S* +(stop|start) on ${other}`), -1, output)
  assert.is(holder(revised), other)
})

simulated('HAProxy that died is started again in place, and the VIP stays', async () => {
  const { on, output, revised } = await happening(two, (holder) => ['--op-inject', `haproxy_monitor_5000@${holder}=7`])
  assert.match(output, new RegExp(`haproxy\\S* +start on ${on}`))
  assert.not.match(output, /vip +(stop|start)/)
  assert.is(holder(revised), on)
})

/** Seconds by which the fencing of a node that is lost together with its resources is put off. */
async function putOff(wanted: Wanted, who: (on: string, other: string) => string): Promise<string | undefined> {
  const graph = await withFile('graph.xml', '', async (file) => {
    await withFile('cib.xml', cib(wanted), (cibFile) => {
      const on = holder(started(cibFile, wanted).revised)
      const other = names(wanted).find((name) => name !== on) ?? ''
      simulation(cibFile, ['--node-fail', who(on, other), '--save-graph', file])
    })
    return readFileSync(file, 'utf8')
  })
  assert.match(graph, 'operation="stonith"')
  return /priority.fencing.delay="(\d+)"/i.exec(graph)?.[1]
}

simulated('of two nodes that lose each other, the fencing of the one without the VIP is put off', async () => {
  assert.is(await putOff(two, (on) => on), '0')
  assert.is(await putOff(two, (_, other) => other), '5')
  const own = { ...two, clusterProperties: { 'priority-fencing-delay': '15s' } }
  assert.is(await putOff(own, (_, other) => other), '15')
})

simulated('of three a majority puts nothing off, and of two with an arbiter only one side is quorate', async () => {
  const arbiter = { name: 'q', fqdn: 'q', address: '10.0.99.9' }
  assert.is(await putOff({ ...two, arbiter }, (_, other) => other), undefined)
  const three = CIBS['three-nodes'] as Wanted
  assert.is(await putOff(three, (on) => on), undefined)
  assert.is(await putOff(three, (_, other) => other), undefined)
})

test('what is gone when devices are: levels before constraints before devices', () => {
  const both = CIBS['two-devices'] as Wanted
  const all = fencePrimitives({ ...both, fence2: { node1: {}, node2: {} } }).map(({ id }) => id)
  assert.equal(
    goneFencing({ ...both, fencing: 'none' })
      .slice()
      .sort(),
    all.sort(),
  )
  assert.equal(goneFencing(both), [
    'level-of-fence-node1',
    'level-of-fence2-node1',
    'fence2-node1-elsewhere',
    'fence2-node1',
  ])
})

test('the VIP names its card only when told', () => {
  assert.not.match(vipPrimitive({ vip: VIP }).xml, 'name="nic"')
  assert.match(vipPrimitive({ vip: VIP }, new Map([['a', 'eth1']])).xml, 'name="nic" value="eth1"')
  assert.not.match(
    vipFragments({ vip: VIP, nodes: [] }, () => new Map())
      .map(({ xml }) => xml)
      .join(),
    'public-link',
  )
})

const both = CIBS['both-families'] as Wanted
const otherOn = (text: string) => /vip-other\s.*Started (\S+)/.exec(text)?.[1] ?? ''

test('a resource keeps its address, whichever of two the env file names first', () => {
  assert.is(cib({ ...both, vip: VIP6, vip2: VIP }), cib(both))
  assert.match(cib(both), /<primitive id="vip" .*?value="192.168.18.100".*<primitive id="vip-other" .*?value="2001:/s)
  // Without the second nothing is otherwise.
  const ours = new Set(cib(both).split('\n'))
  assert.equal(
    cib(two)
      .split('\n')
      .filter((line) => !ours.has(line)),
    [],
  )
})

test('what is gone with the second VIP is all that it had, constraints first', () => {
  const ids = (wanted: Wanted) => clusterFragments(wanted, () => new Map()).map(({ id }) => id)
  const more = ids(both).filter((id) => !ids(two).includes(id))
  assert.equal([...goneVip(two)].sort(), more.sort())
  assert.is(goneVip(two).at(-1), 'vip-other')
  assert.equal(goneVip(both), [])
})

simulated('both VIPs are on one node, move together, and away before HAProxy', async () => {
  const { on, other, output, revised } = await happening(both, () => [], standby)
  assert.equal([holder(revised), otherOn(revised)], [other, other])
  const actions = output.split('\n').filter((line) => line.includes('action:'))
  const at = (what: string) => actions.findIndex((line) => line.includes(what))
  for (const id of ['vip', 'vip-other'])
    assert.ok(at(`${id} `) >= 0 && at(`${id} `) < actions.findIndex((line) => /haproxy +stop on/.test(line)), output)
  assert.is.not(on, other)
})

simulated('a second VIP that cannot be on the node of the first does not take the first one away', async () => {
  // 5: never here (ocf-shellfuncs, OCF_ERR_INSTALLED).
  const { on, revised } = await happening(both, (name) => ['--op-inject', `vip-other_start_0@${name}=5`])
  assert.equal([holder(revised), otherOn(revised)], [on, ''])
})

verified('each node has the VIP on its own card', async () => {
  const wanted = CIBS['three-nodes'] as Wanted
  const xml = onCard(wanted, (name) => (name === names(wanted)[0] ? 'bond0.12' : 'eth0'))
  assert.equal(xml.match(/name="nic" value="[^"]*"/g), ['name="nic" value="bond0.12"', 'name="nic" value="eth0"'])
  assert.is(xml.match(/attribute="#uname"/g)?.length, 6)
  const { code, output } = await verify(xml)
  assert.is(code, 0, output)
})

test('no id stands twice', () => {
  for (const wanted of Object.values(CIBS)) {
    const ids = [...cib(wanted).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
    assert.is(new Set(ids).size, ids.length)
  }
})

test('values cannot leave their attribute', () => {
  assert.is(element('a', { b: `"<>&'\n\t\r` }), `<a b="&quot;&lt;&gt;&amp;'&#10;&#9;&#13;"/>`)
  assert.match(nvpairs('set', 'x', { 'a b"': 1 }), 'name="a b&quot;" value="1" id="x-a_b_"')
})

test.run()
