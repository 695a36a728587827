/** corosync.conf(5), rendered from the nodes and the addresses that they have on each link. */
import { cidrText, family } from '../address.mts'
import type { Cidr, Config, Node } from '../config.mts'

/** All that corosync.conf says; the key is in /etc/corosync/authkey, so that nothing here is secret. */
export interface Ring {
  readonly clusterName: string
  readonly transport: Config['transport']
  readonly linkMode: Config['linkMode']
  /** Milliseconds; undefined leaves corosync's own: 3000, and 650 more for each node above two. */
  readonly token?: number | undefined
  /** For udp alone. */
  readonly mcastAddr: string
  readonly mcastPort: number
  readonly nodes: readonly RingNode[]
  /** The host of corosync-qnetd: an address, or a name that the nodes know. */
  readonly arbiter?: string | undefined
  /** The networks of the links, by number; empty when the operator named none. */
  readonly links: ReadonlyMap<number, Cidr>
}

export interface RingNode {
  readonly name: string
  /** 1 to 65535 (knet's limit). corosync knows the node by it, so it may never change for a node. */
  readonly id: number
  /** Literal addresses, by the number of the link. */
  readonly addresses: ReadonlyMap<number, string>
}

export const ringOf = (
  config: Config,
  addressesOf: (node: Node) => readonly string[],
  numbers: readonly number[],
  idOf: (node: Node) => number,
): Ring => ({
  clusterName: config.clusterName,
  transport: config.transport,
  linkMode: config.linkMode,
  token: config.token,
  mcastAddr: config.mcastAddr,
  mcastPort: config.mcastPort,
  // By id, so that other lines first in NODES are no other file, which would restart a live ring.
  nodes: config.nodes
    .map((node) => ({ name: node.name, id: idOf(node), addresses: byNumber(addressesOf(node), numbers) }))
    .sort((a, b) => a.id - b.id),
  links: byNumber(config.links, numbers),
  arbiter: config.arbiter?.address,
})

/** In the order of the numbers, so that another order of LINKS is no other file. */
const byNumber = <Value,>(values: readonly Value[], numbers: readonly number[]): ReadonlyMap<number, Value> =>
  new Map(
    values.map((value, index) => [numbers[index] as number, value] as const).sort(([one], [other]) => one - other),
  )

/**
 * The text of /etc/corosync/corosync.conf, the same on every node.
 *
 * There is no config_version: corosync-cfgtool -R does not look at it, and a node whose number is not the highest ends
 * itself when it joins (corosync.conf(5)), so that a run cut off half way would cost nodes. That all nodes hold the same
 * file is proven by reading it there; block_unlisted_ips, on by default, keeps out a node that is no longer in the list.
 */
export function corosyncConf(ring: Ring): string {
  return [
    '# Written by quorate; the next run puts back what is changed here by hand. See corosync.conf(5).',
    ...(ring.transport === 'knet'
      ? []
      : [
          `# Transport ${ring.transport} knows no encryption (only knet does): whoever is on this network can read and forge it.`,
        ]),
    ...[...ring.links].map(([number, link]) => `# Link ${number}: ${cidrText(link)}`),
    ...section('totem', [
      'version: 2',
      `cluster_name: ${ring.clusterName}`,
      `transport: ${ring.transport}`,
      ...crypto(ring.transport),
      `ip_version: ${ipVersion(ring)}`,
      // Also for one link: a second one can be loaded while the ring runs, its mode cannot.
      ...(ring.transport === 'knet' ? [`link_mode: ${ring.linkMode}`] : []),
      ...token(ring),
      ...multicast(ring),
    ]),
    ...section('nodelist', ring.nodes.flatMap(node)),
    ...section('quorum', [
      'provider: corosync_votequorum',
      ...(ring.arbiter === undefined ? twoNode(ring) : device(ring, ring.arbiter)),
    ]),
    // Without to_stderr, which is on by default: off, `corosync -t` would fail without a word.
    ...section('logging', [
      'to_syslog: yes',
      'to_logfile: yes',
      'logfile: /var/log/corosync/corosync.log',
      'timestamp: hires',
    ]),
    '',
  ].join('\n')
}

