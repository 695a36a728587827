/** 01-repos: every package that will be installed is on offer. */
import { everyNode, type Phase } from '../lib/guard.mts'
import { isScript, main } from '../lib/main.mts'
import { arbitersPackages, onOffer, packagesOf } from '../lib/packages.mts'
import { arbiter } from '../lib/qdevice.mts'
import { extraRepositories, ownRepositories, SECTIONS_FACT } from '../lib/repositories.mts'
import { timekeeperFact } from '../lib/timekeeper.mts'

export const phase: Phase = {
  id: '01-repos',
  title: 'Package repositories',
  facts: () => ({ repositories: SECTIONS_FACT, ...timekeeperFact }),
  steps: [
    { title: 'sources', on: everyNode, guards: extraRepositories, keepsFacts: true },
    { title: 'distribution', on: everyNode, guards: ownRepositories, keepsFacts: true },
    { title: 'arbiter', on: arbiter, guards: onOffer(arbitersPackages), keepsFacts: true },
    { title: 'candidates', on: everyNode, guards: onOffer(packagesOf), keepsFacts: true },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/01-repos.mts', title: phase.title, phases: [phase] })
