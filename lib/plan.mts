/** How things stand: what holds, what would be changed, what depends on a change, and what only people can make true. */
import type { GuardEnd } from './event.mts'
import type { Phase } from './guard.mts'

/** `change`: a run would make it true. `depends`: it is not true now, but something before it is to be changed. */
export type Standing = 'true' | 'change' | 'depends' | 'wrong'

/** What is needed of a phase to know where a guard stands in a run. */
export type Place = Pick<Phase, 'id' | 'steps'>

/**
 * One list for each guard, in the order in which a run comes to them; in each the nodes in theirs. Nodes answer side by side,
 * and a guard may be on some of them alone.
 */
export function inOrder(
  phases: readonly Place[],
  nodes: readonly string[],
  ends: readonly GuardEnd[],
): readonly (readonly GuardEnd[])[] {
  const of = Map.groupBy(ends, (end) => JSON.stringify([end.phase, end.step, end.node]))
  return phases.flatMap(({ id, steps }) =>
    steps.flatMap(({ title }) => {
      const each = nodes.map((node) => of.get(JSON.stringify([id, title, node])) ?? [])
      const guards: string[] = []
      for (const own of each) {
        let at = 0
        for (const { guard } of own) {
          const known = guards.indexOf(guard)
          if (known < 0) guards.splice(at, 0, guard)
          at = known < 0 ? at + 1 : known + 1
        }
      }
      return guards.map((guard) => each.flatMap((own) => own.filter((end) => end.guard === guard)))
    }),
  )
}

/** `ordered`: as `inOrder` gives them. What is not true is a failure only if nothing before it waits to be changed. */
export function standings(ordered: readonly (readonly GuardEnd[])[]): ReadonlyMap<GuardEnd, Standing> {
  let changing = false
  const all = new Map<GuardEnd, Standing>()
  for (const ends of ordered) {
    for (const end of ends) {
      const change = end.state === 'pending' && !end.required
      all.set(end, end.state === 'ok' ? 'true' : change ? 'change' : changing ? 'depends' : 'wrong')
    }
    changing ||= ends.some((end) => all.get(end) === 'change')
  }
  return all
}
