/**
 * Measures quorate beside its peer and the floor, on labs of its own:
 *
 *     node test/bench/bench.mts [--rounds N] [--runners quorate,floor] [figure …]
 *
 * A figure is a name (`second-3`), or kinds and numbers (`first second 2`). Without one everything is measured, and
 * docs/benchmarks.md and .json are written. A run that fails, or changes something where nothing is to be changed, ends all.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type LabAlone, labOf, missing, ROOT } from '../lab/cluster.mts'
import { noSuite } from '../suite.mts'
import { counts, most, tellLogins } from './count.mts'
import { chosen, FIGURES, type Figure } from './figures.mts'
import { type Command, calm, type Meter, meter, peak, type Took } from './meter.mts'
import { type Bench, page, screen, seconds } from './report.mts'
import { lacking, RUNNERS, type Runner, seen } from './runners.mts'
import { NETWORKS, type Stage, stageOf } from './stage.mts'
import { rotated, spread } from './stats.mts'
import type { Counted, Measured } from './targets.mts'
import { wires } from './wire.mts'

const LAB = 't-bench'
const ROUNDS = 5
/** First runs of many nodes take minutes each. */
const FEWER: Readonly<Record<string, number>> = { 'first-8': 2 }
/** Seconds for one command. */
const LIMIT = 1800
noSuite()
process.exitCode = 1

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: String(ROUNDS) },
    runners: { type: 'string', default: 'quorate,peer,floor' },
  },
})
const rounds = Number(values.rounds)
const figures = chosen(positionals)
const runners = RUNNERS.filter(({ name }) => values.runners.split(',').includes(name))
const since = Date.now()
const say = (text: string) => process.stdout.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`)
const giveUp = (why: string): never => {
  say(why)
  process.exit(1)
}
if (figures === undefined) giveUp(`no figure is called that; there are: ${FIGURES.map(({ name }) => name).join(' ')}`)
if (!(rounds >= 1) || runners.length === 0) giveUp('--rounds wants a number, --runners some of quorate,peer,floor')
const reason = missing() ?? runners.map(lacking).find((why) => why !== undefined)
if (reason !== undefined) giveUp(reason)
const wanted = (name: string) => figures?.find((figure) => figure.name === name)

const measured: Measured[] = []
const profiles: Record<string, string> = {}
const busy: number[] = []
const versions: string[] = []
const out = join(ROOT, '.state/bench')
mkdirSync(out, { recursive: true })
const meters = new Map(runners.map((runner) => [runner.name, meter(runner.name, join(out, runner.name))]))
const meterOf = (runner: Runner) => meters.get(runner.name) as Meter

/** Runs a command that must go well, measured or not. */
async function good(runner: Runner, command: Command, fault?: (took: Took) => string | undefined): Promise<Took> {
  const took = await meterOf(runner).run(command, LIMIT)
  const why = fault ? fault(took) : took.code === 0 ? undefined : `exit code ${took.code}`
  if (why === undefined) return took
  const said = `${took.stdout}\n${took.stderr}`.trim().split('\n').slice(-40).join('\n')
  throw new Error(`${runner.name}: ${why}: ${command.words.join(' ')}\n${said}`)
}

/** One measured run: when the machine has nothing else to do. */
async function timed(runner: Runner, stage: Stage, figure: Figure): Promise<Took> {
  busy.push(await calm())
  const command = runner.command(stage, figure.kind) as Command
  return good(runner, command, (took) => runner.fault(took, figure.kind))
}

const has = (stage: Stage, figure: Figure) =>
  runners.filter((runner) => runner.command(stage, figure.kind) !== undefined)

/** What is put before each run of a figure. */
type Before = (runner: Runner) => Promise<void>

/** All rounds of a figure. `cold` measures each run twice, first without its connections and then with them. */
async function figureOf(stage: Stage, figure: Figure, before: Before, how: 'warm' | 'cold' | 'both'): Promise<void> {
  const own = has(stage, figure)
  const all = new Map<string, Took[]>()
  const count = Math.min(rounds, FEWER[figure.name] ?? rounds)
  const add = (runner: Runner, warm: boolean, took: Took) => {
    const key = `${runner.name} ${warm}`
    all.set(key, [...(all.get(key) ?? []), took])
  }
  for (let round = 0; round < count; round++) {
    for (const runner of rotated(own, round)) {
      await before(runner)
      if (how === 'warm') await good(runner, runner.connect(stage))
      else await meterOf(runner).hangUp()
      add(runner, how === 'warm', await timed(runner, stage, figure))
      if (how === 'both') add(runner, true, await timed(runner, stage, figure))
    }
  }
  for (const warm of [false, true]) {
    for (const runner of own) {
      const took = all.get(`${runner.name} ${warm}`)
      if (took === undefined) continue
      const counted = figure.kind === 'latency' ? undefined : await countedOf(stage, figure, runner, before, warm)
      const one: Measured = {
        figure: figure.name,
        runner: runner.name,
        warm,
        wall: spread(took.map(({ wallMs }) => wallMs / 1000)),
        cpu: spread(took.map(({ cpuMs }) => cpuMs / 1000)),
        rounds: took.length,
        ...(counted ? { counted } : {}),
      }
      measured.push(one)
      const { median, min, max } = one.wall
      const more = counted
        ? `, ${counted.megabytes.toFixed(0)} MB, ${counted.commands} commands, ${counted.turns} turns`
        : ''
      say(
        `${figure.name} ${runner.name}${warm ? '' : ' cold'}: ${seconds(median)} s (${seconds(min)}–${seconds(max)}), CPU ${seconds(one.cpu.median)} s${more}`,
      )
    }
  }
  keep()
}

/** One more run, by a wire that counts, with memory looked at all the time. */
async function countedOf(
  stage: Stage,
  figure: Figure,
  runner: Runner,
  before: Before,
  warm: boolean,
): Promise<Counted> {
  const wire = await wires(stage.inside, 0, new Map(stage.nodes.map((node) => [node, stage.lab.address(node)])))
  const own = meterOf(runner)
  await before(runner)
  await own.hangUp()
  stage.goBy(wire.ports)
  try {
    if (warm) await good(runner, runner.connect(stage))
    const then = await counts(stage)
    await wire.counted()
    const { bytes, value } = await peak(
      own,
      good(runner, profiled(runner, runner.command(stage, figure.kind) as Command), (took) =>
        runner.fault(took, figure.kind),
      ),
    )
    const turns = Math.max(...(await wire.counted()).values())
    if (runner.name === 'quorate') profiles[figure.name] = profileOf(value)
    return { megabytes: bytes / 2 ** 20, turns, ...most(await counts(stage), then) }
  } finally {
    await own.hangUp()
    stage.goBy()
    await wire.cut()
  }
}

const profiled = (runner: Runner, command: Command): Command =>
  runner.name === 'quorate' ? { ...command, words: [...command.words, '--profile'] } : command

/** The table that --profile ends with. */
const profileOf = ({ stderr }: Took): string => {
  const [, , after = ''] = stderr.split(/^(where the time went.*)$/m)
  return (after.split('\n\ntrace ')[0] as string).trimEnd()
}

const nothing: Before = async () => {}

/** The cluster is there, and stays as it is whoever looks after it: quorate builds it, the peer brings what it needs. */
async function build(stage: Stage, kind: 'first' | 'light'): Promise<void> {
  for (const runner of runners) await runner.prepare(stage)
  for (let tries = 0; ; tries++) {
    let steady = true
    for (const runner of [
      ...RUNNERS.filter(({ name }) => name === 'quorate'),
      ...runners.filter(({ name }) => name === 'peer'),
    ]) {
      const command = runner.command(stage, kind === 'first' ? 'second' : kind) as Command
      const took = await good(runner, command, ({ code }) => (code === 0 ? undefined : `exit code ${code}`))
      if (runner.fault(took, 'second') !== undefined) steady = false
    }
    if (steady) return
    if (tries === 2)
      throw new Error('quorate and the peer do not agree on the nodes: each changes what the other has done')
  }
}

/** `make` brings the lab up if it is needed, and takes it down at the end, whatever happens. */
async function withLab(nodes: number, keystone: boolean, work: (lab: LabAlone) => Promise<void>): Promise<void> {
  const lab = labOf(LAB, { nodes, keystone, ...NETWORKS })
  say(`lab of ${nodes}${keystone ? '' : ' light'} nodes`)
  try {
    await lab.up()
    await work(lab)
  } finally {
    for (const one of meters.values()) await one.hangUp()
    lab.down()
  }
}

async function fullNodes(nodes: number): Promise<void> {
  const own = (figures as readonly Figure[]).filter((figure) => figure.nodes === nodes && figure.kind !== 'light')
  if (own.length === 0) return
  const kinds = (kind: string) => own.filter((figure) => figure.kind === kind)
  await withLab(nodes, true, async (lab) => {
    const stage = stageOf(lab, nodes)
    await tellLogins(stage)
    const fresh: Before = async (runner) => {
      await meterOf(runner).hangUp()
      await lab.lab('restore', 'fresh')
      await runner.prepare(stage)
    }
    for (const figure of kinds('first')) {
      await lab.lab('save', 'fresh')
      await figureOf(stage, figure, fresh, 'cold')
      await lab.lab('restore', 'fresh')
    }
    if (own.every(({ kind }) => kind === 'first')) return
    say('building the cluster')
    await build(stage, 'first')
    await seen(stage, 'full')
    await versionsOf(stage)
    for (const figure of kinds('second')) await figureOf(stage, figure, nothing, 'both')
    for (const figure of kinds('drift')) {
      const node = stage.nodes.at(-1) as string
      await figureOf(
        stage,
        figure,
        async () => void (await lab.on(node, "echo '# by hand' >>/etc/haproxy/haproxy.cfg")),
        'warm',
      )
    }
    for (const figure of [...kinds('phase'), ...kinds('plan')]) await figureOf(stage, figure, nothing, 'warm')
    for (const figure of kinds('latency')) {
      for (const runner of runners) await meterOf(runner).hangUp()
      const wire = await wires(
        stage.inside,
        figure.delay,
        new Map(stage.nodes.map((node) => [node, lab.address(node)])),
      )
      stage.goBy(wire.ports)
      await figureOf(stage, figure, nothing, 'warm')
      stage.goBy()
      await wire.cut()
    }
    stage.leave()
  })
}

/** One lab for all sizes: the first so many of its nodes, fewest first. */
async function lightNodes(): Promise<void> {
  const own = (figures as readonly Figure[]).filter(({ kind }) => kind === 'light')
  const largest = own.at(-1)
  if (largest === undefined) return
  await withLab(largest.nodes, false, async (lab) => {
    for (const figure of own) {
      const stage = stageOf(lab, figure.nodes)
      await tellLogins(stage)
      say(`phases 00 to 02 on ${figure.nodes} nodes`)
      await build(stage, 'light')
      await seen(stage, 'light')
      await figureOf(stage, figure, nothing, 'warm')
      for (const runner of runners) await meterOf(runner).hangUp()
      stage.leave()
    }
  })
}

/** Without any node. */
async function start(figure: Figure): Promise<void> {
  const quorate = runners.find(({ name }) => name === 'quorate')
  if (quorate === undefined) return
  const own = meterOf(quorate)
  const took: Took[] = []
  for (let round = 0; round < 2 * rounds; round++) took.push(await timed(quorate, {} as Stage, figure))
  const { cwd, env = {}, words } = quorate.command({} as Stage, 'start') as Command
  const parts = {
    'Node.js that does nothing': ['node', '-e', '0'],
    'zx --version': ['zx', '--version'],
    [words.join(' ')]: words,
  }
  const lines: string[] = []
  for (const [title, command] of Object.entries(parts)) {
    const walls: number[] = []
    for (let round = 0; round < rounds; round++)
      walls.push((await own.run({ words: command, cwd, env }, LIMIT)).wallMs / 1000)
    lines.push(`${seconds(spread(walls).median)} s  ${title}`)
  }
  profiles[figure.name] = lines.join('\n')
  measured.push({
    figure: figure.name,
    runner: 'quorate',
    warm: true,
    wall: spread(took.map(({ wallMs }) => wallMs / 1000)),
    cpu: spread(took.map(({ cpuMs }) => cpuMs / 1000)),
    rounds: took.length,
  })
  say(`start: ${seconds(spread(took.map(({ wallMs }) => wallMs / 1000)).median)} s`)
  keep()
}

async function versionsOf(stage: Stage): Promise<void> {
  if (versions.length > 0) return
  const asked =
    'dpkg-query -W -f \'${Package} ${Version}\\n\' corosync pacemaker haproxy keystone; . /etc/os-release; echo "nodes: $PRETTY_NAME"'
  versions.push(...(await stage.lab.on(stage.nodes[0] as string, asked)).trim().split('\n'))
}

function result(): Bench {
  const said = (program: string, ...args: readonly string[]) =>
    execFileSync('sh', ['-c', '"$@" 2>&1', 'sh', program, ...args], { encoding: 'utf8', cwd: ROOT }).trim()
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const changed = said('git', 'status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'
  const withPeer = runners.some(({ name }) => name === 'peer')
  return {
    circumstances: {
      date: new Date().toISOString().slice(0, 10),
      machine: `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GB of memory, Linux ${release()}`,
      versions: [
        `quorate ${version} (${said('git', 'rev-parse', '--short', 'HEAD')}${changed})`,
        `Node.js ${process.version}`,
        said('ssh', '-V').split(',')[0] as string,
        ...(withPeer ? [(said('ansible', '--version').split('\n')[0] as string).replace(/[[\]]/g, '')] : []),
        ...versions,
      ],
      rounds,
      minutes: Math.round((Date.now() - since) / 60_000),
      busy: spread(busy),
    },
    measured,
    profiles,
  }
}

/** What there is so far outlasts a run that fails later. */
function keep(): void {
  writeFileSync(join(out, 'bench.json'), `${JSON.stringify(result(), null, 2)}\n`)
}

try {
  for (const figure of [wanted('start')]) if (figure) await start(figure)
  for (const nodes of [2, 3, 8]) await fullNodes(nodes)
  await lightNodes()
  const bench = result()
  process.stdout.write(`\n${screen(bench)}\n\n`)
  if (figures?.length === FIGURES.length && runners.length === RUNNERS.length && rounds >= ROUNDS) {
    writeFileSync(join(ROOT, 'docs/benchmarks.md'), page(bench))
    writeFileSync(join(ROOT, 'docs/benchmarks.json'), `${JSON.stringify(bench, null, 2)}\n`)
  }
  say(`${measured.length} figures in ${bench.circumstances.minutes} min; .state/bench/bench.json has them`)
  process.exitCode = 0
} catch (error) {
  say(`✖ ${(error as Error).message}`)
}
