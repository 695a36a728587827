/** What can be wrong with a ring that runs: its links, its token and its quorum. */
import type { Node } from '../config.mts'
import { LINK_REMEDY, QUORUM_REMEDY } from '../corosync.mts'
import { linkStates } from '../link-states.mts'
import { isMember } from '../ring.mts'
import { knownMembers } from '../ring-live.mts'
import { namesOf } from './finding.mts'
import type { Draft, Seen } from './seen.mts'

/** Only where the ring runs: without it there is no link. */
export function links(seen: Seen): readonly Draft[] {
  const broken = seen.built.flatMap((node) =>
    linkStates(seen.config, seen.facts, node)
      .filter(({ state }) => state !== 'connected')
      .map(({ number, to, address, state }) => ({
        ...{ link: number, from: node.name, to },
        told: `${node.name} to ${to}${address ? ` (${address})` : ''} ${state}`,
      })),
  )
  if (broken.length === 0) return []
  const nodes = [...new Set(broken.flatMap(({ from, to }) => [from, to]))]
  return [
    {
      id: 'links-down',
      nodes,
      text: `links of the ring are down: ${[...Map.groupBy(broken, ({ link }) => link)]
        .map(([link, own]) => `link ${link}, ${own.map(({ told }) => told).join(', ')}`)
        .join('; ')}`,
      remedy: LINK_REMEDY,
    },
  ]
}

/** What a day of a healthy ring may have: nodes that were rebooted, a switch that was exchanged. */
const TOKENS = 5
const RETRANSMITS = 50
const LATE = 3

export function tokens(seen: Seen): readonly Draft[] {
  return seen.built.flatMap((node): Draft[] => {
    const [token = 0, again = 0, late = 0] = seen.said(node, 'doctor.ring.journal').split(' ').map(Number)
    if (token < TOKENS && again < RETRANSMITS && late < LATE) return []
    return [
      {
        id: 'token-lost',
        nodes: [node.name],
        text: `the ring of ${node.name} is unsteady: within a day the token was lost ${token} times, messages were sent again ${again} times, and corosync was not scheduled in time ${late} times`,
        remedy:
          late >= LATE
            ? 'the node is too busy, or its host is: look at steal and load (vmstat 1); a larger TOKEN in the env file bears it'
            : 'look for loss on the links (ping -f -s 1400 between the ring addresses, ethtool -S), an MTU that one switch has not, and a full network; a larger TOKEN in the env file bears short gaps',
      },
    ]
  })
}

const field = (text: string, name: string) => new RegExp(`^${name}: *(.*?) *$`, 'm').exec(text)?.[1]

/** Whether a node's part of the ring is quorate. */
export const isQuorate = (seen: Seen, node: Node): boolean => field(seen.said(node, 'quorum'), 'Quorate') === 'Yes'

/** The ids that a node sees (corosync-quorumtool(8)); one of an arbiter is no node. */
const membersSeen = (seen: Seen, node: Node): readonly string[] => {
  const said = seen.said(node, 'quorum')
  const list = said.slice(said.indexOf('Membership information'))
  return [...list.matchAll(/^ *0*([1-9]\d*) +\d+ /gm)].map(([, id = '']) => id)
}

export function split(seen: Seen): readonly Draft[] {
  const ring = seen.built.filter((node) => seen.said(node, 'quorum') !== '')
  const alone = ring.filter(
    (node) => membersSeen(seen, node).length < seen.config.nodes.length || !isQuorate(seen, node),
  )
  if (alone.length === 0) return []
  const members = knownMembers(seen.facts, seen.config.nodes)
  const nameOf = (id: string) => {
    const member = members.find((one) => one.id === Number(id))?.name
    return seen.config.nodes.find((node) => isMember(seen.facts, node, member))?.name ?? `node ${id}`
  }
  const view = (node: Node) => {
    const sees = membersSeen(seen, node).map(nameOf)
    return `${node.name} sees ${sees.length === 1 && sees[0] === node.name ? 'itself alone' : sees.join(' ') || 'nobody'} and is ${isQuorate(seen, node) ? '' : 'not '}quorate`
  }
  return [
    {
      id: 'ring-split',
      nodes: namesOf(seen.config.nodes),
      text: `the ring is not whole: ${alone.map(view).join(', ')}`,
      remedy: QUORUM_REMEDY,
    },
  ]
}
