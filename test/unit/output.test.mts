/** What a run looks like on terminals of any width, without colours, in a pipe, for a program, and with many nodes. */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../suite.mts'
import { folder } from './local-shell.mts'
import { needing } from './real-tool.mts'
import { framesOn, shownOn } from './terminal.mts'

const ROOT = resolve(import.meta.dirname, '../..')
const SCRIPT = join(import.meta.dirname, 'output-phases.mts')
const CLUSTER = `output-test-${process.pid}`
process.on('exit', () => rmSync(join(ROOT, '.state', CLUSTER), { recursive: true, force: true }))

/** First in PATH: an ssh whose nodes are shells here, each with its address as ME, and with a lock of its own. */
const stubs = folder()
writeFileSync(
  join(stubs, 'ssh'),
  `#!/bin/sh
while [ "$1" != -- ]; do shift; done
export ME="$2"
pipe=$DIR/pipe.$$
mkfifo "$pipe" && exec 3<&0 || exit
sed -u "s|/run/quorate|$DIR/run-$ME|g" <&3 3<&- >"$pipe" &
exec 3<&-
setsid -w sh -s <"$pipe"
status=$?
kill "$!" 2>/dev/null
rm -f "$pipe"
exit "$status"
`,
)
chmodSync(join(stubs, 'ssh'), 0o755)

/** Folder and env file of a run: so many nodes, on which nothing is done yet; a moon that is full. */
function ground(count = 2, moon = true) {
  const dir = folder()
  const nodes = Array.from(
    { length: count },
    (_, index) => `192.0.2.${index + 1} node${index + 1}.test.com node${index + 1}`,
  )
  const text = `CLUSTER_NAME=${CLUSTER}\nNODES="\n${nodes.join('\n')}\n"\nVIP=192.0.2.200/24\nFENCING=none\n`
  writeFileSync(join(dir, 'env'), text)
  if (moon) writeFileSync(join(dir, 'moon'), '')
  return dir
}
const environment = (dir: string, more: Readonly<Record<string, string>> = {}) => ({
  PATH: [stubs, process.env.PATH].join(delimiter),
  HOME: dir,
  DIR: dir,
  TERM: 'xterm-256color',
  ...more,
})
const words = (dir: string, ...flags: string[]) => [...process.execArgv, SCRIPT, '--env', join(dir, 'env'), ...flags]

/** All that is written to a terminal of this size. */
function onTerminal(
  dir: string,
  columns: number,
  { rows = 24, env = {}, more = '' }: { rows?: number; env?: Readonly<Record<string, string>>; more?: string } = {},
): string {
  const command = [process.execPath, ...words(dir)].map((word) => `'${word}'`).join(' ')
  const { stdout, status } = spawnSync(
    'script',
    ['-qec', `stty cols ${columns} rows ${rows}; ${command} ${more}`, '/dev/null'],
    {
      cwd: ROOT,
      encoding: 'utf8',
      input: '',
      timeout: 60_000,
      env: environment(dir, env),
    },
  )
  assert.ok(status === 0 || status === 2 || status === 3, `${status}: ${stdout}`)
  return stdout
}
function inPipe(dir: string, flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  return spawnSync(process.execPath, words(dir, ...flags), {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 60_000,
    env: environment(dir, env),
  })
}

