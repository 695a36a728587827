/** What can be wrong with the ring: its key, its file, its daemon, its links and its quorum. */

import type { Node } from '../config.mts'
import { fingerprint, keyOf, LINK_REMEDY, QUORUM_REMEDY } from '../corosync.mts'
import { parseCorosync, type Section, sectionsOf, settingOf } from '../render/corosync-parse.mts'
import { corosyncProblems } from '../render/corosync-problems.mts'
import { memberName } from '../ring.mts'
import { differences, knownMembers, liveSettings, settingsOf, WAYS, wayOf } from '../ring-live.mts'
import { namesOf } from './finding.mts'
import { alike, type Draft, differ, each, linesOf, perText, type Seen } from './seen.mts'

const CONF = '/etc/corosync/corosync.conf'
const KEY = '/etc/corosync/authkey'

export function keys({ built, facts }: Seen): readonly Draft[] {
  const key = (node: Node) => keyOf(facts, node)
  if (!differ(built, key)) return []
  const print = (node: Node) => (key(node) === '' ? 'none' : `SHA-256 ${fingerprint(key(node))}…`)
  const holders = built.filter((node) => key(node) !== '')
  const lacks = built.filter((node) => key(node) === '')
  return [
    {
      id: 'ring-keys-differ',
      nodes: namesOf(built),
      text: `the nodes have different ring keys: ${each(built, print)}`,
      remedy: differ(holders, key)
        ? `find out which one is right (the nodes that see each other have the same), move ${KEY} away on the others, then make cluster`
        : `make cluster copies it to ${namesOf(lacks).join(', ')}`,
    },
  ]
}

const confOf = ({ said }: Seen, node: Node) => said(node, 'corosync.conf')

/** What is meant, and not how it is written. */
export function confs(seen: Seen): readonly Draft[] {
  const nodes = seen.built.filter((node) => confOf(seen, node) !== '')
  if (!differ(nodes, (node) => confOf(seen, node))) return []
  const groups = alike(nodes, (node) => JSON.stringify([...settingsOf(confOf(seen, node))].sort()))
  if (groups.length < 2) return []
  // The file that most nodes have, or else the first one.
  const [usual, ...others] = [...groups].sort((one, other) => other[1].length - one[1].length) as [
    (typeof groups)[number],
    ...typeof groups,
  ]
  const settings = (group: (typeof groups)[number]) => settingsOf(confOf(seen, group[1][0] as Node))
  const [is, was] = [settings(usual), others.map(settings)]
  const lines = others.flatMap(([, own], index) => {
    const theirs = was[index] as ReturnType<typeof settings>
    const names = [...new Set([...is.keys(), ...theirs.keys()])].filter((key) => is.get(key) !== theirs.get(key))
    return names.map(
      (key) =>
        `${key}: ${namesOf(own).join(', ')} ${theirs.get(key) ?? 'not set'}, ${namesOf(usual[1]).join(', ')} ${is.get(key) ?? 'not set'}`,
    )
  })
  const [first = ''] = lines
  return [
    {
      id: 'corosync-conf-differs',
      nodes: namesOf(nodes),
      text: `${CONF} is not the same on all nodes: ${first}${lines.length > 1 ? `, and ${lines.length - 1} more` : ''}`,
      ...(lines.length > 1 ? { seen: lines } : {}),
      remedy: 'make plan shows what each node would get, make cluster puts it in place',
    },
  ]
}

/** Keys that corosync takes without a word, and that mean nothing beside others, or another thing than they did. */
function outlived(conf: string): readonly string[] {
  const { file } = parseCorosync(conf)
  const [totem] = sectionsOf(file, 'totem')
  if (totem === undefined) return []
  const knet = (settingOf(totem, 'transport') ?? 'knet') === 'knet'
  const listed = sectionsOf(sectionsOf(file, 'nodelist')[0], 'node').length > 0
  const line = (section: Section, key: string) => section.entries.find((entry) => entry.key === key)?.line
  const crypto = ['crypto_cipher', 'crypto_hash'].find((key) => settingOf(totem, key) !== undefined)
  const secauth = line(totem, 'secauth')
  return [
    ...(secauth !== undefined && crypto !== undefined
      ? [`line ${secauth}: totem.secauth is of corosync 1.x and has no effect beside ${crypto}`]
      : []),
    ...sectionsOf(totem, 'interface').flatMap((one) => {
      const at = line(one, 'bindnetaddr')
      if (at === undefined || !(knet || listed)) return []
      return [
        `line ${at}: totem.interface.bindnetaddr is of corosync 1.x and has no effect beside a nodelist: the addresses are its ringN_addr`,
      ]
    }),
  ]
}

