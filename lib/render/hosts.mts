/** The names by which the nodes know one another. */
import { type Config, vipsOf } from '../config.mts'

type Named = Pick<Config, 'nodes'> & Partial<Pick<Config, 'vip' | 'vip2' | 'vipName'>>

/** Lines for /etc/hosts: address, canonical name, short name (hosts(5)). */
export const hostsLines = ({ nodes, vip, vip2, vipName }: Named): string =>
  [
    ...nodes.map(({ address, fqdn, name }) => [address, ...new Set([fqdn, name])]),
    ...(vip && vipName ? vipsOf({ vip, vip2 }).map(({ address }) => [address, vipName]) : []),
  ]
    .map((words) => `${words.join(' ')}\n`)
    .join('')
