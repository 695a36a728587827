/** The packages of the cluster, by the names of the Debian family. */
import type { Config } from './config.mts'
import type { Package } from './guards/package.mts'

/** What phases 01 and 02 are about. crmsh is for the operator: nothing here depends on it. */
export const packagesOf = (config: Config): readonly Package[] => [
  { name: 'corosync', units: ['corosync'] },
  { name: 'pacemaker', units: ['pacemaker'] },
  // cibadmin, crm_mon and their like are a package of their own in Debian.
  { name: 'pacemaker-cli-utils' },
  // IPaddr2 moved to resource-agents-base where the agents were split (Ubuntu 23.10, Debian 13).
  { name: 'resource-agents-base|resource-agents' },
  { name: 'haproxy', units: ['haproxy'] },
  { name: 'chrony', units: ['chrony'] },
  { name: 'crmsh', optional: true },
  ...(config.fencing === 'none'
    ? []
    : [{ name: 'fence-agents|fence-agents-all', unless: `/usr/sbin/${config.fencing}` }]),
]
