/** Where services call each other: settings on the nodes that name one node, and are to name the VIP. */
import { answers, listensOn } from './backend.mts'
import { apiHost, type Config, type Node } from './config.mts'
import { rolling } from './drain.mts'
import type { Facts } from './facts.mts'
import { everyNode, type Guard, type Step } from './guard.mts'
import { takenBack } from './guards/file.mts'
import { ini, PENDING, SETTINGS, type Setting } from './guards/ini.mts'
import { together } from './guards/together.mts'
import { schemeOn } from './http.mts'
import { hostIn, isVip, ofOurs, onVip } from './old-address.mts'
import { authority, SERVICES, type Service } from './services.mts'
import { raw, sh } from './shell.mts'

/** Files that are read by the same daemons. */
export interface Caller {
  readonly name: string
  /** As the shell matches them. */
  readonly files: readonly string[]
  /** Of the table of services: their units are started anew, and HAProxy leaves them out meanwhile. */
  readonly services: readonly string[]
  /** Units besides those that are started anew where they run. */
  readonly daemons: readonly string[]
  /** With TLS on the VIP: what makes them believe HAProxy that a client came by HTTPS, in the first of the files that is there. */
  readonly believes: Belief | undefined
}

interface Belief extends Setting {
  /** What it is without TLS, where it was us who set it: HAProxy passes on then what a client says of itself. */
  readonly off: string
}

/** The versions that an API tells lead to HTTPS then (oslo.middleware, http_proxy_to_wsgi.py, in the pipelines of these APIs by default). */
const PARSES: Belief = { section: 'oslo_middleware', key: 'enable_proxy_headers_parsing', value: 'true', off: 'false' }
/** Django's own (ref/settings, SECURE_PROXY_SSL_HEADER). */
const DJANGO: Belief = {
  section: '',
  key: 'SECURE_PROXY_SSL_HEADER',
  value: "('HTTP_X_FORWARDED_PROTO', 'https')",
  off: 'None',
}
/** All others are oslo's; those without an API of their own are asked by nobody. */
const BELIEVE: Readonly<Record<string, Belief | undefined>> = { horizon: DJANGO, swift: undefined }

const caller = (
  name: string,
  files: readonly string[],
  services: readonly string[],
  daemons: readonly string[] = [],
): Caller => ({
  name,
  files,
  services,
  daemons: daemons.flatMap((one) => [`${name}-${one}`, `openstack-${name}-${one}`]),
  believes: Object.hasOwn(BELIEVE, name) ? BELIEVE[name] : PARSES,
})

/** Files and daemons of each project (its installation guide, and the packages of Debian, Ubuntu and RDO). */
export const CALLERS: readonly Caller[] = [
  caller('keystone', ['/etc/keystone/keystone.conf'], ['keystone']),
  caller('glance', ['/etc/glance/glance-api.conf'], ['glance']),
  caller('placement', ['/etc/placement/placement.conf'], ['placement']),
  caller(
    'nova',
    ['/etc/nova/nova.conf'],
    ['nova', 'nova-metadata', 'nova-novncproxy'],
    ['conductor', 'scheduler', 'compute'],
  ),
  caller(
    'neutron',
    ['/etc/neutron/neutron.conf', '/etc/neutron/metadata_agent.ini'],
    ['neutron'],
    ['rpc-server', 'metadata-agent'],
  ),
  caller('cinder', ['/etc/cinder/cinder.conf'], ['cinder'], ['scheduler', 'volume', 'backup']),
  caller('heat', ['/etc/heat/heat.conf'], ['heat', 'heat-cfn'], ['engine']),
  caller(
    'horizon',
    ['/etc/openstack-dashboard/local_settings.py', '/etc/openstack-dashboard/local_settings'],
    ['horizon'],
  ),
  caller('swift', ['/etc/swift/proxy-server.conf'], ['swift-proxy']),
  caller('barbican', ['/etc/barbican/barbican.conf'], ['barbican'], ['worker', 'keystone-listener']),
  caller('octavia', ['/etc/octavia/octavia.conf'], ['octavia'], ['worker', 'health-manager', 'housekeeping']),
  caller(
    'designate',
    ['/etc/designate/designate.conf'],
    ['designate'],
    ['central', 'mdns', 'producer', 'worker', 'sink'],
  ),
  caller('manila', ['/etc/manila/manila.conf'], ['manila'], ['scheduler', 'share', 'data']),
  caller('magnum', ['/etc/magnum/magnum.conf'], ['magnum'], ['conductor']),
  caller('ironic', ['/etc/ironic/ironic.conf'], ['ironic'], ['conductor', 'inspector']),
  caller('aodh', ['/etc/aodh/aodh.conf'], ['aodh'], ['evaluator', 'notifier', 'listener']),
  caller('gnocchi', ['/etc/gnocchi/gnocchi.conf'], ['gnocchi'], ['metricd']),
  caller(
    'ceilometer',
    ['/etc/ceilometer/ceilometer.conf'],
    [],
    ['agent-central', 'agent-notification', 'central', 'notification'],
  ),
  caller('openrc', ['/root/*openrc*', '/root/keystonerc*', '/root/.openrc'], []),
]

