/** What must be true of every node before anything is changed: all of it is looked at, and told at once. */
import { cidrText, network } from './address.mts'
import { portFree, statsPortFree, tlsPortFree } from './backend.mts'
import { MAX_SKEW, median } from './clocks.mts'
import { type Cidr, type Config, type Node, titleOf, vipsOf } from './config.mts'
import { addresses, type Facts, os } from './facts.mts'
import { known, knownSystems } from './family.mts'
import { devicesSuit } from './fencing.mts'
import { keysAgree } from './fernet.mts'
import { noOtherCluster } from './foreign.mts'
import type { Guard } from './guard.mts'
import { require } from './guards/require.mts'
import { movable } from './listener.mts'
import { rightKeys } from './repositories.mts'
import { linkAddress, memberName, ownNetwork } from './ring.mts'
import { sh } from './shell.mts'
import { timeRequirements } from './timekeeper.mts'

/** A requirement that config and facts decide: `wrong` says what is amiss. */
const stated = (title: string, wrong: string | undefined, remedy: string): Guard =>
  require(title, wrong === undefined
    ? ':'
    : sh`
    printf '%s\\n' ${wrong}
    exit 1`, remedy)

export const requirements = (config: Config, facts: Facts, node: Node): readonly Guard[] => [
  knownSystem(facts, node),
  tools,
  ownName(facts, node),
  ...unique(config, facts, node),
  notLoopback(node),
  clock(config, facts, node),
  ...timeRequirements(config, facts, node),
  ...ownAddresses(config, facts, node),
  ...vipsFree(config, facts),
  ...ports(config, node),
  space,
  ...noOtherCluster(config, facts, node),
  ...rightKeys(config, facts, node),
  ...devicesSuit(config, facts),
  ...(node === config.nodes[0] ? keysAgree(config, facts) : []),
]

/** Of the host that is the arbiter: it is no member, and needs little. */
export const arbitersRequirements = (config: Config, facts: Facts, host: Node): readonly Guard[] => [
  knownSystem(facts, host),
  tools,
  clock(config, facts, host),
  space,
]

function knownSystem(facts: Facts, node: Node): Guard {
  const system = os(facts, node)
  const { id, version, name } = system
  return stated(
    'the operating system is known',
    known(system) ? undefined : `it is ${name || 'unknown'} (ID=${id} VERSION_ID=${version})`,
    `use one of: ${knownSystems()}`,
  )
}

const tools: Guard = require('systemd runs and the basic tools are there', sh`
    [ -d /run/systemd/system ] || { echo "systemd is not the init of this node"; exit 1; }
    missing=
    for tool in bash timeout ip ss awk diff base64 sha256sum stat systemctl; do command -v "$tool" >/dev/null || missing="$missing $tool"; done
    [ -z "$missing" ] || { echo "missing:$missing"; exit 1; }`, 'install bash, iproute2, diffutils, coreutils and awk on the node')

function ownName(facts: Facts, node: Node): Guard {
  const name = facts.get(node, 'hostname')
  const right = [node.name, node.fqdn].some((one) => one.toLowerCase() === name.toLowerCase())
  return stated(
    'its host name is the one in NODES',
    right ? undefined : `uname -n says ${name}, NODES says ${node.fqdn} ${node.name}`,
    `hostnamectl set-hostname ${node.name} on the node, or correct NODES`,
  )
}

function unique(config: Config, facts: Facts, node: Node): readonly Guard[] {
  const others = (what: (one: Node) => string) =>
    config.nodes.filter((one) => one !== node && what(one) !== '' && what(one) === what(node)).map((one) => one.name)
  const sameName = others((one) => memberName(facts, one).toLowerCase())
  const sameId = others((one) => facts.get(one, 'machine-id'))
  return [
    stated(
      'its host name is its own',
      sameName.length === 0 ? undefined : `${sameName.join(', ')} has the name ${memberName(facts, node)} as well`,
      'give each node a name of its own; or two addresses of NODES are of one machine',
    ),
    stated(
      'its machine-id is its own',
      sameId.length === 0
        ? undefined
        : `${sameId.join(', ')} has the machine-id ${facts.get(node, 'machine-id')} as well`,
      'cloned machines: rm /etc/machine-id; systemd-machine-id-setup; reboot',
    ),
  ]
}

/** Corosync and many services bind to what the own name resolves to (corosync#162, #406). */
const notLoopback = (node: Node): Guard =>
  require('its host name is not on 127.x', sh`
      awk -v names=${`${node.name} ${node.fqdn}`} '
        BEGIN { count = split(tolower(names), want, " ") }
        /^[ \\t]*(127\\.|::1)/ { sub(/#.*/, ""); for (i = 2; i <= NF; i++) for (j = 1; j <= count; j++)
          if (tolower($i) == want[j]) { print "/etc/hosts: " $0; bad = 1; next } }
        END { exit bad }' /etc/hosts`, 'take the name out of that line of /etc/hosts')

