/** Clusters that somebody else has made, by pcs, crm or by hand: of what they are, what can be adopted, and what stays theirs. */
import { type Config, type Node, vipsOf } from './config.mts'
import { addresses, type Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { CIB } from './guards/cib.mts'
import { require } from './guards/require.mts'
import { memberName } from './ring.mts'
import { type Member, membersOf, settingsOf } from './ring-live.mts'
import { raw, sh } from './shell.mts'

const OURS = /^# Written by quorate/m

interface Foreign {
  readonly clusterName: string
  readonly members: readonly Member[]
}

/**
 * The cluster of a node's corosync.conf, whether it runs or not, where that is not of our making. Debian's package brings an example
 * named "debian", of one node.
 */
export function foreignOf(config: Config, facts: Facts, node: Node): Foreign | undefined {
  const conf = facts.get(node, 'corosync.conf')
  if (conf.trim() === '' || OURS.test(conf)) return undefined
  const settings = settingsOf(conf)
  const members = membersOf(settings)
  const clusterName = settings.get('totem.cluster_name') ?? ''
  // A tool has written ours anew, and left out who had made it.
  if (facts.get(node, 'corosync.made') === 'yes' && clusterName === config.clusterName) return undefined
  return clusterName === 'debian' && members.length < 2 ? undefined : { clusterName, members }
}

/** Whether a member is this node, by its name or by an address: pcs writes names where corosync takes addresses too. */
function isMember(facts: Facts, node: Node, member: Member): boolean {
  const own = [
    node.name,
    node.fqdn,
    memberName(facts, node),
    node.address,
    ...addresses(facts, node).map((one) => one.address),
  ]
  return [member.name, ...member.addresses.values()].some((one) =>
    own.some((name) => one !== '' && name.toLowerCase() === one.toLowerCase()),
  )
}

/** What keeps it from being adopted; undefined where name and nodes are those of the env file. */
function mismatch(config: Config, facts: Facts, { clusterName, members }: Foreign): string | undefined {
  if (clusterName !== config.clusterName)
    return `its corosync.conf is of the cluster "${clusterName}", and none of ours; CLUSTER_NAME is ${config.clusterName}`
  const strangers = members.filter((member) => !config.nodes.some((node) => isMember(facts, node, member)))
  const absent = config.nodes.filter((node) => !members.some((member) => isMember(facts, node, member)))
  const name = (member: Member) => member.name || [...member.addresses.values()].join(' ') || `node ${member.id}`
  if (strangers.length > 0)
    return `the cluster "${clusterName}" of its corosync.conf also has ${strangers.map(name).join(', ')}`
  if (absent.length > 0)
    return `the cluster "${clusterName}" of its corosync.conf does not have ${absent.map((node) => node.name).join(', ')}`
  return undefined
}

/** A member of somebody else's cluster, also of one that is stopped, is never taken over unasked. */
export function noOtherCluster(config: Config, facts: Facts, node: Node): readonly Guard[] {
  const foreign = foreignOf(config, facts, node)
  const wrong = foreign && mismatch(config, facts, foreign)
  return [
    require('it is not a member of another cluster', wrong === undefined
      ? ':'
      : sh`
      printf '%s\\n' ${wrong}
      exit 1`, 'take the node out of that cluster first (pcs cluster destroy, crm cluster remove); or give its name as CLUSTER_NAME and its nodes as NODES, then it can be adopted'),
    ...(foreign && wrong === undefined ? [namesFree(config), noOtherVip(config)] : []),
  ]
}

/** Whether nothing of this cluster may be touched: it is another one. */
export const isAnothers = (config: Config, facts: Facts): boolean =>
  config.nodes.some((node) => {
    const foreign = foreignOf(config, facts, node)
    return foreign !== undefined && mismatch(config, facts, foreign) !== undefined
  })

/** What is asked before a cluster is adopted that has the name and the nodes of the env file. */
export function adoptions(config: Config, facts: Facts): readonly string[] {
  const nodes = config.nodes.filter((node) => foreignOf(config, facts, node) !== undefined)
  if (nodes.length === 0 || isAnothers(config, facts)) return []
  return [
    `${nodes.map(({ name }) => name).join(', ')}: a cluster "${config.clusterName}" of these nodes is there that quorate has not made; it is adopted: its corosync.conf is written anew (the old one is kept), its properties become those of the env file, VIP and HAProxy come beside its resources; its key and its resources stay as they are (make plan shows each change)`,
  ]
}

/** Shell text: the CIB as it lies on the disk, whether pacemaker runs or not; a tag a line. */
const TAGS = raw(sh`{ cat ${CIB} 2>/dev/null || :; } | tr -d '\\n' | sed 's/>/>\\n/g'`)

/** awk function: the value of an attribute in a tag. */
const ATTRIBUTE = raw(
  `function attribute(name) { return match($0, " " name "=\\"[^\\"]*\\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) : "" }`,
)

/** What we call things in the CIB (lib/render/cib.mts). */
const OWN = ['vip', 'vip-other', 'public-link', 'public-link-clone', 'haproxy', 'haproxy-clone']

/** A name of ours that somebody else has given already would make his resource ours. */
const namesFree = (config: Config): Guard =>
  require('the cluster to be adopted has no resource that is called like one of ours', sh`
    ${TAGS} | awk -v own=${OWN.join(' ')} '
      ${ATTRIBUTE}
      BEGIN { count = split(own, names, " ") }
      /^ *<(primitive|clone|group|master|bundle) / { for (i = 1; i <= count; i++) if (attribute("id") == names[i]) { print "it has a resource " names[i]; bad = 1 } }
      END { exit bad }'`, `rename it there, or take it out: ${config.clusterName} gets resources of these names`)

/** An address that two resources hold would be on two nodes. */
export const noOtherVip = (config: Config): Guard =>
  require('no other resource has the address of the VIP', sh`
    ${TAGS} | awk -v own=${OWN.join(' ')} -v vips=${vipsOf(config)
      .map(({ address }) => address)
      .join(' ')} '
      ${ATTRIBUTE}
      BEGIN { own = " " own " "; vips = " " vips " " }
      /<primitive / { id = attribute("id"); type = attribute("type") }
      /<nvpair / && type ~ /^IPaddr/ && attribute("name") == "ip" && index(own, " " id " ") == 0 && index(vips, " " attribute("value") " ") {
        print "the resource " id " has " attribute("value"); bad = 1 }
      END { exit bad }'`, 'take that resource out of the cluster (pcs resource delete, crm configure delete), or choose another VIP: what others have made is not touched')
