/** Secrets are masked where text enters an event, in each form in which they are sent. */
import { quote } from './shell.mts'

export interface Mask {
  (text: string): string
  /** Keeps one more value out of everything that follows. */
  readonly add: (secret: string) => void
}

/** base64 of a text that holds the secret somewhere differs with the secret's offset; that of the secret alone is known. */
const forms = (secret: string): readonly string[] => [
  secret,
  Buffer.from(secret).toString('base64'),
  encodeURIComponent(secret),
  quote(secret),
  JSON.stringify(secret).slice(1, -1),
  secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
]

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
