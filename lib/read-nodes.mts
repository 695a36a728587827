/** NODES and VIP of the env file: who the nodes are, and what they share as their address. */
import { canonical, cidrText, contains, family, kind, network, parseCidr, reserved } from './address.mts'
import type { Cidr, Node } from './config.mts'
import { beforeEquals, linesOf, type Piece, wordsOf } from './env-file.mts'
import { shown } from './shown.mts'
import { a, type Source } from './source.mts'

const EXAMPLE = '192.168.18.201 node1.test.com node1'
/** Labels of RFC 1123; the last one is no number, which inet_aton(3) would take for an address. */
export function isHostName(name: string): boolean {
  const labels = name.split('.')
  return (
    name.length <= 253 &&
    labels.every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)) &&
    !/^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? '')
  )
}

/** An address literal or a host name. */
export const isHost = (text: string): boolean => canonical(text) !== undefined || isHostName(text)

export function readNodes(source: Source): readonly Node[] {
  const entry = source.get('NODES')
  if (entry === undefined) return []
  const pieces = linesOf(entry)
  const nodes: Node[] = []
  const lines = new Map<string, number>()
  for (const piece of pieces) {
    const node = readNode(source, piece)
    if (node === undefined) continue
    nodes.push(node)
    // A name may stand for one node only, whether it is written in full or not.
    const own = new Set([node.address, node.fqdn.toLowerCase(), node.name.toLowerCase()])
    for (const name of own) {
      const before = lines.get(name)
      if (before === undefined) lines.set(name, piece.line)
      else
        report(
          source,
          piece,
          `${shown(name)} stands for two nodes: it is already in line ${before}`,
          'give each its own',
        )
    }
  }
  const first = nodes[0]
  if (pieces.length < 2) {
    report(
      source,
      entry,
      `a cluster needs two nodes at least, NODES has ${pieces.length}`,
      `write a line for each: ${EXAMPLE}`,
    )
  }
  if (first !== undefined && nodes.some((node) => family(node.address) !== family(first.address))) {
    report(
      source,
      entry,
      'NODES mixes IPv4 and IPv6 addresses',
      'write all of them in one family; LINKS may have networks of both',
    )
  }
  return nodes
}

const report = (source: Source, { line }: { line: number }, text: string, remedy: string) =>
  source.report({ line, key: 'NODES', text, remedy })

function readNode(source: Source, piece: Piece): Node | undefined {
  const [literal = '', fqdn = '', name = '', ...more] = beforeEquals(piece.text).split(/\s+/)
  if (name === '' || more.length > 0) {
    const fields = piece.text.split(/\s+/).length
    report(
      source,
      piece,
      `a line of NODES has three fields, this one has ${fields}`,
      `write address, full name, short name: ${EXAMPLE}`,
    )
    return undefined
  }
  const address = canonical(literal)
  if (address === undefined) {
    report(source, piece, `"${shown(literal)}" is not an IP address`, `write a line like ${EXAMPLE}`)
  } else if (kind(address) !== 'unicast') {
    report(
      source,
      piece,
      `${address} is ${a(kind(address))} address`,
      'write the address at which the other nodes reach it',
    )
  }
  for (const one of new Set([fqdn, name])) {
    if (!isHostName(one)) {
      report(
        source,
        piece,
        `"${shown(one)}" is not a host name`,
        'use letters, digits and hyphens, parts of at most 63 characters',
      )
    } else if (/^localhost(?:\.|$)/i.test(one)) {
      report(source, piece, `every machine is ${one} to itself`, 'give the node a name of its own')
    }
  }
  if (name.includes('.')) {
    report(source, piece, `the short name "${shown(name)}" has a dot`, 'the order is: address, full name, short name')
  }
  return address === undefined ? undefined : { address, fqdn, name }
}

/** One address, or one of each family; the one of the family that the nodes have must be in their network. */
export function readVips(source: Source, nodes: readonly Node[]): readonly (Cidr | undefined)[] {
  const entry = source.get('VIP')
  if (entry === undefined) return []
  const wrong = ({ line }: { line: number }, text: string, remedy: string) =>
    source.report({ line, key: 'VIP', text, remedy })
  const words = wordsOf(entry)
  if (words.length === 0) wrong(entry, 'VIP is empty', 'write it like VIP=192.168.18.200/24')
  if (words.length > 2) wrong(entry, `VIP has ${words.length} addresses`, 'write one, or one of IPv4 and one of IPv6')
  const vips = words.map((word) => readVip(source, nodes, word, words.length > 1))
  const [one, other] = vips
  if (words.length === 2 && one !== undefined && other !== undefined) {
    if (one.address === other.address)
      wrong(words[1] ?? entry, `VIP ${one.address} stands there twice`, 'write it once')
    else if (one.family === other.family)
      wrong(
        words[1] ?? entry,
        `VIP ${one.address} and VIP ${other.address} are both of IPv${one.family}`,
        'write one, or one of IPv4 and one of IPv6',
      )
  }
  return vips
}

/** `besides`: there is another one, so that this one need not be of the nodes' family. */
function readVip(source: Source, nodes: readonly Node[], word: Piece, besides: boolean): Cidr | undefined {
  const wrong = (text: string, remedy: string) => source.report({ line: word.line, key: 'VIP', text, remedy })
  const vip = parseCidr(word.text)
  if (vip === undefined || vip.prefix === 0) {
    const bare = canonical(word.text)
    if (bare === undefined)
      wrong(`VIP "${shown(word.text)}" is not address/prefix`, 'write it like VIP=192.168.18.200/24')
    else wrong('VIP has no prefix length', `write VIP=${bare}/${family(bare) === 4 ? 24 : 64}, or what its network has`)
    return undefined
  }
  if (kind(vip.address) !== 'unicast') {
    wrong(`VIP ${vip.address} is ${a(kind(vip.address))} address`, 'take a free address of the network of the nodes')
    return vip
  }
  const use = reserved(vip, vip.address)
  if (use !== undefined) {
    wrong(
      `VIP ${vip.address} is the ${use} address of ${cidrText(network(vip))}`,
      'take a free address of that network',
    )
  }
  const same = nodes.find((node) => node.address === vip.address)
  if (same)
    wrong(
      `VIP ${vip.address} is the address of ${shown(same.name)}`,
      'take a free address: the cluster moves it between the nodes',
    )
  // Which addresses the nodes have in the other family's network, they tell themselves.
  const outside = nodes.filter(
    ({ address }) =>
      kind(address) === 'unicast' && !contains(vip, address) && !(besides && family(address) !== vip.family),
  )
  if (outside.length > 0) {
    const told = outside.map((node) => `${shown(node.name)} (${node.address})`).join(', ')
    wrong(`outside the network of the VIP, ${cidrText(network(vip))}: ${told}`, 'correct VIP, its prefix, or NODES')
  }
  for (const node of nodes) {
    const taken = reserved(vip, node.address)
    if (taken === undefined || !contains(vip, node.address)) continue
    wrong(
      `${shown(node.name)} has the ${taken} address of ${cidrText(network(vip))}`,
      'correct NODES, or the prefix of the VIP',
    )
  }
  return vip
}
