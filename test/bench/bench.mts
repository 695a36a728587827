/**
 * Measures quorate beside its peer and the floor, on labs of its own:
 *
 *     node test/bench/bench.mts [--rounds N] [--runners quorate,floor] [figure …]
 *
 * A figure is a name (`second-3`), or kinds and numbers (`first second 2`). Without one everything is measured, and
 * docs/benchmarks.md and .json are written. A run that fails, or changes something where nothing is to be changed, ends its figure,
 * and nothing is written.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { missing, ROOT } from '../lab/cluster.mts'
import { noSuite } from '../suite.mts'
import { chosen, FIGURES } from './figures.mts'
import { fullNodes, lightNodes, start } from './grounds.mts'
import { type Meter, meter } from './meter.mts'
import { type Bench, page, screen } from './report.mts'
import { attempt, type Book } from './rounds.mts'
import { lacking, RUNNERS } from './runners.mts'
import { spread } from './stats.mts'

const ROUNDS = 5
noSuite()
process.exitCode = 1

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: String(ROUNDS) },
    runners: { type: 'string', default: RUNNERS.map(({ name }) => name).join(',') },
  },
})
const rounds = Number(values.rounds)
const figures = chosen(positionals) ?? []
const runners = RUNNERS.filter(({ name }) => values.runners.split(',').includes(name))
const quorate = runners.find(({ name }) => name === 'quorate')
const since = Date.now()
const say = (text: string) => process.stdout.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`)

const reason =
  figures.length === 0
    ? `no figure is called that; there are: ${FIGURES.map(({ name }) => name).join(' ')}`
    : !(rounds >= 1) || quorate === undefined
      ? '--rounds wants a number, --runners quorate and whom to measure beside it: peer, floor'
      : (missing() ?? runners.map(lacking).find((why) => why !== undefined))
if (reason !== undefined) {
  say(reason)
  process.exit(1)
}

const out = join(ROOT, '.state/bench')
mkdirSync(out, { recursive: true })
const meters = new Map(runners.map((runner) => [runner.name, meter(runner.name, join(out, runner.name))]))
const versions: string[] = []
const book: Book = {
  runners,
  meter: ({ name }) => meters.get(name) as Meter,
  rounds,
  measured: [],
  profiles: {},
  busy: [],
  failed: [],
  say: (text) => {
    say(text)
    // What there is so far outlasts a run that fails later.
    if (book.measured.length > 0) writeFileSync(join(out, 'bench.json'), json(result()))
  },
}
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** Asked once, before the first run. */
const here = versionsHere()

function versionsHere(): readonly string[] {
  const said = (...words: readonly string[]) =>
    execFileSync('sh', ['-c', '"$@" 2>&1', 'sh', ...words], { encoding: 'utf8', cwd: ROOT }).trim()
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const changed = said('git', 'status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'
  const ansible = () => (said('ansible', '--version').split('\n')[0] as string).replace(/[[\]]/g, '')
  return [
    `quorate ${version} (${said('git', 'rev-parse', '--short', 'HEAD')}${changed})`,
    `Node.js ${process.version}`,
    said('ssh', '-V').split(',')[0] as string,
    ...(runners.some(({ name }) => name === 'peer') ? [ansible()] : []),
  ]
}

function result(): Bench {
  const [cpu] = cpus()
  return {
    circumstances: {
      date: new Date(since).toISOString().slice(0, 10),
      machine: `${cpus().length} cores (${cpu?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GB of memory, Linux ${release()}`,
      versions: [...here, ...versions],
      rounds,
      minutes: Math.round((Date.now() - since) / 60_000),
      busy: book.busy.length === 0 ? { median: 0, min: 0, max: 0 } : spread(book.busy),
    },
    measured: book.measured,
    profiles: book.profiles,
  }
}

const of = (kind: string) => figures.filter((figure) => figure.kind === kind)
for (const figure of of('start')) if (quorate) await attempt(book, () => start(book, figure, quorate))
const full = figures.filter(({ kind }) => kind !== 'start' && kind !== 'light')
for (const same of Map.groupBy(full, ({ nodes }) => nodes).values()) {
  await attempt(book, () => fullNodes(book, same, (found) => versions.splice(0, versions.length, ...found)))
}
if (of('light').length > 0) await attempt(book, () => lightNodes(book, of('light')))
const bench = result()
process.stdout.write(`\n${screen(bench)}\n\n`)
const whole = figures.length === FIGURES.length && runners.length === RUNNERS.length && rounds >= ROUNDS
if (whole && book.failed.length === 0) {
  writeFileSync(join(ROOT, 'docs/benchmarks.md'), page(bench))
  writeFileSync(join(ROOT, 'docs/benchmarks.json'), json(bench))
}
say(`${book.measured.length} measurements in ${bench.circumstances.minutes} min; .state/bench/bench.json has them`)
for (const why of book.failed) say(`✖ ${why}`)
if (book.failed.length === 0) process.exitCode = 0
