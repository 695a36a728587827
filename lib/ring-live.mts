/** What a running ring has loaded, how that differs from what it is to have, and the gentlest way from the one to the other. */
import type { Node } from './config.mts'
import type { Facts } from './facts.mts'
import { KEPT } from './guards/file.mts'
import { parseCorosync, type Section, settingOf } from './render/corosync-parse.mts'
import { sh } from './shell.mts'

/** What was there before we made a ring here. */
const MADE = `${KEPT}/original/etc/corosync/corosync.conf`

/**
 * Shell text: the settings that corosync runs with, `key=value` (corosync-cmapctl(8)); nothing where it does not run. After a reload
 * they are the new ones, so that a file which was loaded and put back since is no secret.
 */
export const LIVE = `corosync-cmapctl 2>/dev/null | sed -nE 's/^((totem|nodelist|quorum)\\.[^ ]*) \\([^)]*\\) = /\\1=/p' || :`

/** What must be known of a node to tell what its ring is like. */
export const RING_FACTS: Readonly<Record<string, string>> = {
  'corosync.conf': 'cat /etc/corosync/corosync.conf 2>/dev/null || :',
  'corosync.live': LIVE,
  // A ring of ours was made here, whatever the file says by now.
  'corosync.made': sh`[ ! -e ${MADE} ] && [ ! -e ${`${MADE}.absent`} ] || echo yes`,
}

/** Settings by name. A node's are named after its id, since its place in the list changes: `node 2 ring0_addr`. */
export type Settings = ReadonlyMap<string, string>

const NODE = /^nodelist\.node\.(\d+)\.(\w+)$/

function byId(pairs: readonly (readonly [string, string])[]): Settings {
  const ids = new Map<string, string>()
  for (const [key, value] of pairs) {
    const [, place = '', name] = NODE.exec(key) ?? []
    if (name === 'nodeid') ids.set(place, value)
  }
  const settings = new Map<string, string>()
  for (const [key, value] of pairs) {
    const [, place = '', name] = NODE.exec(key) ?? []
    // Of two nodes with one id, which corosync refuses, the first one has it.
    if (name === undefined) settings.set(key, value)
    else if (!settings.has(`node ${ids.get(place)} ${name}`)) settings.set(`node ${ids.get(place)} ${name}`, value)
  }
  return settings
}

const read = new Map<string, Settings>()

/** What a node's corosync runs with; empty when it does not run. */
export function liveSettings(facts: Facts, node: Node): Settings {
  const said = facts.get(node, 'corosync.live')
  const before = read.get(said)
  if (before !== undefined) return before
  const settings = parsed(said)
  // All nodes say the same but for a while.
  if (read.size > 64) read.clear()
  read.set(said, settings)
  return settings
}

const parsed = (said: string): Settings =>
  byId(
    said
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const)
      .filter(([key]) => key !== ''),
  )

/** What a corosync.conf says, by the names that the running corosync has for it. */
export function settingsOf(conf: string): Settings {
  const places = new Map<string, number>()
  const flat = (section: Section, path: string): (readonly [string, string])[] => [
    ...section.entries.map(({ key, value }) => [path === '' ? key : `${path}.${key}`, value] as const),
    ...section.sections.flatMap((one) => {
      const inner = path === '' ? one.name : `${path}.${one.name}`
      if (inner === 'totem.interface') return flat(one, `${inner}.${settingOf(one, 'linknumber') ?? 0}`)
      if (inner !== 'nodelist.node') return flat(one, inner)
      const place = places.get(inner) ?? 0
      places.set(inner, place + 1)
      return flat(one, `${inner}.${place}`)
    }),
  ]
  const all = flat(parseCorosync(conf).file, '')
  return byId(all.filter(([key]) => /^(?:totem|nodelist|quorum)\./.test(key) && !key.endsWith('.linknumber')))
}

/** The settings that we write; corosync has more of its own making, which say nothing. */
const OURS =
  /^(?:node \d+ .*|totem\.(?:version|cluster_name|transport|crypto_cipher|crypto_hash|ip_version|link_mode|token|interface\.\d\.mcast\w+)|quorum\.(?:provider|two_node|device\..*))$/

export interface Difference {
  readonly key: string
  readonly from: string | undefined
  readonly to: string | undefined
}

