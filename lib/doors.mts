/** The ports that the cluster needs, who may come in, and what keeps them out: firewalls and SELinux. */
import { contains } from './address.mts'
import { type Config, type Node, vipsOf } from './config.mts'
import { addresses, type Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { closed, firewallOff, opened, unnamed } from './guards/firewall.mts'
import type { Opening } from './guards/opening.mts'
import { selinuxFact, selinuxKept, selinuxMode } from './guards/selinux.mts'
import { linkAddresses, linkCount, linkNumbers, RING_PORT } from './ring.mts'
import { knownMembers } from './ring-live.mts'
import { portsOf } from './services.mts'

type Ports = Opening['ports']
/** The UDP ports of corosync with links up to this one. */
const ringPorts = (config: Config, last: number): Ports =>
  config.transport === 'udp' ? [config.mcastPort - 1, config.mcastPort] : [RING_PORT, RING_PORT + last]

const lastLink = (config: Config, facts: Facts, still: boolean): number => {
  const known = still ? knownMembers(facts, config.nodes).flatMap((member) => [...member.addresses.keys()]) : []
  return Math.max(...linkNumbers(config, facts), ...known)
}

/** The cards that have one of these addresses, or one in the network of it. */
const cardsOf = (facts: Facts, node: Node, wanted: (address: string) => boolean): readonly string[] => [
  ...new Set(addresses(facts, node).flatMap(({ address, device }) => (wanted(address) ? [device] : []))),
]

/** `still`: also for the links that a ring has which is to be changed. */
export function openings(config: Config, facts: Facts, node: Node, still: boolean): readonly Opening[] {
  const known = still ? knownMembers(facts, config.nodes).flatMap((member) => [...member.addresses.values()]) : []
  const from = [...new Set([...config.nodes.flatMap((one) => linkAddresses(config, facts, one)), ...known])]
  const vips = vipsOf(config)
  const api = cardsOf(facts, node, (address) => address === node.address || vips.some((vip) => contains(vip, address)))
  return [
    {
      protocol: 'udp',
      ports: ringPorts(config, lastLink(config, facts, still)),
      from,
      on: cardsOf(facts, node, (address) => from.includes(address)),
    },
    ...portsOf(config).map((port): Opening => ({ protocol: 'tcp', ports: [port, port], from: [], on: api })),
  ]
}

export const doors = (config: Config, facts: Facts, node: Node, still: boolean): Guard[] => [
  ...{
    open: () => [opened(config, openings(config, facts, node, still))],
    // Rules of an earlier run, while what has them still runs.
    off: () => [closed(config), firewallOff()],
    keep: () => [closed(config)],
  }[config.firewall](),
  ...(config.selinux === 'keep'
    ? selinuxKept(ringPorts(config, lastLink(config, facts, still)))
    : [selinuxMode(config.selinux)]),
]

/** What the notes below are made of. */
export const doorFacts = (config: Config): Readonly<Record<string, string>> => ({
  selinux: selinuxFact,
  ...(config.firewall === 'keep'
    ? {
        'firewall.unnamed': unnamed([
          { protocol: 'udp', ports: ringPorts(config, linkCount(config) - 1) },
          ...portsOf(config).map((port) => ({ protocol: 'tcp' as const, ports: [port, port] as const })),
        ]),
      }
    : {}),
})

/** What is left to the operator: ports that FIREWALL=keep leaves closed, and a reboot that SELINUX waits for. */
export function doorNotes(config: Config, facts: Facts): readonly string[] {
  const closedOn = Map.groupBy(config.nodes, (node) => facts.get(node, 'firewall.unnamed').split('\n').join(', '))
  const waiting = config.nodes.filter((node) => {
    const now = facts.get(node, 'selinux')
    return { keep: false, permissive: now === 'Disabled', disabled: now === 'Enforcing' || now === 'Permissive' }[
      config.selinux
    ]
  })
  return [
    ...[...closedOn]
      .filter(([ports]) => ports !== '')
      .map(
        ([ports, nodes]) =>
          `FIREWALL=keep: on ${nodes.map(({ name }) => name).join(', ')} a firewall turns away what it does not know, and none of its rules names ${ports}: admit them there, the ring's from the nodes alone, or set FIREWALL=open`,
      ),
    ...(waiting.length === 0
      ? []
      : [
          `SELINUX=${config.selinux} is true of ${waiting.map(({ name }) => name).join(', ')} after a reboot${config.selinux === 'disabled' ? '; until then nothing is enforced. Since RHEL 9 the kernel has it all the same, without a policy, unless it starts with selinux=0: grubby --update-kernel ALL --args selinux=0' : ''}`,
        ]),
  ]
}
