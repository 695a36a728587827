/** 00-prereqs: the nodes fit together, know one another by name, agree on the time, trust one another and let traffic in. */
import { recorded } from '../lib/before.mts'
import { type Config, hostsOf, type Node } from '../lib/config.mts'
import { doorFacts, doorNotes, doors } from '../lib/doors.mts'
import type { Facts } from '../lib/facts.mts'
import { familyOf } from '../lib/family.mts'
import { keyFacts } from '../lib/fernet.mts'
import { adoptions } from '../lib/foreign.mts'
import { everyNode, type Guard, type Phase } from '../lib/guard.mts'
import { block } from '../lib/guards/file.mts'
import { farewells, leaves, usher } from '../lib/leaving.mts'
import { isScript, main } from '../lib/main.mts'
import { arbiter } from '../lib/qdevice.mts'
import { hostsLines } from '../lib/render/hosts.mts'
import { arbitersRequirements, requirements } from '../lib/requirements.mts'
import { RING_FACTS } from '../lib/ring-live.mts'
import { chronyFact, timekeeping, timeToCome } from '../lib/time.mts'
import { timekeeperFact } from '../lib/timekeeper.mts'
import { accepted, pinned, proven, rootKey, trustFacts } from '../lib/trust.mts'

const everyHost = (config: Config): readonly Node[] => hostsOf(config)

const names = (config: Config): Guard[] => [block('/etc/hosts', `quorate ${config.clusterName}`, hostsLines(config))]

/** Where chrony is not installed yet, 02-packages starts it. */
const time = (config: Config, facts: Facts, node: Node): readonly Guard[] =>
  timeToCome(config, facts, node) ? [] : timekeeping(config, facts, node)

/** The ring runs on its old links until 03-corosync: their doors are closed there. */
const open = (config: Config, facts: Facts, node: Node): Guard[] => doors(config, facts, node, true)

export const phase: Phase = {
  id: '00-prereqs',
  title: 'Nodes fit together',
  makes:
    "every problem of every node is found first; names in /etc/hosts, a time service, root's ssh keys with pinned host keys, ports opened in the firewall, SELinux as SELINUX says",
  files: [
    '/etc/hosts',
    '/root/.ssh/id_ed25519',
    '/root/.ssh/authorized_keys',
    '/etc/ssh/ssh_known_hosts',
    '/etc/chrony/sources.d/quorate.sources',
    '/etc/chrony.d/quorate.conf',
    '/etc/chrony.conf',
    '/etc/systemd/timesyncd.conf.d/quorate.conf',
    '/etc/selinux/config',
    'where the active firewall keeps its rules for the next boot',
  ],
  asks: (config, facts) => [...adoptions(config, facts), ...farewells(config, facts)],
  facts: (config) => ({
    ...trustFacts,
    ...RING_FACTS,
    ...keyFacts,
    chrony: chronyFact,
    ...timekeeperFact,
    ...doorFacts(config),
  }),
  notes: doorNotes,
  steps: [
    { title: 'requirements', on: everyNode, guards: requirements, tellAll: true },
    { title: 'arbiter', on: arbiter, guards: arbitersRequirements, tellAll: true },
    { title: 'record', on: everyHost, guards: (_, facts, node) => [recorded(familyOf(facts, node))], keepsFacts: true },
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
    { title: 'doors', on: everyNode, guards: open, keepsFacts: true },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/00-prereqs.mts', title: phase.title, phases: [phase] })
