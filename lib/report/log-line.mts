/** A line of a run log: an event that can be relied on, or what is the matter with it. */
import type { Event } from '../event.mts'

export type Timed = Event & { readonly time: string }

/** What must be there for an event to be one of ours; of those that are not named here nothing is needed. */
const NEEDED: Readonly<Record<string, Readonly<Record<string, 'string' | 'number' | 'boolean' | 'object'>>>> = {
  run: { command: 'string', nodes: 'object' },
  note: { phase: 'string', nodes: 'object', text: 'string' },
  phase: { phase: 'string', state: 'string' },
  script: { node: 'string', state: 'string' },
  step: { phase: 'string', step: 'string' },
  guard: { phase: 'string', step: 'string', node: 'string', guard: 'string', state: 'string' },
  unreachable: { node: 'string', text: 'string', remedy: 'string' },
  bug: {},
  lock: { state: 'string', node: 'string', owner: 'string' },
  refused: { phase: 'string', nodes: 'object', text: 'string', remedy: 'string' },
  drill: {
    name: 'string',
    title: 'string',
    target: 'string',
    at: 'string',
    limitMs: 'number',
    outageMs: 'number',
    asked: 'number',
    failed: 'number',
    held: 'object',
    doubledMs: 'number',
    fencedMs: 'number',
    within: 'boolean',
    answers: 'object',
  },
  end: { outcome: 'string', ms: 'number' },
}
/** Known, and of no interest here. */
const PASSED = ['fact', 'output', 'stop']
const OUTCOMES = ['ok', 'changed', 'pending', 'failed', 'unreachable', 'invalid', 'locked', 'interrupted']

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isNumbers = (value: unknown) => Array.isArray(value) && value.every((one) => Number.isFinite(one))
const isStretch = (value: unknown) =>
  isRecord(value) && Number.isFinite(value.from) && (value.to === undefined || Number.isFinite(value.to))

/** Whether what a kind of event says within lists and objects can be drawn. */
function isSound(event: Readonly<Record<string, unknown>>): boolean {
  const texts = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === 'string')
  if ('nodes' in event && !texts(event.nodes)) return false
  if (event.type === 'guard' && 'output' in event)
    return typeof event.output === 'string' && Number.isFinite(event.ms) && Number.isFinite(event.status)
  if (event.type === 'end') return OUTCOMES.includes(String(event.outcome))
  if (event.type !== 'drill') return true
  const { answers, held, outage, fenced, at } = event
  return (
    !Number.isNaN(Date.parse(String(at))) &&
    isRecord(answers) &&
    Number.isFinite(answers.from) &&
    Number(answers.step) > 0 &&
    isNumbers(answers.good) &&
    isNumbers(answers.bad) &&
    Array.isArray(held) &&
    held.every((one) => isStretch(one) && typeof one.node === 'string') &&
    (outage === undefined || (isStretch(outage) && typeof (outage as { node?: unknown }).node === 'string')) &&
    (fenced === undefined || isStretch(fenced))
  )
}

/** The event; `damaged` where it is none, `strange` where it is one of another version, undefined where it is of no interest here. */
export function eventOf(line: string): Timed | 'damaged' | 'strange' | undefined {
  let read: unknown
  try {
    read = JSON.parse(line)
  } catch {
    return 'damaged'
  }
  if (!isRecord(read) || typeof read.type !== 'string' || Number.isNaN(Date.parse(String(read.time)))) return 'damaged'
  if (PASSED.includes(read.type)) return undefined
  const needed = NEEDED[read.type]
  if (needed === undefined) return 'strange'
  const own = read
  const there = Object.entries(needed).every(([name, type]) => typeof own[name] === type && own[name] !== null)
  return there && isSound(read) ? (read as unknown as Timed) : 'strange'
}
