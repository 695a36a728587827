/** Counting: each guard once, as it ended last. */
import * as assert from 'uvu/assert'
import type { Event, GuardEnd } from '../../lib/event.mts'
import { tally } from '../../lib/tally.mts'
import { suite } from '../suite.mts'

const end = (state: GuardEnd['state'], more: Partial<GuardEnd> = {}): GuardEnd => ({
  type: 'guard',
  phase: '03-corosync',
  step: 'configure',
  node: 'node1',
  guard: 'a state',
  state,
  output: '',
  status: 0,
  ms: 10,
  required: false,
  ...more,
})

/** The phases of these tests, each with the same two steps. */
const PHASES = ['03-corosync', '06-haproxy'].map((id) => ({
  id,
  steps: ['configure', 'start'].map((title) => ({ title, on: () => [], guards: () => [] })),
}))
const begin: Event = { type: 'phase', phase: '03-corosync', state: 'start' }

const NODES = ['node1', 'node2', 'node3']

/** Of a run that has come to this phase. */
function counted(...events: readonly Event[]) {
  const counts = tally(NODES, PHASES, false)
  for (const event of [begin, ...events]) counts.emit(event)
  return counts
}
function planned(...events: readonly Event[]) {
  const counts = tally(NODES, PHASES, true)
  for (const event of events) counts.emit(event)
  return counts
}
const of = (counts: ReturnType<typeof tally>, node = 'node1', phase = '03-corosync') => {
  const one = counts.phases.get(phase)?.get(node)
  return one && [one.ok, one.changed, one.failed]
}

const test = suite('the tally')

test('ok, changed, failed; what is pending or was skipped counts as nothing', () => {
  const states = ['ok', 'changed', 'pending', 'failed', 'unsure', 'skipped'] as const
  const counts = counted(...states.map((state) => end(state, { guard: state })))
  assert.equal(of(counts), [1, 1, 2])
  assert.equal(
    counts.failures.map(({ guard }) => guard),
    ['failed', 'unsure'],
  )
  assert.is(counts.phases.get('03-corosync')?.get('node1')?.ms, 50)
})

test('in a plan: what would be changed, what is wrong before that, and what may come true by it', () => {
  const counts = planned(
    end('ok', { guard: 'a' }),
    end('pending', { guard: 'b', required: true }),
    end('unsure', { guard: 'c' }),
    end('pending', { guard: 'd' }),
    end('pending', { guard: 'e', required: true }),
    end('unsure', { guard: 'f' }),
  )
  assert.equal(of(counts), [1, 1, 2])
  assert.equal(
    counts.failures.map(({ guard }) => guard),
    ['b', 'c'],
  )
})

test('a guard that was seen in the survey and then in its phase counts once', () => {
  assert.equal(of(counted(end('pending'), end('changed'))), [0, 1, 0])
  assert.equal(of(counted(end('pending'), end('ok'))), [1, 0, 0])
  assert.equal(of(counted(end('ok'), end('failed'))), [0, 0, 1])
  assert.equal(of(counted(end('pending'), end('skipped'))), [0, 0, 0])
  assert.is(
    counted(end('pending', { ms: 5 }), end('changed', { ms: 7 }))
      .phases.get('03-corosync')
      ?.get('node1')?.ms,
    7,
  )
})

test('what was changed stays changed, also when it is looked at again', () => {
  assert.equal(of(counted(end('changed'), end('ok'))), [0, 1, 0])
  assert.equal(of(counted(end('changed'), end('failed'))), [0, 0, 1])
})

test('a failure that was mended is none', () => {
  const counts = counted(end('unsure'), end('failed', { guard: 'another' }), end('ok'))
  assert.equal(
    counts.failures.map(({ guard }) => guard),
    ['another'],
  )
  assert.equal(of(counts), [1, 0, 1])
})

test('nodes, phases and steps are apart, though titles are the same', () => {
  const counts = counted(
    end('ok'),
    end('changed', { node: 'node2' }),
    end('failed', { step: 'start' }),
    end('ok', { phase: '06-haproxy' }),
  )
  assert.equal(
    [of(counts), of(counts, 'node2'), of(counts, 'node1', '06-haproxy')],
    [
      [1, 0, 1],
      [0, 1, 0],
      [1, 0, 0],
    ],
  )
})

test('a guard on its way is not counted; nodes that were lost are kept', () => {
  const place = { phase: '03-corosync', step: 'configure', node: 'node1', guard: 'a state' }
  const lost = { type: 'unreachable', node: 'node2', text: 'it does not answer', remedy: 'check it' } as const
  const counts = counted({ type: 'guard', ...place, state: 'start' }, { type: 'guard', ...place, state: 'wait' }, lost)
  assert.is(of(counts), undefined)
  assert.equal(counts.lost, [lost])
})

test('every node of the run is listed, in its order', () => {
  const counts = counted(end('ok', { node: 'node2' }), end('ok', { node: 'node3' }))
  assert.equal([...(counts.phases.get('03-corosync')?.keys() ?? [])], NODES)
  assert.equal(of(counts), [0, 0, 0])
})

test('in a run, what the survey alone has seen is neither changed nor failed', () => {
  const counts = tally(['node1'], PHASES, false)
  const survey = [end('pending'), end('unsure', { guard: 'b' }), end('ok', { guard: 'c' })]
  const later = survey.map((one) => ({ ...one, phase: '06-haproxy' }))
  for (const event of [...survey, ...later, begin, end('failed'), end('unsure', { guard: 'b' })]) counts.emit(event)
  assert.equal(
    [of(counts), of(counts, 'node1', '06-haproxy')],
    [
      [1, 0, 2],
      [1, 0, 0],
    ],
  )
  assert.equal(
    counts.failures.map(({ phase }) => phase),
    ['03-corosync', '03-corosync'],
  )
})

test.run()
