/** What the drawings share: two sizes, a frame, and texts that fit. */
import { type Html, html, joined } from './html.mts'

/** Units in the width of a drawing: beside one another, and on a phone. The style sheet shows one of them. */
export const SIZES = { wide: 880, narrow: 340 } as const
export type Size = keyof typeof SIZES

/** A drawing in both sizes. It is one picture with one name, that of the element with this id. */
export const drawing = (
  id: string,
  label: Html,
  draw: (size: Size) => { readonly height: number; readonly body: Html },
) =>
  html`<p class="unseen" id="${id}">${label}</p>${(['wide', 'narrow'] as const).map((size) => {
    const { height, body } = draw(size)
    return html`<svg class="${size}" role="img" aria-labelledby="${id}" viewBox="0 0 ${SIZES[size]} ${height}">${body}</svg>`
  })}`

/** A text cut to so many units at 13 units of size, in the middle, where names and addresses tell least; the whole is its title. */
export function fitting(text: string, units: number): Html {
  const most = Math.max(5, Math.floor(units / 7.2))
  if (text.length <= most) return html`${text}`
  const head = Math.ceil((most - 1) / 2)
  return html`${text.slice(0, head)}…${text.slice(text.length - (most - 1 - head))}<title>${text}</title>`
}

/** A path of rectangles: hundreds of them are small so. */
export const rectangles = (
  all: readonly (readonly [x: number, y: number, width: number, height: number])[],
): string => {
  const short = (value: number) => String(Math.round(value * 10) / 10)
  return all.map(([x, y, w, h]) => `M${short(x)} ${short(y)}h${short(w)}v${short(h)}h-${short(w)}z`).join('')
}

/** Words on lines of at most so many units, each as wide as is said. */
export function rows<One extends { readonly width: number }>(
  all: readonly One[],
  units: number,
): readonly (readonly One[])[] {
  const lines: One[][] = []
  let used = units
  for (const one of all) {
    if (used + one.width > units || lines.length === 0) {
      lines.push([])
      used = 0
    }
    lines.at(-1)?.push(one)
    used += one.width
  }
  return lines
}

/** Colours by class with what they mean. */
export const legend = (all: readonly (readonly [className: string, text: Html])[]): Html =>
  html`<ul class="legend">${all.map(([name, text]) => html`<li><span class="key ${name}" aria-hidden="true"></span>${text}</li>`)}</ul>`

export const list = (pieces: readonly Html[]): Html => joined(pieces, ', ')
