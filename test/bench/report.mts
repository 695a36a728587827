/** What was measured, as a table for people, as data, and as docs/benchmarks.md. */
import { FIGURES } from './figures.mts'
import type { Spread } from './stats.mts'
import { type Measured, TARGETS } from './targets.mts'

/** Where and with what it was measured. */
export interface Circumstances {
  readonly date: string
  readonly machine: string
  readonly versions: readonly string[]
  /** Rounds that were asked for. */
  readonly rounds: number
  readonly minutes: number
  /** Share of the machine's processors that was busy before each run, in the median and at most: 0 to 1. */
  readonly busy: Spread
}

export interface Bench {
  readonly circumstances: Circumstances
  readonly measured: readonly Measured[]
  /** Where the time of quorate went, by figure. */
  readonly profiles: Readonly<Record<string, string>>
}

/** A target with what came of it. */
export interface Verdict {
  readonly title: string
  readonly value: string
  readonly verdict: 'met' | 'not met' | 'not measured'
}

/** Seconds with three figures that count. */
export const seconds = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(1))

export const verdicts = (measured: readonly Measured[]): readonly Verdict[] =>
  TARGETS.map(({ title, is, unit }) => {
    const found = is(measured)
    if (found === undefined) return { title, value: '', verdict: 'not measured' }
    const value = `${unit === '×' ? `${seconds(found.value)}×` : `${Number.isInteger(found.value) ? found.value : seconds(found.value)}${unit}`}`
    return { title, value, verdict: found.met ? 'met' : 'not met' }
  })

const between = ({ median, min, max }: Spread) => [seconds(median), `${seconds(min)}–${seconds(max)}`]

const HEAD = ['figure', 'who', 'wall s', 'min–max', 'CPU s', 'memory MB', 'logins', 'commands', 'turns', 'rounds']

/** A row for each runner in each figure, without the head. */
export const rows = (measured: readonly Measured[]): readonly (readonly string[])[] =>
  measured.map(({ figure, runner, warm, wall, cpu, rounds, counted }) => [
    `${figure}${figure.startsWith('second') && !warm ? ' cold' : ''}`,
    runner,
    ...between(wall),
    seconds(cpu.median),
    ...(counted
      ? [counted.megabytes.toFixed(0), String(counted.logins), String(counted.commands), String(counted.turns)]
      : ['', '', '', '']),
    String(rounds),
  ])

/** Text columns to the left, numbers to the right. */
export function table(all: readonly (readonly string[])[], left: number): string {
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const pad = (cell: string, column: number) =>
    column < left ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return all.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

export const figuresTable = (measured: readonly Measured[]): string => table([HEAD, ...rows(measured)], 2)

/** Why targets were missed: in words, and by the profiles. */
export function explained({ measured, profiles }: Bench): string {
  const missed = TARGETS.filter(({ is }) => is(measured)?.met === false)
  const words = missed.map(({ title, why }) => `${title}: ${why(measured)}`.trim())
  const figures = [...new Set(missed.map(({ figure }) => figure))].filter((figure) => profiles[figure] !== undefined)
  return [
    ...words,
    ...figures.map((figure) => `${figure}, where the time of quorate went:\n\n${profiles[figure]}`),
  ].join('\n\n')
}

/** The lines of a terminal. */
export function screen(bench: Bench): string {
  const all = verdicts(bench.measured).filter(({ verdict }) => verdict !== 'not measured')
  const targets = table(
    all.map(({ title, value, verdict }) => [verdict === 'met' ? '✔' : '✖', title, value]),
    2,
  )
  return [figuresTable(bench.measured), targets, explained(bench)].filter(Boolean).join('\n\n')
}

/** Seconds that one more second of round trip costs: how many of them one waits for, one after the other. */
export function inARow(measured: readonly Measured[], runner: string): number | undefined {
  const at = (delay: number) =>
    measured.find(({ figure, runner: one }) => figure === `latency-${delay}` && one === runner)?.wall.median
  const [none, much] = [at(0), at(60)]
  return none === undefined || much === undefined ? undefined : (much - none) / 0.06
}

const markdown = (all: readonly (readonly string[])[]) => all.map((row) => `| ${row.join(' | ')} |`).join('\n')
const line = (columns: number) => `|${'---|'.repeat(columns)}`

/** docs/benchmarks.md. */
export function page(bench: Bench): string {
  const { circumstances, measured } = bench
  const { date, machine, versions, rounds, minutes, busy } = circumstances
  const all = verdicts(measured)
  const met = all.filter(({ verdict }) => verdict === 'met').length
  const fewer = [
    ...new Set(measured.filter((one) => one.rounds < rounds).map(({ figure, rounds: own }) => `${figure} (${own})`)),
  ]
  const waits = [...new Set(measured.map(({ runner }) => runner))].flatMap((runner) => {
    const trips = inARow(measured, runner)
    return trips === undefined ? [] : [`${runner} ${trips.toFixed(1)}`]
  })
  const titles = FIGURES.filter(({ name }) => measured.some(({ figure }) => figure === name))
  const why = explained(bench)
  return `# Benchmarks

Written by \`make bench\`, all in one run of ${minutes} min: ${date}; ${machine}; ${versions.join(', ')}.

- **quorate** is the command that an operator types. The **peer** is an Ansible playbook for the same end state
  (\`test/bench/ansible\`). The **floor** is what one would write in shell by hand for one known cluster, in one ssh per node, all
  nodes at once (\`test/bench/floor\`): for a first run the package installs and service starts and nothing else.
- The runs are interleaved, ${rounds} rounds, another one first in each${fewer.length === 0 ? '' : `; fewer for ${fewer.join(', ')}, which take long`}. Wall time is the median, with the least and
  the most. Nodes and control machine are one machine; before a run it was busy to ${(busy.median * 100).toFixed(0)} % in the median, ${(busy.max * 100).toFixed(0)} % at most.
- Connections are kept from the run before, but for *cold* and first runs.
- CPU is user and system time of the control machine: of the command, of all that it starts, and of the connections it leaves.
- Memory is the most at once, by Pss, so that what several ssh share counts once. Memory, logins, commands (scripts that were
  sent; by the nodes' own journals) and turns come from one more run each, which is not timed (but for first runs); those are
  of the node that was asked most. Turns are changes of direction on the wire (a proxy counts them), at most the round trips that were waited for:
  one command of ssh has several.

## Targets

${met} of ${all.length} met.

| | target | measured |
${line(3)}
${markdown(all.map(({ title, value, verdict }) => [verdict, title, value]))}
${why === '' ? '' : `\n### Why not\n\n\`\`\`text\n${why}\n\`\`\`\n`}
## Figures

| ${HEAD.join(' | ')} |
${line(HEAD.length)}
${markdown(rows(measured))}

${titles.map(({ name, title }) => `- ${name}: ${title}`).join('\n')}
${waits.length === 0 ? '' : `\nRound trips that are waited for one after the other, from what 60 ms more of each cost: ${waits.join(', ')}.\n`}`
}
