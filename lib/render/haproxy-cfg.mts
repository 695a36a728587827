/** haproxy.cfg: one front end on the VIP and one back end over all nodes for each API. Good for HAProxy 2.4 and later. */
import type { Config, Node } from '../config.mts'
import { authority, type Service, STATS_PORT } from '../services.mts'

type Wanted = Pick<Config, 'nodes' | 'vip'> & Partial<Pick<Config, 'stats'>>

/**
 * The text of /etc/haproxy/haproxy.cfg on a node, the same on each but for the statistics. Source: HAProxy's doc/configuration.txt.
 * It binds the VIP on nodes that do not hold it, so net.ipv4.ip_nonlocal_bind (or ipv6's) must be 1 there.
 */
export const haproxyCfg = (config: Wanted, services: readonly Service[], node: Node): string =>
  [HEAD, ...statistics(config, node), ...services.map((service) => proxies(config, service))].join('\n')

/**
 * A server that hangs, or whose node is gone, is out within 2.5 s (`inter`, `timeout check`, `fastinter`, `fall`): up to
 * 0.75 s until the next check, 0.75 s of silence, then 0.25 s and 0.75 s more. A check may take `timeout check` to answer,
 * and the smaller of `inter` and `timeout connect` to connect. One that refuses connections is out sooner and costs no
 * request: the connection is tried on another one (`redispatch 1`). Sessions with a server that is out end at once, not
 * at `timeout server`. `hard-stop-after` bounds the life of an old process after a reload (haproxy#1876).
 *
 * An API that is flooded has its own `maxconn` full, and new clients of it wait in the kernel; three more have to be before the
 * others have none left. A connection takes 33 kB (configuration.txt, `maxconn`), so all of them 270 MB, and two files: above the
 * hard limit of files HAProxy does not start (`strict-limits`), and a container may have 20,000.
 *
 * A slow client has 10 s for its headers, whatever it sends meanwhile (`timeout http-request`), the same between two requests
 * (`timeout http-keep-alive`), and is out when it takes or sends no byte for a minute (`timeout client`), also where it has
 * closed one direction and `timeout tunnel` or an API's own silence would let it stay for an hour (`timeout client-fin`). A body
 * may take as long as it takes: an image does, and HAProxy would have to keep it (`option http-buffer-request`,
 * `http-request wait-for-body`) to know more. Who sends one byte a minute holds one connection of that API's `maxconn`.
 *
 * The log is logfmt. `request` is its last field, for a client writes it: HAProxy encodes quotes (as #22) and what is not plain
 * (configuration.txt, 8.6), and cuts it after 1024 characters (`tune.http.logurilen`); `len` has room for all of it.
 */
const HEAD = `\
# Written by quorate; the next run puts back what is changed here by hand.
global
  log /dev/log len 4096 local0
  chroot /var/lib/haproxy
  user haproxy
  group haproxy
  stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners
  stats timeout 30s
  maxconn 8192
  hard-stop-after 30s

defaults
  log global
  mode http
  log-format "client=%ci client_port=%cp frontend=%f backend=%b server=%s status=%ST request_ms=%TR queue_ms=%Tw \
connect_ms=%Tc response_ms=%Tr total_ms=%Ta bytes_in=%U bytes_out=%B termination=%ts retries=%rc request=%{+Q}r"
  option dontlognull
  option forwardfor
  option redispatch 1
  retries 3
  maxconn 2048
  timeout connect 2s
  timeout http-request 10s
  timeout http-keep-alive 10s
  timeout queue 10s
  timeout client 1m
  timeout client-fin 30s
  timeout server 1m
  timeout check 750ms
  default-server inter 750ms fastinter 250ms rise 2 fall 2 on-marked-down shutdown-sessions
`

/**
 * The page and the metrics for Prometheus, on the node's own address alone: HAProxy counts for itself on each node. Who may see
 * them is known by a hash, and the password is in no file of the node. Who is refused is logged, and not what is asked every few
 * seconds.
 */
const statistics = ({ stats }: Wanted, node: Node): readonly string[] =>
  stats === undefined
    ? []
    : [
        `\
frontend quorate.stats
  bind ${authority(node.address, STATS_PORT)}
  maxconn 64
  http-request auth realm haproxy unless { req.hdr(authorization),sha2(256),hex -m str ${stats.login} }
  http-request set-log-level silent
  http-request use-service prometheus-exporter if { path /metrics }
  stats enable
  stats uri /
  stats refresh 10s
  stats hide-version
`,
      ]

/**
 * A client above its limit gets 429 (RFC 6585, 4) until it has asked less in a period; an address of IPv4 is one of IPv6 to the
 * table. A node is no client, since services call each other through the VIP; its holder may do so from the VIP itself.
 */
const limited = ({ nodes, vip }: Wanted, { limit }: Service): string =>
  limit === undefined
    ? ''
    : `\
  stick-table type ipv6 size 100k expire ${limit.seconds}s store http_req_rate(${limit.seconds}s)
  acl node src ${[vip, ...nodes].map(({ address }) => address).join(' ')}
  http-request track-sc0 src unless node
  http-request deny deny_status 429 hdr Retry-After ${limit.seconds} if { sc_http_req_rate(0) gt ${limit.requests} }
`

/** Nobody need know which version answers. Rules in `defaults` would want HAProxy 2.5. */
const ANONYMOUS = `\
  http-response del-header Server
  http-response del-header X-Powered-By
`

/**
 * leastconn, so that a server which hangs gets no more requests than it holds already, before its checks fail. A console is a
 * WebSocket, so a tunnel to HAProxy. The cookie of a browser that has to stay is HAProxy's own, and the servers do not see it.
 */
const proxies = (config: Wanted, service: Service): string => {
  const { nodes, vip } = config
  const { name, port, check, silence, sticky } = service
  return `\
frontend ${name}
  bind ${authority(vip.address, port)}
${limited(config, service)}${ANONYMOUS}\
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
}
