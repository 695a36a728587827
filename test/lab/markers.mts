/** Secrets that a test looks for: in every form in which they could be sent or printed, and in pieces. Not lib/mask.mts's forms. */

/** So many characters in a row of a form count as found. */
const PIECE = 12

/** The names of the secrets of which something is in there. */
export type Search = (bytes: Buffer) => readonly string[]

/** Bytes as they are, a character each. */
const raw = (text: string | Buffer) => Buffer.from(text as string).toString('latin1')

const perByte = (bytes: Buffer, plain: RegExp, as: (hex: string) => string) =>
  [...bytes]
    .map((byte) => {
      const char = String.fromCharCode(byte)
      return plain.test(char) ? char : as(byte.toString(16).padStart(2, '0'))
    })
    .join('')

const perChar = (text: string, as: (char: string, code: number) => string | undefined) =>
  [...text].map((char) => as(char, char.codePointAt(0) as number) ?? char).join('')

function forms(secret: Buffer): readonly string[] {
  const text = secret.toString('utf8')
  const isText = raw(text) === raw(secret)
  const padded = [0, 1, 2].flatMap((offset) =>
    [secret, Buffer.concat([secret, Buffer.from('\n')])].map((bytes) =>
      Buffer.concat([Buffer.alloc(offset), bytes])
        .toString('base64')
        .slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + secret.length) * 8) / 6)),
    ),
  )
  const encoded = [
    ...padded,
    ...padded.map((one) => one.replaceAll('+', '-').replaceAll('/', '_')),
    secret.toString('hex'),
    secret.toString('hex').toUpperCase(),
    perByte(secret, /[\w.~-]/, (hex) => `%${hex.toUpperCase()}`),
    perByte(secret, /[\w.~-]/, (hex) => `%${hex}`),
    perByte(secret, /[\w.~!*'()-]/, (hex) => `%${hex.toUpperCase()}`),
  ]
  if (!isText) return [raw(secret), ...encoded]
  const json = JSON.stringify(text).slice(1, -1)
  const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  const written = [
    text,
    json,
    perChar(json, (_, code) => (code > 126 ? `\\u${code.toString(16).padStart(4, '0')}` : undefined)),
    perChar(text, (char) => named[char]),
    perChar(text, (char, code) => named[char] ?? (code > 126 ? `&#x${code.toString(16).toUpperCase()};` : undefined)),
    perChar(text, (char, code) => named[char] ?? (code > 126 ? `&#${code};` : undefined)),
    perChar(text, (char) => (/[\w.:/-]/.test(char) ? undefined : `\\${char}`)),
  ]
  const apart = ["'\\''", '&apos;', '&#39;'].flatMap((quote) => written.map((one) => one.replaceAll("'", quote)))
  return [...encoded, ...[...written, ...apart].map(raw)]
}

/** Looks for these secrets, by name. */
export function searchFor(secrets: ReadonlyMap<string, Buffer>): Search {
  const pieces = new Map<string, string>()
  const short = new Map<string, string>()
  for (const [name, secret] of secrets)
    for (const form of forms(secret)) {
      if (form.length < PIECE) short.set(form, name)
      else for (let at = 0; at + PIECE <= form.length; at++) pieces.set(form.slice(at, at + PIECE), name)
    }
  // Most places of a long text are passed over by their first two bytes.
  const begins = new Uint8Array(65536)
  for (const piece of pieces.keys()) begins[(piece.charCodeAt(0) << 8) | piece.charCodeAt(1)] = 1
  return (bytes) => {
    const found = new Set<string>()
    const text = bytes.toString('latin1')
    for (const [form, name] of short) if (text.includes(form)) found.add(name)
    for (let at = 0; at + PIECE <= bytes.length; at++) {
      if (!begins[((bytes[at] as number) << 8) | (bytes[at + 1] as number)]) continue
      const name = pieces.get(text.slice(at, at + PIECE))
      if (name !== undefined) found.add(name)
    }
    return [...found]
  }
}
