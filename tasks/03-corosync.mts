/** 03-corosync: every node holds the same ring key and corosync.conf, runs with them, and the ring is quorate. */
import type { Config, Node } from '../lib/config.mts'
import {
  LINK_REMEDY,
  linksConnected,
  memberCount,
  QUORUM_REMEDY,
  quorate,
  ringKey,
  runsWith,
  sharedKey,
} from '../lib/corosync.mts'
import { doors } from '../lib/doors.mts'
import { addresses, type Facts } from '../lib/facts.mts'
import { adoptions } from '../lib/foreign.mts'
import { everyNode, firstNode, type Guard, type Phase } from '../lib/guard.mts'
import { CIB } from '../lib/guards/cib.mts'
import { file } from '../lib/guards/file.mts'
import { brought, comes, problem } from '../lib/guards/require.mts'
import { service } from '../lib/guards/service.mts'
import { farewells } from '../lib/leaving.mts'
import { isScript, main } from '../lib/main.mts'
import { membersOnline } from '../lib/pacemaker.mts'
import {
  arbiter,
  arbiterFacts,
  arbiterRuns,
  arbiterVotes,
  asksForCertificate,
  deviceRuns,
  hasCertificate,
  noDevice,
  signs,
} from '../lib/qdevice.mts'
import { corosyncConf, type Ring, ringOf } from '../lib/render/corosync-conf.mts'
import { corosyncProblems } from '../lib/render/corosync-problems.mts'
import { asMembers, linkAddresses, linkNumbers, MOST_LINKS, nodeIds } from '../lib/ring.mts'
import {
  type Difference,
  differences,
  knownMembers,
  liveSettings,
  membersOf,
  RING_FACTS,
  type Settings,
  settingsOf,
  shareLink,
  told,
  WAYS,
  type Way,
  wayOf,
} from '../lib/ring-live.mts'
import { raw, sh } from '../lib/shell.mts'

const CONF = '/etc/corosync/corosync.conf'
const KEY = '/etc/corosync/authkey'
/** Shell text: corosync can read what is to be its file (corosync(8)). */
const TEST = 'corosync -t -c "$new"'

/** Pacemaker and corosync are tested to 32 nodes: Red Hat and SUSE support no more. */
const MOST_NODES = 32

const needs = ({ nodes }: Config) =>
  nodes.length <= MOST_NODES
    ? []
    : [
        {
          key: 'NODES',
          text: `NODES has ${nodes.length} nodes, a cluster can have ${MOST_NODES}`,
          remedy: 'make more than one cluster; --to 02 prepares any number of nodes',
        },
      ]

/** The ring that is to be. */
function wantedRing(config: Config, facts: Facts): Ring {
  const ids = nodeIds(config, facts)
  const members = asMembers(config, facts)
  const at = (member: Node) => config.nodes[members.nodes.indexOf(member)] as Node
  return ringOf(
    members,
    (member) => linkAddresses(config, facts, at(member)),
    linkNumbers(config, facts),
    (member) => ids.get(at(member).name) as number,
  )
}

const confOf = (config: Config, facts: Facts): string => corosyncConf(wantedRing(config, facts))

/**
 * Where none of the links that a running ring has is to stay, the new ones come beside the old ones first: a ring without any link for a
 * moment is a split. Undefined where that is not needed, or cannot be: for nodes that come, or have lost their old addresses.
 */
function bridge(config: Config, facts: Facts): Ring | undefined {
  const ring = wantedRing(config, facts)
  const members = knownMembers(facts, config.nodes)
  const runs = config.nodes.some((node) => inRing(facts, node))
  if (!runs || config.transport !== 'knet' || shareLink(members, ringMembers(ring))) return undefined
  const here = config.nodes.flatMap((node) => addresses(facts, node).map(({ address }) => address))
  const nodes = ring.nodes.map((node) => {
    const old = members.find(({ id }) => id === node.id)?.addresses ?? new Map<number, string>()
    return { ...node, addresses: new Map([...old, ...node.addresses].sort(([one], [other]) => one - other)), old }
  })
  const can = nodes.every(
    ({ old, addresses }) =>
      old.size > 0 && addresses.size <= MOST_LINKS && [...old.values()].every((one) => here.includes(one)),
  )
  return can ? { ...ring, nodes } : undefined
}

const ringMembers = (ring: Ring) => membersOf(settingsOf(corosyncConf(ring)))

