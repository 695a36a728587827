/** One screen on the cluster: what its nodes say of themselves, and of one another. */
import { XMLParser } from 'fast-xml-parser'
import { cidrText } from './address.mts'
import { clocksInWords } from './clocks.mts'
import { type Cidr, type Config, type Node, vipsOf } from './config.mts'
import type { Lost } from './errors.mts'
import { addresses, type Facts, otherRun } from './facts.mts'
import { UNFENCED } from './fencing.mts'
import { http, portOn, statusOf } from './http.mts'
import { catalogueFact, inventory } from './keystone.mts'
import { fenceDevices } from './render/cib.mts'
import { asMembers, linkAddresses, linkNumbers, memberName } from './ring.mts'
import { RING_FACTS } from './ring-live.mts'
import { raw, sh } from './shell.mts'

export const statusFacts = (config: Config): Readonly<Record<string, string>> => ({
  ...catalogueFact(config),
  ...RING_FACTS,
  links: 'corosync-cfgtool -s 2>/dev/null || :',
  quorum: 'corosync-quorumtool -s 2>/dev/null || :',
  pacemaker: 'crm_mon --one-shot --output-as=xml 2>/dev/null || :',
  haproxy: 'systemctl is-active haproxy || :',
  // A cluster that is not built yet lacks more.
  crmsh: '! command -v pacemakerd >/dev/null || command -v crm >/dev/null || echo missing',
  // What HAProxy would be told, as this node sees it: host, service and the answer to its check.
  api: [
    http(config).shell,
    ...config.services.flatMap((service) =>
      [...vipsOf(config).map((vip) => ({ name: hostOf(config, vip), address: vip.address })), ...config.nodes].map(
        (host) =>
          sh`echo ${host.name} ${service.name} "$(${raw(statusOf(host.address, portOn(config, host.address, service), service.check.path, 3))})"`,
      ),
    ),
  ].join('\n'),
})

/** As a VIP is called among the hosts that are asked. */
const hostOf = (config: Config, vip: Cidr) => (vip === config.vip ? 'VIP' : vip.address)

/** The parts of crm_mon's XML (api-version 2) that are shown here. */
interface Monitor {
  readonly summary?: {
    readonly current_dc?: { readonly name?: string }
    readonly cluster_options?: { readonly 'stonith-enabled'?: string; readonly 'maintenance-mode'?: string }
  }
  readonly nodes?: { readonly node?: readonly MonitorNode[] }
  readonly resources?: { readonly resource?: readonly MonitorResource[] }
}
interface MonitorResource extends Readonly<Record<'id' | 'role' | 'failed', string>> {
  readonly node?: readonly { readonly name: string }[]
}
type MonitorNode = Readonly<Record<'name' | 'online' | 'standby' | 'pending' | 'unclean', string>>

function monitor(xml: string): Monitor {
  if (!xml.startsWith('<')) return {}
  const isArray = (name: string) => name === 'node' || name === 'resource'
  const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', isArray })
  return (parser.parse(xml)['pacemaker-result'] as Monitor | undefined) ?? {}
}

const field = (text: string, name: string) => new RegExp(`^${name}: *(.*)$`, 'm').exec(text)?.[1]?.trim()

/** How a node's links to the others are, as it sees them: `ok`, or the networks of those that are down. */
function links(config: Config, facts: Facts, said: string): string {
  if (said === '') return 'no ring'
  let link = ''
  const down = new Set<string>()
  for (const line of said.split('\n')) {
    link = /^LINK ID (\d+)/.exec(line)?.[1] ?? link
    if (/nodeid: .*disconnected/.test(line)) down.add(link)
  }
  const numbers = linkNumbers(config, facts)
  const named = [...down].map((id) => {
    const link = config.links[numbers.indexOf(Number(id))]
    return link === undefined ? id : cidrText(link)
  })
  return down.size === 0 ? 'ok' : `DOWN: ${named.join(' ')}`
}

function state(node: MonitorNode | undefined): string {
  if (node === undefined) return 'no member'
  if (node.unclean === 'true') return 'UNCLEAN'
  if (node.pending === 'true') return 'pending'
  if (node.online !== 'true') return 'OFFLINE'
  return node.standby === 'true' ? 'standby' : 'online'
}

