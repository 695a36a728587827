/** The way from an env file to a Config: the file alone decides, and all that is wrong with it is told at once. */
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import type { Config, Node, Openrc } from './config.mts'
import { type Entry, type EnvText, readEnvText } from './env-file.mts'
import { ConfigError, type Problem } from './errors.mts'
import { didYouMean, nearest } from './nearest.mts'
import { readNtpServers, readSsh } from './read-access.mts'
import { readDrill } from './read-drill.mts'
import { isFenceKey, readFencing, readProperties } from './read-fencing.mts'
import { readNodes, readVips } from './read-nodes.mts'
import { isPackageKey, readVersions } from './read-packages.mts'
import { readRepos } from './read-repos.mts'
import { readRing } from './read-ring.mts'
import { isServiceKey, readServices } from './read-services.mts'
import { readTls } from './read-tls.mts'
import { isLimitKey, readStats } from './read-traffic.mts'
import { shown, shownKey } from './shown.mts'
import { matching, oneOf, type Source } from './source.mts'

/** Every key of an env file, FENCE_<short>, SERVICE_<name>, RATE_LIMIT_<name> and PACKAGES_<name> aside. */
export const KEYS: readonly string[] = [
  ...[
    'CLUSTER_NAME',
    'NODES',
    'VIP',
    'LINKS',
    'LINK_MODE',
    'TRANSPORT',
    'MCAST_ADDR',
    'MCAST_PORT',
    'TOKEN',
    'QDEVICE',
  ],
  ...[
    'FENCING',
    'FENCING2',
    'CLUSTER_PROPERTIES',
    'SERVICES',
    'SSH_USER',
    'SSH_PORT',
    'SSH_KEY',
    'SSH_CONFIG',
    'NTP_SERVERS',
  ],
  ...['FIREWALL', 'SELINUX', 'REPOS', 'OS_USERNAME', 'OS_PASSWORD', 'OS_PROJECT_NAME', 'OS_USER_DOMAIN_NAME'],
  ...['OS_PROJECT_DOMAIN_NAME', 'OS_REGION_NAME', 'DRILL_MAX_OUTAGE', 'DRILL_ASK', 'FERNET_SYNC'],
  ...['TLS_CERT', 'TLS_CA', 'VIP_NAME'],
  ...['STATS_USER', 'STATS_PASSWORD'],
]

const REQUIRED: readonly (readonly [string, string, string])[] = [
  ['NODES', 'names no nodes', 'write a line for each, in double quotes: address, full name, short name'],
  ['VIP', 'gives no virtual address', 'write VIP=address/prefix, like VIP=192.168.18.200/24'],
  [
    'FENCING',
    'does not decide on fencing',
    'write FENCING=fence_ipmilan (or another agent) and a FENCE_<short> for each node, or FENCING=none to run without',
  ],
]

/** Reads an env file. Throws ConfigError with all problems in it, or with the one that it cannot be read. */
export function readConfig(path: string): Config {
  return parseConfig(readText(path), path)
}

function readText(path: string): string {
  const refuse = (text: string, remedy: string): never => {
    throw new ConfigError(path, [{ text, remedy }])
  }
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const target = relative('.', path)
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return refuse('there is no such file', `cp env.example ${target}, then fill it in`)
    if (code === 'EISDIR') return refuse('this is a folder', 'name the env file itself')
    if (code === 'EACCES' || code === 'EPERM')
      return refuse('this file is not readable', `chmod u+r ${target}, or run as its owner`)
    throw error
  }
  const line = notText(bytes)
  if (line === undefined) return bytes.toString('utf8')
  throw new ConfigError(path, [
    { line, text: 'this line is not plain text in UTF-8', remedy: 'save the file again as UTF-8' },
  ])
}

/** The first line that is not UTF-8 or holds a NUL, as all lines of UTF-16 do. */
function notText(bytes: Buffer): number | undefined {
  if (isUtf8(bytes) && !bytes.includes(0)) return undefined
  let start = 0
  for (let line = 1; ; line++) {
    const end = bytes.indexOf('\n', start)
    const one = bytes.subarray(start, end === -1 ? bytes.length : end)
    if (!isUtf8(one) || one.includes(0) || end === -1) return line
    start = end + 1
  }
}

/**
 * The Config that an env file's text describes, frozen. `file` is where it stands: paths in it are relative to its folder.
 * It looks at the files that are named there (SSH_KEY, SSH_CONFIG, keys of REPOS) and at nothing else of the machine.
 * Throws ConfigError with all problems.
 */