/**
 * Keys whose value is the URL of an API, in any section: keystonemiddleware and keystoneauth (auth_url, www_authenticate_uri and its
 * older name auth_uri, endpoint_override), and each project's own. OS_* are of openrc, OPENSTACK_* of horizon.
 */
const KEYS = [
  ...['auth_url', 'www_authenticate_uri', 'auth_uri', 'identity_uri', 'endpoint_override', 'public_endpoint'],
  ...['api_servers', 'glance_api_servers', 'auth_endpoint', 'barbican_endpoint', 'novncproxy_base_url'],
  ...['heat_metadata_server_url', 'heat_waitcondition_server_url'],
  ...['OS_AUTH_URL', 'export OS_AUTH_URL', 'OPENSTACK_KEYSTONE_URL'],
]
/** Those that name a host alone, with the port of the API that they mean. */
const METADATA = 'nova_metadata_host'
const HOSTS: Readonly<Record<string, number>> = { [METADATA]: 8775, OPENSTACK_HOST: 5000 }
/** How that host is spoken to (neutron, conf/agent/metadata/config.py). */
const METADATA_SCHEME = 'nova_metadata_protocol'
/** A list of servers, of which each node has one. */
const MEMCACHED = 'memcached_servers'

const BELIEFS = [PARSES.key, DJANGO.key]

const KNOWN = [...KEYS, ...Object.keys(HOSTS), MEMCACHED, METADATA_SCHEME, ...BELIEFS]

/**
 * What a node calls: a line for each known key that is set, with caller, path, [section], key and value between tabs; one with the first
 * two alone for each file; "pending" and a caller that has yet to be started anew; and "ours" and a path in whose file it was us who made
 * an API believe what HAProxy says of its clients.
 */
export const callsFact = sh`
  calls() {
    name=$1 seen=
    shift
    for file in "$@"; do
      [ -f "$file" ] || continue
      # What it leads to is changed, and may have a name of its own here.
      [ ! -L "$file" ] || file=$(readlink -f "$file")
      case $seen in *"|$file|"*) continue ;; esac
      seen="$seen|$file|"
      printf '%s\t%s\n' "$name" "$file"
      awk -v name="$name" -v file="$file" -v keys=${KNOWN.join('|')} '
        BEGIN { count = split(keys, list, "|"); for (i = 1; i <= count; i++) known[list[i]]; section = "[]" }
        /^\\[[^]]*\\]/ { section = substr($0, 1, index($0, "]")); next }
        match($0, /[ \\t]*[=:][ \\t]*/) {
          key = substr($0, 1, RSTART - 1)
          if (key in known) print name "\\t" file "\\t" section "\\t" key "\\t" substr($0, RSTART + RLENGTH)
        }' "$file"
    done
  }
  ${raw(CALLERS.map(({ name, files }) => `calls ${name} ${files.join(' ')}`).join('\n'))}
  ls ${PENDING} 2>/dev/null | sed 's/^/pending\t/' || :
  [ ! -e ${SETTINGS} ] || awk -F '\t' -v keys=${BELIEFS.join('|')} 'index("|" keys "|", "|" $3 "|") { print "ours\t" $1 }' ${SETTINGS}`

interface Call extends Setting {
  readonly caller: string
  readonly file: string
}

const linesOf = (facts: Facts, node: Node) =>
  facts
    .get(node, 'calls')
    .split('\n')
    .map((line) => line.split('\t'))

