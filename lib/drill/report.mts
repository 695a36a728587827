/** A drill as a table that people read. */
import { coloured, type Print, seconds } from '../style.mts'
import type { Drilled } from './drill.mts'

const HEAD = ['SCENARIO', 'NODE', 'OUTAGE', 'LIMIT', 'FENCED', 'FAILED', 'THE VIP', 'WELL AGAIN', '']

/** Who had the VIP, one after the other, and whether two had it at once. */
const story = ({ held, doubledMs }: Drilled): string => {
  const names = held.map(({ node }) => node).filter((name, index, all) => name !== all[index - 1])
  return `${names.join(' → ') || 'nobody'}${doubledMs > 0 ? `, TWO for ${doubledMs} ms` : ''}`
}

export function drillTable(print: Print, drilled: readonly Drilled[], skipped: readonly string[]): void {
  const rows = drilled.map((one) => [
    one.name,
    one.target,
    `${one.outageMs} ms`,
    `${one.limitMs} ms`,
    one.fencedMs > 0 ? seconds(one.fencedMs) : '',
    `${one.failed} of ${one.asked}`,
    story(one),
    one.greenMs === undefined ? 'NOT' : seconds(one.greenMs),
    one.within ? 'ok' : 'TOO MUCH',
  ])
  const widths = HEAD.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  print('')
  if (rows.length > 0) print(line(HEAD).trimEnd())
  for (const [index, row] of rows.entries()) {
    const verdict = row.at(-1) as string
    print(`${line(row.slice(0, -1))}  ${coloured(drilled[index]?.within ? 'ok' : 'failed', verdict)}`)
  }
  for (const one of skipped) print(`left out: ${one}`)
}