export const differences = (live: Settings, wanted: Settings): readonly Difference[] =>
  [...new Set([...wanted.keys(), ...live.keys()])]
    .filter((key) => OURS.test(key) && live.get(key) !== wanted.get(key))
    .map((key) => ({ key, from: live.get(key), to: wanted.get(key) }))

/**
 * `load`: all nodes load the file at once, nothing is restarted. `restart`: node after node, which understand each other meanwhile.
 * `all`: they would not, so that all are stopped before one is started.
 */
export type Way = 'load' | 'restart' | 'all'

/**
 * What a reload cannot change: remove_ro_entries of exec/cfg.c, and what is read at the start alone (link_mode, totemknet.c). A link
 * whose address changes must go and come anew (check_things_have_not_changed of exec/totemconfig.c).
 */
function wayOfOne({ key, from, to }: Difference): Way {
  if (/^totem\.(?:transport|cluster_name|version|interface\.)/.test(key)) return 'all'
  if (/^node \d+ ring\d_addr$/.test(key) && from !== undefined && to !== undefined) return 'all'
  if (/^totem\.(?:ip_version|link_mode)$/.test(key) || /^node \d+ name$/.test(key)) {
    // A node that comes or goes has a name that comes or goes.
    return key.startsWith('node') && (from === undefined || to === undefined) ? 'load' : 'restart'
  }
  return 'load'
}

const ORDER: readonly Way[] = ['load', 'restart', 'all']

/**
 * The way for all of these; undefined when nothing differs. Encryption is changed by all at once where they load it (corosync 3.1,
 * crypto reconfiguration of knet), but a node that was restarted with another one is not understood by those that were not.
 */
export function wayOf(all: readonly Difference[]): Way | undefined {
  const way = ORDER[Math.max(...all.map((one) => ORDER.indexOf(wayOfOne(one))))]
  return way === 'restart' && all.some(({ key }) => key.startsWith('totem.crypto_')) ? 'all' : way
}

/** Whether a node with the one and a node with the other have a link on which both expect the same addresses of one another. */
export const shareLink = (live: readonly Member[], wanted: readonly Member[]): boolean => {
  const both = wanted.flatMap((one) => {
    const now = live.find(({ id }) => id === one.id)
    return now === undefined ? [] : [[now.addresses, one.addresses] as const]
  })
  const links = [...new Set(both.flatMap(([now]) => [...now.keys()]))]
  return (
    both.length === 0 ||
    links.some((link) => both.every(([now, then]) => now.has(link) && now.get(link) === then.get(link)))
  )
}

/** What a way means for those who use the API. */
export const WAYS: Readonly<Record<Way, string>> = {
  load: 'all nodes load it at once (corosync-cfgtool -R), and nothing is restarted',
  restart: 'corosync is restarted on one node after the other; the VIP leaves a node before that',
  all: 'the nodes do not understand each other with both: the cluster is stopped on all of them and started again, and the API is away meanwhile',
}

/** A line for each difference. */
export const told = (all: readonly Difference[]): readonly string[] =>
  all.map(({ key, from, to }) =>
    from === undefined
      ? `${key}: ${to}, new`
      : to === undefined
        ? `${key}: ${from}, gone`
        : `${key}: ${from}, to be ${to}`,
  )

/** A node as a ring has it. */
export interface Member {
  readonly id: number
  readonly name: string
  /** By the number of the link. */
  readonly addresses: ReadonlyMap<number, string>
}

export function membersOf(settings: Settings): readonly Member[] {
  const ids = new Set([...settings.keys()].map((key) => /^node (\d+) /.exec(key)?.[1]).filter((id) => id !== undefined))
  return [...ids].map((id) => ({
    id: Number(id),
    name: settings.get(`node ${id} name`) ?? '',
    addresses: new Map(
      Array.from({ length: 8 }, (_, link) => [link, settings.get(`node ${id} ring${link}_addr`)] as const).flatMap(
        ([link, address]) => (address === undefined ? [] : [[link, address] as const]),
      ),
    ),
  }))
}

/** The members that the nodes know of: of a ring that runs, or else of a file that is there. */
export function knownMembers(facts: Facts, nodes: readonly Node[]): readonly Member[] {
  const known = [
    ...nodes.map((node) => liveSettings(facts, node)),
    ...nodes.map((node) => settingsOf(facts.get(node, 'corosync.conf'))),
  ]
  return known.map(membersOf).find((members) => members.length > 1) ?? []
}
