/** Pictures of the terminal: how lines become one, and what those that are kept may show. */
import { readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { type Cell, type Line, picture, SHADES } from '../pictures/svg.mts'
import { suite } from '../suite.mts'

const ROOT = resolve(import.meta.dirname, '../..')
const FOLDER = join(ROOT, 'docs/pictures')

const line = (text: string, look: Partial<Cell> = {}): Line =>
  [...text].map((one) => ({ text: one, colour: undefined, bold: false, dim: false, ...look }))
const drawn = (...lines: readonly Line[]) => picture(lines, 40, { title: 'a <title>', text: 'what & why' })

const test = suite('pictures')

test('text stays text, and what means something to XML is told as it is', () => {
  const svg = drawn(line('a < b && c'))
  assert.match(svg, />a &lt; b &amp;&amp; c<\/tspan>/)
  assert.match(svg, '<title id="title">a &lt;title&gt;</title>')
  assert.match(svg, '<desc id="text">what &amp; why</desc>')
})

test('each piece says where it begins and how wide it is, also after a gap', () => {
  const places = [...drawn(line('ab   cd')).matchAll(/<tspan x="([\d.]+)" textLength="([\d.]+)"[^>]*>(\w+)/g)]
  assert.equal(
    places.map(([, x, width, text]) => [text, Number(x), Number(width)]),
    [
      ['ab', 14, 15.6],
      ['cd', 53, 15.6],
    ],
  )
})

test('colours of the terminal have names, and change where they do', () => {
  const svg = drawn([
    ...line('ok ', { colour: 2 }),
    ...line('no', { colour: 1, bold: true }),
    ...line(' so', { dim: true }),
  ])
  assert.equal(
    [...svg.matchAll(/class="([\w ]+)">(\w+)/g)].map(([, look, text]) => [text, look]),
    [
      ['ok', 'green'],
      ['no', 'red bold'],
      ['so', 'grey'],
    ],
  )
})

/** WCAG 2, relative luminance. */
const luminance = (hex: string) => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
const contrast = (one: string, other: string) => {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

test('each colour can be read on its ground, by day and by night', () => {
  const { ground, edge: _, ...inks } = SHADES
  for (const [name, shades] of Object.entries(inks))
    for (const at of [0, 1] as const)
      assert.ok(contrast(shades[at], ground?.[at] as string) >= 4.5, `${name} ${shades[at]}`)
})

const kept = readdirSync(FOLDER).filter((name) => /^terminal-.*\.svg$/.test(name))

test('those that are kept tell nothing of the machine on which they were made', () => {
  assert.ok(kept.length >= 5)
  for (const name of kept) {
    const svg = readFileSync(join(FOLDER, name), 'utf8')
    // Paths of a node, and no other.
    const tops = [...svg.matchAll(/(?<=[\s'"=>(])\/(\w+)\//g)].map(([, top]) => top)
    assert.equal(
      [...new Set(tops)].filter((top) => !['etc', 'run', 'usr', 'var'].includes(top as string)),
      [],
      name,
    )
    assert.not.ok(svg.includes(`@${hostname()}`), name)
    assert.match(svg, /<title id="title">.+<\/title>\n<desc id="text">.+<\/desc>/, name)
    assert.match(svg, 'prefers-color-scheme:dark', name)
  }
})

test('each of them stands in a document, with words for those who cannot see it', () => {
  const documents = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => join('docs', name))]
    .filter((name) => name.endsWith('.md'))
    .map((name) => readFileSync(join(ROOT, name), 'utf8'))
    .join('\n')
  for (const name of kept) assert.match(documents, new RegExp(`!\\[[^\\]]{10,}\\]\\([^)]*pictures/${name}\\)`), name)
})

test.run()
