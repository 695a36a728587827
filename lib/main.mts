/** From a command line to an exit code: flags, env file, one run, its report. */
import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openCheckpoints } from './checkpoint.mts'
import type { Config, Node } from './config.mts'
import { ConfigError, type Problem } from './errors.mts'
import { type Emit, type GuardEnd, type Outcome, openLog } from './event.mts'
import type { Phase } from './guard.mts'
import { masked } from './mask.mts'
import { orchestrate, show } from './orchestrator.mts'
import { readConfig } from './read-config.mts'
import { commandLine, failureCard, jsonResult, plainLines, planReport, summary } from './screen.mts'
import { ssh } from './ssh.mts'
import { tally } from './tally.mts'

const ROOT = resolve(import.meta.dirname, '..')

/** contract.md, "Exit codes". 1 is a bug: an error that reaches the top. */
const EXIT: Readonly<Record<Outcome, number>> = {
  ok: 0,
  changed: 0,
  failed: 2,
  pending: 3,
  unreachable: 4,
  invalid: 5,
  locked: 6,
  interrupted: 130,
}

const FLAGS = {
  env: { type: 'string', value: 'FILE', text: 'the env file (default: .env)' },
  plan: { type: 'boolean', text: 'only look: what would be changed, with diffs; exit 3 if anything would' },
  from: { type: 'string', value: 'NN', text: 'begin with this phase' },
  to: { type: 'string', value: 'NN', text: 'end with this phase' },
  only: { type: 'string', value: 'NN', text: 'this phase alone' },
  nodes: { type: 'string', value: 'a,b', text: 'work on these nodes only' },
  json: { type: 'boolean', text: 'one JSON object as the last line of stdout, all else on stderr' },
  verbose: { type: 'boolean', text: 'also what holds already, and the live output of commands' },
  yes: { type: 'boolean', text: 'answer yes to every question' },
  help: { type: 'boolean', text: 'this text' },
} as const

interface Flags {
  readonly env: string
  readonly plan: boolean
  readonly from?: string
  readonly to?: string
  readonly only?: string
  readonly nodes?: string
  readonly json: boolean
  readonly verbose: boolean
  readonly help: boolean
}

/**
 * Whether a module is the script that was started, under zx or node. zx's own path is argv[1], so that the usual comparison
 * is false there; it leaves its script's path in globalThis.__filename.
 */
export function isScript(meta: ImportMeta): boolean {
  const started = (globalThis as { __filename?: string }).__filename ?? process.argv[1]
  if (started === undefined || !existsSync(started)) return false
  return realpathSync(started) === realpathSync(fileURLToPath(meta.url))
}

/** The arguments after the script's own name. */
function argumentsOf(): readonly string[] {
  const script = (globalThis as { __filename?: string }).__filename
  if (script === undefined) return process.argv.slice(2)
  const at = process.argv.findIndex(
    (arg, index) => index > 1 && existsSync(arg) && realpathSync(arg) === realpathSync(script),
  )
  return process.argv.slice(at + 1)
}

/** What a verb is: its script, a title for --help, and its phases. */
export interface Verb {
  /** `tasks/cluster.mts` */
  readonly script: string
  readonly title: string
  readonly phases: readonly Phase[]
}

/** Runs phases as the command line says, and sets the exit code. */
export async function main(verb: Verb): Promise<void> {
  // A top-level await that never settles would end with 0.
  process.exitCode = 1
  const started = Date.now()
  const wantsJson = argumentsOf().includes('--json')
  const print = (line: string) => void (wantsJson ? process.stderr : process.stdout).write(`${line}\n`)
  const finish = (outcome: Outcome, json: () => string) => {
    if (wantsJson) process.stdout.write(`${json()}\n`)
    process.exitCode = EXIT[outcome]
  }
  try {
    const flags = parseFlags(argumentsOf())
    if (flags.help) {
      print(help(verb))
      process.exitCode = 0
      return
    }
    const config = readConfig(resolve(flags.env))
    await run(verb, flags, config, started, print, finish)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) print(sentence(error.file, problem))
    finish('invalid', () => jsonResult(tally(), 'invalid', Date.now() - started, '', ''))
  }
}

