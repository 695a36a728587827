/** The env file as text: strict lines around dotenv's values, so that nothing in it is dropped or guessed. */
import { parse } from 'dotenv'
import type { Problem } from './errors.mts'
import { shown, shownKey } from './shown.mts'

export interface Entry {
  readonly key: string
  readonly value: string
  /** Where it begins, counted from 1. */
  readonly line: number
}

export interface EnvText {
  readonly entries: readonly Entry[]
  readonly problems: readonly Problem[]
  /** Keys whose value could not be read for sure, each with its first such line: there is a problem about each. */
  readonly broken: ReadonlyMap<string, number>
}

/** A piece of a value, and the line that it stands in. */
export interface Piece {
  readonly text: string
  readonly line: number
}

/** The lines of a value without comments and blank lines. */
export const linesOf = ({ value, line }: Entry): readonly Piece[] =>
  value
    .split('\n')
    .map((text, index) => ({ text: text.replace(/(^|\s)#.*$/, '').trim(), line: line + index }))
    .filter(({ text }) => text !== '')

/**
 * A line without what follows a "=", which belongs in no list of ours: where a line break was lost it is the value of the next
 * key, and a word of it may be a part of a password.
 */
export const beforeEquals = (text: string): string => text.replace(/=.*$/s, '=')

/** The words of a list, parted by spaces, commas or line breaks. */
export const wordsOf = (entry: Entry): readonly Piece[] =>
  linesOf(entry).flatMap(({ text, line }) =>
    beforeEquals(text)
      .split(/[\s,]+/)
      .filter((word) => word !== '')
      .map((word) => ({ text: word, line })),
  )

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)$/s
/** A line that nobody means to be inside a quoted value: the quote before it was forgotten. */
const NEXT_KEY = /^[ \t]*(?:export[ \t]+)?[A-Z][A-Z0-9]*(?:_\w*)?[ \t]*=/
const REST = /^(?:[ \t]*|[ \t]+#.*)$/
/** Tab is the one control character that a line may hold; the two separators end a line for JavaScript and for no editor. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/

type Value =
  | { readonly value: string; readonly quoted: boolean; readonly last: number }
  | { readonly fault: Problem; readonly last: number }

/** Reads the text of an env file. Problems come with line numbers; no text of a value is ever in one. */
export function readEnvText(source: string): EnvText {
  const text = source.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  const lines = text.split('\n')
  const problems: Problem[] = []
  const entries = new Map<string, Entry>()
  const broken = new Map<string, number>()
  const breaks = (key: string, line: number) => broken.set(key, broken.get(key) ?? line)
  const isTwice = (key: string, line: number) => {
    const before = entries.get(key)?.line ?? broken.get(key)
    if (before === undefined) return false
    const text = `${shownKey(key)} is set twice: it is already in line ${before}`
    problems.push({ line, key, text, remedy: 'keep one of the two' })
    return true
  }
  let cut = !text.endsWith('\n')

  for (let index = 0; index < lines.length; index++) {
    const line = index + 1
    const found = lines[index] as string
    if (CONTROL.test(found)) {
      problems.push(controlCharacter(found, line))
      const key = ASSIGNMENT.exec(found)?.[1]
      if (key !== undefined) {
        isTwice(key, line)
        breaks(key, line)
      }
      continue
    }
    if (/^[ \t]*(?:#|$)/.test(found)) {
      if (line === lines.length) cut = false
      continue
    }
    const [, key, rest] = ASSIGNMENT.exec(found) ?? []
    if (key === undefined || rest === undefined) {
      problems.push(malformed(found, line))
      continue
    }
    const value = readValue(lines, index, key, rest)
    const segment = lines.slice(index, value.last + 1)
    index = value.last
    const twice = isTwice(key, line)
    if ('fault' in value) {
      problems.push(value.fault)
      breaks(key, line)
      continue
    }
    if (value.last === lines.length - 1 && value.quoted) cut = false
    if (segment.some((one) => CONTROL.test(one))) {
      const at = segment.findIndex((one) => CONTROL.test(one))
      problems.push(controlCharacter(segment[at] as string, line + at, key))
      breaks(key, line)
    } else if (parse(segment.join('\n'))[key] !== value.value) {
      problems.push(ambiguous(key, line))
      breaks(key, line)
    } else if (!twice) entries.set(key, { key, value: value.value, line })
  }

  if (cut && text !== '') problems.push(cutOff(lines.length))
  if (problems.length === 0) problems.push(...differences(parse(text), entries))
  return { entries: [...entries.values()], problems, broken }
}

function readValue(lines: readonly string[], index: number, key: string, rest: string): Value {
  const quote = rest[0]
  if (quote === '"' || quote === "'" || quote === '`') return readQuoted(lines, index, key, rest.slice(1), quote)
  const line = index + 1
  const fault = (text: string, remedy: string) => ({ fault: { line, key, text, remedy }, last: index })
  if (rest.includes('#')) {
    const remedy = `put the value in quotes if the # belongs to it, and a comment in a line of its own`
    return fault(`${shownKey(key)} holds a # outside quotes, where the value would end`, remedy)
  }
  const value = rest.replace(/[ \t]+$/, '')
  if (['"', "'", '`'].some((one) => value.split(one).length % 2 === 0)) {
    return fault(
      `${shownKey(key)} holds a quote that is not closed in its line`,
      'put the whole value in quotes of another kind',
    )
  }
  return { value, quoted: false, last: index }
}

function readQuoted(lines: readonly string[], index: number, key: string, rest: string, quote: string): Value {
  const line = index + 1
  const fault = (at: number, text: string, remedy: string) => ({ fault: { line, key, text, remedy }, last: at })
  const taken: string[] = []
  let escaped = false
  for (let at = index; at < lines.length; at++) {
    const text = at === index ? rest : (lines[at] as string)
    if (at > index && NEXT_KEY.test(text)) return fault(at - 1, ...unclosed(key, quote, `before line ${at + 1}`))
    let end = text.indexOf(quote)
    // dotenv keeps the backslash and takes the quote for either, depending on what follows somewhere below.
    while (end > 0 && text[end - 1] === '\\') {
      escaped = true
      if (REST.test(text.slice(end + 1))) break
      end = text.indexOf(quote, end + 1)
    }
    if (end === -1) {
      taken.push(text)
      continue
    }
    if (escaped) {
      const remedy = 'use another kind of quotes around the value (double, single or `), or none'
      return fault(
        at,
        `${shownKey(key)} holds a backslash before a ${NAMES[quote]} quote, which can be read in two ways`,
        remedy,
      )
    }
    if (!REST.test(text.slice(end + 1))) {
      const where = at === index ? '' : ` in line ${at + 1}`
      const remedy = `the value may hold the quotes that are not around it (double, single or \`)`
      return fault(at, `${shownKey(key)} has text after its closing quote${where}`, remedy)
    }
    const value = [...taken, text.slice(0, end)].join('\n')
    if (quote === '"' && /\\[nr]/.test(value)) {
      const remedy = 'use single quotes to keep it as it is, or break the line'
      return fault(at, `${shownKey(key)} holds \\n or \\r in double quotes, which would become a line break`, remedy)
    }
    return { value, quoted: true, last: at }
  }
  return fault(lines.length - 1, ...unclosed(key, quote, 'up to the end of the file'))
}

const NAMES: Readonly<Record<string, string>> = { '"': 'double', "'": 'single', '`': 'backtick' }

const unclosed = (key: string, quote: string, where: string) =>
  [
    `the ${NAMES[quote]} quote that opens ${shownKey(key)} here is not closed ${where}`,
    'close it; if the file was cut off, take a whole copy',
  ] as const

function malformed(text: string, line: number): Problem {
  const left = /^[ \t]*(?:export[ \t]+)?([^=]*?)[ \t]*(=|$)/.exec(text)
  const name = left?.[1] ?? ''
  if (left?.[2] !== '=') return { line, text: 'this line has no "="', remedy: 'write KEY=value, or # before a comment' }
  // What is not a name may be part of a secret, so only a name is told.
  const told = /^(?:[A-Z0-9][A-Z0-9_.-]*|FENCE_[\w.-]*)$/.test(name) ? `"${shown(name)}"` : 'what stands before "="'
  const remedy = /^FENCE_[\w.-]+$/.test(name)
    ? `write ${shown(name.replaceAll(/[.-]/g, '_'))}`
    : 'a key is made of letters, digits and _, without spaces'
  return { line, text: name === '' ? 'there is no key before "="' : `${told} is not a key`, remedy }
}

function controlCharacter(text: string, line: number, key?: string): Problem {
  const code = CONTROL.exec(text)?.[0].charCodeAt(0) ?? 0
  const name = code === 0 ? 'a NUL' : `the control character U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  return { line, key, text: `this line holds ${name}`, remedy: 'the file must be plain text in UTF-8: retype the line' }
}

const ambiguous = (key: string, line: number): Problem => ({
  line,
  key,
  text: `${shownKey(key)} can be read in two ways`,
  remedy: 'put the value in single quotes, and look for characters that only look like a space',
})

const cutOff = (line: number): Problem => ({
  line,
  text: 'the last line does not end with a line break: the file may be cut off',
  remedy: 'see that the line is whole, and end it with Enter',
})

function differences(
  values: Readonly<Record<string, string>>,
  entries: ReadonlyMap<string, Entry>,
): readonly Problem[] {
  const keys = new Set([...entries.keys(), ...Object.keys(values)])
  return [...keys]
    .filter((key) => !Object.hasOwn(values, key) || entries.get(key)?.value !== values[key])
    .map((key) => ambiguous(key, entries.get(key)?.line ?? 1))
}
