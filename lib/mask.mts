/** Secrets are masked where text enters an event, in each form in which they are sent, printed or encoded. */
import { quote } from './shell.mts'

export interface Mask {
  (text: string): string
  /** Keeps one more value out of everything that follows. */
  readonly add: (secret: string) => void
}

const MASK = '********'

/**
 * Any so many characters in a row of a form count as the secret: what is cut, wrapped or printed in columns has no whole form
 * left. With fewer, common words that a password is made of would vanish.
 */
const PIECE = 12
/** Where a line begins or ends, a cut may have left less than a piece. */
const EDGE = 6
/**
 * A form with fewer characters is masked only where it stands as a word of its own: `1` as a password would else hide half of
 * all output, and show by the holes what it is.
 */
const SHORT = 4

const each = (text: string, what: RegExp, as: (char: string, code: number) => string) =>
  text.replace(what, (char) => as(char, char.codePointAt(0) as number))
const bytesOf = (char: string) => [...Buffer.from(char)]

/** JSON, also with nothing but ASCII, as python writes it. */
const inJson = (text: string) => {
  const json = JSON.stringify(text).slice(1, -1)
  const unit = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  return [json, json.replace(/[\u007f-\uffff]/g, unit)]
}

/** As an attribute's value in XML, the way our renderer, libxml2 (without an encoding: in ASCII) and pacemaker (&apos;) write it. */
const inXml = (text: string) => {
  const names: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' }
  const xml = each(text, /[&<>"\t\n\r]/g, (char, code) => `&${names[char] ?? `#${code}`};`)
  return [
    xml,
    each(xml, /[^\0-\x7f]/gu, (_, code) => `&#x${code.toString(16).toUpperCase()};`),
    each(xml, /[^\0-\x7f]/gu, (_, code) => `&#${code};`),
  ].flatMap((one) => [one, one.replaceAll("'", '&apos;'), one.replaceAll("'", '&#39;')])
}

/** As it stands within quotes of a shell: a JSON body or the CIB goes into a script so. */
const inQuotes = (text: string) => [text, text.replaceAll("'", "'\\''"), text.replaceAll("'", `'"'"'`)]

const inUrl = (text: string) => {
  const percent = (char: string) =>
    bytesOf(char)
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join('')
  // Lone surrogates are no text, and nothing can percent-encode them.
  const uri = each(text.toWellFormed(), /[^\w.!~*'()-]/gu, percent)
  const strict = each(uri, /[!~*'()]/g, percent)
  return [uri, strict, strict.replaceAll('%20', '+')].flatMap((one) => [
    one,
    one.replace(/%../g, (code) => code.toLowerCase()),
  ])
}

/** As ls(1), git and a shell that traces write what is not plain. */
const escaped = (text: string) => [
  quote(text.replaceAll('\0', '')),
  each(text, /[^\w@%+=:,./-]/gu, (char) => `\\${char}`),
  each(text, /[^\0-\x7f]/gu, (char) =>
    bytesOf(char)
      .map((byte) => `\\${byte.toString(8)}`)
      .join(''),
  ),
]

/** Hex, and base64 of a text that holds these bytes somewhere, which differs with their offset. */
const encoded = (bytes: Buffer) => {
  const within = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6)),
  )
  const base64 = [bytes.toString('base64'), ...within.filter((one) => one.length >= SHORT)]
  const hex = bytes.toString('hex')
  return [...base64, ...base64.map((one) => one.replaceAll('+', '-').replaceAll('/', '_')), hex, hex.toUpperCase()]
}

/** The bytes of which a text is the base64, as a key is read; undefined when it is none. */
const decoded = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length >= PIECE && bytes.toString('base64') === text ? bytes : undefined
}

function forms(secret: string): readonly string[] {
  const bytes = decoded(secret)
  return [
    ...[secret, ...inJson(secret), ...inXml(secret)].flatMap(inQuotes),
    ...inUrl(secret),
    ...escaped(secret),
    ...encoded(Buffer.from(secret)),
    ...inJson(secret).flatMap((json) => encoded(Buffer.from(json))),
    ...(bytes === undefined ? [] : [...encoded(bytes), bytes.toString('utf8'), bytes.toString('latin1')]),
    // A line of a text is printed as a line, which is all that a line of output holds.
    ...(secret.includes('\n') ? secret.split('\n') : []),
  ].filter((form) => form !== '')
}

const squeeze = (text: string) => text.replace(/\s+/g, '')
const isWord = (char: string | undefined) => char !== undefined && /[\p{L}\p{N}_]/u.test(char)

/**
 * Masks these secrets. What it knows of them are whole forms of up to PIECE characters, and of longer ones all pieces, so that
 * it takes no more time with many secrets than with one.
 */
export function masked(secrets: readonly string[]): Mask {
  const known = new Set<string>()
  const whole = new Set<string>()
  const pieces = new Set<string>()
  const heads = new Set<string>()
  const tails = new Set<string>()

  const add = (secret: string) => {
    if (secret === '' || known.has(secret)) return
    known.add(secret)
    for (const form of forms(secret)) {
      for (const one of [form, squeeze(form)]) {
        if (one.length < PIECE) {
          if (one === form) whole.add(one)
          continue
        }
        for (let at = 0; at + PIECE <= one.length; at++) pieces.add(one.slice(at, at + PIECE))
      }
      for (let size = EDGE; size < Math.min(PIECE, form.length); size++) {
        heads.add(form.slice(0, size))
        tails.add(form.slice(-size))
      }
    }
  }

  /** Marks what is to be hidden: `places` are the positions of the characters of `text` in what is marked. */
  const markPieces = (text: string, places: (at: number) => number, mark: (from: number, to: number) => void) => {
    for (let at = 0; at + PIECE <= text.length; at++)
      if (pieces.has(text.slice(at, at + PIECE))) mark(places(at), places(at + PIECE - 1) + 1)
  }
  const markWhole = (text: string, mark: (from: number, to: number) => void) => {
    for (const form of whole) {
      for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
        const end = at + form.length
        const inWord = (isWord(form[0]) && isWord(text[at - 1])) || (isWord(form.at(-1)) && isWord(text[end]))
        if (form.length >= SHORT || !inWord) mark(at, end)
      }
    }
  }
  const markEdges = (text: string, mark: (from: number, to: number) => void) => {
    for (const { index, 0: line } of text.matchAll(/\S(?:.*\S)?/g)) {
      for (let size = EDGE; size < PIECE && size <= line.length; size++) {
        if (tails.has(line.slice(0, size))) mark(index, index + size)
        if (heads.has(line.slice(-size))) mark(index + line.length - size, index + line.length)
      }
    }
  }

  const hide = (text: string): string => {
    if (known.size === 0) return text
    const hidden = new Uint8Array(text.length)
    const mark = (from: number, to: number) => void hidden.fill(1, from, to)
    markWhole(text, mark)
    markPieces(text, (at) => at, mark)
    markEdges(text, mark)
    // A long form that is wrapped, indented or in groups.
    const places = [...text.matchAll(/\S/g)].map(({ index }) => index)
    if (places.length < text.length) markPieces(squeeze(text), (at) => places[at] as number, mark)
    if (!hidden.includes(1)) return text
    let said = ''
    for (let at = 0; at < text.length; at++)
      if (!hidden[at]) said += text[at]
      else if (!hidden[at - 1]) said += MASK
    return said
  }
  for (const secret of secrets) add(secret)
  return Object.assign(hide, { add })
}

/** Words that the program itself chose: a password may be one of them. */
const CHOSEN = new Set([
  'type',
  'state',
  'outcome',
  'phase',
  'phases',
  'node',
  'nodes',
  'time',
  'began',
  'at',
  'id',
  'name',
])

/** The same of each text in lists, maps and objects, by the names of their fields; a map's keys are ids and names. */
export function maskedAll<Data>(data: Data, mask: (text: string) => string): Data {
  const each = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return CHOSEN.has(key) ? value : mask(value)
    if (Array.isArray(value)) return value.map((one) => each(one, key))
    if (value instanceof Map) return new Map([...value].map(([name, one]) => [name, each(one, key)]))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, each(one, name)]))
  }
  return each(data, '') as Data
}
