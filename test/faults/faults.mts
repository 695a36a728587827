/**
 * The fault matrix: runs that are cut off anywhere are finished by the same command. Two labs share the cases.
 *
 *     node test/faults/faults.mts [part of a case's name …]
 *
 * Without a name the whole matrix is run, and docs/fault-matrix.md is written. Exits with 0 only when every case has converged.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { labOf, missing, ROOT } from '../lab/cluster.mts'
import { noSuite } from '../suite.mts'
import { CASES, type Case } from './cases.mts'
import { lane, type Row } from './lane.mts'
import { report } from './report.mts'

const LABS = 2
noSuite()

const say = (text: string) => process.stdout.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`)
const filter = process.argv.slice(2)
const named = filter.flatMap((part) => CASES.filter(({ name }) => name.includes(part)))
/** In the order of the names that were given. */
const chosen = filter.length === 0 ? CASES : [...new Set(named)]

const reason = missing()
if (reason !== undefined || chosen.length === 0) {
  say(reason ?? `no case is called that; there are:\n${CASES.map(({ name }) => `  ${name}`).join('\n')}`)
  process.exit(1)
}

process.exitCode = 1
const since = Date.now()
/** A lab takes all cases of a phase at once, so that few make the same ground. */
const waiting: (readonly Case[])[] = [...Map.groupBy(chosen, ({ phase }) => phase).values()]
const rows: Row[] = []
const versions: string[] = []

async function work(number: number): Promise<void> {
  const lab = labOf(`t-flt${number}`, { public: '192.168.124', heartbeat: '10.0.148' })
  try {
    const own = await lane(lab)
    for (let cases = waiting.shift(); cases !== undefined; cases = waiting.shift()) {
      for (const one of cases) {
        const row = await own.run(one)
        rows.push(row)
        say(`${row.wrong === undefined ? 'converged' : 'FAILED   '} ${one.name} (${row.seconds.toFixed(1)} s)`)
        say(row.wrong === undefined ? `          ${row.left}\n                   ${row.did}` : `${row.wrong}`)
        if (versions.length === 0) {
          const [node = ''] = lab.nodes
          const asked =
            'dpkg-query -W -f \'${Package} ${Version}\\n\' corosync pacemaker haproxy keystone; . /etc/os-release; echo "$PRETTY_NAME"'
          versions.push(...(await lab.on(node, asked)).trim().split('\n'))
        }
      }
    }
  } finally {
    lab.down()
  }
}

await Promise.all(Array.from({ length: Math.min(LABS, waiting.length) }, (_, index) => work(index + 1)))
const ordered = chosen.flatMap(({ name }) => rows.filter((row) => row.name === name))
const good = ordered.filter(({ wrong }) => wrong === undefined).length
if (filter.length === 0) {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const commit = execFileSync('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const text = report(ordered, {
    date: new Date().toISOString().slice(0, 10),
    versions: [`quorate ${version} (${commit})`, `Node.js ${process.version}`, ...versions],
    machine: `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB of memory, ${LABS} labs of two nodes at once`,
    seconds: (Date.now() - since) / 1000,
  })
  writeFileSync(join(ROOT, 'docs/fault-matrix.md'), text)
}
say(`${good} of ${chosen.length} converged (${Math.round((Date.now() - since) / 60_000)} min)`)
process.exitCode = good === chosen.length ? 0 : 1
