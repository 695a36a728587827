/** Lines of a terminal as a picture: real text in an SVG that is readable on a light page and on a dark one. */

export interface Cell {
  readonly text: string
  /** Of the palette of 256; undefined for the terminal's own. */
  readonly colour: number | undefined
  readonly bold: boolean
  readonly dim: boolean
}
export type Line = readonly Cell[]

export interface Caption {
  /** What it is, in a few words. */
  readonly title: string
  /** What can be seen on it, for those who cannot see it. */
  readonly text: string
}

/** Names of the sixteen colours, the bright ones as the others. */
const COLOURS = ['grey', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'plain']

/** On a light page and on a dark one, each with a contrast of more than 4.5 against its ground. */
export const SHADES: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  ground: ['#ffffff', '#0d1117'],
  edge: ['#d1d9e0', '#3d444d'],
  plain: ['#1f2328', '#e6edf3'],
  grey: ['#59636e', '#9198a1'],
  red: ['#cf222e', '#ff7b72'],
  green: ['#116329', '#3fb950'],
  yellow: ['#7d4e00', '#d29922'],
  blue: ['#0969da', '#79c0ff'],
  magenta: ['#8250df', '#d2a8ff'],
  cyan: ['#1b7c83', '#39c5cf'],
}

/** Pixels. */
const [WIDE, HIGH, SIZE, MARGIN] = [7.8, 18, 13, 14]

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const classOf = ({ colour, dim, bold }: Cell): string =>
  [dim ? 'grey' : colour === undefined ? 'plain' : (COLOURS[colour % 8] ?? 'plain'), ...(bold ? ['bold'] : [])].join(
    ' ',
  )

const styles = (at: 0 | 1): string =>
  Object.entries(SHADES)
    .map(([name, shades]) => (name === 'edge' ? `.edge{stroke:${shades[at]}}` : `.${name}{fill:${shades[at]}}`))
    .join('')

interface Piece {
  /** The column in which it begins. */
  readonly at: number
  readonly text: string
  readonly look: string
}

/**
 * Cells side by side that look alike, up to a gap. Where each begins is said, so that columns stand whatever the font, and no viewer has
 * to keep more than one space.
 */
function pieces(line: Line): readonly Piece[] {
  const found: Piece[] = []
  for (const [at, cell] of line.entries()) {
    const last = found.at(-1)
    const look = cell.text === ' ' ? (last?.look ?? '') : classOf(cell)
    if (last?.look === look) found[found.length - 1] = { ...last, text: last.text + cell.text }
    else found.push({ at, text: cell.text, look })
  }
  return found.flatMap(({ at, text, look }) =>
    [...text.matchAll(/\S+(?: \S+)*/g)].map(({ index, 0: part }) => ({ at: at + index, text: part, look })),
  )
}

const row = (line: Line, index: number): string => {
  const spans = pieces(line).map(
    ({ at, text, look }) =>
      `<tspan x="${(MARGIN + at * WIDE).toFixed(1)}" textLength="${(text.length * WIDE).toFixed(1)}" class="${look}">${escaped(text)}</tspan>`,
  )
  return spans.length === 0 ? '' : `<text y="${MARGIN + SIZE + index * HIGH}">${spans.join('')}</text>\n`
}

/** A picture as wide as this many columns. */
export function picture(lines: readonly Line[], columns: number, { title, text }: Caption): string {
  const width = Math.round(columns * WIDE + 2 * MARGIN)
  const height = lines.length * HIGH + 2 * MARGIN
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title text">
<title id="title">${escaped(title)}</title>
<desc id="text">${escaped(text)}</desc>
<style>text{font:${SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}.bold{font-weight:bold}${styles(0)}@media (prefers-color-scheme:dark){${styles(1)}}</style>
<rect class="ground edge" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="6"/>
${lines.map(row).join('')}</svg>
`
}
