/** What can be wrong with the VIP: held twice, by nobody, by a stranger, or by a node without pacemaker. */
import { type Cidr, type Node, vipsOf } from '../config.mts'
import { addresses } from '../facts.mts'
import { vipResources } from '../render/cib.mts'
import { memberName } from '../ring.mts'
import { namesOf } from './finding.mts'
import { witness } from './resources.mts'
import { type Draft, linesOf, perText, type Seen } from './seen.mts'
import { unitOf } from './units.mts'

export function vips(seen: Seen): readonly Draft[] {
  return [...networkFiles(seen), ...vipResources(seen.config).flatMap(([id, vip]) => ofVip(seen, id, vip))]
}

const holders = ({ up, facts }: Seen, vip: Cidr) =>
  up.filter((node) => addresses(facts, node).some(({ address }) => address === vip.address))

function ofVip(seen: Seen, id: string, vip: Cidr): readonly Draft[] {
  const { address } = vip
  const holding = holders(seen, vip)
  const names = namesOf(holding)
  const known = witness(seen)?.said
  const resource = known?.resources.find((one) => one.id === id)
  const placed = resource?.node?.map(({ name }) => name) ?? []
  const card = (node: Node) => addresses(seen.facts, node).find((one) => one.address === address)?.device ?? 'a card'
  const wild = holding.filter((node) => {
    if (unitOf(seen, node, 'pacemaker').active !== 'active') return true
    return resource !== undefined && !placed.includes(memberName(seen.facts, node))
  })
  const taken = `ip addr del ${address}/${vip.prefix} dev CARD there, and find out who put it there`
  return [
    ...wild.map((node) => ({
      id: 'vip-without-pacemaker' as const,
      nodes: [node.name],
      text: `the VIP ${address} is on ${card(node)} of ${node.name}, and not by pacemaker: ${
        unitOf(seen, node, 'pacemaker').active === 'active'
          ? `it has it on ${placed.join(', ') || 'no node'}`
          : 'it does not run there'
      }`,
      remedy: taken.replace('CARD', card(node)),
    })),
    ...stranger(seen, vip),
    ...(holding.length > 1
      ? [
          {
            id: 'vip-twice' as const,
            nodes: names,
            text: `the VIP ${address} is on ${names.join(' and ')} at once: clients reach now the one, now the other`,
            remedy: `take it off where pacemaker does not have it: crm_resource --resource ${id} --locate, then ip addr del ${address}/${vip.prefix} dev CARD on the other`,
          },
        ]
      : []),
    ...(holding.length === 0 && seen.built.length > 0 && resource !== undefined
      ? [
          {
            id: 'vip-nowhere' as const,
            nodes: [],
            text: `no node${seen.lost.length > 0 ? ' that answers' : ''} has the VIP ${address}: the API cannot be reached by it`,
            remedy: `crm_mon -1rf on a node tells why pacemaker does not start it; when that is mended: crm_resource --resource ${id} --cleanup`,
          },
        ]
      : []),
  ]
}

/** Who answers for it is no node of ours: asked by each node that can ask. A node that does not answer us may be the one. */
function stranger(seen: Seen, { address }: Cidr): readonly Draft[] {
  if (seen.lost.length > 0) return []
  const ours = seen.up.flatMap((node) => linesOf(seen, node, 'doctor.macs'))
  const heard = (node: Node) =>
    linesOf(seen, node, 'doctor.vip.answers')
      .map((line) => line.trim().split(' '))
      .filter(([vip]) => vip === address)
      .flatMap(([, ...macs]) => macs)
      .filter((mac) => !ours.includes(mac))
      .join(' ')
  return perText(seen.up, heard, (macs, nodes) => ({
    id: 'vip-stranger',
    nodes,
    text: `somebody who is no node answers for the VIP ${address}, with the link-layer address ${macs}, as ${nodes.join(', ')} ${nodes.length === 1 ? 'hears' : 'hear'}`,
    remedy: `find that machine by its link-layer address on the switch, and take ${address} off it; or choose another VIP`,
  }))
}

function networkFiles(seen: Seen): readonly Draft[] {
  const files = (node: Node) => linesOf(seen, node, 'doctor.vip.files').join(', ')
  const all = vipsOf(seen.config).map(({ address }) => address)
  return perText(seen.built, files, (paths, nodes) => ({
    id: 'vip-in-network-files',
    nodes,
    text: `${paths} on ${nodes.join(', ')} names the VIP ${all.join(' or ')}: the node takes it at boot, whoever has it`,
    remedy: 'take that line out: pacemaker alone puts the VIP on a card',
  }))
}
