/** What quorate puts into the CIB: the VIP, HAProxy beside it, fencing, and the cluster's properties and defaults. */
import { family } from '../address.mts'
import { type Cidr, type Config, type Level, type Node, type Vips, vipsOf } from '../config.mts'
import {
  clone,
  colocation,
  type Fragment,
  fencingLevel,
  location,
  notWhere,
  nvpairs,
  order,
  type Pairs,
  type Primitive,
  primitive,
} from './cib-xml.mts'

const operation = (name: string, interval: string, timeout: string) => ({ name, interval, timeout })

/** The network card that a node has in the VIP's network, by pacemaker's name of the node. */
export type Cards = ReadonlyMap<string, string>

/** Nodes may name their cards differently. */
function onCards(name: string, cards: Cards): Pick<Primitive, 'params' | 'paramsOn'> {
  const all = [...new Set(cards.values())]
  if (all.length < 2) return { params: Object.fromEntries(all.map((card) => [name, card])) }
  return {
    paramsOn: all.map((card) => ({
      nodes: [...cards].filter(([, own]) => own === card).map(([node]) => node),
      params: { [name]: card },
    })),
  }
}

const OTHER = 'vip-other'

/**
 * The VIPs by the names of their resources. `vip` is the one of the nodes' own family, whichever the env file names first: a resource
 * keeps its address when the order is changed, or when the other one comes or goes.
 */
export function vipResources(config: Vips & Pick<Config, 'nodes'>): readonly (readonly [string, Cidr])[] {
  const vips = vipsOf(config)
  const own = vips.find((vip) => vip.family === family(config.nodes[0]?.address ?? '')) ?? config.vip
  return [['vip', own], ...vips.filter((vip) => vip !== own).map((vip) => [OTHER, vip] as const)]
}

/** What there may be of a second VIP, and is not wanted without one; constraints first, or the schema forbids it. */
export const goneVip = ({ vip2 }: Vips): readonly string[] =>
  vip2 === undefined ? [`haproxy-before-${OTHER}`, `${OTHER}-with-vip`, OTHER] : []

/**
 * The virtual IP. It is told its card: the agent asks the routing table otherwise, has no answer there while the card is down, and says
 * that it has stopped an address which it left where it is (findif.sh); with its card back the node would hold it beside another one.
 * IPv4 is announced again at each monitor (arp_count_refresh), so that a neighbour which missed the announcement of a move
 * learns it within 10 s and not when its ARP entry expires. The agent has that for IPv4 alone.
 * Source: heartbeat/IPaddr2 of resource-agents. Its priority below all others is for `FENCING_DELAY`.
 */
export const vipPrimitive = ({ vip }: Pick<Config, 'vip'>, cards: Cards = new Map(), id = 'vip'): Fragment => {
  const { params, paramsOn } = onCards('nic', cards)
  return primitive(id, {
    agent: 'ocf:heartbeat:IPaddr2',
    params: {
      ip: vip.address,
      cidr_netmask: vip.prefix,
      ...params,
      ...(vip.family === 4 ? { arp_count_refresh: 1 } : {}),
    },
    ...(paramsOn === undefined ? {} : { paramsOn }),
    // Not critical: one that cannot start somewhere does not take the first one away (Pacemaker Explained, critical).
    meta: { priority: -1, ...(id === OTHER ? { critical: 'false' } : {}) },
    operations: [operation('start', '0s', '20s'), operation('stop', '0s', '20s'), operation('monitor', '10s', '20s')],
  })
}

/**
 * Whether a node's card in the VIP's network has a link, as a node attribute: the ring may still go through another network, and
 * nobody would miss the node. Of the agent's ways to tell only the first: the others wait for traffic, which a node in standby may
 * not have. Source: heartbeat/ethmonitor of resource-agents.
 */
