/** How long the phases took when they were last run: read from the logs of earlier runs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from './event.mts'
import { builds, logNames, newest } from './run-logs.mts'

/** Logs that are looked at: more tell of a cluster that was another one. */
const LOGS = 10

type Told = Event & { readonly time: string }

/** A line of a log; undefined for one that was cut off. */
function told(line: string): Told | undefined {
  try {
    return JSON.parse(line) as Told
  } catch {
    // A run that was killed, or a full disk, leaves half a line: it tells nothing.
    return undefined
  }
}

/** Milliseconds by phase, of those that had something to do and came to their end. */
export function lastedIn(log: string): ReadonlyMap<string, number> {
  const begun = new Map<string, { readonly at: number; works: boolean }>()
  const lasted = new Map<string, number>()
  const lines = log.split('\n').filter((line) => line.includes('"type":"phase"') || line.includes('"type":"step"'))
  for (const event of lines.map(told)) {
    if (event?.type === 'step') {
      const one = begun.get(event.phase)
      if (one) one.works = true
    }
    if (event?.type !== 'phase') continue
    const at = Date.parse(event.time)
    const one = begun.get(event.phase)
    if (event.state === 'start') begun.set(event.phase, { at, works: false })
    else if (one?.works) lasted.set(event.phase, at - one.at)
  }
  return lasted
}

/** Empty where it cannot be read (another user's, or gone meanwhile): it is worth a guess at what is left, and no more. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** The same for the latest run of each phase, by the logs in `<stateDir>/runs`, but for that of the run `own`. */
export function lastedBefore(stateDir: string, own: string): ReadonlyMap<string, number> {
  const others = logNames(stateDir).filter((name) => name !== `${own}.jsonl`)
  const names = [...newest(stateDir, others, LOGS, builds)].reverse()
  return new Map(names.flatMap((name) => [...lastedIn(textOf(join(stateDir, 'runs', name)))]))
}
