/** SSH_* and NTP_SERVERS of the env file: what has to do with files and hosts outside the cluster. */
import { accessSync, constants, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Config } from './config.mts'
import { wordsOf } from './env-file.mts'
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
