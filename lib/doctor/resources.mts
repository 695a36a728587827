/** What can be wrong with pacemaker's part: its nodes, its resources, its fencing. */
import type { Node } from '../config.mts'
import { fenceDevices } from '../render/cib.mts'
import { asMembers, isMember } from '../ring.mts'
import { type Monitored, monitored } from './monitor.mts'
import { isQuorate } from './ring.mts'
import { type Draft, linesOf, perText, type Seen } from './seen.mts'

/** The node whose pacemaker is believed: of a quorate part of the ring, where there is one. */
export function witness(seen: Seen): { readonly node: Node; readonly said: Monitored } | undefined {
  const all = seen.built.flatMap((node) => {
    const said = monitored(seen.said(node, 'pacemaker'))
    return said === undefined ? [] : [{ node, said }]
  })
  return all.find(({ node }) => isQuorate(seen, node)) ?? all[0]
}

const CLEANUP = 'then, on any node: crm_resource --cleanup'

export function resources(seen: Seen): readonly Draft[] {
  const known = witness(seen)
  if (known === undefined) return []
  const { said } = known
  const nameOf = (member = '') => seen.config.nodes.find((node) => isMember(seen.facts, node, member))?.name ?? member
  return [
    ...offline(seen, said, nameOf),
    ...maintenance(said, nameOf),
    ...standby(said, nameOf),
    ...unmanaged(said),
    ...disabled(said),
    ...stray(seen),
    ...fencing(seen, said),
    ...failed(said, nameOf),
  ]
}

type Name = (member?: string) => string

function offline(seen: Seen, { nodes }: Monitored, nameOf: Name): readonly Draft[] {
  const state = (node: Node) => {
    const one = nodes.find(({ name }) => isMember(seen.facts, node, name))
    if (one === undefined) return 'not known to it'
    if (one.unclean === 'true') return 'UNCLEAN: it may still have resources, and has to be fenced'
    if (one.pending === 'true') return 'pending: it has joined the ring, and its pacemaker not yet the cluster'
    return one.online === 'true' ? '' : 'OFFLINE'
  }
  return perText(seen.config.nodes, state, (text, names) => ({
    id: 'node-offline',
    nodes: names.map((name) => nameOf(name)),
    text: `pacemaker has ${names.join(', ')} as ${text}`,
    remedy: text.startsWith('UNCLEAN')
      ? 'see that the node is really off, then tell the cluster so: stonith_admin --confirm NODE'
      : 'systemctl status pacemaker on that node; journalctl -u pacemaker there tells why',
  }))
}

function maintenance({ options, nodes }: Monitored, nameOf: Name): readonly Draft[] {
  const whole = options['maintenance-mode'] === 'true'
  const own = nodes.filter((node) => node.maintenance === 'true')
  return [
    ...(whole
      ? [
          {
            id: 'maintenance-mode' as const,
            nodes: [],
            text: 'the cluster is in maintenance mode (maintenance-mode=true): pacemaker watches nothing and heals nothing',
            remedy: 'when the work that it was set for is done: crm_attribute --name maintenance-mode --delete',
          },
        ]
      : own.map(({ name }) => ({
          id: 'maintenance-mode' as const,
          nodes: [nameOf(name)],
          text: `the node ${nameOf(name)} is in maintenance mode: pacemaker heals nothing on it`,
          remedy: `when the work is done: crm_attribute --node ${name} --name maintenance --delete`,
        }))),
  ]
}

const standby = ({ nodes }: Monitored, nameOf: Name): readonly Draft[] =>
  nodes
    // One that is joining is shown so, whatever it was set to.
    .filter((node) => node.standby === 'true' && node.pending !== 'true')
    .map(({ name }) => ({
      id: 'standby',
      nodes: [nameOf(name)],
      text: `${nameOf(name)} is in standby: it runs nothing, and the API has one node less`,
      remedy: `crm_standby --node ${name} --delete (or: crm node online ${name})`,
    }))

/** In maintenance all are, which is told as such. */
function unmanaged({ resources, groups, options, nodes }: Monitored): readonly Draft[] {
  if (options['maintenance-mode'] === 'true') return []
  const quiet = nodes.filter((node) => node.maintenance === 'true').map(({ name }) => name)
  const top = groups.filter(({ managed }) => managed === 'false').map(({ id }) => id)
  const single = resources
    .filter(({ managed }) => managed === 'false')
    .filter(({ node = [] }) => node.length === 0 || !node.every(({ name }) => quiet.includes(name)))
    .map(({ id }) => id)
  // What belongs to a clone is called like it.
  const ids = [...new Set([...top, ...single.filter((id) => !top.some((one) => one === `${id}-clone`))])]
  return ids.map((id) => ({
    id: 'resource-unmanaged',
    nodes: [],
    text: `the resource ${id} is not managed (is-managed=false or maintenance=true): pacemaker neither moves nor heals it`,
    remedy: `crm_resource --resource ${id} --meta --delete-parameter is-managed; the same with maintenance`,
  }))
}

