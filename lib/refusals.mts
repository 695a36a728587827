/** Selections of phases and nodes that would leave a cluster half made, each with the reason. */
import { hostsOf } from './config.mts'
import type { GuardEnd } from './event.mts'
import type { Job } from './exchange.mts'
import type { Phase } from './guard.mts'

/** Why the run does not begin. */
export interface Refusal {
  readonly phase: string
  readonly nodes: readonly string[]
  readonly text: string
  readonly remedy: string
}

/**
 * A phase stands on those before it: these hold on every node, or it does not begin. And what is one for the whole cluster
 * is not made on a part of it. `ends` is what the survey found on all nodes of the env file.
 */
export function refusals(job: Job, ends: readonly GuardEnd[]): readonly Refusal[] {
  const [first] = job.phases
  const open = (phase: Phase, nodes = hostsOf(job.config)) =>
    ends.filter((end) => end.phase === phase.id && end.state !== 'ok' && nodes.some(({ name }) => name === end.node))
  const refuse = (phase: Phase, found: readonly GuardEnd[], why: string, remedy: string): readonly Refusal[] =>
    found.length === 0
      ? []
      : [
          {
            phase: phase.id,
            nodes: hostsOf(job.config)
              .map(({ name }) => name)
              .filter((name) => found.some((end) => end.node === name)),
            text: `${why}; not true there: ${found[0]?.guard}`,
            remedy,
          },
        ]
  const left = hostsOf(job.config).filter((node) => !job.nodes.includes(node))
  return [
    ...job.before.flatMap((phase) =>
      refuse(
        phase,
        open(phase),
        `${first?.id} stands on it, and it does not hold`,
        `begin with it: --from ${phase.id.slice(0, 2)}, or the whole: npx zx tasks/cluster.mts`,
      ),
    ),
    ...job.phases
      .filter((phase) => phase.together)
      .flatMap((phase) =>
        refuse(
          phase,
          open(phase, left),
          'it is made on all nodes or none, and --nodes leaves some out',
          'leave --nodes away',
        ),
      ),
  ]
}
