/** How the cluster is, as data: what its nodes say of themselves, and of one another. */
import { cidrText } from './address.mts'
import { clocks } from './clocks.mts'
import { type Cidr, type Config, type Node, vipsOf } from './config.mts'
import { crmMon } from './crm-mon.mts'
import type { Lost } from './errors.mts'
import { addresses, type Facts, os, otherRun } from './facts.mts'
import { http, statusOf as httpStatus, portOn } from './http.mts'
import { catalogueFact, inventory } from './keystone.mts'
import { LINKS, linkStates } from './link-states.mts'
import { fenceDevices } from './render/cib.mts'
import { asMembers, linkAddresses, memberName, ownNetwork } from './ring.mts'
import { RING_FACTS } from './ring-live.mts'
import { raw, sh } from './shell.mts'
import { troubles } from './troubles.mts'

export const statusFacts = (config: Config): Readonly<Record<string, string>> => ({
  ...catalogueFact(config),
  ...RING_FACTS,
  links: LINKS,
  quorum: 'corosync-quorumtool -s 2>/dev/null || :',
  pacemaker: 'crm_mon --one-shot --output-as=xml 2>/dev/null || :',
  haproxy: 'state=$(systemctl is-active haproxy 2>/dev/null) || :; echo "${state:-unknown}"',
  // A cluster that is not built yet lacks more.
  crmsh: '! command -v pacemakerd >/dev/null || command -v crm >/dev/null || echo missing',
  versions: [
    'corosync -v 2>/dev/null | sed -n "s/.*version \'\\(.*\\)\'.*/corosync \\1/p"',
    "pacemakerd --version 2>/dev/null | sed -n 's/^Pacemaker /pacemaker /p'",
    "haproxy -v 2>/dev/null | sed -n '1s/^HA-\\{0,1\\}Proxy version \\([^ ]*\\).*/haproxy \\1/p'",
  ].join('\n'),
  // What HAProxy would be told, as this node sees it: host, service and the answer to its check. All at once: one that is dead costs 3 s.
  api: [
    http(config).shell,
    ...config.services.flatMap((service) =>
      askedHosts(config).map(
        (host) =>
          sh`{ said=$(${raw(httpStatus(host.address, portOn(config, host.address, service), service.check.path, 3))}); echo ${host.name} ${service.name} "$said"; } &`,
      ),
    ),
    'wait',
  ].join('\n'),
})

/** Where the APIs are asked: on the VIPs, the first of which is called so, and on each node. */
const askedHosts = (config: Config): readonly { readonly name: string; readonly address: string }[] => [
  ...vipsOf(config).map((vip) => ({ name: vip === config.vip ? 'VIP' : vip.address, address: vip.address })),
  ...config.nodes,
]

/** The parts of crm_mon's XML (api-version 2) that are shown here. */
interface Monitor {
  readonly summary?: {
    readonly current_dc?: { readonly name?: string }
    readonly cluster_options?: { readonly 'stonith-enabled'?: string; readonly 'maintenance-mode'?: string }
  }
  readonly nodes?: { readonly node?: readonly MonitorNode[] }
  readonly resources?: { readonly resource?: readonly MonitorResource[] }
  readonly failures?: { readonly failure?: readonly MonitorFailure[] }
}
/** `op_key` is RESOURCE_OPERATION_INTERVAL. */
type MonitorFailure = Readonly<Record<'op_key' | 'node' | 'exitstatus' | 'exitreason' | 'last-rc-change', string>>
interface MonitorResource extends Readonly<Record<'id' | 'role' | 'failed', string>> {
  readonly node?: readonly { readonly name: string }[]
}
type MonitorNode = Readonly<Record<'name' | 'online' | 'standby' | 'pending' | 'unclean', string>>

const monitor = (xml: string): Monitor => (crmMon(xml, ['node', 'resource', 'failure']) as Monitor | undefined) ?? {}

const field = (text: string, name: string) => new RegExp(`^${name}: *(.*)$`, 'm').exec(text)?.[1]?.trim()

/** A node of the env file. */
export interface NodeStatus {
  readonly name: string
  readonly fqdn: string
  /** What pacemaker says of it, or why nothing is known. */
  readonly state: 'online' | 'standby' | 'pending' | 'offline' | 'unclean' | 'no member' | 'not reached'
  /** Why it could not be asked. */
  readonly lost?: string
  /** Its own, one per link. */
  readonly addresses: readonly string[]
  /** Whether a corosync runs there. */
  readonly ring: boolean
  /** Whom it does not see, by network. */
  readonly misses: readonly { readonly network: string; readonly nodes: readonly string[] }[]
  /** What `systemctl is-active` says. */
  readonly haproxy: string
  /** Which of the VIPs it has. */
  readonly vips: readonly string[]
  /** Whether it is pacemaker's designated controller. */
  readonly dc: boolean
  /** Milliseconds that its clock is ahead of the others'. */
  readonly aheadMs?: number
  /** PRETTY_NAME of os-release(5). */
  readonly system: string
  /** By program: corosync, pacemaker, haproxy. */
  readonly versions: Readonly<Record<string, string>>
  /** There is no crmsh, which people would like to have. */
  readonly withoutCrmsh: boolean
}

