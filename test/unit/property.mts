/** Properties that must hold for everything that fast-check makes up; a failure tells its seed and its smallest example. */
import fc from 'fast-check'

const told = process.env.PROPERTY_SEED
const seed = told === undefined ? Date.now() % 2 ** 31 : Number(told)
process.stdout.write(`PROPERTY_SEED=${seed} makes up the same values again\n`)

/** Milliseconds for one property, so that the search for a smaller example ends too. */
const LIMIT = 60_000

const options = (numRuns: number) => ({ numRuns, seed, interruptAfterTimeLimit: LIMIT, markInterruptAsFailure: true })

/** Longer examples are cut: PROPERTY_SEED brings them back whole. */
const MOST = 3000

/** fast-check's own report has no limit, and would tell an example of 4 KiB three times. */
function settle<T>({ failed, counterexample, numRuns, errorInstance }: fc.RunDetails<T>): void {
  if (!failed) return
  const example = fc.stringify(counterexample)
  const cause = errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance)
  const cut = (text: string) => (text.length > MOST ? `${text.slice(0, MOST)}… (${text.length} characters)` : text)
  throw new Error(`PROPERTY_SEED=${seed}, value ${numRuns}, made as small as it gets: ${cut(example)}\n${cut(cause)}`)
}

/** Calls `holds` with that many made-up values; it throws where the property does not hold. */
export const always = <T,>(made: fc.Arbitrary<T>, runs: number, holds: (value: T) => void): void =>
  settle(fc.check(fc.property(made, holds), options(runs)))

/** The same for a property that has to wait. */
export const alwaysAsync = async <T,>(
  made: fc.Arbitrary<T>,
  runs: number,
  holds: (value: T) => Promise<void>,
): Promise<void> => settle(await fc.check(fc.asyncProperty(made, holds), options(runs)))
