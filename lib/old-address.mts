/** Addresses that lead to one node: what was right before there was a VIP. */
import type { Config } from './config.mts'
import { authority } from './services.mts'

const LOCAL = ['localhost', '127.0.0.1', '::1']

/** The host of a URL, without the brackets of an IPv6 address; empty for anything else. */
export const hostIn = (url: string): string =>
  /^https?:\/\/(?:\[([^\]]*)\]|([^/:@]*))(?=[:/]|$)/.exec(url)?.slice(1).find(Boolean)?.toLowerCase() ?? ''

/** Whether a host is one of the nodes, by any of its names, or the node itself that says it. */
export const ofOurs = ({ nodes }: Config, host: string): boolean =>
  LOCAL.includes(host) ||
  nodes.some(({ name, fqdn, address }) => [name, fqdn, address].some((one) => one.toLowerCase() === host))

/** The URL with the VIP in place of a node, where the API on that port is behind the VIP; undefined for any other. */
export function onVip(config: Config, url: string): string | undefined {
  const [whole, port = ''] = /^https?:\/\/(?:\[[^\]]*\]|[^/:@]*)(?::(\d+))?/.exec(url) ?? []
  if (whole === undefined || !ofOurs(config, hostIn(url))) return undefined
  const behind = config.services.find((service) => service.port === Number(port))
  return behind && `http://${authority(config.vip.address, behind.port)}${url.slice(whole.length)}`
}
