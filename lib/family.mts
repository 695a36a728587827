/** The families of operating systems, as data: what is called otherwise, lies elsewhere or is done otherwise in each of them. */
import type { Node } from './config.mts'
import { type Facts, type Os, os } from './facts.mts'
import { raw, type Shell, sh } from './shell.mts'

/** The programs that bring packages; yum of RHEL 8 is dnf. */
export type Manager = 'apt' | 'dnf' | 'zypper'

/** Packages by the names that the env file knows (PACKAGES_<name>), which are mostly those of upstream. */
export const PACKAGE_NAMES = [
  ...(['corosync', 'corosync-qdevice', 'corosync-qnetd', 'pacemaker', 'pacemaker-cli', 'resource-agents'] as const),
  ...(['arping', 'haproxy', 'socat', 'openssl', 'ca-certificates', 'chrony', 'crmsh', 'fence-agents'] as const),
  ...(['ipmitool', 'snmp', 'sg3-utils', 'openssh', 'gpg', 'epel-release'] as const),
] as const
export type PackageName = (typeof PACKAGE_NAMES)[number]

export interface Family {
  readonly name: 'debian' | 'rhel' | 'suse'
  readonly manager: Manager
  /** Versions that are known, by ID of os-release(5); `any` for one whose version is a date. */
  readonly versions: Readonly<Record<string, readonly string[] | 'any'>>
  /** The version is what stands before the dot: the number after it changes twice a year, and means little. */
  readonly byMajor?: true
  /** Words of ID_LIKE by which another system is nearest to this family. */
  readonly like: readonly string[]
  /** Packages that are called otherwise here; alternatives with `|` between them, the first one that is on offer is taken. */
  readonly packages: Readonly<Partial<Record<PackageName, string>>>
  /** The package of a fence agent. */
  readonly fenceAgents: (agent: string) => string
  readonly units: Readonly<Record<'chrony' | 'apache', string>>
  readonly chrony: {
    /** Where time sources of ours are read from. */
    readonly sources: string
    /** What chrony's own file lacks for that: the file, and the line. */
    readonly include?: readonly [file: string, line: string]
  }
  /** Whom all programs of a node trust: where a certificate is put, what makes the store of it, and the store. */
  readonly trust: { readonly folder: string; readonly command: readonly string[]; readonly store: string }
  /** Apache's files in which a Listen line may stand (patterns of the shell), and what says whether they are right. */
  readonly apache: { readonly files: readonly string[]; readonly test: string }
  /** Lines of [Service] that HAProxy's own unit lacks here, against that of Debian. */
  readonly haproxy: readonly string[]
  /** Sections of repository files of the distribution, by the words of REPOS; where a word has none, it brings nothing. */
  readonly repositories: Readonly<Record<string, readonly string[]>>
}

/**
 * Its files are named, since the unit of RHEL also reads the folder conf.d, where anybody may leave what our front ends do not go
 * with. The socket's folder and the log inside of its root folder are tmpfiles.d's and the unit's in Debian.
 */
const HAPROXY = [
  'RuntimeDirectory=haproxy',
  'RuntimeDirectoryPreserve=yes',
  'BindReadOnlyPaths=/dev/log:/var/lib/haproxy/dev/log',
  'Type=notify',
  'KillMode=mixed',
  'ExecStartPre=',
  'ExecStartPre=/usr/sbin/haproxy -c -q -f /etc/haproxy/haproxy.cfg',
  'ExecStart=',
  'ExecStart=/usr/sbin/haproxy -Ws -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid',
  'ExecReload=',
  'ExecReload=/usr/sbin/haproxy -c -q -f /etc/haproxy/haproxy.cfg',
  'ExecReload=/bin/kill -USR2 $MAINPID',
]

const debian: Family = {
  name: 'debian',
  manager: 'apt',
  versions: { debian: ['12', '13'], ubuntu: ['22.04', '24.04'] },
  like: ['debian', 'ubuntu'],
  packages: {
    // cibadmin, crm_mon and their like are a package of their own here.
    'pacemaker-cli': 'pacemaker-cli-utils',
    // IPaddr2 moved to resource-agents-base where the agents were split (Ubuntu 23.10, Debian 13).
    'resource-agents': 'resource-agents-base|resource-agents',
    arping: 'iputils-arping|arping',
    openssh: 'openssh-client',
  },
  fenceAgents: () => 'fence-agents|fence-agents-all',
  units: { chrony: 'chrony', apache: 'apache2' },
  chrony: { sources: '/etc/chrony/sources.d/quorate.sources' },
  trust: {
    folder: '/usr/local/share/ca-certificates',
    command: ['update-ca-certificates', '--fresh'],
    store: '/etc/ssl/certs/ca-certificates.crt',
  },
  apache: {
    files: ['/etc/apache2/ports.conf', '/etc/apache2/sites-enabled/*.conf', '/etc/apache2/conf-enabled/*.conf'],
    test: 'apache2ctl configtest',
  },
  haproxy: [],
  repositories: {},
}

/** The package of an agent that is one of several names for the same (fence-agents.spec). */
const IPMILAN = /^(?:ipmilanplus|ilo[345](?:_ssh)?|idrac|imm)$/

