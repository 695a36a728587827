/** Addresses that lead to one node: what was right before there was a VIP. */
import { apiHost, type Config } from './config.mts'
import { schemeOn } from './http.mts'
import { authority } from './services.mts'

const LOCAL = ['localhost', '127.0.0.1', '::1']

/** The host of a URL, without the brackets of an IPv6 address; empty for anything else. */
export const hostIn = (url: string): string =>
  /^https?:\/\/(?:\[([^\]]*)\]|([^/:@]*))(?=[:/]|$)/.exec(url)?.slice(1).find(Boolean)?.toLowerCase() ?? ''

/** Whether a host is one of the nodes, by any of its names, or the node itself that says it. */
export const ofOurs = ({ nodes }: Config, host: string): boolean =>
  LOCAL.includes(host) ||
  nodes.some(({ name, fqdn, address }) => [name, fqdn, address].some((one) => one.toLowerCase() === host))

/** Whether a host is the VIP, by address or by name. */
export const isVip = ({ vip, vipName }: Config, host: string): boolean => host === vip.address || host === vipName

/** The URL as clients of the VIP are to have it, where it names the VIP or a node, and the API on that port is behind the VIP; else undefined. */
export function onVip(config: Config, url: string): string | undefined {
  const [whole, port = ''] = /^https?:\/\/(?:\[[^\]]*\]|[^/:@]*)(?::(\d+))?/.exec(url) ?? []
  if (whole === undefined || !(ofOurs(config, hostIn(url)) || isVip(config, hostIn(url)))) return undefined
  const behind = config.services.find((service) => service.port === Number(port))
  if (behind === undefined) return undefined
  return `${schemeOn(config, config.vip.address, behind)}://${authority(apiHost(config), behind.port)}${url.slice(whole.length)}`
}
