/** The table of the fault matrix, as docs/fault-matrix.md. */
import type { Row } from './lane.mts'

/** Where and with what it was made. */
export interface Circumstances {
  readonly date: string
  readonly versions: readonly string[]
  readonly machine: string
  readonly seconds: number
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

export function report(rows: readonly Row[], { date, versions, machine, seconds }: Circumstances): string {
  const good = rows.filter(({ wrong }) => wrong === undefined)
  const times = good.map((row) => row.seconds).sort((a, b) => a - b)
  const middle = times[Math.floor(times.length / 2)] ?? 0
  return `# The fault matrix

A run is cut off or disturbed, and the same command is typed again: it must end with 0, \`make verify\` must be green, a further
run must change nothing, and on no node may a lock, a process, a masked unit, a half-installed package or a half-written file
of ours be left. The report of the second run is compared with the checkpoints and with its own survey: what it calls
resumed holds and is not repeated. This file is written by \`make test-faults\`.

${date}; ${versions.join(', ')}; ${machine}.

**${good.length} of ${rows.length} converged.** The second run took ${middle.toFixed(1)} s in the median, ${(times.at(-1) ?? 0).toFixed(1)} s at most; the whole matrix
${Math.round(seconds / 60)} min.

| case | what was left | what the next run did | seconds |
|---|---|---|---|
${rows.map((row) => `| ${cell(row.title)} | ${cell(row.wrong === undefined ? row.left : '')} | ${cell(row.wrong === undefined ? row.did : `**did not converge**: ${row.wrong.split('\n')[0]}`)} | ${row.seconds.toFixed(1)} |`).join('\n')}
`
}
