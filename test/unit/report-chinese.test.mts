/** The page's Chinese for sentences that are made elsewhere: each of them has one, and none is left over. */
import * as assert from 'uvu/assert'
import type { Lost } from '../../lib/errors.mts'
import { MUTE } from '../../lib/exchange.mts'
import { KNOWN, type Reason, reason } from '../../lib/reason.mts'
import { inChinese, SENTENCES } from '../../lib/report/chinese.mts'
import { sentence } from '../../lib/report/parts.mts'
import type { Status } from '../../lib/status.mts'
import { troubles } from '../../lib/troubles.mts'
import { suite } from '../suite.mts'
import { statusOf } from './report-data.mts'

const test = suite('the page in Chinese')

const NAMES = ['node1', 'node2', 'node3']

/** Clusters with which something is wrong; together all that can be. */
function ills(): readonly (readonly [status: Status, lost: readonly Lost[]])[] {
  const well = statusOf(NAMES)
  const nodes = (changed: (name: string) => Partial<Status['nodes'][number]>) =>
    well.nodes.map((node) => ({ ...node, ...changed(node.name) }))
  const second = (changed: Partial<Status['nodes'][number]>) => nodes((name) => (name === 'node2' ? changed : {}))
  const answers = ['VIP', 'node1'].flatMap((host) => [500, 0].map((code) => ({ host, code, ok: false })))
  const states = ['unclean', 'offline', 'no member', 'pending', 'standby'] as const
  const more: readonly Partial<Status>[] = [
    { nodes: nodes(() => ({ ring: false })) },
    ...states.map((state) => ({ nodes: second({ state }) })),
    { nodes: second({ haproxy: 'failed' }) },
    { nodes: nodes((name) => (name === 'node1' ? { aheadMs: 4000 } : name === 'node2' ? { aheadMs: -4000 } : {})) },
    { quorate: false, votes: 1 },
    { links: [{ network: '192.0.2.0/24', down: ['node1'], to: ['node2'] }] },
    { links: [{ network: '192.0.2.0/24', down: ['node1', 'node3'], to: ['node1', 'node3'] }] },
    { links: [{ network: '192.0.2.0/24', down: ['node1', 'node3'], to: ['node2'] }] },
    { links: [{ network: '192.0.2.0/24', down: ['node1'], to: ['node1', 'node2', 'node3'] }] },
    { maintenance: true },
    { fencing: { ...well.fencing, on: false } },
    { fencing: { ...well.fencing, devices: well.fencing.devices.map((one) => ({ ...one, works: false })) } },
    { arbiter: { host: 'arbiter1', votes: 0 } },
    { vips: [{ address: '192.0.2.200/24', holders: [] }] },
    { vips: [{ address: '192.0.2.200/24', holders: ['node1', 'node2'] }] },
    { failures: [{ action: 'vip_start_0', node: 'node1', why: 'error, no such device' }] },
    { services: [{ name: 'glance', port: 9292, answers }] },
    { endpoints: { asked: true, unknown: 'keystone was not asked', problems: [], elsewhere: [] } },
    { endpoints: { asked: true, problems: ['nova has two'], elsewhere: [] } },
    {
      endpoints: {
        asked: true,
        problems: [],
        elsewhere: [{ service: 'image', interface: 'public', url: 'http://node1:9292' }],
      },
    },
  ]
  const lost = [{ node: 'node3', text: 'it does not answer', remedy: 'check its power' }]
  return [...more.map((one) => [{ ...well, ...one }, []] as const), [well, lost] as const]
}

/** Reasons why a node could not be asked: those by pattern, and those with a shape of their own. */
function reasons(): readonly Reason[] {
  const ssh = (...lines: readonly string[]) => reason({ status: 255, stderr: lines.join('\n') })
  const through = 'Connection closed by UNKNOWN port 65535'
  const failed = 'Host key verification failed.'
  const changed = 'Host key for 192.0.2.11 has changed and you have requested strict checking.'
  const unknown = 'No ED25519 host key is known for 192.0.2.11 and you have requested strict checking.'
  return [
    ...KNOWN.map(([, text, remedy]) => {
      const [filled, what] = [text, remedy].map((one) => one.replaceAll('$1', 'XYZ')) as [string, string]
      return { text: text === 'it is $1' ? 'it is booting up' : filled, remedy: what }
    }),
    ssh('System is going down.'),
    MUTE,
    ssh(''),
    reason({ status: 7, stderr: '' }),
    ssh('channel 0: open failed: connect failed: Connection refused', 'stdio forwarding failed'),
    ssh('channel 0: open failed: connect failed: administratively prohibited', 'stdio forwarding failed'),
    ssh('nc: connect to 192.0.2.11 port 22 (tcp) failed: Connection refused', through),
    ssh('ssh: connect to host gate port 22: Connection refused', through),
    ssh(through),
    ...[[], [through]].flatMap((way) => [ssh(changed, failed, ...way), ssh(unknown, failed, ...way)]),
  ]
}

const made = [
  ...ills().flatMap(([status, lost]) =>
    troubles(status, lost).flatMap(({ text, remedy }) => (lost.length > 0 ? [text] : [text, remedy])),
  ),
  ...reasons().flatMap(({ text, remedy }) => [text, remedy]),
]

test('each sentence that is made has a Chinese one', () => {
  // What follows "no problem of ours" is what keystone has said.
  assert.equal([...new Set(made.filter((one) => inChinese(one) === undefined))], ['nova has two'])
  assert.is(inChinese('what a tool has said'), undefined)
  assert.is(
    inChinese('node3 could not be asked: seen from the jump host, nothing listens on its ssh port'),
    '无法询问 node3：从跳板机看：其 ssh 端口无人监听',
  )
})

test('each Chinese sentence belongs to one that is made, has its values, and is found by it', () => {
  for (const [english, chinese] of SENTENCES) {
    const places = (text: string) => [...new Set(text.match(/\{\d\}/g))].sort()
    assert.equal(places(chinese), places(english), english)
    const filled = (text: string) => text.replace(/\{(\d)\}/g, 'V$1')
    assert.is(inChinese(filled(english)), filled(chinese))
    const pieces = english.split(/\{\d\}/)
    assert.ok(
      made.some((one) => pieces.every((piece) => one.includes(piece))) || english === 'keystone was not asked',
      `nobody says: ${english}`,
    )
  }
})

test('on the page both stand side by side, and a tool’s own words as they are', () => {
  assert.is(
    sentence('it does not answer').html,
    '<span class="en" lang="en">it does not answer</span><span class="zh" lang="zh-Hans">无应答</span>',
  )
  assert.is(sentence('<b>').html, '<span lang="en">&lt;b&gt;</span>')
  assert.match(sentence('the endpoints are unknown: <b>').html, /端点未知：&lt;b&gt;/)
})

test.run()
