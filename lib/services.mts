/** The OpenStack APIs that can stand behind the VIP: one row of data for each. */
import { family } from './address.mts'

export type Interface = 'public' | 'internal' | 'admin'
export const INTERFACES: readonly Interface[] = ['public', 'internal', 'admin']

export interface Service {
  /** As in SERVICES of the env file. */
  readonly name: string
  /** As the keystone catalogue has it, the names of older releases too; none for what is not in it. */
  readonly types: readonly string[]
  /** On the VIP, and on each node's own address. */
  readonly port: number
  readonly check: {
    /** Answers GET without a token. */
    readonly path: string
    readonly expect: readonly number[]
  }
  /** What follows host and port in the endpoint of an interface. */
  readonly path: Readonly<Record<Interface, string>>
  /** Other paths that are as good: an endpoint that has one keeps it, also its way to write the place holder. */
  readonly keeps?: RegExp
  /** Seconds for which neither side need say anything; HAProxy's own are in its `defaults`. */
  readonly silence?: number
  /** The sessions of a browser stay with one node. */
  readonly sticky?: boolean
  /** It speaks TLS itself, on its node's own address, with a certificate for the full name of its node. */
  readonly tls?: boolean
  /** With TLS on the VIP it is there on this port; on `port` it leads to it. */
  readonly tlsPort?: number
  /** The units of systemd that serve it, as the distributions call them, where Apache does not. */
  readonly units: readonly string[]
  /** Where one that has its own server is told on which address to listen. */
  readonly bind?: Bind
  /** What one client may ask: so many requests in so many seconds. */
  readonly limit?: Limit
}

export interface Limit {
  readonly requests: number
  readonly seconds: number
}

/** HAProxy's statistics, on each node's own address. */
export const STATS_PORT = 8404

/** On which HAProxy listens. */
export const portsOf = ({
  services,
  stats,
  tls,
}: {
  readonly services: readonly Service[]
  readonly stats: unknown
  readonly tls: unknown
}) => [
  ...services.flatMap(({ port, tlsPort }) => (tls && tlsPort !== undefined ? [port, tlsPort] : [port])),
  ...(stats === undefined ? [] : [STATS_PORT]),
]

/** A setting of an INI file (oslo.config, or paste.deploy for swift). */
export interface Bind {
  readonly file: string
  readonly section: string
  readonly key: string
  /** The port stands with the address. */
  readonly withPort?: boolean
}

const bind = (file: string, section: string, key: string): Bind => ({ file, section, key })

const each = (path: string): Readonly<Record<Interface, string>> => ({ public: path, internal: path, admin: path })
/** oslo.middleware's, without a token where an API has it in its pipeline (oslo.middleware, healthcheck_plugins.rst). */
const HEALTH = { path: '/healthcheck', expect: [200] } as const
/** The list of the API's versions, without a token in all of them. Some say 300, Multiple Choices, in some releases. */
const VERSIONS = { path: '/', expect: [200, 300] } as const

/** The project in a path, as the catalogue of keystone puts it in (keystone.common.utils, format_url): of all spellings. */
const PROJECT = '[%$]\\((?:project|tenant)_id\\)s'

/**
 * Ports, types and paths are those of each project's installation guide (doc/source/install in its repository); the check is in
 * the file that is named with the row. That a path is not to be asked without a token was looked up there too. Units are those of
 * Debian, Ubuntu and RDO; `bind` is in the options of each project (its configuration reference).
 */
