/** What --help prints: flags, phases, and of one phase alone what it makes true, its guards and its files. */
import { flagsOf } from './flags.mts'
import type { Draft } from './guard.mts'
import { width, wrapped } from './style.mts'

/** Whether help is all that is wanted, whatever else is on the line. */
export const wantsHelp = (args: readonly string[]): boolean => args.includes('--help')

/** A row of a table: its label, and what stands beside it. */
type Row = readonly [label: string, text: string]

const table = (rows: readonly Row[]): readonly string[] => {
  const room = Math.max(0, ...rows.map(([label]) => label.length))
  return rows.map(([label, text]) => `  ${label.padEnd(room)}  ${text}`)
}

/** Columns from which on lines are hard to read. */
const WIDE = 100
const sentence = (text: string): readonly string[] => wrapped(text.split(' '), Math.min(WIDE, width()))

/** A step, and the titles of its guards with whether each can be made true; none where that depends on the nodes. */
export interface Outline {
  readonly step: string
  readonly guards: readonly { readonly title: string; readonly made: boolean }[]
}

/** The text; `steps` are those of a script that has one phase alone. */
export function help(
  verb: {
    readonly script: string
    readonly title: string
    readonly phases: readonly Pick<Draft, 'id' | 'title' | 'makes' | 'files'>[]
    readonly operands?: readonly { readonly name: string; readonly title: string }[]
  },
  steps: readonly Outline[] = [],
): string {
  const names =
    verb.operands ?? (verb.phases.length > 1 ? verb.phases.map(({ id, title }) => ({ name: id, title })) : [])
  const flags = flagsOf(verb.script).map(
    ([name, { value, text }]): Row => [`--${name}${value === undefined ? '' : ` ${value}`}`, text],
  )
  const [phase] = verb.phases.length === 1 ? verb.phases : []
  const parts = [
    [`npx zx ${verb.script} ${verb.operands ? '[name …] ' : ''}[flags]`],
    sentence(phase?.makes === undefined ? verb.title : `${phase.id}: ${phase.title}. ${sentenceOf(phase.makes)}`),
    table(names.map(({ name, title }) => [name, title])),
    ...(steps.length > 0 ? [guardsOf(steps)] : []),
    ...(phase?.files ? [['Files on the nodes that it may write:', ...phase.files.map((one) => `  ${one}`)]] : []),
    table(flags),
    [
      'Exit codes: 0 done · 1 a bug · 2 failed on a node · 3 changes pending (--plan) · 4 a node not reached',
      '            5 bad env file or flags · 6 another run holds the lock · 130 interrupted',
    ],
  ]
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')
}

const sentenceOf = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}.`

function guardsOf(steps: readonly Outline[]): readonly string[] {
  const rows = steps.flatMap(({ step, guards }) =>
    guards.map(({ title, made }, index): Row => [index === 0 ? step : '', `${made ? ' ' : '?'} ${title}`]),
  )
  const rest = steps.filter(({ guards }) => guards.length === 0).map(({ step }) => step)
  return [
    ...sentence(
      'Its guards, step by step, for an example of two nodes; one with a ? is looked at or waited for, and not made:',
    ),
    ...table(rows),
    ...(rest.length > 0 ? sentence(`Where the nodes or the env file call for it also: ${rest.join(', ')}`) : []),
  ]
}
