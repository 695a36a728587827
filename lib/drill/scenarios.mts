/** What a drill breaks, each with the shell text that does it and the one that puts it back. */

import { cidrText } from '../address.mts'
import { LISTENERS } from '../backend.mts'
import { type Config, type Node, vipsOf } from '../config.mts'
import type { Facts } from '../facts.mts'
import { addresses } from '../facts.mts'
import { missedAfter } from '../render/corosync-conf.mts'
import { linkAddresses, linkCount, memberName } from '../ring.mts'
import { raw, sh } from '../shell.mts'
import type { NAMES } from './names.mts'

/** The cluster as it is when a scenario begins. */
export interface Stage {
  readonly config: Config
  readonly facts: Facts
  /** It holds the VIP. */
  readonly holder: Node
  readonly others: readonly [Node, ...Node[]]
}

export interface Scenario {
  readonly name: (typeof NAMES)[number]
  readonly title: string
  /** Milliseconds without a good answer that are still right. */
  readonly limit: (config: Config) => number
  /** Somebody is asked first: a node or a part of its network is gone for a while. */
  readonly harms: boolean
  /** Why it cannot be done on this cluster. */
  readonly lacks?: (config: Config) => string | undefined
  /** The same, for what only the nodes tell. */
  readonly unable?: (stage: Stage) => string | undefined
  /** Where it is done, and to whom: they differ where one node does it to another. */
  readonly at: (stage: Stage) => Node
  readonly target: (stage: Stage) => Node
  readonly act: (stage: Stage) => string
  /** Seconds after which it is put back, or is back by itself. */
  readonly hold?: (config: Config) => number
  /** It is over only when the target was started anew. */
  readonly dies?: boolean
  /** On the same node; it may run twice, and after a run that was cut off. */
  readonly restore?: (stage: Stage) => string
}

/** Seconds for which a network is cut: longer than a ring takes to miss a node, fence it and move on. */
const outOf = (config: Config) => 17 + Math.ceil(missedAfter(config) / 1000)
/**
 * Milliseconds until a node that says nothing is missed and the VIP is elsewhere. Pacemaker's DC sleeps a second each time that it
 * would decide while an update of the CIB is still on its way, and after a loss that is up to twice (do_pe_invoke_callback,
 * daemons/controld/controld_schedulerd.c).
 */
const missed = (config: Config) => Math.round(missedAfter(config)) + 2500
/** Seconds for which a back end is out: longer than HAProxy needs to see it. */
const OUT = 8

/** Shell text: sets `unit` to what serves the first API on this node. */
const unitOf = ({ config }: Stage) => {
  const [service] = config.services
  return raw(sh`
    ${LISTENERS}
    unit=$(listeners ${service?.port ?? 0} | awk '$2 != "haproxy" && $4 { print $4; exit }')
    [ -n "$unit" ] || { echo "nothing serves port "${service?.port ?? 0}" here"; exit 1; }`)
}

/** Where the name of the unit is kept: once it is stopped it has no listener to be known by. */
const KEPT = '/run/quorate-drill.unit'

/**
 * Shell text: takes devices away and gives them back after so many seconds, whoever is listening then. IPv6 addresses and the routes that
 * go with a device are kept aside (ip-address(8), save and restore); the VIPs are pacemaker's, which may have moved them meanwhile.
 */
const cut = (config: Config, devices: readonly string[], seconds: number): string => {
  const script = sh`
    dir=$(mktemp -d /run/quorate-cut.XXXXXX)
    for dev in ${devices}; do
      ip -6 addr save dev "$dev" >"$dir/$dev.6"
      ip -4 route save dev "$dev" >"$dir/$dev.r4"; ip -6 route save dev "$dev" >"$dir/$dev.r6"
    done
    for dev in ${devices}; do ip link set dev "$dev" down; done
    sleep ${seconds}
    for dev in ${devices}; do
      ip link set dev "$dev" up
      had=$(ip -o addr show dev "$dev")
      ip -6 addr restore <"$dir/$dev.6"
      for vip in ${vipsOf(config).map(cidrText)}; do
        case $had in *" \${vip%/*}/"*) ;; *) ip addr del "$vip" dev "$dev" ;; esac
      done
      ip -4 route restore <"$dir/$dev.r4"; ip -6 route restore <"$dir/$dev.r6"
    done
    rm -rf "$dir"`
  return sh`setsid sh -c ${script} </dev/null >/dev/null 2>&1 &`
}

