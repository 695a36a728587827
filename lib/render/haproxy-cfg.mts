/** haproxy.cfg: one front end on the VIP and one back end over all nodes for each API. Good for HAProxy 2.4 and later. */
import { type Config, type Vips, vipsOf } from '../config.mts'
import { authority, type Service } from '../services.mts'

type Wanted = Vips & Pick<Config, 'nodes'>

/**
 * The text of /etc/haproxy/haproxy.cfg, the same on every node. Source: HAProxy's doc/configuration.txt.
 * It binds the VIP on nodes that do not hold it, so net.ipv4.ip_nonlocal_bind (or ipv6's) must be 1 there.
 */
export const haproxyCfg = (config: Wanted, services: readonly Service[]): string =>
  [HEAD, ...services.map((service) => proxies(config, service))].join('\n')

/**
 * A server that hangs, or whose node is gone, is out within 2.5 s (`inter`, `timeout check`, `fastinter`, `fall`): up to
 * 0.75 s until the next check, 0.75 s of silence, then 0.25 s and 0.75 s more. A check may take `timeout check` to answer,
 * and the smaller of `inter` and `timeout connect` to connect. One that refuses connections is out sooner and costs no
 * request: the connection is tried on another one (`redispatch 1`). Sessions with a server that is out end at once, not
 * at `timeout server`. `hard-stop-after` bounds the life of an old process after a reload (haproxy#1876).
 */
const HEAD = `\
# Written by quorate; the next run puts back what is changed here by hand.
global
  log /dev/log local0
  chroot /var/lib/haproxy
  user haproxy
  group haproxy
  stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners
  stats timeout 30s
  maxconn 4096
  hard-stop-after 30s

defaults
  log global
  mode http
  option httplog
  option dontlognull
  option forwardfor
  option redispatch 1
  retries 3
  timeout connect 2s
  timeout http-request 10s
  timeout http-keep-alive 10s
  timeout queue 10s
  timeout client 1m
  timeout server 1m
  timeout check 750ms
  default-server inter 750ms fastinter 250ms rise 2 fall 2 on-marked-down shutdown-sessions
`

/**
 * leastconn, so that a server which hangs gets no more requests than it holds already, before its checks fail. A console is a
 * WebSocket, so a tunnel to HAProxy. The cookie of a browser that has to stay is HAProxy's own, and the servers do not see it.
 */
const proxies = ({ nodes, vip, vip2 }: Wanted, { name, port, check, silence, sticky }: Service): string => `\
frontend ${name}
${vipsOf({ vip, vip2 })
  .map(({ address }) => `  bind ${authority(address, port)}\n`)
  .join('')}\
${silence === undefined ? '' : `  timeout client ${silence}s\n`}\
  default_backend ${name}

backend ${name}
  balance leastconn
${silence === undefined ? '' : `  timeout server ${silence}s\n  timeout tunnel ${silence}s\n`}\
${sticky ? '  cookie quorate insert indirect nocache httponly\n' : ''}\
  option httpchk
  http-check send meth GET uri ${check.path} ver HTTP/1.1 hdr Host ${authority(vip.address, port)} hdr User-Agent quorate
  http-check expect status ${check.expect.join(',')}
${nodes
  .map(
    (node) => `  server ${node.name} ${authority(node.address, port)} check${sticky ? ` cookie ${node.name}` : ''}\n`,
  )
  .join('')}`
