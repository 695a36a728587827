/** SSH_*, NTP_SERVERS and REPOS of the env file: what has to do with files and hosts outside the cluster. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Config, Repo } from './config.mts'
import { linesOf, type Piece, wordsOf } from './env-file.mts'
import { isHost } from './read-nodes.mts'
import { shown } from './shown.mts'
import { integer, matching, type Source } from './source.mts'

/** `~/` is the home that the system knows for the user: HOME of the shell could silently be another. */
export const located = (source: Source, path: string): string =>
  path.startsWith('~/') ? resolve(userInfo().homedir, path.slice(2)) : resolve(dirname(source.file), path)

/** What keeps a file from being read; undefined when nothing does. */
export function unreadable(path: string): string | undefined {
  try {
    if (!statSync(path).isFile()) return `${shown(path)} is not a file`
    accessSync(path, constants.R_OK)
    return undefined
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return `there is no file ${shown(path)}`
    if (code === 'EACCES' || code === 'EPERM') return `${shown(path)} is not readable for ${userInfo().username}`
    // A name that is too long, links in a circle, a disk that fails: the system's word for it is all there is to say.
    return `${shown(path)} cannot be read (${code})`
  }
}

export function readSsh(source: Source): Config['ssh'] {
  return {
    user: matching(source, 'SSH_USER', /^[A-Za-z0-9_.][A-Za-z0-9_.@+-]*$/, 'a user name', 'root'),
    port: integer(source, 'SSH_PORT', 1, 65535),
    key: readFile(source, 'SSH_KEY', 'write the path of a private key, relative to this file or with ~/'),
    config: readFile(source, 'SSH_CONFIG', 'write the path of an ssh_config, relative to this file or with ~/'),
  }
}

function readFile(source: Source, key: string, remedy: string): string | undefined {
  const entry = source.get(key)
  if (entry === undefined) return undefined
  const path = located(source, entry.value)
  const problem = /["\n]/.test(path) ? 'ssh_config cannot hold a path with a double quote' : unreadable(path)
  if (problem === undefined) return path
  source.report({ line: entry.line, key, text: `${key}: ${problem}`, remedy })
  return undefined
}

export function readNtpServers(source: Source): readonly string[] {
  const entry = source.get('NTP_SERVERS')
  if (entry === undefined) return []
  const servers = wordsOf(entry)
  for (const { text, line } of servers) {
    if (isHost(text)) continue
    const remedy = 'write names or addresses, like NTP_SERVERS="0.pool.ntp.org 192.168.18.1"'
    source.report({
      line,
      key: 'NTP_SERVERS',
      text: `"${shown(text)}" in NTP_SERVERS is no host name or address`,
      remedy,
    })
  }
  return servers.map(({ text }) => text)
}

const REPO = 'deb [options] https://host/path suite component key=file.asc'

export function readRepos(source: Source): readonly Repo[] {
  const entry = source.get('REPOS')
  return entry === undefined ? [] : linesOf(entry).flatMap((piece) => readRepo(source, piece) ?? [])
}

/** The login in a URI, and the URI without it. */
function loginOf(source: Source, uri: string): { readonly plain: string; readonly login?: NonNullable<Repo['login']> } {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url === undefined || url.password === '') return { plain: uri }
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

/** The one-line form of sources.list(5), and where its key lies on this machine. */
function readRepo(source: Source, { text, line }: Piece): Repo | undefined {
  const wrong = (text: string, remedy: string) => source.report({ line, key: 'REPOS', text, remedy })
  const [, type = '', options = '', rest = ''] = /^(\S+)\s*(\[[^\]]*\])?\s*(.*)$/.exec(text) ?? []
  const words = rest.split(/\s+/).filter((word) => word !== '')
  const paths = words.filter((word) => word.startsWith('key=')).map((word) => word.slice('key='.length))
  const [uri = '', suite = '', ...components] = words.filter((word) => !word.startsWith('key='))
  const { plain, login } = loginOf(source, uri)
  if (type !== 'deb' || !/^[a-z][a-z0-9+.-]*:\/*[^/\s]/.test(uri) || suite === '') {
    wrong('a line of REPOS is not an apt source', `write it like ${REPO}`)
    return undefined
  }
  if (suite.endsWith('/') !== (components.length === 0)) {
    const remedy = suite.endsWith('/') ? 'remove what follows it' : 'name the component, like main'
    wrong(
      `the suite ${shown(suite)} in REPOS ${suite.endsWith('/') ? 'is a path and has no components' : 'has no component'}`,
      remedy,
    )
  }
  if (paths.length > 1) wrong('a line of REPOS names two keys', 'put both keys in one file')
  if (paths.length > 0 && /signed-by=/i.test(options)) {
    wrong('a line of REPOS has key= and signed-by=', 'keep key=: the key is put on the nodes for you')
  }
  if (login && /\s/.test(login.name + login.password))
    wrong('the login of a repository in REPOS holds a space', 'apt cannot take such a password: choose another')
  const apt = ['deb', options, plain, suite, ...components].filter((word) => word !== '').join(' ')
  return { source: apt, key: readKey(), ...(login ? { login } : {}) }

  function readKey(): string | undefined {
    const path = paths[0] === undefined ? undefined : located(source, paths[0])
    if (path === undefined) return undefined
    const problem = unreadable(path)
    const key = problem === undefined ? readFileSync(path) : Buffer.alloc(0)
    if (key.length > 0) return key.toString('base64')
    wrong(
      `the key of a line of REPOS: ${problem ?? `${shown(path)} is empty`}`,
      'write key= and the path of the public key on this machine',
    )
    return undefined
  }
}