export function statusScreen(config: Config, facts: Facts, lost: readonly Lost[]): string {
  const up = config.nodes.filter((node) => !lost.some((one) => one.node === node.name))
  // The node that is in a quorate ring knows more than one that is alone.
  const witness = up.find((node) => field(facts.get(node, 'quorum'), 'Quorate') === 'Yes') ?? up[0]
  const said = (name: string) => (witness ? facts.get(witness, name) : '')
  const seen = monitor(said('pacemaker'))
  const holds = (node: Node, vip: Cidr) => addresses(facts, node).some(({ address }) => address === vip.address)

  const row = (node: Node) => {
    if (!up.includes(node))
      return [node.name, 'NOT REACHED', '', '', '', lost.find((one) => one.node === node.name)?.text ?? '']
    const name = memberName(facts, node)
    const member = seen.nodes?.node?.find((one) => one.name === name)
    return [
      node.name,
      state(member),
      linkAddresses(config, facts, node).join(' '),
      links(config, facts, facts.get(node, 'links')),
      facts.get(node, 'haproxy'),
      [vipsOf(config).some((vip) => holds(node, vip)) ? 'VIP' : '', seen.summary?.current_dc?.name === name ? 'DC' : '']
        .filter(Boolean)
        .join(' '),
    ]
  }
  const quorum = said('quorum')
  const votes = `${field(quorum, 'Total votes') ?? 0} of ${field(quorum, 'Expected votes') ?? config.nodes.length} votes`
  const options = seen.summary?.cluster_options
  const run = otherRun(config, facts)
  const holders = (vip: Cidr) => up.filter((node) => holds(node, vip)).map((node) => node.name)
  return [
    `${config.clusterName}: ${config.nodes.length} nodes, ${field(quorum, 'Quorate') === 'Yes' ? 'quorate' : 'NOT QUORATE'} (${votes})`,
    '',
    ...table([['NODE', 'STATE', 'LINKS AT', 'LINKS', 'HAPROXY', ''], ...config.nodes.map(row)]),
    '',
    ...table([
      ...(run ? [['at work', run.owner]] : []),
      ...vipsOf(config).map((vip) => [
        vip === config.vip ? 'VIP' : '',
        `${cidrText(vip)} held by ${holders(vip).join(' AND ') || 'NOBODY'}`,
      ]),
      ['fencing', fencing(config, options?.['stonith-enabled'])],
      ...devices(asMembers(config, facts), seen),
      ...arbiter(config, quorum, lost),
      ['clocks', clocksInWords(facts, up) || 'unknown'],
      ...withoutCrmsh(up.filter((node) => facts.get(node, 'crmsh') === 'missing')),
      ...(options?.['maintenance-mode'] === 'true' ? [['maintenance', 'ON: pacemaker heals nothing']] : []),
      ...apis(config, said('api')),
      ...endpoints(config, facts),
    ]),
  ].join('\n')
}

const fencing = ({ fencing: agent }: Config, enabled: string | undefined): string =>
  enabled === 'true' ? `on (${agent})` : agent === 'none' ? `OFF, as ${UNFENCED}` : 'OFF'

/** It is for people alone, and installed where a repository offers it. */
const withoutCrmsh = (nodes: readonly Node[]): readonly (readonly string[])[] => {
  const names = nodes.map(({ name }) => name).join(', ')
  if (names === '') return []
  return [
    [
      'crmsh',
      `not installed on ${names}: no repository offers it; crm_mon, crm_resource and crm_attribute do the same`,
    ],
  ]
}

/** Whether its vote is counted, as the witness sees it: a line for the device stands among the members (corosync-quorumtool(8)). */
function arbiter({ arbiter: host }: Config, quorum: string, lost: readonly Lost[]): readonly (readonly string[])[] {
  if (host === undefined) return []
  const votes = Number(/^\s*0\s+(\d+)\s+.*Qdevice/m.exec(quorum)?.[1] ?? 0)
  const fault = lost.find((one) => one.node === host.name)
  const said = votes > 0 ? `gives ${votes} ${votes === 1 ? 'vote' : 'votes'}` : 'GIVES NO VOTE'
  return [['arbiter', `${host.name} ${said}${fault ? `; NOT REACHED: ${fault.text}` : ''}`]]
}

/** What is fenced from where, and what is not. */
function devices(members: Config, { resources }: Monitor): readonly (readonly string[])[] {
  const told = fenceDevices(members).map(({ id, node, level, agent }) => {
    const one = resources?.resource?.find((resource) => resource.id === id)
    const works = one?.role === 'Started' && one.failed !== 'true'
    const name = level === 1 ? node.name : `${node.name} (second: ${agent})`
    return works ? `${name} from ${one.node?.map((on) => on.name).join()}` : `${name} NOT WATCHED`
  })
  return told.length === 0 ? [] : [['', told.join(', ')]]
}

/** For each service: what the VIP and each back end answer. */
const apis = (config: Config, said: string): readonly (readonly string[])[] =>
  config.services.map(({ name, check }) => {
    const codes = said
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, service]) => service === name)
      .map(
        ([host, , code]) =>
          `${host} ${check.expect.includes(Number(code)) ? 'ok' : code === '000' ? 'DOWN' : `HTTP ${code}`}`,
      )
    return [name, codes.join(', ') || 'not asked']
  })

function endpoints(config: Config, facts: Facts): readonly (readonly string[])[] {
  if (config.openrc === undefined) return [['endpoints', 'not asked: no OS_PASSWORD in the env file']]
  const { unknown, problems, moves } = inventory(config, facts)
  if (unknown !== undefined) return [['endpoints', `unknown: ${unknown}`]]
  if (moves.length === 0 && problems.length === 0) return [['endpoints', 'all on the VIP']]
  return [...problems, ...moves.map((move) => `${move.service} ${move.interface}: ${move.old}`)].map((text, index) => [
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