const configured = (config: Config, facts: Facts, node: Node): Guard[] => {
  const conf = confOf(config, facts)
  // corosync -t lets many a mistake pass: our own rules come first.
  const wrong = corosyncProblems(conf)
  if (wrong.length > 0)
    return [
      problem('corosync.conf keeps the rules', wrong.join('\n'), 'correct the env file; or it is a bug of quorate'),
    ]
  return [...noDevice(config, facts, node), ...sharedKey(config, facts, KEY), file(CONF, conf, { test: TEST })]
}

/**
 * A live ring is one that somebody may rely on: quorate, of several nodes, however many of them are there now. A node that was started
 * alone, by a run that was cut off, is none: it waits for the others (votequorum(5), wait_for_all), and so must not be waited for
 * first. Nor is one that a reboot has started with the example of its package, which is a quorate ring of one.
 */
const live = (config: Config, facts: Facts): boolean =>
  config.nodes.some((node) => facts.get(node, 'corosync.quorate') === 'Yes' && inRing(facts, node))

const inRing = (facts: Facts, node: Node): boolean => membersOf(liveSettings(facts, node)).length > 1

/** How a running corosync differs from what it is to be, on this node, and the way for the ring as a whole. */
interface Changes {
  readonly wanted: Settings
  readonly of: (node: Node) => readonly Difference[]
  readonly way: Way | undefined
}

/** Facts and config of a run are the same objects for all guards of a step: the files of all nodes are read once. */
const known = new WeakMap<Facts, { readonly config: Config; readonly changes: Changes }>()

function changes(config: Config, facts: Facts): Changes {
  const before = known.get(facts)
  if (before?.config === config) return before.changes
  const wanted = settingsOf(confOf(config, facts))
  const each = new Map(
    config.nodes.map((node) => {
      const now = liveSettings(facts, node)
      return [node, now.size === 0 ? [] : differences(now, wanted)] as const
    }),
  )
  const of = (node: Node) => each.get(node) ?? []
  // What runs alone, as the example of its package, is no part of the ring.
  const ring = config.nodes.filter((node) => inRing(facts, node))
  const apart = ring.some((node) => !shareLink(membersOf(liveSettings(facts, node)), membersOf(wanted)))
  const way = apart && bridge(config, facts) === undefined ? 'all' : wayOf(ring.flatMap(of))
  const found = { wanted, of, way: way === undefined || live(config, facts) ? way : 'restart' }
  known.set(facts, { config, changes: found })
  return found
}

/** The way for a node: one that is not in the ring is just started anew. */
const wayFor = (config: Config, facts: Facts, node: Node): Way | undefined =>
  inRing(facts, node) ? changes(config, facts).way : changes(config, facts).of(node).length > 0 ? 'restart' : undefined

/** Only where they could not understand each other meanwhile. */
const stopped = (config: Config, facts: Facts, node: Node): Guard[] => {
  const differ = changes(config, facts).of(node)
  if (wayFor(config, facts, node) !== 'all' || differ.length === 0) return []
  return [
    {
      title: 'no node runs with settings that the others cannot understand',
      check: sh`
        systemctl is-active --quiet corosync || exit 0
        printf '%s\\n' ${told(differ)} ${WAYS.all}
        exit 1`,
      apply: 'systemctl stop corosync',
    },
  ]
}

/** One node tells all others that run. */
const loaded = (config: Config, facts: Facts, node: Node): Guard[] => {
  const { wanted, of } = changes(config, facts)
  if (wayFor(config, facts, node) !== 'load') return []
  return [
    {
      title: 'the ring has loaded corosync.conf',
      check: runsWith(wanted, [...told(of(node)), WAYS.load]),
      apply: 'corosync-cfgtool -R',
      wait: 10,
      remedy: 'journalctl -u corosync on that node tells what it does not take',
    },
  ]
}

const speaker = (config: Config, facts: Facts): readonly Node[] =>
  config.nodes.filter((node) => inRing(facts, node) && changes(config, facts).of(node).length > 0).slice(0, 1)

/** systemd has stopped pacemaker together with corosync, and starts it again with a restart alone. A new cluster has no CIB yet. */
const pacemakerBack: Guard = {
  title: 'pacemaker runs again where it ran before',
  check: sh`
    [ ! -e ${CIB} ] || systemctl is-active --quiet pacemaker || ! systemctl is-enabled --quiet pacemaker ||
      { echo "it was stopped together with corosync"; exit 1; }`,
  apply: 'systemctl start pacemaker',
}

/** The file with old and new links, on every node before one of them tells the others. */
const beside = (config: Config, facts: Facts): Guard[] => {
  const ring = changes(config, facts).way === 'load' ? bridge(config, facts) : undefined
  return ring === undefined
    ? []
    : [{ ...file(CONF, corosyncConf(ring), { test: TEST }), title: `${CONF} has the new links beside the old ones` }]
}

