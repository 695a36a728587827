/** The command line, as processes of their own: help, flags, env files that are wrong, nodes that do not answer. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../suite.mts'
import { folder } from './local-shell.mts'

const ROOT = resolve(import.meta.dirname, '../..')
const BIN = join(ROOT, 'node_modules/.bin')
const dir = folder()
const CLUSTER = `cli-test-${process.pid}`
process.on('exit', () => rmSync(join(ROOT, '.state', CLUSTER), { recursive: true, force: true }))

/** First in PATH: an ssh that leaves a mark, and then says what SSH_SAYS holds for the last address in its arguments. */
const STUBS = join(dir, 'bin')
const MARK = join(dir, 'contacted')
mkdirSync(STUBS)
writeFileSync(
  join(STUBS, 'ssh'),
  `#!/bin/sh
echo "$*" >>'${MARK}'
case $* in
  *192.0.2.66*) echo 'sh: 1: Syntax error: "(" unexpected' >&2; exit 2 ;;
  *192.0.2.1*) echo 'ssh: connect to host 192.0.2.1 port 22: Connection refused' >&2 ;;
  *192.0.2.2*) echo 'root@192.0.2.2: Permission denied (publickey,password).' >&2 ;;
  *) echo 'kex_exchange_identification: read: Connection reset by peer' >&2 ;;
esac
exit 255
`,
)
chmodSync(join(STUBS, 'ssh'), 0o755)

const env = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const GOOD = env(
  'good.env',
  `CLUSTER_NAME=${CLUSTER}
NODES="
192.0.2.1 node1.test.com node1
192.0.2.2 node2.test.com node2
192.0.2.3 node3.test.com node3
"
VIP=192.0.2.100/24
FENCING=none
OS_PASSWORD='pass w0rd'
`,
)
const BAD = env(
  'bad.env',
  `CLUSTER_NAME=${CLUSTER}
NODES="
192.0.2.1 node1.test.com node1
"
VIP=192.0.2.300/24
FENCNG=none
TOKEN=soon
`,
)

type Start = readonly [string, readonly string[]]
const STARTS: Readonly<Record<string, Start>> = {
  node: [process.execPath, [...process.execArgv]],
  zx: [join(BIN, 'zx'), []],
  npx: ['npx', ['zx']],
}

const run = (start: Start, script: string, ...args: readonly string[]) => runIn({}, start, script, ...args)

function runIn(more: NodeJS.ProcessEnv, [program, before]: Start, script: string, ...args: readonly string[]) {
  rmSync(MARK, { force: true })
  const { stdout, stderr, status, error } = spawnSync(program, [...before, script, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 60_000,
    // npx puts our node first as well; nothing of the terminal is to decide.
    env: {
      PATH: [STUBS, BIN, process.env.PATH].join(delimiter),
      HOME: dir,
      npm_config_cache: process.env.npm_config_cache ?? join(dir, 'npm'),
      npm_config_update_notifier: 'false',
      ...(process.env.NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS: process.env.NODE_OPTIONS }),
      ...more,
    },
  })
  if (error) throw error
  return { stdout, stderr, status, all: stdout + stderr, contacted: existsSync(MARK) }
}

const CLUSTER_TASK = 'tasks/cluster.mts'
const PHASE_TASK = 'tasks/03-corosync.mts'
const PHASES = ['00-prereqs', '01-repos', '02-packages', '03-corosync', '04-pacemaker', '05-vip', '06-haproxy']

const noTrace = (text: string) => assert.not.match(text, /^\s+at .*:\d+:\d+\)?$|Error:|node:internal/m)

const starts = suite('ways to start')
for (const [name, start] of Object.entries(STARTS)) {
  starts(`${name}: --help names the phases and ends with 0`, () => {
    const all = run(start, CLUSTER_TASK, '--help')
    assert.is(all.status, 0, all.all)
    for (const phase of [...PHASES, '07-keystone-endpoints']) assert.match(all.stdout, phase)
    assert.match(all.stdout, '--only NN')
    const one = run(start, PHASE_TASK, '--help')
    assert.is(one.status, 0, one.all)
    assert.match(one.stdout, '03-corosync')
    assert.not.match(one.stdout, '04-pacemaker')
    assert.is(all.contacted || one.contacted, false)
  })
  starts(`${name}: flags reach the script, and its exit code comes back`, () => {
    const wrong = run(start, PHASE_TASK, '--env', join(dir, 'none.env'))
    assert.is(wrong.status, 5, wrong.all)
    assert.match(wrong.all, /none\.env: there is no such file/)
    assert.is(run(start, PHASE_TASK, '--env', GOOD, '--plan').status, 4)
  })
}
starts.run()

