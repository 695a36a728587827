/** What the doctor can find, cause before consequence, and what explains what. */
import type { Node } from '../config.mts'
import type { Draft } from './seen.mts'

/** In the order in which they are told; each has an entry of this name in docs/troubleshooting.md. */
export const IDS = [
  'node-not-reached',
  'node-starting',
  'node-replaced',
  'not-built',
  'run-cut-off',
  'disk-full',
  'out-of-memory',
  'packages-half-installed',
  'packages-missing',
  'packages-differ',
  'clock-skew',
  'no-time-service',
  'name-elsewhere',
  'requirement',
  'host-changed',
  'ring-keys-differ',
  'corosync-conf-differs',
  'corosync-conf-stale',
  'two-node',
  'corosync-conf-unsafe',
  'corosync-conf-not-loaded',
  'corosync-down',
  'links-down',
  'token-lost',
  'ring-split',
  'pacemaker-down',
  'not-at-boot',
  'node-offline',
  'maintenance-mode',
  'standby',
  'resource-unmanaged',
  'resource-disabled',
  'stray-constraint',
  'stonith-off',
  'fence-device-down',
  'fencing-failed',
  'vip-in-network-files',
  'vip-without-pacemaker',
  'vip-stranger',
  'vip-twice',
  'haproxy-cfg-broken',
  'port-taken',
  'haproxy-at-boot',
  'haproxy-older',
  'haproxy-down',
  'resource-failed',
  'vip-nowhere',
  'api-silent',
  'back-end-drained',
  'back-end-down',
  'certificate-differs',
  'certificate-ends',
  'rotation-not-over',
  'keystone-keys-differ',
  'catalogue-unreadable',
  'endpoints-elsewhere',
  'not-proven',
  'drift',
] as const
export type FindingId = (typeof IDS)[number]

/** One thing that is wrong. */
export interface Finding {
  readonly id: FindingId
  /** Those that it is about. */
  readonly nodes: readonly string[]
  /** A sentence with the values that were seen. */
  readonly text: string
  /** What the nodes say of it, a line each. */
  readonly seen?: readonly string[]
  readonly remedy: string
  /** Where it is described. */
  readonly doc: string
  /** What it probably comes from: that is to be mended first. */
  readonly cause?: FindingId
}

/** What is no fault, and should be known all the same. */
export interface Note {
  readonly id: string
  readonly nodes: readonly string[]
  readonly text: string
}

export const docOf = (id: FindingId): string => `docs/troubleshooting.md#${id}`

const RING_BROKEN = ['links-down', 'token-lost', 'ring-split', 'node-offline'] as const
const DAEMONS = ['corosync-down', 'pacemaker-down', 'haproxy-down', 'resource-failed', 'api-silent'] as const
const NOT_RUN = ['haproxy-down', 'vip-nowhere'] as const
/** What is said of a node on which nothing of the cluster is, and of the others for its sake. */
const NOT_THERE = [
  ...DAEMONS,
  ...RING_BROKEN,
  ...NOT_RUN,
  'packages-missing',
  'no-time-service',
  'host-changed',
  'not-at-boot',
  'fence-device-down',
  'fencing-failed',
  'back-end-down',
  'drift',
  'not-proven',
] as const

