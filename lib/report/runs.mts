/** The run logs of a cluster, the last ones of them. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { logNames, newest, onlyLooks } from '../run-logs.mts'
import { type LoggedRun, readRun } from './run-log.mts'

/** So many are read: a cluster may have thousands. */
const LAST = 50
/** Bytes of the beginning and of the end of a log that are read; what is between has to be left out. */
const PART = 4_000_000

export interface Runs {
  /** How many are on record, of those that only looked as well. */
  readonly recorded: number
  /** The newest first. */
  readonly runs: readonly (LoggedRun & { readonly long: boolean })[]
  /** Those that could not be read, and why. */
  readonly unread: readonly { readonly id: string; readonly why: string }[]
}

/**
 * The logs in `<stateDir>/runs`, but for that of the run `own`, which is under way, and of those that only looked. Throws what the file
 * system says of the folder.
 */
export function readRuns(stateDir: string, own: string): Runs {
  const folder = join(stateDir, 'runs')
  const all = logNames(stateDir).filter((name) => name !== `${own}.jsonl`)
  const ids = newest(stateDir, all, LAST, (beginning) => !onlyLooks(beginning)).map((name) =>
    name.slice(0, -'.jsonl'.length),
  )
  const runs: Runs['runs'][number][] = []
  const unread: Runs['unread'][number][] = []
  for (const id of ids) {
    try {
      const { text, long } = partsOf(join(folder, `${id}.jsonl`))
      runs.push({ ...readRun(id, text), long })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      unread.push({ id, why: message })
    }
  }
  return { recorded: all.length, runs, unread }
}

function partsOf(file: string): { readonly text: string; readonly long: boolean } {
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    const part = (from: number, length: number) => {
      const buffer = Buffer.alloc(length)
      return buffer.toString('utf8', 0, readSync(fd, buffer, 0, length, from))
    }
    if (size <= 2 * PART) return { text: part(0, size), long: false }
    const [head, tail] = [part(0, PART), part(size - PART, PART)]
    return { text: head.slice(0, head.lastIndexOf('\n')) + tail.slice(tail.indexOf('\n')), long: true }
  } finally {
    closeSync(fd)
  }
}
