/** Takes the cluster away again: endpoints, services, files, firewall rules and trust, until the nodes are as they were. */
import {
  arbiterLeft,
  filesBack,
  notAdopted,
  packagesGone,
  putBack,
  recordGone,
  servicesBack,
  stateGone,
  stopped,
} from '../lib/away.mts'
import { type Config, hostsOf, vipsOf } from '../lib/config.mts'
import { familyOf } from '../lib/family.mts'
import { everyNode, firstNode, type Phase } from '../lib/guard.mts'
import { closed } from '../lib/guards/firewall.mts'
import { keysForgotten } from '../lib/guards/repository.mts'
import { selinuxBack } from '../lib/guards/selinux.mts'
import { movedBack, undoFact } from '../lib/keystone.mts'
import { isScript, main } from '../lib/main.mts'
import { arbiter } from '../lib/qdevice.mts'

const everyHost = (config: Config) => hostsOf(config)

const question = (config: Config): readonly string[] => [
  `The cluster ${config.clusterName} on ${config.nodes.map(({ name }) => name).join(', ')} is taken away: the endpoints go back to where they were, and the VIP ${vipsOf(
    config,
  )
    .map(({ address }) => address)
    .join(' with ')} is gone`,
]

const PHASES: readonly Phase[] = [
  {
    id: 'endpoints',
    title: 'Endpoints back',
    asks: question,
    facts: () => ({ undo: undoFact }),
    together: true,
    steps: [{ title: 'endpoints', on: firstNode, guards: movedBack }],
  },
  {
    id: 'stop',
    title: 'Cluster stopped',
    asks: question,
    together: true,
    steps: [
      { title: 'services', on: everyNode, guards: () => [notAdopted(), stopped()] },
      { title: 'arbiter', on: arbiter, guards: (config) => [arbiterLeft(config)] },
    ],
  },
  {
    id: 'files',
    title: 'Files, firewall and trust as before',
    asks: question,
    together: true,
    steps: [
      {
        title: 'firewall',
        on: everyHost,
        guards: (config) => [closed(config), selinuxBack()],
      },
      {
        title: 'files',
        on: everyHost,
        guards: (_, facts, node) => {
          const family = familyOf(facts, node)
          return [stateGone(), keysForgotten(), filesBack(family), servicesBack(family)]
        },
      },
    ],
  },
]

const PACKAGES: Phase = {
  id: 'packages',
  title: 'Packages gone',
  asks: question,
  together: true,
  steps: [
    {
      title: 'packages',
      on: everyHost,
      guards: (config, facts, node) => [putBack(), packagesGone(config, familyOf(facts, node))],
    },
  ],
}

const RECORD: Phase = {
  id: 'record',
  title: 'Nothing left',
  asks: question,
  together: true,
  steps: [{ title: 'record', on: everyHost, guards: () => [putBack(), recordGone()] }],
}

if (isScript(import.meta))
  await main({
    script: 'tasks/destroy.mts',
    title: 'Takes the cluster away again and puts back what was there; --packages: the packages too.',
    phases: [...PHASES, PACKAGES, RECORD],
    without: ({ packages }) => (packages ? [] : [PACKAGES.id]),
    forgets: true,
  })
