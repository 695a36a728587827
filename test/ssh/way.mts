/** Ways to a private sshd: an operator's ssh_config and env file, and what the product makes of them. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCheckpoints } from '../../lib/checkpoint.mts'
import type { Config, Node } from '../../lib/config.mts'
import { LOCK } from '../../lib/driver.mts'
import { UnreachableError } from '../../lib/errors.mts'
import type { Event } from '../../lib/event.mts'
import { exchange, type Job, lostOf } from '../../lib/exchange.mts'
import type { Guard } from '../../lib/guard.mts'
import { type Lock, takeLock } from '../../lib/lock.mts'
import { parseConfig } from '../../lib/read-config.mts'
import type { Reason } from '../../lib/reason.mts'
import type { Result } from '../../lib/script.mts'
import { type Exit, type Ssh, ssh } from '../../lib/ssh.mts'
import { type Ground, must } from './sshd.mts'

/** What became of a framed script, each guard's result and all that was printed. */
export interface Told {
  readonly results: readonly Result[]
  readonly said: readonly string[]
  readonly lost: Reason | undefined
}

export interface Way {
  readonly one: Ssh
  readonly node: Node
  readonly config: Config
  readonly stateDir: string
  /** The generated ssh_config. */
  readonly file: string
  /** Runs a text that is no framed script. */
  readonly run: (script: string) => Promise<{ exit: Exit; lines: string[] }>
  /** What a run has in hand. All "nodes" are this machine, so each gets a lock of its own. */
  readonly job: Job & { readonly events: Event[]; readonly ask: AbortController; readonly cut: AbortController }
  /** Runs guards as a run does. */
  readonly lockFile: (node?: Node) => string
  readonly tell: (guards: readonly Guard[], mode?: 'check' | 'apply', node?: Node) => Promise<Told>
  /** The process of the connection that is kept; undefined when there is none. */
  readonly master: (node?: Node) => number | undefined
}

/** Further things of a way: its known_hosts, how many nodes there are, and other text to send. */
export interface Turn {
  readonly known?: string
  readonly nodes?: number
  readonly edit?: (text: string) => string
}

export type MakeWay = (hosts: string, env?: readonly string[], turn?: Turn) => Way

/**
 * Makes clusters of their own, so that they share no connection. `hosts` is the operator's ssh_config, `env` further lines of
 * the env file.
 */
export function ways(land: Ground, key: string): MakeWay {
  // Masters and their sockets stay within our folder.
  process.env.XDG_RUNTIME_DIR = land.dir
  // Each kept connection, to a node or a jump host, is a socket there.
  land.onClose(() => {
    for (const path of must('find', land.dir, '-type', 's', '-path', '*/quorate-*').split('\n').filter(Boolean))
      spawnSync('ssh', ['-F', 'none', '-S', path, '-O', 'exit', 'any'], { stdio: 'ignore' })
  })
  let count = 0
  return (hosts, env = [`SSH_KEY=${key}`], { known, nodes = 2, edit = (text: string) => text } = {}) => {
    const stateDir = join(land.dir, `state-${++count}`)
    mkdirSync(stateDir)
    const file = join(land.dir, `ssh-config-${count}`)
    const knownHosts = known ?? join(land.dir, `known-${count}`)
    writeFileSync(file, `${hosts}\nHost *\n  UserKnownHostsFile ${knownHosts}\n  GlobalKnownHostsFile /dev/null\n`)
    const lines = Array.from({ length: nodes }, (_, at) => `192.0.2.${at + 1} node${at + 1}.test.com node${at + 1}\n`)
    const text = `NODES="\n${lines.join('')}"\nVIP=192.0.2.99/24\nFENCING=none\nSSH_CONFIG=${file}\n${env.join('\n')}\n`
    const config = parseConfig(text, join(land.dir, 'env'))
    const one = ssh(config, stateDir)
    const generated = join(stateDir, 'ssh_config')
    const node = config.nodes[0] as Node
    const events: Event[] = []
    const ask = new AbortController()
    const cut = new AbortController()
    const lockFile = (to = node) => join(stateDir, `${to.name}.lock`)
    const own: Ssh = {
      run: (to, script, ...rest) => one.run(to, edit(script.replaceAll(LOCK, lockFile(to))), ...rest),
    }
    const job: Way['job'] = {
      config,
      phases: [],
      before: [],
      nodes: config.nodes,
      ssh: own,
      emit: (event) => events.push(event),
      stop: ask.signal,
      halt: (why) => ask.abort(why),
      signal: cut.signal,
      checkpoints: openCheckpoints(stateDir, 'run-1'),
      keepSecret: () => {},
      events,
      ask,
      cut,
    }
    return {
      one: own,
      node,
      config,
      stateDir,
      file: generated,
      job,
      lockFile,
      run: async (script) => {
        const lines: string[] = []
        const session = one.run(node, script, (line) => lines.push(line), new AbortController().signal)
        session.hangUp()
        const exit = await session.exit
        return { exit, lines }
      },
      tell: async (guards, mode = 'apply', to = node) => {
        const results: Result[] = []
        const said: string[] = []
        const hear = (line: string) => said.push(line)
        const lost = await exchange(
          job,
          to,
          guards,
          mode,
          false,
          (frame) => frame.at === 'end' && results.push(frame.result),
          hear,
        )
        return { results, said, lost }
      },
      master: (to = node) => {
        const pid = /pid=(\d+)/.exec(
          spawnSync('ssh', ['-F', generated, '-O', 'check', to.address], { encoding: 'utf8' }).stderr,
        )?.[1]
        return pid === undefined ? undefined : Number(pid)
      },
    }
  }
}

/** Takes the lock of these nodes as a run does, all of them if none is named. */
export async function lockOf({ job, config }: Way, nodes = config.nodes): Promise<Lock> {
  const nothing = () => {}
  const { lock, asked } = await takeLock(job, { owner: 'test', wait: false }, async (talk) => ({
    lost: await lostOf(job, nodes, (node) => talk(job, node, [], 'check', true, nothing, nothing)),
  }))
  if (asked.lost.length > 0) throw new UnreachableError(asked.lost)
  return lock
}

/** The operator's words for the nodes, which are all here. */
export const at = (port: number, pattern = '192.0.2.*') => `Host ${pattern}\n  HostName 127.0.0.1\n  Port ${port}`
