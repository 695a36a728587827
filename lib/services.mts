/** The OpenStack APIs that can stand behind the VIP: one row of data for each. */
import { family } from './address.mts'
import type { Config } from './config.mts'

export type Interface = 'public' | 'internal' | 'admin'
export const INTERFACES: readonly Interface[] = ['public', 'internal', 'admin']

export interface Service {
  /** As in SERVICES of the env file. */
  readonly name: string
  /** As the keystone catalogue has it. */
  readonly type: string
  /** On the VIP, and on each node's own address. */
  readonly port: number
  readonly check: {
    /** Answers GET without a token. */
    readonly path: string
    readonly expect: number
  }
  /** What follows host and port in the endpoint of an interface. */
  readonly path: Readonly<Record<Interface, string>>
}

export const SERVICES: readonly Service[] = [
  /**
   * One port for the three interfaces since the v2 API and 35357 went (keystone 13, Queens); /healthcheck is oslo.middleware's,
   * in keystone's pipeline by default. keystone: doc/source/install/keystone-install-*.rst and
   * doc/source/admin/health-check-middleware.rst.
   */
  {
    name: 'keystone',
    type: 'identity',
    port: 5000,
    check: { path: '/healthcheck', expect: 200 },
    path: { public: '/v3', internal: '/v3', admin: '/v3' },
  },
]

/** The rows that the env file names, in the order of the table. */
export const servicesOf = (config: Pick<Config, 'services'>): readonly Service[] =>
  SERVICES.filter(({ name }) => config.services.includes(name))

/** A host and a port as a URL and HAProxy write them: IPv6 in brackets (RFC 3986, 3.2.2). */
export const authority = (host: string, port: number): string => `${family(host) === 6 ? `[${host}]` : host}:${port}`

/** The endpoint of a service on a host, which is an address literal or a name. */
export const urlOf = (service: Service, host: string, iface: Interface): string =>
  `http://${authority(host, service.port)}${service.path[iface]}`
