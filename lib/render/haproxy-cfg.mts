/** haproxy.cfg: one front end on the VIP and one back end over all nodes for each API. Good for HAProxy 2.4 and later. */
import { type Config, type Node, type Vips, vipsOf } from '../config.mts'
import { authority, type Service } from '../services.mts'

/** Certificate, chain and key of the VIP. */
export const BUNDLE = '/etc/haproxy/quorate.pem'
/** Ports on the VIP, a line each, on which plain HTTP leads to HTTPS: those whose endpoints have been moved. */
export const MOVED = '/etc/haproxy/quorate-https.lst'
/** All whom a node trusts, as its distribution keeps them (update-ca-certificates(8)). */
export const TRUSTED = '/etc/ssl/certs/ca-certificates.crt'

type Wanted = Vips & Pick<Config, 'nodes'> & Partial<Pick<Config, 'tls'>>

/**
 * The text of /etc/haproxy/haproxy.cfg, the same on every node. Source: HAProxy's doc/configuration.txt.
 * It binds the VIP on nodes that do not hold it, so net.ipv4.ip_nonlocal_bind (or ipv6's) must be 1 there.
 */
export const haproxyCfg = (config: Wanted, services: readonly Service[]): string =>
  [
    HEAD,
    ...(config.tls ? [TLS] : []),
    ...services.map((service) => proxies(config, service)),
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
 * leastconn, so that a server which hangs gets no more requests than it holds already, before its checks fail. A console is a
 * WebSocket, so a tunnel to HAProxy. The cookie of a browser that has to stay is HAProxy's own, and the servers do not see it.
 */
const proxies = (config: Wanted, service: Service): string => {
  const { nodes, vip, tls } = config
  const { name, port, check, silence, sticky } = service
  return `\
${tls ? overTls(config, service) : `frontend ${name}\n${binds(config, port)}`}\
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
      `  server ${node.name} ${authority(node.address, port)} check${sticky ? ` cookie ${node.name}` : ''}${service.tls ? trusts(node) : ''}\n`,
  )
  .join('')}`
}

/** A back end that speaks TLS itself is known by its node's full name, to whoever the node trusts. */
const trusts = ({ fqdn }: Node): string =>
  ` ssl verify required ca-file ${TRUSTED} sni str(${fqdn}) check-sni ${fqdn} verifyhost ${fqdn}`

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
frontend ${name}
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

/** Their time-outs are those of the front ends behind them, which are shorter. */
const APART = `\
defaults
  mode tcp
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
