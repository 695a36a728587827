/** What a run comes to: the failure card, the summary and the JSON object. What is told meanwhile, and a plan, have files of their own. */
import type { GuardEnd, Outcome } from './event.mts'
import { holderText } from './lock.mts'
import { quote } from './shell.mts'
import { coloured, indented, type Print, type Style, seconds, several, styled, width, wrapped } from './style.mts'
import type { Count, Tally } from './tally.mts'

/** The nodes for which the same is said, so that it is said once. */
export const folded = (ends: readonly GuardEnd[]): readonly (readonly [GuardEnd, readonly string[]])[] =>
  [...Map.groupBy(ends, (end) => JSON.stringify([end.phase, end.guard, end.state, end.output])).values()].map(
    (own) => [own[0] as GuardEnd, own.map(({ node }) => node)] as const,
  )

/** Everything that was looked at, and how it stands. */
export function proofReport(print: Print, tally: Tally): void {
  const lines = tally.ordered().flatMap(folded)
  const room = Math.max(...lines.map(([, nodes]) => several(nodes).length))
  for (const [end, nodes] of lines) {
    const [mark, style]: [string, Style] = end.state === 'ok' || end.state === 'changed' ? ['✔', 'green'] : ['✖', 'red']
    print(`${styled(style, mark)} ${several(nodes).padEnd(room)}  ${end.guard}`)
  }
}

/** Everything needed to go on after a failure, at three in the morning. */
export function failureCard(print: Print, tally: Tally, log: string, again: string): void {
  const headline = (text: string) => print(`\n${styled('red', sentence(`✖ ${text}`, '  '))}`)
  for (const ends of grouped(tally.failures, (end) => [end.phase, end.step, end.guard, end.state])) {
    const [end] = ends as [GuardEnd]
    headline(`${end.phase} failed on ${namesOf(ends)}: not true${after(end)}: ${end.guard}`)
    row('step', end.step)
    if (end.command !== undefined) row('command', `ended with status ${end.status}${shown(end.command)}`)
    const outputs = grouped(ends, ({ output }) => output.trim()).filter(([one]) => one?.output.trim() !== '')
    for (const same of outputs) {
      const label = end.waited === undefined ? 'output' : 'seen'
      row(
        outputs.length > 1 || same.length < ends.length ? namesOf(same) : label,
        lastLines((same[0] as GuardEnd).output.trim(), 20),
      )
    }
    const known = ends.filter((one) => one.known)
    for (const remedy of new Set((known.length > 0 ? known : ends).map((one) => one.remedy)))
      if (remedy !== undefined) row('remedy', sentence(remedy))
  }
  for (const { phase, nodes, text, remedy } of tally.refused) {
    headline(`refused: ${phase} on ${several(nodes, ', ')}: ${text}`)
    row('remedy', sentence(remedy))
  }
  if (tally.holders.length > 0) {
    headline('another run holds the lock')
    for (const one of tally.holders) print(`  ${holderText(one)}`)
    row(
      'remedy',
      sentence("--wait waits for its end; a dead run's lock expires in half a minute; make unlock takes it away"),
    )
  }
  for (const lost of grouped(tally.lost, ({ text, remedy }) => [text, remedy])) {
    const [one] = lost as [Tally['lost'][number]]
    headline(`${namesOf(lost)} could not be asked: ${one.text}`)
    for (const { node, detail } of lost) if (detail) row(lost.length > 1 ? node : 'said', detail)
    row('remedy', sentence(one.remedy))
  }
  print('')
  row('log', log)
  row('go on', again)

  function row(label: string, text: string) {
    const [first, ...rest] = text.split('\n')
    // A long name has a line of its own.
    const head = label.length > 8 ? `${label}\n${' '.repeat(BESIDE)}` : label.padEnd(9)
    print(`  ${head}${[first, ...rest.map((line) => ' '.repeat(BESIDE) + line)].join('\n')}`)
  }
}

const after = ({ waited }: GuardEnd) => (waited === undefined ? '' : ` after ${waited} s`)
const namesOf = (all: readonly { readonly node: string }[]) =>
  several(
    all.map(({ node }) => node).sort((one, two) => one.localeCompare(two, 'en', { numeric: true })),
    ', ',
  )

/** Those of which the same is said, in the order of the first of them. */
const grouped = <T,>(all: readonly T[], key: (one: T) => unknown): readonly (readonly T[])[] => [
  ...Map.groupBy(all, (one) => JSON.stringify(key(one))).values(),
]

/** What the operator has decided and should not forget. */
export function warnings(print: Print, texts: readonly string[]): void {
  for (const text of texts) print(`\n${styled('red', sentence(`! ${text}`, '  '))}`)
}

