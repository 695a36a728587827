/** The rounds of a figure: every runner in turn, another one first in each round, and one more run of each that is counted. */
import { counts, most } from './count.mts'
import type { Figure } from './figures.mts'
import { type Command, calm, type Meter, peak, type Took } from './meter.mts'
import { seconds } from './report.mts'
import type { Runner } from './runners.mts'
import type { Stage } from './stage.mts'
import { rotated, spread } from './stats.mts'
import type { Counted, Measured } from './targets.mts'
import { wires } from './wire.mts'

/** Who is measured, how often, and what has come of it so far. */
export interface Book {
  readonly runners: readonly Runner[]
  readonly meter: (runner: Runner) => Meter
  readonly rounds: number
  readonly measured: Measured[]
  /** Where the time of quorate went, by figure. */
  readonly profiles: Record<string, string>
  /** Share of the machine's processors that was busy before each run. */
  readonly busy: number[]
  /** What went wrong: the rest is measured all the same, so that all of it is known at once. */
  readonly failed: string[]
  readonly say: (text: string) => void
}

/** A figure where it is measured. */
export interface Trial {
  readonly figure: Figure
  readonly stage: Stage
}

/** What is put before each run. */
export type Before = (runner: Runner) => Promise<void>

/**
 * `warm`: with connections that are there already. `cold`: without. `both`: cold, and at once again, warm. `again`: the same, and
 * only the second run counts.
 */
export type How = 'warm' | 'cold' | 'both' | 'again'

/** Seconds for one command. */
const LIMIT = 1800

/** Runs a command; throws with its last words when there is something wrong with it. */
export async function good(
  book: Book,
  runner: Runner,
  command: Command,
  fault: (took: Took) => string | undefined = ({ code }) => (code === 0 ? undefined : `exit code ${code}`),
): Promise<Took> {
  const took = await book.meter(runner).run(command, LIMIT)
  const why = fault(took)
  if (why === undefined) return took
  const said = `${took.stdout}\n${took.stderr}`.trim().split('\n').slice(-40).join('\n')
  throw new Error(`${runner.name}: ${why}: ${command.words.join(' ')}\n${said}`)
}

const commandOf = (runner: Runner, { stage, figure }: Trial) => runner.command(stage, figure.kind)

/** A run that counts, when the machine has nothing else to do. */
async function timed(book: Book, runner: Runner, trial: Trial): Promise<Took> {
  book.busy.push(await calm())
  const command = commandOf(runner, trial) as Command
  return good(book, runner, command, (took) => runner.fault(took, trial.figure.kind))
}

/** Does a part of it; what goes wrong is told and does not keep the rest from being measured. */
export async function attempt(book: Book, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    book.failed.push((error as Error).message)
    book.say(`✖ ${(error as Error).message}`)
  }
}

/**
 * Measures these figures, side by side in each round, with all runners that have such a command. What is counted comes from one
 * more run; of first runs, which take long, from the last.
 */
export const measure = (book: Book, trials: readonly Trial[], how: How, before: Before = async () => {}) =>
  attempt(book, () => measured(book, trials, how, before))

async function measured(book: Book, trials: readonly Trial[], how: How, before: Before): Promise<void> {
  const all = new Map<string, Took[]>()
  const known = new Map<string, Counted>()
  const key = (runner: Runner, { figure }: Trial, warm: boolean) => `${figure.name} ${runner.name} ${warm}`
  const most = Math.min(book.rounds, ...trials.map(({ figure }) => figure.rounds ?? book.rounds))
  const one = async (runner: Runner, trial: Trial, last: boolean) => {
    const run = async (warm: boolean) => {
      const name = key(runner, trial, warm)
      const both = last && trial.figure.kind === 'first' ? await counting(book, runner, trial, 200) : undefined
      all.set(name, [...(all.get(name) ?? []), both?.took ?? (await timed(book, runner, trial))])
      if (both) known.set(name, both.counted)
    }
    await before(runner)
    if (how === 'warm') await good(book, runner, runner.connect(trial.stage))
    else await book.meter(runner).hangUp()
    if (how === 'again') await good(book, runner, commandOf(runner, trial) as Command)
    else await run(how === 'warm')
    if (how === 'both' || how === 'again') await run(true)
  }
  for (let round = 0; round < most; round++) {
    for (const trial of trials) {
      const own = book.runners.filter((runner) => commandOf(runner, trial) !== undefined)
      for (const runner of rotated(own, round)) await one(runner, trial, round === most - 1)
    }
  }
  for (const trial of trials) {
    for (const warm of [false, true]) {
      for (const runner of book.runners) {
        const took = all.get(key(runner, trial, warm))
        if (took === undefined) continue
        let counted = known.get(key(runner, trial, warm))
        if (counted === undefined && trial.figure.kind !== 'latency') {
          await before(runner)
          counted = (await counting(book, runner, trial, 20, warm)).counted
        }
        note(book, trial.figure, runner, warm, took, counted)
      }
    }
  }
}

/** Puts it on record. */
export function note(
  book: Book,
  { name }: Figure,
  runner: Runner,
  warm: boolean,
  took: readonly Took[],
  more?: Counted,
) {
  const wall = spread(took.map(({ wallMs }) => wallMs / 1000))
  const cpu = spread(took.map(({ cpuMs }) => cpuMs / 1000))
  const counted = more === undefined ? {} : { counted: more }
  book.measured.push({ figure: name, runner: runner.name, warm, wall, cpu, rounds: took.length, ...counted })
  const [median, min, max] = [wall.median, wall.min, wall.max].map(seconds)
  const rest = more && `, ${more.megabytes.toFixed(0)} MB, ${more.commands} commands, ${more.turns} turns`
  const who = `${name} ${runner.name}${warm ? '' : ' cold'}`
  book.say(`${who}: ${median} s (${min}–${max}), CPU ${seconds(cpu.median)} s${rest ?? ''}`)
}

/** A run by a wire that counts; its memory is looked at every so many milliseconds. */
async function counting(book: Book, runner: Runner, trial: Trial, every: number, warm = false) {
  const { stage, figure } = trial
  const own = book.meter(runner)
  await own.hangUp()
  const wire = await wires(stage, 0)
  stage.goBy(wire.ports)
  try {
    if (warm) await good(book, runner, runner.connect(stage))
    const then = await counts(stage)
    await wire.counted()
    book.busy.push(await calm())
    const command = commandOf(runner, trial) as Command
    const words = [...command.words, ...(runner.name === 'quorate' ? ['--profile'] : [])]
    const run = good(book, runner, { ...command, words }, (took) => runner.fault(took, figure.kind))
    const { bytes, value } = await peak(own, run, every)
    const turns = Math.max(...(await wire.counted()).values())
    if (runner.name === 'quorate') book.profiles[figure.name] = profileOf(value)
    const counted: Counted = { megabytes: bytes / 2 ** 20, turns, ...most(await counts(stage), then) }
    return { took: value, counted }
  } finally {
    await own.hangUp()
    stage.goBy()
    await wire.cut()
  }
}

/** The table that --profile ends with. */
function profileOf({ stderr }: Took): string {
  const [, , table = ''] = stderr.split(/^(where the time went.*)$/m)
  return (table.split('\n\ntrace ')[0] as string).replace(/^\n+/, '').trimEnd()
}
