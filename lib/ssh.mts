/** The one way to a node: a script on stdin of a multiplexed ssh connection, its output line by line. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { type Config, hostsOf, type Node } from './config.mts'
import { ConfigError } from './errors.mts'

export interface Exit {
  readonly status: number | undefined
  /** What ssh itself (or sudo) said: the node's own output went to `onLine`. */
  readonly stderr: string
}

/** A script that runs on a node. */
export interface Session {
  /** Resolves also when it failed; rejects only on a fault of this machine (no ssh). */
  readonly exit: Promise<Exit>
  /** A line more on its standard input, which stays open; nothing when it has ended. */
  readonly say: (line: string) => void
  /** Its standard input ends. */
  readonly hangUp: () => void
}

export interface Ssh {
  /** Runs a script as root on the node. A stop ends the connection at once; what becomes of the script is its own matter. */
  readonly run: (node: Node, script: string, onLine: (line: string) => void, stop: AbortSignal) => Session
}

/**
 * Root, or root by sudo that asks for no password, as the leader of a process group. A login shell of any make understands
 * this line.
 */
const AS_ROOT = `exec sh -c 'if [ "$(id -u)" = 0 ]; then exec setsid -w sh -s; else exec sudo -n sh -c "exec setsid -w sh -s"; fi'`

/**
 * What goes before a script: a login shell's start files may read of standard input, a line or a block of it, and would have
 * the beginning of the script. Lines that are empty do no harm wherever they end.
 */
const PADDING = '\n'.repeat(8192)

/** Seconds for which an idle connection is kept for the next run. */
const PERSIST = 60

/** ssh's own words for a connection that goes through another program and ended there. */
export const THROUGH = /by UNKNOWN port|stdio forwarding failed/

/** `stateDir` takes the generated ssh_config, which an operator can use too: `ssh -F .state/<cluster>/ssh_config node1`. */
export function ssh(config: Config, stateDir: string): Ssh {
  const sockets = socketDir(stateDir)
  const operators = config.ssh.config ?? join(homedir(), '.ssh/config')
  const known = existsSync(operators) ? readFileSync(operators, 'utf8') : ''
  const file = join(stateDir, 'ssh_config')
  // Another verb may be under way on the same cluster, and its ssh read the file just now.
  const own = `${file}.${process.pid}`
  writeFileSync(own, sshConfig(config, operators, sockets), { mode: 0o600 })
  renameSync(own, file)
  return {
    run: (node, script, onLine, stop) => {
      const name = destination(node, known)
      const subprocess = execa('ssh', ['-F', file, '-T', '--', name, AS_ROOT], {
        stdin: 'pipe',
        reject: false,
        cancelSignal: stop,
        buffer: { stdout: false },
        stripFinalNewline: true,
        // In a process group of its own: a Ctrl-C at the terminal is for us to deal with, not for ssh.
        detached: true,
      })
      // A node that is gone is told by the exit; what is written to it then goes nowhere.
      subprocess.stdin.on('error', () => {})
      subprocess.stdin.write(PADDING + script)
      // The master has the pipes too, and keeps them until the command on the node has ended: a stop does not wait for that.
      const letGo = () => {
        subprocess.stdin.destroy()
        subprocess.stdout.destroy()
        subprocess.stderr.destroy()
      }
      stop.addEventListener('abort', letGo, { once: true })
      const hear = async (): Promise<Exit> => {
        try {
          for await (const line of subprocess.iterable({ from: 'stdout' })) onLine(line)
        } catch (error) {
          if (!stop.aborted) throw error
        } finally {
          stop.removeEventListener('abort', letGo)
        }
        const result = await subprocess
        if (result.code === 'ENOENT')
          throw new ConfigError('', [{ text: 'there is no ssh on this machine', remedy: 'install the OpenSSH client' }])
        const stderr = typeof result.stderr === 'string' ? result.stderr : ''
        const lost = result.exitCode === 255 && THROUGH.test(stderr) && !stop.aborted
        const through = lost ? await fromJump(file, name, stop) : ''
        return { status: result.exitCode, stderr: `${through}\n${stderr}`.trim() }
      }
      return {
        exit: hear(),
        say: (line) => void (subprocess.stdin.writable && subprocess.stdin.write(`${line}\n`)),
        hangUp: () => void subprocess.stdin.end(),
      }
    },
  }
}

/**
 * What is said on the way through a jump host: with ControlPersist ssh throws that away (sshconnect.c, ssh_proxy_connect), so
 * the way is tried once more, with nothing that is kept.
 */
