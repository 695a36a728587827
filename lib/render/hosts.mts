/** The block of /etc/hosts by which the nodes know one another. */
import type { Config } from '../config.mts'

/** The lines around it, by which it is found and replaced. */
export const hostsMarks = ({
  clusterName,
}: Pick<Config, 'clusterName'>): { readonly begin: string; readonly end: string } => ({
  begin: `# BEGIN quorate ${clusterName}`,
  end: `# END quorate ${clusterName}`,
})

/** Address, canonical name, short name: hosts(5). Marks and a final newline included. */
export function hostsBlock(config: Pick<Config, 'clusterName' | 'nodes'>): string {
  const { begin, end } = hostsMarks(config)
  const lines = config.nodes.map(({ address, fqdn, name }) => [address, ...new Set([fqdn, name])].join(' '))
  return [begin, ...lines, end, ''].join('\n')
}
