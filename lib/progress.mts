/** What is under way on each node and for how long, and how far a run has come: told by its events, with a clock from outside. */
import type { Emit, Event } from './event.mts'
import { clock } from './style.mts'

/** Milliseconds, as Date.now() has them. */
export type Now = () => number

/** Something that a node does. */
export interface Doing {
  readonly node: string
  readonly phase: string
  /** `waits` for what is to come by itself, or works. */
  readonly word: 'waits' | 'works'
  readonly since: number
  /** With the milliseconds that it has taken up to now. */
  readonly text: (ms: number) => string
}

/** Stands for a phase where another run is waited for: many scripts are sent meanwhile. */
const LOCK = 'lock'

/** Milliseconds from which on it is said how long something takes. */
export const LONG = 3000
const taking = (ms: number): string => (ms < LONG ? '' : ` (${clock(ms)})`)

/** For what it is waited, how long up to now, for how many seconds at most where that is known, and what is seen meanwhile. */
const waitText = (guard: string, seen: string, ms: number, patience: number): string =>
  `${Math.floor(ms / 1000)} s${patience > 0 ? ` of ${patience} s` : ''} until ${guard}${seen === '' ? '' : `: ${seen}`}`

/** Follows the nodes. */
export function underway(now: Now): { readonly emit: Emit; readonly all: () => readonly Doing[] } {
  /** By phase and node: a step may be done beside another phase. */
  const doing = new Map<string, Doing>()
  /** The scripts that a node has; outside of phases they are all that is known of it. */
  const scripts = new Map<string, number>()
  const stages = new Map<string, string>()
  const keyOf = (phase: string, node: string) => `${phase} ${node}`
  const drop = (phase: string, node: string) => {
    doing.delete(keyOf(phase, node))
    stages.delete(keyOf(phase, node))
  }
  const dropAll = (which: (one: Doing) => boolean) => {
    for (const one of [...doing.values()].filter(which)) drop(one.phase, one.node)
  }
  const set = (phase: string, node: string, word: Doing['word'], text: Doing['text'], since = now()) =>
    doing.set(keyOf(phase, node), { phase, node, word, since, text })

  const guard = (event: Extract<Event, { type: 'guard' }>) => {
    const { phase, node, guard: title } = event
    const key = keyOf(phase, node)
    const known = doing.get(key)
    drop('', node)
    if (event.state === 'wait') {
      const { seen = '', patience = 0 } = event
      // An apply that waits for others has no end of its own.
      const limit = stages.get(key) === 'apply' ? 0 : patience
      const since = known?.word === 'waits' ? known.since : now()
      set(phase, node, 'waits', (ms) => waitText(title, seen, ms, limit), since)
    } else if (event.state === 'start' || event.state === 'apply' || event.state === 'verify') {
      const since = event.state === 'start' || known?.word === 'waits' ? now() : known?.since
      set(phase, node, 'works', (ms) => `${title}${taking(ms)}`, since)
      stages.set(key, event.state)
    } else drop(phase, node)
  }
  const script = ({ node, state }: Extract<Event, { type: 'script' }>) => {
    const left = (scripts.get(node) ?? 0) + { sent: 1, hello: 0, ended: -1 }[state]
    scripts.set(node, left)
    if (left === 0) dropAll((one) => one.node === node && one.phase !== LOCK)
    else if (state === 'sent' && left === 1) set('', node, 'waits', (ms) => `no answer yet${taking(ms)}`)
    else if (state === 'hello' && doing.has(keyOf('', node))) set('', node, 'works', (ms) => `answers${taking(ms)}`)
  }
  return {
    emit: (event) => {
      if (event.type === 'guard') guard(event)
      if (event.type === 'script') script(event)
      if (event.type === 'output') {
        const known = doing.get(keyOf(event.phase, event.node))
        if (known)
          set(event.phase, event.node, 'works', (ms) => `${event.guard}${taking(ms)}: ${event.line}`, known.since)
      }
      if (event.type === 'lock' && event.state === 'waits') {
        const owner = event.owner
        const since = doing.get(keyOf(LOCK, event.node))?.since
        set(LOCK, event.node, 'waits', (ms) => `for the lock of ${owner}${taking(ms)}`, since)
      }
      // Without the lock no fact is asked for.
      if (event.type === 'fact' || event.type === 'end') dropAll(({ phase }) => phase === LOCK)
    },
    all: () => [...doing.values()],
  }
}

/** The same on several nodes, which may have begun one after the other: said once, with the longest time. */
export function alike(
  all: readonly Doing[],
  now: Now,
): readonly { readonly nodes: readonly string[]; readonly text: string; readonly one: Doing }[] {
  return [...Map.groupBy(all, ({ phase, word, text }) => `${phase} ${word} ${text(0)}`).values()].map((own) => {
    const one = own.reduce((a, b) => (b.since < a.since ? b : a))
    return { nodes: own.map(({ node }) => node), text: one.text(now() - one.since), one }
  })
}

/** Milliseconds of silence after which what still lasts is told again: whoever reads a log is to see that it lives. */
export const SILENCE = 30_000

/** Whether a text is to be told now: it is another one than the last, or that was told long ago. */
export function reminder(now: Now): (text: string) => boolean {
  let last: { readonly text: string; readonly at: number } | undefined
  return (text) => {
    if (last?.text === text && now() - last.at < SILENCE) return false
    last = { text, at: now() }
    return true
  }
}

/** How far a run has come, in words: `3 of 8, 0:42, about 1:10 left`. */
export interface Course {
  readonly emit: Emit
  readonly text: () => string
}

/**
 * `ids`: the phases of the run; `lasted`: milliseconds that each took when it was last run. What is left is said only where that is
 * known of every phase that the survey has found open.
 */
export function course(ids: readonly string[], lasted: () => ReadonlyMap<string, number>, now: Now): Course {
  const began = now()
  const open = new Set<string>()
  let at: { readonly id: string; readonly since: number } | undefined
  let known: ReadonlyMap<string, number> | undefined
  const left = (): number | undefined => {
    if (at === undefined) return undefined
    known ??= lasted()
    const { id, since } = at
    const own = known.get(id)
    const rest = ids
      .slice(ids.indexOf(id) + 1)
      .filter((one) => open.has(one))
      .map((one) => known?.get(one))
    if (own === undefined || rest.some((ms) => ms === undefined)) return undefined
    return Math.max(0, own - (now() - since)) + rest.reduce<number>((all, ms) => all + (ms ?? 0), 0)
  }
  return {
    emit: (event) => {
      if (event.type === 'phase' && event.state === 'start' && ids.includes(event.phase))
        at = { id: event.phase, since: now() }
      // Before the first phase begins it is the survey that looks.
      if (at === undefined && event.type === 'guard' && 'output' in event && event.state !== 'ok') open.add(event.phase)
    },
    text: () => {
      const ms = left()
      const place = at === undefined || ids.length === 1 ? [] : [`${ids.indexOf(at.id) + 1} of ${ids.length}`]
      return [
        ...place,
        clock(now() - began),
        ...(ms === undefined || ms < LONG ? [] : [`about ${clock(ms)} left`]),
      ].join(', ')
    },
  }
}
