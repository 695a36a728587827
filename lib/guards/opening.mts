/** What a firewall is to admit, and the words in which each kind of firewall is told so. */
import { createHash } from 'node:crypto'
import type { Shell } from '../shell.mts'

export interface Opening {
  readonly protocol: 'tcp' | 'udp'
  /** First and last port. */
  readonly ports: readonly [number, number]
  /** Addresses that may come in; empty for all. */
  readonly from: readonly string[]
  /** The cards on which they come in, for a firewall that tells them apart; undefined for all. */
  readonly on?: readonly string[]
}

/** One kind of firewall, as shell texts. Each text may use the functions. */
export interface Firewall {
  readonly functions: Shell
  /** Prints what it lacks of these, and what it has of ours beside them; nothing where all is right. */
  readonly lacks: (own: string, openings: readonly Opening[]) => string
  /** Makes it so, at once and for the next boot. */
  readonly open: (own: string, openings: readonly Opening[]) => string
  /** Prints what it has of ours, at work or not. */
  readonly has: (own: string) => string
  readonly close: (own: string) => string
}

export const span = ([first, last]: Opening['ports'], between: string): string =>
  first === last ? String(first) : `${first}${between}${last}`

export const isSix = (address: string): boolean => address.includes(':')

/** What our rules say of themselves. Several clusters may have rules on one arbiter. */
export const ownName = (clusterName: string): string => `quorate-${clusterName}`

/** As a pattern of grep, sed and awk: a name may have dots, and another's begin like it. */
export const pattern = (own: string): string => own.replaceAll('.', '[.]')

/** What a rule says that is one of these: rules that are not wanted any more have another one. */
export const markOf = (own: string, rules: readonly string[]): string =>
  `${own}-${createHash('sha256').update(rules.join('\n')).digest('hex').slice(0, 8)}`
/** Any such mark, as a pattern. */
export const anyMark = (own: string): string => `${pattern(own)}-[0-9a-f]*`
