/** `name=value name="value with spaces"`: the form of FENCE_* and CLUSTER_PROPERTIES. */
import type { Entry } from './env-file.mts'
import type { Problem } from './errors.mts'
import { shown } from './shown.mts'

export interface Pair {
  readonly name: string
  readonly value: string
  readonly line: number
}

/** One word: runs of plain characters and of quoted ones, as in a shell. A quoted run stays in its line. */
const WORD = /(?:[^\s"'\\]|"(?:\\["\\]|[^"\\\n]|\\(?!["\\]))*"|'[^'\n]*')+/y
const RUN = /"((?:\\["\\]|[^"\\]|\\(?!["\\]))*)"|'([^']*)'|([^"']+)/g

const unquoted = (word: string) =>
  word.replaceAll(RUN, (_, double?: string, single?: string, plain?: string) =>
    double === undefined ? (single ?? plain ?? '') : double.replaceAll(/\\(["\\])/g, '$1'),
  )

/** Reads the pairs of a value, and tells what is wrong without a word of the value itself: it may be a secret. */
export function pairsOf(entry: Entry, report: (problem: Problem) => void): readonly Pair[] {
  const { key, value } = entry
  const pairs = new Map<string, Pair>()
  let at = 0
  let line = entry.line
  for (let word = 1; ; word++) {
    const gap = /^\s*/.exec(value.slice(at))?.[0] ?? ''
    at += gap.length
    line += gap.split('\n').length - 1
    if (at === value.length) return [...pairs.values()]
    WORD.lastIndex = at
    const text = WORD.exec(value)?.[0] ?? ''
    at += text.length
    if (at < value.length && !/\s/.test(value[at] as string)) {
      const cause = value[at] === '\\' ? 'a backslash outside quotes' : 'a quote that is not closed in its line'
      const remedy = 'put the value of a parameter that has spaces, quotes or backslashes in quotes: name="…"'
      report({ line, key, text: `${shown(key)} holds ${cause} (word ${word})`, remedy })
      // The words of the next line are sure again.
      at += /^[^\n]*/.exec(value.slice(at))?.[0].length ?? 0
      continue
    }
    const [, name, raw = ''] = /^([A-Za-z][\w-]*)=(.*)$/s.exec(text) ?? []
    if (name === undefined) {
      report({
        line,
        key,
        text: `word ${word} of ${shown(key)} is not name=value`,
        remedy: 'write name=value, with no space around =',
      })
    } else if (pairs.has(name)) {
      report({ line, key, text: `${shown(key)} sets ${shown(name)} twice`, remedy: 'keep one of the two' })
    } else if (raw === '') {
      // Not its name: after a space too many it may be a part of a password.
      const text = `word ${word} of ${shown(key)} has no value`
      report({ line, key, text, remedy: 'write name=value, with no space around =, or remove it' })
    } else pairs.set(name, { name, value: unquoted(raw), line })
  }
}