/** Seconds by which a clock is off, in words. */
const apart = (seconds: number) => `${Math.round(Math.abs(seconds) * 1000)} ms ${seconds > 0 ? 'ahead of' : 'behind'}`

/** `clock-skew` is what the way to the node cannot explain, so that a slow login is never taken for a wrong clock. */
function clock(config: Config, facts: Facts, node: Node): Guard {
  const skew = (one: Node) => Number(facts.get(one, 'clock-skew'))
  const off = skew(node) - median(config.nodes.map(skew))
  return stated(
    `its clock agrees with the other nodes within ${MAX_SKEW} s`,
    Math.abs(off) <= MAX_SKEW ? undefined : `it is ${apart(off)} the others, and ${apart(skew(node))} this machine`,
    'set the clock that is wrong (chronyc makestep, or date --set) and see that a time service keeps it',
  )
}

function ownAddresses(config: Config, facts: Facts, node: Node): readonly Guard[] {
  const has = ownNetwork(facts, node) !== undefined
  const missing = config.links.filter((link) => linkAddress(config, facts, node, link) === undefined)
  const all = addresses(facts, node).map(({ address, prefix, device }) => `${address}/${prefix} on ${device}`)
  const outside = vipsOf(config).filter((vip) => linkAddress(config, facts, node, vip) === undefined)
  return [
    stated(
      'it has its address of NODES',
      has ? undefined : `${node.address} is not among its addresses: ${all.join(', ')}`,
      'correct NODES, or configure the address',
    ),
    stated(
      'it has an address in each network of LINKS',
      missing.length === 0
        ? undefined
        : `none in ${missing.map(({ address, prefix }) => `${address}/${prefix}`).join(', ')}; it has ${all.join(', ')}`,
      'correct LINKS, or configure the address',
    ),
    // One VIP is in the network of NODES.
    ...(config.vip2 === undefined
      ? []
      : [
          stated(
            'it has an address in the network of each VIP',
            outside.length === 0
              ? undefined
              : `none in ${outside.map((vip) => cidrText(network(vip))).join(', ')}; it has ${all.join(', ')}`,
            'correct VIP, or configure the address',
          ),
        ]),
  ]
}

export const vipsFree = (config: Config, facts: Facts): readonly Guard[] =>
  vipsOf(config).map((vip) => vipFree(config, facts, vip))

/**
 * Held by a node it must be pacemaker's; held by none, nobody may answer to it, by ICMP or by ARP. Pacemaker may have moved
 * it since the nodes were asked, as after a reboot: the neighbour that answers is then a node of ours by its link-layer address.
 */
function vipFree(config: Config, facts: Facts, vip: Cidr): Guard {
  const { address } = vip
  const holder = config.nodes.find((node) => addresses(facts, node).some((one) => one.address === address))
  return require(`${titleOf(config, vip)} is free, or held by this cluster`, sh`
      mine() { ip -o addr show | grep -qF ${` ${address}/`}; }
      if mine; then
        systemctl is-active --quiet pacemaker || { echo ${address}" is configured here, but pacemaker does not run"; exit 1; }
        exit 0
      fi
      [ -z ${holder?.name ?? ''} ] || exit 0
      answers=
      asks() { command -v ping >/dev/null && ping -c 1 -W 1 ${address} >/dev/null 2>&1; }
      neighbour() { ip neigh show to ${address} | grep REACHABLE || :; }
      if asks; then answers=" to ping"; fi
      # The kernel takes a neighbour for reachable for up to 45 s after it has gone: it has to ask anew.
      if [ -z "$answers" ] && [ -n "$(neighbour)" ]; then
        ip neigh flush to ${address}
        asks || :
      fi
      neighbour=$(neighbour)
      if mine && systemctl is-active --quiet pacemaker; then exit 0; fi
      mac=$(ip neigh show to ${address} | sed -n 's/.* lladdr \\([^ ]*\\).*/\\1/p')
      for node in ${config.nodes.map((node) => node.address)}; do
        [ -n "$mac" ] || break
        ip neigh show to "$node" | grep -qF "lladdr $mac " && exit 0
      done
      [ -z "$answers$neighbour" ] || { echo ${address}" is in use: somebody answers$answers $neighbour"; exit 1; }`, 'choose a free address as VIP, or take it off the host that has it')
}

/** HAProxy will bind the VIP on every node: a listener on all addresses is in its way, unless we know how to move it. */
const ports = (config: Config, node: Node): readonly Guard[] => [
  ...config.services.flatMap((service) => [
    portFree(config, node, service, movable(service, config)),
    ...tlsPortFree(config, node, service),
  ]),
  ...(config.stats ? [statsPortFree(node)] : []),
]

/** Kilobytes: the cluster's packages need 250 MB with their dependencies, and dpkg room to unpack. */
const space: Guard = require('there is room on its disks', sh`
    df -P -k /usr /var /etc | awk 'NR > 1 && $4 < (($6 == "/etc") ? 10240 : 409600) && !seen[$6]++ {
      printf "%s has %d MB left\\n", $6, $4 / 1024; bad = 1 } END { exit bad }'`, 'make room: 400 MB for packages and logs')
