/** A run log as data: whole, cut off, of another version or damaged, each line that can be read counts. */
import type { DrillEnd, Event, GuardEnd, Outcome } from '../event.mts'
import { type Count, isFailure, tally } from '../tally.mts'
import { eventOf, type Timed } from './log-line.mts'

type Of<Type extends Event['type']> = Extract<Event, { readonly type: Type }>

/** What a node did in a phase, in milliseconds since the run began. */
export interface Span {
  readonly phase: string
  readonly node: string
  readonly from: number
  readonly to: number
  readonly state: 'survey' | 'ok' | 'changed' | 'failed'
}

export interface LoggedRun {
  readonly id: string
  /** ISO 8601; empty where the log does not say. */
  readonly began: string
  readonly command: string
  readonly nodes: readonly string[]
  readonly plan: boolean
  /** `unknown`: the log ends before the run did. */
  readonly outcome: Outcome | 'unknown'
  readonly ms: number
  readonly counts: Omit<Count, 'ms'>
  readonly phases: ReadonlyMap<string, ReadonlyMap<string, Count>>
  /** What was changed, or in a plan would be; the output is what differed before. */
  readonly changes: readonly GuardEnd[]
  readonly failures: readonly GuardEnd[]
  readonly lost: readonly Of<'unreachable'>[]
  readonly refused: readonly Of<'refused'>[]
  readonly holders: readonly Of<'lock'>[]
  readonly notes: readonly Of<'note'>[]
  readonly drills: readonly DrillEnd[]
  readonly spans: readonly Span[]
  readonly bug: boolean
  /** Lines that are no event, and events that are of another version. */
  readonly damaged: number
  readonly strange: number
}

/** The ids in their order: those of phases by their numbers, before the others. */
const inOrder = (ids: readonly string[]) => [
  ...ids.filter((id) => /^\d/.test(id)).sort(),
  ...ids.filter((id) => !/^\d/.test(id)),
]

/** `text`: the lines of the log; `id`: that of the run. */
export function readRun(id: string, text: string): LoggedRun {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const read = lines.map(eventOf)
  const events = read.filter((one): one is Timed => typeof one === 'object')
  const of = <Type extends Event['type']>(type: Type) =>
    events.filter((event): event is Of<Type> & Timed => event.type === type)
  const [run] = of('run')
  const end = of('end').at(-1)
  const ends = of('guard').filter((event): event is GuardEnd & Timed => 'output' in event)
  const nodes = run?.nodes ?? [...new Set(ends.map(({ node }) => node))]
  const chosen = (event: Event) =>
    !(
      'phase' in event &&
      run?.phases &&
      ![...run.phases, 'survey'].includes(event.phase) &&
      event.type !== 'refused'
    ) && !(event.type === 'guard' && !nodes.includes(event.node))
  const plan = / --plan\b/.test(run?.command ?? '')
  const ids = inOrder([...new Set(ends.map(({ phase }) => phase))])
  const places = ids.map((phase) => ({
    id: phase,
    steps: [...new Set(ends.filter((one) => one.phase === phase).map(({ step }) => step))].map((title) => ({
      title,
      on: () => [],
      guards: () => [],
    })),
  }))
  const counts = tally(nodes, places, plan)
  for (const event of events) if (chosen(event)) counts.emit(event)
  const { phases } = counts
  const sum = { ok: 0, changed: 0, failed: 0 }
  for (const count of [...phases.values()].flatMap((own) => [...own.values()]))
    for (const key of ['ok', 'changed', 'failed'] as const) sum[key] += count[key]
  const began = run?.time ?? events[0]?.time ?? ''
  return {
    id,
    began,
    command: run?.command ?? '',
    nodes,
    plan,
    outcome: end?.outcome ?? 'unknown',
    ms: end?.ms ?? Math.max(0, Date.parse(events.at(-1)?.time ?? '') - Date.parse(began) || 0),
    counts: sum,
    phases,
    changes: changesOf(counts.ordered().flat(), ends, plan),
    failures: counts.failures,
    lost: counts.lost,
    refused: counts.refused,
    holders: counts.holders,
    notes: of('note').filter(chosen),
    drills: of('drill'),
    spans: spansOf(events.filter(chosen), Date.parse(began)),
    bug: of('bug').length > 0,
    damaged: read.filter((one) => one === 'damaged').length,
    strange: read.filter((one) => one === 'strange').length,
  }
}

/** A change says what it did; what differed is what the survey said before. */
function changesOf(ordered: readonly GuardEnd[], ends: readonly GuardEnd[], plan: boolean): readonly GuardEnd[] {
  const key = (end: GuardEnd) => JSON.stringify([end.phase, end.step, end.node, end.guard])
  const before = new Map(ends.filter(({ state }) => state === 'pending').map((end) => [key(end), end.output]))
  const wanted = ordered.filter((end) => (plan ? end.state === 'pending' && !end.required : end.state === 'changed'))
  return wanted.map((end) => ({ ...end, output: before.get(key(end)) || end.output }))
}

/** A span for each node in the survey, and for each guard that was run after it. */
function spansOf(events: readonly Timed[], began: number): readonly Span[] {
  const at = ({ time }: Timed) => Math.max(0, Date.parse(time) - began)
  const surveyed = events.find((one) => one.type === 'phase' && one.phase === 'survey' && one.state === 'end')
  const over = surveyed ? at(surveyed) : Infinity
  const survey = new Map<string, [from: number, to: number]>()
  const open = new Map<string, number>()
  const spans: Span[] = []
  for (const event of events) {
    const now = at(event)
    if (event.type === 'script' && now <= over) {
      const [from] = survey.get(event.node) ?? [now]
      survey.set(event.node, [from, now])
    }
    if (event.type !== 'guard' || now <= over) continue
    const { phase, node } = event
    const key = JSON.stringify([phase, node, event.guard])
    if (event.state === 'start') open.set(key, now)
    if (!('output' in event) || event.state === 'skipped') continue
    const state = isFailure(event) ? 'failed' : event.state === 'changed' ? 'changed' : 'ok'
    spans.push({ phase, node, from: open.get(key) ?? Math.max(0, now - event.ms), to: now, state })
  }
  return [
    ...[...survey].map(([node, [from, to]]) => ({ phase: 'survey', node, from, to, state: 'survey' as const })),
    ...spans,
  ]
}
