/** The repositories of a node: those of REPOS as its package manager wants them, and those of its distribution that are off. */
import type { Config, Node, Repo } from './config.mts'
import { type Facts, os } from './facts.mts'
import { type Family, familyOf, packageName } from './family.mts'
import type { Guard } from './guard.mts'
import { absent, file } from './guards/file.mts'
import { ini } from './guards/ini.mts'
import { installed, type ManagerName, unlessOffered } from './guards/package.mts'
import { keyFetched, keyImported, listsFetched, rightKey } from './guards/repository.mts'
import { problem } from './guards/require.mts'
import { armoured } from './openpgp.mts'
import { packagesOf } from './packages.mts'
import { aptAuth, aptSources, keyringPath } from './render/apt.mts'
import { credentials, credentialsPath, keyPath, rpmRepos } from './render/rpm-repo.mts'
import { raw, sh } from './shell.mts'

const APT = { sources: '/etc/apt/sources.list.d/quorate.sources', auth: '/etc/apt/auth.conf.d/quorate.conf' }
/** In the style of one line, as an older version has written it. */
const OLD_SOURCES = '/etc/apt/sources.list.d/quorate.list'
const RPM = { dnf: '/etc/yum.repos.d/quorate.repo', zypper: '/etc/zypp/repos.d/quorate.repo' }

const formOf = (manager: ManagerName): Repo['form'] => (manager === 'apt' ? 'deb' : 'rpm')

interface Own {
  readonly repo: Repo
  /** In REPOS as a whole: keys are named after it. */
  readonly index: number
}
const own = (config: Config, { manager }: Family): readonly Own[] =>
  config.repos.map((repo, index) => ({ repo, index })).filter(({ repo }) => repo.form === formOf(manager))

