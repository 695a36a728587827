/**
 * A release, made in a repository of its own and installed with no network at all. It needs no lab, but time: each time it packs and unpacks a
 * hundred megabytes.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ENVIRONMENT, git, repository } from '../repository.mts'
import { skipSuite, suite } from '../suite.mts'

const VERSION = '7.8.9'
const NAME = `quorate-${VERSION}`

function run(dir: string, program: string, ...args: readonly string[]) {
  const { stdout, stderr, status } = spawnSync(program, args, { cwd: dir, encoding: 'utf8', env: ENVIRONMENT })
  return { all: stdout + stderr, stdout, status }
}

function tests(): void {
  const dir = repository()
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const path = (name: string) => join(dir, name)
  const sums = (file: string) => readFileSync(path(file), 'utf8')
  const test = suite('a release')

  test('it is made: a commit on main, an annotated tag, the changelog, a tarball with its sum', () => {
    const made = run(dir, '.ci/release', VERSION)
    assert.is(made.status, 0, made.all)
    assert.is(git(dir, 'status', '--porcelain'), '')
    assert.is(git(dir, 'symbolic-ref', '--short', 'HEAD'), 'main')
    assert.is(git(dir, 'log', '--format=%s'), `Release ${VERSION}\nAll of it`)
    assert.is(git(dir, 'cat-file', '-t', `v${VERSION}`), 'tag')
    assert.is(git(dir, 'rev-parse', `v${VERSION}^{commit}`), git(dir, 'rev-parse', 'HEAD'))
    const lock = JSON.parse(sums('package-lock.json'))
    assert.equal(
      [JSON.parse(sums('package.json')).version, lock.version, lock.packages[''].version],
      Array(3).fill(VERSION),
    )
    assert.equal(git(dir, 'diff', '--stat', '--name-only', 'HEAD~').split('\n'), [
      'CHANGELOG.md',
      'package-lock.json',
      'package.json',
    ])
    assert.match(
      sums('CHANGELOG.md'),
      new RegExp(`^## \\[Unreleased\\]\\n\\n## \\[${VERSION}\\] - \\d{4}-\\d\\d-\\d\\d\\n\\n\\S`, 'm'),
    )
    assert.is(run(path('dist'), 'sha256sum', '--check', 'SHA256SUMS').stdout, `${NAME}.tar.gz: OK\n`)
    assert.is(git(dir, 'worktree', 'list').split('\n').length, 1)
    assert.not.ok(existsSync(path('dist/.new')))
  })

  test('another time it is refused', () => {
    const again = run(dir, '.ci/release', VERSION)
    assert.is(again.status, 5)
    assert.match(again.all, `v${VERSION} is there already`)
  })

  test('the same commit gives the same bytes', () => {
    const again = run(dir, '.ci/tarball', `v${VERSION}`, VERSION, path('dist/again'))
    assert.is(again.status, 0, again.all)
    assert.is(sums('dist/again/SHA256SUMS'), sums('dist/SHA256SUMS'))
  })

  test('it installs where there is no network, and works', () => {
    const empty = path('.git/empty')
    mkdirSync(empty)
    assert.is(run(empty, 'tar', '-x', '-f', path(`dist/${NAME}.tar.gz`)).status, 0)
    const top = join(empty, NAME)
    const alone = (command: string) =>
      run(top, 'unshare', '--net', 'env', '-i', `PATH=${process.env.PATH}`, `HOME=${empty}`, 'sh', '-c', command)
    const made = alone('make setup')
    assert.is(made.status, 0, made.all)
    const help = alone('npx zx tasks/cluster.mts --help')
    assert.is(help.status, 0, help.all)
    assert.match(help.stdout, '07-keystone-endpoints')
    assert.match(alone('make').stdout, 'make cluster')
    assert.not.match(readFileSync(join(top, 'package-lock.json'), 'utf8'), /https?:\/\/[^"]*\.tgz/)
  })
  test.run()
}

if (spawnSync('unshare', ['--net', 'true']).status === 0) tests()
else skipSuite('a network namespace needs root')
