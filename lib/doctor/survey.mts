/** What the phases and the proof say of a cluster: of it only what the doctor's own questions have not told already. */
import type { Past } from '../checkpoint.mts'
import type { GuardEnd } from '../event.mts'
import type { Phase } from '../guard.mts'
import { inOrder, standings } from '../plan.mts'
import type { FindingId } from './finding.mts'
import type { Draft } from './seen.mts'

/** What has been looked at of the phases, and how it stands to what is on record. */
export interface Looked {
  /** Those of make cluster, and the proof of make verify. */
  readonly phases: readonly Phase[]
  readonly ends: readonly GuardEnd[]
  readonly past: (end: GuardEnd) => Past
}

export const PROOF = 'verify'

/**
 * Findings that say the same as a guard that does not hold, by its title, on whatever node: what would be left of it comes to light when
 * the finding is mended.
 */
export const SAME: readonly (readonly [title: RegExp, ids: readonly FindingId[]])[] = [
  [/^every link to every node/, ['links-down', 'corosync-down', 'ring-split']],
  [/^the ring is quorate|^the node is in a quorate ring/, ['ring-split', 'corosync-down']],
  [/^every node is online|has this node back$/, ['node-offline', 'pacemaker-down', 'corosync-down']],
  [/maintenance mode/, ['maintenance-mode', 'pacemaker-down']],
  [/^no node is in standby/, ['standby', 'pacemaker-down']],
  [/^fencing is|^nodes are fenced/, ['stonith-off', 'pacemaker-down']],
  [/fence device/, ['fence-device-down', 'pacemaker-down', 'stonith-off']],
  [
    /^the VIP is held|^both VIPs are held|VIPs? answers? to this node/,
    [
      'vip-nowhere',
      'vip-twice',
      'vip-without-pacemaker',
      'pacemaker-down',
      'corosync-down',
      'resource-disabled',
      'ring-split',
      'node-offline',
    ],
  ],
  [
    /is free, or held by this cluster/,
    ['vip-stranger', 'vip-twice', 'vip-without-pacemaker', 'pacemaker-down', 'corosync-down', 'ring-split'],
  ],
  [
    /^HAProxy runs on every node|^haproxy runs with|^systemd has not given haproxy/,
    [
      'haproxy-down',
      'haproxy-older',
      'haproxy-cfg-broken',
      'resource-disabled',
      'pacemaker-down',
      'corosync-down',
      'node-offline',
      'standby',
    ],
  ],
  [/^HAProxy leaves out no back end/, ['back-end-drained']],
  [
    /^no resource has failed|^pacemaker tries /,
    ['resource-failed', 'fencing-failed', 'pacemaker-down', 'corosync-down', 'ring-split'],
  ],
  [/ answers on /, ['api-silent']],
  [
    / answers through /,
    [
      'vip-nowhere',
      'vip-stranger',
      'vip-twice',
      'haproxy-down',
      'back-end-down',
      'api-silent',
      'ring-split',
      'corosync-down',
    ],
  ],
  [/^the catalogue of keystone|endpoint/, ['catalogue-unreadable', 'endpoints-elsewhere']],
  [
    /token through the VIP/,
    [
      'catalogue-unreadable',
      'endpoints-elsewhere',
      'vip-nowhere',
      'vip-stranger',
      'vip-twice',
      'haproxy-down',
      'back-end-down',
      'ring-split',
    ],
  ],
  [/^keystone's keys are/, ['keystone-keys-differ', 'rotation-not-over']],
  [/same ring key/, ['ring-keys-differ']],
  [/^\/etc\/hosts has the block|not on 127/, ['name-elsewhere']],
  [/^its clock agrees/, ['clock-skew']],
  [/room on its disks/, ['disk-full']],
  [/^port \d+ is free/, ['port-taken']],
  [/ listens on its node's own address/, ['port-taken', 'api-silent']],
  [/corosync\.conf is in place$/, ['corosync-conf-differs', 'corosync-conf-stale', 'two-node', 'corosync-conf-unsafe']],
  [
    /has loaded (?:its )?corosync\.conf$/,
    ['corosync-conf-differs', 'corosync-conf-stale', 'two-node', 'corosync-conf-not-loaded', 'corosync-down'],
  ],
  [/authkey is in place$/, ['ring-keys-differ']],
  [/^corosync runs/, ['corosync-down', 'not-at-boot', 'ring-keys-differ']],
  [/^pacemaker runs/, ['pacemaker-down', 'corosync-down', 'not-at-boot']],
  [/^the VIP is a resource|^HAProxy is a clone/, ['resource-unmanaged', 'resource-disabled']],
  [/^chrony keeps the time/, ['no-time-service']],
  [/^the packages are installed/, ['packages-half-installed']],
  [/^haproxy is not started by systemd/, ['haproxy-at-boot']],
  [/quorate\.pem is in place$/, ['certificate-differs']],
  [/haproxy\.cfg is in place$/, ['haproxy-cfg-broken', 'haproxy-older']],
  [/^the properties and defaults are set/, ['stonith-off', 'maintenance-mode']],
]

const known = (title: string, found: readonly Draft[]): boolean =>
  SAME.some(([pattern, ids]) => pattern.test(title) && found.some(({ id }) => ids.includes(id)))

/** Told once for all nodes that say the same. */
const folded = (ends: readonly GuardEnd[]) => [
  ...Map.groupBy(ends, ({ guard, output }) => `${guard}\n${output}`).values(),
]

const firstLine = (text: string) => text.trim().split('\n')[0] ?? ''

/** What only people can mend, and what a run would change, as far as nobody has told it yet. */
export function survey({ phases, ends, past }: Looked, found: readonly Draft[]): readonly Draft[] {
  const built = phases.filter(({ id }) => id !== PROOF)
  const nodes = [...new Set(ends.map(({ node }) => node))]
  const standing = standings(inOrder(built, nodes, ends))
  const wrong = ends.filter((end) => standing.get(end) === 'wrong' && !known(end.guard, found))
  const unproven = ends.filter(({ phase, state, guard }) => phase === PROOF && state !== 'ok' && !known(guard, found))
  const told = (id: FindingId, all: readonly GuardEnd[]) =>
    folded(all).map((same): Draft => {
      const [{ guard, output, remedy }] = same as [GuardEnd]
      const lines = output.trim().split('\n')
      const names = [...new Set(same.map(({ node }) => node))]
      return {
        id,
        nodes: names,
        text: `not true on ${names.join(', ')}: ${guard}${lines[0] ? `: ${lines[0]}` : ''}`,
        ...(lines.length > 1 ? { seen: lines.slice(0, 8) } : {}),
        remedy: remedy ?? 'make cluster; its card tells more',
      }
    })
  const isRequirement = ({ phase }: GuardEnd) => phase === built[0]?.id
  const requirements = told('requirement', wrong.filter(isRequirement))
  // A proof that fails in the words of a phase says no more than that.
  const more = told('not-proven', [
    ...wrong.filter((end) => !isRequirement(end)),
    ...unproven.filter(({ guard }) => !wrong.some((end) => end.guard === guard)),
  ])
  const changes = ends.filter((end) => standing.get(end) === 'change' && !known(end.guard, found))
  return [...requirements, ...more, ...drifts(built, changes, past)]
}

/** Phases that make a host of a node: nothing that a ring does explains what is wrong there. */
const HOSTS = ['00-prereqs', '01-repos', '02-packages']

const driftOf = ({ phase, guard }: GuardEnd): FindingId => {
  if (/^the packages are installed/.test(guard)) return 'packages-missing'
  return HOSTS.includes(phase) ? 'host-changed' : 'drift'
}

/** What was made true once and is not any more, or was never made: by phase, since make plan has the rest. */
function drifts(phases: readonly Phase[], changes: readonly GuardEnd[], past: Looked['past']): readonly Draft[] {
  const anew = changes.filter((end) => past(end) === 'node re-installed')
  const there = changes.filter((end) => !anew.includes(end))
  const replaced = [...Map.groupBy(anew, ({ node }) => node)].map(([node, own]): Draft => {
    const lacks = [...Map.groupBy(own, ({ phase }) => phase)].map(([id, all]) => `${id}: ${firstOf(all.map(line))}`)
    return {
      id: 'node-replaced',
      nodes: [node],
      text: `${node} was installed anew, or is another machine, since it was set up: ${lacks.length === 1 ? 'a phase does' : `${lacks.length} phases do`} not hold there`,
      seen: lacks,
      remedy:
        'make cluster sets it up again and takes it in, make plan shows it before; if nobody has installed it anew, see which machine its address in NODES leads to',
    }
  })
  const drifted = phases.flatMap(({ id }) => {
    const all = there.filter(({ phase }) => phase === id)
    return [...Map.groupBy(all, driftOf)].map(([kind, own]): Draft => {
      const nodes = namesIn(own)
      const before = [...new Set(own.map((end) => STORIES[past(end)]))]
      const told = lines(own)
      return {
        id: kind,
        nodes,
        text: `${id} does not hold on ${nodes.join(', ')} (${before.join(', ')}): ${firstOf(told)}`,
        ...(told.length > 1 ? { seen: told.slice(0, 8) } : {}),
        remedy: 'make plan shows it with diffs, make cluster puts it right',
      }
    })
  })
  return [...replaced, ...drifted]
}

const namesIn = (ends: readonly GuardEnd[]) => [...new Set(ends.map(({ node }) => node))].sort()

/** A line for each guard, with the nodes and what its check has printed. */
const lines = (ends: readonly GuardEnd[]): readonly string[] =>
  folded(ends).map((same) => `${namesIn(same).join(', ')}: ${line(same[0] as GuardEnd)}`)
const line = ({ guard, output }: GuardEnd) => `${guard}${output.trim() === '' ? '' : ` (${firstLine(output)})`}`
const firstOf = (all: readonly string[]) => `${all[0]}${all.length > 1 ? `, and ${all.length - 1} more` : ''}`

const STORIES: Readonly<Record<Past, string>> = {
  'never done': 'it was never done',
  drifted: 'it was done, and somebody has changed it since',
  'settings changed': 'it was done, with other settings in the env file',
  'node re-installed': 'it was done, on another machine or another system of that name',
}
