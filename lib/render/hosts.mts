/** The names by which the nodes know one another. */
import type { Config } from '../config.mts'

/** Lines for /etc/hosts: address, canonical name, short name (hosts(5)). */
export const hostsLines = ({ nodes }: Pick<Config, 'nodes'>): string =>
  nodes.map(({ address, fqdn, name }) => `${[address, ...new Set([fqdn, name])].join(' ')}\n`).join('')
