/**
 * Puts the packages that a running quorate needs into vendor/npm of a release, and makes `npm ci` take them from there. Run in the folder
 * of the release:
 *
 *     node vendor.mts
 *
 * Each file is the registry's own, held against the hash in package-lock.json. Those that only contributors need are left out.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Entry {
  readonly version: string
  readonly integrity: string
  readonly dev?: boolean
  /** A name, or some. */
  readonly os?: string | readonly string[]
  readonly cpu?: string | readonly string[]
  resolved?: string
}
interface Lock {
  readonly packages: Readonly<Record<string, Entry>>
}

const FOLDER = 'vendor/npm'
const LOCK = 'package-lock.json'

const nameOf = (path: string): string => path.replace(/^.*node_modules\//, '')
/** As `npm pack` calls it. */
const fileOf = (path: string, { version }: Entry): string =>
  `${nameOf(path).replace('@', '').replace('/', '-')}-${version}.tgz`

/** A release installs without a network on these; npm does not ask for what is of another. */
const fits = ({ os = 'linux', cpu = 'x64' }: Entry): boolean =>
  [os].flat().includes('linux') && [cpu].flat().some((one) => one === 'x64' || one === 'arm64')

const lock = JSON.parse(readFileSync(LOCK, 'utf8')) as Lock
const needed = Object.entries(lock.packages).filter(([path, entry]) => path !== '' && entry.dev !== true && fits(entry))

mkdirSync(FOLDER, { recursive: true })
const specs = new Set(needed.map(([path, { version }]) => `${nameOf(path)}@${version}`))
execFileSync('npm', ['pack', '--silent', '--prefer-offline', '--pack-destination', FOLDER, ...specs], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
for (const [path, entry] of needed) {
  const file = fileOf(path, entry)
  const hash = `sha512-${createHash('sha512')
    .update(readFileSync(join(FOLDER, file)))
    .digest('base64')}`
  if (hash !== entry.integrity) throw new Error(`${file} is not the package that ${LOCK} means: ${hash}`)
  entry.resolved = `file:${FOLDER}/${file}`
}
writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`)
// Nothing is asked for that is not here: what contributors need comes with a clone.
writeFileSync('.npmrc', 'omit=dev\noffline=true\n')
