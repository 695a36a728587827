/** A lab that a test file has for itself, the product run on it as an operator would, and what its nodes say. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { type Suite, skipSuite, suite } from '../suite.mts'

export const ROOT = resolve(import.meta.dirname, '../..')
const LAB = join(ROOT, 'test/lab/lab')
/** `make test-long`: what `make test` leaves out, because it tells little more and takes its time. */
export const LONG = process.env.QUORATE_TEST_LONG === 'yes'
/** As npx has it: the project's own programs and its own Node come first. */
const PATH = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`

export interface LabOptions {
  readonly nodes?: number
  readonly prefix?: string
  readonly domain?: string
  /** The first three numbers of the networks, which are /24. */
  readonly public?: string
  readonly heartbeat?: string
  readonly keystone?: boolean
  /** Glance and placement too. */
  readonly apis?: boolean
  /** A cluster's packages are there before: for who is not about installing them. */
  readonly packages?: boolean
  /** Package managers: apt, dnf, zypper, of all nodes or of each in turn. */
  readonly flavour?: string
  readonly user?: string
  /** A BMC for each node, and FENCING=fence_ipmilan. */
  readonly bmc?: boolean
  /** The env file knows IPv6 addresses alone. */
  readonly six?: boolean
}

/** How a command ended. */
export interface Done {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The object of --json (contract.md, "Output"). */
export interface Result {
  readonly result: string
  readonly changed: number
  readonly failed: number
  readonly phases: readonly { readonly id: string; readonly nodes: Readonly<Record<string, Counts>> }[]
  readonly durationMs: number
  readonly runId: string
  readonly log: string
}
type Counts = Readonly<Record<'ok' | 'changed' | 'failed' | 'ms', number>>

/** A run of one of the scripts in tasks/. */
export interface Run extends Done {
  /** stdout and stderr: what an operator reads. */
  readonly text: string
  /** The object of --json; throws when the last line of stdout is none. */
  readonly json: () => Result
}

/** What a prober heard. Times are in milliseconds. */
export interface Heard {
  readonly asked: number
  readonly failures: readonly { readonly at: number; readonly status: number }[]
  /** The longest time from the question of one good answer to that of the next. */
  readonly longestGap: number
}

export interface Prober {
  /** Good answers so far to questions that were put after this time. */
  readonly goodSince: (time: number) => number
  readonly stop: () => Promise<Heard>
}

/** A run at a terminal of 120 columns and 50 rows. */
export interface Terminal {
  readonly end: Promise<number | null>
  /** All that was printed, without the sequences that move and colour. */
  readonly shown: () => string
  /** The same with them. */
  readonly written: () => string
  readonly ctrlC: () => void
}

export interface Lab {
  readonly name: string
  readonly env: string
  readonly sshConfig: string
  /** Short names, in the order of NODES. */
  readonly nodes: readonly string[]
  readonly address: (node: string) => string
  readonly vip: string
  readonly stateDir: string
  /** Runs a command of test/lab/lab; throws when it fails. */
  readonly lab: (...words: string[]) => Promise<string>
  /** Runs shell text as root on a node, without ssh; throws when it fails. */
  readonly on: (node: string, text: string) => Promise<string>
  /** The same, for a command that may fail. */
  readonly ask: (node: string, text: string) => Promise<Done>
  /** The same on all nodes at once, by node. */
  readonly onAll: (text: string) => Promise<ReadonlyMap<string, string>>
  /** Runs a program on the operator's side of the lab's networks; throws when it fails. */
  readonly ops: (...words: string[]) => Promise<string>
  /** Runs tasks/<script>.mts with --env, as zx does. */
  readonly run: (script: string, ...flags: string[]) => Promise<Run>
  /** Starts it, for a test that interferes. */
  readonly begin: (script: string, ...flags: string[]) => { readonly child: ChildProcess; readonly run: Promise<Run> }
  /** Starts it at a terminal of its own. */
  readonly atTerminal: (script: string, ...flags: string[]) => Terminal
  /** Runs a program in the project's folder, as an operator types it. */
  readonly type: (...words: string[]) => Promise<Run>
  /** Runs shell text again and again on a node until it is stopped, which gives each line that it printed. */
  readonly watch: (node: string, text: string) => { readonly stop: () => Promise<readonly string[]> }
  /** Runs shell text on a node until it is stopped; resolves at its first line. */
  readonly holds: (node: string, text: string) => Promise<{ readonly stop: () => Promise<void> }>
  /** Ends the connections that the product keeps for its next run. */
  readonly hangUp: () => void
  /** All that the product has printed so far. */
  readonly said: () => string
  /**
   * Asks the VIP from the operator's side until it is stopped, keystone unless told otherwise; resolves when it has answered once. `ca` is a
   * file: with it by HTTPS.
   */
  readonly probe: (port?: number, path?: string, ca?: string) => Promise<Prober>
  /** The node on which the VIP is configured, asked of the nodes' own kernels; throws unless it is exactly one. */
  readonly holder: () => Promise<string>
}

/** Every process that is under way, each the leader of a group. */
const children = new Set<ChildProcess>()
const up = new Set<() => void>()

function start(words: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const [program = '', ...args] = words
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  children.add(child)
  child.on('close', () => children.delete(child))
  return child
}

function endOf(child: ChildProcess): Promise<Done> {
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (more: string) => {
      text[name] += more
    })
  }
  return new Promise((done, failed) => {
    child.on('error', failed)
    child.on('close', (code) => done({ code, ...text }))
    // An ssh that is kept for the next run must not hold our pipes; if it does, the end of the process is the end.
    child.on('exit', (code) => setTimeout(() => done({ code, ...text }), 3000).unref())
  })
}

export function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Resolves with what `look` finds as soon as it finds something; throws after so many seconds, with what it said last. */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = Date.now() + seconds * 1000
  let last: unknown
  for (;;) {
    try {
      last = undefined
      const found = await look()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      last = error
    }
    if (Date.now() > end)
      throw new Error(`not within ${seconds} s: ${what}${last ? ` (${(last as Error).message})` : ''}`)
    await pause(200)
  }
}

/** One that somebody else brings up and takes down. */
export interface LabAlone extends Lab {
  readonly up: () => Promise<void>
  readonly down: () => void
}

/** The last number of a node's address, as `hosts` in test/lab/lab has it. */
const octet = (number: number): number => (number < 50 ? 200 : 100) + number

export function labOf(name: string, options: LabOptions): LabAlone {
  const { nodes = 2, prefix = 'node', domain = 'test.com', keystone = true, apis = false } = options
  const { public: front = '192.168.18', heartbeat = '10.0.42', packages = false, user = 'root' } = options
  const { bmc = false, six = false, flavour = 'apt' } = options
  const labEnv = {
    LAB_NAME: name,
    LAB_NODES: String(nodes),
    LAB_PREFIX: prefix,
    LAB_DOMAIN: domain,
    LAB_PUBLIC: `${front}.0/24`,
    LAB_HEARTBEAT: `${heartbeat}.0/24`,
    LAB_KEYSTONE: keystone ? 'yes' : 'no',
    LAB_APIS: apis ? 'yes' : 'no',
    LAB_PACKAGES: packages ? 'yes' : 'no',
    LAB_FLAVOUR: flavour,
    LAB_USER: user,
    LAB_BMC: bmc ? 'yes' : 'no',
    LAB_IPV6: six ? 'yes' : 'no',
  }
  const names = Array.from({ length: nodes }, (_, index) => `${prefix}${index + 1}`)
  const env = join(ROOT, '.lab', name, 'env')
  const stateDir = join(ROOT, '.state', name)
  const at = (last: number) => (six ? `fd00:${front.replaceAll('.', ':')}::${last}` : `${front}.${last}`)
  const vip = at(200)
  const address = (node: string) => at(octet(1 + names.indexOf(node)))

  const good = async (words: readonly string[], extra?: NodeJS.ProcessEnv): Promise<string> => {
    const done = await endOf(start(words, extra))
    if (done.code !== 0) throw new Error(`${words.join(' ')} ended with ${done.code}:\n${done.stdout}${done.stderr}`)
    return done.stdout
  }
  const lab = (...words: string[]) => good([LAB, ...words], labEnv)
  const inside = (node: string, text: string) => [LAB, 'exec', node, 'sh', '-c', text]
  const ops = (words: readonly string[]) => ['nsenter', `--net=/run/netns/${name}-ops`, '--', ...words]
  const on = (node: string, text: string) => good(inside(node, text), labEnv)
  let said = ''
  const product = (...words: string[]) => {
    const child = start(words)
    const run = endOf(child).then((done): Run => {
      const text = `${done.stdout}\n${done.stderr}`
      said += text
      return { ...done, text, json: () => JSON.parse(done.stdout.trimEnd().split('\n').at(-1) ?? '') as Result }
    })
    return { child, run }
  }
  const begin = (script: string, ...flags: string[]) => product('zx', `tasks/${script}.mts`, '--env', env, ...flags)
  const hangUp = () => {
    for (const node of existsSync(join(stateDir, 'ssh_config')) ? names : [])
      spawnSync('ssh', ['-F', join(stateDir, 'ssh_config'), '-O', 'exit', address(node)], {
        stdio: 'ignore',
        timeout: 2000,
      })
  }
  const down = () => {
    hangUp()
    rmSync(stateDir, { recursive: true, force: true })
    up.delete(down)
    // In a session of its own, so that what stops this file does not stop its clearing up.
    const { status, stderr } = spawnSync('setsid', ['--wait', LAB, 'down'], {
      env: { ...process.env, ...labEnv },
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`lab ${name} did not go down: ${stderr}`)
  }

  return {
    name,
    env,
    sshConfig: join(ROOT, '.lab', name, 'ssh_config'),
    nodes: names,
    address,
    vip,
    stateDir,
    lab,
    on,
    ask: (node, text) => endOf(start(inside(node, text), labEnv)),
    onAll: async (text) => new Map(await Promise.all(names.map(async (node) => [node, await on(node, text)] as const))),
    ops: (...words) => good(ops(words)),
    run: (script, ...flags) => begin(script, ...flags).run,
    begin,
    atTerminal: (script, ...flags) => {
      const command = ['zx', `tasks/${script}.mts`, '--env', env, ...flags].join(' ')
      // exec: a shell in between that stays, as dash does, dies of Ctrl-C itself, and its code would hide ours.
      const child = spawn('script', ['-qefc', `stty cols 120 rows 50; exec ${command}`, '/dev/null'], {
        cwd: ROOT,
        env: { ...process.env, PATH, TERM: 'xterm', CI: '' },
        stdio: ['pipe', 'pipe', 'inherit'],
        detached: true,
      })
      children.add(child)
      let written = ''
      child.stdout.setEncoding('utf8').on('data', (more: string) => {
        written += more
      })
      const end = new Promise<number | null>((done) =>
        child.on('close', (code) => {
          children.delete(child)
          done(code)
        }),
      )
      return {
        end,
        written: () => written,
        shown: () => written.replaceAll(/\x1b\[[\d;?]*[A-Za-z]/g, '').replaceAll('\r', ''),
        ctrlC: () => child.stdin.write('\x03'),
      }
    },
    type: (...words) => product(...words).run,
    watch: (node, text) => {
      const child = start(inside(node, `while :; do ${text}; sleep 0.1; done`), labEnv)
      const done = endOf(child)
      return {
        stop: async () => {
          kill(child, 'SIGKILL')
          return (await done).stdout.split('\n').filter((line) => line !== '')
        },
      }
    },
    holds: async (node, text) => {
      const child = start(inside(node, text), labEnv)
      const over = endOf(child)
      await new Promise<void>((done, failed) => {
        child.stdout?.once('data', () => done())
        void over.then(({ code, stderr }) => failed(new Error(`ended with ${code}: ${stderr}`)))
      })
      return {
        stop: async () => {
          kill(child, 'SIGKILL')
          await over
        },
      }
    },
    hangUp,
    said: () => said,
    probe: async (port = 5000, path = '/healthcheck', ca) => {
      const url = `${ca === undefined ? 'http' : 'https'}://${six ? `[${vip}]` : vip}:${port}${path}`
      const child = start(ops([process.execPath, join(ROOT, 'test/lab/prober.mts'), url, '100', '5000']), {
        ...(ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca }),
      })
      const heard: { at: number; status: number; until: number }[] = []
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
        heard.push(JSON.parse(line)),
      )
      const goodSince = (time: number) => heard.filter(({ at, status }) => at >= time && status === 200).length
      await until('the VIP answers', 60, () => goodSince(0) > 0)
      return {
        goodSince,
        stop: async () => {
          const over = new Promise((done) => child.on('exit', done))
          kill(child, 'SIGKILL')
          await over
          const sorted = [...heard].sort((a, b) => a.at - b.at)
          const times = sorted.filter(({ status }) => status === 200).map(({ at }) => at)
          return {
            asked: heard.length,
            failures: sorted.filter(({ status }) => status !== 200),
            longestGap: Math.max(0, ...times.slice(1).map((at, index) => at - (times[index] as number))),
          }
        },
      }
    },
    holder: async () => {
      const answers = await Promise.all(
        names.map(async (node) => ({
          node,
          ...(await endOf(start(inside(node, `ip -o addr show | grep -cF ' ${vip}/'`), labEnv))),
        })),
      )
      const holders = answers.filter(({ code }) => code === 0).map(({ node }) => node)
      if (holders.length !== 1) throw new Error(`${vip} is held by ${holders.join(' and ') || 'nobody'}`)
      return holders[0] as string
    },
    up: async () => {
      // Of a run that was cut off.
      down()
      up.add(down)
      await lab('up')
    },
    down,
  }
}

