/** An archive to attach to a bug report: what the doctor found and what it is made of, without secrets. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { arch, platform, release } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type { Config } from '../config.mts'
import { ConfigError } from '../errors.mts'
import type { Job } from '../exchange.mts'
import type { Phase } from '../guard.mts'
import { ROOT } from '../main.mts'
import { askAll } from '../run.mts'
import { logNames, newest, onlyLooks } from '../run-logs.mts'
import { statusOf } from '../status.mts'
import { statusScreen } from '../status-screen.mts'
import { bundleFacts } from './bundle-facts.mts'
import type { Examination } from './doctor.mts'
import { tell } from './report.mts'

/** Runs of which the log is taken, and bytes of each: the last ones. */
const RUNS = 5
const MOST = 2_000_000

const asked: Phase = { id: 'bundle', title: 'What a bundle holds', facts: () => bundleFacts, steps: [] }

/**
 * Writes `quorate-<cluster>-<time>.tar.gz` beside the logs, for this user alone, and gives its path. What is put on this disk was masked
 * before. Throws ConfigError where it cannot be written.
 */
export async function bundle(job: Job, found: Examination, mask: (text: string) => string): Promise<string> {
  const { config } = job
  const stateDir = join(ROOT, '.state', config.clusterName)
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const name = `quorate-${config.clusterName}-${time}`
  const files = new Map([...here(config, stateDir, found), ...(await there(job, found))])
  files.set('README.txt', readme(name, [...files.keys()]))
  const work = mkdtempSync(join(stateDir, 'bundle-'))
  try {
    for (const [path, text] of files) {
      const file = join(work, name, path)
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      writeFileSync(file, mask(text), { mode: 0o600 })
    }
    const archive = join(stateDir, `${name}.tar.gz`)
    // It is nobody else's from its first byte on.
    writeFileSync(archive, '', { mode: 0o600, flag: 'wx' })
    pack(archive, work, name)
    return archive
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function pack(archive: string, folder: string, name: string): void {
  try {
    execFileSync('tar', ['-czf', archive, '-C', folder, name], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
  } catch (error) {
    rmSync(archive, { force: true })
    const { code, stderr, message } = error as NodeJS.ErrnoException & { readonly stderr?: string }
    throw new ConfigError('', [
      code === 'ENOENT'
        ? { text: 'there is no tar on this machine', remedy: 'install it, or send what make doctor prints' }
        : {
            text: `the archive cannot be written: ${(stderr || message).trim()}`,
            remedy: 'see that there is room here: df -h .',
          },
    ])
  }
}

/** What this machine knows. */
function here(config: Config, stateDir: string, found: Examination): readonly (readonly [string, string])[] {
  const { seen, findings, notes, asked, looked } = found
  const status = statusOf(config, seen.facts, seen.lost, Date.now())
  const report: string[] = []
  tell((line) => void report.push(line), { findings, notes, asked, up: seen.up.length, lost: seen.lost.length })
  const open = (looked?.ends ?? []).filter(({ state }) => state !== 'ok')
  const plan = open.map(
    ({ phase, step, node, guard, state, output }) =>
      `${phase} / ${step} on ${node}, ${state}: ${guard}\n${output.replace(/^/gm, '  ')}`,
  )
  const logs = newest(stateDir, logNames(stateDir), RUNS, (beginning) => !onlyLooks(beginning))
  const checkpoint = join(stateDir, 'checkpoint.json')
  return [
    ['report.txt', `${report.join('\n')}\n`],
    ['findings.json', `${JSON.stringify({ findings, notes, asked }, null, 2)}\n`],
    ['status.txt', `${statusScreen(status)}\n`],
    ['status.json', `${JSON.stringify(status, null, 2)}\n`],
    [
      'plan.txt',
      `${plan.join('\n\n') || (looked ? 'everything holds' : 'not known: a node did not answer, or nothing is built')}\n`,
    ],
    ['versions.txt', versions()],
    ['env', env(readFileSync(config.file, 'utf8'))],
    ...(existsSync(checkpoint) ? [['checkpoint.json', readFileSync(checkpoint, 'utf8')] as const] : []),
    ...logs.map((name) => [`runs/${name}`, ending(readFileSync(join(stateDir, 'runs', name), 'utf8'))] as const),
  ]
}

/** Whole lines from the end. */
const ending = (text: string) => (text.length <= MOST ? text : text.slice(text.indexOf('\n', text.length - MOST) + 1))

const versions = () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string }
  return `quorate ${version}\nnode ${process.version}\n${platform()} ${release()} ${arch()}\n`
}

/** Comments are the operator's own; values are masked as everywhere, and those of keys that name a secret whatever they are. */
export const env = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replace(/\n{2,}/g, '\n')
    .replace(/^(\s*(?:export\s+)?\w*(?:PASS|SECRET|TOKEN_|KEY)\w*\s*=\s*)(?=\S).*$/gim, '$1********')
    .replace(/(\b\w*(?:pass|pwd|secret|token|community)\w*=)(?:\\?"[^"\n]*"|[^\s"'`]+)/gi, '$1********')

/** What the nodes say. */
async function there(job: Job, { seen }: Examination): Promise<readonly (readonly [string, string])[]> {
  const answers = job.config.arbiter !== undefined && !seen.lost.some(({ node }) => node === job.config.arbiter?.name)
  const config = { ...job.config, nodes: seen.up, arbiter: answers ? job.config.arbiter : undefined }
  const { facts, lost } =
    seen.up.length === 0 ? { facts: seen.facts, lost: [] } : await askAll({ ...job, config }, [asked])
  return [
    ...seen.up.flatMap((node) =>
      Object.keys(bundleFacts).map(
        (name) => [`nodes/${node.name}/${name.replace('bundle.', '')}`, `${facts.get(node, name)}\n`] as const,
      ),
    ),
    ...[...seen.lost, ...lost].map(
      ({ node, text, detail = '' }) => [`nodes/${node}/not-reached.txt`, `${text}\n${detail}\n`] as const,
    ),
  ]
}

const readme = (name: string, paths: readonly string[]) => `${name}: what make doctor found, for a bug report.

Passwords, keys and tokens that are known, or look like it, are masked (********). It does hold names and addresses of your nodes,
settings, and the last lines of journals. Look through it before you send it.

${[...paths].sort().join('\n')}
`

/** What is said of it at the end. */
export const bundleText = (file: string): string => {
  const path = relative('.', file)
  return `
bundle   ${path} (${Math.ceil(statSync(file).size / 1024)} kB)
         The secrets that are known, or look like it, are masked. It has names,
         addresses, settings and journals of your nodes: look through it before
         you send it. Its README.txt lists what is in it.`
}