/** What follows from each: it is told below its cause, where both are of one node. What follows comes later in IDS. */
export const EXPLAINS: Readonly<Partial<Record<FindingId, readonly FindingId[]>>> = {
  'node-not-reached': [
    ...RING_BROKEN,
    'fence-device-down',
    'fencing-failed',
    'vip-nowhere',
    'back-end-down',
    'catalogue-unreadable',
  ],
  'node-starting': [
    ...DAEMONS,
    ...RING_BROKEN,
    'clock-skew',
    'no-time-service',
    'fence-device-down',
    'fencing-failed',
    'vip-without-pacemaker',
    'port-taken',
    'vip-nowhere',
    'back-end-down',
    'catalogue-unreadable',
  ],
  'node-replaced': ['not-built', ...NOT_THERE],
  'not-built': NOT_THERE,
  'disk-full': [...DAEMONS, 'packages-half-installed', 'catalogue-unreadable'],
  'out-of-memory': [...DAEMONS, 'catalogue-unreadable'],
  'packages-half-installed': DAEMONS,
  'packages-missing': DAEMONS,
  'clock-skew': ['requirement', 'catalogue-unreadable'],
  'ring-keys-differ': [...RING_BROKEN, 'corosync-down', 'vip-twice', 'fencing-failed', 'not-proven', 'drift'],
  'corosync-conf-differs': [
    'corosync-conf-stale',
    'two-node',
    'corosync-conf-unsafe',
    'corosync-conf-not-loaded',
    'corosync-down',
    ...RING_BROKEN,
    'vip-twice',
  ],
  'two-node': ['corosync-conf-not-loaded', 'vip-twice'],
  'corosync-conf-stale': ['corosync-conf-unsafe', 'corosync-conf-not-loaded', 'corosync-down'],
  'corosync-conf-unsafe': ['corosync-conf-not-loaded', 'corosync-down'],
  'corosync-down': ['pacemaker-down', ...RING_BROKEN, ...NOT_RUN, 'vip-without-pacemaker', 'vip-twice'],
  'links-down': ['token-lost', 'ring-split', 'node-offline'],
  'ring-split': ['node-offline', 'vip-twice', 'fence-device-down', 'fencing-failed', 'resource-failed', ...NOT_RUN],
  'pacemaker-down': ['node-offline', 'vip-without-pacemaker', 'vip-twice', ...NOT_RUN],
  'node-offline': ['fence-device-down', ...NOT_RUN],
  'maintenance-mode': ['resource-failed', ...NOT_RUN],
  'resource-unmanaged': ['resource-failed', ...NOT_RUN],
  'resource-disabled': NOT_RUN,
  standby: NOT_RUN,
  'stonith-off': ['fence-device-down'],
  'fence-device-down': ['fencing-failed', 'resource-failed'],
  'vip-in-network-files': ['vip-without-pacemaker', 'vip-twice'],
  'vip-without-pacemaker': ['vip-twice'],
  'haproxy-cfg-broken': ['haproxy-older', 'haproxy-down', 'resource-failed', 'vip-nowhere'],
  'port-taken': ['haproxy-older', 'haproxy-down', 'resource-failed', 'vip-nowhere'],
  'haproxy-down': ['resource-failed', 'vip-nowhere'],
  'resource-failed': ['vip-nowhere'],
  'vip-nowhere': ['catalogue-unreadable'],
  'api-silent': ['back-end-down', 'catalogue-unreadable'],
  'rotation-not-over': ['keystone-keys-differ'],
}

/**
 * What is told of other nodes, too: when one comes up, pacemaker elects a controller anew and for a moment knows nothing of anybody; and
 * the others have keys, a ring and back ends for a node that is another one, or a new one; one run mends both.
 */
const EVERYWHERE: Readonly<Partial<Record<FindingId, readonly FindingId[]>>> = {
  'node-starting': EXPLAINS['node-starting'] ?? [],
  'node-replaced': ['host-changed', 'drift'],
  'not-built': ['host-changed', 'drift'],
}

const share = (one: readonly string[], other: readonly string[]) =>
  one.length === 0 || other.length === 0 || one.some((name) => other.includes(name))

const touches = (cause: Draft, one: Draft) =>
  EVERYWHERE[cause.id]?.includes(one.id) === true || share(cause.nodes, one.nodes)

/** The findings in the order of IDS, each with its document and the nearest one that explains it. */
export function diagnosis(found: readonly Draft[]): readonly Finding[] {
  const ordered = [...found].sort((one, other) => IDS.indexOf(one.id) - IDS.indexOf(other.id))
  return ordered.map((one) => {
    const cause = ordered.findLast((other) => EXPLAINS[other.id]?.includes(one.id) === true && touches(other, one))?.id
    const known = one.cause ?? cause
    return { ...one, doc: docOf(one.id), ...(known === undefined ? {} : { cause: known }) }
  })
}

/** The cause behind all causes of a finding; itself where there is none. */
export function rootOf(all: readonly Finding[], one: Finding): Finding {
  const named = all.filter((other) => other.id === one.cause && touches(other, one))
  const cause = named.find(({ nodes }) => share(nodes, one.nodes)) ?? named[0]
  return cause === undefined || cause === one ? one : rootOf(all, cause)
}

export const namesOf = (nodes: readonly Node[]): readonly string[] => nodes.map(({ name }) => name)