const ESCAPE = '\x1b'
const MOVES = /\x1b\[(?:[\d;]*[A-HJK]|\?)/
const COLOUR = /\x1b\[[\d;]*m/
const lines = (text: string) => text.replaceAll('\r', '').split('\n')

/** The whole story of a run as plain lines. */
function toldPlainly(text: string): void {
  const clean = text.replaceAll(new RegExp(COLOUR, 'g'), '')
  for (const node of ['node1', 'node2']) {
    assert.match(
      clean,
      new RegExp(`^\\d\\d:\\d\\d:\\d\\d 01-software +${node} +applies +the software is there\r?$`, 'm'),
    )
    assert.match(clean, new RegExp(`^\\S+ 01-software +${node} +changed +the software is there \\(`, 'm'))
    assert.match(
      clean,
      new RegExp(
        `^\\S+ 02-service +${node} +waits +\\d+ s of 20 s until the service answers: it does not answer yet`,
        'm',
      ),
    )
  }
  assert.match(clean, /^\S+ 02-service +begins +2 of 3, 0:\d\d(, about \S+ left)?\r?$/m)
  assert.match(clean, /^node1 node2 +ok: 1 +changed: 2 +failed: 0\r?$/m)
  assert.match(clean, /^total +ok: 2 +changed: 4 +failed: 0 +done \(/m)
}

const terminals = suite('terminals')
const real = needing(terminals, 'script')

for (const columns of [0, 1, 10, 39, 40]) {
  real(`${columns} columns: plain lines, each of them whole`, () => {
    const text = onTerminal(ground(), columns)
    toldPlainly(text)
    assert.not.match(text, MOVES)
    assert.ok(lines(text).length < 25, text)
    // No room is spent on columns where there is none.
    if (columns >= 39) assert.match(text, / 01-software node1 (\S*)applies(\S*) the software/)
  })
}

for (const columns of [41, 80]) {
  real(`${columns} columns: a list that ends with what became of each phase`, () => {
    const text = onTerminal(ground(), columns)
    assert.match(text, MOVES)
    const shown = shownOn(text, columns, 24)
    for (const title of ['✔ survey of 2 nodes', '✔ 01-software  Software', '✔ 02-service  Service', '✔ 03-moon  Moon'])
      assert.is(shown.filter((line) => line === title).length, 1, shown.join('\n'))
    assert.ok(shown.some((line) => /^node1 node2 +ok: 1 +changed: 2 +failed: 0/.test(line)))
  })
}

real('a list on a low terminal is plain lines', () => {
  const text = onTerminal(ground(), 80, { rows: 8 })
  toldPlainly(text)
  assert.not.match(text, MOVES)
})

for (const env of [{ TERM: 'dumb' }, { CI: 'true', NO_COLOR: '1' }] as Readonly<Record<string, string>>[]) {
  real(`${JSON.stringify(env)}: plain lines without any escape`, () => {
    const text = onTerminal(ground(), 80, { env })
    toldPlainly(text)
    assert.not.match(text, ESCAPE)
  })
}

real('CI=true: plain lines', () => {
  const text = onTerminal(ground(), 80, { env: { CI: 'true' } })
  toldPlainly(text)
  assert.not.match(text, MOVES)
})

real('NO_COLOR=1: a list without colours; FORCE_COLOR=1: with them', () => {
  const plain = onTerminal(ground(), 80, { env: { NO_COLOR: '1' } })
  assert.match(plain, MOVES)
  assert.not.match(plain, COLOUR)
  const narrow = onTerminal(ground(), 30, { env: { NO_COLOR: '1' } })
  assert.not.match(narrow, ESCAPE)
  assert.match(onTerminal(ground(), 80, { env: { FORCE_COLOR: '1' } }), COLOUR)
})

real('--json: colours where people read, which is stderr', () => {
  const dir = ground()
  const text = onTerminal(dir, 80, { more: `--json 2>${dir}/said` })
  assert.not.match(text, ESCAPE)
  assert.is(JSON.parse(text).result, 'changed')
  assert.not.match(readFileSync(join(dir, 'said'), 'utf8'), ESCAPE)
  assert.match(onTerminal(ground(), 80, { more: '--json >/dev/null' }), COLOUR)
})

real('the list says what a node waits for and what is seen, and which node failed', () => {
  const text = onTerminal(ground(2, false), 80, { env: { NO_COLOR: '1' } })
  const all = framesOn(text, 80, 24)
  const waits = (node: string, what: string) =>
    all.some((frame) => new RegExp(`^  \\S ${node}\n    › waits \\d+ s of \\d+ s until ${what}$`, 'm').test(frame))
  for (const node of ['node1', 'node2']) {
    assert.ok(waits(node, 'the service answers: it does not answer yet'), all.join('\n\n'))
    assert.ok(waits(node, 'the moon is full: it is new'))
    assert.match(all.at(-1) as string, new RegExp(`^❯ 03-moon  Moon\n(  ✖ .*\n)*  ✖ ${node}$`, 'm'))
  }
  assert.match(all.at(-1) as string, /^✖ 03-moon failed on node1, node2: not true after \d+ s: the moon is full$/m)
})

real('32 nodes on 24 lines: nodes that do the same share a line, and nothing is drawn twice', () => {
  const text = onTerminal(ground(32), 80, { env: { NO_COLOR: '1' } })
  const all = framesOn(text, 80, 24)
  const under = (phase: string, what: RegExp) =>
    all.some((frame) => new RegExp(`${phase}(  .*)?\n  › `).test(frame) && what.test(frame.slice(frame.indexOf(phase))))
  assert.ok(under('survey of 32 nodes', /› node\[1-32\]: no answer yet$/m), all.join('\n\n'))
  assert.ok(
    under(
      '02-service  Service',
      /^ +›? ?node\S*.*: waits \d+ s of 20 s until the service answers: it does not answer/m,
    ),
  )
  assert.ok(Math.max(...all.slice(0, -1).map((frame) => frame.trimEnd().split('\n').length)) < 24)
  const shown = shownOn(text, 80, 24)
  assert.equal(
    shown.filter((line) => /^[✔✖❯]/.test(line)),
    ['✔ survey of 32 nodes', '✔ 01-software  Software', '✔ 02-service  Service', '✔ 03-moon  Moon'],
  )
  assert.ok(shown.some((line) => /^node\[1-32\] +ok: 1 +changed: 2 +failed: 0$/.test(line)))
})
terminals('what a cut-off run has finished stands under the survey', () => {
  rmSync(join(ROOT, '.state', CLUSTER), { recursive: true, force: true })
  const dir = ground(2, false)
  assert.is(inPipe(dir).status, 2)
  writeFileSync(join(dir, 'moon'), '')
  const shown = shownOn(onTerminal(dir, 120), 120, 24).join('\n')
  assert.match(
    shown,
    /survey of 2 nodes\n +resumed: 01–02 hold from before \(run \S+, \d+ s ago\); goes on with 03-moon\n/,
    shown,
  )
})

terminals.run()

const pipes = suite('pipes')

pipes('no escapes; with FORCE_COLOR colours and nothing else', () => {
  const dir = ground()
  const { stdout, stderr, status } = inPipe(dir)
  assert.equal([status, stderr], [0, ''])
  toldPlainly(stdout)
  assert.match(stdout, /^To look at next:\n {2}make more ENV=\S+\/env {2}does more\n$/m)
  assert.not.match(inPipe(dir).stdout, /To look at next/)
  assert.not.match(stdout, ESCAPE)
  const forced = inPipe(ground(), [], { FORCE_COLOR: '1' }).stdout
  toldPlainly(forced)
  assert.match(forced, COLOUR)
  assert.not.match(forced, MOVES)
})

pipes('a reader that has seen enough ends nothing', () => {
  const dir = ground()
  const command = `{ "$@"; echo $? >'${dir}/status'; } | head -n 1`
  const { stdout, stderr } = spawnSync('sh', ['-c', command, 'sh', process.execPath, ...words(dir)], {
    cwd: ROOT,
    encoding: 'utf8',
    env: environment(dir),
  })
  assert.equal([lines(stdout).length, stderr, readFileSync(join(dir, 'status'), 'utf8')], [2, '', '0\n'])
})

pipes('--json: one object on stdout and all else on stderr, whatever comes of it', () => {
  for (const [moon, flags, result, status] of [
    [true, ['--json'], 'changed', 0],
    [false, ['--json', '--verbose'], 'failed', 2],
    [true, ['--json', '--plan'], 'pending', 3],
  ] as const) {
    const ended = inPipe(ground(2, moon), flags)
    assert.is(ended.status, status, ended.stderr)
    assert.match(ended.stdout, /^\{[^\n]*\}\n$/)
    assert.is(JSON.parse(ended.stdout).result, result)
    assert.match(ended.stderr, /^total /m)
    assert.not.match(ended.stderr, /To look at next/)
  }
})

pipes('--plan --json: what would be changed is counted, what depends on it is not', () => {
  const { stdout, stderr } = inPipe(ground(2, false), ['--json', '--plan'])
  const { changed, failed, phases } = JSON.parse(stdout)
  assert.equal([changed, failed], [4, 0])
  assert.equal(phases[2].nodes.node1.changed, 0)
  assert.match(
    stderr,
    /^ +node1 node2\n01-software +would change \(1\)\n02-service +would change \(1\)\n03-moon +depends\n/m,
  )
})

pipes('--verbose: each line of a long command when it is said, with time, phase and node before it', async () => {
  const dir = ground()
  const child = spawn(process.execPath, words(dir, '--verbose'), {
    cwd: ROOT,
    env: environment(dir, { PATIENCE: '100' }),
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more
    if (/ node1 .*unpacking/.test(text) && / node2 .*unpacking/.test(text)) writeFileSync(join(dir, 'sign'), '')
  })
  assert.is(await new Promise((done) => child.on('close', done)), 0)
  for (const node of ['node1', 'node2']) {
    assert.match(text, new RegExp(`^\\d\\d:\\d\\d:\\d\\d 01-software +${node} +\\| +unpacking the first half$`, 'm'))
    assert.match(text, new RegExp(`^\\S+ 01-software +${node} +\\| +the sign was seen$`, 'm'))
  }
})
pipes.run()
