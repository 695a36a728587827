/** One run: its settings, its log, what is shown of it, and its exit code. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { openCheckpoints } from './checkpoint.mts'
import type { Config, Node } from './config.mts'
import { ConfigError, type Problem, UnconfirmedError } from './errors.mts'
import { type Emit, type Event, type Outcome, openLog } from './event.mts'
import type { Job } from './exchange.mts'
import { type Flags, parseFlags } from './flags.mts'
import { type Draft, type Phase, phaseOf } from './guard.mts'
import { asOperators, faultHere } from './here.mts'
import { onSignals } from './interrupt.mts'
import { lastedBefore } from './lasted.mts'
import { show } from './live.mts'
import { ownerLine } from './lock.mts'
import { ROOT, type Screen, type Verb } from './main.mts'
import { masked, maskedAll } from './mask.mts'
import { type How, orchestrate } from './orchestrator.mts'
import { plainLines } from './plain.mts'
import { planMatrix, planReport } from './plan-report.mts'
import { profile, profileTable, traceOf } from './profile.mts'
import { course } from './progress.mts'
import { readConfig } from './read-config.mts'
import { askAll } from './run.mts'
import { commandLine, failureCard, jsonResult, proofReport, summary, warnings, whatNext } from './screen.mts'
import { selectNodes, selectPhases } from './selection.mts'
import { ssh } from './ssh.mts'
import { people, width } from './style.mts'
import { tally } from './tally.mts'
import { watch } from './watch.mts'

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

/** Milliseconds between two looks at how long something has taken. */
const TICK = 1000

/** Runs phases as the arguments say, and sets the exit code; `started` is in milliseconds, as Date.now() has it. */
export async function launch(verb: Verb, args: readonly string[], started: number): Promise<void> {
  const wantsJson = args.includes('--json')
  const print = (line: string) => void people().write(`${line}\n`)
  const finish = (outcome: Outcome, json: () => string) => {
    if (wantsJson) process.stdout.write(`${json()}\n`)
    process.exitCode = EXIT[outcome]
  }
  try {
    const flags = parseFlags(
      verb.script,
      args,
      verb.operands?.map(({ name }) => name),
    )
    const left = verb.without?.(flags) ?? []
    const phases = selectPhases(
      verb.phases.filter(({ id }) => !left.includes(id)),
      flags,
    )
    const config = readConfig(resolve(flags.env))
    const known = { ...verb, phases: phases.map((phase) => phaseOf(phase, config)), last: verb.phases.at(-1)?.id }
    if (flags.watch) wantsTerminal(flags)
    await run(known, args, flags, config, started, print, finish)
  } catch (thrown) {
    const error = asOperators(thrown)
    if (!(error instanceof ConfigError)) return bug(print, stackOf(error))
    for (const problem of error.problems) print(sentence(error.file, problem))
    finish('invalid', () => jsonResult(tally([], [], false), 'invalid', Date.now() - started, '', ''))
  }
}

