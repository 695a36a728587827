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
  makes:
    'extra repositories with their keys, HighAvailability where the distribution has it off; every package to be installed has a candidate',
  files: [
    '/etc/apt/sources.list.d/quorate.sources',
    '/etc/apt/sources.list.d/quorate.list',
    '/etc/apt/auth.conf.d/quorate.conf',
    '/etc/apt/keyrings/quorate-*',
    '/etc/yum.repos.d/quorate.repo',
    '/etc/zypp/repos.d/quorate.repo',
    '/etc/zypp/credentials.d/quorate-*',
    '/etc/pki/rpm-gpg/quorate-*',
    '/etc/yum.repos.d/*',
  ],
  facts: () => ({ repositories: SECTIONS_FACT, ...timekeeperFact }),
  steps: [
    { title: 'sources', on: everyNode, guards: extraRepositories, keepsFacts: true },
    { title: 'distribution', on: everyNode, guards: ownRepositories, keepsFacts: true },
    { title: 'arbiter', on: arbiter, guards: onOffer(arbitersPackages), keepsFacts: true },
    { title: 'candidates', on: everyNode, guards: onOffer(packagesOf), keepsFacts: true },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/01-repos.mts', title: phase.title, phases: [phase] })
