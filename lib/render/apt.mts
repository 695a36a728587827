/** REPOS as apt reads it: sources in deb822 style, each key in a keyring of its own (sources.list(5), apt-secure(8)). */
import type { Repo } from '../config.mts'

/** apt tells armoured keys from binary ones by the name alone; what a node fetches it keeps in binary form. */
export const keyringPath = (index: number, { key }: Pick<Repo, 'key'>): string => {
  const armoured = key !== undefined && Buffer.from(key, 'base64').toString('latin1').startsWith('-----BEGIN')
  return `/etc/apt/keyrings/quorate-${index}.${armoured ? 'asc' : 'gpg'}`
}

/** Logins of the repositories (apt_auth.conf(5)), longest path first: an entry is for all paths that begin with its own. */
export const aptAuth = (repos: readonly Repo[]): string =>
  repos
    .filter(({ form }) => form === 'deb')
    .flatMap(({ login }) => login ?? [])
    .sort((a, b) => b.machine.length - a.machine.length)
    .map(({ machine, name, password }) => `machine ${machine} login ${name} password ${password}\n`)
    .join('')

/** Options in brackets that deb822 calls otherwise; the others only begin with capitals there. */
const FIELDS: Readonly<Record<string, string>> = {
  arch: 'Architectures',
  lang: 'Languages',
  target: 'Targets',
  pdiffs: 'PDiffs',
  'inrelease-path': 'InRelease-Path',
}

function fieldOf([option, value]: Repo['options'][number]): string {
  const [, name = option, change = ''] = /^(.*?)([+-]?)$/.exec(option) ?? []
  const plain = FIELDS[name] ?? name.replace(/(^|-)([a-z])/g, (_, before, letter) => `${before}${letter.toUpperCase()}`)
  return `${plain}${{ '+': '-Add', '-': '-Remove' }[change] ?? ''}: ${value.replaceAll(',', ' ')}`
}

/** A key that was named becomes the only one that the repository may be signed with. */
export const aptSources = (repos: readonly Repo[]): string =>
  [
    '# Written by quorate from REPOS.\n',
    ...repos.flatMap((repo, index) =>
      repo.form === 'deb'
        ? [
            [
              'Types: deb',
              `URIs: ${repo.uri}`,
              `Suites: ${repo.suite}`,
              ...(repo.components.length > 0 ? [`Components: ${repo.components.join(' ')}`] : []),
              ...repo.options.map(fieldOf),
              ...((repo.key ?? repo.keyUrl) === undefined ? [] : [`Signed-By: ${keyringPath(index, repo)}`]),
              '',
            ].join('\n'),
          ]
        : [],
    ),
  ].join('\n')