export function parseConfig(text: string, file: string): Config {
  const env = readEnvText(text)
  const problems = [...env.problems]
  const secrets = new Set<string>()
  const source = sourceOf(env, resolve(file), problems, secrets)
  checkKeys(source)

  const nodes = readNodes(source)
  const [vip, vip2] = readVips(source, nodes)
  const fencing = readFencing(source, nodes)
  const services = readServices(source)
  const config = {
    file: source.file,
    clusterName: readClusterName(source),
    nodes,
    ...readRing(source, nodes, [vip?.address, vip2?.address]),
    ...fencing,
    clusterProperties: readProperties(source, fencing.fencing),
    services,
    ...readTls(
      source,
      nodes,
      [vip, vip2].flatMap((one) => one?.address ?? []),
    ),
    stats: readStats(source, services),
    fernetSync: readFernetSync(source, nodes),
    ssh: readSsh(source),
    ntpServers: readNtpServers(source),
    firewall: oneOf(source, 'FIREWALL', ['open', 'off', 'keep']),
    selinux: oneOf(source, 'SELINUX', ['keep', 'permissive', 'disabled']),
    repos: readRepos(source),
    versions: readVersions(source),
    openrc: readOpenrc(source),
    drill: readDrill(source),
  }
  if (problems.length > 0 || vip === undefined) throw new ConfigError(file, problems)
  return frozen({ ...config, vip, vip2, secrets: [...secrets] })
}

function sourceOf(env: EnvText, file: string, problems: Problem[], secrets: Set<string>): Source {
  const entries = new Map(env.entries.map((entry) => [entry.key, entry]))
  const get = (key: string): Entry | undefined => {
    const entry = entries.get(key)
    return entry === undefined || entry.value.trim() === '' ? undefined : entry
  }
  return {
    file,
    entries: env.entries,
    get,
    broken: env.broken,
    report: (problem) => problems.push(problem),
    secret: (value) => secrets.add(value),
  }
}

function checkKeys(source: Source): void {
  for (const key of new Set([...source.entries.map((entry) => entry.key), ...source.broken.keys()])) {
    if (KEYS.includes(key) || isFenceKey(key) || isServiceKey(key) || isLimitKey(key) || isPackageKey(key)) continue
    const line = source.entries.find((entry) => entry.key === key)?.line ?? source.broken.get(key)
    const fence = /^(fence2?|service|rate_limit|packages)_(.+)/is.exec(key)
    const name = nearest(key, KEYS) === undefined ? shownKey(key) : key
    const remedy = fence
      ? `did you mean ${(fence[1] as string).toUpperCase()}_${shown(fence[2] as string)}?`
      : didYouMean(key, KEYS, 'remove the line; env.example has every key')
    source.report({ line, key, text: name === key ? `there is no key ${key}` : `there is no such key`, remedy })
  }
  for (const [key, lack, remedy] of REQUIRED) {
    if (source.get(key) !== undefined || source.broken.has(key)) continue
    const line = source.entries.find((entry) => entry.key === key)?.line
    source.report({
      line,
      key,
      text: `${key} is ${line === undefined ? 'missing' : 'empty'}: the file ${lack}`,
      remedy,
    })
  }
}

/** A name that is safe as a folder's name; corosync sets no limit, 32 is that of the lock tables named after a cluster. */
function readClusterName(source: Source): string {
  const form = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/
  const what = 'a name of at most 32 letters, digits, "_", "." and "-"'
  return matching(source, 'CLUSTER_NAME', form, what, 'openstack') ?? 'openstack'
}

function readFernetSync(source: Source, nodes: readonly Node[]): string | undefined {
  const entry = source.get('FERNET_SYNC')
  if (entry === undefined) return undefined
  const name = entry.value.trim()
  if (!nodes.some((node) => node.name === name))
    source.report({
      line: entry.line,
      key: 'FERNET_SYNC',
      text: `FERNET_SYNC names no node of NODES: "${shown(name)}"`,
      remedy: `write one of ${nodes.map((node) => node.name).join(', ') || 'them'}`,
    })
  return name
}

/** The words of an openrc file; their defaults are those of an ordinary one. */
function readOpenrc(source: Source): Openrc | undefined {
  const oneLine = (key: string) => matching(source, key, /^[^\n]+$/, 'one line', 'admin')
  const openrc = {
    username: oneLine('OS_USERNAME') ?? 'admin',
    projectName: oneLine('OS_PROJECT_NAME') ?? 'admin',
    userDomainName: oneLine('OS_USER_DOMAIN_NAME') ?? 'Default',
    projectDomainName: oneLine('OS_PROJECT_DOMAIN_NAME') ?? 'Default',
    regionName: oneLine('OS_REGION_NAME') ?? 'RegionOne',
  }
  const password = oneLine('OS_PASSWORD')
  if (password === undefined) return undefined
  source.secret(password)
  return { ...openrc, password }
}

function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    for (const one of Object.values(value)) frozen(one)
    Object.freeze(value)
  }
  return value
}
