/** Numbers by a seed: the same ones each time. */
export interface Random {
  /** A whole number from the first to the last, both included. */
  readonly from: (first: number, last: number) => number
  readonly one: <T>(of: readonly [T, ...T[]]) => T
}

/** The multiplier and the increment of Numerical Recipes' 32-bit generator; the high bits are the better ones. */
export function random(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const from = (first: number, last: number) => first + Math.floor(next() * (last - first + 1))
  return { from, one: (of) => of[from(0, of.length - 1)] as (typeof of)[0] }
}
