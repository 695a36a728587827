/** What a plan looks like: what would be changed, with diffs, and how each phase stands on each node. */
import type { GuardEnd } from './event.mts'
import { type Standing, standings } from './plan.mts'
import { folded } from './screen.mts'
import { coloured, indented, type Print, several, styled, wrapped } from './style.mts'
import type { Tally } from './tally.mts'

/** What would be changed, with diffs; what depends on that has nothing to show yet. What is wrong is told elsewhere. */
export function planReport(print: Print, tally: Tally): void {
  const ordered = tally.ordered()
  const standing = standings(ordered)
  let phase = ''
  const say = (end: GuardEnd, nodes: readonly string[], what: string) => {
    if (end.phase !== phase) print(`\n${styled('bold', end.phase)}`)
    phase = end.phase
    print(`  ${several(nodes)}: ${coloured('pending', what)}: ${end.guard}`)
  }
  for (const ends of ordered) {
    const changes = ends.filter((end) => standing.get(end) === 'change')
    for (const [end, nodes] of folded(changes)) {
      say(end, nodes, 'would change')
      if (end.output.trim() !== '') print(indented(end.output.trimEnd()))
    }
    const later = ends.filter((end) => standing.get(end) === 'depends')
    const [first] = later
    if (first)
      say(
        first,
        later.map(({ node }) => node),
        'depends',
      )
  }
}

/** Between two columns. */
const GAP = '  '
const LEGEND = 'depends: not true now, but something before it is to be changed'

/** Nodes that stand alike. */
interface Column {
  readonly nodes: string
  readonly label: string
  /** Text and the word for its colour, by phase. */
  readonly cells: readonly (readonly [string, string])[]
  readonly room: number
}

/** Phase by node, in so many columns of a terminal. Nodes that stand alike share a column; what has no room goes below. */
export function planMatrix(print: Print, tally: Tally, edge: number): void {
  const phases = [...tally.phases.keys()]
  const side = Math.max(...phases.map((phase) => phase.length)) + GAP.length
  const all = columnsOf(tally, phases, edge - side)
  for (const columns of beside(all, edge - side)) {
    // Where there is no room for a single one beside the phases, nothing is won by lining up.
    const narrow = side + (columns[0] as Column).room > edge
    const line = (head: string, texts: readonly string[]) =>
      print(narrow ? [head, ...texts].filter(Boolean).join(' ') : (head.padEnd(side) + texts.join(GAP)).trimEnd())
    const padded = (column: Column, text: string) =>
      narrow || column === columns.at(-1) ? text : text.padEnd(column.room)
    print('')
    line(
      '',
      columns.map((column) => styled('bold', padded(column, column.label))),
    )
    for (const [index, phase] of phases.entries()) {
      line(
        phase,
        columns.map((column) => {
          const [text, word] = column.cells[index] as [string, string]
          return coloured(word, padded(column, text))
        }),
      )
    }
    for (const { nodes, label } of columns)
      if (nodes !== label) for (const text of wrapped(`${label}: ${nodes}`.split(' '), edge)) print(text)
  }
  if (all.some(({ cells }) => cells.some(([text]) => text === 'depends')))
    for (const text of wrapped(LEGEND.split(' '), edge)) print(text)
}

function columnsOf(tally: Tally, phases: readonly string[], room: number): readonly Column[] {
  const ends = [...standings(tally.ordered())]
  const cell = (phase: string, node: string): readonly [string, string] => {
    const own = ends.filter(([end]) => end.phase === phase && end.node === node).map(([, standing]) => standing)
    const count = (standing: Standing) => own.filter((one) => one === standing).length
    if (count('wrong') > 0) return [`not true (${count('wrong')})`, 'failed']
    if (count('change') > 0) return [`would change (${count('change')})`, 'pending']
    if (count('depends') > 0) return ['depends', '']
    // A phase may have nothing for a node.
    return own.length > 0 ? ['true', 'ok'] : ['-', '']
  }
  const nodes = [...new Set([...tally.phases.values()].flatMap((each) => [...each.keys()]))]
  const alike = Map.groupBy(nodes, (node) => JSON.stringify(phases.map((phase) => cell(phase, node))))
  return [...alike.values()].map((own) => {
    const cells = phases.map((phase) => cell(phase, own[0] as string))
    const widest = Math.max(...cells.map(([text]) => text.length))
    const names = several(own)
    const label = names.length <= Math.max(widest, room) ? names : `${own[0]} and ${own.length - 1} more`
    return { nodes: names, label, cells, room: Math.max(widest, label.length) }
  })
}

/** As many columns side by side as there is room for, and at least one. */
function beside(columns: readonly Column[], room: number): readonly (readonly Column[])[] {
  const rows: Column[][] = []
  let left = -1
  for (const column of columns) {
    left -= column.room + GAP.length
    if (left >= 0) rows.at(-1)?.push(column)
    else {
      rows.push([column])
      left = room - column.room
    }
  }
  return rows
}
