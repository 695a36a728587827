/** Checkpoints: what was done where and when. Evidence for the report, never the truth: that is the survey. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

export interface Checkpoint {
  /** SHA-256 of the settings and of the guards' texts as far as no node's state is in them: other ones, or another version. */
  readonly fingerprint: string
  /** What was asked of the node, and held. */
  readonly guards?: readonly string[]
  /** machine-id(5): a re-installed node has another one. */
  readonly machineId: string
  readonly time: string
  readonly runId: string
}

/** How a phase that does not hold now stands to what is on record. */
export type Past = 'never done' | 'drifted' | 'settings changed' | 'node re-installed'

export interface Checkpoints {
  /** Why what was on record is not known: the file could not be read. */
  readonly lost?: string
  readonly get: (phase: string, node: string) => Checkpoint | undefined
  readonly set: (phase: string, node: string, done: Omit<Checkpoint, 'time' | 'runId'>) => void
  /** Nothing was ever done: the cluster is gone. */
  readonly forget: () => void
  /** Written beside and renamed, so that a cut-off run leaves the old file or the new one. */
  readonly save: () => void
  /** Why the last save failed: evidence that cannot be kept stops no run. */
  readonly fault: () => unknown
}

/** `guard` does not hold now; one that was never asked of the node cannot have drifted. */
export function past(known: Checkpoint | undefined, fingerprint: string, machineId: string, guard: string): Past {
  if (known === undefined) return 'never done'
  if (known.machineId !== machineId) return 'node re-installed'
  if (known.fingerprint !== fingerprint) return 'settings changed'
  return known.guards?.includes(guard) === false ? 'never done' : 'drifted'
}

/** How a phase stands on all nodes of a run. */
export interface Standing {
  readonly phase: string
  /** What is on record of it, node by node: undefined where that is nothing, or of another node or other settings. */
  readonly known: readonly (Checkpoint | undefined)[]
  /** Whether it is on record at all. */
  readonly recorded: boolean
  readonly holds: boolean
}

/**
 * What a run that was cut off has left to the next one: the phases that are on record and hold, and where it goes on.
 * Undefined when nothing was finished before, or nothing was left open.
 */
export function resumed(standings: readonly Standing[], now: number): string | undefined {
  const done = standings.filter(({ known, holds }) => holds && known.every((one) => one !== undefined))
  const next = standings.find((one) => !done.includes(one))
  if (done.length === 0 || next === undefined || standings.every(({ recorded }) => recorded)) return undefined
  const latest = done.flatMap(({ known }) => known).reduce((a, b) => ((a?.time ?? '') > (b?.time ?? '') ? a : b))
  const runs: string[][] = []
  for (const one of standings) {
    if (!done.includes(one)) runs.push([])
    else if (runs.length === 0) runs.push([one.phase])
    else runs.at(-1)?.push(one.phase)
  }
  const number = (phase = '') => /^\d+/.exec(phase)?.[0] ?? phase
  const names = runs
    .filter((one) => one.length > 0)
    .map((one) => (one.length === 1 ? number(one[0]) : `${number(one[0])}–${number(one.at(-1))}`))
  const verb = done.length === 1 ? 'holds' : 'hold'
  return `resumed: ${names.join(', ')} ${verb} from before (run ${latest?.runId}, ${age(now - Date.parse(latest?.time ?? ''))} ago); goes on with ${next.phase}`
}

const age = (ms: number): string =>
  ms < 120_000
    ? `${Math.max(0, Math.round(ms / 1000))} s`
    : ms < 7_200_000
      ? `${Math.round(ms / 60_000)} min`
      : `${Math.round(ms / 3_600_000)} h`

type Book = Record<string, Record<string, Checkpoint>>

/** What is on record; no evidence when the file is damaged, which ends no run. */
function readBook(file: string): { readonly book: Book; readonly lost?: string } {
  if (!existsSync(file)) return { book: {} }
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (isBook(read)) return { book: read }
    return { book: {}, lost: `${file} is not a book of checkpoints` }
  } catch (error) {
    return { book: {}, lost: `${file} cannot be read: ${(error as Error).message}` }
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isBook = (value: unknown): value is Book =>
  isRecord(value) &&
  Object.values(value).every(
    (nodes) =>
      isRecord(nodes) &&
      Object.values(nodes).every(
        (one) => isRecord(one) && typeof one.fingerprint === 'string' && typeof one.machineId === 'string',
      ),
  )

export function openCheckpoints(stateDir: string, runId: string): Checkpoints {
  const file = join(stateDir, 'checkpoint.json')
  const { book, lost } = readBook(file)
  let changed = false
  let fault: unknown
  const write = () => {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    const fd = openSync(`${file}.new`, 'w', 0o600)
    try {
      writeSync(fd, `${JSON.stringify(book, null, 2)}\n`)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(`${file}.new`, file)
  }
  return {
    ...(lost === undefined ? {} : { lost }),
    get: (phase, node) => book[phase]?.[node],
    set: (phase, node, done) => {
      const known = book[phase]?.[node]
      const same = known?.fingerprint === done.fingerprint && known.machineId === done.machineId
      if (same && String(known?.guards) === String(done.guards)) return
      book[phase] = { ...book[phase], [node]: { ...done, time: new Date().toISOString(), runId } }
      changed = true
    },
    forget: () => {
      for (const phase of Object.keys(book)) delete book[phase]
      changed = true
    },
    save: () => {
      if (!changed) return
      try {
        write()
        changed = false
        fault = undefined
      } catch (error) {
        rmSync(`${file}.new`, { force: true })
        fault = Object.assign(error as Error, { path: file })
      }
    },
    fault: () => fault,
  }
}
