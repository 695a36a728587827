/** What quorate puts into the CIB: the VIP, HAProxy beside it, fencing, and the cluster's properties and defaults. */
import type { Config, Node } from '../config.mts'
import { clone, colocation, type Fragment, location, nvpairs, order, type Pairs, primitive } from './cib-xml.mts'

const operation = (name: string, interval: string, timeout: string) => ({ name, interval, timeout })

/**
 * The virtual IP. Without `nic` the agent asks each node's routing table, so that nodes may name their cards differently.
 * IPv4 is announced again at each monitor (arp_count_refresh), so that a neighbour which missed the announcement of a move
 * learns it within 10 s and not when its ARP entry expires. The agent has that for IPv4 alone.
 * Source: heartbeat/IPaddr2 of resource-agents.
 */
export const vipPrimitive = ({ vip }: Pick<Config, 'vip'>, nic?: string): Fragment =>
  primitive('vip', {
    agent: 'ocf:heartbeat:IPaddr2',
    params: {
      ip: vip.address,
      cidr_netmask: vip.prefix,
      ...(nic === undefined ? {} : { nic }),
      ...(vip.family === 4 ? { arp_count_refresh: 1 } : {}),
    },
    operations: [operation('start', '0s', '20s'), operation('stop', '0s', '20s'), operation('monitor', '10s', '20s')],
  })

/**
 * HAProxy on every node, so that a move of the VIP finds one running. interleave: the end of one instance touches no
 * other. A monitor of systemd: is one call on D-Bus, so 5 s costs little; it is also what the death of HAProxy costs when
 * nothing but pacemaker starts it again. Less than 1 s is systemd's work (Restart= in a drop-in that sorts after
 * pacemaker's 50-pacemaker.conf): at 1 s here, each slow answer of a busy systemd would be a failure of the resource.
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
export const haproxyBeforeVip = (): Fragment => order('haproxy-before-vip', 'Optional', 'haproxy-clone', 'vip')

/** Seconds by which the first of two nodes is fenced later: longer than a fence device takes to kill the other one. */
const HEAD_START = '5s'

/**
 * One device per node, which runs on the others. In a split of two nodes both would fence each other (two_node makes both
 * quorate): the delay lets the first one win. The operator's own parameters come last and win.
 * The text holds the passwords of the devices: it may not be in argv or in a log. Source: pacemaker-fenced(7).
 */
export const fencePrimitives = ({ nodes, fencing, fence }: Pick<Config, 'nodes' | 'fencing' | 'fence'>): Fragment[] =>
  fencing === 'none'
    ? []
    : nodes.flatMap((node, index) => {
        const first = nodes.length === 2 && index === 0
        return fenceDevice(fencing, node, {
          pcmk_host_list: node.name,
          ...(first ? { pcmk_delay_base: HEAD_START } : {}),
          ...fence[node.name],
        })
      })

export const fenceId = (node: string): string => `fence-${node}`

function fenceDevice(agent: string, { name }: Node, params: Pairs): Fragment[] {
  const id = fenceId(name)
  const operations = [operation('monitor', '60s', '60s')]
  return [
    primitive(id, { agent: `stonith:${agent}`, params, operations }),
    location(`${id}-elsewhere`, id, '-INFINITY', name),
  ]
}

/**
 * The set that crmsh and pacemaker themselves write to. stop is right for two nodes too, since two_node keeps the
 * survivor quorate. CLUSTER_PROPERTIES come last and win.
 * The name stonith-enabled holds everywhere today: fencing-enabled (3.0.2) is ignored by 2.1.
 */
export const clusterProperties = (config: Pick<Config, 'fencing' | 'clusterProperties'>): Fragment => ({
  section: 'crm_config',
  id: 'cib-bootstrap-options',
  xml: nvpairs('cluster_property_set', 'cib-bootstrap-options', {
    'no-quorum-policy': 'stop',
    'stonith-enabled': String(config.fencing !== 'none'),
    ...config.clusterProperties,
  }),
})

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
  config: Pick<Config, 'nodes' | 'vip' | 'fencing' | 'fence' | 'clusterProperties'>,
  nic?: string,
): Fragment[] => [
  clusterProperties(config),
  resourceDefaults(),
  ...fencePrimitives(config),
  vipPrimitive(config, nic),
  haproxyClone(),
  vipWithHaproxy(),
  haproxyBeforeVip(),
]
