/** HTML and SVG text: the one way in which values enter it. */

/** Text that is already HTML and goes into a page as it is. */
export interface Html {
  readonly html: string
}

export type Value = string | number | Html | readonly Html[] | undefined

/** Marks text as HTML, for pieces made by `html`, and for what was written or built here. Never for a value. */
export const markup = (html: string): Html => ({ html })

const NAMES: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }

/** As text, or as the value of an attribute in quotes. Control characters, which no page may hold, become visible marks. */
export const escaped = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[&<>"']/g, (char) => `&${NAMES[char]};`)
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, '\ufffd')

function piece(value: Value): string {
  if (value === undefined) return ''
  if (typeof value === 'number') return String(Math.round(value * 100) / 100)
  if (typeof value === 'string') return escaped(value)
  if (Array.isArray(value)) return value.map((one: Html) => one.html).join('')
  return (value as Html).html
}

/** HTML from a template: texts are escaped, numbers have two decimals at most, `Html` goes in as it is. */
export const html = (strings: TemplateStringsArray, ...values: Value[]): Html =>
  markup(strings.map((text, index) => (index === 0 ? text : piece(values[index - 1]) + text)).join(''))

/** Pieces one after the other, with this between them. */
export const joined = (pieces: readonly Html[], between: string): Html =>
  markup(pieces.map((one) => one.html).join(between))