const rhel: Family = {
  name: 'rhel',
  manager: 'dnf',
  versions: {
    rhel: ['8', '9', '10'],
    rocky: ['8', '9', '10'],
    almalinux: ['8', '9', '10'],
    centos: ['8', '9', '10'],
    ol: ['8', '9', '10'],
  },
  byMajor: true,
  like: ['rhel', 'centos', 'fedora'],
  packages: {
    arping: 'iputils',
    snmp: 'net-snmp-utils',
    'sg3-utils': 'sg3_utils',
    openssh: 'openssh-clients',
    gpg: 'gnupg2',
    'epel-release': 'epel-release|oracle-epel-release-el9|oracle-epel-release-el8|oracle-epel-release-el10',
  },
  fenceAgents: (agent) => {
    const name = agent.replace(/^fence_/, '')
    return `fence-agents-${IPMILAN.test(name) ? 'ipmilan' : name.replaceAll('_', '-')}|fence-agents-all`
  },
  units: { chrony: 'chronyd', apache: 'httpd' },
  // `sourcedir` is of chrony 4.0.
  chrony: {
    sources: '/etc/chrony.d/quorate.conf',
    include: ['/etc/chrony.conf', 'include /etc/chrony.d/quorate.conf'],
  },
  trust: {
    folder: '/etc/pki/ca-trust/source/anchors',
    command: ['update-ca-trust', 'extract'],
    store: '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  },
  apache: { files: ['/etc/httpd/conf/httpd.conf', '/etc/httpd/conf.d/*.conf'], test: 'httpd -t' },
  haproxy: HAPROXY,
  repositories: {
    highavailability: ['highavailability', 'ha', 'HighAvailability'],
    crb: ['crb', 'powertools', 'PowerTools'],
    powertools: ['powertools', 'PowerTools', 'crb'],
    extras: ['extras', 'extras-common'],
  },
}

const suse: Family = {
  name: 'suse',
  manager: 'zypper',
  versions: {
    'opensuse-leap': ['15.5', '15.6', '16.0'],
    sles: ['15.5', '15.6', '15.7', '16.0'],
    'opensuse-tumbleweed': 'any',
  },
  like: ['suse', 'opensuse', 'sles'],
  packages: {
    arping: 'iputils',
    snmp: 'net-snmp',
    'sg3-utils': 'sg3_utils',
    openssh: 'openssh-clients|openssh',
    gpg: 'gpg2',
  },
  fenceAgents: () => 'fence-agents|fence-agents-common',
  units: { chrony: 'chronyd', apache: 'apache2' },
  // Its chrony.conf reads this folder.
  chrony: { sources: '/etc/chrony.d/quorate.conf' },
  trust: {
    folder: '/etc/pki/trust/anchors',
    command: ['update-ca-certificates'],
    store: '/var/lib/ca-certificates/ca-bundle.pem',
  },
  apache: {
    files: ['/etc/apache2/listen.conf', '/etc/apache2/conf.d/*.conf', '/etc/apache2/vhosts.d/*.conf'],
    test: 'apache2ctl configtest',
  },
  haproxy: HAPROXY,
  repositories: {},
}

/** The first one is that of a node of which nothing is known. */
export const FAMILIES: readonly [Family, ...Family[]] = [debian, rhel, suse]

const major = (version: string) => version.replace(/\..*$/, '')

const hasVersion = (family: Family, id: string, version: string): boolean => {
  const known = Object.hasOwn(family.versions, id) ? family.versions[id] : undefined
  return known === 'any' || known?.includes(family.byMajor ? major(version) : version) === true
}

/** The family of which this system is a known version, by its own name or, as a rebuild, by that of another (os-release(5)). */
export function known({ id, like, version }: Os): Family | undefined {
  for (const name of [id, ...like]) {
    const family = FAMILIES.find((one) => Object.hasOwn(one.versions, name))
    if (family !== undefined && (name === id || family.versions[name] !== 'any'))
      return hasVersion(family, name, version) ? family : undefined
  }
  return undefined
}

/** The family whose ways are most likely right: an unknown system is told as such, and its guards have to be of some family. */
export function nearestFamily(system: Os): Family {
  const names = [system.id, ...system.like]
  const near = ({ versions, like }: Family) =>
    names.some((name) => Object.hasOwn(versions, name)) || names.some((name) => like.includes(name))
  return known(system) ?? FAMILIES.find(near) ?? FAMILIES[0]
}

export const familyOf = (facts: Facts, node: Node): Family => nearestFamily(os(facts, node))

/** All that are known, for people. */
export const knownSystems = (): string =>
  FAMILIES.flatMap(({ versions }) => Object.entries(versions))
    .map(([id, all]) => (all === 'any' ? id : `${id} ${all.join(', ')}`))
    .join('; ')

/** What a package is called in a family. */
export const packageName = (family: Family, name: PackageName): string => family.packages[name] ?? name

/**
 * Shell text of one family: for facts, which are asked for before it is known here what a node is. os-release is read by the shell, as
 * it is made for (os-release(5)); what it may have set is gone with the subshell.
 */
export function byFamily(text: (family: Family) => string): Shell {
  const branch = (family: Family, words: readonly string[]) => sh`
    ${raw(words.map((word) => `*' ${word} '*`).join(' | '))})
      ${raw(text(family))} ;;`
  const names = (family: Family) => [...new Set([...Object.keys(family.versions), ...family.like])]
  return raw(sh`
    case $( ID= ID_LIKE=; set +u; . /etc/os-release 2>/dev/null; echo " $ID $ID_LIKE " ) in
    ${raw([...FAMILIES.slice(1), FAMILIES[0]].map((family) => branch(family, names(family))).join('\n'))}
    *)
      ${raw(text(FAMILIES[0]))} ;;
    esac`)
}
