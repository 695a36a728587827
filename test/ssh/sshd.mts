/** A private sshd on a loopback port, with keys, users and a log of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { skipSuite } from '../suite.mts'

const SSHD = '/usr/sbin/sshd'

/** Why there can be no sshd here; undefined when there can. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'a private sshd and its users need root'
  if (spawnSync(SSHD, ['-V']).error) return 'sshd is not installed (openssh-server)'
  if (spawnSync('ssh', ['-V']).error) return 'ssh is not installed (openssh-client)'
  return undefined
}

/** Runs a program; throws with what it said when it fails. */
export function must(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

export interface Ground {
  /** A folder with a short path, since sockets lie in it. */
  readonly dir: string
  readonly key: (name: string) => string
  readonly user: (shell: string, rc?: Readonly<Record<string, string>>) => string
  readonly onClose: (handler: () => void) => void
  readonly close: () => void
}

/** What the tests put on this machine, and take away again in reverse order. */
function ground(): Ground {
  // Not in TMPDIR: a socket's path must stay within 108 characters.
  const dir = mkdtempSync('/tmp/q-')
  chmodSync(dir, 0o755)
  const handlers = [() => rmSync(dir, { recursive: true, force: true })]
  const onClose = (handler: () => void) => void handlers.unshift(handler)
  let users = 0
  return {
    dir,
    onClose,
    close: () => {
      for (const handler of handlers.splice(0)) handler()
    },
    key: (name) => {
      const path = join(dir, name)
      must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path)
      return path
    },
    user: (shell, rc = {}) => {
      const name = `q${process.pid}u${++users}`
      const home = join(dir, name)
      must(
        'useradd',
        '--no-user-group',
        '--gid',
        'nogroup',
        '--create-home',
        '--home-dir',
        home,
        '--shell',
        shell,
        '--password',
        '*',
        name,
      )
      onClose(() => must('userdel', '--force', name))
      for (const [file, text] of Object.entries(rc)) {
        mkdirSync(dirname(join(home, file)), { recursive: true })
        writeFileSync(join(home, file), text, { mode: 0o644 })
      }
      return name
    },
  }
}

/** The tests of a file, on ground of their own, which is cleared whatever ends them. */
export async function onSshd(tests: (land: Ground) => Promise<void>): Promise<void> {
  const cannot = whyNot()
  if (cannot !== undefined) return skipSuite(cannot)
  const land = ground()
  process.on('exit', land.close)
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => process.exit(1))
  await tests(land)
}

/** A port of 127.0.0.1 that nobody listens on. */
export const freePort = (): Promise<number> =>
  new Promise((done, failed) => {
    const server = createServer().on('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address ? done(address.port) : failed(new Error('no port'))))
    })
  })

export interface Sshd {
  readonly port: number
  readonly hostKey: string
  /** How many logins and how many sessions it has seen. */
  readonly seen: () => { readonly logins: number; readonly sessions: number }
  readonly log: () => string
}

export async function startSshd(
  { dir, key, onClose }: Ground,
  name: string,
  accepts: readonly string[],
  more = '',
): Promise<Sshd> {
  const port = await freePort()
  const hostKey = key(`${name}-host-key`)
  const keys = join(dir, `${name}-keys`)
  const log = join(dir, `${name}-log`)
  const config = join(dir, `${name}-config`)
  writeFileSync(keys, accepts.map((path) => readFileSync(`${path}.pub`, 'utf8')).join(''))
  writeFileSync(
    config,
    `ListenAddress 127.0.0.1\nPort ${port}\nHostKey ${hostKey}\nAuthorizedKeysFile ${keys}\nPidFile none\nUsePAM no
PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nStrictModes no
MaxStartups 100\nLogLevel VERBOSE\n${more}\n`,
  )
  // Privilege separation needs it (sshd(8)); a system without a running sshd lacks it.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const child: ChildProcess = spawn(SSHD, ['-D', '-e', '-f', config], {
    stdio: ['ignore', 'ignore', openSync(log, 'a')],
  })
  child.unref()
  onClose(() => child.kill('SIGTERM'))
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${readFileSync(log, 'utf8')}`)
  }
  const count = (pattern: RegExp) => [...readFileSync(log, 'utf8').matchAll(pattern)].length
  return {
    port,
    hostKey,
    seen: () => ({ logins: count(/^Accepted publickey for /gm), sessions: count(/^Starting session: /gm) }),
    log: () => readFileSync(log, 'utf8'),
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('data', () => {
      socket.destroy()
      done(true)
    })
    socket.on('error', () => setTimeout(done, 20, false))
  })
