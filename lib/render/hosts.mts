/** The names by which the nodes know one another. */
import type { Config } from '../config.mts'

type Named = Pick<Config, 'nodes'> & Partial<Pick<Config, 'vip' | 'vipName'>>

/** Lines for /etc/hosts: address, canonical name, short name (hosts(5)). */
export const hostsLines = ({ nodes, vip, vipName }: Named): string =>
  [
    ...nodes.map(({ address, fqdn, name }) => [address, ...new Set([fqdn, name])]),
    ...(vip && vipName ? [[vip.address, vipName]] : []),
  ]
    .map((words) => `${words.join(' ')}\n`)
    .join('')
