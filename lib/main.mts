/** From a command line to a run: what each script in tasks/ calls. Imports little, so that --help is there at once. */
import { existsSync, realpathSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from './config.mts'
import type { Lost } from './errors.mts'
import type { Outcome } from './event.mts'
import type { Job } from './exchange.mts'
import type { Facts } from './facts.mts'
import type { Flags } from './flags.mts'
import type { Draft } from './guard.mts'
import { help, wantsHelp } from './help.mts'
import { people } from './style.mts'

export const ROOT = resolve(import.meta.dirname, '..')

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
export function argumentsOf(): readonly string[] {
  const script = (globalThis as { __filename?: string }).__filename
  if (script === undefined) return process.argv.slice(2)
  const at = process.argv.findIndex(
    (arg, index) => index > 1 && existsSync(arg) && realpathSync(arg) === realpathSync(script),
  )
  return process.argv.slice(at + 1)
}

/** How a verb that does its work itself talks to the operator. */
export interface Talk {
  /** Nothing is to be touched: it only says what it would do. */
  readonly plan: boolean
  readonly flags: Flags
  readonly say: (text: string) => void
  /** Takes out of a text what is secret: for what is written elsewhere than by `say`. */
  readonly mask: (text: string) => string
  /** Puts a question; throws ConfigError where nobody can answer it. */
  readonly agreed: (question: string) => Promise<boolean>
  /** Of the run that it is part of. */
  readonly runId: string
}

/** What is shown, and as `more` goes into the object of --json. */
export interface Screen {
  readonly text: string
  readonly more: object
}

/** What a verb is: its script, a title for --help, and its phases. */
export interface Verb {
  /** `tasks/cluster.mts` */
  readonly script: string
  readonly title: string
  readonly phases: readonly Draft[]
  /** Ids of phases that these flags leave out. */
  readonly without?: (flags: Flags) => readonly string[]
  /** What was done before counts no more when it is done. */
  readonly forgets?: boolean
  /** Also lists what holds: for a verb that proves something. */
  readonly listsAll?: boolean
  /** What one types next where all of it was done and something was changed, each with what that is for. */
  readonly next?: readonly (readonly [command: string, what: string])[]
  /** Shows what it would do, puts this question, and takes no lock. */
  readonly asks?: string
  /** It is about all phases of tasks/, and runs none of them. */
  readonly looksAtAll?: boolean
  /** Words that may stand on its command line. */
  readonly operands?: readonly { readonly name: string; readonly title: string }[]
  /** Does its work itself. What is `more` goes into the object of --json. */
  readonly work?: (
    job: Job,
    words: readonly string[],
    talk: Talk,
  ) => Promise<{ readonly outcome: Outcome; readonly more: object }>
  /** Only asks for the facts of its phases, also when some nodes do not answer, and prints what comes of them. */
  readonly screen?: (config: Config, facts: Facts, lost: readonly Lost[]) => Screen
}

/** Runs phases as the command line says, and sets the exit code. */
export async function main(verb: Verb): Promise<void> {
  const started = Date.now()
  // A top-level await that never settles would end with 0.
  process.exitCode = 1
  const args = argumentsOf()
  if (wantsHelp(args)) {
    const [only, ...more] = verb.phases
    const { outlineOf } = await import('./help-guards.mts')
    people().write(`${help(verb, only && more.length === 0 ? outlineOf(only) : [])}\n`)
    process.exitCode = 0
    return
  }
  // Compiling is half of the start. The Makefile gives Node the same folder, for what is loaded before this line.
  enableCompileCache(join(ROOT, 'node_modules/.cache/quorate'))
  const { launch } = await import('./launch.mts')
  await launch(verb, args, started)
}
