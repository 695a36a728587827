/** FENCING, FENCE_<short> and CLUSTER_PROPERTIES of the env file: what pacemaker is told besides its resources. */
import { currentName, isTrue, propertyProblem } from './cluster-properties.mts'
import type { Config, Level, Node } from './config.mts'
import { nearest } from './nearest.mts'
import { type Pair, pairsOf } from './pairs.mts'
import { shown } from './shown.mts'
import type { Source } from './source.mts'

/** The key of a device's parameters: no shell variable and no env file has a hyphen in a name. */
export const fenceKey = (node: Node, level: Level = 1): string =>
  `FENCE${level === 1 ? '' : level}_${node.name.replaceAll(/[-.]/g, '_')}`

/**
 * Names of parameters whose values are kept out of every output; lib/guards/cib.mts knows the same words. A name that was
 * mistyped has a secret for its value no less.
 */
const SECRET = /pass|pwd|secret|key|token|credential|community|private/i
const isSecret = (name: string) => SECRET.test(name) || nearest(name, ['password', 'passwd', 'community']) !== undefined
const EXAMPLE = `'ip=192.168.18.211 username=admin password="…"'`

export const isFenceKey = (key: string): boolean => /^FENCE2?_./.test(key)

const isFor = (key: string, node: Node, level: Level) => fenceKey(node, level).toLowerCase() === key.toLowerCase()

export function readFencing(
  source: Source,
  nodes: readonly Node[],
): Pick<Config, 'fencing' | 'fence' | 'fencing2' | 'fence2'> {
  const fencing = readAgent(source, 'FENCING', /^(?:none|fence_[a-z0-9_]+)$/, ', or FENCING=none')
  const entry = source.get('FENCING')
  const fence = readDevices(source, nodes, 1)
  const fence2 = readDevices(source, nodes, 2)
  const fencing2 = readAgent(source, 'FENCING2', /^fence_[a-z0-9_]+$/, '')
  const second = source.get('FENCING2')
  if (second && fencing2 !== '' && fence2.size === 0) {
    const remedy = `write ${shown(fenceKey(nodes[0] ?? { name: 'node1', fqdn: '', address: '' }, 2))}=${EXAMPLE}, or remove FENCING2`
    source.report({
      line: second.line,
      key: 'FENCING2',
      text: 'FENCING2 names an agent, but no node has a second device',
      remedy,
    })
  }
  if (fencing.startsWith('fence_')) {
    for (const node of nodes) {
      // A line that is there and cannot be read has been told already.
      if (fence.has(node.name) || [...source.broken.keys()].some((key) => isFor(key, node, 1))) continue
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
  return {
    fencing,
    fence: Object.fromEntries(fence),
    fencing2: fencing2 === '' ? fencing : fencing2,
    fence2: Object.fromEntries(fence2),
  }
}

/** The name of a fence agent; empty when there is none, or none that can be. Undecided is told with the other keys that are missing. */
function readAgent(source: Source, key: 'FENCING' | 'FENCING2', form: RegExp, or: string): string {
  const entry = source.get(key)
  if (entry === undefined || form.test(entry.value)) return entry?.value ?? ''
  const remedy = `write the name of a fence agent, like ${key}=fence_ipmilan${or}`
  source.report({ line: entry.line, key, text: `${key} cannot be "${shown(entry.value)}"`, remedy })
  return ''
}

function readDevices(
  source: Source,
  nodes: readonly Node[],
  level: Level,
): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const devices = new Map<string, Readonly<Record<string, string>>>()
  const prefix = `FENCE${level === 1 ? '' : level}_`
  for (const found of source.entries.filter(
    ({ key, value }) => key.startsWith(prefix) && key !== prefix && value !== '',
  )) {
    const { key, line } = found
    const wrong = (text: string, remedy: string) => source.report({ line, key, text, remedy })
    const pairs = pairsOf(found, source.report)
    for (const { name, value } of pairs) if (isSecret(name)) source.secret(value)
    const node = nodes.find((one) => isFor(key, one, level))
    if (node === undefined) {
      wrong(
        `${shown(key)} is for no node of NODES`,
        `there are ${nodes.map((one) => shown(fenceKey(one, level))).join(', ') || 'none yet'}`,
      )
    } else if (devices.has(node.name)) {
      wrong(`the fence parameters of ${shown(node.name)} are set twice`, `keep one ${shown(fenceKey(node, level))}`)
    } else devices.set(node.name, record(pairs))
  }
  return devices
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
