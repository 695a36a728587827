/** IP addresses and networks, as text in canonical form. */
import { isIP } from 'node:net'
import type { Cidr } from './config.mts'

export type Family = 4 | 6

/**
 * The one way to write an address: IPv6 compressed and in lower case (RFC 5952).
 * Undefined for what is no literal, for leading zeros (read as octal by some) and for a zone (`fe80::1%eth0`).
 */
export function canonical(text: string): string | undefined {
  const family = isIP(text)
  if (family === 4) return text
  if (family !== 6 || text.includes('%')) return undefined
  return new URL(`http://[${text}]`).hostname.slice(1, -1)
}

/** The family of a canonical address. */
export const family = (address: string): Family => (address.includes(':') ? 6 : 4)

const width = (family: Family) => (family === 4 ? 32n : 128n)

/** Like `10.0.42.0/24`; host bits may be set. Undefined when it is anything else, also without a prefix. */
export function parseCidr(text: string): Cidr | undefined {
  const [, literal = '', digits = ''] = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text) ?? []
  const address = canonical(literal)
  if (address === undefined) return undefined
  const prefix = Number(digits)
  return prefix > width(family(address)) ? undefined : { address, prefix, family: family(address) }
}

export const cidrText = ({ address, prefix }: Cidr): string => `${address}/${prefix}`

function number(address: string): bigint {
  if (family(address) === 4) return address.split('.').reduce((all, byte) => all * 256n + BigInt(byte), 0n)
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const [head = '', tail] = address.split('::')
  const [left, right] = [groups(head), groups(tail ?? '')]
  const zeros = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0')
  return [...left, ...zeros, ...right].reduce((all, group) => all * 65536n + BigInt(`0x${group}`), 0n)
}

function written(value: bigint, family: Family): string {
  const size = family === 4 ? 8n : 16n
  const parts = Array.from({ length: family === 4 ? 4 : 8 }, (_, index) => {
    const shift = width(family) - size * BigInt(index + 1)
    return (value >> shift) & ((1n << size) - 1n)
  })
  if (family === 4) return parts.join('.')
  return canonical(parts.map((part) => part.toString(16)).join(':')) as string
}

const hostBits = ({ prefix, family }: Cidr) => (1n << (width(family) - BigInt(prefix))) - 1n

/** The network in which an address lies: its host bits are zero. */
export const network = (cidr: Cidr): Cidr => ({
  ...cidr,
  address: written(number(cidr.address) & ~hostBits(cidr), cidr.family),
})

/** The last address of a network: in IPv4 the one that all its hosts hear. */
export const lastAddress = (cidr: Cidr): string => written(number(cidr.address) | hostBits(cidr), cidr.family)

/** Whether the address lies in the network of the CIDR. */
export const contains = (cidr: Cidr, address: string): boolean =>
  family(address) === cidr.family && network({ ...cidr, address }).address === network(cidr).address

export const sameNetwork = (a: Cidr, b: Cidr): boolean => a.prefix === b.prefix && contains(a, b.address)

/** Whether there is an address that lies in both. */
export const overlap = (a: Cidr, b: Cidr): boolean =>
  a.prefix <= b.prefix ? contains(a, b.address) : contains(b, a.address)

/**
 * Why an address of a network cannot be a host's: it is the network's own (RFC 950; RFC 4291, 2.6.1 for IPv6) or the
 * broadcast address (RFC 919). Networks of one or two addresses have neither (RFC 3021, RFC 6164).
 */
export function reserved(cidr: Cidr, address: string): 'network' | 'broadcast' | undefined {
  if (hostBits(cidr) <= 1n) return undefined
  if (address === network(cidr).address) return 'network'
  return cidr.family === 4 && address === lastAddress(cidr) ? 'broadcast' : undefined
}

export type Kind = 'unicast' | 'unspecified' | 'loopback' | 'link-local' | 'multicast' | 'reserved'

/** RFC 6890 and RFC 4291, as far as it says that no host can be reached there from another. */
const KINDS: readonly (readonly [string, Kind])[] = [
  ['0.0.0.0/8', 'unspecified'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['::ffff:0:0/96', 'reserved'],
  ['fe80::/10', 'link-local'],
  ['ff00::/8', 'multicast'],
]

export const kind = (address: string): Kind =>
  KINDS.find(([cidr]) => contains(parseCidr(cidr) as Cidr, address))?.[1] ?? 'unicast'