async function fromJump(file: string, name: string, cancelSignal: AbortSignal): Promise<string> {
  const ssh = async (...args: readonly string[]) =>
    await execa('ssh', ['-F', file, ...args], { stdin: 'ignore', reject: false, cancelSignal })
  const { stdout } = await ssh('-G', '--', name)
  const [jump, host, port] = ['proxyjump', 'hostname', 'port'].map(
    (key) => new RegExp(`^${key} (.*)$`, 'm').exec(stdout)?.[1],
  )
  const alone = ['-o', 'ControlPath=none', '-o', 'ControlPersist=no', '-T']
  // A jump host that is kept by another master tells nothing of what lies beyond it.
  const way = jump?.includes(',') === false ? ['-W', `[${host}]:${port}`, '--', jump] : ['--', name, 'true']
  return (await ssh(...alone, ...way)).stderr
}

/**
 * The configuration that ssh gets: ssh_config(5) takes the first value found for each keyword. So the env file comes first,
 * the operator's own configuration second, and what we would merely like comes last.
 */
export function sshConfig(config: Config, operators: string, sockets: string): string {
  const { user, port, key } = config.ssh
  // What the env file says of access is for the nodes: a jump host is the operator's own configuration's.
  const nodes = `Host ${hostsOf(config)
    .flatMap((node) => [node.address, node.name, node.fqdn])
    .join(' ')}`
  const word = (text: string) => `"${text.replaceAll('%', '%%')}"`
  return [
    '# Written by quorate for each run: changes are lost.',
    'Host *',
    '  BatchMode yes',
    '  ControlMaster auto',
    `  ControlPath ${word(sockets).slice(0, -1)}/%C"`,
    `  ControlPersist ${PERSIST}`,
    '  ServerAliveInterval 5',
    '  ServerAliveCountMax 3',
    nodes,
    ...(user === undefined ? [] : [`  User ${user}`]),
    ...(port === undefined ? [] : [`  Port ${port}`]),
    ...(key === undefined ? [] : [`  IdentityFile ${word(key)}`, '  IdentitiesOnly yes']),
    'Host *',
    `Include "${operators}"`,
    'Include /etc/ssh/ssh_config',
    ...hostsOf(config).flatMap((node) => [`Host ${node.name} ${node.fqdn}`, `  HostName ${node.address}`]),
    nodes,
    '  User root',
    'Host *',
    ...(key === undefined ? [] : [`  IdentityFile ${word(key)}`]),
    '  ConnectTimeout 10',
    // A key seen for the first time is pinned; one that changed is refused.
    '  StrictHostKeyChecking accept-new',
    '',
  ].join('\n')
}

/**
 * The name to give to ssh: the address, unless the operator's configuration speaks of the node by a name.
 * A `Host` pattern is compared with what is typed (ssh_config(5)), so a block for the name would not match the address.
 */
export function destination(node: Node, operatorsConfig: string): string {
  const patterns = [...operatorsConfig.matchAll(/^[ \t]*(?:Host|Match[ \t]+(?:original)?host)[ \t=]+(.+)$/gim)]
    .flatMap(([, words = '']) => words.split(/[\s,]+/))
    .filter((pattern) => pattern !== '*' && pattern !== '' && !pattern.startsWith('!'))
    .map((pattern) => pattern.replaceAll('"', '').toLowerCase())
  const matches = (name: string) =>
    patterns.some((pattern) => {
      const regex = pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')
      return new RegExp(`^${regex}$`).test(name.toLowerCase())
    })
  if (matches(node.address)) return node.address
  return [node.name, node.fqdn].find(matches) ?? node.address
}

/**
 * A folder of ours alone for the control sockets. Its path is short: with the 40 characters of %C and the 17 that ssh adds
 * while it binds, a socket's path must stay within 108 (unix(7)).
 */
function socketDir(stateDir: string): string {
  const runtime = process.env.XDG_RUNTIME_DIR
  const { uid } = userInfo()
  const base = [runtime, tmpdir()].find((dir) => dir !== undefined && dir.length <= 24 && existsSync(dir)) ?? '/tmp'
  const top = join(base, `quorate-${uid}`)
  // The folder depends on the cluster: two clusters with the same addresses share no connection.
  const dir = join(top, createHash('sha256').update(stateDir).digest('hex').slice(0, 8))
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const { uid: owner, mode } = statSync(top)
  if (owner !== uid || (mode & 0o077) !== 0)
    throw new ConfigError('', [
      {
        text: `${top} belongs to another user or is open to others`,
        remedy: 'remove it: ssh connections are kept in it',
      },
    ])
  return dir
}
