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
  /** SHA-256 of the guards' texts: other settings or another version give another one. */
  readonly fingerprint: string
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
  readonly set: (phase: string, node: string, fingerprint: string, machineId: string) => void
  /** Written beside and renamed, so that a cut-off run leaves the old file or the new one. */
  readonly save: () => void
  /** Why the last save failed: evidence that cannot be kept stops no run. */
  readonly fault: () => unknown
}

export function past(known: Checkpoint | undefined, fingerprint: string, machineId: string): Past {
  if (known === undefined) return 'never done'
  if (known.machineId !== machineId) return 'node re-installed'
  return known.fingerprint === fingerprint ? 'drifted' : 'settings changed'
}

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
    set: (phase, node, fingerprint, machineId) => {
      const known = book[phase]?.[node]
      if (known?.fingerprint === fingerprint && known.machineId === machineId) return
      book[phase] = { ...book[phase], [node]: { fingerprint, machineId, time: new Date().toISOString(), runId } }
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
