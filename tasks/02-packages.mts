/** 02-packages: the cluster's software is installed, and of it only chrony runs. */
import { agentsInstalled, devicesSuit } from '../lib/fencing.mts'
import { everyNode, type Phase } from '../lib/guard.mts'
import { isScript, main } from '../lib/main.mts'
import { arbitersPackages, brought, packagesOf } from '../lib/packages.mts'
import { arbiter } from '../lib/qdevice.mts'
import { timekeeping } from '../lib/time.mts'
import { timekeeperFact } from '../lib/timekeeper.mts'

export const phase: Phase = {
  id: '02-packages',
  title: 'Packages',
  makes:
    'corosync, pacemaker, resource agents, haproxy, socat, chrony and crmsh are installed; no daemon starts half-configured',
  files: [
    '/etc/chrony/sources.d/quorate.sources',
    '/etc/chrony.d/quorate.conf',
    '/etc/chrony.conf',
    '/etc/systemd/timesyncd.conf.d/quorate.conf',
  ],
  facts: () => timekeeperFact,
  steps: [
    {
      title: 'install',
      on: everyNode,
      guards: brought(packagesOf),
      keepsFacts: true,
    },
    {
      title: 'arbiter',
      on: arbiter,
      guards: brought(arbitersPackages),
      keepsFacts: true,
    },
    {
      title: 'fence agents',
      on: everyNode,
      guards: (config, facts) => [...agentsInstalled(config), ...devicesSuit(config, facts)],
      keepsFacts: true,
    },
    { title: 'time', on: everyNode, guards: timekeeping, keepsFacts: true },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/02-packages.mts', title: phase.title, phases: [phase] })