const besideLoaded = (config: Config, facts: Facts): Guard[] => {
  const ring = changes(config, facts).way === 'load' ? bridge(config, facts) : undefined
  if (ring === undefined) return []
  const links = ring.nodes[0]?.addresses.size ?? 0
  return [
    {
      title: 'the new links are connected beside the old ones',
      check: sh`
        ${raw(runsWith(settingsOf(corosyncConf(ring)), ['the new links come before the old ones go']))}
        ${raw(linksConnected(config, links))}`,
      apply: 'corosync-cfgtool -R',
      wait: 60,
      remedy: LINK_REMEDY,
    },
  ]
}

const running = (config: Config, facts: Facts, node: Node): Guard[] => {
  const { wanted, of } = changes(config, facts)
  const differ = of(node)
  const title = 'corosync has loaded its corosync.conf'
  const remedy = 'systemctl restart corosync on that node; journalctl -u corosync tells why it does not take it'
  return [
    service('corosync', { loads: [KEY] }),
    wayFor(config, facts, node) === 'restart'
      ? {
          title,
          check: runsWith(wanted, [...told(differ), WAYS.restart]),
          apply: 'systemctl restart corosync',
          wait: 30,
          remedy,
        }
      : comes(title, 30, runsWith(wanted, told(differ)), remedy),
    ...(live(config, facts)
      ? [
          comes('the node is in a quorate ring', 60, quorate, 'corosync-quorumtool tells who is missing'),
          // Before the next node goes this one has to be there to take its resources.
          pacemakerBack,
          comes(
            'pacemaker has this node back',
            60,
            unlessNew(membersOnline({ ...config, nodes: [node] }, facts)),
            'journalctl -u pacemaker on that node',
          ),
        ]
      : []),
  ]
}

/** A new cluster has no CIB yet, nor has a node that is new in one. */
const unlessNew = (check: string) => sh`
  if [ ! -e ${CIB} ] || ! systemctl is-enabled --quiet pacemaker; then exit 0; fi
  ${raw(check)}`

/** The nodes, where an arbiter has a vote beside them. */
const voters = (config: Config): readonly Node[] => (config.arbiter === undefined ? [] : config.nodes)

const joined = (config: Config): Guard[] => [
  comes('every link to every node is connected', 60, linksConnected(config), LINK_REMEDY),
  comes('the ring is quorate, with every node in it', 60, memberCount(config), QUORUM_REMEDY),
  ...arbiterVotes(config),
]

export const phase: Phase = {
  id: '03-corosync',
  title: 'Corosync ring',
  makes:
    'one ring key on all nodes (an existing one wins), corosync.conf tested before it is installed, every link connected, the ring quorate',
  files: [
    '/etc/corosync/corosync.conf',
    '/etc/corosync/authkey',
    '/etc/corosync/qdevice/net/nssdb',
    '/etc/corosync/qnetd/nssdb',
  ],
  needs,
  asks: (config, facts) => [...adoptions(config, facts), ...farewells(config, facts)],
  facts: (config) => ({
    ...arbiterFacts(config),
    'secret.corosync.key': sh`[ ! -e ${KEY} ] || base64 ${KEY} | tr -d '\\n'`,
    ...RING_FACTS,
    'corosync.quorate': `corosync-quorumtool -s 2>/dev/null |
      sed -n 's/^Quorate: *//p' || :`,
  }),
  together: true,
  steps: [
    { title: 'software', on: everyNode, guards: () => [brought('corosync', '02-packages')] },
    { title: 'arbiter', on: arbiter, guards: arbiterRuns },
    { title: 'requests', on: voters, guards: asksForCertificate },
    { title: 'signatures', on: arbiter, guards: signs },
    { title: 'certificates', on: voters, guards: hasCertificate, keepsFacts: true },
    { title: 'key', on: firstNode, guards: (config, facts) => ringKey(config, facts, KEY) },
    { title: 'links beside', on: everyNode, guards: beside },
    { title: 'links connected', on: speaker, guards: besideLoaded },
    { title: 'configure', on: everyNode, guards: configured },
    { title: 'stop', on: everyNode, guards: stopped },
    { title: 'load', on: speaker, guards: loaded },
    { title: 'start', on: everyNode, guards: running, oneByOne: live },
    { title: 'arbitration', on: voters, guards: () => deviceRuns(CONF), oneByOne: live },
    { title: 'join', on: everyNode, guards: (config) => [...joined(config), pacemakerBack] },
    {
      title: 'doors',
      on: everyNode,
      guards: (config, facts, node) => doors(config, facts, node, false),
      keepsFacts: true,
    },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/03-corosync.mts', title: phase.title, phases: [phase] })
