/** By how many milliseconds the nodes' clocks differ. */
import type { Node } from './config.mts'
import type { Facts } from './facts.mts'

/** Seconds by which they may differ. Fernet tokens and logs of several nodes make no sense with more; a new node is set by hand once. */
export const MAX_SKEW = 2

/** Of an even number the lower one: one of them. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0

/**
 * By how many milliseconds the clock of each node is ahead of the others', as the survey saw it: exact to what the ways to the nodes
 * differ by.
 */
export function clocks(facts: Facts, nodes: readonly Node[]): readonly (readonly [name: string, ahead: number])[] {
  const known = nodes.flatMap((node) => {
    const said = facts.get(node, 'clock-ahead')
    return said === '' || Number.isNaN(Number(said)) ? [] : [[node.name, Number(said)] as const]
  })
  const middle = median(known.map(([, ahead]) => ahead))
  return known.map(([name, ahead]) => [name, ahead - middle])
}
