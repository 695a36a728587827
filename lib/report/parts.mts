/** Small pieces that every part of the page is made of. */
import { inChinese } from './chinese.mts'
import { type Html, html } from './html.mts'
import { type Key, say, sides } from './words.mts'

/** What nodes and tools have said, in their own words. */
export const said = (text: string): Html => html`<span lang="en">${text}</span>`

/** A sentence of ours: in both languages where that is known. */
export function sentence(text: string): Html {
  const chinese = inChinese(text)
  return chinese === undefined ? said(text) : sides(text, chinese)
}

/** In UTC; the page's script puts it into the reader's own time. `iso` is ISO 8601; empty where it is not known. */
export const time = (iso: string): Html =>
  iso === ''
    ? say('unknown')
    : html`<time datetime="${iso}">${iso.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC')}</time>`

export type Level = 'well' | 'half' | 'ill' | 'plain'
const SIGNS: Readonly<Record<Level, string>> = { well: '✓\u00a0', half: '!\u00a0', ill: '✕\u00a0', plain: '' }

/** A word with the colour and the sign of what it means. */
export const badge = (level: Level, text: Html): Html =>
  html`<span class="badge ${level}"><span aria-hidden="true">${SIGNS[level]}</span>${text}</span>`

/** `id`: of the caption, once on the page. What is too wide for a phone scrolls by itself, also by keyboard. */
export const table = (id: string, caption: Html, heads: readonly Html[], rows: readonly (readonly Html[])[]): Html =>
  html`<div class="scroll" role="group" tabindex="0" aria-labelledby="${id}"><table><caption id="${id}">${caption}</caption><thead><tr>${heads.map(
    (head) => html`<th scope="col">${head}</th>`,
  )}</tr></thead><tbody>${rows.map(
    ([first = html``, ...cells]) =>
      html`<tr><th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  )}</tbody></table></div>`

export const section = (id: string, title: Key, body: Html): Html =>
  html`<section aria-labelledby="${id}"><h2 id="${id}" tabindex="-1">${say(title)}</h2>${body}</section>`

/** Bytes of outputs that the page has room for. */
export interface Room {
  left: number
  omitted: number
}
/** Characters of one output. */
const LONGEST = 12_000

/** What differed or was printed, folded; a diff has its lines in their colours. Undefined where there is none, or no room for it. */
export function folded(room: Room, summary: Html, text: string, open = false): Html | undefined {
  const whole = text.trim()
  if (whole === '') return undefined
  if (whole.length > room.left) {
    room.omitted++
    return undefined
  }
  const shown = whole.length > LONGEST ? whole.slice(0, LONGEST) : whole
  room.left -= shown.length
  const isDiff = /^@@ /m.test(shown)
  const lines = shown.split('\n').map((line, index) => {
    const name = isDiff && /^\+(?!\+\+)/.test(line) ? 'ins' : isDiff && /^-(?!--)/.test(line) ? 'del' : undefined
    const end = index === 0 ? '' : '\n'
    return name === undefined ? html`${end}${line}` : html`${end}<span class="${name}">${line}</span>`
  })
  const cut = shown === whole ? html`` : html`<p>${say('tooLong')}</p>`
  return html`<details${open ? html` open` : html``}><summary>${summary}</summary><pre lang="en" tabindex="0">${lines}</pre>${cut}</details>`
}

export const isDiff = (text: string): boolean => /^@@ /m.test(text)
