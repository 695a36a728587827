/** What a drill makes of what the nodes have seen. */
import * as assert from 'uvu/assert'
import { figuresOf, goneSince, PACE, type Seen, seenIn } from '../../lib/drill/figures.mts'
import { NAMES } from '../../lib/drill/names.mts'
import { SCENARIOS } from '../../lib/drill/scenarios.mts'
import { suite } from '../suite.mts'

const test = suite('the figures of a drill')

/** Answers at the usual pace, good ones but for these times. */
const answers = (from: number, to: number, bad: readonly (readonly [number, number])[] = []) =>
  Array.from({ length: Math.floor((to - from) / PACE) }, (_, index) => from + index * PACE).map((at) => ({
    at,
    heard: at,
    status: bad.some(([a, b]) => at >= a && at < b) ? 0 : 200,
  }))
const seen = (node: string, more: Partial<Seen>): Seen => ({ node, vip: [], answers: [], ...more })
const none = new Map<string, number>()

test('no failure, no outage', () => {
  const { outageMs, failed, asked } = figuresOf([seen('a', { answers: answers(0, 5000) })], 0, 5000, [200], none)
  assert.equal([outageMs, failed, asked], [0, 0, 100])
})

test('an outage is from the last good answer to the next, where it was longest', () => {
  const all = [
    seen('a', { answers: answers(0, 5000, [[1000, 1500]]) }),
    seen('b', { answers: answers(0, 5000, [[1000, 2000]]) }),
    seen('c', {}),
  ]
  const { outageMs, failed, asked } = figuresOf(all, 0, 5000, [200], none)
  assert.equal([outageMs, failed, asked], [1000, 30, 200])
})

test('a good answer that came late counts from when it came', () => {
  // A connection that was begun while nobody had the VIP, and was taken by the next one who had it.
  const late = answers(0, 5000, [[1000, 2000]]).map((one) =>
    one.at >= 2000 && one.at < 3000 ? { ...one, heard: 3000 } : one,
  )
  assert.is(figuresOf([seen('a', { answers: late })], 0, 5000, [200], none).outageMs, 2000)
})

test('no answer at all, or none at the end, is an outage too', () => {
  assert.is(
    figuresOf([seen('a', { answers: answers(0, 5000, [[0, 9999]]) })], 0, 5000, [200], none).outageMs,
    5000 - PACE,
  )
  assert.is(figuresOf([seen('a', { answers: answers(0, 5000, [[3000, 9999]]) })], 0, 5000, [200], none).outageMs, 2000)
})

test('a node that was fenced may have held the VIP until the fencing began', () => {
  const fencing = [
    { at: 1500, held: true },
    { at: 7500, held: false },
  ]
  assert.is(goneSince([seen('a', {}), seen('b', { fencing })], 1000), 1500)
  assert.is(goneSince([seen('a', {}), seen('b', { fencing })], 2000), 2000)
  assert.is(goneSince([seen('a', {})], 1000), 1000)
  // One that took it over before that: two had it.
  const dead = seen('a', {
    vip: [
      { at: 500, held: true },
      { at: 4000, held: false },
    ],
  })
  const heir = seen('b', { vip: [{ at: 3000, held: true }] })
  assert.is(figuresOf([dead, heir], 1000, 9000, [200], new Map([['a', 4000]])).doubledMs, 1000)
})

test('a fencing takes as long as one node saw it under way', () => {
  const a = seen('a', {
    fencing: [
      { at: 1500, held: true },
      { at: 7500, held: false },
    ],
  })
  const b = seen('b', { fencing: [{ at: 1600, held: true }] })
  assert.is(figuresOf([a], 1000, 9000, [200], none).fencedMs, 6000)
  assert.is(figuresOf([a, b], 1000, 9000, [200], none).fencedMs, 7400)
  assert.is(figuresOf([seen('c', {})], 1000, 9000, [200], none).fencedMs, 0)
})

test('who had the VIP, and for how long two did', () => {
  const a = seen('a', {
    vip: [
      { at: 0, held: true },
      { at: 3000, held: false },
    ],
  })
  const b = seen('b', {
    vip: [
      { at: 2400, held: true },
      { at: 2500, held: true },
    ],
  })
  const { held, doubledMs } = figuresOf([b, a], 1000, 5000, [200], none)
  assert.equal(held, [
    { node: 'a', from: 0, to: 3000 },
    { node: 'b', from: 2400, to: undefined },
  ])
  assert.is(doubledMs, 600)
  // One that died had it no longer.
  const dead = seen('a', { vip: [{ at: 0, held: true }] })
  assert.is(figuresOf([b, dead], 1000, 5000, [200], new Map([['a', 2000]])).doubledMs, 0)
  assert.is(figuresOf([b, dead], 1000, 5000, [200], none).doubledMs, 2600)
})

test('what a node tells is put into the time of this machine', () => {
  // Its clock is 10 s ahead; the question took 40 ms there and back.
  const lines = [
    'now 1000010020000000',
    'vip 1000005000000000 1',
    'answer 1000005.000000 200 1000005.002000',
    'answer 1000005,050000 000 1000008,050000',
  ]
  const told = seenIn('a', lines, 999_999_999_000 / 1e3, 999_999_999_040 / 1e3)
  assert.is(told?.vip.length, 1)
  const [first, second] = told?.answers ?? []
  assert.ok(Math.abs((second?.at ?? 0) - (first?.at ?? 0) - 50) < 0.01)
  assert.equal([first?.status, second?.status], [200, 0])
  const took = told?.answers.map(({ at, heard }) => Math.round(heard - at))
  assert.equal(took, [2, 3000])
  assert.ok(Math.abs((told?.vip[0]?.at ?? 0) - (first?.at ?? 0)) < 0.01)
  assert.is(seenIn('a', ['no route'], 0, 1), undefined)
})

test('scenarios have names of their own, and what harms is put back by itself or by a boot', () => {
  assert.is(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length)
  assert.equal(
    SCENARIOS.map(({ name }) => name),
    [...NAMES],
  )
  for (const { name, hold, restore } of SCENARIOS) assert.ok(restore === undefined || hold !== undefined, name)
})

test.run()
