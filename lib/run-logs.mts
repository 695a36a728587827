/** The run logs of a cluster as files: which there are, and which of them are of runs that only looked. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes in which the first line of a log has its command. */
const HEAD = 2048
/** Logs that are looked into: somebody may look each minute. */
const MOST = 1000

/** Verbs that change nothing and prove nothing. */
const LOOKS = /"command":"[^"]*tasks\/(?:status|report|doctor)\.mts/
const BUILDS = /"command":"[^"]*tasks\/(?:cluster|\d\d-[a-z-]+)\.mts(?![^"]* --plan)/
const DRILLS = /"command":"[^"]*tasks\/drill\.mts/

/** Whether the first line of a log is that of a run that only looked. */
export const onlyLooks = (beginning: string): boolean => LOOKS.test(beginning)
/** Whether it is that of `make cluster`, or of a phase. */
export const builds = (beginning: string): boolean => BUILDS.test(beginning)

/** The names of the logs in `<stateDir>/runs`, the newest first: they begin with the time. Throws what the file system says of the folder. */
export function logNames(stateDir: string): readonly string[] {
  const dir = join(stateDir, 'runs')
  const names = existsSync(dir) ? readdirSync(dir) : []
  return names
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .reverse()
}

/** The newest `count` of these logs whose beginning is as wanted; one that cannot be read is as wanted, and its reader is told why. */
export function newest(
  stateDir: string,
  names: readonly string[],
  count: number,
  wanted: (beginning: string) => boolean,
) {
  const found: string[] = []
  for (const name of names.slice(0, MOST)) {
    if (found.length === count) break
    const beginning = beginningOf(join(stateDir, 'runs', name))
    if (beginning === undefined || wanted(beginning)) found.push(name)
  }
  return found
}

/**
 * When the last drill that broke something was over, in milliseconds as Date.now() has it; undefined for never. One that was refused, or only
 * told what it would do, broke nothing.
 */
export function drilledUntil(stateDir: string): number | undefined {
  for (const name of newest(stateDir, logNames(stateDir), MOST, (beginning) => DRILLS.test(beginning))) {
    const file = join(stateDir, 'runs', name)
    try {
      if (readFileSync(file, 'utf8').includes('"type":"drill"')) return statSync(file).mtimeMs
    } catch {
      // Another user's, or gone meanwhile.
    }
  }
  return undefined
}

function beginningOf(file: string): string | undefined {
  let fd: number | undefined
  try {
    fd = openSync(file, 'r')
    const bytes = Buffer.alloc(HEAD)
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, HEAD, 0))
  } catch {
    // Another user's, or gone meanwhile.
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
