/** What problems tell of an env file's own text: in one line, not too long, and nothing that may be a secret. */

/**
 * A value. What follows a "=" is left out: where a line break was lost, the value of one key holds the line of the next one,
 * as in `LINK_MODE=activeOS_PASSWORD=…`.
 */
export function shown(text: string): string {
  const part = /^[^=\n]{0,120}/.exec(text)?.[0] ?? ''
  return part === text ? text : `${part}…`
}

/** A key. What has not the form of one may be the rest of a secret whose line was broken, and is not told. */
export const shownKey = (key: string): string =>
  /^(?:[A-Z][A-Z0-9_]*|(?:FENCE2?|SERVICE|RATE_LIMIT)_\w+)$/.test(key) ? shown(key) : 'this key'
