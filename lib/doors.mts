/** The ports that the cluster needs, and who may come in. */
import type { Config } from './config.mts'
import type { Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { firewallOff, type Opening, opened, selinux } from './guards/firewall.mts'
import { linkAddresses, linkNumbers, RING_PORT } from './ring.mts'
import { knownMembers } from './ring-live.mts'
import { portsOf } from './services.mts'

/** `still`: also for the links that a ring has which is to be changed. */
export function openings(config: Config, facts: Facts, still: boolean): readonly Opening[] {
  const known = still ? knownMembers(facts, config.nodes).flatMap(({ addresses }) => [...addresses]) : []
  const from = config.nodes.flatMap((node) => linkAddresses(config, facts, node))
  const last = Math.max(...linkNumbers(config, facts), ...known.map(([link]) => link))
  const ring: readonly [number, number] =
    config.transport === 'udp' ? [config.mcastPort - 1, config.mcastPort] : [RING_PORT, RING_PORT + last]
  return [
    { protocol: 'udp', ports: ring, from: [...new Set([...from, ...known.map(([, address]) => address)])] },
    ...portsOf(config).map((port): Opening => ({ protocol: 'tcp', ports: [port, port], from: [] })),
  ]
}

export const doors = (config: Config, facts: Facts, still: boolean): Guard[] => [
  ...{ open: [opened(config, openings(config, facts, still))], off: [firewallOff()], keep: [] }[config.firewall],
  selinux(config.selinux),
]
