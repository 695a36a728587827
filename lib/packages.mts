/** The packages of the cluster, by the names of the Debian family. */
import type { Config } from './config.mts'
import { agentFile } from './fencing.mts'
import type { Package } from './guards/package.mts'
import { fenceDevices } from './render/cib.mts'
import { tlsPackages } from './tls.mts'

/** What phases 01 and 02 are about. crmsh is for the operator: nothing here depends on it. */
export const packagesOf = (config: Config): readonly Package[] => [
  { name: 'corosync', units: ['corosync'] },
  ...(config.arbiter === undefined ? [] : [{ name: 'corosync-qdevice', units: ['corosync-qdevice'] }]),
  { name: 'pacemaker', units: ['pacemaker'] },
  // cibadmin, crm_mon and their like are a package of their own in Debian.
  { name: 'pacemaker-cli-utils' },
  // IPaddr2 moved to resource-agents-base where the agents were split (Ubuntu 23.10, Debian 13).
  { name: 'resource-agents-base|resource-agents' },
  // ethmonitor, an agent that watches a network card, does not start without it.
  { name: 'iputils-arping|arping|iputils', unless: '/usr/bin/arping' },
  { name: 'haproxy', units: ['haproxy'] },
  // HAProxy is told by its socket to send a back end no new requests.
  { name: 'socat' },
  ...tlsPackages(config),
  { name: 'chrony', units: ['chrony'] },
  { name: 'crmsh', optional: true },
  ...fenceDevices(config)
    .map(({ agent }) => agent)
    .filter((agent, index, all) => all.indexOf(agent) === index)
    .flatMap((agent) => [
      { name: 'fence-agents|fence-agents-all', unless: agentFile(agent) },
      ...NEEDED.filter(([agents]) => agents.test(agent)).map(([, tool]) => tool),
    ]),
]

/** What the arbiter needs. */
export const ARBITERS_PACKAGES: readonly Package[] = [{ name: 'corosync-qnetd', units: ['corosync-qnetd'] }]

/** Programs that fence agents call and that their package does not bring (its Recommends and Suggests). */
const NEEDED: readonly (readonly [RegExp, Package])[] = [
  [/^fence_(?:ipmilan(?:plus)?|ilo[345]|idrac|imm)$/, { name: 'ipmitool', unless: '/usr/bin/ipmitool' }],
  [
    /snmp|^fence_(?:brocade|cisco_mds|cdu|emerson|eps|ibmblade|ifmib|intelmodular|ipdu|raritan_px3)$/,
    { name: 'snmp|net-snmp-utils', unless: '/usr/bin/snmpget' },
  ],
  [/^fence_(?:scsi|mpath)$/, { name: 'sg3-utils|sg3_utils', unless: '/usr/bin/sg_persist' }],
  [/^fence_(?:virsh|.*_ssh)$/, { name: 'openssh-client|openssh-clients', unless: '/usr/bin/ssh' }],
]