const fetched = (one: Own, { manager }: Family) => {
  const { keyUrl: url, fingerprints } = one.repo
  const [fingerprint] = fingerprints
  if (url === undefined || fingerprint === undefined) return undefined
  return { url, fingerprint, path: manager === 'apt' ? keyringPath(one.index, one.repo) : keyPath(one.index) }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Before anything is changed: each key that a node would fetch is the right one. */
export const rightKeys = (config: Config, facts: Facts, node: Node): readonly Guard[] => {
  const family = familyOf(facts, node)
  return own(config, family)
    .flatMap((one) => fetched(one, family) ?? [])
    .map(rightKey)
}

/** Keys come before what they sign, and gpg before keys that have to be looked at. */
export const extraRepositories = (config: Config, facts: Facts, node: Node): readonly Guard[] => {
  const family = familyOf(facts, node)
  const { manager } = family
  const all = own(config, family)
  if (all.length === 0) return []
  const gpg = all.some((one) => fetched(one, family) !== undefined)
  return [
    ...(gpg
      ? [
          {
            ...installed([{ name: packageName(family, 'gpg'), unless: '/usr/bin/gpg' }], manager),
            title: 'gpg is there',
          },
        ]
      : []),
    ...all.flatMap((one) => keyGuards(one, family)),
    ...(manager === 'apt' ? ofApt(config.repos) : ofRpm(config.repos, all, manager)),
  ]
}

function keyGuards(one: Own, family: Family): readonly Guard[] {
  const { repo, index } = one
  const isApt = family.manager === 'apt'
  const path = isApt ? keyringPath(index, repo) : keyPath(index)
  const key = fetched(one, family)
  const imported = isApt ? [] : [keyImported(path, repo.fingerprints)]
  if (key !== undefined) return [keyFetched(key, !isApt), ...imported]
  if (repo.key === undefined) return []
  const content = isApt ? repo.key : base64(armoured(Buffer.from(repo.key, 'base64')))
  return [file(path, content, { secret: true }), ...imported]
}

const ofApt = (repos: readonly Repo[]): readonly Guard[] => {
  const auth = aptAuth(repos)
  return [
    // Root alone may read it; apt opens it before it gives its rights away.
    ...(auth === '' ? [] : [file(APT.auth, base64(auth), { mode: '0600', secret: true })]),
    file(APT.sources, aptSources(repos)),
    absent(OLD_SOURCES),
    listsFetched(APT.sources, 'apt'),
  ]
}

const ofRpm = (repos: readonly Repo[], all: readonly Own[], manager: 'dnf' | 'zypper'): readonly Guard[] => {
  const text = rpmRepos(repos, manager)
  const logins = all.flatMap(({ repo }) => (repo.login ? [{ path: credentialsPath(repo), login: repo.login }] : []))
  const path = RPM[manager]
  return [
    ...(manager === 'zypper'
      ? logins.map(({ path, login }) => file(path, base64(credentials(login)), { mode: '0600', secret: true }))
      : []),
    manager === 'dnf' && logins.length > 0
      ? file(path, base64(text), { mode: '0600', secret: true })
      : file(path, text, { mode: '0644' }),
    listsFetched(
      path,
      manager,
      all.map(({ repo }) => repo.name),
    ),
  ]
}

/** Sections of the files that name repositories, a line each: file, section, and whether it is on (dnf.conf(5), enabled). */
export const SECTIONS_FACT = sh`
  awk '
    function told() { if (section != "" && section != "main") print path "\\t" section "\\t" on }
    FNR == 1 { told(); section = ""; path = FILENAME }
    /^\\[/ { told(); section = substr($0, 2, index($0, "]") - 2); on = 1 }
    /^enabled[ \\t]*=/ { value = $0; sub(/^[^=]*=[ \\t]*/, "", value); on = value ~ /^(1|yes|true|on)/ ? 1 : 0 }
    END { told() }' /etc/yum.repos.d/*.repo 2>/dev/null || :`

interface Section {
  readonly path: string
  readonly section: string
}
function sectionOf(facts: Facts, node: Node, names: readonly string[]): Section | undefined {
  const all = facts
    .get(node, 'repositories')
    .split('\n')
    .map((line) => line.split('\t'))
  for (const name of names) {
    const [path, section] = all.find(([, one]) => one === name) ?? []
    if (path !== undefined && section !== undefined) return { path, section }
  }
  return undefined
}

/** RHEL's own repositories are subscription-manager's, which writes their file anew (subscription-manager(8)). */
const SUBSCRIBED: Readonly<Record<string, string>> = {
  highavailability: 'highavailability-rpms',
  crb: 'codeready-builder',
  powertools: 'codeready-builder',
}

function subscribed(word: string, version: string): Guard | undefined {
  const kind = SUBSCRIBED[word]
  if (kind === undefined) return undefined
  const major = version.replace(/\..*/, '')
  const name = raw(
    kind === 'codeready-builder'
      ? sh`${`codeready-builder-for-rhel-${major}-`}"$(uname -m)-rpms"`
      : sh`${`rhel-${major}-for-`}"$(uname -m)"${`-${kind}`}`,
  )
  return {
    title: `the repository ${word} of the distribution is on`,
    check: sh`
      on=$(awk -v section=${name} '/^\\[/ { own = $0 == "[" section "]" } own && /^enabled[ \\t]*=[ \\t]*1/ { print 1 }' /etc/yum.repos.d/redhat.repo 2>/dev/null) || on=
      [ -n "$on" ] || { echo "it is off: "${name}; exit 1; }`,
    apply: sh`subscription-manager repos --enable=${name}`,
    remedy:
      'subscription-manager status on the node tells whether it is registered; the repository is part of the High Availability add-on',
  }
}

function enabled(facts: Facts, node: Node, word: string, names: readonly string[]): Guard | undefined {
  const { id, version } = os(facts, node)
  const section = sectionOf(facts, node, names)
  if (section === undefined) return id === 'rhel' ? subscribed(word, version) : undefined
  return {
    ...ini(section.path, [{ section: section.section, key: 'enabled', value: '1' }], []),
    title: `the repository ${section.section} of the distribution is on`,
  }
}

/** The words of REPOS, and the one repository without which there is no cluster where a package lacks a candidate. */
export const ownRepositories = (config: Config, facts: Facts, node: Node): readonly Guard[] => {
  const family = familyOf(facts, node)
  const { manager, repositories } = family
  if (manager !== 'dnf') return []
  const words = config.repos.filter(({ form }) => form === 'word').map(({ uri }) => uri)
  const high = 'highavailability'
  const needed = words.includes(high) ? undefined : enabled(facts, node, high, repositories[high] ?? [])
  return [
    ...words.map((word) =>
      word === 'epel'
        ? {
            ...installed([{ name: packageName(family, 'epel-release') }], manager),
            title: 'EPEL is among the repositories',
            remedy:
              'the distribution has no package for it: install epel-release-latest of dl.fedoraproject.org/pub/epel by hand, and compare its key',
          }
        : (enabled(facts, node, word, repositories[word] ?? []) ??
          problem(
            `the repository ${word} of the distribution is on`,
            `no file in /etc/yum.repos.d has a section ${(repositories[word] ?? [word]).join(' or ')}`,
            'correct REPOS; dnf repolist --all on the node tells what there is',
          )),
    ),
    ...(needed ? [unlessOffered(packagesOf(config, family), manager, needed)] : []),
  ]
}