/** The devices that have an address of the node's own, the VIPs apart. */
const devicesOf = ({ config, facts }: Stage, node: Node, only?: string): readonly string[] => [
  ...new Set(
    addresses(facts, node)
      .filter(({ address }) =>
        only === undefined ? !vipsOf(config).some((vip) => vip.address === address) : address === only,
      )
      .map(({ device }) => device),
  ),
]

/** The devices of a link that is not that of the VIP. */
const otherLink = (stage: Stage): readonly string[] =>
  devicesOf(
    stage,
    stage.holder,
    linkAddresses(stage.config, stage.facts, stage.holder).find((one) => one !== stage.holder.address),
  )

const holder = ({ holder }: Stage): Node => holder
const other = ({ others: [first] }: Stage): Node => first

/** Something is done to the `unit` that serves the API on a node without the VIP, and put right after a while. */
const struck = (how: string, back: string) =>
  ({
    limit: () => 3000,
    harms: false,
    at: other,
    target: other,
    act: (stage: Stage) => sh`
      ${unitOf(stage)}
      echo "$unit" >${KEPT}
      ${raw(how)}`,
    hold: () => OUT,
    restore: () => sh`
      [ -e ${KEPT} ] || exit 0
      unit=$(cat ${KEPT})
      ${raw(back)}
      rm -f ${KEPT}`,
  }) as const

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'move',
    title: 'planned move of the VIP',
    limit: () => 500,
    harms: false,
    at: holder,
    target: holder,
    act: (stage) => sh`crm_resource --resource vip --move --node ${memberName(stage.facts, other(stage))} 2>/dev/null`,
    hold: () => 2,
    restore: () => 'crm_resource --resource vip --clear 2>/dev/null',
  },
  {
    name: 'haproxy',
    title: 'HAProxy killed beside the VIP',
    limit: () => 1000,
    harms: false,
    at: holder,
    target: holder,
    act: () => 'systemctl kill --signal=KILL haproxy',
  },
  {
    name: 'backend',
    title: 'API killed on one node',
    ...struck('systemctl kill --signal=KILL "$unit"; systemctl stop "$unit"', 'systemctl start "$unit"'),
  },
  {
    name: 'hang',
    title: 'API on one node takes connections and never answers',
    ...struck('systemctl kill --signal=STOP "$unit"', 'systemctl kill --signal=CONT "$unit"'),
  },
  {
    name: 'link',
    title: 'one of the links cut',
    limit: () => 500,
    harms: true,
    lacks: (config) =>
      config.transport === 'knet' && linkCount(config) > 1
        ? undefined
        : 'there is only one link: LINKS names no second one',
    at: holder,
    target: holder,
    unable: (stage) =>
      devicesOf(stage, stage.holder, stage.holder.address).some((one) => otherLink(stage).includes(one))
        ? `the links of ${stage.holder.name} go through one device: that would cut all of its network`
        : undefined,
    act: (stage) => cut(stage.config, otherLink(stage), outOf(stage.config)),
    hold: outOf,
  },
  {
    name: 'network',
    title: 'the whole network of the node with the VIP cut',
    limit: missed,
    harms: true,
    at: holder,
    target: holder,
    act: (stage) => cut(stage.config, devicesOf(stage, stage.holder), outOf(stage.config)),
    hold: outOf,
  },
  {
    name: 'crash',
    title: 'the node with the VIP crashed',
    limit: missed,
    harms: true,
    dies: true,
    at: holder,
    target: holder,
    // reboot(2) at once: nothing is stopped, nothing is said to anybody.
    act: () => `setsid sh -c 'sleep 0.2; systemctl reboot --force --force' </dev/null >/dev/null 2>&1 &`,
  },
  {
    name: 'reboot',
    title: 'the node with the VIP rebooted',
    limit: () => 1000,
    harms: true,
    dies: true,
    at: holder,
    target: holder,
    act: () => `setsid sh -c 'sleep 0.2; systemctl reboot' </dev/null >/dev/null 2>&1 &`,
  },
  {
    name: 'power',
    title: 'the node with the VIP switched off by its fence device',
    limit: () => 10_000,
    harms: true,
    dies: true,
    lacks: ({ fencing }) =>
      fencing === 'none' ? 'FENCING=none: there is nothing that switches a node off' : undefined,
    at: other,
    target: holder,
    act: (stage) =>
      sh`setsid stonith_admin --reboot ${memberName(stage.facts, stage.holder)} --timeout 60 </dev/null >/dev/null 2>&1 &`,
  },
]
