/** Who is measured: quorate, its peer and the floor, each with the commands that somebody would type. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { quote } from '../../lib/shell.mts'
import { type Result, ROOT } from '../lab/cluster.mts'
import type { Kind } from './figures.mts'
import type { Command, Took } from './meter.mts'
import { peer } from './peer.mts'
import { NETWORKS, type Stage, setting } from './stage.mts'

export interface Runner {
  readonly name: 'quorate' | 'peer' | 'floor'
  /** The command of such a figure; undefined where it has none. */
  readonly command: (stage: Stage, kind: Kind) => Command | undefined
  /** Opens its connections to all nodes, and no more: for a run that finds them. */
  readonly connect: (stage: Stage) => Command
  /** Why a run that has ended is none to be measured: it failed, or changed something where nothing was to be changed. */
  readonly fault: (took: Took, kind: Kind) => string | undefined
  /** Forgets what it knows of the nodes, and makes ready what a person would have made ready. */
  readonly prepare: (stage: Stage) => Promise<void>
}

const PATH = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`
/** As in the Makefile. */
const CACHE = join(ROOT, 'node_modules/.cache/quorate')
const FLOOR = join(import.meta.dirname, 'floor')

/** One cheap login each, all at once. */
const logins = (stage: Stage, config: string): Command => ({
  words: [
    ...stage.inside,
    'sh',
    '-c',
    'config=$1; shift; for node; do ssh -F "$config" "$node" true & done; wait',
    'logins',
    config,
    ...stage.nodes,
  ],
  cwd: ROOT,
})

const FLAGS: Readonly<Partial<Record<Kind, readonly string[]>>> = { plan: ['--plan'], light: ['--to', '02'] }

const quorate: Runner = {
  name: 'quorate',
  command: (stage, kind) => ({
    words: [
      ...(kind === 'start' ? [] : stage.inside),
      'zx',
      kind === 'phase' || kind === 'start' ? 'tasks/03-corosync.mts' : 'tasks/cluster.mts',
      ...(kind === 'start' ? ['--help'] : ['--env', stage.env, '--json', ...(FLAGS[kind] ?? [])]),
    ],
    cwd: ROOT,
    // All but a phase alone is typed as `make cluster`.
    env: { PATH, ...(kind === 'phase' || kind === 'start' ? {} : { NODE_COMPILE_CACHE: CACHE }) },
  }),
  connect: (stage) => logins(stage, join(stage.lab.stateDir, 'ssh_config')),
  fault: ({ code, stdout }, kind) => {
    if (code !== 0) return `exit code ${code}`
    if (kind === 'start') return undefined
    const { result, changed } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Result
    if (kind === 'first') return result === 'changed' ? undefined : result
    if (kind === 'drift') return changed > 0 && changed <= 2 ? undefined : `${changed} changes`
    return result === 'ok' && changed === 0 ? undefined : `${result}, ${changed} changes`
  },
  prepare: async (stage) => rmSync(stage.lab.stateDir, { recursive: true, force: true }),
}

const sources = (stage: Stage): string => {
  const { lab, nodes } = stage
  const heartbeat = (node: string) => lab.address(node).replace(NETWORKS.public, NETWORKS.heartbeat)
  return nodes.map((node) => `${lab.address(node)} ${node}.test.com ${node} ${heartbeat(node)}\n`).join('')
}

const agents = process.env.LAB_SUITE === 'trixie' ? 'resource-agents-base' : 'resource-agents'

function settings(stage: Stage): string {
  const of = (key: string) => setting(stage, key)
  const user = { name: of('OS_USERNAME'), domain: { name: of('OS_USER_DOMAIN_NAME') }, password: of('OS_PASSWORD') }
  const project = { name: of('OS_PROJECT_NAME'), domain: { name: of('OS_PROJECT_DOMAIN_NAME') } }
  const token = { auth: { identity: { methods: ['password'], password: { user } }, scope: { project } } }
  const values = {
    vip: stage.lab.vip,
    prefix: '24',
    cluster: of('CLUSTER_NAME'),
    fqdn_domain: 'test.com',
    members: String(stage.nodes.length),
    links: '2',
    names: stage.nodes.join(' '),
    packages: `corosync pacemaker pacemaker-cli-utils ${agents} haproxy chrony crmsh`,
    token: JSON.stringify(token),
  }
  return Object.entries(values)
    .map(([key, value]) => `${key}=${quote(value)}\n`)
    .join('')
}

const floor: Runner = {
  name: 'floor',
  command: (stage, kind) => {
    const words = {
      first: ['build.sh'],
      second: ['check.sh'],
      latency: ['check.sh'],
      light: ['check.sh', '--light'],
    }[kind as string]
    if (words === undefined) return undefined
    const [script = '', ...flags] = words
    return { words: [...stage.inside, join(FLOOR, script), ...flags, join(stage.folder, 'floor')], cwd: ROOT }
  },
  connect: (stage) => logins(stage, join(stage.folder, 'floor/ssh_config')),
  fault: ({ code }) => (code === 0 ? undefined : `exit code ${code}`),
  prepare: async (stage) => {
    const at = (name: string) => join(stage.folder, 'floor', name)
    writeFileSync(at('nodes'), sources(stage))
    writeFileSync(at('settings'), settings(stage), { mode: 0o600 })
    mkdirSync(at('kept'), { recursive: true })
    const kept = ['Host *', '  ControlMaster auto', `  ControlPath ${at('kept/%C')}`, '  ControlPersist 60']
    writeFileSync(at('ssh_config'), `${kept.join('\n')}\n  Include ${stage.sshConfig}\n`)
  },
}

/** Tells the floor that the nodes are right as they are. */
export async function seen(stage: Stage, part: 'full' | 'light'): Promise<void> {
  const script = readFileSync(join(FLOOR, 'seen.sh'), 'utf8')
  for (const node of stage.nodes) {
    const said = await stage.lab.on(node, `set -- ${part}\n${script}`)
    writeFileSync(join(stage.folder, 'floor', `wanted.${node}`), said, { mode: 0o600 })
  }
}

export const RUNNERS: readonly Runner[] = [quorate, peer, floor]

/** Why this one cannot be run here. */
export function lacking({ name }: Runner): string | undefined {
  if (name !== 'peer') return undefined
  if (!existsSync(join(import.meta.dirname, 'ansible/site.yml'))) return 'there is no test/bench/ansible'
  const found = PATH.split(':').some((folder) => existsSync(join(folder, 'ansible-playbook')))
  return found ? undefined : 'ansible-playbook is not installed: apt-get install ansible-core'
}
