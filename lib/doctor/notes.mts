/** What is no fault, and should be known all the same: a run that is at work, nodes that have booted, what was decided. */
import type { Config, Node } from '../config.mts'
import { otherRun } from '../facts.mts'
import { UNFENCED } from '../fencing.mts'
import { builds, drilledUntil, logNames, newest } from '../run-logs.mts'
import { type Note, namesOf } from './finding.mts'
import { alike, type Seen } from './seen.mts'

/** `last` is when the last run of ours began, in milliseconds as Date.now() has it; undefined for never. */
export function notesOf(seen: Seen, last: number | undefined): readonly Note[] {
  const run = otherRun(seen.config, seen.facts)
  const rebooted = seen.up.filter((node) => {
    const boot = Number(seen.said(node, 'doctor.booted'))
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

/** When the last run that builds began, or the last drill ended: by the logs, since a checkpoint keeps the time at which it was first right. */
export function lastRun(stateDir: string): number | undefined {
  const [name] = newest(stateDir, logNames(stateDir), 1, builds)
  const [, date = '', hour, minute, second] = /^(\d{8})T(\d\d)(\d\d)(\d\d)Z/.exec(name ?? '') ?? []
  const day = date.replace(/(....)(..)(..)/, '$1-$2-$3')
  const built = date === '' ? undefined : Date.parse(`${day}T${hour}:${minute}:${second}Z`)
  const drilled = drilledUntil(stateDir)
  return built === undefined || drilled === undefined ? (built ?? drilled) : Math.max(built, drilled)
}

/** What is no fault, as the operator has decided it. */
export const decided = ({ fencing }: Config): readonly Note[] =>
  fencing === 'none' ? [{ id: 'unfenced', nodes: [], text: UNFENCED }] : []
