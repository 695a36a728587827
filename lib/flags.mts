/** The command line: one table of flags. Most are the same for every script, some are of one alone. */
import { parseArgs } from 'node:util'
import { type Config, hostsOf, type Node } from './config.mts'
import { ConfigError } from './errors.mts'
import type { Phase } from './guard.mts'

interface Flag {
  readonly type: 'string' | 'boolean'
  /** What its value is called in --help. */
  readonly value?: string
  readonly text: string
  /** The one script that has it. */
  readonly of?: string
}

const FLAGS = {
  env: { type: 'string', value: 'FILE', text: 'the env file (default: .env)' },
  plan: { type: 'boolean', text: 'only look: what would be changed, with diffs; exit 3 if anything would' },
  from: { type: 'string', value: 'NN', text: 'begin with this phase' },
  to: { type: 'string', value: 'NN', text: 'end with this phase' },
  only: { type: 'string', value: 'NN', text: 'this phase alone' },
  nodes: { type: 'string', value: 'a,b', text: 'work on these nodes only' },
  json: { type: 'boolean', text: 'one JSON object as the last line of stdout, all else on stderr' },
  verbose: { type: 'boolean', text: 'also what holds already, and the live output of commands' },
  profile: { type: 'boolean', text: 'where the time went, as a table and as a trace for a browser beside the log' },
  wait: { type: 'boolean', text: 'waits while another run holds the lock, instead of ending with 6' },
  yes: { type: 'boolean', text: 'answer yes to every question' },
  packages: {
    type: 'boolean',
    text: 'the packages too, as far as they came with the cluster',
    of: 'tasks/destroy.mts',
  },
  watch: { type: 'boolean', text: 'goes on looking, and draws the screen anew, until Ctrl-C', of: 'tasks/status.mts' },
  bundle: {
    type: 'boolean',
    text: 'writes all of it into an archive to attach to a bug report, without secrets',
    of: 'tasks/doctor.mts',
  },
  help: { type: 'boolean', text: 'this text' },
} as const satisfies Readonly<Record<string, Flag>>

/** The flags that a script has, in the order of the table. */
const flagsOf = (script: string): readonly (readonly [name: string, flag: Flag])[] =>
  Object.entries<Flag>(FLAGS).filter(([, { of }]) => of === undefined || of === script)

export interface Flags {
  readonly env: string
  readonly plan: boolean
  readonly from?: string
  readonly to?: string
  readonly only?: string
  readonly nodes?: string
  readonly json: boolean
  readonly verbose: boolean
  readonly profile: boolean
  readonly wait: boolean
  readonly yes: boolean
  readonly packages: boolean
  readonly watch: boolean
  readonly bundle: boolean
  /** What is named beside the flags. */
  readonly words: readonly string[]
}

const flagProblem = (text: string, remedy?: string) =>
  new ConfigError('', [{ text, ...(remedy === undefined ? {} : { remedy }) }])

/** Throws ConfigError for a flag that this script does not have or that lacks its value, and for a word that is none of these. */
export function parseFlags(script: string, args: readonly string[], operands: readonly string[] = []): Flags {
  const options = Object.fromEntries(flagsOf(script).map(([name, { type }]) => [name, { type }]))
  try {
    const allowPositionals = operands.length > 0
    const { values, positionals } = parseArgs({ args: [...args], options, strict: true, allowPositionals })
    const off = {
      plan: false,
      json: false,
      verbose: false,
      profile: false,
      wait: false,
      yes: false,
      packages: false,
      watch: false,
      bundle: false,
    }
    const strange = positionals.find((word) => !operands.includes(word))
    if (strange !== undefined) throw flagProblem(`there is no "${strange}" here`, `there are ${operands.join(', ')}`)
    return { ...off, ...values, env: String(values.env ?? '.env'), words: positionals }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw flagProblem((error as Error).message.split('. ')[0] as string, '--help lists the flags')
  }
}

export function selectPhases<One extends Pick<Phase, 'id'>>(phases: readonly One[], flags: Flags): readonly One[] {
  const at = (flag: string, number: string) => {
    const index = phases.findIndex((phase) => phase.id === number || phase.id.split('-')[0] === number.padStart(2, '0'))
    if (index >= 0) return index
    throw flagProblem(
      `--${flag} ${number}: no such phase here`,
      `there are ${phases.map((phase) => phase.id).join(', ')}`,
    )
  }
  if (flags.only !== undefined && (flags.from !== undefined || flags.to !== undefined))
    throw flagProblem('--only does not go with --from or --to')
  const from = flags.only ?? flags.from
  const to = flags.only ?? flags.to
  const first = from === undefined ? 0 : at(flags.only === undefined ? 'from' : 'only', from)
  const last = to === undefined ? phases.length - 1 : at(flags.only === undefined ? 'to' : 'only', to)
  if (first > last) throw flagProblem(`--from ${flags.from} comes after --to ${flags.to}`)
  return phases.slice(first, last + 1)
}

export function selectNodes(config: Config, flags: Flags): readonly Node[] {
  const hosts = hostsOf(config)
  if (flags.nodes === undefined) return hosts
  const names = flags.nodes.split(',').map((name) => name.trim())
  const strangers = names.filter((name) => !hosts.some((node) => node.name === name))
  if (strangers.length > 0)
    throw flagProblem(
      `--nodes: ${strangers.map((name) => `"${name}"`).join(', ')} not in NODES`,
      `there are ${hosts.map((node) => node.name).join(', ')}`,
    )
  return hosts.filter((node) => names.includes(node.name))
}

/** Whether help is all that is wanted, whatever else is on the line. */
export const wantsHelp = (args: readonly string[]): boolean => args.includes('--help')

/** What --help prints. */
export function help(verb: {
  readonly script: string
  readonly title: string
  readonly phases: readonly Pick<Phase, 'id' | 'title'>[]
  readonly operands?: readonly { readonly name: string; readonly title: string }[]
}): string {
  const rows = flagsOf(verb.script).map(([name, flag]) => {
    const left = `--${name}${flag.value === undefined ? '' : ` ${flag.value}`}`
    return `  ${left.padEnd(14)} ${flag.text}`
  })
  return [
    `npx zx ${verb.script} ${verb.operands ? '[name …] ' : ''}[flags]`,
    '',
    verb.title,
    '',
    ...(verb.operands ?? verb.phases.map(({ id, title }) => ({ name: id, title }))).map(
      ({ name, title }) => `  ${name.padEnd(22)} ${title}`,
    ),
    '',
    ...rows,
    '',
    'Exit codes: 0 done · 1 a bug · 2 failed on a node · 3 changes pending (--plan) · 4 a node not reached',
    '            5 bad env file or flags · 6 another run holds the lock · 130 interrupted',
  ].join('\n')
}
