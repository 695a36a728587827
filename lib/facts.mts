/** What is known of each node: text that it printed, by name, and the pure readers of it. */
import { type Config, hostsOf, type Node } from './config.mts'
import { LOCK, PATIENCE } from './driver.mts'
import type { Holder } from './errors.mts'

export interface Facts {
  /** The fact as the node printed it, without the last newline; empty when it had nothing to say. */
  readonly get: (node: Node, name: string) => string
}

/** What was asked now, and for the rest what was known before. */
export const factsFrom = (asked: ReadonlyMap<string, ReadonlyMap<string, string>>, before?: Facts): Facts => ({
  get: (node, name) => asked.get(node.name)?.get(name) ?? before?.get(node, name) ?? '',
})

/** Asked of every node in every run. */
export const EVERY_NODE: Readonly<Record<string, string>> = {
  os: 'cat /etc/os-release',
  hostname: 'uname -n',
  'machine-id': 'cat /etc/machine-id',
  addresses: 'ip -o addr show',
  clock: 'date +%s.%N',
  lock: `[ ! -s ${LOCK} ] || { echo $(($(date +%s) - $(stat -c %Y ${LOCK}))); head -n 1 ${LOCK}; }`,
}

/** The run that has the lock, as far as its last sign of life tells: for one who does not take it. */
export function otherRun(config: Config, facts: Facts): Holder | undefined {
  for (const node of hostsOf(config)) {
    const [age = '', owner = ''] = facts.get(node, 'lock').split('\n')
    if (owner !== '' && Number(age) <= PATIENCE) return { node: node.name, owner, age: Number(age) }
  }
  return undefined
}

export interface Os {
  readonly id: string
  readonly like: readonly string[]
  readonly version: string
  readonly name: string
}

/** os-release(5). */
export function os(facts: Facts, node: Node): Os {
  const fields = new Map(
    facts
      .get(node, 'os')
      .split('\n')
      .map((line) => /^([A-Z_]+)=["']?(.*?)["']?$/.exec(line))
      .flatMap((match) => (match ? [[match[1] as string, match[2] as string]] : [])),
  )
  const get = (key: string) => fields.get(key) ?? ''
  return { id: get('ID'), like: get('ID_LIKE').split(' '), version: get('VERSION_ID'), name: get('PRETTY_NAME') }
}

export interface NodeAddress {
  readonly device: string
  readonly address: string
  readonly prefix: number
  /** Added beside another address of the same network, as a floating address is (ip-address(8)). */
  readonly secondary: boolean
}

/** Addresses of a node other than loopback and link-local ones, in the order of the kernel. */
export function addresses(facts: Facts, node: Node): readonly NodeAddress[] {
  return facts
    .get(node, 'addresses')
    .split('\n')
    .map((line) => /^\d+: (\S+?)(?:@\S+)? +inet6? ([0-9a-fA-F.:]+)(?: peer \S+)?(?:\/(\d+))?(.*)$/.exec(line))
    .flatMap((match) => {
      if (!match) return []
      const [, device = '', address = '', prefix = address.includes(':') ? '128' : '32', rest = ''] = match
      if (device === 'lo' || /scope (host|link)/.test(rest)) return []
      return [{ device, address, prefix: Number(prefix), secondary: /\bsecondary\b/.test(rest) }]
    })
}
