/** What corosync -t takes without a word although it is wrong, or means nothing, in a corosync.conf. */
import { didYouMean } from '../nearest.mts'
import { type Entry, parseCorosync, type Section, sectionsOf, settingOf } from './corosync-parse.mts'

/**
 * A sentence for each fault, with its line where it has one; none for a good file. It stands beside `corosync -t`, which knows the
 * values and the key file: unknown and outdated names, unsafe quorum, plaintext, and a list of nodes that does not fit.
 * Source: corosync.conf(5), votequorum(5), corosync-qdevice(8), and corosync -t of 3.1.7.
 */
export function corosyncProblems(conf: string): string[] {
  const { file, problems } = parseCorosync(conf)
  const [totem] = sectionsOf(file, 'totem')
  const [quorum] = sectionsOf(file, 'quorum')
  const nodes = sectionsOf(sectionsOf(file, 'nodelist')[0], 'node')
  return [
    ...problems,
    ...nameProblems(file, ''),
    ...plaintext(totem),
    ...quorumProblems(quorum, nodes.length),
    ...nodeProblems(nodes, settingOf(totem, 'transport') ?? 'knet'),
  ]
}

const LOGGING =
  'to_stderr to_logfile to_syslog logfile logfile_priority syslog_facility syslog_priority debug subsys'.split(' ')

/** The keys of each section by its path; a section that is not here is unknown. From the man pages, in their order. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': [],
  totem:
    `version clear_node_high_bit crypto_model crypto_hash crypto_cipher secauth keyfile key link_mode netmtu transport
    cluster_name config_version ip_version ip_dscp token token_warning token_coefficient token_retransmit
    knet_compression_model knet_compression_threshold knet_compression_level hold token_retransmits_before_loss_const join
    send_join consensus merge downcheck fail_recv_const seqno_unchanged_const heartbeat_failures_allowed max_network_delay
    window_size max_messages miss_count_const knet_pmtud_interval knet_mtu block_unlisted_ips
    cancel_token_hold_on_retransmit`.split(/\s+/),
  'totem.interface': `linknumber knet_link_priority knet_ping_interval knet_ping_timeout knet_ping_precision
    knet_pong_count knet_transport bindnetaddr broadcast mcastaddr mcastport ttl`.split(/\s+/),
  logging: [...LOGGING, 'timestamp', 'fileline', 'function_name', 'blackbox'],
  'logging.logger_subsys': LOGGING,
  quorum:
    `provider expected_votes votes two_node wait_for_all last_man_standing last_man_standing_window auto_tie_breaker
    auto_tie_breaker_node allow_downscale expected_votes_tracking leaving_timeout`.split(/\s+/),
  'quorum.device': ['model', 'timeout', 'sync_timeout', 'votes', 'master_wins'],
  'quorum.device.net':
    'host port tls algorithm tie_breaker keep_active_partition_tie_breaker connect_timeout force_ip_version'.split(' '),
  'quorum.device.heuristics': ['mode', 'timeout', 'sync_timeout', 'interval', 'exec_NAME'],
  nodelist: [],
  'nodelist.node': ['name', 'nodeid', 'quorum_votes', ...Array.from({ length: 8 }, (_, link) => `ring${link}_addr`)],
  system: 'qb_ipc_type sched_rr priority move_to_root_cgroup allow_knet_handle_fallback state_dir run_dir'.split(' '),
  resources: ['watchdog_device', 'watchdog_timeout'],
  nozzle: ['name', 'ipaddr', 'ipprefix', 'macaddr'],
  uidgid: ['uid', 'gid'],
}

/** Of corosync 1.x and openais: what took the place of each, or why nothing did. */
const STALE: Readonly<Record<string, string>> = {
  amf: 'it went with openais',
  aisexec: 'corosync runs as root',
  service: 'pacemaker starts as a service of its own',
  event: 'it went with openais',
  compatibility: 'there is one version of the protocol',
  'totem.vsftype': 'use quorum.provider: corosync_votequorum',
  'totem.threads': 'knet has threads of its own',
  'totem.rrp_mode': 'use totem.link_mode and several ringN_addr',
  'totem.rrp_problem_count_timeout': 'use the knet_ping_* keys of an interface',
  'totem.rrp_problem_count_threshold': 'use the knet_ping_* keys of an interface',
  'totem.rrp_problem_count_mcast_threshold': 'use the knet_ping_* keys of an interface',
  'totem.rrp_token_expired_timeout': 'use the knet_ping_* keys of an interface',
  'totem.rrp_autorecovery_check_timeout': 'a knet link comes back by itself',
  'totem.crypto_type': 'use totem.crypto_model',
  'totem.nodeid': 'use nodelist.node.nodeid',
  'totem.interface.ringnumber': 'use totem.interface.linknumber',
  'totem.interface.member': 'use nodelist.node',
}

const joined = (path: string, name: string) => (path === '' ? name : `${path}.${name}`)

function nameProblems(section: Section, path: string): string[] {
  // What is inside an unknown section is not looked at: it means nothing either.
  const known = KEYS[path] ?? []
  const below = Object.keys(KEYS).filter((one) => one !== '' && joined(path, one.split('.').at(-1) ?? '') === one)
  return [
    ...section.entries.flatMap((entry) => entryProblems(entry, path, section, known)),
    ...section.sections.flatMap((one) => {
      const inner = joined(path, one.name)
      return inner in KEYS ? nameProblems(one, inner) : [unknown('section', inner, one.line, below)]
    }),
  ]
}