const callsOf = (facts: Facts, node: Node): readonly Call[] =>
  linesOf(facts, node).flatMap(([name = '', file = '', section = '', key, value]) =>
    key === undefined || value === undefined ? [] : [{ caller: name, file, section: section.slice(1, -1), key, value }],
  )

const filesOf = (facts: Facts, node: Node, caller: string): readonly string[] =>
  linesOf(facts, node).flatMap(([name, file, section]) =>
    name === caller && file !== undefined && section === undefined ? [file] : [],
  )

/** What a value is to be; the same where it is right. Quotes around it, and what comes after a comma, stay. */
function wanted(config: Config, facts: Facts, { key, value }: Call): string {
  if (key === MEMCACHED) return everyMemcached(config, facts, value)
  const port = HOSTS[key]
  const [, quote = '', text = '', rest = ''] = /^(["']?)(.*?)\1(\s*)$/.exec(value) ?? []
  const one = (part: string): string => {
    if (port !== undefined)
      return (ofOurs(config, part) || isVip(config, part)) && behind(config, port) ? apiHost(config) : part
    return onVip(config, part) ?? part
  }
  const list = text.split(',').map(one).join()
  // Two nodes in a list are one VIP.
  return list === text ? value : `${quote}${[...new Set(list.split(','))].join()}${quote}${rest}`
}

const behind = ({ services }: Config, port: number) => services.some((service) => service.port === port)

/** One memcached that others call is lost with its node: all of them are named where there are all. */
function everyMemcached(config: Config, facts: Facts, value: string): string {
  const [, host = '', text = ''] = /^\[?([^\],]*?)\]?:(\d+)$/.exec(value.trim()) ?? []
  const port = Number(text)
  const ours = config.nodes.some((one) => [one.name, one.fqdn, one.address].includes(host))
  if (!ours || !config.nodes.every((one) => listensOn(facts, one, port))) return value
  return config.nodes.map((one) => authority(one.address, port)).join(',')
}

interface Edit extends Call {
  /** What is there now, if anything. */
  readonly old?: string
}

/** The settings of a caller on a node that are to be others. */
export function edits(config: Config, facts: Facts, node: Node, { name, believes, services }: Caller): readonly Edit[] {
  const all = callsOf(facts, node).filter((call) => call.caller === name)
  // Where a key is set more than once the last one counts, and is the one that is written.
  const last = all.filter(
    (call, index) =>
      !all.some(
        (other, at) =>
          at > index && other.file === call.file && other.section === call.section && other.key === call.key,
      ),
  )
  const inPlace = last.flatMap((call) => {
    const value = wanted(config, facts, call)
    return value === call.value ? [] : [{ ...call, value, old: call.value }]
  })
  const [file] = filesOf(facts, node, name)
  const behindIt = config.services.some((service) => services.includes(service.name))
  const besides: readonly Edit[] = [
    ...(config.tls && believes && file && behindIt ? [{ ...believes, caller: name, file }] : []),
    ...(config.tls || believes === undefined ? [] : last.flatMap((call) => unbelieved(facts, node, call, believes))),
    ...last
      .filter(({ key }) => key === METADATA)
      .flatMap((call) => metadataScheme(config, call, wanted(config, facts, call), last) ?? []),
  ]
  const same = (one: Call, other: Call) =>
    one.file === other.file && one.section === other.section && one.key === other.key
  const has = (one: Call) =>
    last.some((call) => same(call, one) && call.value.toLowerCase() === one.value.toLowerCase())
  return [...inPlace, ...besides.filter((one) => !has(one))]
}

/** Without TLS nobody believes any more what a client says of itself, unless somebody else wants it so. */
function unbelieved(facts: Facts, node: Node, call: Call, { section, key, value, off }: Belief): readonly Edit[] {
  if (call.section !== section || call.key !== key || call.value !== value) return []
  return filesOf(facts, node, 'ours').includes(call.file) ? [{ ...call, value: off, old: value }] : []
}

/** The metadata of nova behind the VIP is spoken to as the VIP is; where nothing is said of that it is by HTTP. */
function metadataScheme(config: Config, call: Call, host: string, all: readonly Call[]): Call | undefined {
  const service = config.services.find(({ port }) => port === HOSTS[METADATA])
  const set = all.some(({ file, key }) => file === call.file && key === METADATA_SCHEME)
  if (service === undefined || !isVip(config, host) || !(config.tls || set)) return undefined
  return { ...call, key: METADATA_SCHEME, value: schemeOn(config, config.vip.address, service) }
}

const isPending = (facts: Facts, node: Node, { name }: Caller) =>
  facts.get(node, 'calls').split('\n').includes(`pending\t${name}`)

const APACHE = ['apache2', 'httpd']

const unitsOf = ({ services, daemons }: Caller): readonly string[] => [
  ...SERVICES.filter(({ name }) => services.includes(name)).flatMap(({ units }) => units),
  ...daemons,
]

/** The settings of a caller name the VIP, and its daemons run with them. */
const callsVip =
  (caller: Caller) =>
  (config: Config, facts: Facts, node: Node): readonly Guard[] => {
    const own = edits(config, facts, node, caller)
    if (own.length === 0 && !isPending(facts, node, caller)) return []
    const files = [...new Set(own.map(({ file }) => file))]
    const units = unitsOf(caller)
    // Apache may serve any of them, and is started anew with them when they get back what they had.
    const readers = units.length === 0 ? [] : [...units, ...APACHE]
    const written = files.map((file) => ({
      ...ini(
        file,
        own.filter((one) => one.file === file),
        readers,
      ),
      title: `${file} names the VIP`,
    }))
    if (units.length === 0) return written
    const mark = `${PENDING}/${caller.name}`
    const started: Guard = {
      title: `${caller.name} runs with it`,
      check: sh`[ ! -e ${mark} ] || { echo ${`${caller.name} is to be started anew`}; exit 1; }`,
      apply: sh`
        ${restart(caller)}
        rm -f ${mark}`,
    }
    const remembered: Guard = {
      title: `${caller.name} is to be started anew`,
      check: sh`
        [ -e ${mark} ] && exit 0
        ${raw(written.map(({ check }) => `(\n${check}\n)`).join('\n') || ':')}`,
      apply: sh`
        mkdir -p ${PENDING}
        : >${mark}`,
    }
    const services = config.services.filter(({ name }) => caller.services.includes(name))
    return [
      together(`${caller.name} calls the VIP`, [remembered, ...written, started], {
        proof: proofOf(config, services, node),
        back: sh`
          ${raw(files.map(takenBack).join('\n'))}
          ${restart(caller)}
          rm -f ${mark}`,
      }),
    ]
  }

/** Where Apache serves it, a graceful reload is enough: that ends no request of anybody (httpd, stopping.html). */
const restart = (caller: Caller) =>
  raw(sh`
    for unit in ${unitsOf(caller).filter((unit) => !APACHE.includes(unit))}; do
      ! systemctl is-active --quiet "$unit" || systemctl restart "$unit"
    done
    for unit in ${APACHE}; do
      ! grep -qsw ${caller.name} /etc/$unit/sites-enabled/* /etc/$unit/conf-enabled/* /etc/$unit/conf.d/* || ! systemctl is-active --quiet "$unit" ||
        systemctl reload "$unit"
    done`)

/** Each of its services answers again. */
function proofOf(config: Config, services: readonly Service[], node: Node): Guard {
  const all = services.map((service) => answers(config, '', service, node.address))
  return { title: '', ...all[0], check: all.map(({ check }) => `(\n${check}\n)`).join('\n') || ':' }
}

/** A step for each caller that has something to change on some node; node after node. */
export const callSteps = ({ services }: Config): readonly Step[] =>
  CALLERS.map((caller) => {
    const own = services.filter(({ name }) => caller.services.includes(name))
    return {
      title: `calls of ${caller.name}`,
      on: everyNode,
      oneByOne: () => true,
      around: (_config, _facts, node) => rolling(own, node),
      guards: callsVip(caller),
      keepsFacts: true,
    }
  })

/** What still names one node, and is not ours to change. */
export const otherCalls = (config: Config, facts: Facts): readonly string[] =>
  config.nodes.flatMap((node) =>
    callsOf(facts, node)
      .filter(({ key, value }) => KEYS.includes(key) && ofOurs(config, hostIn(value.replace(/^["']/, ''))))
      .filter((call) => wanted(config, facts, call) === call.value)
      .map(
        ({ file, section, key, value }) =>
          `${node.name}: ${file} [${section}] ${key} names a node, of an API that is not behind the VIP: ${value}`,
      ),
  )
