/** One screen on the cluster, for people. */
import { UNFENCED } from './fencing.mts'
import { cutOff, type NodeStatus, type Status } from './status.mts'
import { several } from './style.mts'

export function statusScreen(status: Status): string {
  const { nodes, vips, fencing } = status
  const votes = `${status.votes} of ${status.expectedVotes} votes`
  const clocks = nodes.flatMap(({ name, aheadMs }) =>
    aheadMs === undefined ? [] : [`${name} ${aheadMs > 0 ? '+' : ''}${aheadMs} ms`],
  )
  return [
    `${status.cluster}: ${nodes.length} nodes, ${status.quorate ? 'quorate' : 'NOT QUORATE'} (${votes})`,
    '',
    ...table([['NODE', 'STATE', 'LINKS AT', 'LINKS', 'HAPROXY', ''], ...nodes.map((node) => row(node, nodes))]),
    '',
    ...table([
      ...(status.atWork === undefined ? [] : [['at work', status.atWork]]),
      ...vips.map(({ address, holders }, index) => [
        index === 0 ? 'VIP' : '',
        `${address} held by ${holders.join(' AND ') || 'NOBODY'}`,
      ]),
      ['fencing', fencing.on ? `on (${fencing.agent})` : fencing.agent === 'none' ? `OFF, as ${UNFENCED}` : 'OFF'],
      ...devices(status),
      ...arbiter(status),
      ['clocks', clocks.join(', ') || 'unknown'],
      ...withoutCrmsh(nodes.filter((node) => node.withoutCrmsh)),
      ...(status.maintenance ? [['maintenance', 'ON: pacemaker heals nothing']] : []),
      ...status.failures.map(({ action, node, why }, index) => [
        index === 0 ? 'failed' : '',
        `${action} on ${node}: ${why}`,
      ]),
      ...status.services.map(({ name, answers }) => [
        name,
        answers.map(({ host, code, ok }) => `${host} ${ok ? 'ok' : code === 0 ? 'DOWN' : `HTTP ${code}`}`).join(', ') ||
          'not asked',
      ]),
      ...endpoints(status),
    ]),
  ].join('\n')
}

/** What is well is in small letters. */
const STATES: Readonly<Record<NodeStatus['state'], string>> = {
  online: 'online',
  standby: 'standby',
  pending: 'pending',
  offline: 'OFFLINE',
  unclean: 'UNCLEAN',
  'no member': 'no member',
  'not reached': 'NOT REACHED',
}

/** `DOWN: 10.0.42.0/24`, of some nodes only `DOWN to node3: 10.0.42.0/24`. */
function links({ ring, misses }: NodeStatus, nodes: readonly NodeStatus[]): string {
  if (!ring) return 'no ring'
  const whom = ({ nodes: to }: NodeStatus['misses'][number]) => several(cutOff({ to }, nodes))
  const told = [...Map.groupBy(misses, whom)].map(
    ([to, all]) => `DOWN${to && ` to ${to}`}: ${all.map(({ network }) => network).join(' ')}`,
  )
  return told.length === 0 ? 'ok' : told.join(', ')
}

function row(node: NodeStatus, nodes: readonly NodeStatus[]): readonly string[] {
  const { name, state, lost, addresses, haproxy, vips, dc } = node
  if (lost !== undefined) return [name, STATES[state], '', '', '', lost]
  const marks = [vips.length > 0 ? 'VIP' : '', dc ? 'DC' : ''].filter(Boolean).join(' ')
  return [name, STATES[state], addresses.join(' '), links(node, nodes), haproxy, marks]
}

function devices({ fencing }: Status): readonly (readonly string[])[] {
  const told = fencing.devices.map(({ node, level, agent, from, works }) => {
    const name = level === 1 ? node : `${node} (second: ${agent})`
    return works ? `${name} from ${from.join()}` : `${name} NOT WATCHED`
  })
  return told.length === 0 ? [] : [['', told.join(', ')]]
}

function arbiter({ arbiter: one }: Status): readonly (readonly string[])[] {
  if (one === undefined) return []
  const said = one.votes > 0 ? `gives ${one.votes} ${one.votes === 1 ? 'vote' : 'votes'}` : 'GIVES NO VOTE'
  return [['arbiter', `${one.host} ${said}${one.lost === undefined ? '' : `; NOT REACHED: ${one.lost}`}`]]
}

/** It is for people alone, and installed where a repository offers it. */
const withoutCrmsh = (nodes: readonly NodeStatus[]): readonly (readonly string[])[] => {
  const names = nodes.map(({ name }) => name).join(', ')
  if (names === '') return []
  return [
    [
      'crmsh',
      `not installed on ${names}: no repository offers it; crm_mon, crm_resource and crm_attribute do the same`,
    ],
  ]
}

function endpoints({ endpoints: { asked, unknown, problems, elsewhere } }: Status): readonly (readonly string[])[] {
  if (!asked) return [['endpoints', 'not asked: no OS_PASSWORD in the env file']]
  if (unknown !== undefined) return [['endpoints', `unknown: ${unknown}`]]
  if (elsewhere.length === 0 && problems.length === 0) return [['endpoints', 'all on the VIP']]
  return [...problems, ...elsewhere.map((one) => `${one.service} ${one.interface}: ${one.url}`)].map((text, index) => [
    index === 0 ? 'endpoints' : '',
    text,
  ])
}

/** Columns as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
