/** What a release refuses, and that a step which fails changes nothing. The release itself is made in test/lab, for its time. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import * as assert from 'uvu/assert'
import { ENVIRONMENT, git, repository } from '../repository.mts'
import { suite } from '../suite.mts'

const dir = repository()
process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
const path = (name: string) => join(dir, name)

function release(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const { stdout, stderr, status } = spawnSync('.ci/release', args, {
    cwd: dir,
    encoding: 'utf8',
    env: { ...ENVIRONMENT, ...more },
  })
  return { stdout, stderr, status }
}
/** All that a release could have changed. */
const state = () =>
  [
    git(dir, 'status', '--porcelain'),
    git(dir, 'rev-parse', 'HEAD', '--symbolic-full-name', 'HEAD'),
    git(dir, 'tag'),
    git(dir, 'worktree', 'list', '--porcelain'),
    existsSync(path('dist/.new')) || existsSync(path('dist/SHA256SUMS')) ? 'dist' : '',
  ].join('\n')

const test = suite('release')

function refused(args: readonly string[], says: RegExp): void {
  const before = state()
  const { stderr, status } = release(args)
  assert.is(status, 5, stderr)
  assert.match(stderr, says)
  assert.is(state(), before)
}

test('a version is three numbers', () => {
  for (const version of ['', '1.2', 'v1.2.3', '01.2.3', '1.2.3-rc1', '1.2.3 '])
    refused([version], /is no version \(make release VERSION=1\.2\.3\)$/m)
})

test('a flag that there is none of', () => refused(['0.1.0', '--pla'], /there is no flag --pla/))

test('another branch', () => {
  git(dir, 'switch', '--quiet', '--create', 'other')
  refused(['0.1.0'], /this is other \(git switch main\)/)
  git(dir, 'switch', '--quiet', 'main')
})

test('a working tree with changes, or with a file that git does not know', () => {
  writeFileSync(path('new'), '')
  refused(['0.1.0'], /the working tree has changes/)
  rmSync(path('new'))
  const readme = readFileSync(path('README.md'))
  writeFileSync(path('README.md'), 'other')
  refused(['0.1.0'], /the working tree has changes/)
  writeFileSync(path('README.md'), readme)
})

test('a version that is released, and one that comes before it', () => {
  git(dir, 'tag', 'v0.10.0')
  refused(['0.10.0'], /v0\.10\.0 is there already/)
  refused(['0.9.0'], /0\.9\.0 comes before 0\.10\.0/)
  git(dir, 'tag', '--delete', 'v0.10.0')
})

test('a changelog that has nothing new', () => {
  const text = readFileSync(path('CHANGELOG.md'), 'utf8')
  writeFileSync(path('CHANGELOG.md'), text.replace('## [Unreleased]\n', '## [Unreleased]\n\n## [0.0.1] - 2020-01-01\n'))
  git(dir, 'commit', '--quiet', '--all', '--message', 'Nothing new')
  refused(['0.1.0'], /CHANGELOG\.md has nothing under "## \[Unreleased\]"/)
  git(dir, 'reset', '--quiet', '--hard', 'HEAD~')
})

test('--plan tells version, files, lines of the changelog, and changes nothing', () => {
  const before = state()
  const { stdout, stderr, status } = release(['7.8.9', '--plan'])
  assert.is(status, 0, stderr)
  for (const says of [
    /quorate 7\.8\.9, now \d+\.\d+\.\d+, from /,
    /quorate-7\.8\.9\.tar\.gz/,
    /the tag v7\.8\.9/,
    /^ {4}- `make plan`/m,
  ])
    assert.match(stdout, says)
  assert.is(state(), before)
})

/** First in PATH: an npm that fails at this. */
function failing(word: string): string {
  const bin = path(`.git/bin-${word}`)
  mkdirSync(bin, { recursive: true })
  const npm = spawnSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).stdout.trim()
  writeFileSync(
    join(bin, 'npm'),
    `#!/bin/sh\n[ "$1" != ${word} ] || { echo "no ${word} today" >&2; exit 1; }\nexec '${npm}' "$@"\n`,
    {
      mode: 0o755,
    },
  )
  return [bin, process.env.PATH].join(delimiter)
}

for (const word of ['version', 'pack'])
  test(`npm ${word} fails: no commit, no tag, no file, no second working tree`, () => {
    const before = state()
    const { stderr, status } = release(['0.1.0'], { PATH: failing(word) })
    assert.is.not(status, 0)
    assert.match(stderr, `no ${word} today`)
    assert.match(stderr, /nothing is changed here/)
    assert.is(state(), before)
  })

test.run()
