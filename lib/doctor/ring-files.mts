/** What can be wrong with what the ring is made of: its key, its file, and what of that runs. */
import type { Node } from '../config.mts'
import { fingerprint, keyOf } from '../corosync.mts'
import { parseCorosync, type Section, sectionsOf, settingOf } from '../render/corosync-parse.mts'
import { corosyncProblems } from '../render/corosync-problems.mts'
import { differences, liveSettings, settingsOf, WAYS, wayOf } from '../ring-live.mts'
import { namesOf } from './finding.mts'
import { alike, type Draft, differ, each, perText, type Seen } from './seen.mts'

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
  const others = seen.built.flatMap((node) => {
    const live = liveSettings(seen.facts, node)
    const conf = confOf(seen, node)
    if (live.size === 0 || conf === '') return []
    const all = differences(live, settingsOf(conf))
    const way = wayOf(all)
    if (way === undefined) return []
    const lines = all.map(
      ({ key, from, to }) => `${key}: runs with ${from ?? 'none'}, the file says ${to ?? 'nothing'}`,
    )
    return [{ node, way, lines }]
  })
  return [...Map.groupBy(others, ({ way, lines }) => [way, ...lines].join('\n')).values()].map((same) => {
    const [{ way, lines }] = same as [(typeof others)[number]]
    const nodes = namesOf(same.map(({ node }) => node))
    return {
      id: 'corosync-conf-not-loaded',
      nodes,
      text: `corosync of ${nodes.join(', ')} does not run with what its file says: ${lines[0]}${lines.length > 1 ? `, and ${lines.length - 1} more` : ''}`,
      ...(lines.length > 1 ? { seen: lines } : {}),
      remedy: `make cluster: ${WAYS[way]}`,
    }
  })
}
