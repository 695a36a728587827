/** A git repository with the files of this one as they are now, on main, for what is done to a repository. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')

/** Somebody who commits, and nothing of this machine's own settings. */
export const ENVIRONMENT = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Ann',
  GIT_AUTHOR_EMAIL: 'ann@test.com',
  GIT_COMMITTER_NAME: 'Ann',
  GIT_COMMITTER_EMAIL: 'ann@test.com',
}

/** What git says in a folder. Throws where it ends with another code than 0. */
export const git = (dir: string, ...args: readonly string[]): string =>
  execFileSync('git', args, { cwd: dir, encoding: 'utf8', env: ENVIRONMENT }).trim()

/** Its folder; whoever makes it takes it away. Its packages are those of this folder. */
export function repository(): string {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-repository-'))
  const { stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  for (const file of stdout.split('\0').filter(Boolean)) cpSync(join(ROOT, file), join(dir, file))
  git(dir, 'init', '--quiet', '--initial-branch=main')
  writeFileSync(join(dir, '.git/info/exclude'), 'node_modules\n')
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'))
  git(dir, 'add', '--all')
  git(dir, 'commit', '--quiet', '--message', 'All of it')
  return dir
}
