/** All that the phases would send to the nodes of a cluster. */
import type { Config, Node } from '../../lib/config.mts'
import { type Facts, factsFrom } from '../../lib/facts.mts'
import { type Draft, type Guard, phaseOf } from '../../lib/guard.mts'
import { phase as prereqs } from '../../tasks/00-prereqs.mts'
import { phase as repos } from '../../tasks/01-repos.mts'
import { phase as packages } from '../../tasks/02-packages.mts'
import { phase as corosync } from '../../tasks/03-corosync.mts'
import { phase as pacemaker } from '../../tasks/04-pacemaker.mts'
import { phase as vip } from '../../tasks/05-vip.mts'
import { phase as haproxy } from '../../tasks/06-haproxy.mts'
import { phase as endpoints } from '../../tasks/07-keystone-endpoints.mts'
import { phase as doctor } from '../../tasks/doctor.mts'
import { phase as verify } from '../../tasks/verify.mts'

export const PHASES: readonly Draft[] = [
  prereqs,
  repos,
  packages,
  corosync,
  pacemaker,
  vip,
  haproxy,
  endpoints,
  verify,
  doctor,
]

/** An env file for two nodes, with these services behind the VIP. */
export const twoNodes = (services: string): string => `NODES="
192.0.2.11 n1.example.org n1
192.0.2.12 n2.example.org n2"
VIP=192.0.2.100/24
FENCING=none
SERVICES="${services}"
`

/** What each node says, by the names of the facts. */
export function factsOf(config: Config, each: (node: Node, index: number) => Readonly<Record<string, string>>): Facts {
  return factsFrom(new Map(config.nodes.map((node, index) => [node.name, new Map(Object.entries(each(node, index)))])))
}

export interface Placed {
  readonly where: string
  readonly guard: Guard
}
export const guardsOf = (config: Config, facts: Facts, phases = PHASES): readonly Placed[] =>
  phases.flatMap((phase) =>
    phaseOf(phase, config).steps.flatMap((step) =>
      step
        .on(config, facts)
        .flatMap((node) =>
          [
            ...(step.around?.(config, facts, node).before ?? []),
            ...step.guards(config, facts, node),
            ...(step.around?.(config, facts, node).after ?? []),
          ].map((guard) => ({ where: `${phase.id}, ${step.title}, ${node.name}: ${guard.title}`, guard })),
        ),
    ),
  )

/** Each text that can be sent to a node, and where it is from. */
export const textsOf = (config: Config, facts: Facts) => [
  ...guardsOf(config, facts).flatMap(({ where, guard }) => [
    [`${where}, check`, guard.check] as const,
    [`${where}, apply`, guard.apply ?? ':'] as const,
  ]),
  ...PHASES.flatMap((phase) =>
    Object.entries({ ...phase.facts?.(config), ...phase.slowFacts?.(config, facts) }).map(
      ([name, text]) => [`fact ${name} of ${phase.id}`, text] as const,
    ),
  ),
]