/** What something answers to HAProxy's check of a service. */
export interface Answer {
  /** `VIP`, the address of the second VIP, or the name of a node. */
  readonly host: string
  /** The HTTP status, 0 for no answer. */
  readonly code: number
  readonly ok: boolean
}

export interface Status {
  readonly cluster: string
  /** ISO 8601, by the clock here. */
  readonly time: string
  readonly quorate: boolean
  readonly votes: number
  readonly expectedVotes: number
  /** In the order of NODES. */
  readonly nodes: readonly NodeStatus[]
  readonly links: readonly LinkStatus[]
  /** With prefix, and who has it. */
  readonly vips: readonly { readonly address: string; readonly holders: readonly string[] }[]
  readonly fencing: {
    /** `none` where it is decided so. */
    readonly agent: string
    readonly on: boolean
    readonly devices: readonly Device[]
  }
  readonly arbiter?: { readonly host: string; readonly votes: number; readonly lost?: string }
  readonly maintenance: boolean
  /** The run of somebody else that has the lock. */
  readonly atWork?: string
  /** Actions of pacemaker that have failed and were not cleaned up. */
  readonly failures: readonly { readonly action: string; readonly node: string; readonly why: string }[]
  readonly services: readonly { readonly name: string; readonly port: number; readonly answers: readonly Answer[] }[]
  readonly endpoints: {
    /** False without OS_PASSWORD. */
    readonly asked: boolean
    /** Why it is not known where they are. */
    readonly unknown?: string
    readonly problems: readonly string[]
    /** Those that are not on the VIP. */
    readonly elsewhere: readonly { readonly service: string; readonly interface: string; readonly url: string }[]
  }
  /** What is wrong, the cause before what follows from it. What was decided, as FENCING=none, is not. */
  readonly problems: readonly Trouble[]
}

/** One per network of LINKS. */
export interface LinkStatus {
  readonly network: string
  /** The nodes that miss another one there. */
  readonly down: readonly string[]
  /** Those that are missed. */
  readonly to: readonly string[]
}

/**
 * Those whom a link does not reach, where that says more than that it is down: of two nodes it is the other one, and where all miss one
 * another nobody is to be named. One that has left NODES and not yet the ring is always named.
 */
export const cutOff = ({ to }: Pick<LinkStatus, 'to'>, nodes: readonly NodeStatus[]): readonly string[] =>
  nodes.filter(({ name }) => to.includes(name)).length < nodes.length - 1 ? to : []

/** A fence device: of which node, at which level, and which nodes can use it. */
export interface Device {
  readonly node: string
  readonly level: number
  readonly agent: string
  readonly from: readonly string[]
  readonly works: boolean
}

export interface Trouble {
  /** A sentence, without a full stop. */
  readonly text: string
  readonly remedy: string
}

/** Whom a node does not see, by network. */
const missesOf = (config: Config, facts: Facts, node: Node): NodeStatus['misses'] => {
  const down = linkStates(config, facts, node).filter(({ state }) => state !== 'connected')
  return [...Map.groupBy(down, ({ network }) => network)].map(([network, all]) => ({
    network,
    nodes: all.map(({ to }) => to),
  }))
}

/** What the links are called: the networks of LINKS, or the one that the nodes' addresses are in. */
function networks(config: Config, facts: Facts): readonly string[] {
  if (config.links.length > 0) return config.links.map(cidrText)
  const own = config.nodes.flatMap((node) => ownNetwork(facts, node) ?? [])[0]
  return [own === undefined ? 'addresses of NODES' : cidrText(own)]
}

function stateOf(node: MonitorNode | undefined): NodeStatus['state'] {
  if (node === undefined) return 'no member'
  if (node.unclean === 'true') return 'unclean'
  if (node.pending === 'true') return 'pending'
  if (node.online !== 'true') return 'offline'
  return node.standby === 'true' ? 'standby' : 'online'
}

