/** What a run looks like: plain lines, the plan, the failure card, the summary and the JSON object. */
import { styleText } from 'node:util'
import type { Event, GuardEnd, Outcome } from './event.mts'
import { holderText } from './lock.mts'
import { quote } from './shell.mts'
import type { Count, Tally } from './tally.mts'

type Print = (line: string) => void
type Style = Parameters<typeof styleText>[0]
/** styleText honours NO_COLOR, FORCE_COLOR and a stream that is no terminal. */
const styled = (style: Style, text: string) => styleText(style, text, { stream: process.stdout, validateStream: true })

const MARK: Readonly<Record<string, Style>> = {
  ok: 'green',
  changed: 'yellow',
  pending: 'yellow',
  failed: 'red',
  unsure: 'red',
  unreachable: 'red',
}
const coloured = (word: string, text = word) => styled(MARK[word] ?? 'dim', text)

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
const clock = () => new Date().toTimeString().slice(0, 8)

/** What a signal does. */
export const STOPS: Readonly<Record<'soft' | 'hard', string>> = {
  soft: 'after the step that each node is in; once more breaks that off too',
  hard: 'at once; a package transaction that runs is finished by its node',
}

/** One line for each thing worth knowing: time, phase, node, result. `verbose` adds what holds already and live output. */
export function plainLines(print: Print, verbose: boolean): (event: Event) => void {
  const say = (phase: string, node: string, result: string, text: string) =>
    print(`${clock()} ${phase.padEnd(22)} ${node.padEnd(12)} ${coloured(result, result.padEnd(8))} ${text}`)
  return (event) => {
    if (event.type === 'note') say(event.phase, event.nodes.join(' '), 'note', event.text)
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

const indented = (text: string, by = '    ') =>
  text
    .split('\n')
    .map(
      (line) =>
        by + (/^\+(?!\+\+)/.test(line) ? styled('green', line) : /^-(?!--)/.test(line) ? styled('red', line) : line),
    )
    .join('\n')

/** The names of the nodes for which the same is said, so that it is said once. */
const folded = (ends: readonly GuardEnd[]): readonly (readonly [GuardEnd, readonly string[]])[] => {
  const groups = new Map<string, [GuardEnd, string[]]>()
  for (const end of ends) {
    const key = JSON.stringify([end.phase, end.guard, end.state, end.output])
    const group = groups.get(key)
    if (group) group[1].push(end.node)
    else groups.set(key, [end, [end.node]])
  }
  return [...groups.values()].map(([end, nodes]) => [end, nodes.sort()] as const)
}

/** What would be changed, with diffs. */
export function planReport(print: Print, open: readonly GuardEnd[]): void {
  let phase = ''
  for (const [end, nodes] of folded(open)) {
    if (end.phase !== phase) print(`\n${styled('bold', end.phase)}`)
    phase = end.phase
    const what = end.state === 'unsure' ? 'not known yet' : end.required ? 'not true yet' : 'would change'
    print(`  ${nodes.join(' ')}: ${coloured('pending', what)}: ${end.guard}`)
    if (end.output.trim() !== '') print(indented(end.output.trimEnd()))
    if (end.required && end.remedy) print(`    remedy: ${end.remedy}`)
  }
}

/** Everything that was looked at, and how it stands. */
export function proofReport(print: Print, tally: Tally): void {
  for (const [end, nodes] of folded(tally.ends())) {
    const [mark, style]: [string, Style] = end.state === 'ok' || end.state === 'changed' ? ['✔', 'green'] : ['✖', 'red']
    print(`${styled(style, mark)} ${nodes.join(' ').padEnd(14)} ${end.guard}`)
  }
}

/** Everything needed to go on after a failure, at three in the morning. */
export function failureCard(print: Print, tally: Tally, log: string, again: string): void {
  for (const [end, nodes] of folded(tally.failures)) {
    print('')
    print(styled('red', `✖ ${end.phase} failed on ${nodes.join(', ')}: not true: ${end.guard}`))
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

/** A table per node, and a total. */
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
  const total = { ok: 0, changed: 0, failed: 0 }
  const width = Math.max(8, ...[...nodes.keys()].map((node) => node.length))
  const changed = plan ? 'to change' : 'changed'
  print('')
  for (const [node, one] of nodes) {
    for (const key of ['ok', 'changed', 'failed'] as const) total[key] += one[key]
    print(`${node.padEnd(width)}  ok: ${one.ok}  ${changed}: ${one.changed}  failed: ${one.failed}`)
  }
  print(
    `${'total'.padEnd(width)}  ok: ${total.ok}  ${changed}: ${total.changed}  failed: ${total.failed}  ${coloured(outcome === 'changed' ? 'ok' : outcome, WORDS[outcome])} (${seconds(ms)})`,
  )
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
