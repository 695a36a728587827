/** NODES and VIP of the env file: who the nodes are, and the address that they share. */
import { canonical, cidrText, contains, family, kind, network, parseCidr, reserved } from './address.mts'
import type { Cidr, Node } from './config.mts'
import { beforeEquals, linesOf, type Piece } from './env-file.mts'
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

export function readVip(source: Source, nodes: readonly Node[]): Cidr | undefined {
  const entry = source.get('VIP')
  if (entry === undefined) return undefined
  const wrong = (text: string, remedy: string) => source.report({ line: entry.line, key: 'VIP', text, remedy })
  const vip = parseCidr(entry.value)
  if (vip === undefined || vip.prefix === 0) {
    const bare = canonical(entry.value)
    if (bare === undefined)
      wrong(`VIP "${shown(entry.value)}" is not address/prefix`, 'write it like VIP=192.168.18.200/24')
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
  const outside = nodes.filter((node) => kind(node.address) === 'unicast' && !contains(vip, node.address))
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
