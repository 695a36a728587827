/** What the readers of single keys share: the entries of an env file, and the list of what is wrong with it. */
import type { Entry } from './env-file.mts'
import type { Problem } from './errors.mts'
import { shown } from './shown.mts'

export interface Source {
  /** The env file, absolute: paths in it are relative to its folder. */
  readonly file: string
  readonly entries: readonly Entry[]
  /** The entry of a key. An empty value is the same as none. */
  readonly get: (key: string) => Entry | undefined
  /** Keys that are in the file but could not be read, and their lines. */
  readonly broken: ReadonlyMap<string, number>
  readonly report: (problem: Problem) => void
  /** Keeps a value out of every output. */
  readonly secret: (value: string) => void
}

/** A value that must match; undefined when it is absent or does not. */
export function matching(source: Source, key: string, form: RegExp, what: string, example: string): string | undefined {
  const entry = source.get(key)
  if (entry === undefined || form.test(entry.value)) return entry?.value
  source.report({ line: entry.line, key, text: `${key} is not ${what}`, remedy: `write it like ${key}=${example}` })
  return undefined
}

/** One of some words. */
export function oneOf<Word extends string>(source: Source, key: string, words: readonly [Word, ...Word[]]): Word {
  const entry = source.get(key)
  const found = words.find((word) => word === entry?.value)
  if (entry !== undefined && found === undefined) {
    const remedy = `write ${words.map((word) => `${key}=${word}`).join(' or ')}`
    source.report({ line: entry.line, key, text: `${key} cannot be "${shown(entry.value)}"`, remedy })
  }
  return found ?? words[0]
}

/** A whole number within bounds. */
export function integer(source: Source, key: string, least: number, most: number): number | undefined {
  const entry = source.get(key)
  if (entry === undefined) return undefined
  const value = /^\d{1,9}$/.test(entry.value) ? Number(entry.value) : Number.NaN
  if (value >= least && value <= most) return value
  const remedy = `write digits only, like ${key}=${least === 1 ? 22 : 10000}`
  source.report({ line: entry.line, key, text: `${key} is not a whole number from ${least} to ${most}`, remedy })
  return undefined
}

/** A word with its article. */
export const a = (word: string) => (/^[aeiou]/.test(word) ? `an ${word}` : `a ${word}`)
