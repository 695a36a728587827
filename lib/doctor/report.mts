/** What the doctor says to people: each cause with its remedy, and below it what follows from it. */
import { indented, type Print, styled, width, wrapped } from '../style.mts'
import { type Finding, type Note, rootOf } from './finding.mts'

/** Columns of a terminal that nobody has made wider. */
const WIDTH = 80
/** What the labels take of them. */
const BESIDE = 11
/** Lines of what a node says: the rest is in --json. */
const LINES = 10

export interface Examined {
  readonly findings: readonly Finding[]
  readonly notes: readonly Note[]
  /** How many things were asked. */
  readonly asked: number
  /** Nodes that were asked, and those that did not answer. */
  readonly up: number
  readonly lost: number
}

const lines = (text: string, by: number) => wrapped(text.split(' '), Math.min(WIDTH, width()) - by)

/** With its first line beside the label. */
const row = (label: string, text: string) =>
  `  ${label.padEnd(BESIDE - 2)}${lines(text, BESIDE).join(`\n${' '.repeat(BESIDE)}`)}`

export function tell(print: Print, { findings, notes, asked, up, lost }: Examined): void {
  for (const { text } of notes) print(`${styled('dim', lines(`note: ${text}`, 2).join('\n  '))}`)
  if (notes.length > 0) print('')
  const causes = findings.filter((one) => rootOf(findings, one) === one)
  for (const one of causes) {
    print(styled('red', lines(`✖ ${one.text}`, 2).join('\n  ')))
    const seen = one.seen ?? []
    for (const line of seen.slice(0, LINES)) print(indented(line, ' '.repeat(BESIDE)))
    if (seen.length > LINES) print(`${' '.repeat(BESIDE)}… ${seen.length - LINES} lines more with --json`)
    print(row('remedy', one.remedy))
    print(row('more', one.doc))
    const follows = findings.filter((other) => other !== one && rootOf(findings, other) === one)
    if (follows.length > 0)
      print(row('hence', `${follows.length === 1 ? 'this goes' : 'these go'} with it, as it seems:`))
    for (const other of follows)
      print(`${' '.repeat(BESIDE)}- ${lines(other.text, BESIDE + 2).join(`\n${' '.repeat(BESIDE + 2)}`)}`)
    print('')
  }
  print(total(findings.length, causes.length, { asked, up, lost }))
}

function total(findings: number, causes: number, { asked, up, lost }: Omit<Examined, 'findings' | 'notes'>): string {
  const nodes = `${up} ${up === 1 ? 'node' : 'nodes'}`
  const questions = `${asked} things asked of ${nodes}`
  if (findings === 0) return styled('green', `nothing found: ${questions}`)
  const hence = findings - causes
  const text = [
    `${causes} ${causes === 1 ? 'cause' : 'causes'} found`,
    ...(hence > 0 ? [`and ${hence} ${hence === 1 ? 'consequence' : 'consequences'}`] : []),
  ].join(' ')
  const more = `${questions}${lost > 0 ? `, ${lost} did not answer` : ''}`
  return `${styled('red', text)}: ${more}.\nMend the first one, then ask again: make doctor`
}
