/** REPOS as an apt source list, each key in a keyring of its own (sources.list(5), apt-secure(8)). */
import type { Repo } from '../config.mts'

/** apt tells armoured keys from binary ones by the name alone. */
export const keyringPath = (index: number, key: string): string => {
  const armoured = Buffer.from(key, 'base64').toString('latin1').startsWith('-----BEGIN')
  return `/etc/apt/keyrings/quorate-${index}.${armoured ? 'asc' : 'gpg'}`
}

/** Logins of the repositories (apt_auth.conf(5)), longest path first: an entry is for all paths that begin with its own. */
export const aptAuth = (repos: readonly Repo[]): string =>
  repos
    .flatMap(({ login }) => login ?? [])
    .sort((a, b) => b.machine.length - a.machine.length)
    .map(({ machine, name, password }) => `machine ${machine} login ${name} password ${password}\n`)
    .join('')

/** One-line style. A key that was named becomes the only one that the repository may be signed with. */
export const aptSources = (repos: readonly Repo[]): string =>
  repos
    .map(({ source, key }, index) => {
      if (key === undefined) return `${source}\n`
      const [, options, rest = ''] = /^deb\s+(?:\[([^\]]*)\]\s+)?(.*)$/.exec(source) ?? []
      const all = [...(options === undefined ? [] : [options.trim()]), `signed-by=${keyringPath(index, key)}`]
      return `deb [${all.join(' ')}] ${rest}\n`
    })
    .join('')
