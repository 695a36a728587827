/** Where the time of a run went: spans out of events, the table, and the trace. */
import * as assert from 'uvu/assert'
import type { Event } from '../../lib/event.mts'
import { profile, profileTable, type Span, traceOf } from '../../lib/profile.mts'
import { suite } from '../suite.mts'

/** Events at times in milliseconds. */
function spansOf(...timed: readonly (readonly [number, Event])[]): readonly Span[] {
  let time = 0
  const one = profile(() => time)
  for (const [at, event] of timed) {
    time = at
    one.emit(event)
  }
  return one.spans()
}
const script = (state: 'sent' | 'hello' | 'ended', node = 'node1'): Event => ({ type: 'script', node, state })
const guard = (state: 'start' | 'apply' | 'verify' | 'wait', node = 'node1', name = 'a state'): Event => ({
  type: 'guard',
  phase: '03-corosync',
  step: 'configure',
  node,
  guard: name,
  state,
})
const end = (node = 'node1', name = 'a state'): Event => ({
  type: 'guard',
  phase: '03-corosync',
  step: 'configure',
  node,
  guard: name,
  state: 'changed',
  output: '',
  status: 0,
  ms: 0,
  required: false,
})
const phase = (state: 'start' | 'end', id = 'survey'): Event => ({ type: 'phase', phase: id, state })
const brief = (spans: readonly Span[]) =>
  spans.map(({ node, phase, kind, name, from, to }) => `${node} ${phase} ${kind} ${name} ${from}-${to}`)

const test = suite('where the time went')

const fact = (ms: number, node = 'node1'): Event => ({ type: 'fact', node, fact: 'os', ms })

test('connecting, facts, checks, an apply and a wait are told apart', () => {
  const spans = spansOf(
    [0, phase('start')],
    [10, script('sent')],
    [30, script('hello')],
    [90, fact(55)],
    [95, script('ended')],
    [100, script('sent')],
    [110, script('hello')],
    [111, guard('start')],
    [130, guard('apply')],
    [190, guard('verify')],
    [200, guard('wait')],
    [250, guard('wait')],
    [300, end()],
    [301, script('ended')],
    [310, phase('end')],
  )
  assert.equal(brief(spans), [
    'node1 survey connecting connecting 10-30',
    'node1 survey asking os 35-90',
    'node1 survey connecting connecting 100-110',
    'node1 03-corosync checking a state 111-130',
    'node1 03-corosync applying a state 130-190',
    'node1 03-corosync checking a state 190-200',
    'node1 03-corosync waiting a state 200-300',
    ' survey phase survey 0-310',
  ])
})

test('two scripts at once, a second try, and a node that is lost at work', () => {
  const spans = spansOf(
    [0, script('sent')],
    [5, script('sent')],
    [10, script('hello')],
    [11, guard('start')],
    [20, script('hello')],
    [25, fact(5)],
    [30, script('hello')],
    [40, { type: 'unreachable', node: 'node1', text: 'gone', detail: '', remedy: '' }],
  )
  assert.equal(brief(spans), [
    'node1  connecting connecting 0-10',
    'node1  connecting connecting 5-20',
    'node1  asking os 20-25',
    'node1 03-corosync checking a state 11-40',
  ])
})

const table = (spans: readonly Span[], ms: number): readonly string[] => {
  const lines: string[] = []
  profileTable((line) => lines.push(...line.split('\n')), spans, ms)
  return lines
}
const checked = (node: string, from: number, to: number, name = 'a state'): Span => ({
  node,
  phase: '03-corosync',
  kind: 'checking',
  name,
  from,
  to,
})

test('the table: a column for each node, what is spent here, and what took longest', () => {
  const spans = [checked('node1', 100, 400), checked('node2', 200, 1300), checked('node2', 1300, 1450, 'another')]
  assert.equal(table(spans, 2000), [
    '',
    'where the time went (seconds)',
    '                           node1    node2',
    '03-corosync  checking       0.30     1.25',
    'all                         0.30     1.25',
    'no script was under way on any node for 0.65 s of 2.0 s',
    '',
    'longest',
    '    1.10  checking a state (node1 node2)',
    '    0.15  checking another (node2)',
  ])
})

test('of many nodes the slowest and the middle one', () => {
  const spans = [1, 2, 3, 4, 5].map((index) => checked(`node${index}`, 0, index * 100))
  assert.is(
    table(spans, 500).find((line) => line.startsWith('03-')),
    '03-corosync  checking       0.50     0.30',
  )
})

test('the trace: complete events in microseconds, on as many lines as there were things at once', () => {
  const trace = JSON.parse(
    traceOf(
      spansOf(
        [1, script('sent')],
        [2.5, script('hello')],
        [3, script('sent')],
        [3.5, script('sent')],
        [4, script('hello')],
        [5, script('hello')],
      ),
      'make cluster',
    ),
  )
  const one = { name: 'connecting', cat: 'connecting', ph: 'X', pid: 1, args: { phase: '' } }
  assert.equal(
    trace.traceEvents.filter(({ ph }: { ph: string }) => ph === 'X'),
    [
      { ...one, tid: 0, ts: 1000, dur: 1500 },
      { ...one, tid: 0, ts: 3000, dur: 1000 },
      { ...one, tid: 1, ts: 3500, dur: 1500 },
    ],
  )
  const names = trace.traceEvents.filter(({ ph }: { ph: string }) => ph === 'M')
  assert.equal(
    names.map(({ name, tid, args }: { name: string; tid: number; args: { name: string } }) => [name, tid, args.name]),
    [
      ['process_name', 0, 'make cluster'],
      ['thread_name', 0, 'node1'],
      ['thread_name', 1, 'node1 (2)'],
    ],
  )
})

test.run()
