/**
 * uvu, with its holes closed: what throws something that is no Error, a hook that fails, a forgotten `run()` and an early exit
 * all count as failures here, while uvu itself ends green (lukeed/uvu#142). A test file ends with the line that `run.mts` reads.
 */
import { inspect } from 'node:util'
import { suite as uvuSuite } from 'uvu'
import { closingLine } from './closing.mts'

type Handler = () => unknown
interface Hook {
  (handler: Handler): void
  readonly each: (handler: Handler) => void
}

export interface Suite {
  (title: string, handler: Handler): void
  readonly before: Hook
  readonly after: Hook
  /** A test that cannot run here, and why. */
  readonly skip: (title: string, reason: string) => void
  /** Needed once, after the last test: without it the suite counts as failed. */
  readonly run: () => void
}

interface Part {
  readonly name: string
  tests: number
  passed: number
  failed: number
  run: boolean
}

/** Seconds from which on a test is named with its time: where to look when the suites get slow. */
const SLOW = 20

const parts: Part[] = []
const slow: string[] = []
const skipped: string[] = []
const complaints: string[] = []

const say = (text: string) => process.stdout.write(`${text}\n`)
const asError = (thrown: unknown) =>
  thrown instanceof Error ? thrown : new Error(`threw ${inspect(thrown)}, which is no Error`)

/** A suite whose tests run one after the other. Tests are added before the first await of the file. */
export function suite(name: string): Suite {
  const inner = uvuSuite(name)
  const part: Part = { name, tests: 0, passed: 0, failed: 0, run: false }
  parts.push(part)
  let broken: Error | undefined

  // uvu stops in silence at a hook that throws, so that none ever throws: its failure is kept and told at the end.
  const kept = (what: string, handler: Handler, onFailure: (error: Error) => void) => async () => {
    try {
      await handler()
    } catch (thrown) {
      const error = asError(thrown)
      complaints.push(`${name}: the ${what} hook failed: ${error.stack ?? error.message}`)
      onFailure(error)
    }
  }
  const nothing = () => {}
  const fail = (error: Error) => {
    broken = new Error(`not run: a hook before it failed (${error.message})`)
  }

  const add = (title: string, handler: Handler) => {
    part.tests++
    let started = false
    inner(title, async () => {
      // With an await between two suites uvu would run the first one again.
      if (started) return
      started = true
      const since = performance.now()
      try {
        if (broken) throw broken
        await handler()
        part.passed++
      } catch (thrown) {
        part.failed++
        throw asError(thrown)
      } finally {
        const seconds = (performance.now() - since) / 1000
        if (seconds >= SLOW) slow.push(`${seconds.toFixed(0)} s: ${title}`)
      }
    })
  }
  const before = (handler: Handler) => inner.before(kept('before', handler, fail))
  const after = (handler: Handler) => inner.after(kept('after', handler, nothing))
  return Object.assign(add, {
    before: Object.assign(before, {
      each: (handler: Handler) => inner.before.each(kept('before.each', handler, fail)),
    }),
    after: Object.assign(after, {
      each: (handler: Handler) => inner.after.each(kept('after.each', handler, nothing)),
    }),
    skip: (title: string, reason: string) => {
      skipped.push(`${name}: ${title}: ${reason}`)
    },
    run: () => {
      part.run = true
      inner.run()
    },
  })
}

/** For a file whose tests cannot run here: says why, and counts as one skipped, or as failed where CI=true. */
export function skipSuite(reason: string): void {
  skipped.push(reason)
}

let isProgram = false
/** For a program that uses a lab and is no test file: its exit code is its own. */
export function noSuite(): void {
  isProgram = true
}

process.on('exit', (code) => {
  if (isProgram) return
  const total = (count: (part: Part) => number) => parts.reduce((all, part) => all + count(part), 0)
  const passed = total((part) => part.passed)
  let failed = total((part) => part.failed) + complaints.length
  for (const test of slow) say(test)
  for (const complaint of complaints) say(complaint)
  for (const { name, tests, run, ...part } of parts) {
    const missing = tests - part.passed - part.failed
    if (!run) say(`${name}: run() was never called`)
    else if (tests === 0) say(`${name}: no test was registered`)
    else if (missing > 0) say(`${name}: ended before ${missing} of ${tests} tests were over`)
    failed += !run || tests === 0 ? Math.max(1, missing) : missing
  }
  for (const reason of skipped) say(`skipped: ${reason}`)
  if (parts.length === 0 && skipped.length === 0) {
    say('no test was registered')
    failed++
  }
  const strict = process.env.CI === 'true' && skipped.length > 0
  if (strict) say('with CI=true a skip is a failure')
  if (strict) failed += skipped.length
  if (code !== 0 && failed === 0) {
    say(`ended with exit code ${code} although no test failed`)
    failed++
  }
  process.exitCode = failed > 0 ? 1 : 0
  say(closingLine({ passed, failed, skipped: strict ? 0 : skipped.length }))
})
