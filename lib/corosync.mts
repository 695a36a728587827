/** Guards of the corosync ring: its key, its links, its quorum. */
import { createHash } from 'node:crypto'
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { file, KEPT } from './guards/file.mts'
import { needs, problem } from './guards/require.mts'
import { linkCount } from './ring.mts'
import { LIVE, type Settings } from './ring-live.mts'
import { raw, sh } from './shell.mts'

/** What a node's key is, base64; empty when it has none. */
export const keyOf = (facts: Facts, node: Node): string => facts.get(node, 'secret.corosync.key')

export const fingerprint = (key: string): string =>
  createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex').slice(0, 16)

/** A key is made on one node, and only when no node has one: corosync-keygen(8) overwrites silently. */
export function ringKey(config: Config, facts: Facts, path: string): readonly Guard[] {
  if (config.nodes.some((node) => keyOf(facts, node) !== '')) return []
  return [
    {
      title: 'a ring key exists',
      check: sh`[ -s ${path} ] || { echo "no node has one"; exit 1; }`,
      apply: sh`
        mkdir -p ${`${KEPT}/original/etc/corosync`}
        chmod 0700 ${KEPT}
        : >${`${KEPT}/original${path}.absent`}
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

const CONF = '/etc/corosync/corosync.conf'

/** awk: of corosync.conf, read first, the names of the nodes and their addresses by node id; a person does not know ids. */
const MEMBERS = raw(
  `
NR == FNR {
  if ($1 == "name:") who = $2
  if ($1 == "nodeid:") id = $2 + 0
  if ($1 ~ /^ring[0-9]+_addr:$/) { ring = $1; gsub(/[^0-9]/, "", ring); at[ring] = $2 }
  if ($1 == "}" && id) { name[id] = who; for (ring in at) addr[id, ring] = at[ring]; id = 0; who = ""; split("", at) }
  next
}`.trim(),
)

/**
 * Each link to each node is up, as this node sees it (corosync-cfgtool(8), -s). udp and udpu report no links: there the
 * count of members is all there is.
 */
export const linksConnected = (config: Config, links = linkCount(config)): string =>
  config.transport === 'knet'
    ? sh`
      ${needs('corosync-cfgtool')}
      said=$(corosync-cfgtool -s 2>&1) || { printf '%s\\n' "$said"; exit 1; }
      printf '%s\\n' "$said" | awk -v want=${config.nodes.length * links} '
        ${MEMBERS}
        /^LINK ID/ { link = $3 }
        /addr[ \\t]*=/ { own = $3; sub(/%.*/, "", own) }
        /nodeid: / { id = $2 + 0
          if ($NF == "connected" || $NF == "localhost") up++
          else print "link " link ", " own " to " (addr[id, link] ? addr[id, link] : "node " id) " of " (name[id] ? name[id] : "?") ": " $NF }
        END { if (up != want) { print up + 0 " of " want " connected"; exit 1 } }' ${CONF} -`
    : memberCount(config)

export const LINK_REMEDY =
  'ping the one address from the other (ping -I): no answer is a cable, a switch port or a VLAN; an answer is a firewall that does not admit UDP 5405 and up'
export const QUORUM_REMEDY =
  'see on the nodes that are missing: systemctl status corosync, journalctl -u corosync; if it runs there, its links are down'

/** Shell function `ring`: what corosync says of its members; a look asks once for all of its guards. */
const RING = raw(
  `
ring() {
  if [ "\${mode:-}" = check ] && [ -e "$scratch/ring" ]; then cat "$scratch/ring"; return 0; fi
  said=$(corosync-quorumtool -s 2>&1) || :
  printf '%s\\n' "$said" >"$scratch/ring"
  printf '%s\\n' "$said"
}`.trim(),
)

/** Shell function `here ID`: whether the node with this id is a member of the ring, as this node sees it. */
export const MEMBERS_HERE = raw(
  `here() { corosync-quorumtool -l 2>/dev/null | awk -v id="$1" '$1 == id { found = 1 } END { exit !found }'; }`,
)

/** Quorate, with all nodes of the env file (corosync-quorumtool(8)). */
export const memberCount = (config: Config): string => sh`
  ${needs('corosync-quorumtool')}
  ${RING}
  ring | awk -v want=${config.nodes.length} '
    ${MEMBERS}
    /^Nodes:/ { nodes = $2 } /^Quorate:/ { quorate = $2 }
    /^Membership/ { list = 1 } list { here[$1 + 0] = 1 }
    END {
      if (quorate == "Yes" && nodes == want) exit 0
      for (id in name) if (!(id in here)) missing = missing " " name[id]
      if (quorate == "") print "corosync does not answer"
      else print "quorate: " quorate ", nodes: " nodes + 0 " of " want (missing == "" ? "" : ", missing:" missing)
      exit 1
    }' ${CONF} -`

/** This node is in a quorate partition, of however many nodes. */
export const quorate: string = sh`
  ${RING}
  ring | grep -q '^Quorate: *Yes' || { echo "not quorate"; exit 1; }`

/**
 * This node's corosync has these settings, and none of its own beside them that we would write: asked of the daemon itself
 * (corosync-cmapctl(8)). `said` is what is printed where it has not.
 */
export const runsWith = (wanted: Settings, said: readonly string[]): string => sh`
  ${needs('corosync-cmapctl')}
  now=$(${raw(LIVE)})
  [ -n "$now" ] || { echo "corosync does not answer"; exit 1; }
  other=$({ printf '%s\\n' ${[...wanted].map(([key, value]) => `${key}=${value}`)} 'now:' "$now"; } | awk '${SAME}')
  [ -z "$other" ] || { printf '%s\\n' ${said.length === 0 ? raw('"$other"') : said}; exit 1; }`

/** awk: after what is wanted what there is; prints the names of settings that differ. */
const SAME = raw(
  `
{ at = index($0, "="); key = substr($0, 1, at - 1); value = substr($0, at + 1) }
$0 == "now:" { second = 1; next }
!second { want[key] = value; next }
key ~ /^nodelist\\.node\\./ { split(key, part, "."); place = part[3]; name = part[4]
  if (name == "nodeid") id[place] = value
  if (name ~ /^(name|nodeid|ring[0-9]_addr)$/) { kept[place, name] = value; places[place] }
  next }
{ have[key] = value }
END {
  for (place in places) { count = split("name nodeid ring0_addr ring1_addr ring2_addr ring3_addr ring4_addr ring5_addr ring6_addr ring7_addr", names, " ")
    for (i = 1; i <= count; i++) if ((place, names[i]) in kept) have["node " id[place] " " names[i]] = kept[place, names[i]] }
  for (key in want) if (have[key] != want[key]) print key
  for (key in have) if (!(key in want) && key ~ /^(node [0-9]+ |totem\\.(token|link_mode)$|quorum\\.(two_node|device\\.))/) print key
}`.trim(),
)
