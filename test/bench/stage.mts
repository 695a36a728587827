/** What the runners work on: a lab, and how they reach its nodes. All of them enter the lab's network and go straight to sshd. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Lab, ROOT } from '../lab/cluster.mts'

/** The first three numbers of the lab's networks. */
export const NETWORKS = { public: '192.168.92', heartbeat: '10.0.92' }

export interface Stage {
  readonly lab: Lab
  /** Those of the lab's nodes that the runners know of. */
  readonly nodes: readonly string[]
  /** Where all that is written for the runners lies. */
  readonly folder: string
  readonly env: string
  readonly sshConfig: string
  /** Words in front of a command: inside the lab's network. */
  readonly inside: readonly string[]
  /** How the nodes are reached from now on: by these ports of 127.0.0.1, or straight. */
  readonly goBy: (ports?: ReadonlyMap<string, number>) => void
}

const folders: string[] = []
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export function stageOf(lab: Lab, count: number): Stage {
  const nodes = lab.nodes.slice(0, count)
  const folder = mkdtempSync('/tmp/quorate-bench-')
  folders.push(folder)
  const own = join(ROOT, '.lab', lab.name)
  const sshConfig = join(folder, 'ssh_config')
  const goBy = (ports?: ReadonlyMap<string, number>) => {
    const hosts = nodes.map((node) => {
      const port = ports?.get(node)
      const way = port === undefined ? [`HostName ${lab.address(node)}`] : ['HostName 127.0.0.1', `Port ${port}`]
      return [`Host ${node} ${node}.test.com ${lab.address(node)}`, ...way, `HostKeyAlias ${lab.address(node)}`].join(
        '\n  ',
      )
    })
    const all = [
      'Host *',
      'User root',
      `IdentityFile "${own}/id_ed25519"`,
      'IdentitiesOnly yes',
      `UserKnownHostsFile "${own}/known_hosts"`,
      'BatchMode yes',
      'ConnectTimeout 10',
      'ServerAliveInterval 5',
    ].join('\n  ')
    writeFileSync(sshConfig, `${[...hosts, all].join('\n')}\n`)
  }
  goBy()
  const lines = nodes.map((node) => `${lab.address(node)} ${node}.test.com ${node}`)
  const env = readFileSync(lab.env, 'utf8')
    .replace(/^NODES="[^"]*"/m, `NODES="\n${lines.join('\n')}\n"`)
    .replace(/^SSH_CONFIG=.*/m, `SSH_CONFIG="${sshConfig}"`)
  writeFileSync(join(folder, 'env'), env, { mode: 0o600 })
  mkdirSync(join(folder, 'floor'))
  return {
    lab,
    nodes,
    folder,
    env: join(folder, 'env'),
    sshConfig,
    inside: ['nsenter', `--net=/run/netns/${lab.name}-ops`, '--'],
    goBy,
  }
}

/** A value of the stage's env file. */
export const setting = (stage: Stage, key: string): string =>
  new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(readFileSync(stage.env, 'utf8'))?.[1] ?? ''