const cardWatch = (cards: Cards): Fragment =>
  clone(
    'public-link-clone',
    primitive('public-link', {
      agent: 'ocf:heartbeat:ethmonitor',
      ...merged(onCards('interface', cards), { name: 'public-link', link_status_only: 'true', repeat_count: 1 }),
      operations: [operation('start', '0s', '60s'), operation('stop', '0s', '20s'), operation('monitor', '2s', '20s')],
    }),
    { interleave: 'true' },
  )

const merged = ({ params, paramsOn }: Pick<Primitive, 'params' | 'paramsOn'>, more: Pairs) => ({
  params: { ...params, ...more },
  ...(paramsOn === undefined ? {} : { paramsOn }),
})

/**
 * The VIP, and what it needs of its node: where it cannot be announced it had better not be. A second one is where the first is.
 * `cardsOf` tells the cards in the network of each.
 */
export const vipFragments = (
  config: Vips & Pick<Config, 'nodes'>,
  cardsOf: (vip: Cidr) => Cards,
): readonly Fragment[] =>
  vipResources(config).flatMap(([id, vip]) => {
    const cards = cardsOf(vip)
    const own = vipPrimitive({ vip }, cards, id)
    if (id === OTHER) return [own, colocation(`${OTHER}-with-vip`, 'INFINITY', OTHER, 'vip')]
    return [own, ...(cards.size === 0 ? [] : [cardWatch(cards), notWhere('vip-needs-link', 'vip', 'public-link', '0')])]
  })

/**
 * HAProxy on every node, so that a move of the VIP finds one running. interleave: the end of one instance touches no
 * other. A HAProxy that dies is started again by systemd (06-haproxy); one that systemd gives up on is seen here within 5 s. At
 * 1 s each slow answer of a busy systemd would be a failure of the resource.
 */
export const haproxyClone = (): Fragment =>
  clone(
    'haproxy-clone',
    primitive('haproxy', {
      agent: 'systemd:haproxy',
      operations: [operation('start', '0s', '60s'), operation('stop', '0s', '60s'), operation('monitor', '5s', '30s')],
    }),
    { interleave: 'true' },
  )

export const vipWithHaproxy = (): Fragment => colocation('vip-with-haproxy', 'INFINITY', 'vip', 'haproxy-clone')

/**
 * Optional, so that it counts only when both start or stop at once: a planned move takes the VIP away first, and HAProxy
 * started again in place does not take the VIP along. Mandatory would; the order the other way round stops every HAProxy.
 */
export const haproxyBeforeVip = (config: Vips & Pick<Config, 'nodes'>): readonly Fragment[] =>
  vipResources(config).map(([id]) => order(`haproxy-before-${id}`, 'Optional', 'haproxy-clone', id))

/**
 * In a split of two nodes each would fence the other (two_node makes both quorate): one must come first, by more than a device
 * takes to kill. Pacemaker delays the fencing of the lost node whose resources have the highest priority in all
 * (priority-fencing-delay, since 2.0.4). With the VIP below 0 that is the node which does not hold it: the VIP is what clients miss,
 * and its node is far more often dead than split off, so that its fencing is what nobody should wait for.
 */
const FENCING_DELAY = '5s'

/** A way to switch off a node. */
export interface FenceDevice {
  readonly id: string
  readonly node: Node
  /** Those of the second level are for when the first fails. */
  readonly level: Level
  readonly agent: string
  readonly params: Readonly<Record<string, string>>
}

export type Fencing = Pick<Config, 'nodes' | 'fencing' | 'fence' | 'fencing2' | 'fence2'>

export const fenceId = (node: string, level: Level = 1): string => `fence${level === 1 ? '' : level}-${node}`

/** All of them; none with FENCING=none. */
export const fenceDevices = ({ nodes, fencing, fence, fencing2, fence2 }: Fencing): readonly FenceDevice[] =>
  fencing === 'none'
    ? []
    : nodes.flatMap((node): FenceDevice[] => [
        { id: fenceId(node.name), node, level: 1, agent: fencing, params: fence[node.name] ?? {} },
        ...(fence2[node.name] === undefined
          ? []
          : [
              {
                id: fenceId(node.name, 2),
                node,
                level: 2 as const,
                agent: fencing2,
                params: fence2[node.name] as Readonly<Record<string, string>>,
              },
            ]),
      ])

