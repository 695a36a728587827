/** What of the phases and nodes a command line has chosen. */
import { type Config, hostsOf, type Node } from './config.mts'
import { type Flags, flagProblem } from './flags.mts'
import type { Phase } from './guard.mts'
import { didYouMean } from './nearest.mts'

/** `corosync` of `03-corosync`. */
const nameOf = (id: string): string => id.replace(/^\d+-/, '')

/** Where a phase stands that is named by its id, its number or its name. Throws ConfigError where there is none. */
function placeOf(ids: readonly string[], flag: string, said: string): number {
  const place = ids.findIndex((id) => id === said || nameOf(id) === said || id.split('-')[0] === said.padStart(2, '0'))
  if (place >= 0) return place
  const remedy = didYouMean(said, [...ids, ...ids.map(nameOf)], `there are ${ids.join(', ')}`)
  throw flagProblem(`--${flag} ${said}: no such phase here`, remedy)
}

/** The phases from --from to --to, or that of --only. Throws ConfigError for one that is not there. */
export function selectPhases<One extends Pick<Phase, 'id'>>(phases: readonly One[], flags: Flags): readonly One[] {
  if (flags.only !== undefined && (flags.from !== undefined || flags.to !== undefined))
    throw flagProblem('--only does not go with --from or --to')
  const at = (flag: 'from' | 'to', otherwise: number) => {
    const said = flags.only ?? flags[flag]
    const ids = phases.map(({ id }) => id)
    return said === undefined ? otherwise : placeOf(ids, flags.only === undefined ? flag : 'only', said)
  }
  const [first, last] = [at('from', 0), at('to', phases.length - 1)]
  if (first > last) throw flagProblem(`--from ${flags.from} comes after --to ${flags.to}`)
  return phases.slice(first, last + 1)
}

const digits = (name: string): string => name.replace(/\D/g, '')

/** The nodes of --nodes, or all, the arbiter too. Throws ConfigError for names that are not in the env file. */
export function selectNodes(config: Config, flags: Flags): readonly Node[] {
  const hosts = hostsOf(config)
  if (flags.nodes === undefined) return hosts
  const names = flags.nodes.split(',').map((name) => name.trim())
  const strangers = names.filter((name) => !hosts.some((node) => node.name === name))
  const [stranger] = strangers
  if (stranger !== undefined) {
    const all = hosts.map(({ name }) => name)
    // Another number is another node, and no slip of the finger.
    const alike = strangers.length > 1 ? [] : all.filter((name) => digits(name) === digits(stranger))
    throw flagProblem(
      `--nodes: ${strangers.map((name) => `"${name}"`).join(', ')} not in NODES`,
      didYouMean(stranger, alike, `there are ${all.join(', ')}`),
    )
  }
  return hosts.filter((node) => names.includes(node.name))
}
