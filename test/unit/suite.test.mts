/** The wrapper around uvu and the runner: each way to end green without having tested is closed. */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '../suite.mts'

const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), 'fixtures')
const RUNNER = join(FIXTURES, '../../run.mts')

/** Without CI in the environment, unless it is given. */
function node(args: readonly string[], ci?: string) {
  const { CI, ...env } = process.env
  const result = spawnSync(process.execPath, [...process.execArgv, ...args], {
    encoding: 'utf8',
    env: ci === undefined ? env : { ...env, CI: ci },
    timeout: 60_000,
  })
  return { status: result.status, output: result.stdout, last: result.stdout.trimEnd().split('\n').at(-1) }
}

const file = (name: string, ci?: string) => node([join(FIXTURES, 'unit', `${name}.test.mts`)], ci)
const run = (args: readonly string[], ci?: string) => node([RUNNER, ...args, '--in', FIXTURES], ci)

const alone = suite('a test file')
const ENDS: readonly (readonly [string, number, string, RegExp])[] = [
  ['good', 0, '2 passed, 0 failed', /good/],
  ['failing', 1, '1 passed, 1 failed', /fails/],
  ['no-error', 1, '1 passed, 1 failed', /threw 'a text', which is no Error/],
  ['before', 1, '0 passed, 3 failed', /before: the before hook failed: Error: no ground to stand on/],
  ['before-each', 1, '0 passed, 4 failed', /the before\.each hook failed: .*threw 'a text'/],
  ['after', 1, '1 passed, 1 failed', /after: the after hook failed: Error: cannot clean up/],
  ['after-each', 1, '2 passed, 2 failed', /the after\.each hook failed/],
  ['forgotten', 1, '1 passed, 1 failed', /forgotten: run\(\) was never called/],
  ['empty', 1, '0 passed, 1 failed', /empty: no test was registered/],
  ['nothing', 1, '0 passed, 1 failed', /no test was registered/],
  ['early-exit', 1, '1 passed, 2 failed', /ended before 2 of 3 tests were over/],
  ['never', 1, '0 passed, 2 failed', /ended before 2 of 2 tests were over/],
  ['crash', 1, '0 passed, 1 failed', /ended before 1 of 1 tests were over/],
  ['late-crash', 1, '1 passed, 1 failed', /ended with exit code 1 although no test failed/],
  ['awaiting', 0, '2 passed, 0 failed', /./],
  ['skipped', 0, '0 passed, 0 failed, 1 skipped', /skipped: no such daemon on this machine/],
  ['skipped-test', 0, '1 passed, 0 failed, 1 skipped', /skipped test: two: no such daemon/],
]
for (const [name, status, last, output] of ENDS) {
  alone(`${name}: "${last}", exit code ${status}`, () => {
    const ended = file(name)
    assert.equal({ status: ended.status, last: ended.last }, { status, last })
    assert.match(ended.output, output)
  })
}
for (const name of ['skipped', 'skipped-test']) {
  alone(`${name} with CI=true is a failure`, () => {
    const ended = file(name, 'true')
    assert.is(ended.status, 1)
    assert.match(ended.last as string, /^\d passed, 1 failed$/)
    assert.match(ended.output, /with CI=true a skip is a failure/)
  })
}
alone.run()

const runner = suite('the runner')
runner('sums up the files and ends with one line', () => {
  const ended = run(['unit', 'skipped'])
  assert.equal([ended.status, ended.last], [0, '1 passed, 0 failed, 2 skipped'])
})
runner('fails for a skip with CI=true', () => {
  const ended = run(['unit', 'skipped'], 'true')
  assert.equal([ended.status, ended.last], [1, '1 passed, 2 failed'])
})
runner('names neither skips nor failures where there are none', () => {
  const ended = run(['unit', 'good'])
  assert.equal([ended.status, ended.last], [0, '2 passed, 0 failed'])
})
const FAULTS: readonly (readonly [string, string, RegExp])[] = [
  ['failing', '1 passed, 1 failed', /unit\/failing\.test\.mts: 1 passed, 1 failed \(/],
  ['bare', '0 passed, 1 failed', /before its tests were over/],
  ['nothing', '0 passed, 1 failed', /no test was registered/],
  ['killed', '0 passed, 1 failed', /ended with SIGKILL, before its tests were over/],
  ['late-crash', '1 passed, 1 failed', /too late|exit code 1/],
  ['there is no such file', '0 passed, 1 failed', /no test file in .* with "there is no such file"/],
]
for (const [name, last, output] of FAULTS) {
  runner(`fails for: ${name}`, () => {
    const ended = run(['unit', name])
    assert.equal([ended.status, ended.last], [1, last])
    assert.match(ended.output, output)
  })
}
runner('stops a file after its time', () => {
  const ended = run(['unit', 'hang', '--limit', '1'])
  assert.equal([ended.status, ended.last], [1, '0 passed, 1 failed'])
  assert.match(ended.output, /stopped after 1 s/)
})
runner('refuses a flag that it does not know', () => {
  assert.is(run(['unit', 'good', '--limits', '1']).status, 1)
})
runner.run()
