/** A screen that is drawn anew: each node is asked at its own pace, so that one that dies stops nobody. */
import { setTimeout as pause } from 'node:timers/promises'
import logUpdate from 'log-update'
import { hostsOf, type Node } from './config.mts'
import type { Lost } from './errors.mts'
import type { Outcome } from './event.mts'
import type { Job } from './exchange.mts'
import { type Facts, factsFrom } from './facts.mts'
import { askOne } from './run.mts'
import { people } from './style.mts'

/** Milliseconds from an answer of a node to the next question, and between two drawings. */
const PACE = 2000
const FRAME = 1000
/** Milliseconds after which a node that owes an answer is told as silent; ssh itself takes half a minute to be sure. */
const SILENT = 10_000

/** What is known of a node. */
interface Known {
  facts: ReadonlyMap<string, string> | undefined
  lost: Lost | undefined
  /** Since when it owes an answer. */
  asked: number | undefined
}

const NOTHING: Known = { facts: undefined, lost: undefined, asked: undefined }

/** Looks until it is stopped, which is its good end. The last screen stays. */
export async function watch(job: Job, screen: (facts: Facts, lost: readonly Lost[]) => string): Promise<Outcome> {
  const known = new Map<string, Known>(hostsOf(job.config).map(({ name }) => [name, { ...NOTHING }]))
  // A log of each look would fill the disk.
  const quiet: Job = { ...job, emit: () => {} }
  const look = async (node: Node) => {
    const own = known.get(node.name) as Known
    while (!job.stop.aborted) {
      own.asked = Date.now()
      const { told, lost } = await askOne(quiet, job.phases, node)
      own.facts = told.get(node.name) ?? new Map()
      own.asked = undefined
      own.lost = lost[0]
      draw()
      await pause(PACE, undefined, { signal: job.stop })
    }
  }
  const draw = () => logUpdate(frame(known, screen))
  const clock = setInterval(draw, FRAME)
  const stopped = (error: unknown) => {
    if (!job.stop.aborted) throw error
  }
  try {
    draw()
    await Promise.all(hostsOf(job.config).map((node) => look(node).catch(stopped)))
  } finally {
    clearInterval(clock)
    draw()
    logUpdate.done()
    // The terminal has written ^C where the prompt is to be.
    process.stdout.write('\r\x1b[K')
  }
  return 'ok'
}

function frame(known: ReadonlyMap<string, Known>, screen: (facts: Facts, lost: readonly Lost[]) => string): string {
  const now = Date.now()
  const waits = [...known].filter(([, { facts }]) => facts === undefined).map(([name]) => name)
  const head = `${new Date(now).toTimeString().slice(0, 8)}  every ${PACE / 1000} s; Ctrl-C ends it`
  // Before all have been asked once there is no picture, but for those that are silent.
  if (waits.some((name) => silence(known.get(name), now) === undefined)) return `${head}\nwaits for ${waits.join(' ')}`
  const lost = [...known].flatMap(([node, own]): Lost[] => {
    const silent = silence(own, now)
    if (own.lost) return [own.lost]
    if (silent === undefined) return []
    return [{ node, text: `no answer for ${silent} s`, remedy: 'it is asked on; see whether it is up' }]
  })
  const asked = new Map([...known].flatMap(([name, { facts }]) => (facts ? [[name, facts] as const] : [])))
  const lines = [head, '', ...screen(factsFrom(asked), lost).split('\n')]
  const { rows = lines.length + 1 } = people()
  const room = Math.max(3, rows - 1)
  return lines.length <= room
    ? lines.join('\n')
    : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} lines more: the window is too low`].join('\n')
}

/** Seconds for which it has owed an answer, where that is longer than usual. */
function silence(own: Known | undefined, now: number): number | undefined {
  const ms = now - (own?.asked ?? now)
  return ms < SILENT ? undefined : Math.floor(ms / 1000)
}
