/** 03-corosync: every node holds the same ring key and corosync.conf, runs with them, and the ring is quorate. */
import type { Config, Node } from '../lib/config.mts'
import {
  LINK_REMEDY,
  linksConnected,
  memberCount,
  QUORUM_REMEDY,
  quorate,
  ringKey,
  sharedKey,
} from '../lib/corosync.mts'
import type { Facts } from '../lib/facts.mts'
import { everyNode, firstNode, type Guard, type Phase } from '../lib/guard.mts'
import { file } from '../lib/guards/file.mts'
import { brought, comes, problem } from '../lib/guards/require.mts'
import { service } from '../lib/guards/service.mts'
import { isScript, main } from '../lib/main.mts'
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
import { corosyncConf, ringOf } from '../lib/render/corosync-conf.mts'
import { corosyncProblems } from '../lib/render/corosync-problems.mts'
import { asMembers, linkAddresses, nodeIds } from '../lib/ring.mts'
import { sh } from '../lib/shell.mts'

const CONF = '/etc/corosync/corosync.conf'
const KEY = '/etc/corosync/authkey'

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

const configured = (config: Config, facts: Facts, node: Node): Guard[] => {
  const ids = nodeIds(config, facts)
  const members = asMembers(config, facts)
  const at = (member: Node) => config.nodes[members.nodes.indexOf(member)] as Node
  const ring = ringOf(
    members,
    (member) => linkAddresses(config, facts, at(member)),
    (member) => ids.get(at(member).name) as number,
  )
  const conf = corosyncConf(ring)
  // corosync -t lets many a mistake pass: our own rules come first.
  const wrong = corosyncProblems(conf)
  if (wrong.length > 0)
    return [
      problem('corosync.conf keeps the rules', wrong.join('\n'), 'correct the env file; or it is a bug of quorate'),
    ]
  return [
    ...noDevice(config, facts, node),
    ...sharedKey(config, facts, KEY),
    file(CONF, conf, { test: sh`corosync -t -c "$new"` }),
  ]
}

/**
 * A live ring is restarted node after node, each back in it before the next goes. A node that was started alone, by a run that
 * was cut off, is none: it waits for the others (votequorum(5), wait_for_all), and so must not be waited for first. Nor is one
 * that a reboot has started with the example of its package, which is a quorate ring of one.
 */
const live = (config: Config, facts: Facts): boolean =>
  config.nodes.some((node) => facts.get(node, 'corosync.quorate') === 'Yes')

const running = (config: Config, facts: Facts): Guard[] => [
  service('corosync', { loads: [CONF, KEY] }),
  ...(live(config, facts)
    ? [comes('the node is in a quorate ring', 60, quorate, 'corosync-quorumtool tells who is missing')]
    : []),
]

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
  needs,
  facts: (config) => ({
    ...arbiterFacts(config),
    'secret.corosync.key': sh`[ ! -e ${KEY} ] || base64 ${KEY} | tr -d '\\n'`,
    'corosync.conf': sh`cat ${CONF} 2>/dev/null || :`,
    'corosync.quorate': `corosync-quorumtool -s 2>/dev/null |
      awk '/^Nodes:/ { nodes = $2 } /^Quorate:/ { quorate = $2 } END { if (nodes > 1) print quorate }' || :`,
  }),
  together: true,
  steps: [
    { title: 'software', on: everyNode, guards: () => [brought('corosync', '02-packages')] },
    { title: 'arbiter', on: arbiter, guards: arbiterRuns },
    { title: 'requests', on: voters, guards: asksForCertificate },
    { title: 'signatures', on: arbiter, guards: signs },
    { title: 'certificates', on: voters, guards: hasCertificate, keepsFacts: true },
    { title: 'key', on: firstNode, guards: (config, facts) => ringKey(config, facts, KEY) },
    { title: 'configure', on: everyNode, guards: configured },
    { title: 'start', on: everyNode, guards: running, oneByOne: live },
    { title: 'arbitration', on: voters, guards: () => deviceRuns(CONF), oneByOne: live },
    { title: 'join', on: everyNode, guards: joined },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/03-corosync.mts', title: phase.title, phases: [phase] })
