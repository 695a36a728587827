/** What happens in a run, as data: screen, summary, --json and the run log are all made of these. */
import { appendFileSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { Lost } from './errors.mts'
import { type Mask, maskedAll } from './mask.mts'
import type { Refusal } from './refusals.mts'
import type { Result } from './script.mts'

export type Outcome = 'ok' | 'changed' | 'pending' | 'failed' | 'unreachable' | 'invalid' | 'locked' | 'interrupted'

export type Event =
  | {
      readonly type: 'run'
      readonly command: string
      readonly env: string
      readonly nodes: readonly string[] /** Ids. */
      readonly phases?: readonly string[]
    }
  /** What the survey has to say of a phase. */
  | { readonly type: 'note'; readonly phase: string; readonly nodes: readonly string[]; readonly text: string }
  | { readonly type: 'phase'; readonly phase: string; readonly state: 'start' | 'end' }
  /** A script goes to a node, a shell of root's has read it, and its end is heard, or that there will be none. */
  | { readonly type: 'script'; readonly node: string; readonly state: 'sent' | 'hello' | 'ended' }
  /** A fact is known; milliseconds as seen here. */
  | { readonly type: 'fact'; readonly node: string; readonly fact: string; readonly ms: number }
  | { readonly type: 'step'; readonly phase: string; readonly step: string; readonly nodes: readonly string[] }
  | {
      readonly type: 'guard'
      readonly phase: string
      readonly step: string
      readonly node: string
      readonly guard: string
      readonly state: 'start' | 'apply' | 'verify' | 'wait'
      /** For a wait: what is seen meanwhile. */
      readonly seen?: string
      /** For a wait: seconds until it is given up. */
      readonly patience?: number
    }
  | GuardEnd
  | {
      readonly type: 'output'
      readonly phase: string
      readonly node: string
      readonly guard: string
      readonly line: string
    }
  | ({ readonly type: 'unreachable' } & Lost)
  /** A fault of the program's own. */
  | { readonly type: 'bug'; readonly stack: string }
  /** Another run's lock: in our way, waited for, left behind by a run that did not end cleanly, or seen by one who takes none. */
  | {
      readonly type: 'lock'
      readonly state: 'held' | 'waits' | 'expired' | 'seen'
      readonly node: string
      readonly owner: string
      /** Seconds since its last sign of life. */
      readonly age: number | undefined
    }
  /** The run does not begin: the phases or nodes that were chosen would leave a cluster half made. */
  | ({ readonly type: 'refused' } & Refusal)
  | DrillEnd
  /** A signal has come: `soft` finishes what is atomic, `hard` breaks off. */
  | { readonly type: 'stop'; readonly state: 'soft' | 'hard' }
  | { readonly type: 'end'; readonly outcome: Outcome; readonly ms: number }

export interface GuardEnd {
  readonly type: 'guard'
  readonly phase: string
  readonly step: string
  readonly node: string
  readonly guard: string
  readonly state: Result
  /** What the guard printed: for one that is pending, the change to come. */
  readonly output: string
  /** Seconds for which it was waited for in vain: the output begins with what was seen last. */
  readonly waited?: number
  /** The exit status of the check or the apply. */
  readonly status: number
  /** From its start to its end, as seen here. */
  readonly ms: number
  readonly remedy?: string
  /** The remedy is for what the output tells, and not for whatever it may be. */
  readonly known?: boolean
  /** No apply: only people can make it true. */
  readonly required: boolean
  /** The shell text that failed; a check that just says no has not. */
  readonly command?: string
}

/** Something was broken on purpose, and what the users of the API would have noticed. Times are milliseconds since the fault. */
export interface DrillEnd {
  readonly type: 'drill'
  readonly name: string
  readonly title: string
  /** The node to which it was done. */
  readonly target: string
  /** When: ISO 8601, by the clock here. */
  readonly at: string
  readonly limitMs: number
  readonly outageMs: number
  readonly outage?: Stretch & { readonly node: string }
  readonly failed: number
  readonly asked: number
  readonly held: readonly (Stretch & { readonly node: string })[]
  readonly doubledMs: number
  readonly fencedMs: number
  readonly fenced?: Stretch
  readonly greenMs: number | undefined
  readonly within: boolean
  readonly answers: Series
}
/** Without an end where that is open. */
export interface Stretch {
  readonly from: number
  readonly to?: number
}
/** How many good and bad answers came in each stretch of `step` milliseconds, by when they were asked for, of all that asked. */
export interface Series {
  readonly from: number
  readonly step: number
  readonly good: readonly number[]
  readonly bad: readonly number[]
}

export type Emit = (event: Event) => void

export interface Log {
  readonly file: string
  readonly runId: string
  readonly emit: Emit
  /** Why it ends before the run does: no run is stopped half-way for want of a log. */
  readonly fault: () => unknown
  readonly close: () => void
}

/** The run log `<stateDir>/runs/<runId>.jsonl`, mode 0600; what is masked there is masked for every listener too. */
export function openLog(stateDir: string, mask: Mask, listeners: readonly Emit[]): Log {
  const now = new Date()
  const suffix = Math.random().toString(16).slice(2, 6).padEnd(4, '0')
  const runId = `${now.toISOString().replace(/[-:]|\.\d+/g, '')}-${suffix}`
  const dir = join(stateDir, 'runs')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, `${runId}.jsonl`)
  const fd = openSync(file, 'ax', 0o600)
  let fault: unknown
  const write = (line: string) => {
    if (fault !== undefined) return
    try {
      appendFileSync(fd, line)
    } catch (error) {
      // A write to what is open names no path.
      fault = Object.assign(error as Error, { path: file })
    }
  }
  const emit: Emit = (event) => {
    const safe = maskedAll(event, mask)
    write(`${JSON.stringify({ time: new Date().toISOString(), ...safe })}\n`)
    for (const listener of listeners) listener(safe)
  }
  return { file, runId, emit, fault: () => fault, close: () => closeSync(fd) }
}
