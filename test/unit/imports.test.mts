/** The layers, read from the import lines: who may know of whom. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../suite.mts'

const ROOT = resolve(import.meta.dirname, '../..')

const filesIn = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.mts'))
    .map((name) => join(folder, name))
    .sort()

const text = (file: string) => readFileSync(join(ROOT, file), 'utf8')

/** What a file imports, types too: a package's name, or a path from the root. */
function importsOf(file: string): readonly string[] {
  const found = text(file).matchAll(/(?:^(?:import|export)\s[^'"`;=()]*|\bimport\(\s*)['"]([^'"]+)['"]/gm)
  return [...found].map(([, name = '']) =>
    name.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), name)) : name,
  )
}

const LIB = filesIn('lib')
const TASKS = filesIn('tasks')
const TESTS = filesIn('test')
const ALL = [...LIB, ...TASKS, ...TESTS]

/** The files that import something, as "who -> what". */
const importing = (files: readonly string[], forbidden: (name: string) => boolean) =>
  files.flatMap((file) =>
    importsOf(file)
      .filter(forbidden)
      .map((name) => `${file} -> ${name}`),
  )
const package_ = (name: string) => (imported: string) => imported === name || imported.startsWith(`${name}/`)
const users = (name: string) => ALL.filter((file) => importsOf(file).some(package_(name)))

const EFFECTS = ['ssh', 'checkpoint', 'event', 'screen', 'plan-report', 'orchestrator', 'main'].map(
  (name) => `lib/${name}.mts`,
)

const test = suite('layers')

test('import lines are found in each of their forms', () => {
  assert.ok(importsOf('lib/exchange.mts').includes('lib/ssh.mts'))
  assert.ok(importsOf('lib/ssh.mts').includes('execa'))
  assert.ok(importsOf('tasks/00-prereqs.mts').includes('lib/guards/file.mts'))
  assert.ok(LIB.length > 30 && TASKS.length > 7 && TESTS.length > 10)
})

test('each package has one home', () => {
  assert.equal(users('execa'), ['lib/ssh.mts'])
  assert.equal(users('listr2'), ['lib/orchestrator.mts'])
  assert.equal(users('dotenv'), ['lib/env-file.mts'])
  assert.equal(users('esbuild'), ['lib/report/build.mts'])
  const draws = ['d3-scale', 'd3-shape'].flatMap(users)
  assert.equal(
    draws.filter((file) => !file.startsWith('lib/report/')),
    [],
  )
  for (const name of ['uvu', 'fast-check', 'playwright-core', 'axe-core'])
    assert.equal(
      users(name).filter((file) => !file.startsWith('test/')),
      [],
    )
})

test('a phase knows of no other phase, and of no way to a node', () => {
  const forbidden = (name: string) =>
    ['execa', 'listr2', 'lib/ssh.mts', 'lib/run.mts', 'lib/exchange.mts'].includes(name)
  assert.equal(importing(TASKS, forbidden), [])
  const phases = TASKS.filter((file) => file !== 'tasks/cluster.mts')
  assert.equal(
    importing(phases, (name) => name.startsWith('tasks/')),
    [],
  )
})

test('nothing in lib knows of a phase or a test', () => {
  assert.equal(
    importing(LIB, (name) => /^(tasks|test)\//.test(name)),
    [],
  )
})

test('renderers and guards are pure: text from data', () => {
  const pure = LIB.filter((file) => /^lib\/(render|guards)\//.test(file))
  const effect = (name: string) =>
    EFFECTS.includes(name) || /^(node:)?(fs|fs\/promises|child_process|net|os|http)$/.test(name)
  assert.equal(importing(pure, effect), [])
  assert.equal(
    importing(pure, (name) => ['execa', 'listr2', 'zx', 'dotenv'].includes(name)),
    [],
  )
})

test('the report is text from data, but for what reads the logs, builds for the browser, and writes and opens the file', () => {
  const effects = ['build', 'open', 'report', 'runs'].map((name) => `lib/report/${name}.mts`)
  const pure = LIB.filter((file) => file.startsWith('lib/report/') && !effects.includes(file))
  assert.ok(pure.length > 10)
  assert.equal(
    importing(pure, (name) =>
      /^node:(fs|child_process|net|os|http)|^lib\/(ssh|run|exchange|main|launch)\.mts$/.test(name),
    ),
    [],
  )
})

test('the machinery knows no daemon by name', () => {
  const machinery = [
    'run',
    'script',
    'ssh',
    'event',
    'tally',
    'plan',
    'checkpoint',
    'screen',
    'plan-report',
    'style',
    'orchestrator',
  ]
  const named = machinery.flatMap((name) =>
    text(`lib/${name}.mts`)
      .split('\n')
      .flatMap((line, index) =>
        /corosync|pacemaker|haproxy|keystone/i.test(line) ? [`lib/${name}.mts:${index + 1}: ${line.trim()}`] : [],
      ),
  )
  assert.equal(named, [])
})

test('no default exports, and nothing that would have to be built', () => {
  const built = ALL.filter((file) =>
    /^export default\b|^\s*(export )?(const )?enum \w|^\s*namespace \w/m.test(text(file)),
  )
  assert.equal(built, [])
  assert.equal(
    importing(ALL, (name) => /^(lib|tasks|test)\//.test(name) && !name.endsWith('.mts')),
    [],
  )
})

test.run()
