/**
 * What a command costs this machine: wall time, processor time and memory of it and of all that it leaves behind, such as the
 * ssh connections that are kept for the next run. They are in a control group of their own, which counts them to the end
 * (cgroups(7); cpuacct in v1, cpu.stat in v2).
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'

/** How a command ended, and what it took. */
export interface Took {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** From its start to its end. */
  readonly wallMs: number
  /** User and system time of all processes in the group, meanwhile. */
  readonly cpuMs: number
}

export interface Command {
  readonly words: readonly string[]
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
}

export interface Meter {
  /** Runs a command. One that takes more than `seconds` is ended, and has no code. */
  readonly run: (command: Command, seconds: number) => Promise<Took>
  /** Bytes that all processes of the group have now. */
  readonly memory: () => number
  /** Ends what is left in the group: connections that are kept. */
  readonly hangUp: () => Promise<void>
}

const ROOT = '/sys/fs/cgroup'
const V2 = existsSync(join(ROOT, 'cgroup.controllers'))

/** A process that has just ended is no fault. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
const read = (file: string): string => unlessGone(() => readFileSync(file, 'utf8')) ?? ''
const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0)

/**
 * Of a process: its share of what it has mapped (Pss, proc_pid_smaps(5)), so that the pages that sixty ssh have in common count
 * once. Of a Node.js all of it (Rss): it shares its pages with the one that measures.
 */
function memoryOf(pid: string): number {
  const text = read(`/proc/${pid}/smaps_rollup`)
  const program = unlessGone(() => readlinkSync(`/proc/${pid}/exe`))
  const pattern = program === process.execPath ? /^Rss:\s+(\d+)/m : /^Pss:\s+(\d+)/m
  return numberIn(text, pattern) * 1024
}

const groups = new Set<string>()
const membersOf = (group: string): readonly string[] => read(join(group, 'cgroup.procs')).split('\n').filter(Boolean)

function end(group: string, signal: NodeJS.Signals): void {
  for (const pid of membersOf(group)) {
    unlessGone(() => process.kill(Number(pid), signal))
  }
}

// Whatever ends the bench, nothing that it has started is left.
process.on('exit', () => {
  for (const group of groups) {
    for (let tries = 0; tries < 40 && membersOf(group).length > 0; tries++) {
      end(group, 'SIGKILL')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    }
    unlessGone(() => rmdirSync(group))
  }
})

/** `out` is the path of a file for what a command says: a pipe would be held open by the connections that it leaves. */
export function meter(name: string, out: string): Meter {
  const group = join(ROOT, V2 ? '' : 'cpuacct', `quorate-bench.${name}`)
  mkdirSync(group, { recursive: true })
  groups.add(group)
  const cpuMs = () =>
    V2
      ? numberIn(read(join(group, 'cpu.stat')), /^usage_usec (\d+)/m) / 1000
      : Number(read(join(group, 'cpuacct.usage'))) / 1e6
  return {
    run: async ({ words, cwd, env }, seconds) => {
      const files = [`${out}.out`, `${out}.err`]
      const [stdout, stderr] = files.map((file) => openSync(file, 'w')) as [number, number]
      const before = cpuMs()
      const since = performance.now()
      const child = spawn('sh', ['-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"', group, ...words], {
        cwd,
        env: { ...process.env, ...env },
        stdio: ['ignore', stdout, stderr],
        detached: true,
      })
      const limit = setTimeout(() => end(group, 'SIGKILL'), seconds * 1000)
      const code = await new Promise<number | null>((done, failed) => {
        child.on('error', failed)
        child.on('exit', done)
      })
      const wallMs = performance.now() - since
      clearTimeout(limit)
      closeSync(stdout)
      closeSync(stderr)
      const [said = '', complained = ''] = files.map(read)
      return { code, stdout: said, stderr: complained, wallMs, cpuMs: cpuMs() - before }
    },
    memory: () => membersOf(group).reduce((sum, pid) => sum + memoryOf(pid), 0),
    hangUp: async () => {
      for (let tries = 0; membersOf(group).length > 0; tries++) {
        end(group, tries < 20 ? 'SIGTERM' : 'SIGKILL')
        await pause(50)
      }
    },
  }
}

/** The most that was in use while `work` went on, looked at every so many milliseconds: which itself takes time. */
export async function peak<T>(
  one: Meter,
  work: Promise<T>,
  every: number,
): Promise<{ readonly bytes: number; readonly value: T }> {
  let over = false
  let bytes = 0
  const value = work.finally(() => {
    over = true
  })
  // The failure is the caller's to meet, below.
  value.catch(() => {})
  while (!over) {
    bytes = Math.max(bytes, one.memory())
    await pause(every)
  }
  return { bytes, value: await value }
}

/** Waits until the machine has little else to do, 20 s at most. Returns the share of its processors that is busy, 0 to 1. */
export async function calm(): Promise<number> {
  const times = () => {
    const fields = (/^cpu +(.*)/m.exec(read('/proc/stat'))?.[1] ?? '').split(' ').map(Number)
    const idle = (fields[3] ?? 0) + (fields[4] ?? 0)
    return { idle, all: fields.slice(0, 8).reduce((sum, one) => sum + one, 0) }
  }
  for (let tries = 0; ; tries++) {
    const before = times()
    await pause(400)
    const after = times()
    const busy = 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all)
    if (busy < 0.25 || tries >= 50) return busy
  }
}