/** Columns of a terminal that nobody has made wider, and what the card's labels take of them. */
const WIDTH = 80
const BESIDE = 11

/** A sentence on lines that fit beside a label, or begin with `by`; a word that is longer, a path or a key, is never cut. */
const sentence = (text: string, by?: string): string =>
  wrapped(text.split(' '), Math.min(WIDTH, width()) - (by === undefined ? BESIDE : by.length)).join(`\n${by ?? ''}`)

/** A short text as it is, a long one where it is whole: its last lines are the least of it. */
const shown = (command: string): string =>
  command.split('\n').length > 8 ? '; its text is in the log' : `:\n${indented(brief(command), '$ ')}`

/** Shell text without the long values in it: the log has them. */
const brief = (command: string): string =>
  command.replace(/'(?:[^']|'\\'')*'/g, (value) => (value.length > 60 || value.includes('\n') ? "'…'" : value))

const lastLines = (text: string, count: number) => {
  const all = text.trimEnd().split('\n')
  return [...(all.length > count ? [`… ${all.length - count} lines more in the log`] : []), ...all.slice(-count)].join(
    '\n',
  )
}

/** Columns for the names of nodes before what is said of them; more names go on lines of their own. */
const LABEL = 40

const WORDS: Readonly<Record<Outcome, string>> = {
  ok: 'everything holds, nothing was changed',
  changed: 'done',
  pending: 'changes are pending',
  failed: 'failed',
  unreachable: 'nodes could not be reached or asked',
  invalid: 'bad env file or flags',
  locked: 'another run holds the lock',
  interrupted: 'interrupted',
}

/** A table per node, and a total. Nodes of which all counts are the same share a line. */
export function summary(print: Print, tally: Tally, outcome: Outcome, ms: number, plan: boolean): void {
  const nodes = new Map<string, Count>()
  for (const phase of tally.phases.values()) {
    for (const [node, one] of phase) {
      const sum = nodes.get(node) ?? { ok: 0, changed: 0, failed: 0, ms: 0 }
      nodes.set(node, {
        ok: sum.ok + one.ok,
        changed: sum.changed + one.changed,
        failed: sum.failed + one.failed,
        ms: sum.ms + one.ms,
      })
    }
  }
  const counts = ({ ok, changed, failed }: Omit<Count, 'ms'>) =>
    `ok: ${ok}  ${plan ? 'to change' : 'changed'}: ${changed}  failed: ${failed}`
  const total = { ok: 0, changed: 0, failed: 0 }
  for (const one of nodes.values()) for (const key of ['ok', 'changed', 'failed'] as const) total[key] += one[key]
  const lines = [...Map.groupBy(nodes, ([, one]) => counts(one))].map(
    ([text, own]) => [several(own.map(([node]) => node)), text] as const,
  )
  const room = Math.min(LABEL, Math.max(8, ...lines.map(([names]) => names.length)))
  print('')
  for (const [names, text] of lines) {
    const label = wrapped(names.split(' '), Math.max(room, Math.min(LABEL, width() - text.length)))
    for (const line of label.slice(0, -1)) print(line)
    print(`${(label.at(-1) ?? '').padEnd(room)}  ${text}`)
  }
  const word = coloured(outcome === 'changed' ? 'ok' : outcome, WORDS[outcome])
  print(`${'total'.padEnd(room)}  ${counts(total)}  ${word} (${seconds(ms)})`)
}

/** What is worth typing now; `env` is named where it is not the usual file. */
export function whatNext(print: Print, next: readonly (readonly [command: string, what: string])[], env: string): void {
  if (next.length === 0) return
  const rows = next.map(([command, what]) => [env === '.env' ? command : `${command} ENV=${quote(env)}`, what] as const)
  const room = Math.max(...rows.map(([command]) => command.length))
  print('\nTo look at next:')
  for (const [command, what] of rows) print(`  ${command.padEnd(room)}  ${what}`)
}

/** The one object of --json: contract.md fixes its names. */
export function jsonResult(
  tally: Tally,
  outcome: Outcome,
  ms: number,
  runId: string,
  log: string,
  more: object = {},
): string {
  const phases = [...tally.phases].map(([id, nodes]) => ({ id, nodes: Object.fromEntries(nodes) }))
  const sum = (key: 'changed' | 'failed') =>
    [...tally.phases.values()].flatMap((nodes) => [...nodes.values()]).reduce((all, one) => all + one[key], 0)
  return JSON.stringify({
    result: outcome,
    changed: sum('changed'),
    failed: sum('failed'),
    phases,
    durationMs: ms,
    runId,
    log,
    ...more,
  })
}

/** A command line as one would type it. */
export const commandLine = (words: readonly string[]): string => words.map(quote).join(' ')