const isStale = (problem: string) => problem.includes('of corosync 1.x')
const isTwoNode = (problem: string) => problem.includes('two_node is set for')

/** A number that is not that of the nodes: a nodelist counts by itself (votequorum(5), expected_votes). */
function expected(conf: string): readonly string[] {
  const { file } = parseCorosync(conf)
  const votes = settingOf(sectionsOf(file, 'quorum')[0], 'expected_votes')
  const nodes = sectionsOf(sectionsOf(file, 'nodelist')[0], 'node').length
  if (votes === undefined || nodes === 0 || Number(votes) === nodes) return []
  return [
    `quorum.expected_votes is ${votes} for ${nodes} nodes: the ring is quorate with another number of them than a majority`,
  ]
}

const REWRITE = `make cluster writes ${CONF} anew and loads it the gentlest way; make plan shows it before`

export function rules(seen: Seen): readonly Draft[] {
  const problems = new Map(
    seen.built.map((node) => {
      const conf = confOf(seen, node)
      return [node, conf === '' ? [] : [...outlived(conf), ...expected(conf), ...corosyncProblems(conf)]] as const
    }),
  )
  const of = (id: Draft['id'], is: (problem: string) => boolean, remedy: string) =>
    perText(
      seen.built,
      (node) => (problems.get(node) ?? []).filter(is).join('\n'),
      (text, nodes): Draft => {
        const lines = text.split('\n')
        return {
          id,
          nodes,
          text: `${CONF} on ${nodes.join(', ')}, ${lines[0]}${lines.length > 1 ? `, and ${lines.length - 1} more` : ''}`,
          ...(lines.length > 1 ? { seen: lines } : {}),
          remedy,
        }
      },
    )
  const counted = (problem: string) => isTwoNode(problem) || problem.startsWith('quorum.expected_votes')
  return [
    ...of('corosync-conf-stale', isStale, REWRITE),
    ...of('two-node', counted, `${REWRITE}; until then a split can have two halves that both go on`),
    ...of('corosync-conf-unsafe', (problem) => !isStale(problem) && !counted(problem), REWRITE),
  ]
}

/** Its own file, and what its corosync runs with. */
export function notLoaded(seen: Seen): readonly Draft[] {
  return seen.built.flatMap((node): Draft[] => {
    const live = liveSettings(seen.facts, node)
    const conf = confOf(seen, node)
    if (live.size === 0 || conf === '') return []
    const all = differences(live, settingsOf(conf))
    const way = wayOf(all)
    if (way === undefined) return []
    const lines = all.map(
      ({ key, from, to }) => `${key}: runs with ${from ?? 'none'}, the file says ${to ?? 'nothing'}`,
    )
    return [
      {
        id: 'corosync-conf-not-loaded',
        nodes: [node.name],
        text: `corosync of ${node.name} does not run with what its file says: ${lines[0]}${lines.length > 1 ? `, and ${lines.length - 1} more` : ''}`,
        ...(lines.length > 1 ? { seen: lines } : {}),
        remedy: `make cluster: ${WAYS[way]}`,
      },
    ]
  })
}

/** `corosync active enabled`, of a unit; empty where systemd does not know it. */
export const unitOf = (seen: Seen, node: Node, unit: string): { readonly active: string; readonly enabled: string } => {
  const line = linesOf(seen, node, 'doctor.units').find((one) => one.startsWith(`${unit} `)) ?? ''
  const [, active = '', enabled = ''] = line.split(' ')
  return { active, enabled }
}

/** Daemons that do not run where something of the cluster is: with what their journal says. */
export const down = (seen: Seen, unit: 'corosync' | 'pacemaker' | 'haproxy', nodes = seen.built): readonly Draft[] =>
  nodes.flatMap((node): Draft[] => {
    const { active, enabled } = unitOf(seen, node, unit)
    if (active === 'active' || active === 'reloading' || active === 'activating') return []
    const lines = linesOf(seen, node, `doctor.why.${unit}`)
    const masked = enabled.startsWith('masked')
    return [
      {
        id: `${unit}-down` as Draft['id'],
        nodes: [node.name],
        text: `${unit} does not run on ${node.name}: ${masked ? 'its unit is masked' : active || 'systemd does not know it'}`,
        ...(lines.length > 0 ? { seen: lines.slice(-8) } : {}),
        remedy: masked
          ? `somebody wants it not to run; if not: systemctl unmask ${unit} there, then make cluster`
          : `mend what its journal tells (journalctl -u ${unit} there), then make cluster starts it`,
      },
    ]
  })

