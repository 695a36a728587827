/** `make` alone: every verb in its group, on 80 columns, and how to begin. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../suite.mts'

const ROOT = join(import.meta.dirname, '../..')

function make(...args: readonly string[]): readonly string[] {
  const { stdout, stderr, status } = spawnSync('make', args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  })
  assert.is(status, 0, stderr)
  return stdout.split('\n')
}
const verbsIn = (lines: readonly string[]) => lines.flatMap((line) => /^ {2}make ([a-z-]+) +\S/.exec(line)?.[1] ?? [])

const test = suite('make')

test('alone it lists every verb once, in groups', () => {
  const phony = /^\.PHONY: (.*)$/m.exec(readFileSync(join(ROOT, 'Makefile'), 'utf8'))?.[1]?.split(' ') ?? []
  const lines = make()
  assert.equal([...verbsIn(lines)].sort(), phony.filter((name) => name !== 'help').sort())
  const groups = lines.filter(
    (line, index) => lines[index - 1] === '' && line.startsWith('  ') === false && line !== '',
  )
  assert.ok(groups.length >= 4, groups.join('\n'))
  assert.is(verbsIn(lines)[0], 'cluster')
})

test('it fits 80 columns', () => {
  assert.equal(
    make().filter((line) => [...line].length > 80),
    [],
  )
})

test('it says how to begin, and with an env file what comes next', () => {
  assert.match(
    make('ENV=/nowhere/env').slice(0, 2).join(' '),
    /^No \/nowhere\/env here yet: cp env\.example \.env, .*make demo/,
  )
  const [first, second] = make('ENV=env.example')
  assert.is(first, 'For the nodes of env.example: make plan shows what make cluster would change.')
  assert.is(second, '')
})

test.run()