/** `time` is in milliseconds, as Date.now() has it; of the nodes that are lost no fact is looked at. */
export function statusOf(config: Config, facts: Facts, lost: readonly Lost[], time: number): Status {
  const up = config.nodes.filter((node) => !lost.some((one) => one.node === node.name))
  // The node that is in a quorate ring knows more than one that is alone.
  const witness = up.find((node) => field(facts.get(node, 'quorum'), 'Quorate') === 'Yes') ?? up[0]
  const said = (name: string) => (witness ? facts.get(witness, name) : '')
  const seen = monitor(said('pacemaker'))
  const holds = (node: Node, vip: Cidr) => addresses(facts, node).some(({ address }) => address === vip.address)
  const ahead = new Map(clocks(facts, up))

  const nodes = config.nodes.map((node): NodeStatus => {
    const { name, fqdn } = node
    const fault = lost.find((one) => one.node === name)
    const nothing = {
      addresses: [],
      ring: false,
      misses: [],
      haproxy: '',
      vips: [],
      dc: false,
      system: '',
      versions: {},
    }
    if (fault) return { name, fqdn, state: 'not reached', lost: fault.text, ...nothing, withoutCrmsh: false }
    const member = memberName(facts, node)
    const aheadMs = ahead.get(name)
    return {
      name,
      fqdn,
      state: stateOf(seen.nodes?.node?.find((one) => one.name === member)),
      addresses: linkAddresses(config, facts, node),
      ring: facts.get(node, 'links') !== '',
      misses: missesOf(config, facts, node),
      haproxy: facts.get(node, 'haproxy'),
      vips: vipsOf(config)
        .filter((vip) => holds(node, vip))
        .map(({ address }) => address),
      dc: seen.summary?.current_dc?.name === member,
      ...(aheadMs === undefined ? {} : { aheadMs }),
      system: os(facts, node).name,
      versions: versionsIn(facts.get(node, 'versions')),
      withoutCrmsh: facts.get(node, 'crmsh') === 'missing',
    }
  })
  const quorum = said('quorum')
  const options = seen.summary?.cluster_options
  const run = otherRun(config, facts)
  const status: Omit<Status, 'problems'> = {
    cluster: config.clusterName,
    time: new Date(time).toISOString(),
    quorate: field(quorum, 'Quorate') === 'Yes',
    votes: Number(field(quorum, 'Total votes') ?? 0),
    expectedVotes: Number(field(quorum, 'Expected votes') ?? config.nodes.length),
    nodes,
    links: networks(config, facts).map((network) => {
      const missed = (node: NodeStatus) => node.misses.find((one) => one.network === network)?.nodes ?? []
      const names = nodes.map(({ name }) => name)
      const to = [...new Set(nodes.flatMap(missed))].sort((one, other) => names.indexOf(one) - names.indexOf(other))
      return { network, down: nodes.filter((node) => missed(node).length > 0).map(({ name }) => name), to }
    }),
    vips: vipsOf(config).map((vip) => ({
      address: cidrText(vip),
      holders: nodes.filter(({ vips }) => vips.includes(vip.address)).map(({ name }) => name),
    })),
    fencing: {
      agent: config.fencing,
      on: options?.['stonith-enabled'] === 'true',
      devices: devices(asMembers(config, facts), seen),
    },
    ...arbiter(config, quorum, lost),
    maintenance: options?.['maintenance-mode'] === 'true',
    ...(run ? { atWork: run.owner } : {}),
    failures: (seen.failures?.failure ?? []).map((one) => ({
      action: one.op_key,
      node: one.node,
      why: [one.exitstatus, one.exitreason, one['last-rc-change']].filter(Boolean).join(', '),
    })),
    services: answers(config, said('api')),
    endpoints: endpoints(config, facts),
  }
  return { ...status, problems: troubles(status, lost) }
}

const versionsIn = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(text.split('\n').flatMap((line) => (/^\S+ \S+$/.test(line) ? [line.split(' ')] : [])))

/** Whether its vote is counted, as the witness sees it: a line for the device stands among the members (corosync-quorumtool(8)). */
function arbiter({ arbiter: host }: Config, quorum: string, lost: readonly Lost[]): Pick<Status, 'arbiter'> {
  if (host === undefined) return {}
  const votes = Number(/^\s*0\s+(\d+)\s+.*Qdevice/m.exec(quorum)?.[1] ?? 0)
  const fault = lost.find((one) => one.node === host.name)
  return { arbiter: { host: host.name, votes, ...(fault ? { lost: fault.text } : {}) } }
}

/** What is fenced from where, and what is not. */
const devices = (members: Config, { resources }: Monitor): readonly Device[] =>
  fenceDevices(members).map(({ id, node, level, agent }) => {
    const one = resources?.resource?.find((resource) => resource.id === id)
    const works = one?.role === 'Started' && one.failed !== 'true'
    return { node: node.name, level, agent, from: works ? (one.node ?? []).map((on) => on.name) : [], works }
  })

/** For each service: what the VIP and each back end answer. */
const answers = (config: Config, said: string): Status['services'] =>
  config.services.map(({ name, port, check }) => ({
    name,
    port,
    answers: askedHosts(config).flatMap(({ name: host }) => {
      const begin = `${host} ${name} `
      const code = said
        .split('\n')
        .find((one) => one.startsWith(begin))
        ?.slice(begin.length)
      return code === undefined ? [] : [{ host, code: Number(code), ok: check.expect.includes(Number(code)) }]
    }),
  }))

function endpoints(config: Config, facts: Facts): Status['endpoints'] {
  const nothing = { problems: [], elsewhere: [] }
  if (config.openrc === undefined) return { asked: false, ...nothing }
  const { unknown, problems, moves } = inventory(config, facts)
  if (unknown !== undefined) return { asked: true, unknown, ...nothing }
  const elsewhere = moves.map((move) => ({ service: move.service, interface: move.interface, url: move.old }))
  return { asked: true, problems, elsewhere }
}
