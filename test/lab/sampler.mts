/**
 * A thread that looks, as often as it can, at what others could read while a run is under way: the arguments and environments of
 * all processes of this machine (those of the lab's nodes are among them), and what is new in folders of temporary files.
 */
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** What was seen: a text that says where, and the bytes. */
export type Samples = ReadonlyMap<string, Uint8Array>

export interface Sampler {
  readonly stop: () => Promise<{ readonly samples: Samples; readonly rounds: number; readonly processes: number }>
}

/** `roots`: the machines' file systems, by name. */
export function sample(roots: Readonly<Record<string, string>>): Sampler {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL(import.meta.url), { workerData: { roots, flag } })
  const over = new Promise<Awaited<ReturnType<Sampler['stop']>>>((done, failed) => {
    worker.on('message', done)
    worker.on('error', failed)
  })
  return {
    stop: () => {
      Atomics.store(flag, 0, 1)
      Atomics.notify(flag, 0)
      return over
    },
  }
}

/** Milliseconds in which a new process is read again and again: it may still become another program. */
const YOUNG = 100
/** Milliseconds between two looks at all processes, and at files. */
const ALL = 1000
const FILES = 50
const LARGEST = 1 << 20

function look(roots: Readonly<Record<string, string>>, flag: Int32Array): void {
  const began = Date.now()
  const samples = new Map<string, Uint8Array>()
  /** New processes: since when they are known, and their arguments as they were last seen. */
  const young = new Map<number, { readonly since: number; cmdline: string }>()
  let processes = 0
  let rounds = 0
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path)
    } catch {
      // It has ended meanwhile.
      return Buffer.alloc(0)
    }
  }
  const list = (path: string): readonly string[] => {
    try {
      return readdirSync(path)
    } catch {
      return []
    }
  }
  const keep = (where: string, bytes: Buffer) => void (bytes.length > 0 && samples.set(where, bytes))

  const lookAt = (pid: number, before: string): string => {
    const bytes = read(`/proc/${pid}/cmdline`)
    const cmdline = bytes.toString('latin1')
    if (cmdline === before) return before
    const words = cmdline.replaceAll('\0', ' ')
    keep(`arguments: ${words}`, bytes)
    keep(`environment of: ${words}`, read(`/proc/${pid}/environ`))
    return cmdline
  }
  // Process ids are given in order (proc(5), ns_last_pid), so that the new ones are known without a look at all of them.
  let last = Number(read('/proc/sys/kernel/ns_last_pid'))
  const lookAtProcesses = (now: number) => {
    const newest = Number(read('/proc/sys/kernel/ns_last_pid'))
    // After the highest one they begin anew: the next look at all has those.
    for (let pid = last + 1; pid <= newest; pid++) young.set(pid, { since: now, cmdline: '' })
    processes += Math.max(0, newest - last)
    last = newest
    for (const [pid, one] of young) {
      if (now - one.since > YOUNG) young.delete(pid)
      else one.cmdline = lookAt(pid, one.cmdline)
    }
  }
  const lookAtAll = () => {
    for (const name of list('/proc')) if (/^\d+$/.test(name)) lookAt(Number(name), '')
  }

  const lookAtFiles = () => {
    const visit = (machine: string, root: string, path: string, depth: number): void => {
      for (const name of list(root + path)) {
        const inside = join(path, name)
        let info: ReturnType<typeof lstatSync>
        try {
          info = lstatSync(root + inside)
        } catch {
          continue
        }
        // On this machine others are at work too.
        if (root === '' && depth === 0 && info.birthtimeMs < began) continue
        if (info.isDirectory() && depth < 3) visit(machine, root, inside, depth + 1)
        if (!info.isFile() || info.size > LARGEST) continue
        const where = `${machine}:${inside} ${info.ino} ${info.mtimeMs} ${info.size}`
        if (!samples.has(where)) keep(where, read(root + inside))
      }
    }
    for (const [machine, root] of Object.entries(roots)) {
      for (const folder of ['/tmp', '/var/tmp']) visit(machine, root, folder, 0)
      // Scripts work in memory, in folders that nobody else can enter.
      for (const name of list(`${root}/run`).filter((name) => name.startsWith('quorate.'))) {
        try {
          const mode = lstatSync(`${root}/run/${name}`).mode & 0o777
          keep(`${machine}:/run/${name} mode ${mode.toString(8)}`, Buffer.from(mode.toString(8)))
        } catch (error) {
          // The script has ended since its folder was listed.
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        }
      }
    }
  }

  let [all, files] = [0, 0]
  for (; Atomics.load(flag, 0) === 0; rounds++) {
    const now = Date.now()
    lookAtProcesses(now)
    if (now - files > FILES) {
      lookAtFiles()
      files = Date.now()
    }
    if (now - all > ALL) {
      lookAtAll()
      all = Date.now()
    }
    if (young.size === 0) Atomics.wait(flag, 0, 0, 0.2)
  }
  lookAtFiles()
  parentPort?.postMessage({ samples, rounds, processes })
}

if (!isMainThread) look(workerData.roots, workerData.flag)
