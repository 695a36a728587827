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

export interface Config {
  /** The env file, absolute. */
  readonly file: string
  readonly clusterName: string
  readonly nodes: readonly Node[]
  readonly vip: Cidr
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
  /** Undefined when the file holds no OS_PASSWORD. */
  readonly openrc: Openrc | undefined
  /** Milliseconds without the API that a drill takes for right: for all scenarios, and by name; and whether it asks before harm. */
  readonly drill: {
    readonly asks: boolean
    readonly limit?: number
    readonly limits: Readonly<Record<string, number>>
  }
  /** Values that may appear nowhere: passwords of OS_*, FENCE*_* and STATS_*. */
  readonly secrets: readonly string[]
}

/** One apt source, and its key if one was named. */
export interface Repo {
  readonly source: string
  /** ASCII-armoured or binary key, base64. */
  readonly key: string | undefined
  /** For apt_auth.conf(5): the source itself is for everybody to read. */
  readonly login?: { readonly machine: string; readonly name: string; readonly password: string }
}
