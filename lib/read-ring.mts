/** LINKS, TRANSPORT and the rest of how corosync's ring runs, from the env file. */
import { canonical, cidrText, family, kind, network, overlap, parseCidr } from './address.mts'
import type { Cidr, Config, Node } from './config.mts'
import { type Entry, type Piece, wordsOf } from './env-file.mts'
import { isHost } from './read-nodes.mts'
import { shown } from './shown.mts'
import { a, integer, oneOf, type Source } from './source.mts'

/** KNET_MAX_LINK and INTERFACE_MAX of corosync's totem.h. */
const MOST_LINKS = 8

type Ring = Pick<Config, 'links' | 'linkMode' | 'transport' | 'mcastAddr' | 'mcastPort' | 'token' | 'arbiter'>

/**
 * How corosync's ring runs. A token below 126 ms leaves two nodes no time for retransmits, and corosync refuses it
 * (corosync.conf(5), token_retransmit); one above 10 min detects nothing.
 */
export function readRing(source: Source, nodes: readonly Node[], vips: readonly (string | undefined)[]): Ring {
  const transport = oneOf(source, 'TRANSPORT', ['knet', 'udpu', 'udp'])
  const links = readLinks(source, transport)
  return {
    links,
    linkMode: oneOf(source, 'LINK_MODE', ['passive', 'active', 'rr']),
    transport,
    mcastAddr: readMulticast(source, transport, links[0]?.address ?? nodes[0]?.address),
    mcastPort: readPort(source, transport),
    token: integer(source, 'TOKEN', 126, 600000),
    arbiter: readArbiter(source, nodes, vips),
  }
}

/** An address or a name, or a line as in NODES. */
function readArbiter(source: Source, nodes: readonly Node[], vips: readonly (string | undefined)[]): Node | undefined {
  const key = 'QDEVICE'
  const entry = source.get(key)
  if (entry === undefined) return undefined
  const words = wordsOf(entry).map(({ text }) => text)
  if (words.length === 0) return undefined
  const wrong = (text: string, remedy: string) => source.report({ line: entry.line, key, text, remedy })
  const literal = canonical(words[0] ?? '')
  const address = literal ?? words[0] ?? ''
  const [, fqdn = address, name = fqdn] = words
  if (words.length === 2 || words.length > 3 || (words.length === 3 && literal === undefined)) {
    wrong(
      'QDEVICE is not one host',
      'write its address or name, or its line of /etc/hosts: address, full name, short name',
    )
    return undefined
  }
  if (!words.every(isHost)) {
    wrong('QDEVICE is not a host', 'write the address or the name of the host of corosync-qnetd')
    return undefined
  }
  if ((literal !== undefined && kind(literal) !== 'unicast') || /^localhost(?:\.|$)/i.test(address)) {
    wrong(`QDEVICE ${shown(address)} is no address at which the nodes reach it`, 'write the one at which they do')
    return undefined
  }
  if (vips.includes(address)) {
    wrong('QDEVICE is the VIP: it would lose its place together with it', 'take a host that is not in NODES')
    return undefined
  }
  const same = (one: string) => [address, fqdn, name].some((own) => own.toLowerCase() === one.toLowerCase())
  const node = nodes.find((one) => same(one.address) || same(one.fqdn) || same(one.name))
  if (node) {
    wrong(
      `QDEVICE is the node ${shown(node.name)}: it would be gone together with its vote`,
      'take a host that is not in NODES, best in a third place',
    )
    return undefined
  }
  return { address, fqdn, name: words.length === 1 && literal === undefined ? (name.split('.')[0] as string) : name }
}

function readLinks(source: Source, transport: string): readonly Cidr[] {
  const entry = source.get('LINKS')
  if (entry === undefined) return []
  const wrong = (at: Entry | Piece, text: string, remedy: string) =>
    source.report({ line: at.line, key: 'LINKS', text, remedy })
  const words = wordsOf(entry)
  const links: Cidr[] = []
  for (const word of words) {
    const link = parseCidr(word.text)
    if (link === undefined || link.prefix === 0) {
      wrong(word, `"${shown(word.text)}" in LINKS is not a network`, 'write network/prefix, like 10.0.42.0/24')
      continue
    }
    const right = network(link)
    if (right.address !== link.address) {
      wrong(word, `${cidrText(link)} in LINKS is an address in a network, not the network`, `write ${cidrText(right)}`)
    } else if (kind(link.address) === 'multicast' || kind(link.address) === 'loopback') {
      wrong(
        word,
        `${cidrText(link)} in LINKS is ${a(kind(link.address))} network`,
        'write a network that the nodes share',
      )
    }
    const other = links.find((one) => overlap(one, right))
    if (other && cidrText(other) === cidrText(right)) {
      wrong(word, `${cidrText(right)} is in LINKS twice`, 'write each network once')
    } else if (other) {
      wrong(word, `${cidrText(other)} and ${cidrText(right)} in LINKS overlap`, 'each link needs a network of its own')
    }
    links.push(right)
  }
  if (words.length > MOST_LINKS) {
    wrong(entry, `LINKS has ${words.length} networks, corosync has ${MOST_LINKS} links at most`, 'remove some')
  }
  if (transport !== 'knet' && words.length > 1) {
    wrong(
      entry,
      `LINKS has ${words.length} networks, TRANSPORT=${transport} has one link`,
      'keep one, or write TRANSPORT=knet',
    )
  }
  return links
}

function readPort(source: Source, transport: string): number {
  const entry = source.get('MCAST_PORT')
  if (entry !== undefined && transport !== 'udp') {
    const text = `TRANSPORT=${transport} has no multicast port`
    source.report({ line: entry.line, key: 'MCAST_PORT', text, remedy: 'remove MCAST_PORT, or write TRANSPORT=udp' })
  }
  return integer(source, 'MCAST_PORT', 1, 65535) ?? 5405
}

function readMulticast(source: Source, transport: string, peer: string | undefined): string {
  const usual = '239.255.42.2'
  const entry = source.get('MCAST_ADDR')
  const wrong = (line: number | undefined, text: string, remedy: string) =>
    source.report({ line, key: 'MCAST_ADDR', text, remedy })
  const address = entry === undefined ? usual : canonical(entry.value)
  if (address === undefined || kind(address) !== 'multicast') {
    wrong(
      entry?.line,
      `MCAST_ADDR "${shown(entry?.value ?? '')}" is not a multicast address`,
      `write it like MCAST_ADDR=${usual}`,
    )
    return usual
  }
  if (transport !== 'udp') {
    if (entry)
      wrong(entry.line, `TRANSPORT=${transport} has no multicast address`, 'remove MCAST_ADDR, or write TRANSPORT=udp')
  } else if (peer !== undefined && family(peer) !== family(address)) {
    const line = entry?.line ?? source.get('TRANSPORT')?.line
    wrong(
      line,
      `the link is IPv${family(peer)}, MCAST_ADDR ${address} is not`,
      `write an IPv${family(peer)} MCAST_ADDR`,
    )
  }
  return address
}
