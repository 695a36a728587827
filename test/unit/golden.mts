/** Golden files: what a renderer gives today, as a file to read. UPDATE_GOLDEN=1 writes them anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'

/** Holds the text against test/unit/golden/<name>. */
export function golden(name: string, text: string): void {
  const file = new URL(`./golden/${name}`, import.meta.url)
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text)
  assert.fixture(text, readFileSync(file, 'utf8'), `not as golden/${name}; if it should differ: UPDATE_GOLDEN=1`)
}
