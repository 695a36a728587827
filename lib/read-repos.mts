/** REPOS of the env file: repositories for every family in one syntax, a line each. */
import { readFileSync } from 'node:fs'
import type { Repo } from './config.mts'
import { linesOf, type Piece } from './env-file.mts'
import { FAMILIES } from './family.mts'
import { fingerprints } from './openpgp.mts'
import { located, unreadable } from './read-access.mts'
import { shown } from './shown.mts'
import type { Source } from './source.mts'

const FOR_APT = 'deb [options] https://host/path suite component key=file.asc'
const FOR_RPM = 'https://host/path key=file.asc'

/** Words that stand for a repository of the distribution. */
const WORDS: readonly string[] = [...new Set(['epel', ...FAMILIES.flatMap((one) => Object.keys(one.repositories))])]

export function readRepos(source: Source): readonly Repo[] {
  const entry = source.get('REPOS')
  if (entry === undefined) return []
  const repos = linesOf(entry).flatMap((piece, index) => readRepo(source, piece, index) ?? [])
  const names = repos.filter(({ form }) => form === 'rpm').map(({ name }) => name)
  for (const name of new Set(names.filter((one, index) => names.indexOf(one) !== index)))
    source.report({
      line: entry.line,
      key: 'REPOS',
      text: `two repositories of REPOS have the name ${shown(name)}`,
      remedy: 'give each a name of its own, or none',
    })
  return repos
}

/** The login in a URI, and the URI without it. */
function loginOf(source: Source, uri: string): { readonly plain: string; readonly login: Repo['login'] } {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url === undefined || url.password === '') return { plain: uri, login: undefined }
  source.secret(url.password)
  const decoded = (text: string) => {
    try {
      return decodeURIComponent(text)
    } catch {
      return text
    }
  }
  const [name, password] = [decoded(url.username), decoded(url.password)]
  source.secret(password)
  const machine = `${url.protocol}//${url.host}${url.pathname}`
  return { plain: uri.replace(/^([^/]*\/\/)[^/]*@/, '$1'), login: { machine, name, password } }
}

const optionsOf = (text: string): Repo['options'] =>
  text
    .slice(1, -1)
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => [word.replace(/=.*$/s, ''), word.includes('=') ? word.slice(word.indexOf('=') + 1) : ''] as const)

const NONE = { options: [], suite: '', components: [], key: undefined, keyUrl: undefined, fingerprints: [] } as const

function readRepo(source: Source, { text, line }: Piece, index: number): Repo | undefined {
  const wrong = (text: string, remedy: string) => source.report({ line, key: 'REPOS', text, remedy })
  if (WORDS.includes(text)) return { ...NONE, form: 'word', uri: text, name: text, login: undefined }
  const [, type, bracket = '', rest = ''] = /^(?:(deb)\s+(\[[^\]]*\])?\s*)?(.*)$/.exec(text) ?? []
  const words = rest.split(/\s+/).filter((word) => word !== '')
  const given = (name: string) =>
    words.filter((word) => word.startsWith(`${name}=`)).map((word) => word.slice(name.length + 1))
  const [uri = '', suite = '', ...components] = words.filter((word) => !/^(?:key|fingerprint|name)=/.test(word))
  const form = type === 'deb' || suite !== '' ? 'deb' : 'rpm'
  const { plain, login } = loginOf(source, uri)
  const isUri = (form === 'deb' ? /^[a-z][a-z0-9+.-]*:\/*[^/\s]/ : /^(?:https?|ftp):\/\/[^/]|^file:\/+[^/]/).test(uri)
  if (!isUri || (form === 'deb' && suite === '')) {
    wrong(
      'a line of REPOS is not a repository',
      `write it like ${FOR_APT} for apt, ${FOR_RPM} for dnf and zypper, or one word of ${WORDS.join(', ')}`,
    )
    return undefined
  }
  if (form === 'deb' && suite.endsWith('/') !== (components.length === 0)) {
    const remedy = suite.endsWith('/') ? 'remove what follows it' : 'name the component, like main'
    wrong(
      `the suite ${shown(suite)} in REPOS ${suite.endsWith('/') ? 'is a path and has no components' : 'has no component'}`,
      remedy,
    )
  }
  const [paths, prints, names] = [given('key'), given('fingerprint'), given('name')]
  if (paths.length > 1) wrong('a line of REPOS names two keys', 'put both keys in one file')
  if (prints.length > 1) wrong('a line of REPOS has two fingerprints', 'name one key, by its fingerprint')
  if (paths.length > 0 && /signed-by=/i.test(bracket))
    wrong('a line of REPOS has key= and signed-by=', 'keep key=: the key is put on the nodes for you')
  if (login && /\s/.test(login.name + login.password))
    wrong('the login of a repository in REPOS holds a space', 'apt cannot take such a password: choose another')
  const [name] = names
  if (name !== undefined && (form === 'deb' || !/^[A-Za-z0-9][\w.-]{0,63}$/.test(name)))
    wrong(
      form === 'deb'
        ? 'a line of REPOS that is for apt has a name='
        : `"${shown(name)}" in REPOS is no name of a repository`,
      'name= is for dnf and zypper: letters, digits, "_", "." and "-"',
    )
  return {
    form,
    uri: plain,
    options: optionsOf(bracket),
    suite,
    components,
    name: name ?? `quorate-${index}`,
    login,
    ...readKey(paths[0], prints[0]?.replaceAll(':', '').toUpperCase()),
  }

  function readKey(path: string | undefined, print: string | undefined): Pick<Repo, 'key' | 'keyUrl' | 'fingerprints'> {
    const none = { key: undefined, keyUrl: undefined, fingerprints: [] }
    if (print !== undefined && !/^(?:[0-9A-F]{40}|[0-9A-F]{64})$/.test(print)) {
      wrong(
        'a fingerprint in REPOS is not 40 or 64 hexadecimal digits',
        'write all of it without spaces: gpg --show-keys',
      )
      return none
    }
    if (path === undefined) {
      if (print !== undefined) wrong('a line of REPOS has a fingerprint= and no key=', 'name the key that has it')
      return none
    }
    if (/^(?:https?|ftp):\/\//.test(path)) {
      if (/^\w+:\/\/[^/]*@/.test(path)) {
        loginOf(source, path)
        wrong('the address of a key in REPOS holds a login', 'fetch the key, and name its file on this machine')
        return none
      }
      if (print !== undefined) return { ...none, keyUrl: path, fingerprints: [print] }
      wrong(
        'a key of REPOS that is fetched has no fingerprint=',
        'write fingerprint= as its owner publishes it: whoever answers there could send any key',
      )
      return none
    }
    const file = located(source, path)
    const problem = unreadable(file)
    const key = problem === undefined ? readFileSync(file) : Buffer.alloc(0)
    if (key.length === 0) {
      wrong(
        `the key of a line of REPOS: ${problem ?? `${shown(file)} is empty`}`,
        'write key= and the path of the public key on this machine',
      )
      return none
    }
    const own = fingerprints(key)
    if (print !== undefined && (own.length !== 1 || own[0] !== print))
      wrong(
        `the key ${shown(path)} of REPOS is another one: its fingerprint is ${own.join(' and ') || 'none'}, fingerprint= says ${print}`,
        'compare both with what the owner of the repository publishes; trust neither before that',
      )
    if (form === 'rpm' && own.length === 0)
      wrong(`the key ${shown(path)} of REPOS holds no OpenPGP key`, 'export it: gpg --armor --export')
    return { key: key.toString('base64'), keyUrl: undefined, fingerprints: own }
  }
}
