/** Secrets are masked where text enters an event, in each form in which they are sent. */
import { quote } from './shell.mts'

export interface Mask {
  (text: string): string
  /** Keeps one more value out of everything that follows. */
  readonly add: (secret: string) => void
}

/** As an attribute's value in XML, the way our renderer and libxml2 write it. */
const inXml = (text: string) =>
  text.replace(/[&<>"\t\n\r]/g, (char) => {
    const name = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' }[char]
    return name === undefined ? `&#${char.charCodeAt(0)};` : `&${name};`
  })

/** As it stands within quotes of a shell: a JSON body or the CIB goes into a script so. */
const inQuotes = (text: string) => text.replaceAll("'", "'\\''")

/** base64 of a text that holds the secret somewhere differs with the secret's offset; that of the secret alone is known. */
const forms = (secret: string): readonly string[] => {
  const written = [secret, JSON.stringify(secret).slice(1, -1), inXml(secret)]
  return [
    ...written,
    ...written.map(inQuotes),
    quote(secret),
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
  ]
}

export function masked(secrets: readonly string[]): Mask {
  let known: readonly string[] = []
  const add = (secret: string) => {
    if (secret === '') return
    // Longer forms first: else the rest of a longer one would stay.
    known = [...new Set([...known, ...forms(secret)])].sort((a, b) => b.length - a.length)
  }
  for (const secret of secrets) add(secret)
  return Object.assign((text: string) => known.reduce((all, secret) => all.replaceAll(secret, '********'), text), {
    add,
  })
}