async function run(
  verb: Verb,
  flags: Flags,
  config: Config,
  started: number,
  print: (line: string) => void,
  finish: (outcome: Outcome, json: () => string) => void,
): Promise<void> {
  const phases = selectPhases(verb.phases, flags)
  const nodes = selectNodes(config, flags)
  const missing = phases.flatMap((phase) => phase.needs?.(config) ?? [])
  if (missing.length > 0) throw new ConfigError(config.file, missing)
  const stateDir = join(ROOT, '.state', config.clusterName)
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })

  const live = isLive(flags)
  const counts = tally()
  const lines = show()
  const open: GuardEnd[] = []
  const listeners: Emit[] = [
    counts.emit,
    lines.emit,
    (event) => {
      if (event.type === 'guard' && 'output' in event && event.state !== 'ok') open.push(event)
    },
    ...(live ? [] : [plainLines(print, flags.verbose)]),
  ]
  const again = commandLine(['npx', 'zx', verb.script, ...argumentsOf()])
  const mask = masked(config.secrets)
  const log = openLog(stateDir, mask, listeners)
  const interrupt = new AbortController()
  const onSignal = () => interrupt.abort(new Error('interrupted'))
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    log.emit({ type: 'run', command: again, env: config.file, nodes: nodes.map((node) => node.name) })
    const outcome = await orchestrate(
      {
        config,
        phases,
        nodes,
        ssh: ssh(config, stateDir),
        emit: log.emit,
        signal: interrupt.signal,
        checkpoints: openCheckpoints(stateDir, log.runId),
        keepSecret: mask.add,
      },
      { plan: flags.plan, live },
      lines,
    )
    const ms = Date.now() - started
    log.emit({ type: 'end', outcome, ms })
    if (flags.plan && open.length > 0) planReport(print, open)
    if (['failed', 'unreachable', 'interrupted'].includes(outcome))
      failureCard(print, counts, relative('.', log.file), again)
    summary(print, counts, outcome, ms, flags.plan)
    finish(outcome, () => jsonResult(counts, outcome, ms, log.runId, log.file))
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    log.close()
  }
}

/** The live list needs a terminal that can redraw and has room: at few columns it would print a letter per line. */
function isLive(flags: Flags): boolean {
  const { isTTY, columns } = process.stdout
  const { CI, TERM } = process.env
  return isTTY === true && columns > 40 && !CI && TERM !== 'dumb' && !flags.json && !flags.verbose
}

const sentence = (file: string, { line, key, text, remedy }: Problem): string => {
  const where = [file === '' ? '' : relative('.', file) || file, line].filter(Boolean).join(':')
  const what = key === undefined || text.includes(key) ? text : `${key}: ${text}`
  return `${where === '' ? '' : `${where}: `}${what}${remedy === undefined ? '' : ` (${remedy})`}`
}

const flagProblem = (text: string, remedy?: string) =>
  new ConfigError('', [{ text, ...(remedy === undefined ? {} : { remedy }) }])

/** Throws ConfigError for a flag that is not known or lacks its value. */
function parseFlags(args: readonly string[]): Flags {
  const options = Object.fromEntries(Object.entries(FLAGS).map(([name, { type }]) => [name, { type }]))
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false })
    return { plan: false, json: false, verbose: false, help: false, ...values, env: String(values.env ?? '.env') }
  } catch (error) {
    throw flagProblem((error as Error).message.split('. ')[0] as string, '--help lists the flags')
  }
}

function selectPhases(phases: readonly Phase[], flags: Flags): readonly Phase[] {
  const at = (flag: string, number: string) => {
    const index = phases.findIndex((phase) => phase.id === number || phase.id.split('-')[0] === number.padStart(2, '0'))
    if (index >= 0) return index
    throw flagProblem(
      `--${flag} ${number}: no such phase here`,
      `there are ${phases.map((phase) => phase.id).join(', ')}`,
    )
  }
  if (flags.only !== undefined && (flags.from !== undefined || flags.to !== undefined))
    throw flagProblem('--only does not go with --from or --to')
  const from = flags.only ?? flags.from
  const to = flags.only ?? flags.to
  const first = from === undefined ? 0 : at(flags.only === undefined ? 'from' : 'only', from)
  const last = to === undefined ? phases.length - 1 : at(flags.only === undefined ? 'to' : 'only', to)
  if (first > last) throw flagProblem(`--from ${flags.from} comes after --to ${flags.to}`)
  return phases.slice(first, last + 1)
}

function selectNodes(config: Config, flags: Flags): readonly Node[] {
  if (flags.nodes === undefined) return config.nodes
  const names = flags.nodes.split(',').map((name) => name.trim())
  const strangers = names.filter((name) => !config.nodes.some((node) => node.name === name))
  if (strangers.length > 0)
    throw flagProblem(
      `--nodes: ${strangers.map((name) => `"${name}"`).join(', ')} not in NODES`,
      `there are ${config.nodes.map((node) => node.name).join(', ')}`,
    )
  return config.nodes.filter((node) => names.includes(node.name))
}

function help(verb: Verb): string {
  const rows = Object.entries(FLAGS).map(([name, flag]) => {
    const left = `--${name}${'value' in flag ? ` ${flag.value}` : ''}`
    return `  ${left.padEnd(14)} ${flag.text}`
  })
  return [
    `npx zx ${verb.script} [flags]`,
    '',
    verb.title,
    '',
    ...verb.phases.map((phase) => `  ${phase.id.padEnd(22)} ${phase.title}`),
    '',
    ...rows,
    '',
    'Exit codes: 0 done · 1 a bug · 2 failed on a node · 3 changes pending (--plan) · 4 a node not reached',
    '            5 bad env file or flags · 6 another run holds the lock · 130 interrupted',
  ].join('\n')
}
