/**
 * The wires to the nodes: a TCP proxy for each, which counts turns and can take its time. It runs in the lab's network, as a
 * process of its own, so that what it costs is nobody's.
 *
 *     node test/bench/wire.mts MILLISECONDS HOST:PORT …
 *
 * Prints the ports on 127.0.0.1, a JSON object by HOST:PORT. For each line on standard input it prints the turns since the last
 * one, in the same form. Ends with standard input.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { join } from '../ssh/delay.mts'
import type { Stage } from './stage.mts'

type Numbers = Readonly<Record<string, number>>

/**
 * Counts how often this side says something after the other has: each is a round trip that somebody may have waited for. What
 * is said on both ways at once counts as well, so that it is rather too many than too few.
 */
export function turns(): { readonly up: () => void; readonly down: () => void; readonly count: () => number } {
  let count = 0
  let last = 'down'
  return {
    up: () => {
      if (last === 'down') count += 1
      last = 'up'
    },
    down: () => {
      last = 'down'
    },
    count: () => count,
  }
}

export interface Wires {
  /** By node, the port of 127.0.0.1 that leads to it. */
  readonly ports: ReadonlyMap<string, number>
  /** By node, the turns since this was asked last. */
  readonly counted: () => Promise<ReadonlyMap<string, number>>
  readonly cut: () => Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** To all nodes of a stage; `delay` is milliseconds per round trip. */
export async function wires({ inside, nodes, lab }: Stage, delay: number): Promise<Wires> {
  const places = new Map(nodes.map((node) => [`${lab.address(node)}:22`, node]))
  const self = fileURLToPath(import.meta.url)
  const [program = '', ...words] = [...inside, process.execPath, self, String(delay / 2), ...places.keys()]
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  running.add(child)
  const over = new Promise<void>((done) => child.on('exit', () => done(void running.delete(child))))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<ReadonlyMap<string, number>> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the proxy has ended')
    return new Map(
      Object.entries(JSON.parse(value) as Numbers).map(([place, one]) => [places.get(place) as string, one]),
    )
  }
  return {
    ports: await next(),
    counted: () => {
      child.stdin.write('\n')
      return next()
    },
    cut: () => {
      child.stdin.end()
      return over
    },
  }
}

/** Listens for one place; resolves to the port, and the turns of all connections so far. */
async function listen(place: string, ms: number): Promise<{ readonly port: number; readonly count: () => number }> {
  const [host = '', port = ''] = place.split(':')
  const counts: (() => number)[] = []
  const server = createServer((near: Socket) => {
    near.setNoDelay(true)
    const far = connect({ host, port: Number(port), noDelay: true })
    const own = turns()
    counts.push(own.count)
    const start = () => {
      near.on('data', own.up)
      far.on('data', own.down)
      join({ in: near, out: near }, far, ms)
    }
    // A connection is a round trip, too.
    if (ms === 0) start()
    else setTimeout(start, 2 * ms)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    count: () => counts.reduce((sum, one) => sum + one(), 0),
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [ms = '0', ...places] = process.argv.slice(2)
  const all = await Promise.all(places.map((place) => listen(place, Number(ms))))
  const say = (values: readonly number[]) =>
    process.stdout.write(
      `${JSON.stringify(Object.fromEntries(places.map((place, index) => [place, values[index]])))}\n`,
    )
  say(all.map(({ port }) => port))
  let told = all.map(() => 0)
  createInterface({ input: process.stdin })
    .on('line', () => {
      const now = all.map(({ count }) => count())
      say(now.map((count, index) => count - (told[index] ?? 0)))
      told = now
    })
    .on('close', () => process.exit())
}
