/** Median and spread of a few measurements. */

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Of an even count the mean of the two in the middle. Throws on none: no figure is made of nothing. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (index: number) => sorted[index] as number
  if (sorted.length === 0) throw new Error('no measurement')
  const half = Math.floor(sorted.length / 2)
  return {
    median: sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  }
}

/** The same things, another one first in each round: nobody is always measured right after the same other. */
export const rotated = <T,>(all: readonly T[], round: number): readonly T[] =>
  all.map((_, index) => all[(index + round) % all.length] as T)
