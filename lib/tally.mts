/** Counts per phase and node, made of the events: for the summary and for --json. */
import type { Emit, Event, GuardEnd } from './event.mts'

export interface Count {
  ok: number
  /** Changed, or in a plan: would be changed. */
  changed: number
  failed: number
  ms: number
}

export interface Tally {
  readonly emit: Emit
  /** By phase, then by node. */
  readonly phases: ReadonlyMap<string, ReadonlyMap<string, Count>>
  /** How each guard ended. */
  readonly ends: () => readonly GuardEnd[]
  readonly failures: readonly GuardEnd[]
  readonly lost: readonly Extract<Event, { type: 'unreachable' }>[]
  readonly refused: readonly Extract<Event, { type: 'refused' }>[]
  readonly holders: readonly Extract<Event, { type: 'lock' }>[]
}

export const isFailure = (end: Pick<GuardEnd, 'state'>): boolean => end.state === 'failed' || end.state === 'unsure'

/**
 * A guard seen twice in a run (in the survey, then in its phase) counts once, as it ended last. `order`: the nodes, as they
 * are to be listed. In a `plan` what is pending counts as changed. Else what the survey alone has seen is no result: its
 * phase will tell, or the run ends before it comes to that.
 */
export function tally(order: readonly string[], plan: boolean): Tally {
  const begun = new Set<string>()
  const result = ({ phase, state }: GuardEnd) =>
    plan || (state !== 'pending' && (state !== 'unsure' || begun.has(phase)))
  const last = new Map<string, GuardEnd>()
  const phases = new Map<string, Map<string, Count>>()
  const failures: GuardEnd[] = []
  const lost: Extract<Event, { type: 'unreachable' }>[] = []
  const refused: Extract<Event, { type: 'refused' }>[] = []
  const holders: Extract<Event, { type: 'lock' }>[] = []
  const count = (end: GuardEnd, by: 1 | -1) => {
    const nodes = phases.get(end.phase) ?? new Map(order.map((node) => [node, { ok: 0, changed: 0, failed: 0, ms: 0 }]))
    phases.set(end.phase, nodes)
    const one = nodes.get(end.node) ?? { ok: 0, changed: 0, failed: 0, ms: 0 }
    nodes.set(end.node, one)
    one.ms += by * end.ms
    if (end.state === 'ok') one.ok += by
    if (end.state === 'changed' || end.state === 'pending') one.changed += by
    if (isFailure(end)) one.failed += by
  }
  const ended = (end: GuardEnd) => {
    const key = JSON.stringify([end.phase, end.step, end.node, end.guard])
    const before = last.get(key)
    // What a run has changed stays changed, also when it is looked at again later.
    if (before?.state === 'changed' && end.state === 'ok') return
    if (before) count(before, -1)
    if (before && isFailure(before)) failures.splice(failures.indexOf(before), 1)
    last.set(key, end)
    count(end, 1)
    if (isFailure(end)) failures.push(end)
  }
  return {
    emit: (event) => {
      if (event.type === 'phase' && event.state === 'start') begun.add(event.phase)
      if (event.type === 'guard' && 'output' in event && result(event)) ended(event)
      // A node that dies ends each session that it had.
      if (event.type === 'unreachable' && !lost.some((one) => one.node === event.node)) lost.push(event)
      if (event.type === 'refused') refused.push(event)
      if (event.type === 'lock' && event.state === 'held') holders.push(event)
    },
    // Ids begin with their number. What the survey saw of a later phase may be counted before an earlier one has run.
    get phases() {
      return new Map([...phases].sort(([one], [two]) => (one < two ? -1 : 1)))
    },
    ends: () => [...last.values()],
    failures,
    lost,
    refused,
    holders,
  }
}