/** Writes a key of the lab's env file, in place of what it was. */
export const set = (lab: Lab, key: string, value: string): void => {
  const text = readFileSync(lab.env, 'utf8').replace(new RegExp(`^${key}=.*\n`, 'm'), '')
  writeFileSync(lab.env, `${text}${key}="${value}"\n`)
}

/** The proof holds, and another run changes nothing. */
export async function settled(lab: Lab): Promise<void> {
  ended(await lab.run('verify'), 0)
  const again = await lab.run('cluster', '--json')
  ended(again, 0)
  assert.is(again.json().changed, 0, again.text)
}

/** Expected votes, votes, flags: as a node's corosync sees them, also where it is not quorate. */
export async function quorumOf(lab: Lab, node: string): Promise<string> {
  const said = await lab.on(node, 'corosync-quorumtool -s || :')
  const get = (name: string) => new RegExp(`^${name}: *(.*?) *$`, 'm').exec(said)?.[1]
  return [get('Expected votes'), get('Total votes'), get('Flags')].join(', ')
}

/** Why there can be no lab here. */
export function missing(): string | undefined {
  if (process.platform !== 'linux') return 'the lab is made of namespaces of Linux'
  if (process.getuid?.() !== 0) return 'the lab needs root'
  if (spawnSync('unshare', ['--net', '--mount', 'true']).status !== 0)
    return 'network and mount namespaces cannot be made here'
  if (spawnSync('sh', ['-c', 'command -v apt-get']).status !== 0) return 'the lab runs on Debian and Ubuntu'
  return undefined
}