export const notAtBoot = (seen: Seen): readonly Draft[] =>
  (['corosync', 'pacemaker'] as const).flatMap((unit) => {
    const off = seen.built.filter((node) => ['disabled', 'masked'].includes(unitOf(seen, node, unit).enabled))
    if (off.length === 0) return []
    return [
      {
        id: 'not-at-boot',
        nodes: namesOf(off),
        text: `${unit} does not start at boot on ${namesOf(off).join(', ')}: after its next reboot the node stays out`,
        remedy: `systemctl enable ${unit} there, or make cluster`,
      },
    ]
  })

/** Only where the ring runs: without it there is no link. */
export function links(seen: Seen): readonly Draft[] {
  const members = knownMembers(seen.facts, seen.config.nodes)
  const broken = seen.built.flatMap((node) => {
    let link = ''
    return linesOf(seen, node, 'links').flatMap((line) => {
      link = /^LINK ID (\d+)/.exec(line)?.[1] ?? link
      const [, id = '', state = ''] = /nodeid: +(\d+):\s*(\S+)/.exec(line) ?? []
      if (id === '' || state === 'connected' || state === 'localhost') return []
      const other = members.find((one) => one.id === Number(id))
      const name = seen.config.nodes.find((one) => memberName(seen.facts, one) === other?.name)?.name ?? `node ${id}`
      const address = other?.addresses.get(Number(link))
      return [
        { link, from: node.name, to: name, told: `${node.name} to ${name}${address ? ` (${address})` : ''} ${state}` },
      ]
    })
  })
  if (broken.length === 0) return []
  const nodes = [...new Set(broken.flatMap(({ from, to }) => [from, to]))]
  return [
    {
      id: 'links-down',
      nodes,
      text: `links of the ring are down: ${[...Map.groupBy(broken, ({ link }) => link)]
        .map(([link, own]) => `link ${link}, ${own.map(({ told }) => told).join(', ')}`)
        .join('; ')}`,
      remedy: LINK_REMEDY,
    },
  ]
}

/** What a day of a healthy ring may have: nodes that were rebooted, a switch that was exchanged. */
const TOKENS = 5
const RETRANSMITS = 50
const LATE = 3

export function tokens(seen: Seen): readonly Draft[] {
  return seen.built.flatMap((node): Draft[] => {
    const [token = 0, again = 0, late = 0] = seen.said(node, 'doctor.ring.journal').split(' ').map(Number)
    if (token < TOKENS && again < RETRANSMITS && late < LATE) return []
    return [
      {
        id: 'token-lost',
        nodes: [node.name],
        text: `the ring of ${node.name} is unsteady: within a day the token was lost ${token} times, messages were sent again ${again} times, and corosync was not scheduled in time ${late} times`,
        remedy:
          late >= LATE
            ? 'the node is too busy, or its host is: look at steal and load (vmstat 1); a larger TOKEN in the env file bears it'
            : 'look for loss on the links (ping -f -s 1400 between the ring addresses, ethtool -S), an MTU that one switch has not, and a full network; a larger TOKEN in the env file bears short gaps',
      },
    ]
  })
}

const field = (text: string, name: string) => new RegExp(`^${name}: *(.*?) *$`, 'm').exec(text)?.[1]

/** Whether a node's part of the ring is quorate. */
export const isQuorate = (seen: Seen, node: Node): boolean => field(seen.said(node, 'quorum'), 'Quorate') === 'Yes'

/** The ids that a node sees (corosync-quorumtool(8)); one of an arbiter is no node. */
const membersSeen = (seen: Seen, node: Node): readonly string[] => {
  const said = seen.said(node, 'quorum')
  const list = said.slice(said.indexOf('Membership information'))
  return [...list.matchAll(/^ *0*([1-9]\d*) +\d+ /gm)].map(([, id = '']) => id)
}

export function split(seen: Seen): readonly Draft[] {
  const ring = seen.built.filter((node) => seen.said(node, 'quorum') !== '')
  const alone = ring.filter(
    (node) => membersSeen(seen, node).length < seen.config.nodes.length || !isQuorate(seen, node),
  )
  if (alone.length === 0) return []
  const members = knownMembers(seen.facts, seen.config.nodes)
  const nameOf = (id: string) => {
    const member = members.find((one) => one.id === Number(id))?.name
    return seen.config.nodes.find((node) => memberName(seen.facts, node) === member)?.name ?? `node ${id}`
  }
  const view = (node: Node) => {
    const sees = membersSeen(seen, node).map(nameOf)
    return `${node.name} sees ${sees.length === 1 && sees[0] === node.name ? 'itself alone' : sees.join(' ') || 'nobody'} and is ${isQuorate(seen, node) ? '' : 'not '}quorate`
  }
  return [
    {
      id: 'ring-split',
      nodes: namesOf(seen.config.nodes),
      text: `the ring is not whole: ${alone.map(view).join(', ')}`,
      remedy: QUORUM_REMEDY,
    },
  ]
}
