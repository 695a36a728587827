/** PACKAGES_<name> of the env file: versions that are wanted. */
import type { Config } from './config.mts'
import { PACKAGE_NAMES, type PackageName } from './family.mts'
import { didYouMean } from './nearest.mts'
import { shown } from './shown.mts'
import type { Source } from './source.mts'

export const isPackageKey = (key: string): boolean => /^PACKAGES_./.test(key)

/** No env file has a hyphen in a name. */
const keyOf = (name: string) => `PACKAGES_${name.replaceAll('-', '_')}`

/** Versions by the names of lib/family.mts. What a version may hold: deb-version(7), rpm-version(7). */
export function readVersions(source: Source): Config['versions'] {
  const versions = new Map<PackageName, string>()
  for (const { key, value, line } of source.entries) {
    if (!isPackageKey(key) || value.trim() === '') continue
    const name = PACKAGE_NAMES.find((one) => keyOf(one).toLowerCase() === key.toLowerCase())
    const version = value.trim()
    if (name === undefined) {
      const keys = PACKAGE_NAMES.map(keyOf)
      const remedy = didYouMean(key, keys, `there are ${keys.join(', ')}`)
      source.report({ line, key, text: `${shown(key)} is for no package of the cluster`, remedy })
    } else if (versions.has(name))
      source.report({ line, key, text: `the version of ${name} is set twice`, remedy: `keep one ${keyOf(name)}` })
    else if (!/^\d[A-Za-z0-9.+~^:_-]{0,127}$/.test(version)) {
      const remedy = `write it as the package manager does, or the beginning of it, like ${keyOf(name)}=2.1.5`
      source.report({ line, key, text: `${shown(key)} is not a version`, remedy })
    } else versions.set(name, version)
  }
  return Object.fromEntries(versions)
}
