/** Config: what the operator's env file says, checked and frozen. */
import type { Service } from './services.mts'

export interface Node {
  /** Short name, equal to `uname -n` up to the first dot; names the node in every output. */
  readonly name: string
  readonly fqdn: string
  /** IPv4 or IPv6 literal, in canonical form. */
  readonly address: string
}

/** A node's first fence device, and the one that is tried when the first one fails. */
export type Level = 1 | 2

export interface Cidr {
  readonly address: string
  readonly prefix: number
  readonly family: 4 | 6
}

/** TLS on the VIP. */
export interface Tls {
  /** Certificate, chain and key in PEM, base64; undefined where the nodes make their own. */
  readonly bundle?: string
  /** When the certificate ends, in milliseconds since 1970. */
  readonly until?: number
}

export interface Openrc {
  readonly username: string
  readonly password: string
  readonly projectName: string
  readonly userDomainName: string
  readonly projectDomainName: string
  readonly regionName: string
}

/** All that are logged in to: the nodes, and the host that gives them one more vote. */
export const hostsOf = ({ nodes, arbiter }: Pick<Config, 'nodes' | 'arbiter'>): readonly Node[] =>
  arbiter === undefined ? nodes : [...nodes, arbiter]

/** The host that clients of the API call: a name, or an address literal. */
export const apiHost = ({ vip, vipName }: Pick<Config, 'vip' | 'vipName'>): string => vipName ?? vip.address

/** The one that endpoints name, and the one of the other family beside it. */
export const vipsOf = ({ vip, vip2 }: Vips): readonly Cidr[] => (vip2 === undefined ? [vip] : [vip, vip2])

/** What a VIP is called in titles. */
export const titleOf = (config: Vips, vip: Cidr): string => (vip === config.vip ? 'the VIP' : `the VIP ${vip.address}`)

export type Vips = Pick<Config, 'vip'> & Partial<Pick<Config, 'vip2'>>

export interface Config {
  /** The env file, absolute. */
  readonly file: string
  readonly clusterName: string
  readonly nodes: readonly Node[]
  /** The first one: endpoints and calls name it. */
  readonly vip: Cidr
  /** One of the other family, which is always where the first is. */
  readonly vip2: Cidr | undefined
  /** Empty: the network of the node addresses. */
  readonly links: readonly Cidr[]
  readonly linkMode: 'passive' | 'active' | 'rr'
  readonly transport: 'knet' | 'udpu' | 'udp'
  readonly mcastAddr: string
  readonly mcastPort: number
  /** Milliseconds; undefined leaves corosync's own default. */
  readonly token: number | undefined
  /** The host of corosync-qnetd, which is no node of the cluster. Its address may be a name. */
  readonly arbiter: Node | undefined
  /** A fence agent, or `none`. */
  readonly fencing: string
  /** Agent parameters by node name. */
  readonly fence: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** The same of the devices that are tried when the first ones fail: not every node need have one. */
  readonly fencing2: string
  readonly fence2: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly clusterProperties: Readonly<Record<string, string>>
  /** The node whose fernet and credential keys the others get where theirs differ. */
  readonly fernetSync: string | undefined
  /** The APIs behind the VIP. */
  readonly services: readonly Service[]
  /** The name by which clients call the VIP. */
  readonly vipName: string | undefined
  readonly tls: Tls | undefined
  /** Certificates in PEM that the nodes are to trust, one each. */
  readonly cas: readonly string[]
  /** Who may see HAProxy's statistics: SHA-256 of the Authorization header, in hex. Undefined: there are none. */
  readonly stats: { readonly login: string } | undefined
  readonly ssh: {
    readonly user: string | undefined
    readonly port: number | undefined
    readonly key: string | undefined
    readonly config: string | undefined
  }
  readonly ntpServers: readonly string[]
  readonly firewall: 'open' | 'off' | 'keep'
  readonly selinux: 'keep' | 'permissive' | 'disabled'
  readonly repos: readonly Repo[]
  /** Versions that are wanted, by the names of lib/family.mts. */
  readonly versions: Readonly<Record<string, string>>
  /** Undefined when the file holds no OS_PASSWORD. */
  readonly openrc: Openrc | undefined
  /** Milliseconds without the API that a drill takes for right: for all scenarios, and by name; and whether it asks before harm. */
  readonly drill: {
    readonly asks: boolean
    readonly limit?: number
    readonly limits: Readonly<Record<string, number>>
  }
  /** Values that may appear nowhere: passwords of OS_*, FENCE*_* and STATS_*, and the key of TLS_CERT. */
  readonly secrets: readonly string[]
}

/** A repository of packages, for nodes with apt (`deb`) or with dnf or zypper (`rpm`); or the distribution's own one by a word. */
export interface Repo {
  readonly form: 'deb' | 'rpm' | 'word'
  /** Without a login; for `word` the word. */
  readonly uri: string
  /** What stands in brackets: names of sources.list(5), and their values. */
  readonly options: readonly (readonly [name: string, value: string])[]
  readonly suite: string
  readonly components: readonly string[]
  /** What dnf and zypper know it by. */
  readonly name: string
  /** ASCII-armoured or binary key, base64. */
  readonly key: string | undefined
  /** Where the nodes get the key, which has to have the one fingerprint. */
  readonly keyUrl: string | undefined
  /** Of the keys in `key`, or the one that is wanted of `keyUrl`: hexadecimal capitals. */
  readonly fingerprints: readonly string[]
  /** What everybody may read does not have it. */
  readonly login: { readonly machine: string; readonly name: string; readonly password: string } | undefined
}