function entryProblems({ key, line }: Entry, path: string, section: Section, known: readonly string[]): string[] {
  const name = joined(path, key)
  if (!known.includes(key.replace(/^exec_.+/, 'exec_NAME')))
    return [
      unknown(
        'key',
        name,
        line,
        known.map((one) => joined(path, one)),
      ),
    ]
  const last = section.entries.findLast((entry) => entry.key === key)
  return last?.line === line ? [] : [`line ${line}: ${name} is said again in line ${last?.line}, which wins`]
}

function unknown(what: 'key' | 'section', name: string, line: number, known: readonly string[]): string {
  const instead = STALE[name]
  if (instead !== undefined) return `line ${line}: ${name} is of corosync 1.x and has no effect: ${instead}`
  return `line ${line}: ${name} is no ${what} of corosync.conf; ${didYouMean(name, known, 'remove it')}`
}

/** In 3.1 the default is none, and `secauth: on` stands for aes256 and sha256. Other transports know no encryption. */
function plaintext(totem: Section | undefined): string[] {
  if (totem === undefined) return ['there is no totem section']
  if ((settingOf(totem, 'transport') ?? 'knet') !== 'knet') return []
  const otherwise = settingOf(totem, 'secauth') === 'on' ? 'on' : 'none'
  return ['crypto_cipher', 'crypto_hash']
    .filter((key) => (settingOf(totem, key) ?? otherwise) === 'none')
    .map((key) => `totem.${key} is none: knet then sends in plain text, open to forgery`)
}

function quorumProblems(quorum: Section | undefined, nodes: number): string[] {
  const on = (key: string) => settingOf(quorum, key) === '1'
  const [device] = sectionsOf(quorum, 'device')
  const [net] = sectionsOf(device, 'net')
  const halves = device !== undefined && (settingOf(net, 'algorithm') ?? 'ffsplit') === 'ffsplit'
  const problems: [boolean, string][] = [
    [
      settingOf(quorum, 'provider') !== 'corosync_votequorum',
      'quorum.provider is not corosync_votequorum: nothing counts votes, and every part of a split cluster goes on',
    ],
    [
      on('two_node') && nodes !== 2,
      `quorum.two_node is set for ${nodes} nodes: after a split, parts of one or two nodes are quorate beside the rest`,
    ],
    [
      on('two_node') && device !== undefined,
      'quorum.two_node and quorum.device exclude each other: corosync does not start with both',
    ],
    [
      on('two_node') && on('auto_tie_breaker'),
      'quorum.two_node and quorum.auto_tie_breaker contradict each other on who survives a split',
    ],
    [
      on('two_node') && settingOf(quorum, 'wait_for_all') === '0',
      'quorum.wait_for_all: 0 with two_node: each node alone is quorate as soon as it starts, and fences the other',
    ],
    [
      nodes === 2 && !on('two_node') && device === undefined && !on('auto_tie_breaker'),
      'quorum.two_node is not set for two nodes and there is no device: the loss of one stops the other',
    ],
    [
      device !== undefined && (on('auto_tie_breaker') || on('last_man_standing')),
      'quorum.device is disabled by auto_tie_breaker and last_man_standing',
    ],
    [
      halves && nodes % 2 === 1,
      `quorum.device.net.algorithm ffsplit is for equal halves, and ${nodes} nodes have none: use lms`,
    ],
    [
      halves && settingOf(device, 'votes') !== '1',
      'quorum.device.votes: ffsplit wants one vote, and the default is another number',
    ],
    [
      device !== undefined && settingOf(net, 'tls') !== 'required',
      'quorum.device.net.tls is not required: whoever answers in the place of the arbiter decides who goes on',
    ],
  ]
  return problems.filter(([is]) => is).map(([, text]) => text)
}

function nodeProblems(nodes: readonly Section[], transport: string): string[] {
  if (nodes.length === 0) return ['there is no nodelist with nodes: nothing says who belongs to the cluster']
  const links = (node: Section) =>
    node.entries
      .map(({ key }) => /^ring(\d)_addr$/.exec(key)?.[1] ?? '')
      .filter((link) => link !== '')
      .sort()
      .join(' ')
  const first = links(nodes[0] as Section)
  return [
    ...nodes
      .filter((node) => (settingOf(node, 'name') ?? '') === '')
      .map(({ line }) => `line ${line}: the node has no name: pacemaker may know it by another one and list it twice`),
    ...nodes
      .filter((node) => settingOf(node, 'nodeid') === undefined)
      .map(({ line }) => `line ${line}: the node has no nodeid`),
    ...nodes
      .filter((node) => links(node) !== first)
      .map(
        (node) =>
          `line ${node.line}: the node has links ${links(node) || 'none'}, the first one has ${first || 'none'}`,
      ),
    ...(transport !== 'knet' && first.includes(' ') ? [`${transport} can use one link only`] : []),
    ...(transport !== 'knet' && !/^0/.test(first) ? [`${transport} looks for its link under ring0_addr`] : []),
    ...twice(nodes.flatMap(({ entries }) => entries.filter(({ key }) => key === 'name'))),
    ...twice(nodes.flatMap(({ entries }) => entries.filter(({ key }) => key === 'nodeid'))),
    ...twice(nodes.flatMap(({ entries }) => entries.filter(({ key }) => /^ring\d_addr$/.test(key)))),
  ]
}

/** Values that stand in two places of the list of nodes. */
const twice = (entries: readonly Entry[]): string[] =>
  entries.flatMap(({ key, value, line }, index) => {
    const before = entries.slice(0, index).find((entry) => entry.value === value)
    return before === undefined ? [] : [`line ${line}: ${key} ${value} is that of line ${before.line} too`]
  })