/**
 * corosync adds token_coefficient for each node above two, and counts them on link 0 (totemconfig.c): where there is none, what it
 * would add is said.
 */
function token(ring: Ring): string[] {
  if (!ring.nodes.every(({ addresses }) => addresses.has(0)) && ring.nodes.length > 2)
    return [`token: ${tokenOf(ring)}`]
  return ring.token === undefined ? [] : [`token: ${ring.token}`]
}

/** Milliseconds after which a silent node counts as lost, with what corosync adds for many nodes (corosync.conf(5), token_coefficient). */
export const tokenOf = ({
  token: own,
  nodes,
}: {
  readonly token?: number | undefined
  readonly nodes: readonly unknown[]
}) => (own ?? 3000) + 650 * Math.max(0, nodes.length - 2)

/** Milliseconds after which a ring has missed a node: the token's, and the consensus', 1.2 × as many (corosync.conf(5)). */
export const missedAfter = (config: Parameters<typeof tokenOf>[0]) => 2.2 * tokenOf(config)

const section = (name: string, lines: readonly string[]): string[] => [
  `${name} {`,
  ...lines.map((line) => `  ${line}`),
  '}',
]

/** Both said in full: up to 3.1 silence means plaintext, and later versions may mean otherwise. */
const crypto = (transport: Ring['transport']): string[] =>
  transport === 'knet' ? ['crypto_cipher: aes256', 'crypto_hash: sha256'] : ['crypto_cipher: none', 'crypto_hash: none']

/** `ipv4` refuses the IPv6 literals of a second link, and the other way round: only mixed rings may look for both. */
function ipVersion(ring: Ring): 'ipv4' | 'ipv6' | 'ipv6-4' {
  const families = new Set(ring.nodes.flatMap(({ addresses }) => [...addresses.values()].map(family)))
  if (families.size > 1) return 'ipv6-4'
  return families.has(6) ? 'ipv6' : 'ipv4'
}

/**
 * An interface section only for multicast. knet needs none: equal priorities mean that the lowest link is used first.
 * bindnetaddr is left out, since corosync warns that the node's own ring0_addr wins, and a network address could
 * match the VIP instead.
 */
const multicast = (ring: Ring): string[] =>
  ring.transport === 'udp'
    ? section('interface', ['linknumber: 0', `mcastaddr: ${ring.mcastAddr}`, `mcastport: ${ring.mcastPort}`])
    : []

/** udp finds its peers by multicast, but votequorum(5) counts its expected votes from this list: so it is always here. */
const node = ({ name, id, addresses }: RingNode): string[] =>
  section('node', [
    `name: ${name}`,
    `nodeid: ${id}`,
    ...[...addresses].map(([link, address]) => `ring${link}_addr: ${address}`),
  ])

/**
 * Exactly two nodes, or both halves of a split would be quorate: votequorum tests the members of the partition, not of
 * the cluster, so it does not switch itself off above two. It brings wait_for_all with it. votequorum(5).
 */
const twoNode = (ring: Ring): string[] => (ring.nodes.length === 2 ? ['two_node: 1'] : [])

/** Votes that the arbiter has beside so many nodes. */
export const voteOfDevice = (nodes: number): number => (nodes % 2 === 0 ? 1 : nodes - 1)

/**
 * An even number of nodes can fall into equal halves: ffsplit gives one vote to one of them. An odd number cannot, and there the
 * arbiter lets the last node go on (lms), with as many votes as all others. Without TLS nobody knows whose vote it is.
 * corosync-qdevice(8).
 */
const device = ({ nodes }: Ring, host: string): string[] =>
  section('device', [
    'model: net',
    `votes: ${voteOfDevice(nodes.length)}`,
    ...section('net', [`host: ${host}`, `algorithm: ${nodes.length % 2 === 0 ? 'ffsplit' : 'lms'}`, 'tls: required']),
  ])
