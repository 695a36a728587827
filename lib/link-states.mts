/** The links of the ring as each node sees them (corosync-cfgtool(8), -s): to whom, in which network, and whether they are up. */
import { canonical, cidrText, contains } from './address.mts'
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import { isMember, ownNetwork } from './ring.mts'
import { knownMembers } from './ring-live.mts'

/** Shell text for the fact `links`; nothing where corosync does not run. */
export const LINKS = 'corosync-cfgtool -s 2>/dev/null || :'

/** A link to one other node. */
export interface LinkState {
  readonly number: string
  /** Of LINKS, or the one that the node's own address is in; the link's number where neither is known. */
  readonly network: string
  /** As NODES calls it, or `node 3` for one that is not there. */
  readonly to: string
  readonly address: string | undefined
  /** corosync's word for it. */
  readonly state: string
}

/** All of a node's; none where its corosync does not run. */
export function linkStates(config: Config, facts: Facts, node: Node): readonly LinkState[] {
  const members = knownMembers(facts, config.nodes)
  let number = ''
  let network = ''
  return facts
    .get(node, 'links')
    .split('\n')
    .flatMap((line) => {
      const begins = /^LINK ID (\d+)/.exec(line)?.[1]
      if (begins !== undefined) number = network = begins
      // Of IPv6 it is printed with a scope that it does not have (3.1.7: `fd00::1%2`).
      const own = /^\s+addr\s*= ([^%\s]+)\S*$/.exec(line)?.[1]
      if (own !== undefined) network = networkOf(config, facts, node, own) ?? network
      const [, id = '', state = ''] = /nodeid: +(\d+):\s*(\S+)/.exec(line) ?? []
      if (id === '' || state === 'localhost') return []
      const other = members.find((one) => one.id === Number(id))
      const to = config.nodes.find((one) => isMember(facts, one, other?.name))?.name ?? `node ${id}`
      return [{ number, network, to, address: other?.addresses.get(Number(number)), state }]
    })
}

function networkOf(config: Config, facts: Facts, node: Node, address: string): string | undefined {
  const own = ownNetwork(facts, node)
  const known = canonical(address) === undefined ? undefined : config.links.find((link) => contains(link, address))
  return known ? cidrText(known) : own && address === node.address ? cidrText(own) : undefined
}
