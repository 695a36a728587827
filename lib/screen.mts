/** What a run looks like: plain lines, the failure card, the summary and the JSON object. A plan has a file of its own. */
import type { Event, GuardEnd, Outcome } from './event.mts'
import { holderText } from './lock.mts'
import { quote } from './shell.mts'
import { coloured, indented, type Print, type Style, seconds, several, styled, width, wrapped } from './style.mts'
import type { Count, Tally } from './tally.mts'

const clock = () => new Date().toTimeString().slice(0, 8)

/** What a signal does. */
export const STOPS: Readonly<Record<'soft' | 'hard', string>> = {
  soft: 'after the step that each node is in; once more breaks that off too',
  hard: 'at once; a package transaction that runs is finished by its node',
}
/** Columns from which on plain lines stand in columns. */
const ROOMY = 100

/** One line for each thing worth knowing: time, phase, node, result. `verbose` adds what holds already and live output. */
export function plainLines(print: Print, verbose: boolean): (event: Event) => void {
  const say = (phase: string, node: string, result: string, text: string) => {
    const [a, b, c] = width() < ROOMY ? [0, 0, 0] : [22, 12, 8]
    const words = [clock(), phase.padEnd(a), node.padEnd(b), coloured(result, result.padEnd(c)), text]
    print(words.filter(Boolean).join(' '))
  }
  return (event) => {
    // It says nothing until all nodes have answered.
    if (event.type === 'phase' && event.phase === 'survey') say('survey', '', 'begins', 'what holds already')
    if (event.type === 'note') say(event.phase, several(event.nodes), 'note', event.text)
    if (event.type === 'unreachable') say('', event.node, 'unreachable', event.text)
    if (event.type === 'lock' && event.state === 'waits') say('', event.node, 'waits', `for the lock of ${event.owner}`)
    if (event.type === 'lock' && event.state === 'expired')
      say('', event.node, 'note', `the lock of a run that is over has expired: ${event.owner}`)
    if (event.type === 'stop') say('', '', 'stops', STOPS[event.state])
    if (event.type === 'output' && verbose) say(event.phase, event.node, '|', event.line)
    if (event.type !== 'guard') return
    if (event.state === 'wait') say(event.phase, event.node, 'waits', `until ${event.guard}: ${event.seen ?? ''}`)
    if (event.state === 'apply') say(event.phase, event.node, 'applies', event.guard)
    if (!('output' in event) || event.state === 'skipped' || event.state === 'pending') return
    if (event.state === 'ok' && !verbose) return
    say(event.phase, event.node, event.state, `${event.guard} (${seconds(event.ms)})`)
    if (verbose && event.output.trim() !== '') print(indented(event.output.trimEnd()))
  }
}

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
  for (const [end, nodes] of folded(tally.failures)) {
    print('')
    print(styled('red', `✖ ${end.phase} failed on ${several(nodes, ', ')}: not true: ${end.guard}`))
    print(`  step     ${end.step}`)
    if (end.command !== undefined && end.status !== 1)
      print(`  command  ended with status ${end.status}:\n${indented(lastLines(brief(end.command), 16), '    $ ')}`)
    if (end.output.trim() !== '') print(`  output   ${indented(lastLines(end.output, 20), '           ').trimStart()}`)
    if (end.remedy !== undefined) print(`  remedy   ${end.remedy}`)
  }
  for (const { phase, nodes, text, remedy } of tally.refused) {
    print('')
    print(styled('red', `✖ refused: ${phase} on ${nodes.join(', ')}: ${text}`))
    print(`  remedy   ${remedy}`)
  }
  if (tally.holders.length > 0) {
    print('')
    print(styled('red', '✖ another run holds the lock'))
    for (const one of tally.holders) print(`  ${holderText(one)}`)
    print("  remedy   --wait waits for its end; a dead run's lock expires in half a minute; make unlock takes it away")
  }
  for (const lost of tally.lost) {
    print('')
    print(styled('red', `✖ ${lost.node} could not be asked: ${lost.text}`))
    print(`  remedy   ${lost.remedy}`)
  }
  print('')
  print(`  log      ${log}`)
  print(`  go on    ${again}`)
}

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

/** The one object of --json: contract.md fixes its names. */
export function jsonResult(tally: Tally, outcome: Outcome, ms: number, runId: string, log: string): string {
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
  })
}

/** A command line as one would type it. */
export const commandLine = (words: readonly string[]): string => words.map(quote).join(' ')
