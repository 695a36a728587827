/** Which runs are shown in full. */
import type { LoggedRun } from './run-log.mts'

/** Runs of the phases, and those that undo them; others only look, or break things on purpose. */
const WORKS = /\btasks\/(?:cluster|\d\d-[\w-]+|destroy|rotate-fernet)\.mts/

const works = (run: LoggedRun): boolean =>
  WORKS.test(run.command) || (run.command === '' && [...run.phases.keys()].some((phase) => /^\d\d-/.test(phase)))

/** `runs`: the newest first. */
export const lastRunOf = <Run extends LoggedRun>(runs: readonly Run[]): Run | undefined => runs.find(works)

export const lastChangeOf = <Run extends LoggedRun>(runs: readonly Run[]): Run | undefined =>
  runs.find((run) => works(run) && !run.plan && run.changes.length > 0)
