/** What a drill may cost, and whether it asks, from the env file. */
import type { Config } from './config.mts'
import { NAMES } from './drill/names.mts'
import { didYouMean } from './nearest.mts'
import { pairsOf } from './pairs.mts'
import { shown } from './shown.mts'
import { oneOf, type Source } from './source.mts'

const KEY = 'DRILL_MAX_OUTAGE'

/** Milliseconds, for all scenarios (`10000`) or for some by name (`crash=12000 move=800`). */
export function readDrill(source: Source): Config['drill'] {
  const asks = oneOf(source, 'DRILL_ASK', ['yes', 'no']) === 'yes'
  const entry = source.get(KEY)
  if (entry === undefined) return { asks, limits: {} }
  const report = (line: number, text: string) =>
    source.report({
      line,
      key: KEY,
      text,
      remedy: `write milliseconds: ${KEY}=10000, or by scenario: ${KEY}="crash=12000 move=800"`,
    })
  if (!entry.value.includes('=')) {
    if (/^[1-9]\d{0,6}$/.test(entry.value.trim())) return { asks, limit: Number(entry.value), limits: {} }
    report(entry.line, `${KEY} is no number of milliseconds`)
    return { asks, limits: {} }
  }
  const pairs = pairsOf(entry, source.report)
  for (const { name, line } of pairs) {
    if (NAMES.some((one) => one === name)) continue
    const remedy = didYouMean(name, NAMES, `there are ${NAMES.join(', ')}`)
    source.report({ line, key: KEY, text: `${KEY}: there is no scenario ${shown(name)}`, remedy })
  }
  for (const { name, value, line } of pairs)
    if (!/^[1-9]\d{0,6}$/.test(value)) report(line, `${KEY}: ${shown(name)} is no number of milliseconds`)
  return { asks, limits: Object.fromEntries(pairs.map(({ name, value }) => [name, Number(value)])) }
}
