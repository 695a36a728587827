/** Clusters of others: what is adopted after a question, what stops a run, and what is nobody's. */
import * as assert from 'uvu/assert'
import { adoptions, noOtherCluster, noOtherVip } from '../../lib/foreign.mts'
import { leaving } from '../../lib/leaving.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { compile } from '../../lib/script.mts'
import { suite } from '../suite.mts'
import { run } from './local-shell.mts'
import { factsOf, twoNodes } from './phase-texts.mts'

const config = parseConfig(`${twoNodes('keystone')}CLUSTER_NAME=blue\n`, '/nowhere/env')

/** As pcs and crm write it: sections in another order, names where addresses may be, things that we never write. */
const conf = (name: string, nodes: readonly string[]) =>
  `totem {
    version: 2
    cluster_name: ${name}
    transport: knet
    crypto_cipher: aes256
    cluster_uuid: 0
}

nodelist {
${nodes
  .map(
    (one, index) => `    node {
        ring0_addr: ${one}
        name: ${one}
        nodeid: ${index + 1}
    }
`,
  )
  .join('\n')}
}

quorum {
    provider: corosync_votequorum
}
`
const facts = (text: string, live = '') =>
  factsOf(config, (node, index) => ({
    hostname: node.name,
    'corosync.conf': index === 0 ? text : '',
    'corosync.live': live,
  }))
const refusal = (text: string): string | undefined => {
  const known = facts(text)
  const [guard] = noOtherCluster(config, known, config.nodes[0] as never)
  assert.ok(guard && compile([guard], 'check').text)
  const [end] = run(['dash'], [guard as never], 'check').ends
  return end?.result === 'ok' ? undefined : end?.said.join('\n')
}

const test = suite('clusters of others')

test('none, ours, and the example of a package are no other cluster', () => {
  for (const text of ['', `# Written by quorate; see\n${conf('blue', ['n1'])}`, conf('debian', ['127.0.0.1'])]) {
    assert.is(refusal(text), undefined)
    assert.equal(adoptions(config, facts(text)), [])
  }
})

test('one of the same name and nodes is adopted, after a question', () => {
  for (const nodes of [
    ['n1', 'n2'],
    ['192.0.2.12', '192.0.2.11'],
    ['N1.example.org', 'n2'],
  ]) {
    assert.is(refusal(conf('blue', nodes)), undefined)
    assert.match(adoptions(config, facts(conf('blue', nodes)))[0] ?? '', /^n1: a cluster "blue" .* is adopted/)
  }
})

test('another name, a stranger, and a node that is missing stop the run, also where it is stopped', () => {
  assert.match(
    refusal(conf('green', ['n1', 'n2'])) ?? '',
    /of the cluster "green", and none of ours; CLUSTER_NAME is blue/,
  )
  assert.match(refusal(conf('debian', ['n1', 'n2'])) ?? '', /"debian"/)
  assert.match(refusal(conf('blue', ['n1', 'n2', 'n3'])) ?? '', /also has n3/)
  assert.match(refusal(conf('blue', ['n1'])) ?? '', /does not have n2/)
  for (const text of [conf('green', ['n1', 'n2']), conf('blue', ['n1', 'n2', 'n3'])])
    assert.equal(adoptions(config, facts(text)), [])
})

test('ours that a tool has written anew is ours', () => {
  const text = conf('blue', ['n1', 'n2'])
  const made = factsOf(config, (node) => ({ hostname: node.name, 'corosync.conf': text, 'corosync.made': 'yes' }))
  assert.equal(adoptions(config, made), [])
  assert.is(noOtherCluster(config, made, config.nodes[0] as never).length, 1)
})

test('nobody is asked to take out members of a cluster that is not ours', () => {
  const live = [1, 2, 3]
    .flatMap((id) => [`nodelist.node.${id}.nodeid=${id}`, `nodelist.node.${id}.name=n${id}`])
    .join('\n')
  const members = ['n1', 'n2', 'n3']
  assert.is(leaving(config, facts(`# Written by quorate\n${conf('blue', members)}`, live)).length, 1)
  assert.equal(leaving(config, facts(conf('blue', members), live)), [])
})

const CIB = `<cib><configuration><resources>
  <primitive id="theirs" class="ocf" provider="heartbeat" type="IPaddr2"><instance_attributes id="a">
    <nvpair id="b" name="ip" value="192.0.2.100"/><nvpair id="c" name="cidr_netmask" value="24"/>
  </instance_attributes></primitive>
  <group id="vip"><primitive id="web" class="systemd" type="httpd"/></group>
</resources></configuration></cib>`

test("a resource that has the VIP's address is named, and so is one that is called like ours", () => {
  const told = (text: string, cib: string) => {
    const edit = (script: string) => script.replace(/cat \/var\S+cib.xml/, `printf %s '${cib}'`)
    const answer = run(['dash'], [{ title: 'a', check: text }], 'check', false, edit)
    return answer.ends[0]?.said
  }
  const vip = noOtherVip(config).check
  assert.equal(told(vip, CIB), ['the resource theirs has 192.0.2.100'])
  assert.equal(told(vip, CIB.replace('"theirs"', '"vip"')), [])
  assert.equal(told(vip, CIB.replace('.100', '.101')), [])
  const known = facts(conf('blue', ['n1', 'n2']))
  const names = noOtherCluster(config, known, config.nodes[0] as never)[1]?.check as string
  assert.equal(told(names, CIB), ['it has a resource vip'])
  assert.equal(told(names, CIB.replace('"vip"', '"their-vip"')), [])
})

test.run()
