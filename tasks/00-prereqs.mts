/** 00-prereqs: the nodes fit together, know one another by name, agree on the time, trust one another and let traffic in. */
import { recorded } from '../lib/before.mts'
import { type Config, hostsOf, type Node } from '../lib/config.mts'
import type { Facts } from '../lib/facts.mts'
import { everyNode, type Guard, type Phase } from '../lib/guard.mts'
import { block } from '../lib/guards/file.mts'
import { firewallOff, opened, selinux } from '../lib/guards/firewall.mts'
import { farewells, leaves, usher } from '../lib/leaving.mts'
import { isScript, main } from '../lib/main.mts'
import { arbiter } from '../lib/qdevice.mts'
import { hostsLines } from '../lib/render/hosts.mts'
import { arbitersRequirements, requirements } from '../lib/requirements.mts'
import { linkAddresses, linkNumbers, RING_PORT } from '../lib/ring.mts'
import { RING_FACTS } from '../lib/ring-live.mts'
import { servicesOf } from '../lib/services.mts'
import { chronyFact, chronyInstalled, timekeeping } from '../lib/time.mts'
import { accepted, pinned, proven, rootKey, trustFacts } from '../lib/trust.mts'

const everyHost = (config: Config): readonly Node[] => hostsOf(config)

const names = (config: Config): Guard[] => [block('/etc/hosts', `quorate ${config.clusterName}`, hostsLines(config))]

/** Where chrony is not installed yet, 02-packages starts it. */
const time = (config: Config, facts: Facts, node: Node): readonly Guard[] =>
  chronyInstalled(facts, node) ? timekeeping(config) : []

const doors = (config: Config, facts: Facts): Guard[] => {
  const from = config.nodes.flatMap((node) => linkAddresses(config, facts, node))
  const ring =
    config.transport === 'udp'
      ? [config.mcastPort - 1, config.mcastPort]
      : [RING_PORT, RING_PORT + Math.max(...linkNumbers(config, facts))]
  const openings = [
    { protocol: 'udp' as const, ports: ring as [number, number], from },
    ...servicesOf(config).map(({ port }) => ({ protocol: 'tcp' as const, ports: [port, port] as const, from: [] })),
  ]
  const firewall = { open: [opened(openings)], off: [firewallOff()], keep: [] }[config.firewall]
  return [...firewall, selinux(config.selinux)]
}

export const phase: Phase = {
  id: '00-prereqs',
  title: 'Nodes fit together',
  asks: farewells,
  facts: () => ({ ...trustFacts, ...RING_FACTS, chrony: chronyFact }),
  steps: [
    { title: 'requirements', on: everyNode, guards: requirements, tellAll: true },
    { title: 'arbiter', on: arbiter, guards: arbitersRequirements, tellAll: true },
    { title: 'record', on: everyHost, guards: () => [recorded()], keepsFacts: true },
    { title: 'leave', on: usher, guards: leaves },
    { title: 'names', on: everyNode, guards: names, keepsFacts: true },
    { title: 'time', on: everyNode, guards: time, keepsFacts: true },
    { title: 'keys', on: everyNode, guards: () => [rootKey()] },
    {
      title: 'trust',
      on: everyNode,
      guards: (config, facts, node) => [accepted(config, facts, node), pinned(config, facts)],
      keepsFacts: true,
    },
    {
      title: 'logins',
      on: everyNode,
      guards: (config, facts, node) => [proven(config, facts, node)],
      keepsFacts: true,
    },
    { title: 'doors', on: everyNode, guards: doors, keepsFacts: true },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/00-prereqs.mts', title: phase.title, phases: [phase] })
