/** 04-pacemaker: it runs on every node, and its properties fit the number of nodes and the fencing that there is. */
import type { Config } from '../lib/config.mts'
import type { Facts } from '../lib/facts.mts'
import { everyNode, firstNode, type Guard, type Phase } from '../lib/guard.mts'
import { cib } from '../lib/guards/cib.mts'
import { brought, comes, require } from '../lib/guards/require.mts'
import { service } from '../lib/guards/service.mts'
import { isScript, main } from '../lib/main.mts'
import { cibFact, FIRST_START, firstStart, membersOnline } from '../lib/pacemaker.mts'
import { clusterProperties, fenceId, fencePrimitives, resourceDefaults } from '../lib/render/cib.mts'
import { asMembers } from '../lib/ring.mts'
import { sh } from '../lib/shell.mts'

const online = (config: Config, facts: Facts): Guard[] => [
  comes(
    'every node is online in pacemaker',
    120,
    membersOnline(config, facts),
    'journalctl -u pacemaker on the node that is missing',
  ),
]

const agent = ({ fencing }: Config): Guard[] =>
  fencing === 'none'
    ? []
    : [
        require(`the fence agent ${fencing} is installed`, sh`stonith_admin --list-installed 2>/dev/null | grep -qx ${fencing} || { echo ${`no such agent: ${fencing}`}; exit 1; }`, 'install its package, or correct FENCING'),
      ]

/** Fence devices of an earlier run, when FENCING says none now: first what refers to them, or the schema forbids it. */
const unfenced = ({ fencing, nodes }: Config): readonly string[] =>
  fencing === 'none' ? nodes.flatMap(({ name }) => [`${fenceId(name)}-elsewhere`, fenceId(name)]) : []

const properties = (config: Config, facts: Facts): Guard[] => {
  const members = asMembers(config, facts)
  return [
    cib(
      'the properties and defaults are set',
      [...fencePrimitives(members), clusterProperties(members), resourceDefaults()],
      [FIRST_START, ...unfenced(members)],
    ),
  ]
}

export const phase: Phase = {
  id: '04-pacemaker',
  title: 'Pacemaker',
  facts: () => ({ cib: cibFact }),
  together: true,
  steps: [
    { title: 'software', on: everyNode, guards: () => [brought('pacemakerd', '02-packages')] },
    { title: 'start', on: everyNode, guards: (config, facts) => [...firstStart(config, facts), service('pacemaker')] },
    { title: 'online', on: everyNode, guards: online },
    { title: 'fence agent', on: everyNode, guards: agent },
    { title: 'properties', on: firstNode, guards: properties },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/04-pacemaker.mts', title: phase.title, phases: [phase] })
