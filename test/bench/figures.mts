/** The figures that are measured, by name. */

export type Kind = 'start' | 'first' | 'second' | 'drift' | 'phase' | 'plan' | 'latency' | 'light'

export interface Figure {
  /** `second-3`: the kind and the nodes, of latency the milliseconds. */
  readonly name: string
  readonly kind: Kind
  readonly nodes: number
  /** Milliseconds that a round trip takes longer. */
  readonly delay: number
  readonly title: string
  /** Not more than these, where each takes many minutes. */
  readonly rounds?: number
}

const TITLES: Readonly<Record<Exclude<Kind, 'start' | 'latency'>, string>> = {
  first: 'first run, on fresh nodes',
  second: 'second run, nothing to change',
  drift: 'haproxy.cfg was changed by hand on one node',
  phase: 'phase 03 alone, nothing to change',
  plan: 'plan, nothing to change',
  light: 'second run of phases 00 to 02 on light nodes',
}

/** With more, a whole run would take far longer than an hour and a half. */
const ROUNDS: Readonly<Record<string, number>> = { 'first-3': 3, 'first-8': 2 }

const of = (kind: keyof typeof TITLES, nodes: number): Figure => ({
  ...(ROUNDS[`${kind}-${nodes}`] ? { rounds: ROUNDS[`${kind}-${nodes}`] as number } : {}),
  name: `${kind}-${nodes}`,
  kind,
  nodes,
  delay: 0,
  title: `${TITLES[kind]}, ${nodes} nodes`,
})

const late = (delay: number): Figure => ({
  name: `latency-${delay}`,
  kind: 'latency',
  nodes: 2,
  delay,
  title: `second run, 2 nodes, ${delay} ms per round trip`,
})

export const FIGURES: readonly Figure[] = [
  { name: 'start', kind: 'start', nodes: 0, delay: 0, title: 'tasks/03-corosync.mts --help' },
  ...[2, 3, 8].flatMap((nodes) => [
    ...(['first', 'second', 'drift', 'phase', 'plan'] as const).map((kind) => of(kind, nodes)),
    ...(nodes === 2 ? [0, 20, 60].map(late) : []),
  ]),
  ...[2, 8, 32, 64].map((nodes) => of('light', nodes)),
]

/**
 * Those that the words name: whole names (`second-3`), or kinds and numbers, where `first second 2` is first-2 and second-2.
 * All of them without a word; undefined when a word names nothing.
 */
export function chosen(words: readonly string[]): readonly Figure[] | undefined {
  const parts = FIGURES.map((figure) => ({ figure, kind: figure.kind, number: figure.name.split('-')[1] }))
  const kinds = words.filter((word) => parts.some(({ kind }) => kind === word))
  const numbers = words.filter((word) => parts.some(({ number }) => number === word))
  const names = words.filter((word) => FIGURES.some(({ name }) => name === word))
  if (words.some((word) => ![...kinds, ...numbers, ...names].includes(word))) return undefined
  const alike = kinds.length + numbers.length > 0 || words.length === 0
  return parts
    .filter(
      ({ figure, kind, number }) =>
        names.includes(figure.name) ||
        (alike &&
          (kinds.length === 0 || kinds.includes(kind)) &&
          (numbers.length === 0 || numbers.includes(number ?? ''))),
    )
    .map(({ figure }) => figure)
}
