/** Counts per phase and node, made of the events: for the summary and for --json. */
import type { Emit, Event, GuardEnd } from './event.mts'
import { inOrder, type Place, standings } from './plan.mts'

export interface Count {
  ok: number
  /** Changed, or in a plan: would be changed. What depends on a change counts as none of these. */
  changed: number
  failed: number
  ms: number
}

export interface Tally {
  readonly emit: Emit
  /** By phase, then by node. */
  readonly phases: ReadonlyMap<string, ReadonlyMap<string, Count>>
  /** How each guard ended, as `inOrder` gives it. */
  readonly ordered: () => readonly (readonly GuardEnd[])[]
  readonly failures: readonly GuardEnd[]
  readonly lost: readonly Extract<Event, { type: 'unreachable' }>[]
  readonly refused: readonly Extract<Event, { type: 'refused' }>[]
  /** Of the lock that is in our way, and of one that does not mind us. */
  readonly holders: readonly Extract<Event, { type: 'lock' }>[]
  readonly seen: readonly Extract<Event, { type: 'lock' }>[]
}

export const isFailure = (end: Pick<GuardEnd, 'state'>): boolean => end.state === 'failed' || end.state === 'unsure'

/**
 * A guard seen twice in a run (in the survey, then in its phase) counts once, as it ended last. `order`: the nodes, as they
 * are to be listed. In a `plan` what would be changed counts as changed, and what is not true although nothing is to be
 * changed before it as failed. Else what the survey alone has seen is no result: its phase will tell, or the run ends before
 * it comes to that.
 */
export function tally(order: readonly string[], phases: readonly Place[], plan: boolean): Tally {
  const begun = new Set<string>()
  const result = ({ phase, state }: GuardEnd) =>
    plan || (state !== 'pending' && (state !== 'unsure' || begun.has(phase)))
  const last = new Map<string, GuardEnd>()
  const lost: Extract<Event, { type: 'unreachable' }>[] = []
  const refused: Extract<Event, { type: 'refused' }>[] = []
  const holders: Extract<Event, { type: 'lock' }>[] = []
  const seen: Extract<Event, { type: 'lock' }>[] = []
  const ended = (end: GuardEnd) => {
    const key = JSON.stringify([end.phase, end.step, end.node, end.guard])
    // What a run has changed stays changed, also when it is looked at again later.
    if (last.get(key)?.state === 'changed' && end.state === 'ok') return
    last.set(key, end)
  }
  const ordered = () => inOrder(phases, order, [...last.values()])
  const failed = () => {
    const standing = plan ? standings(ordered()) : undefined
    return (end: GuardEnd) => (standing ? standing.get(end) === 'wrong' : isFailure(end))
  }
  return {
    emit: (event) => {
      // Steps of a phase may come before it.
      if ((event.type === 'phase' && event.state === 'start') || event.type === 'step') begun.add(event.phase)
      if (event.type === 'guard' && 'output' in event && result(event)) ended(event)
      // A node that dies ends each session that it had.
      if (event.type === 'unreachable' && !lost.some((one) => one.node === event.node)) lost.push(event)
      if (event.type === 'refused') refused.push(event)
      if (event.type === 'lock' && event.state === 'held') holders.push(event)
      if (event.type === 'lock' && event.state === 'seen') seen.push(event)
    },
    get phases() {
      const counts = new Map<string, Map<string, Count>>()
      const isFailed = failed()
      for (const end of ordered().flat()) {
        const nodes =
          counts.get(end.phase) ?? new Map(order.map((node) => [node, { ok: 0, changed: 0, failed: 0, ms: 0 }]))
        counts.set(end.phase, nodes)
        const one = nodes.get(end.node) as Count
        one.ms += end.ms
        if (end.state === 'ok') one.ok++
        else if (isFailed(end)) one.failed++
        else if (end.state === 'changed' || (end.state === 'pending' && !end.required)) one.changed++
      }
      return counts
    },
    ordered,
    get failures() {
      return ordered().flat().filter(failed())
    },
    lost,
    refused,
    holders,
    seen,
  }
}