/**
 * Each device runs on the others of its node. The operator's own parameters come last and win. A node with two devices has
 * levels, or pacemaker would take whichever it likes.
 * The text holds the passwords of the devices: it may not be in argv or in a log. Source: pacemaker-fenced(7).
 */
export const fencePrimitives = (config: Fencing): Fragment[] => {
  const devices = fenceDevices(config)
  return [
    ...devices.flatMap(({ id, node, agent, params }) => [
      primitive(id, {
        agent: `stonith:${agent}`,
        params: { pcmk_host_list: node.name, ...params },
        operations: [operation('monitor', '60s', '60s')],
      }),
      location(elsewhere(id), id, '-INFINITY', node.name),
    ]),
    ...config.nodes.flatMap((node) => {
      const own = devices.filter((device) => device.node === node)
      return own.length < 2 ? [] : own.map(({ id, level }) => fencingLevel(levelId(id), node.name, level, [id]))
    }),
  ]
}

const elsewhere = (id: string) => `${id}-elsewhere`
const levelId = (id: string) => `level-of-${id}`

/** What there may be of an earlier run and is not wanted now; first what refers to others, or the schema forbids it. */
export const goneFencing = (config: Fencing, left: readonly string[] = []): readonly string[] => {
  const wanted = fencePrimitives(config).map(({ id }) => id)
  const ids = [...config.nodes.map(({ name }) => name), ...left].flatMap((name) => [fenceId(name), fenceId(name, 2)])
  return [...ids.map(levelId), ...ids.map(elsewhere), ...ids].filter((id) => !wanted.includes(id))
}

/**
 * The set that crmsh and pacemaker themselves write to. stop is right for two nodes too, since two_node keeps the
 * survivor quorate. CLUSTER_PROPERTIES come last and win.
 * The name stonith-enabled holds everywhere today: fencing-enabled (3.0.2) is ignored by 2.1.
 */
export const clusterProperties = (
  config: Pick<Config, 'nodes' | 'arbiter' | 'fencing' | 'clusterProperties'>,
): Fragment => ({
  section: 'crm_config',
  id: 'cib-bootstrap-options',
  xml: nvpairs('cluster_property_set', 'cib-bootstrap-options', {
    'no-quorum-policy': 'stop',
    'stonith-enabled': String(config.fencing !== 'none'),
    'priority-fencing-delay': race(config) ? FENCING_DELAY : '0s',
    ...config.clusterProperties,
  }),
})

/** Both sides of a split may fence: only two nodes without an arbiter are quorate on both. */
const race = ({ nodes, arbiter, fencing }: Pick<Config, 'nodes' | 'arbiter' | 'fencing'>): boolean =>
  fencing !== 'none' && nodes.length === 2 && arbiter === undefined

/** A resource stays where it is, moves after three failures, and a failure is forgotten after 3 minutes. */
export const resourceDefaults = (): Fragment => ({
  section: 'rsc_defaults',
  id: 'rsc-options',
  xml: nvpairs('meta_attributes', 'rsc-options', {
    'resource-stickiness': 100,
    'migration-threshold': 3,
    'failure-timeout': '180s',
  }),
})

/** All of it, in the order in which pacemaker can take it. */
export const clusterFragments = (
  config: Fencing & Vips & Pick<Config, 'arbiter' | 'clusterProperties'>,
  cardsOf: (vip: Cidr) => Cards,
): Fragment[] => [
  clusterProperties(config),
  resourceDefaults(),
  ...fencePrimitives(config),
  ...vipFragments(config, cardsOf),
  haproxyClone(),
  vipWithHaproxy(),
  ...haproxyBeforeVip(config),
]
