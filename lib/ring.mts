/** What the cluster's members are called and where they listen: config and facts put together. */
import { contains, family, network } from './address.mts'
import { type Cidr, type Config, type Node, vipsOf } from './config.mts'
import { addresses, type Facts } from './facts.mts'
import { knownMembers, type Member, membersOf, settingsOf } from './ring-live.mts'

/**
 * The node's name in corosync and pacemaker. It must be what `uname -n` says there, short or not, or pacemaker would take
 * corosync's node and its own for two (Pacemaker Explained, "Where Pacemaker Gets the Node Name").
 */
export const memberName = (facts: Facts, node: Node): string => facts.get(node, 'hostname') || node.name

/** Whether a member of the cluster is this node. One that does not answer has not said which of its two names it goes by. */
export const isMember = (facts: Facts, node: Node, member: string | undefined): boolean => {
  const own = facts.get(node, 'hostname')
  return own === '' ? member === node.name || member === node.fqdn : member === own
}

/** The config as the cluster sees it: nodes by their member names. */
export function asMembers(config: Config, facts: Facts): Config {
  const nodes = config.nodes.map((node) => ({ ...node, name: memberName(facts, node) }))
  const named = <Value,>(of: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> =>
    Object.fromEntries(
      config.nodes.flatMap((node) => (node.name in of ? [[memberName(facts, node), of[node.name] as Value]] : [])),
    )
  return { ...config, nodes, fence: named(config.fence), fence2: named(config.fence2) }
}

/** The device that has the node's own address, and the network of it; undefined when the node lacks that address. */
export const ownNetwork = (facts: Facts, node: Node): (Cidr & { readonly device: string }) | undefined => {
  const own = addresses(facts, node).find(({ address }) => address === node.address)
  return (
    own && { ...network({ address: own.address, prefix: own.prefix, family: family(own.address) }), device: own.device }
  )
}

/**
 * The node's own address in a link's network: the one of NODES if it is there, else the one that the ring has, else the one that the
 * node was given first. Never a VIP, which only stays with it for a while, and may do so when the env file does not name it any more.
 */
export function linkAddress(config: Config, facts: Facts, node: Node, link: Cidr): string | undefined {
  const vips = vipsOf(config).map(({ address }) => address)
  const inside = addresses(facts, node).filter(({ address }) => contains(link, address) && !vips.includes(address))
  if (inside.some(({ address }) => address === node.address)) return node.address
  if (inside.length < 2) return inside[0]?.address
  const ring = knownMembers(facts, config.nodes).find(({ name }) => name === memberName(facts, node))?.addresses
  const kept = inside.find(({ address }) => [...(ring?.values() ?? [])].includes(address))
  return (kept ?? inside.find(({ secondary }) => !secondary) ?? inside[0])?.address
}

/** One address per link, in the order of LINKS; without LINKS the address of NODES. Links that have none are left out. */
export const linkAddresses = (config: Config, facts: Facts, node: Node): readonly string[] =>
  config.links.length === 0
    ? [node.address]
    : config.links.flatMap((link) => linkAddress(config, facts, node, link) ?? [])

/** How many links there are. */
export const linkCount = (config: Config): number => Math.max(1, config.links.length)

/** KNET_MAX_LINK. */
export const MOST_LINKS = 8

/**
 * The numbers of the links, in the order of LINKS. A link keeps the number that it has: one whose addresses changed under its number
 * would cost a restart of the whole ring, while a link that comes and one that goes cost nothing. corosync.conf(5), ringX_addr.
 */
export function linkNumbers(config: Config, facts: Facts): readonly number[] {
  // udp and udpu have one link, and look for it under 0.
  if (config.transport !== 'knet') return [0]
  const members = knownMembers(facts, config.nodes)
  const addresses = config.nodes.map((node) => linkAddresses(config, facts, node))
  const numbers: (number | undefined)[] = Array.from({ length: linkCount(config) }, (_, index) =>
    Array.from({ length: MOST_LINKS }, (__, number) => number).find((number) => {
      const both = config.nodes.flatMap((node, place) => {
        const known = members.find(({ name }) => name === memberName(facts, node))?.addresses.get(number)
        return known === undefined ? [] : [known === addresses[place]?.[index]]
      })
      return both.length > 0 && both.every(Boolean)
    }),
  )
  const taken = new Set([...numbers, ...members.flatMap((member) => [...member.addresses.keys()])])
  const used = new Set(numbers)
  return numbers.map((number) => {
    if (number !== undefined) return number
    const all = Array.from({ length: MOST_LINKS }, (_, one) => one)
    // With none to spare, one that goes makes room.
    const next = all.find((one) => !taken.has(one)) ?? (all.find((one) => !used.has(one)) as number)
    taken.add(next)
    used.add(next)
    return next
  })
}

/** The first of the UDP ports that corosync uses; knet takes one for each link (corosync.conf(5), mcastport). */
export const RING_PORT = 5405

/**
 * Node ids: what the ring or a corosync.conf that is there already calls the members, since an id may never change for a live node;
 * else the next free ones, in the order of NODES; never that of a node that is about to leave.
 */
export function nodeIds(config: Config, facts: Facts): ReadonlyMap<string, number> {
  const ring = knownMembers(facts, config.nodes)
  const files = config.nodes.flatMap((node) => membersOf(settingsOf(facts.get(node, 'corosync.conf'))))
  const all = [...ring, ...files]
  const ids = new Map<string, number>()
  const take = (node: Node, member: Member | undefined) => {
    if (member !== undefined && !ids.has(node.name) && ![...ids.values()].includes(member.id))
      ids.set(node.name, member.id)
  }
  // Who is in the ring comes before one who only has a file, as the example of its package.
  for (const known of [ring, files]) {
    for (const node of config.nodes)
      take(
        node,
        known.find(({ name }) => name === memberName(facts, node)),
      )
    for (const node of config.nodes)
      take(
        node,
        ring.find(({ addresses }) =>
          linkAddresses(config, facts, node).some((own) => [...addresses.values()].includes(own)),
        ),
      )
  }
  let next = 1
  for (const node of config.nodes) {
    if (ids.has(node.name)) continue
    while ([...ids.values(), ...all.map(({ id }) => id)].includes(next)) next += 1
    ids.set(node.name, next)
  }
  return ids
}
