/**
 * Every test file as a process of its own, and one line that sums them up:
 *
 *     node test/run.mts [unit|ssh|browser|lab|long|all] [filter] [--limit SECONDS] [--in FOLDER]
 *
 * `unit` is the default; `long` is those of `lab` in their long form, and some that have no other; `all` leaves these out. The filter is
 * a part of a file's name; --limit is the time for each file; --in names another folder than this one. The exit code is 0 only when
 * nothing failed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Counts, closingLine, readClosingLine } from './closing.mts'

const KINDS = ['unit', 'ssh', 'browser', 'lab', 'long'] as const
type Kind = (typeof KINDS)[number]

/** Seconds after which a file is stopped, and those that it has then to put things back. */
const LIMITS: Readonly<Record<Kind, number>> = { unit: 180, ssh: 180, browser: 300, lab: 900, long: 1800 }
const GRACE = 10
/** As the Makefile has it: what the suites start, the product hundreds of times, is compiled once. */
const COMPILED = resolve(import.meta.dirname, '../node_modules/.cache/quorate')
/** Files over ssh share the machine's own daemons. A lab is a network of its own; with four of them they wait for one another. */
const AT_ONCE: Readonly<Record<Kind, number>> = { unit: 2, ssh: 1, browser: 1, lab: 3, long: 3 }

const { values: flags, positionals } = parseArgs({
  options: { limit: { type: 'string' }, in: { type: 'string' } },
  allowPositionals: true,
})
const [kinds, filter] = chosen(positionals)
const top = resolve(flags.in ?? dirname(fileURLToPath(import.meta.url)))
const running = new Set<ChildProcess>()
let interrupted = false

const say = (text: string) => process.stdout.write(`${text}\n`)

function chosen([first = 'unit', ...rest]: readonly string[]): readonly [readonly Kind[], string] {
  if (first === 'all') return [['unit', 'ssh', 'browser', 'lab'], rest[0] ?? '']
  if (first === 'long') return [['lab', 'long'], rest[0] ?? '']
  const kind = KINDS.find((one) => one === first)
  return kind === undefined ? [['unit'], first] : [[kind], rest[0] ?? '']
}

function filesOf(kind: Kind): readonly string[] {
  const dir = join(top, kind)
  const names = existsSync(dir) ? readdirSync(dir) : []
  return (
    names
      .filter((name) => name.endsWith('.test.mts') && name.includes(filter))
      .sort()
      // The longest one had better not be the last: by its size, as good a guess as any.
      .sort((one, other) => statSync(join(dir, other)).size - statSync(join(dir, one)).size)
      .map((name) => `${kind}/${name}`)
  )
}

/** Signals a file and all that it started: each leads a process group of its own. */
function signal(child: ChildProcess, name: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function runFile(kind: Kind, name: string): Promise<Counts> {
  const limit = flags.limit === undefined ? LIMITS[kinds.includes('long') ? 'long' : kind] : Number(flags.limit)
  // Files that run beside each other are shown one after the other, else as they go.
  const kept: string[] = []
  const show = AT_ONCE[kind] > 1 || (kind === 'ssh' && kinds.length > 1) ? (line: string) => kept.push(line) : say
  let closing: string | undefined
  let late = false

  const since = performance.now()
  const child = spawn(process.execPath, [...process.execArgv, join(top, name)], {
    env: {
      NODE_COMPILE_CACHE: COMPILED,
      ...process.env,
      ...(kinds.includes('long') ? { QUORATE_TEST_LONG: 'yes' } : {}),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  running.add(child)
  eachLine(child.stderr, show)
  eachLine(child.stdout, (line) => {
    if (closing !== undefined) show(closing)
    closing = readClosingLine(line) ? line : undefined
    if (closing === undefined) show(line)
  })
  const soft = setTimeout(() => {
    late = true
    signal(child, 'SIGTERM')
  }, limit * 1000)
  const hard = setTimeout(() => signal(child, 'SIGKILL'), (limit + GRACE) * 1000)
  const { code, end } = await ended(child)
  clearTimeout(soft)
  clearTimeout(hard)
  running.delete(child)

  const counts = closing === undefined ? undefined : readClosingLine(closing)
  const fault = late
    ? `stopped after ${limit} s`
    : counts === undefined
      ? `ended with ${end}, before its tests were over`
      : ''
  const unseen = fault !== '' || (code !== 0 && counts?.failed === 0)
  const told = { passed: 0, skipped: 0, ...counts, failed: (counts?.failed ?? 0) + (unseen ? 1 : 0) }
  if (told.passed + told.failed + told.skipped === 0) told.failed = 1
  for (const line of kept) say(line)
  const why = unseen ? ` – ${fault || `ended with ${end}`}` : ''
  say(`${name}: ${closingLine(told)} (${((performance.now() - since) / 1000).toFixed(1)} s)${why}\n`)
  return told
}

function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  stream.on('close', () => {
    if (rest !== '') onLine(rest)
  })
}

/** Resolves when the process is over and its output read. What it left behind may hold its pipes: that is not waited for. */
function ended(child: ChildProcess): Promise<{ code: number | null; end: string }> {
  return new Promise((done, failed) => {
    child.on('error', failed)
    child.on('exit', () => {
      setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, 1000).unref()
    })
    child.on('close', (code, name) => done({ code, end: code === null ? `${name}` : `exit code ${code}` }))
  })
}

async function startImage(): Promise<void> {
  const env = { ...process.env, LAB_PACKAGES: 'yes' }
  const child = spawn(join(top, 'lab/lab'), ['image'], { env, stdio: 'ignore', detached: true })
  running.add(child)
  await new Promise((done) => child.on('error', done).on('exit', done))
  running.delete(child)
}

async function runKind(kind: Kind): Promise<readonly Counts[]> {
  const waiting = [...filesOf(kind)]
  const counts: Counts[] = []
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined && !interrupted; name = waiting.shift()) {
      counts.push(await runFile(kind, name))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE[kind] }, worker))
  return counts
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    for (const child of running) signal(child, interrupted ? 'SIGKILL' : 'SIGTERM')
    interrupted = true
  })
}

// A run that ends before its last line has failed, whatever ended it.
process.exitCode = 1
const all: Counts[] = []
// The image of the lab takes as long as the unit suites, and is made beside them. If it cannot be made, the suites tell.
const image = kinds.includes('unit') && kinds.includes('lab') && filter === '' ? startImage() : undefined
// The unit suites want the processors, and so do three labs.
const beside: readonly (readonly Kind[])[] = [['unit'], ['browser', 'ssh'], ['lab'], ['long']]
for (const group of beside) {
  if (group.includes('lab')) await image
  const counts = await Promise.all(group.filter((kind) => kinds.includes(kind)).map(runKind))
  all.push(...counts.flat())
}
const sum = (pick: (counts: Counts) => number) => all.reduce((total, counts) => total + pick(counts), 0)
const total = { passed: sum((one) => one.passed), failed: sum((one) => one.failed), skipped: sum((one) => one.skipped) }
if (all.length === 0) say(`no test file in ${top} for ${kinds.join(', ')}${filter === '' ? '' : ` with "${filter}"`}`)
if (interrupted) say('interrupted')
if (all.length === 0 || (interrupted && total.failed === 0)) total.failed++
say(closingLine(total))
process.exitCode = interrupted ? 130 : total.failed === 0 ? 0 : 1
