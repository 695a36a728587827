/** haproxy.cfg: one front end on the VIP and one back end over all nodes for each API. Good for HAProxy 2.4 and later. */
import { type Config, type Node, type Vips, vipsOf } from '../config.mts'
import { authority, type Service, STATS_PORT } from '../services.mts'

/** Certificate, chain and key of the VIP. */
export const BUNDLE = '/etc/haproxy/quorate.pem'
/** Ports on the VIP, a line each, on which plain HTTP leads to HTTPS: those whose endpoints have been moved. */
export const MOVED = '/etc/haproxy/quorate-https.lst'

type Wanted = Vips & Pick<Config, 'nodes'> & Partial<Pick<Config, 'tls' | 'stats'>>

/**
 * The text of /etc/haproxy/haproxy.cfg on a node, the same on each but for the statistics. Source: HAProxy's doc/configuration.txt.
 * `store` holds all whom the node trusts. It binds the VIP on nodes that do not hold it, so net.ipv4.ip_nonlocal_bind (or ipv6's) must be 1 there.
 */
export const haproxyCfg = (
  config: Wanted,
  services: readonly Service[],
  node: Node,
  store = '/etc/ssl/certs/ca-certificates.crt',
): string =>
  [
    HEAD,
    ...(config.tls ? [TLS] : []),
    ...statistics(config, node),
    ...services.map((service) => proxies(config, service, store)),
    ...(config.tls
      ? [APART, ...services.filter(({ tlsPort }) => tlsPort === undefined).map((one) => apart(config, one))]
      : []),
  ].join('\n')

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
 * Mozilla's "intermediate" for TLS 1.2 (ssl-config.mozilla.org, guidelines 5.7) without the ciphers that need a group of their own (DHE), and
 * all of TLS 1.3. A ticket would be good for as long as the process that gave it, and no node knows another one's.
 */
const TLS = `\
global
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
  ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
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
const limited = ({ nodes, vip, vip2 }: Wanted, { limit }: Service): string =>
  limit === undefined
    ? ''
    : `\
  stick-table type ipv6 size 100k expire ${limit.seconds}s store http_req_rate(${limit.seconds}s)
  acl node src ${[...vipsOf({ vip, vip2 }), ...nodes].map(({ address }) => address).join(' ')}
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
const proxies = (config: Wanted, service: Service, store: string): string => {
  const { nodes, vip, tls } = config
  const { name, port, check, silence, sticky } = service
  return `\
frontend ${name}
${tls ? overTls(config, service) : binds(config, port)}\
${limited(config, service)}${ANONYMOUS}\
${silence === undefined ? '' : `  timeout client ${silence}s\n`}\
  default_backend ${name}

backend ${name}
  balance leastconn
${silence === undefined ? '' : `  timeout server ${silence}s\n  timeout tunnel ${silence}s\n`}\
${sticky ? `  cookie quorate insert indirect nocache httponly${tls ? ' secure' : ''}\n` : ''}\
  option httpchk
  http-check send meth GET uri ${check.path} ver HTTP/1.1 hdr Host ${authority(vip.address, port)} hdr User-Agent quorate
  http-check expect status ${check.expect.join(',')}
${nodes
  .map(
    (node) =>
      `  server ${node.name} ${authority(node.address, port)} check${sticky ? ` cookie ${node.name}` : ''}${service.tls ? trusts(node, store) : ''}\n`,
  )
  .join('')}`
}

/** A back end that speaks TLS itself is known by its node's full name, to whoever the node trusts. */
const trusts = ({ fqdn }: Node, store: string): string =>
  ` ssl verify required ca-file ${store} sni str(${fqdn}) check-sni ${fqdn} verifyhost ${fqdn}`

/**
 * A front end with TLS: on a port of its own where its row has one, else behind `apart`. Plain HTTP is answered until the endpoints
 * have been moved, and led to HTTPS from then on; 308 keeps method and body (RFC 9110, 15.4.9). What a client says of itself in
 * headers that an API believes is not passed on (oslo.middleware, http_proxy_to_wsgi.py).
 */
const overTls = (config: Wanted, { name, port, tlsPort }: Service): string => {
  const inside = (part: string, more = '') => `  bind abns@quorate-${name}-${part} accept-proxy${more}\n`
  const secure = ` ssl crt ${BUNDLE} alpn h2,http/1.1`
  const listens =
    tlsPort === undefined
      ? [inside('tls', secure), inside('plain')]
      : [binds(config, tlsPort, secure), binds(config, port)]
  const said = ['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Port', 'X-Forwarded-Prefix']
  return `\
${listens.join('')}\
  http-request redirect scheme https code 308 if !{ ssl_fc } { dst_port -f ${MOVED} }
${said.map((header) => `  http-request del-header ${header}\n`).join('')}\
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  http-response set-header Strict-Transport-Security max-age=31536000 if { ssl_fc }
`
}

/** On each VIP. */
const binds = (config: Wanted, port: number, more = ''): string =>
  vipsOf(config)
    .map(({ address }) => `  bind ${authority(address, port)}${more}\n`)
    .join('')

/**
 * Their time-outs are those of the front ends behind them, which are shorter. A connection is one here and one there, so that there is room
 * for half as many as without TLS.
 */
const APART = `\
defaults
  mode tcp
  maxconn 2048
  timeout connect 2s
  timeout client 2h
  timeout server 2h
`

/**
 * Clients that call the old way are answered on the same port, so the first byte tells the two apart before anything is decrypted: 22 is
 * the type of a handshake (RFC 8446, 5.1). Each goes on to a listener inside HAProxy, with the client's address (proxy-protocol.txt).
 */
const apart = (config: Wanted, { name, port }: Service): string => `\
frontend ${name}.any
${binds(config, port)}\
  tcp-request inspect-delay 10s
  tcp-request content accept if { req.len gt 0 }
  tcp-request content reject
  use_backend ${name}.tls if { req.payload(0,1) -m bin 16 }
  default_backend ${name}.plain

${['tls', 'plain'].map((part) => `backend ${name}.${part}\n  server here abns@quorate-${name}-${part} send-proxy-v2\n`).join('\n')}`
