/** 04-pacemaker: it runs on every node, and its properties fit the number of nodes and the fencing that there is. */
import type { Config } from '../lib/config.mts'
import type { Facts } from '../lib/facts.mts'
import { devicesAnswer, devicesRun, UNFENCED } from '../lib/fencing.mts'
import { everyNode, firstNode, type Guard, type Phase } from '../lib/guard.mts'
import { cib } from '../lib/guards/cib.mts'
import { brought, comes } from '../lib/guards/require.mts'
import { farewells } from '../lib/leaving.mts'
import { isScript, main } from '../lib/main.mts'
import {
  cibFact,
  cibNodesFact,
  FIRST_START,
  firstStart,
  forgotten,
  membersOnline,
  pacemakerRuns,
  strangers,
} from '../lib/pacemaker.mts'
import { clusterProperties, fencePrimitives, goneFencing, resourceDefaults } from '../lib/render/cib.mts'
import { asMembers } from '../lib/ring.mts'
import { RING_FACTS } from '../lib/ring-live.mts'

const online = (config: Config, facts: Facts): Guard[] => [
  comes(
    'every node is online in pacemaker',
    120,
    membersOnline(config, facts),
    'journalctl -u pacemaker on the node that is missing',
  ),
]

const properties = (config: Config, facts: Facts): Guard[] => {
  const members = asMembers(config, facts)
  return [
    cib(
      'the properties and defaults are set',
      [...fencePrimitives(members), clusterProperties(members), resourceDefaults()],
      [FIRST_START, ...goneFencing(members, strangers(config, facts))],
    ),
  ]
}

export const phase: Phase = {
  id: '04-pacemaker',
  title: 'Pacemaker',
  makes: 'every node online; properties and defaults by node count and FENCING',
  files: ['/etc/systemd/system/pacemaker.service.d/60-quorate.conf', "the CIB, pacemaker's own"],
  warns: ({ fencing }) => (fencing === 'none' ? [UNFENCED] : []),
  asks: farewells,
  facts: () => ({ ...RING_FACTS, cib: cibFact, 'cib.nodes': cibNodesFact }),
  together: true,
  steps: [
    { title: 'software', on: everyNode, guards: () => [brought('pacemakerd', '02-packages')] },
    {
      title: 'start',
      on: everyNode,
      guards: (config, facts) => [...firstStart(config, facts), ...pacemakerRuns(config)],
    },
    { title: 'online', on: everyNode, guards: online },
    { title: 'fence devices', on: everyNode, guards: devicesAnswer },
    // What the CIB has for a node that left goes before the node: by its name it is found.
    { title: 'properties', on: firstNode, guards: properties },
    { title: 'farewell', on: firstNode, guards: forgotten },
    { title: 'fencing', on: firstNode, guards: devicesRun },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/04-pacemaker.mts', title: phase.title, phases: [phase] })