export const SERVICES: readonly Service[] = [
  /**
   * One port for the three interfaces since the v2 API and 35357 went (keystone 13, Queens); /healthcheck is oslo.middleware's,
   * in keystone's pipeline by default. keystone: doc/source/install/keystone-install-*.rst and
   * doc/source/admin/health-check-middleware.rst.
   */
  { name: 'keystone', types: ['identity'], port: 5000, check: HEALTH, path: each('/v3'), units: ['keystone'] },
  /**
   * glance: etc/glance-api-paste.ini. While an image is written to its store, or fetched from it, neither side says a word; half
   * an hour is a terabyte at half a gigabyte a second.
   */
  {
    name: 'glance',
    types: ['image'],
    port: 9292,
    check: HEALTH,
    path: each(''),
    keeps: /^\/(?:v2)?$/,
    silence: 1800,
    units: ['glance-api', 'openstack-glance-api'],
    bind: bind('/etc/glance/glance-api.conf', 'DEFAULT', 'bind_host'),
  },
  /** placement: placement/handler.py (the root is the only path without a token), doc/source/install/install-ubuntu.rst. */
  {
    name: 'placement',
    types: ['placement'],
    port: 8778,
    check: VERSIONS,
    path: each(''),
    keeps: /^\/$/,
    units: ['placement-api'],
  },
  /** nova: etc/nova/api-paste.ini (oscomputeversions). */
  {
    name: 'nova',
    types: ['compute', 'compute_legacy'],
    port: 8774,
    check: VERSIONS,
    path: each('/v2.1'),
    keeps: new RegExp(`^/v2(?:\\.1)?(?:/${PROJECT})?/?$`),
    units: ['nova-api', 'openstack-nova-api'],
    bind: bind('/etc/nova/nova.conf', 'DEFAULT', 'osapi_compute_listen'),
  },
  /** nova: etc/nova/api-paste.ini (metadata); neutron's agents and cloud-init ask it, and no catalogue names it. */
  {
    name: 'nova-metadata',
    types: [],
    port: 8775,
    check: VERSIONS,
    path: each(''),
    units: ['nova-api-metadata', 'openstack-nova-metadata-api', 'nova-api'],
    bind: bind('/etc/nova/nova.conf', 'DEFAULT', 'metadata_listen'),
  },
  /** nova: nova/conf/novnc.py; the page is noVNC's own. A console may be looked at in silence. */
  {
    name: 'nova-novncproxy',
    types: [],
    port: 6080,
    check: { path: '/vnc_lite.html', expect: [200] },
    path: each(''),
    silence: 3600,
    units: ['nova-novncproxy', 'openstack-nova-novncproxy'],
    bind: bind('/etc/nova/nova.conf', 'vnc', 'novncproxy_host'),
  },
  /** neutron: etc/api-paste.ini (neutronversions_composite). */
  {
    name: 'neutron',
    types: ['network'],
    port: 9696,
    check: VERSIONS,
    path: each(''),
    keeps: /^\/(?:v2\.0\/?)?$/,
    units: ['neutron-api', 'neutron-server'],
    bind: bind('/etc/neutron/neutron.conf', 'DEFAULT', 'bind_host'),
  },
  /** cinder: etc/cinder/api-paste.ini (apiversions); /healthcheck is not in those of all releases. */
  {
    name: 'cinder',
    types: ['block-storage', 'volumev3', 'volumev2'],
    port: 8776,
    check: VERSIONS,
    path: each('/v3/%(project_id)s'),
    keeps: new RegExp(`^/v[23](?:/${PROJECT})?/?$`),
    units: ['cinder-api', 'openstack-cinder-api'],
    bind: bind('/etc/cinder/cinder.conf', 'DEFAULT', 'osapi_volume_listen'),
  },
  /** heat: heat/api/middleware/version_negotiation.py: the root is answered before a token is looked at. */
  {
    name: 'heat',
    types: ['orchestration'],
    port: 8004,
    check: VERSIONS,
    path: each('/v1/%(project_id)s'),
    keeps: new RegExp(`^/v1/${PROJECT}/?$`),
    units: ['heat-api', 'openstack-heat-api'],
    bind: bind('/etc/heat/heat.conf', 'heat_api', 'bind_host'),
  },
  /** heat: the same in front of the API of CloudFormation. */
  {
    name: 'heat-cfn',
    types: ['cloudformation'],
    port: 8000,
    check: VERSIONS,
    path: each('/v1'),
    keeps: /^\/v1\/$/,
    units: ['heat-api-cfn', 'openstack-heat-api-cfn'],
    bind: bind('/etc/heat/heat.conf', 'heat_api_cfn', 'bind_host'),
  },
  /**
   * horizon: its root leads to the login, or is the page of a web server that has it in a folder. Where sessions are kept on one
   * node (SESSION_ENGINE) a browser has to stay there. It is Apache's in all distributions.
   */
  {
    name: 'horizon',
    types: [],
    port: 80,
    check: { path: '/', expect: [200, 301, 302] },
    path: each(''),
    sticky: true,
    tlsPort: 443,
    units: ['apache2', 'httpd'],
  },
  /** swift: swift/common/middleware/healthcheck.py, in the pipeline of etc/proxy-server.conf-sample. */
  {
    name: 'swift-proxy',
    types: ['object-store'],
    port: 8080,
    check: HEALTH,
    path: { public: '/v1/AUTH_%(project_id)s', internal: '/v1/AUTH_%(project_id)s', admin: '/v1' },
    keeps: new RegExp(`^/v1(?:/AUTH_${PROJECT})?/?$`),
    units: ['swift-proxy', 'openstack-swift-proxy'],
    bind: bind('/etc/swift/proxy-server.conf', 'DEFAULT', 'bind_ip'),
  },
  /** barbican: etc/barbican/barbican-api-paste.ini (barbican_version). */
  {
    name: 'barbican',
    types: ['key-manager'],
    port: 9311,
    check: VERSIONS,
    path: each(''),
    keeps: /^\/(?:v1\/?)?$/,
    units: ['barbican-api', 'openstack-barbican-api'],
  },
  /** octavia: octavia/api/root_controller.py; its /healthcheck is off unless api_settings/healthcheck_enabled says otherwise. */
  {
    name: 'octavia',
    types: ['load-balancer'],
    port: 9876,
    check: VERSIONS,
    path: each(''),
    keeps: /^\/(?:v2(?:\.0)?\/?)?$/,
    units: ['octavia-api'],
    bind: bind('/etc/octavia/octavia.conf', 'api_settings', 'bind_host'),
  },
  /** designate: etc/designate/api-paste.ini. */
  {
    name: 'designate',
    types: ['dns'],
    port: 9001,
    check: HEALTH,
    path: each(''),
    keeps: /^\/(?:v2\/?)?$/,
    units: ['designate-api', 'openstack-designate-api'],
    bind: { ...bind('/etc/designate/designate.conf', 'service:api', 'listen'), withPort: true },
  },
  /** manila: etc/manila/api-paste.ini (apiversions); /healthcheck is not in those of all releases. */
  {
    name: 'manila',
    types: ['shared-file-system', 'sharev2', 'share'],
    port: 8786,
    check: VERSIONS,
    path: each('/v2'),
    keeps: new RegExp(`^/v[12](?:/${PROJECT})?/?$`),
    units: ['manila-api', 'openstack-manila-api'],
    bind: bind('/etc/manila/manila.conf', 'DEFAULT', 'osapi_share_listen'),
  },
  /** magnum: etc/magnum/api-paste.ini. */
  {
    name: 'magnum',
    types: ['container-infra'],
    port: 9511,
    check: HEALTH,
    path: each('/v1'),
    keeps: /^\/v1\/$/,
    units: ['magnum-api', 'openstack-magnum-api'],
    bind: bind('/etc/magnum/magnum.conf', 'api', 'host'),
  },
  /** ironic: ironic/api/config.py, acl_public_routes. */
  {
    name: 'ironic',
    types: ['baremetal'],
    port: 6385,
    check: VERSIONS,
    path: each(''),
    keeps: /^\/(?:v1\/?)?$/,
    units: ['ironic-api', 'openstack-ironic-api'],
    bind: bind('/etc/ironic/ironic.conf', 'api', 'host_ip'),
  },
  /** aodh: aodh/api/api-paste.ini. */
  {
    name: 'aodh',
    types: ['alarm', 'alarming'],
    port: 8042,
    check: HEALTH,
    path: each(''),
    keeps: /^\/(?:v2\/?)?$/,
    units: ['aodh-api'],
  },
  /** gnocchi: gnocchi/rest/api-paste.ini. */
  {
    name: 'gnocchi',
    types: ['metric'],
    port: 8041,
    check: HEALTH,
    path: each(''),
    keeps: /^\/(?:v1\/?)?$/,
    units: ['gnocchi-api'],
  },
]

/** A host and a port as a URL and HAProxy write them: IPv6 in brackets (RFC 3986, 3.2.2). */
export const authority = (host: string, port: number): string => `${family(host) === 6 ? `[${host}]` : host}:${port}`

/** The endpoint of a service on a host, which is an address literal or a name; `old` is what the catalogue has now. */
export function urlOf(service: Service, host: string, iface: Interface, old?: string, scheme = 'http'): string {
  const [, path] = old === undefined ? [] : (/^https?:\/\/[^/]*(.*)$/s.exec(old) ?? [])
  const kept = path !== undefined && service.keeps?.test(path) ? path : service.path[iface]
  return `${scheme}://${authority(host, service.port)}${kept}`
}