function disabled({ resources, groups }: Monitored): readonly Draft[] {
  const stopped = [...groups, ...resources].filter(({ target_role: role }) => role === 'Stopped').map(({ id }) => id)
  const ids = [...new Set(stopped)].filter((id) => !stopped.includes(`${id}-clone`))
  return ids.map((id) => ({
    id: 'resource-disabled',
    nodes: [],
    text: `the resource ${id} is disabled (target-role=Stopped): pacemaker keeps it stopped everywhere`,
    remedy: `crm_resource --resource ${id} --meta --delete-parameter target-role`,
  }))
}

const attribute = (tag: string, name: string) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? ''

/** What `crm_resource --move` and `--ban` leave behind (crm_resource(8), --clear). */
function stray(seen: Seen): readonly Draft[] {
  const node = witness(seen)?.node
  if (node === undefined) return []
  return linesOf(seen, node, 'doctor.constraints').map((tag) => {
    const [id, resource, where] = ['id', 'rsc', 'node'].map((name) => attribute(tag, name))
    const banned = id?.startsWith('cli-ban')
    const to = where || attribute(tag, 'value') || 'a node'
    return {
      id: 'stray-constraint',
      nodes: [],
      text: `a constraint of a move by hand is left: ${id} ${banned ? 'bans' : 'keeps'} ${resource} ${banned ? 'from' : 'on'} ${to}`,
      remedy: `crm_resource --resource ${resource} --clear`,
    }
  })
}

function fencing(seen: Seen, { options, resources }: Monitored): readonly Draft[] {
  const { config, facts } = seen
  const node = witness(seen)?.node
  const idle = fenceDevices(asMembers(config, facts)).filter(({ id }) => {
    const one = resources.find((resource) => resource.id === id)
    return one?.role !== 'Started' || one.failed === 'true'
  })
  const failures = node === undefined ? [] : linesOf(seen, node, 'doctor.fencings')
  return [
    ...(config.fencing !== 'none' && options['stonith-enabled'] !== 'true'
      ? [
          {
            id: 'stonith-off' as const,
            nodes: [],
            text: `fencing is off (stonith-enabled=${options['stonith-enabled']}), and FENCING says ${config.fencing}: a node that hangs keeps the VIP`,
            remedy:
              'make cluster sets it again; find out who switched it off: crm_mon -1 tells who changed the CIB last',
          },
        ]
      : []),
    ...(idle.length === 0
      ? []
      : [
          {
            id: 'fence-device-down' as const,
            nodes: [],
            text: `pacemaker does not watch the fence devices ${idle.map(({ id }) => id).join(', ')}: nobody could switch off ${idle.map((one) => one.node.name).join(', ')}`,
            remedy: `crm_mon -1rf tells what went wrong; try it by hand: fence agent ${[...new Set(idle.map(({ agent }) => agent))].join(', ')}, action status; ${CLEANUP}`,
          },
        ]),
    ...(failures.length === 0
      ? []
      : [
          {
            id: 'fencing-failed' as const,
            nodes: [],
            text: `fencing has failed: ${failures[0]}`,
            ...(failures.length > 1 ? { seen: failures } : {}),
            remedy:
              'look at the device: its address, user and password, and whether the node reaches it; then stonith_admin --cleanup --history "*" forgets the failure',
          },
        ]),
  ]
}

function failed({ failures, resources }: Monitored, nameOf: Name): readonly Draft[] {
  const operations = failures.map(({ op_key: key, node, exitstatus, exitreason, task, ...rest }) => {
    const id = key.replace(/_[a-z]+_\d+$/, '')
    const why = [exitstatus, exitreason].filter(Boolean).join(', ')
    return {
      id: 'resource-failed' as const,
      nodes: [nameOf(node)],
      text: `the resource ${id} has failed on ${nameOf(node)}: ${task} gave ${why} (${rest['last-rc-change']})`,
      remedy: `mend the cause, journalctl there tells it; ${CLEANUP} --resource ${id}`,
    }
  })
  const blocked = resources
    .filter((one) => one.blocked === 'true')
    .map(({ id, node = [] }) => ({
      id: 'resource-failed' as const,
      nodes: node.map(({ name }) => nameOf(name)),
      text: `the resource ${id} is blocked: pacemaker could not stop it, and touches it no more`,
      remedy: `stop it by hand where it runs; ${CLEANUP} --resource ${id}`,
    }))
  return [...operations, ...blocked]
}
