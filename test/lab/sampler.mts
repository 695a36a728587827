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

/** Rounds in which a new process is read each time: it may still become another program. */
const YOUNG = 30
const LARGEST = 1 << 20

function look(roots: Readonly<Record<string, string>>, flag: Int32Array): void {
  const began = Date.now()
  const samples = new Map<string, Uint8Array>()
  const seen = new Map<string, { age: number; cmdline: string }>()
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

  const lookAtProcesses = () => {
    const now = new Set(list('/proc').filter((name) => /^\d+$/.test(name)))
    for (const pid of seen.keys()) if (!now.has(pid)) seen.delete(pid)
    for (const pid of now) {
      const known = seen.get(pid) ?? { age: 0, cmdline: '' }
      if (known.age++ === 0) processes++
      seen.set(pid, known)
      if (known.age > YOUNG && (known.age + Number(pid)) % 200 !== 0) continue
      const bytes = read(`/proc/${pid}/cmdline`)
      const cmdline = bytes.toString('latin1')
      if (cmdline === known.cmdline) continue
      known.cmdline = cmdline
      const words = cmdline.replaceAll('\0', ' ')
      keep(`arguments: ${words}`, bytes)
      keep(`environment of: ${words}`, read(`/proc/${pid}/environ`))
    }
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
        } catch {}
      }
    }
  }

  while (Atomics.load(flag, 0) === 0) {
    lookAtProcesses()
    if (rounds++ % 10 === 0) lookAtFiles()
    Atomics.wait(flag, 0, 0, 2)
  }
  lookAtFiles()
  parentPort?.postMessage({ samples, rounds, processes })
}

if (!isMainThread) look(workerData.roots, workerData.flag)
