/** The command line: one table of flags. Most are the same for every script, some are of one alone. */
import { parseArgs } from 'node:util'
import { ConfigError } from './errors.mts'
import { didYouMean, nearest } from './nearest.mts'

interface Flag {
  readonly type: 'string' | 'boolean'
  /** What its value is called in --help. */
  readonly value?: string
  readonly text: string
  /** The one script that has it. */
  readonly of?: string
  /** Not of scripts that only look: nothing there to plan, to choose, to wait for or to answer. */
  readonly works?: true
}

/** Scripts that look at all of the cluster, and change nothing. */
const LOOKING = ['tasks/status.mts', 'tasks/doctor.mts', 'tasks/report.mts']

const FLAGS = {
  env: { type: 'string', value: 'FILE', text: 'the env file (default: .env)' },
  plan: {
    type: 'boolean',
    works: true,
    text: 'only look: what would be changed, with diffs; exit 3 if anything would',
  },
  from: { type: 'string', value: 'NN', works: true, text: 'begin with this phase' },
  to: { type: 'string', value: 'NN', works: true, text: 'end with this phase' },
  only: { type: 'string', value: 'NN', works: true, text: 'this phase alone' },
  nodes: { type: 'string', value: 'a,b', works: true, text: 'work on these nodes only' },
  json: { type: 'boolean', text: 'one JSON object as the last line of stdout, all else on stderr' },
  verbose: { type: 'boolean', text: 'also what holds already, and the live output of commands' },
  profile: { type: 'boolean', text: 'where the time went, as a table and as a trace for a browser beside the log' },
  wait: { type: 'boolean', works: true, text: 'waits while another run holds the lock, instead of ending with 6' },
  yes: { type: 'boolean', works: true, text: 'answer yes to every question' },
  packages: {
    type: 'boolean',
    text: 'the packages too, as far as they came with the cluster',
    of: 'tasks/destroy.mts',
  },
  open: { type: 'boolean', text: 'opens it, where there is a desktop', of: 'tasks/report.mts' },
  watch: { type: 'boolean', text: 'goes on looking, and draws the screen anew, until Ctrl-C', of: 'tasks/status.mts' },
  bundle: {
    type: 'boolean',
    text: 'writes all of it into an archive to attach to a bug report, without secrets',
    of: 'tasks/doctor.mts',
  },
  help: { type: 'boolean', text: 'this text' },
} as const satisfies Readonly<Record<string, Flag>>

/** The flags that a script has, in the order of the table. */
export const flagsOf = (script: string): readonly (readonly [name: string, flag: Flag])[] =>
  Object.entries<Flag>(FLAGS).filter(
    ([, { of, works }]) => (of === undefined || of === script) && !(works && LOOKING.includes(script)),
  )

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
  readonly open: boolean
  readonly watch: boolean
  readonly bundle: boolean
  /** What is named beside the flags. */
  readonly words: readonly string[]
}

export const flagProblem = (text: string, remedy?: string) =>
  new ConfigError('', [{ text, ...(remedy === undefined ? {} : { remedy }) }])

/** Throws ConfigError for a flag that this script does not have or that lacks its value, and for a word that is none of these. */
export function parseFlags(script: string, args: readonly string[], operands: readonly string[] = []): Flags {
  const own = Object.fromEntries(flagsOf(script).map(([name, { type }]) => [name, { type }]))
  const given = parseArgs({ args: [...args], options: own, strict: false, allowPositionals: true, tokens: true }).tokens
  for (const token of given) {
    if (token.kind === 'option' && !Object.hasOwn(own, token.name)) throw strangeFlag(script, token.rawName)
    if (token.kind === 'positional' && !operands.includes(token.value)) throw strangeWord(script, token.value, operands)
  }
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: own, strict: true, allowPositionals: true })
    const off = {
      plan: false,
      json: false,
      verbose: false,
      profile: false,
      wait: false,
      yes: false,
      packages: false,
      open: false,
      watch: false,
      bundle: false,
    }
    return { ...off, ...values, env: String(values.env ?? '.env'), words: positionals }
  } catch (error) {
    throw flagProblem((error as Error).message.split('. ')[0] as string, '--help lists the flags')
  }
}

/** A flag that is another script's, or nobody's. */
function strangeFlag(script: string, raw: string): ConfigError {
  const name = raw.replace(/^-+/, '')
  const flag = Object.entries<Flag>(FLAGS).find(([one]) => one === name && raw.startsWith('--'))?.[1]
  if (flag?.works)
    return flagProblem(`${raw} is no flag of ${script}: it looks at all and changes nothing`, 'leave it away')
  const of = flag?.of
  if (of !== undefined)
    return flagProblem(`${raw} is no flag of ${script}, but of ${of} alone`, `npx zx ${of} --help tells more`)
  const close = nearest(
    name,
    flagsOf(script).map(([one]) => one),
  )
  const remedy = close === undefined ? '--help lists the flags' : `did you mean --${close}?`
  return flagProblem(`there is no flag ${raw}`, remedy)
}

/** A word that stands where none belongs. */
function strangeWord(script: string, word: string, operands: readonly string[]): ConfigError {
  if (flagsOf(script).some(([name]) => name === word))
    return flagProblem(`"${word}" is no flag without its dashes`, `did you mean --${word}?`)
  const there = operands.length > 0 ? `there are ${operands.join(', ')}` : '--help lists the flags'
  const phase = /^\d\d?(-|$)/.test(word) && operands.length === 0
  return flagProblem(
    `there is no "${word}" here`,
    phase ? `a phase is named by a flag: --only ${word}` : didYouMean(word, operands, there),
  )
}
