/** Guards of the corosync ring: its key, its links, its quorum. */
import { createHash } from 'node:crypto'
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { file } from './guards/file.mts'
import { problem } from './guards/require.mts'
import { linkCount } from './ring.mts'
import { sh } from './shell.mts'

/** What a node's key is, base64; empty when it has none. */
const keyOf = (facts: Facts, node: Node): string => facts.get(node, 'secret.corosync.key')

const fingerprint = (key: string): string =>
  createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex').slice(0, 16)

/** A key is made on one node, and only when no node has one: corosync-keygen(8) overwrites silently. */
export function ringKey(config: Config, facts: Facts, path: string): readonly Guard[] {
  if (config.nodes.some((node) => keyOf(facts, node) !== '')) return []
  return [
    {
      title: 'a ring key exists',
      check: sh`[ -s ${path} ] || { echo "no node has one"; exit 1; }`,
      apply: sh`
        corosync-keygen -k ${`${path}.quorate-new`}
        sync
        mv -f ${`${path}.quorate-new`} ${path}`,
    },
  ]
}

/** The key of the nodes that have one is the key of all. Nodes that disagree stop the run: either could be the live one. */
export function sharedKey(config: Config, facts: Facts, path: string): readonly Guard[] {
  const holders = config.nodes.filter((node) => keyOf(facts, node) !== '')
  const keys = [...new Set(holders.map((node) => keyOf(facts, node)))]
  const [key] = keys
  if (key === undefined) return [{ title: `${path} is in place`, check: 'echo "no node has a ring key yet"; exit 1' }]
  if (keys.length > 1)
    return [
      problem(
        'the nodes have the same ring key',
        holders.map((node) => `${node.name}: SHA-256 ${fingerprint(keyOf(facts, node))}…`).join('\n'),
        `find out which key is the right one, and move ${path} away on the other nodes`,
      ),
    ]
  return [file(path, key, { mode: '0400', secret: true })]
}

/**
 * Each link to each node is up, as this node sees it (corosync-cfgtool(8), -s). udp and udpu report no links: there the
 * count of members is all there is.
 */
export const linksConnected = (config: Config): string =>
  config.transport === 'knet'
    ? sh`
      said=$(corosync-cfgtool -s 2>&1) || { printf '%s\\n' "$said"; exit 1; }
      printf '%s\\n' "$said" | awk -v want=${config.nodes.length * linkCount(config)} '
        /^LINK ID/ { link = $3 }
        /nodeid: / { if ($NF == "connected" || $NF == "localhost") up++; else print "link " link " to node " $2 " " $NF }
        END { if (up != want) { print up + 0 " of " want " connected"; exit 1 } }'`
    : memberCount(config)

/** Quorate, with all nodes of the env file (corosync-quorumtool(8)). */
export const memberCount = (config: Config): string => sh`
  said=$(corosync-quorumtool -s 2>&1) || :
  printf '%s\\n' "$said" | awk -v want=${config.nodes.length} '
    /^Nodes:/ { nodes = $2 } /^Quorate:/ { quorate = $2 }
    END { if (quorate != "Yes" || nodes != want) { print "quorate: " quorate ", nodes: " nodes + 0 " of " want; exit 1 } }'`

/** This node is in a quorate partition, of however many nodes. */
export const quorate: string = sh`
  corosync-quorumtool -s 2>&1 | grep -q '^Quorate: *Yes' || { echo "not quorate"; exit 1; }`
