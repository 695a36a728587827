/** POSIX shell text: the one way in which values enter it. */

/** Text that is already shell and goes into a script as it is. */
export interface Shell {
  readonly shell: string
}

type Value = string | number | boolean | Shell | readonly (string | number)[]

/** Marks text as shell, for pieces made by `sh` or written by hand. Never for a value. */
export const raw = (shell: string): Shell => ({ shell })

/**
 * One word for any POSIX shell, whatever it holds.
 * Throws RangeError on NUL, which no shell variable can hold (POSIX.1-2017, XBD 8.1).
 */
export function quote(value: string | number | boolean): string {
  const text = String(value)
  if (text.includes('\0')) throw new RangeError('a NUL byte cannot be passed to a shell')
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function piece(value: Value): string {
  if (Array.isArray(value)) return value.map(quote).join(' ')
  return typeof value === 'object' ? (value as Shell).shell : quote(value as string)
}

/** Shell text from a template: values are quoted (a list becomes words), `Shell` goes in as it is, common indent is cut. */
export function sh(strings: TemplateStringsArray, ...values: Value[]): string {
  const indent = /^\n( *)/.exec(strings.raw[0] ?? '')?.[1]
  // Only the literal parts are dedented: an indent inside a value belongs to the value.
  const literal = strings.map((text) => (indent ? text.replaceAll(`\n${indent}`, '\n') : text))
  return literal
    .map((text, index) => (index === 0 ? text : piece(values[index - 1] as Value) + text))
    .join('')
    .trim()
}
