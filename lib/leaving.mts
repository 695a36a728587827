/** Members of the running cluster that are no longer in NODES: they are taken out before anything else is done. */
import type { Config, Node } from './config.mts'
import { MEMBERS_HERE } from './corosync.mts'
import type { Facts } from './facts.mts'
import { isAnothers } from './foreign.mts'
import type { Guard } from './guard.mts'
import { KEPT } from './guards/file.mts'
import { problem } from './guards/require.mts'
import { linkAddresses, memberName } from './ring.mts'
import { liveSettings, type Member, membersOf } from './ring-live.mts'
import { raw, sh } from './shell.mts'

/** A node whose corosync runs, and so knows who belongs to the ring. */
const witness = (config: Config, facts: Facts): Node | undefined =>
  config.nodes.find((node) => membersOf(liveSettings(facts, node)).length > 1)

/** Members of the ring that runs, dead ones too, without a line in NODES. */
export function leaving(config: Config, facts: Facts): readonly Member[] {
  const node = witness(config, facts)
  // Nothing of somebody else's cluster is ours to take out.
  if (node === undefined || isAnothers(config, facts)) return []
  const names = config.nodes.map((one) => memberName(facts, one))
  const own = config.nodes.flatMap((one) => [one.address, ...linkAddresses(config, facts, one)])
  // A node with another name now is known by its addresses.
  return membersOf(liveSettings(facts, node)).filter(
    ({ name, addresses }) => !names.includes(name) && ![...addresses.values()].some((address) => own.includes(address)),
  )
}

/** What is asked before it is done. */
export const farewells = (config: Config, facts: Facts): readonly string[] =>
  leaving(config, facts).map(
    ({ name }) => `${name} belongs to the running cluster and is not in NODES: it is taken out of the cluster`,
  )

/** The one that sees to it: the nodes' root trusts each other. */
export const usher = (config: Config, facts: Facts): readonly Node[] => {
  const node = witness(config, facts)
  return node === undefined || leaving(config, facts).length === 0 ? [] : [node]
}

/**
 * What is done on a node that leaves: pacemaker moves its resources away before it ends, and nothing of the cluster comes up there
 * again. Ring key, configuration and CIB are put aside, or it would look for its old cluster at the next boot by hand.
 */
const GOODBYE = sh`
  set -eu
  for unit in pacemaker corosync-qdevice corosync; do
    if systemctl cat "$unit" >/dev/null 2>&1; then systemctl --quiet disable --now "$unit"; fi
  done
  kept=${KEPT}/left
  mkdir -p "$kept"
  chmod 0700 ${KEPT}
  for path in /etc/corosync/corosync.conf /etc/corosync/authkey /var/lib/pacemaker/cib; do
    [ ! -e "$path" ] || { rm -rf "$kept/\${path##*/}"; mv "$path" "$kept/"; }
  done
  [ -d /var/lib/pacemaker/cib ] || install -d -o hacluster -g haclient -m 0750 /var/lib/pacemaker/cib`

/**
 * Those that stay must have the quorum until the ring has loaded that the others are gone: votes are expected of them as long
 * (votequorum(5), expected_votes).
 */
function tooMany(config: Config, facts: Facts): Guard[] {
  const gone = leaving(config, facts)
  const node = witness(config, facts)
  const all = node === undefined ? 0 : membersOf(liveSettings(facts, node)).length
  if (gone.length === 0 || all - gone.length > all / 2) return []
  return [
    problem(
      'a majority of the cluster stays',
      `${gone.map(({ name }) => name).join(', ')} would leave, and ${all - gone.length} of ${all} have no quorum`,
      'take out fewer nodes at once',
    ),
  ]
}

/** One that is dead is no member any more, and only has to be forgotten: 03-corosync and 04-pacemaker do that. */
export const leaves = (config: Config, facts: Facts): Guard[] => [
  ...tooMany(config, facts),
  ...leaving(config, facts).map(({ id, name }) => ({
    title: `${name} has left the cluster`,
    check: sh`
      ${MEMBERS_HERE}
      if here ${id}; then echo ${`${name} is a member; the cluster is stopped there, and the VIP moves away before that`}; exit 1; fi`,
    apply: sh`
      ${MEMBERS_HERE}
      # As it is written in our own known_hosts: [name]:port where the port is not 22.
      port=$(sed -n ${`s/.*\\[${name.replaceAll('.', '\\.')}\\]:\\([0-9]*\\).*/\\1/p`} /etc/ssh/ssh_known_hosts | head -n 1)
      printf %s ${GOODBYE} |
        ssh -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=yes -p "\${port:-22}" ${`root@${name}`} 'sh -s' 2>&1 ||
        # One that has just died is no member any more when the ring has seen it.
        ! here ${id} || { echo ${`${name} cannot be told to leave from here`}; exit 1; }
      ${raw(sh`end=$(($(date +%s) + 60))
      while here ${id}; do [ "$(date +%s)" -lt "$end" ] || { echo ${`${name} is still a member`}; exit 1; }; sleep 0.2; done`)}`,
    remedy: `log in there: systemctl disable --now pacemaker corosync; or switch ${name} off, if it is broken; then go on`,
  })),
]
