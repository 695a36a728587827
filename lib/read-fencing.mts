/** FENCING, FENCE_<short> and CLUSTER_PROPERTIES of the env file: what pacemaker is told besides its resources. */
import { currentName, isTrue, propertyProblem } from './cluster-properties.mts'
import type { Config, Node } from './config.mts'
import { nearest } from './nearest.mts'
import { type Pair, pairsOf } from './pairs.mts'
import { shown } from './shown.mts'
import type { Source } from './source.mts'

/** The key of a node's parameters: no shell variable and no env file has a hyphen in a name. */
export const fenceKey = (node: Node): string => `FENCE_${node.name.replaceAll(/[-.]/g, '_')}`

/**
 * Names of parameters whose values are kept out of every output; lib/guards/cib.mts knows the same words. A name that was
 * mistyped has a secret for its value no less.
 */
const SECRET = /pass|pwd|secret|key|token|credential|community|private/i
const isSecret = (name: string) => SECRET.test(name) || nearest(name, ['password', 'passwd', 'community']) !== undefined
const EXAMPLE = `'ip=192.168.18.211 username=admin password="…"'`

export const isFenceKey = (key: string): boolean => /^FENCE_./.test(key)

const isFor = (key: string, node: Node) => fenceKey(node).toLowerCase() === key.toLowerCase()

export function readFencing(source: Source, nodes: readonly Node[]): Pick<Config, 'fencing' | 'fence'> {
  const entry = source.get('FENCING')
  // Undecided is told with the other keys that are missing.
  const right = /^(?:none|fence_[a-z0-9_]+)$/.test(entry?.value ?? '')
  const fencing = right ? (entry?.value ?? '') : ''
  if (entry && !right) {
    const remedy = 'write the name of a fence agent, like FENCING=fence_ipmilan, or FENCING=none'
    source.report({ line: entry.line, key: 'FENCING', text: `FENCING cannot be "${shown(entry.value)}"`, remedy })
  }
  const fence = new Map<string, Readonly<Record<string, string>>>()
  for (const found of source.entries.filter(({ key, value }) => isFenceKey(key) && value !== '')) {
    const { key, line } = found
    const wrong = (text: string, remedy: string) => source.report({ line, key, text, remedy })
    const pairs = pairsOf(found, source.report)
    for (const { name, value } of pairs) if (isSecret(name)) source.secret(value)
    const node = nodes.find((one) => isFor(key, one))
    if (node === undefined) {
      wrong(
        `${shown(key)} is for no node of NODES`,
        `there are ${nodes.map((one) => shown(fenceKey(one))).join(', ') || 'none yet'}`,
      )
    } else if (fence.has(node.name)) {
      wrong(`the fence parameters of ${shown(node.name)} are set twice`, `keep one ${shown(fenceKey(node))}`)
    } else fence.set(node.name, record(pairs))
  }
  if (fencing.startsWith('fence_')) {
    for (const node of nodes) {
      // A line that is there and cannot be read has been told already.
      if (fence.has(node.name) || [...source.broken.keys()].some((key) => isFor(key, node))) continue
      const key = fenceKey(node)
      const remedy = `write ${shown(key)}=${EXAMPLE}`
      source.report({
        line: entry?.line,
        key,
        text: `${shown(node.name)} has no parameters for ${fencing}: ${shown(key)} is missing`,
        remedy,
      })
    }
  }
  return { fencing, fence: Object.fromEntries(fence) }
}

const record = (pairs: readonly Pair[]): Readonly<Record<string, string>> =>
  Object.fromEntries(pairs.map(({ name, value }) => [name, value]))

export function readProperties(source: Source, fencing: string): Readonly<Record<string, string>> {
  const key = 'CLUSTER_PROPERTIES'
  const entry = source.get(key)
  if (entry === undefined) return {}
  const pairs = pairsOf(entry, source.report)
  const names = new Map<string, string>()
  for (const { name, value, line } of pairs) {
    const wrong = (text: string, remedy: string) => source.report({ line, key, text, remedy })
    const problem = propertyProblem(name, value)
    if (problem) {
      wrong(problem.text, problem.remedy)
      continue
    }
    const current = currentName(name)
    const other = names.get(current)
    if (other !== undefined) wrong(`${other} and ${name} are two names of one property`, 'keep one of the two')
    names.set(current, name)
    if (current === 'fencing-enabled' && fencing !== '' && isTrue(value) !== (fencing !== 'none')) {
      wrong(`${name}=${value} contradicts FENCING=${fencing}`, `remove ${name}: FENCING decides it`)
    }
    // Pacemaker calls it an error then, and stops resources instead.
    if (current === 'no-quorum-policy' && /^(?:fence|suicide)$/.test(value) && fencing === 'none') {
      wrong(`${name}=${value} contradicts FENCING=none`, 'write another policy, or name a fence agent')
    }
    if (current === 'maintenance-mode' && isTrue(value)) {
      wrong('in maintenance mode the cluster would never start the VIP', `remove ${name}`)
    }
  }
  return record(pairs)
}
