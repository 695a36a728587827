/** What is no fault, and should be known all the same: a run that is at work, nodes that have booted, what was decided. */
import type { Config, Node } from '../config.mts'
import type { Job } from '../exchange.mts'
import { otherRun } from '../facts.mts'
import { UNFENCED } from '../fencing.mts'
import { type Note, namesOf } from './finding.mts'
import { alike, type Seen } from './seen.mts'

/** When the last run of ours has put something on record there; undefined for never. */
export type LastRun = (node: Node) => number | undefined

export function notesOf(seen: Seen, lastRun: LastRun): readonly Note[] {
  const run = otherRun(seen.config, seen.facts)
  const rebooted = seen.up.filter((node) => {
    const [boot, last] = [Number(seen.said(node, 'doctor.booted')), lastRun(node)]
    return boot > 0 && last !== undefined && boot * 1000 > last
  })
  const when = (node: Node) => new Date(Number(seen.said(node, 'doctor.booted')) * 1000).toISOString().slice(0, 19)
  return [
    ...(run
      ? [
          {
            id: 'run-under-way',
            nodes: [run.node],
            text: `another run is at work, and some of this may be its doing: ${run.owner}`,
          },
        ]
      : []),
    ...(rebooted.length === 0
      ? []
      : [
          {
            id: 'rebooted',
            nodes: namesOf(rebooted),
            text: `booted since the last run of ours: ${alike(rebooted, when)
              .map(([time, nodes]) => `${namesOf(nodes).join(', ')} at ${time}Z`)
              .join('; ')}`,
          },
        ]),
  ]
}

/** By the checkpoints of all phases. */
export const lastRun =
  ({ checkpoints, before }: Job): LastRun =>
  ({ name }) => {
    const times = before.flatMap(({ id }) => Date.parse(checkpoints.get(id, name)?.time ?? '') || [])
    return times.length === 0 ? undefined : Math.max(...times)
  }

/** What is no fault, as the operator has decided it. */
export const decided = ({ fencing }: Config): readonly Note[] =>
  fencing === 'none' ? [{ id: 'unfenced', nodes: [], text: UNFENCED }] : []