const node = STARTS.node as Start
const flags = suite('flags that are wrong')
const FLAGS: readonly (readonly [string, string, readonly string[], RegExp])[] = [
  ['misspelt', CLUSTER_TASK, ['--frm', '03'], /^there is no flag --frm \(did you mean --from\?\)$/m],
  ['without its value', CLUSTER_TASK, ['--from'], /--from/],
  ['a misspelt phase', CLUSTER_TASK, ['--only', '3-corosnc'], /--only 3-corosnc: .*did you mean 03-corosync\?/],
  ['an unknown phase', CLUSTER_TASK, ['--from', '42'], /42.*00-prereqs/],
  ['a phase that this script does not have', PHASE_TASK, ['--only', '04'], /04.*03-corosync/],
  ['an unknown node', CLUSTER_TASK, ['--nodes', 'node1,node9'], /"node9".*node1, node2, node3/],
  ['--only with --from', CLUSTER_TASK, ['--only', '03', '--from', '02'], /--only/],
  [
    'one node of what is for all',
    'tasks/07-keystone-endpoints.mts',
    ['--nodes', 'node1'],
    /07-keystone-endpoints is made on all nodes or none: on node1 alone/,
  ],
  [
    'some nodes of what is for all',
    CLUSTER_TASK,
    ['--from', '03', '--nodes', 'node1,node3'],
    /on node1, node3 alone.*leave --nodes away/,
  ],
  ['--from after --to', CLUSTER_TASK, ['--from', '05', '--to', '02'], /05.*02/],
]
for (const [title, script, args, says] of FLAGS) {
  flags(`${title}: exit code 5, and nobody is contacted`, () => {
    const ended = run(node, script, '--env', GOOD, ...args)
    assert.is(ended.status, 5, ended.all)
    assert.match(ended.all, says)
    noTrace(ended.all)
    assert.not(ended.contacted)
  })
}
flags('what draws a screen anew wants a terminal, and goes with no --json: told before any node is asked', () => {
  for (const [flags, text] of [
    [['--watch'], /^--watch draws on a terminal, and there is none \(leave it away: /m],
    [['--watch', '--json'], /^--watch does not go with --json \(leave it away: /m],
  ] as const) {
    const done = run(STARTS.node as Start, 'tasks/status.mts', '--env', GOOD, ...flags)
    assert.is(done.status, 5)
    assert.match(done.stdout + done.stderr, text)
    assert.not.ok(existsSync(MARK))
  }
  const elsewhere = run(STARTS.node as Start, 'tasks/cluster.mts', '--env', GOOD, '--watch')
  assert.is(elsewhere.status, 5)
  assert.match(elsewhere.stdout + elsewhere.stderr, /tasks\/status\.mts/)
})

flags.run()

const files = suite('env files that are wrong')

files('a file that is not there: how to make it', () => {
  const ended = run(node, CLUSTER_TASK, '--env', join(dir, 'none.env'))
  assert.is(ended.status, 5)
  assert.match(ended.all, /cp env\.example /)
  noTrace(ended.all)
})

files('every problem, with its line, and nobody is contacted', () => {
  const ended = run(node, CLUSTER_TASK, '--env', BAD)
  assert.is(ended.status, 5, ended.all)
  for (const says of [/bad\.env:5: .*VIP/, /bad\.env:6: .*FENCNG/, /bad\.env:7: .*TOKEN/, /bad\.env.*FENCING/])
    assert.match(ended.all, says)
  noTrace(ended.all)
  assert.not(ended.contacted)
})

files('what only one phase needs is asked for by that phase', () => {
  const text = readFileSync(GOOD, 'utf8').replace(/^OS_PASSWORD.*$/m, '')
  const file = env('no-openrc.env', text)
  const all = run(node, CLUSTER_TASK, '--env', file)
  assert.is(all.status, 5)
  assert.match(all.all, /OS_PASSWORD/)
  assert.not(all.contacted)
  assert.is(run(node, CLUSTER_TASK, '--env', file, '--to', '06').status, 4)
})

files('more nodes than a ring can have may be prepared, and no ring is made of them', () => {
  const nodes = Array.from({ length: 33 }, (_, i) => `192.0.2.${i + 1} n${i}.test.com n${i}`).join('\n')
  const file = env('many.env', readFileSync(GOOD, 'utf8').replace(/^NODES="[^"]*"/m, `NODES="\n${nodes}\n"`))
  const all = run(node, CLUSTER_TASK, '--env', file)
  assert.is(all.status, 5)
  assert.match(all.all, /NODES has 33 nodes, a cluster can have 32/)
  assert.not(all.contacted)
  assert.is(run(node, CLUSTER_TASK, '--env', file, '--to', '02').status, 4)
})

/** The one object of --json: the last line of stdout, and the only one. */
function object(ended: ReturnType<typeof run>): Record<string, unknown> {
  assert.match(ended.stdout, /^\{[^\n]*\}\n$/)
  return JSON.parse(ended.stdout)
}

for (const [title, args] of [
  ['a wrong file', ['--env', BAD]],
  ['a wrong flag', ['--env', GOOD, '--only', '42']],
] as const) {
  files(`--json with ${title}: one object on stdout, the rest on stderr`, () => {
    const ended = run(node, CLUSTER_TASK, '--json', ...args)
    assert.is(ended.status, 5)
    const { durationMs, ...rest } = object(ended)
    assert.equal(rest, { result: 'invalid', changed: 0, failed: 0, phases: [], runId: '', log: '' })
    assert.type(durationMs, 'number')
    assert.ok(ended.stderr.length > 0)
  })
}
files.run()

const silent = suite('nodes that do not answer')

silent('exit code 4; each node once, with its reason and a remedy; no secret', () => {
  const ended = run(node, CLUSTER_TASK, '--env', GOOD)
  assert.is(ended.status, 4, ended.all)
  assert.ok(ended.contacted)
  const card = ended.all.slice(ended.all.indexOf('✖'))
  for (const [name, says] of [
    ['node1', /nothing listens on its ssh port\n +said +ssh: connect to host[^\n]*\n +remedy +\S/],
    ['node2', /it refuses the login\n +said +root@192[^\n]*\n +remedy +\S/],
    ['node3', /it hangs up before the login\n +said +kex_exchange[^\n]*\n +remedy +\S/],
  ] as const) {
    assert.is(card.match(new RegExp(`✖ ${name} could not be asked`, 'g'))?.length, 1, ended.all)
    assert.match(card, says)
  }
  assert.match(card, /go on +npx zx tasks\/cluster\.mts --env/)
  assert.not.match(ended.all, 'pass w0rd')
  noTrace(ended.all)
})

silent('--json: one object, and the log that it names is there, for its owner alone', () => {
  const ended = run(node, CLUSTER_TASK, '--env', GOOD, '--json')
  const { result, changed, log, runId } = object(ended)
  assert.equal([ended.status, result, changed], [4, 'unreachable', 0])
  const lines = readFileSync(String(log), 'utf8').trimEnd().split('\n')
  assert.match(String(log), `${CLUSTER}/runs/${runId}.jsonl`)
  assert.match(lines.at(-1) as string, '"outcome":"unreachable"')
  assert.not.match(lines.join('\n'), 'pass w0rd')
})

silent('a report is written all the same, and says so first', () => {
  const task = CLUSTER_TASK.replace('cluster.mts', 'report.mts')
  const ended = run(node, task, '--env', GOOD, '--json', '--open')
  assert.is(ended.status, 0, ended.all)
  const file = join(ROOT, '.state', CLUSTER, 'report.html')
  assert.is(object(ended).report, file)
  assert.is(statSync(file).mode & 0o777, 0o600)
  const page = readFileSync(file, 'utf8')
  const top = page.slice(page.indexOf('id="wrong"'), page.indexOf('id="cluster"'))
  for (const name of ['node1', 'node2', 'node3']) assert.match(top, name)
  // The runs before, and not the one that writes it.
  assert.match(page, /a node not reached/)
  assert.not.match(page, /tasks\/report\.mts/)
  assert.not.match(page + ended.all, 'pass w0rd')
  noTrace(ended.all)
})

silent('a damaged checkpoint file is told and is no bug', () => {
  writeFileSync(join(ROOT, '.state', CLUSTER, 'checkpoint.json'), '{"cut')
  const ended = run(node, CLUSTER_TASK, '--env', GOOD)
  assert.is(ended.status, 4)
  assert.match(ended.all, /checkpoint\.json cannot be read/)
  noTrace(ended.all)
})

silent.run()

const machine = suite('what is wrong with this machine')
const STATE = join(ROOT, '.state', CLUSTER)

machine('a file where the state belongs: exit code 5, and nobody is contacted', () => {
  rmSync(STATE, { recursive: true, force: true })
  writeFileSync(STATE, '')
  const ended = run(node, CLUSTER_TASK, '--env', GOOD)
  rmSync(STATE)
  assert.is(ended.status, 5, ended.all)
  assert.match(ended.all, `${STATE}: there is a file where a folder belongs (move it away: mv ${STATE} ${STATE}.old)`)
  noTrace(ended.all)
  assert.not(ended.contacted)
})

machine('no ssh: exit code 5', () => {
  const ended = runIn({ PATH: join(dir, 'nothing') }, node, CLUSTER_TASK, '--env', GOOD, '--json')
  assert.is(ended.status, 5, ended.all)
  assert.is(object(ended).result, 'invalid')
  assert.match(ended.stderr, /there is no ssh on this machine \(install/)
  noTrace(ended.all)
})

machine('an env file that is a folder', () => {
  const ended = run(node, CLUSTER_TASK, '--env', dir)
  assert.is(ended.status, 5)
  assert.match(ended.all, /this is a folder \(name the env file itself\)/)
  noTrace(ended.all)
})

/** With a disk of its own for the state, as large as that, in a mount namespace that ends with the run. */
const onDisk = (options: string, ...args: readonly string[]): Start => [
  'unshare',
  [
    ...['--mount', 'sh', '-c', 'mkdir -p "$1"; mount -t tmpfs -o "$2" none "$1"; shift 2; "$@"'],
    ...['sh', STATE, options, process.execPath, ...process.execArgv, ...args],
  ],
]
const mounts = spawnSync('unshare', ['--mount', 'true']).status === 0
const onSmallDisk = (title: string, handler: () => void) =>
  mounts ? machine(title, handler) : machine.skip(title, 'a mount namespace needs root')

onSmallDisk('a disk that is full at the start: exit code 5, and nobody is contacted', () => {
  const ended = run(onDisk('size=4k'), CLUSTER_TASK, '--env', GOOD)
  assert.is(ended.status, 5, ended.all)
  assert.match(ended.all, /the disk of this machine is full \(make room/)
  noTrace(ended.all)
  assert.not(ended.contacted)
})

onSmallDisk('a disk that is read-only', () => {
  const ended = run(onDisk('ro'), CLUSTER_TASK, '--env', GOOD)
  assert.is(ended.status, 5, ended.all)
  assert.match(ended.all, /is mounted read-only/)
  noTrace(ended.all)
})

onSmallDisk('one that becomes full: the run goes on, and says that its log is not whole', () => {
  const lines = Array.from({ length: 24 }, (_, index) => `192.0.2.${index + 10} n${index}.test.com n${index}`)
  const many = env('many.env', readFileSync(GOOD, 'utf8').replace(/^192[^"]*/m, `${lines.join('\n')}\n`))
  const ended = run(onDisk('size=8k'), CLUSTER_TASK, '--env', many)
  assert.is(ended.status, 4, ended.all)
  assert.match(ended.all, /the log is not whole: .*\.jsonl: the disk of this machine is full/)
  assert.match(ended.all, 'n23')
  noTrace(ended.all)
})

machine('a bug: exit code 1, said as such, with the stack on stderr and in the log', () => {
  const odd = env('odd.env', readFileSync(GOOD, 'utf8').replaceAll('192.0.2.3 ', '192.0.2.66 '))
  const ended = run(node, CLUSTER_TASK, '--env', odd)
  assert.is(ended.status, 1, ended.all)
  assert.match(ended.stdout, /^✖ This is a bug of quorate, not a mistake of yours/m)
  assert.match(ended.stdout, /^ {2}go on +npx zx tasks\/cluster\.mts --env /m)
  const log = /^ {2}log +([^,]+),/m.exec(ended.stdout)?.[1] as string
  for (const text of [ended.stderr, readFileSync(join(ROOT, log), 'utf8')])
    assert.match(text, /the shell of node3 cannot read the script[\s\S]*at /)
  assert.not.match(ended.all, 'pass w0rd')
  const json = run(node, CLUSTER_TASK, '--env', odd, '--json')
  assert.equal([json.status, object(json).result], [1, 'failed'])
})

machine.run()