async function run(
  verb: Verb & { readonly phases: readonly Phase[]; readonly last: string | undefined },
  args: readonly string[],
  flags: Flags,
  config: Config,
  started: number,
  print: (line: string) => void,
  finish: (outcome: Outcome, json: () => string) => void,
): Promise<void> {
  const { phases } = verb
  const nodes = selectNodes(config, flags)
  const missing = phases.flatMap((phase) => phase.needs?.(config) ?? [])
  if (missing.length > 0) throw new ConfigError(config.file, missing)
  if (!flags.plan) wholeCluster(config, phases, nodes)
  const stateDir = join(ROOT, '.state', config.clusterName)
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })

  const live = isLive(flags, phases.length)
  const names = nodes.map((node) => node.name)
  const counts = tally(names, phases, flags.plan)
  /** What is shown before a question. */
  const preview = tally(names, phases, true)
  const progress = course(
    phases.map(({ id }) => id),
    () => lastedBefore(stateDir, log.runId),
    Date.now,
  )
  const lines = show(Date.now, progress, live ? width() : 0)
  const plain = plainLines(print, flags.verbose, Date.now, progress)
  // What was looked at beside the phases and nodes that were chosen is for the log alone.
  const chosen = (event: Event) =>
    !(
      'phase' in event &&
      ![...phases.map(({ id }) => id), 'survey'].includes(event.phase) &&
      event.type !== 'refused'
    ) && !(event.type === 'guard' && !nodes.some(({ name }) => name === event.node))
  const began = performance.now() - (Date.now() - started)
  const times = profile(() => performance.now() - began)
  const shown: Emit[] = [counts.emit, preview.emit, progress.emit, ...(live ? [lines.emit] : [lines.emit, plain.emit])]
  const listeners = shown.map(
    (listener): Emit =>
      (event) =>
        chosen(event) && listener(event),
  )
  if (flags.profile) listeners.push(times.emit)
  const again = commandLine(['npx', 'zx', verb.script, ...args])
  const mask = masked(config.secrets)
  const log = openLog(stateDir, mask, listeners)
  const ticking = setInterval(live ? lines.tick : plain.tick, TICK).unref()
  const signals = onSignals((state) => log.emit({ type: 'stop', state }))
  // Nobody reads on (`make cluster | head`, a terminal that went away): that is no reason to leave a node half done.
  const onPipe = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
  }
  process.stdout.on('error', onPipe)
  process.stderr.on('error', onPipe)
  try {
    log.emit({ type: 'run', command: again, env: config.file, nodes: names, phases: phases.map(({ id }) => id) })
    if (log.fault() !== undefined) {
      rmSync(log.file)
      throw log.fault()
    }
    const checkpoints = openCheckpoints(stateDir, log.runId)
    if (checkpoints.lost) print(`${mask(checkpoints.lost)}: what was done before is not known, all is looked at anew`)
    const job: Job = {
      config,
      phases,
      before: (await before(verb.looksAtAll ? undefined : phases)).map((phase) => phaseOf(phase, config)),
      nodes,
      ssh: ssh(config, stateDir),
      emit: log.emit,
      stop: signals.stop,
      halt: signals.halt,
      signal: signals.signal,
      checkpoints,
      keepSecret: mask.add,
    }
    const look = verb.screen
    const changes = !flags.plan && !verb.listsAll && verb.asks === undefined && verb.work === undefined
    const how: How = {
      plan: flags.plan,
      live,
      ...(changes ? { lock: { owner: mask(ownerLine(again)), wait: flags.wait } } : {}),
      agreed: flags.yes,
    }
    let more: object = {}
    const work = async (own: NonNullable<Verb['work']>): Promise<Outcome> => {
      const agree = async (question: string) => flags.yes || (await agreed(job, question))
      const said = (text: string) => print(mask(text))
      const talk = { plan: flags.plan, flags, say: said, mask, agreed: agree, runId: log.runId }
      const done = await own(job, flags.words, talk)
      more = done.more
      return done.outcome
    }
    const shownOnce = async (own: NonNullable<Verb['screen']>): Promise<Outcome> => {
      if (flags.watch) return watch(job, (facts, lost) => mask(own(config, facts, lost).text))
      const { outcome, seen } = await screen(job, own)
      print(mask(seen.text))
      more = seen.more
      return outcome
    }
    const outcome = verb.work
      ? await work(verb.work)
      : look
        ? await shownOnce(look)
        : verb.asks !== undefined && !flags.plan && !flags.yes
          ? await asked(job, verb.asks, how, lines, () => planReport(print, preview))
          : await orchestrate(job, how, lines).catch(async (error: unknown) => {
              if (!(error instanceof UnconfirmedError)) throw error
              for (const text of error.questions) print(text)
              return (await agreed(job, 'Go on?')) ? await orchestrate(job, { ...how, agreed: true }, lines) : 'pending'
            })
    if (verb.forgets && !flags.plan && ['ok', 'changed'].includes(outcome) && phases.at(-1)?.id === verb.last) {
      checkpoints.forget()
      checkpoints.save()
    }
    const ms = Date.now() - started
    log.emit({ type: 'end', outcome, ms })
    if (verb.listsAll) proofReport(print, counts)
    if (flags.plan) planReport(print, counts)
    if (!verb.work && ['failed', 'unreachable', 'locked', 'interrupted'].includes(outcome))
      failureCard(print, counts, relative('.', log.file), again)
    if (flags.plan && ['ok', 'pending', 'failed'].includes(outcome)) planMatrix(print, counts, width())
    if (verb.asks === undefined) for (const one of counts.seen) print(`\nanother run is at work: ${one.owner}`)
    warnings(
      print,
      phases.flatMap((phase) => phase.warns?.(config) ?? []),
    )
    if (!look && !verb.work) summary(print, counts, outcome, ms, flags.plan)
    if (outcome === 'changed' && !flags.json && phases.at(-1)?.id === verb.last)
      whatNext(print, verb.next ?? [], flags.env)
    let traceFault: ReturnType<typeof faultHere>
    if (flags.profile) {
      profileTable(print, times.spans(), ms)
      const file = log.file.replace(/jsonl$/, 'trace.json')
      traceFault = keep(file, traceOf(times.spans(), again))
      if (traceFault === undefined)
        print(`\ntrace     ${relative('.', file)}, for https://ui.perfetto.dev or chrome://tracing`)
    }
    for (const [what, fault] of [
      ['the log is not whole', faultHere(log.fault())],
      ['there is no trace', traceFault],
      ['what was done is not on record, and will be looked at anew', faultHere(checkpoints.fault())],
    ] as const)
      if (fault !== undefined) print(`${what}: ${mask(fault.text)} (${fault.remedy})`)
    finish(outcome, () => jsonResult(counts, outcome, ms, log.runId, log.file, maskedAll(more, mask)))
  } catch (thrown) {
    if (asOperators(thrown) instanceof ConfigError) {
      log.emit({ type: 'end', outcome: 'invalid', ms: Date.now() - started })
      throw thrown
    }
    const stack = mask(stackOf(thrown))
    log.emit({ type: 'bug', stack })
    finish('failed', () => jsonResult(counts, 'failed', Date.now() - started, log.runId, log.file))
    bug(print, stack, relative('.', log.file), again)
  } finally {
    signals.off()
    clearInterval(ticking)
    log.close()
  }
}

