/** Signals: the first asks to stop, the second breaks off. */
import { setMaxListeners } from 'node:events'

export interface Signals {
  readonly stop: AbortSignal
  readonly signal: AbortSignal
  /** Stops as the first signal does, for a reason of our own. */
  readonly halt: (why: Error) => void
  readonly off: () => void
}

/** SIGHUP: the terminal went away. `tell` is called before anything is stopped. */
const NAMES = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function onSignals(tell: (state: 'soft' | 'hard') => void): Signals {
  const soft = new AbortController()
  const hard = new AbortController()
  // Each node's sessions listen.
  setMaxListeners(0, soft.signal, hard.signal)
  const heard = () => {
    if (hard.signal.aborted) return
    const again = soft.signal.aborted
    tell(again ? 'hard' : 'soft')
    const reason = new Error('interrupted')
    soft.abort(reason)
    if (again) hard.abort(reason)
  }
  for (const name of NAMES) process.on(name, heard)
  return {
    stop: soft.signal,
    signal: hard.signal,
    halt: (why) => soft.abort(why),
    off: () => {
      for (const name of NAMES) process.off(name, heard)
    },
  }
}
