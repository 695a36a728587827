/** The packages of the cluster, in each family by the names that they have there. */
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import { type Family, familyOf, type PackageName, packageName } from './family.mts'
import { agentFile } from './fencing.mts'
import type { Guard } from './guard.mts'
import { installed, offered, type Package, unmasked } from './guards/package.mts'
import { fenceDevices } from './render/cib.mts'
import { keptByOther } from './timekeeper.mts'
import { tlsPackages } from './tls.mts'

type Wanted = Omit<Package, 'name' | 'version' | 'units'> & {
  readonly name: PackageName
  readonly units?: readonly (string | keyof Family['units'])[]
  /** Called otherwise than the family has it. */
  readonly as?: string
}

/** As the manager of the family has it, in the version of the env file. */
const inFamily = (config: Config, family: Family, { name, as, units = [], ...rest }: Wanted): Package => ({
  ...rest,
  name: as ?? packageName(family, name),
  version: config.versions[name],
  units: units.map((unit) => family.units[unit as keyof Family['units']] ?? unit),
})

/** What phases 01 and 02 are about. crmsh is for the operator: nothing here depends on it. */
const wanted = (config: Config, family: Family): readonly Wanted[] => [
  { name: 'corosync', units: ['corosync'] },
  ...(config.arbiter === undefined ? [] : [{ name: 'corosync-qdevice', units: ['corosync-qdevice'] } as const]),
  { name: 'pacemaker', units: ['pacemaker'] },
  { name: 'pacemaker-cli' },
  { name: 'resource-agents' },
  // ethmonitor, an agent that watches a network card, does not start without it.
  { name: 'arping', unless: '/usr/bin/arping' },
  { name: 'haproxy', units: ['haproxy'] },
  // HAProxy is told by its socket to send a back end no new requests.
  { name: 'socat' },
  ...tlsPackages(config),
  { name: 'chrony', units: ['chrony'] },
  { name: 'crmsh', optional: true },
  ...fenceDevices(config)
    .map(({ agent }) => agent)
    .filter((agent, index, all) => all.indexOf(agent) === index)
    .flatMap((agent): Wanted[] => [
      { name: 'fence-agents', as: family.fenceAgents(agent), unless: agentFile(agent) },
      ...NEEDED.filter(([agents]) => agents.test(agent)).map(([, tool]) => tool),
    ]),
]

/** Programs that fence agents call and that their package does not bring (its Recommends and Suggests). */
const NEEDED: readonly (readonly [RegExp, Wanted])[] = [
  [/^fence_(?:ipmilan(?:plus)?|ilo[345]|idrac|imm)$/, { name: 'ipmitool', unless: '/usr/bin/ipmitool' }],
  [
    /snmp|^fence_(?:brocade|cisco_mds|cdu|emerson|eps|ibmblade|ifmib|intelmodular|ipdu|raritan_px3)$/,
    { name: 'snmp', unless: '/usr/bin/snmpget' },
  ],
  [/^fence_(?:scsi|mpath)$/, { name: 'sg3-utils', unless: '/usr/bin/sg_persist' }],
  [/^fence_(?:virsh|.*_ssh)$/, { name: 'openssh', unless: '/usr/bin/ssh' }],
]

export const packagesOf = (config: Config, family: Family): readonly Package[] =>
  wanted(config, family).map((one) => inFamily(config, family, one))

/** What the arbiter needs. */
export const arbitersPackages = (config: Config, family: Family): readonly Package[] => [
  inFamily(config, family, { name: 'corosync-qnetd', units: ['corosync-qnetd'] }),
]

/** The guards of packages on a host, by its own family: those of a node, or of the arbiter. Who keeps the time there already goes on. */
const ofHost =
  (guards: (packages: readonly Package[], family: Family) => readonly Guard[]) =>
  (packages: typeof packagesOf) =>
  (config: Config, facts: Facts, host: Node): readonly Guard[] => {
    const family = familyOf(facts, host)
    const kept = keptByOther(config, facts, host) !== undefined
    return guards(
      packages(config, family).filter(({ name }) => !kept || name !== packageName(family, 'chrony')),
      family,
    )
  }

export const onOffer = ofHost((packages, { manager }) => [offered(packages, manager)])
export const brought = ofHost((packages, { manager }) => [installed(packages, manager), unmasked(packages)])