/** Writes a file for this user alone; gives the fault of this machine that kept it from that. */
function keep(file: string, text: string): ReturnType<typeof faultHere> {
  try {
    writeFileSync(file, text, { mode: 0o600 })
    return undefined
  } catch (error) {
    const fault = faultHere(error)
    if (fault === undefined) throw error
    return fault
  }
}

const stackOf = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)

/** A fault of ours: said as such, with what helps to find it. What was under way on the nodes is whole or done anew. */
function bug(print: (line: string) => void, stack: string, log?: string, again?: string): void {
  process.stderr.write(`${stack}\n`)
  print('\n✖ This is a bug of quorate, not a mistake of yours; what it says is above.')
  if (log !== undefined) print(`  log      ${log}, worth sending with a report: it holds no password`)
  if (again !== undefined)
    print(`  go on    ${again}\n           starts where this run stopped; nothing has to be cleared up first`)
  process.exitCode = 1
}

/** The phases that come before the first of these: those of tasks/ with smaller numbers; all of them before none. */
async function before(phases?: readonly Phase[]): Promise<readonly Draft[]> {
  const files = readdirSync(join(ROOT, 'tasks'))
    .filter((name) => /^\d\d-.*\.mts$/.test(name))
    .sort()
  const own = phases === undefined ? files.length : files.indexOf(`${phases[0]?.id}.mts`)
  const modules = await Promise.all(files.slice(0, Math.max(0, own)).map((name) => import(join(ROOT, 'tasks', name))))
  return modules.map((module) => (module as { phase: Draft }).phase)
}

/** Throws ConfigError for what is made on all nodes or none, alone and on some of them. */
function wholeCluster(config: Config, phases: readonly Phase[], nodes: readonly Node[]): void {
  if (config.nodes.every((node) => nodes.includes(node)) || !phases.every((phase) => phase.together)) return
  const names = phases.map((phase) => phase.id).join(', ')
  throw new ConfigError('', [
    {
      text: `--nodes: ${names} is made on all nodes or none: on ${nodes.map(({ name }) => name).join(', ')} alone it would leave the cluster half made`,
      remedy: 'leave --nodes away',
    },
  ])
}

/** Looks, shows what it would do, and does it if that is wanted. */
async function asked(
  job: Job,
  question: string,
  how: How,
  lines: ReturnType<typeof show>,
  report: () => void,
): Promise<Outcome> {
  const found = await orchestrate(job, { ...how, plan: true }, lines)
  if (found !== 'pending') return found
  report()
  if (await agreed(job, question)) return orchestrate(job, how, lines)
  return job.stop.aborted ? 'interrupted' : 'pending'
}

/** Puts a question. Throws ConfigError where nobody can answer it. */
async function agreed(job: Job, question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new ConfigError('', [{ text: 'there is no terminal to answer the question', remedy: 'give --yes' }])
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`${question} [y/N] `, { signal: job.stop }).catch(() => '')
  terminal.close()
  return !job.stop.aborted && /^y(es)?$/i.test(answer.trim())
}

/** One look at all nodes; those that do not answer are part of what is seen. */
async function screen(
  job: Job,
  look: NonNullable<Verb['screen']>,
): Promise<{ readonly outcome: Outcome; readonly seen: Screen }> {
  const { facts, lost } = await askAll(job, job.phases)
  return { outcome: lost.length > 0 ? 'unreachable' : 'ok', seen: look(job.config, facts, lost) }
}

/** Throws ConfigError where nothing can be drawn anew. */
function wantsTerminal({ json }: Flags): void {
  if (!json && process.stdout.isTTY && process.env.TERM !== 'dumb') return
  throw new ConfigError('', [
    {
      text: json ? '--watch does not go with --json' : '--watch draws on a terminal, and there is none',
      remedy: 'leave it away: one look is what a program or a file wants',
    },
  ])
}

/** The live list needs a terminal that can redraw and has room: at few columns it would print a letter per line. */
function isLive(flags: Flags, phases: number): boolean {
  const { isTTY, columns, rows } = process.stdout
  const { CI, TERM } = process.env
  return isTTY === true && columns > 40 && rows > phases + 6 && !CI && TERM !== 'dumb' && !flags.json && !flags.verbose
}

const sentence = (file: string, { line, key, text, remedy }: Problem): string => {
  const where = [file === '' ? '' : relative('.', file) || file, line].filter(Boolean).join(':')
  const what = key === undefined || text.includes(key) ? text : `${key}: ${text}`
  return `${where === '' ? '' : `${where}: `}${what}${remedy === undefined ? '' : ` (${remedy})`}`
}