/** A suite with a lab of its own, which is there before the first test and gone after the last, whatever happens. */
export function onLab(title: string, name: string, options: LabOptions, tests: (test: Suite, lab: Lab) => void): void {
  const reason = missing()
  if (reason !== undefined) {
    skipSuite(`${title}: ${reason}`)
    return
  }
  const test = suite(title)
  const lab = labOf(name, options)
  test.before(lab.up)
  tests(test, lab)
  test.after(() => {
    for (const child of children) kill(child, 'SIGKILL')
    lab.down()
  })
  test.run()
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // A `lab up` that is interrupted takes down what it has started.
    for (const child of children) kill(child, child.spawnargs.includes('up') ? 'SIGTERM' : 'SIGKILL')
    for (const down of up) down()
    process.exit(1)
  })
}

/** The events of a run log, one a line. */
export const eventsOf = (file: string): readonly Readonly<Record<string, unknown>>[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

/** All files of a node with owner, mode, size and times, and checksums where there are settings or state. Logs apart. */
export const EVERYTHING = `
  { find / -xdev \\( -path /run -o -path /tmp -o -path /var/log -o -path /var/tmp -o -path /var/lib/systemd/timers \\) -prune -o \\
      \\( -type d -printf '%p %y %m %U:%G %T@\\n' \\) -o -printf '%p %y %m %U:%G %l %s %T@ %C@\\n'
    find /etc /root /home /opt /srv /usr/local /var/lib /var/spool -xdev -type f -exec sha256sum {} +
    find /tmp /var/tmp -mindepth 1 ! -path '*/systemd-private-*' -printf 'temporary %p\\n'
    find /run -path '*quorate*' -printf 'temporary %p\\n'; } | sort -S 500M`
/** Fails with the lines that differ, and only those. */
export function same(now = '', then = '', where = ''): void {
  const [old, young] = [then, now].map((text) => new Set(text.split('\n'))) as [Set<string>, Set<string>]
  const gone = [...old].filter((line) => !young.has(line)).map((line) => `- ${line}`)
  const come = [...young].filter((line) => !old.has(line)).map((line) => `+ ${line}`)
  assert.equal([...gone, ...come].slice(0, 40), [], where)
}

/** How many guards a run with --json changed on a node. */
export const changedOn = (run: Run, node: string): number =>
  run.json().phases.reduce((sum, phase) => sum + (phase.nodes[node]?.changed ?? 0), 0)

export const ended = (run: Run, code: number): void => assert.is(run.code, code, run.text)
