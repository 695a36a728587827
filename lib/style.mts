/** How text looks on this terminal: colours, its width, and the names of many nodes in few words. */
import { styleText } from 'node:util'

export type Print = (line: string) => void
export type Style = Parameters<typeof styleText>[0]

/** Where people read: with --json, stdout is a program's. */
export const people = (): NodeJS.WriteStream => (process.argv.includes('--json') ? process.stderr : process.stdout)

/** styleText honours NO_COLOR, FORCE_COLOR and a stream that is no terminal. */
export const styled = (style: Style, text: string) => styleText(style, text, { stream: people(), validateStream: true })

const MARK: Readonly<Record<string, Style>> = {
  ok: 'green',
  changed: 'yellow',
  pending: 'yellow',
  failed: 'red',
  unsure: 'red',
  unreachable: 'red',
}
export const coloured = (word: string, text = word) => styled(MARK[word] ?? 'dim', text)

/** `0:42`, `12:05`, `1:02:05`. */
export function clock(ms: number): string {
  const whole = Math.floor(ms / 1000)
  const two = (count: number) => String(count).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`
}

export const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

/** Nobody reads a terminal of fewer columns; one that says so does not know, as does a pipe. */
const NARROWEST = 20
const USUAL = 120

/** Columns to write in. */
export const width = ({ columns = 0 }: { columns?: number } = people()): number =>
  columns < NARROWEST ? USUAL : columns

/** The lines of a text set in; those of a diff in its colours. */
export const indented = (text: string, by = '    ') =>
  text
    .split('\n')
    .map(
      (line) =>
        by + (/^\+(?!\+\+)/.test(line) ? styled('green', line) : /^-(?!--)/.test(line) ? styled('red', line) : line),
    )
    .join('\n')

/** Words in lines of at most so many columns; a word that is longer has a line for itself. */
export function wrapped(words: readonly string[], columns: number): readonly string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > columns) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}

/** More names than this are written as ranges. */
const FEW = 3

/** Nodes in few words, none of them left out: `node1 node2`, or `node[1-12,14] other`. */
export function several(names: readonly string[], between = ' '): string {
  if (names.length <= FEW) return names.join(between)
  // By what stands around the last number, in the order of the first of each kind.
  const kinds = Map.groupBy(names, (name) => name.replace(/(\d+)(\D*)$/, '[]$2'))
  return [...kinds]
    .map(([kind, own]) => (own.length === 1 ? own[0] : kind.replace('[]', `[${ranges(own)}]`)))
    .join(between)
}

function ranges(names: readonly string[]): string {
  const numbers = names.map((name) => /(\d+)\D*$/.exec(name)?.[1] as string).sort((a, b) => Number(a) - Number(b))
  const runs: [string, string][] = []
  for (const number of numbers) {
    const last = runs.at(-1)
    // With as many digits, or leading zeros would be lost.
    const next = last && String(Number(last[1]) + 1).padStart(last[1].length, '0') === number
    if (last && next) last[1] = number
    else runs.push([number, number])
  }
  return runs.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join()
}
