/**
 * Chaos: faults drawn by a seed befall a cluster of three nodes with fencing, and what must never be is looked for all the time.
 *
 *     node test/chaos/chaos.mts [--seed N] [--faults N]
 *
 * A run with at least 50 faults writes docs/chaos.md. Exits with 0 only when nothing was found and all is well at the end.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { kill, labOf, missing, ROOT, until } from '../lab/cluster.mts'
import { noSuite } from '../suite.mts'
import { type Fault, faultsOn } from './faults.mts'
import { type Found, watchOver } from './invariants.mts'
import { random } from './random.mts'
import { report } from './report.mts'

const ENOUGH = 50
noSuite()
process.exitCode = 1

const { values } = parseArgs({
  options: { seed: { type: 'string' }, faults: { type: 'string', default: String(ENOUGH) } },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const count = Number(values.faults)
const since = Date.now()
const say = (text: string) => process.stdout.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`)

const reason = missing() ?? (count >= 1 && Number.isInteger(seed) ? undefined : '--seed and --faults want numbers')
if (reason !== undefined) {
  say(reason)
  process.exit(1)
}

/** Seconds in which a cluster is to be well by itself once nothing befalls it any more. */
const RECOVERY = 300

const lab = labOf('t-chaos', { nodes: 3, public: '192.168.126', heartbeat: '10.0.150', bmc: true })
const draw = random(seed)
const done: Fault[] = []
const found: Found[] = []
let recovery = 0
let versions: readonly string[] = []
let watch: ReturnType<typeof watchOver> | undefined
try {
  say(`seed ${seed}: ${count} faults`)
  await lab.up()
  const built = await lab.run('cluster')
  if (built.code !== 0) throw new Error(built.text)
  const [first = ''] = lab.nodes
  const asked =
    'dpkg-query -W -f \'${Package} ${Version}\\n\' corosync pacemaker haproxy keystone; . /etc/os-release; echo "$PRETTY_NAME"'
  versions = (await lab.on(first, asked)).trim().split('\n')
  watch = watchOver(lab, (one) => {
    found.push(one)
    say(`✖ ${one.what}`)
  })
  const under = new Set<Promise<void>>()
  const faults = faultsOn(lab, draw)
  while (done.length < count) {
    const fault = faults()
    if (fault === undefined) {
      await Promise.race(under)
      continue
    }
    done.push(fault)
    say(`${String(done.length).padStart(3)} ${fault.title}`)
    const befalls = fault
      .befall()
      .catch((error: Error) => void found.push({ at: Date.now(), what: `${fault.title}: ${error.message}` }))
    const over = befalls.finally(() => under.delete(over))
    under.add(over)
    // Some come together, some alone.
    await pause(draw.from(0, 12_000))
  }
  await Promise.all(under)
  const calm = Date.now()
  say('no more faults')
  await until('all is well, without a hand', RECOVERY, async () => (await lab.run('verify')).code === 0)
  recovery = Math.round((Date.now() - calm) / 1000)
  await watch.stop()
  watch = undefined
  const last = await lab.run('cluster', '--json')
  if (last.code !== 0 || last.json().changed !== 0)
    found.push({
      at: Date.now(),
      what: `make cluster afterwards ended with ${last.code} and changed ${last.json().changed}`,
    })
} catch (error) {
  found.push({ at: Date.now(), what: (error as Error).message })
  say(`✖ ${(error as Error).message}`)
} finally {
  await watch?.stop()
  for (const child of faultsOn.children) kill(child, 'SIGKILL')
  lab.down()
}

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const commit = execFileSync('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
if (done.length >= ENOUGH)
  writeFileSync(
    join(ROOT, 'docs/chaos.md'),
    report({
      date: new Date(since).toISOString().slice(0, 10),
      seed,
      minutes: Math.round((Date.now() - since) / 60_000),
      versions: [`quorate ${version} (${commit})`, `Node.js ${process.version}`, ...versions],
      machine: `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB of memory`,
      faults: done.map(({ kind, title }) => ({ kind, title })),
      found: found.map(({ what }) => what),
      recovery,
    }),
  )
say(`${done.length} faults, ${found.length} found (seed ${seed}, ${Math.round((Date.now() - since) / 60_000)} min)`)
process.exitCode = found.length === 0 ? 0 : 1
