/** HTTP from a node: bash opens the connection, or openssl where it is one of TLS. Secrets go by standard input. */
import { canonical } from './address.mts'
import { apiHost, type Config, vipsOf } from './config.mts'
import { authority, type Service } from './services.mts'
import { raw, type Shell, sh } from './shell.mts'

type Speakers = Pick<Config, 'nodes' | 'vip' | 'vip2' | 'vipName' | 'tls' | 'services'>

/** Whether something that is called speaks TLS: then the nodes need openssl, and know whom to trust. */
export const speaksTls = ({ tls, services }: Pick<Config, 'tls' | 'services'>): boolean =>
  tls !== undefined || services.some((service) => service.tls)

/** How an API is spoken to on a host: the VIP, or a node's own address. */
export const schemeOn = (config: Speakers, host: string, service: Pick<Service, 'tls'>): 'http' | 'https' =>
  (config.nodes.some(({ address }) => address === host) ? service.tls : config.tls) ? 'https' : 'http'

/** On which port: one that has a port of its own for TLS has it on the VIP. */
export const portOn = (config: Speakers, host: string, service: Pick<Service, 'port' | 'tlsPort'>): number =>
  schemeOn(config, host, {}) === 'https' ? (service.tlsPort ?? service.port) : service.port

/** Arms of a shell's `case` over "ADDRESS PORT" that set `how`: what openssl is to find in the certificate. */
const speakers = (config: Speakers): string => {
  const named = (name: string) =>
    canonical(name) === undefined ? `-servername ${name} -verify_hostname ${name}` : `-noservername -verify_ip ${name}`
  const vip = config.tls
    ? vipsOf(config).map(({ address }) => sh`${raw(`'${address} '*`)}) how=${named(apiHost(config))} ;;`)
    : []
  const own = config.services
    .filter(({ tls }) => tls)
    .flatMap(({ port }) => config.nodes.map((node) => sh`${`${node.address} ${port}`}) how=${named(node.fqdn)} ;;`))
  return [...vip, ...own].join('\n    ')
}

/**
 * Shell functions. `http ADDRESS PORT SECONDS` sends its standard input as a request and prints the answer without carriage
 * returns; nothing when there was none. HTTP/1.0, so that the answer ends with the connection and is never in chunks
 * (RFC 1945). bash opens the connection (bash(1), REDIRECTION, /dev/tcp), or openssl s_client, which says nothing to a server
 * whose certificate it does not trust. `code` prints an answer's status, 000 for none, and `distrust ADDRESS PORT` why that is,
 * where it is the certificate.
 */
export const http = (config: Speakers): Shell =>
  raw(
    `
plain() { timeout "$3" bash -c 'exec 3<>"/dev/tcp/$0/$1" && cat >&3 && cat <&3' "$1" "$2" 2>/dev/null; }
code() { code=$(sed -n '1s/^HTTP[^ ]* \\([0-9][0-9]*\\).*/\\1/p'); echo "\${code:-000}"; }
${speaksTls(config) ? TLS(config) : PLAIN}`.trim(),
  )

const PLAIN = `http() { plain "$@" | tr -d '\\r\\000'; }
distrust() { :; }`

const TLS = (config: Speakers) => `tls() {
  case $1 in *:*) to="[$1]:$2" ;; *) to=$1:$2 ;; esac
  timeout "$3" openssl s_client -quiet -verify_return_error $how -connect "$to"
}
speaks_tls() {
  case "$1 $2" in
    ${speakers(config)}
    *) return 1 ;;
  esac
}
http() { { if speaks_tls "$1" "$2"; then tls "$1" "$2" "$3" 2>/dev/null; else plain "$@"; fi; } | tr -d '\\r\\000'; }
distrust() { ! speaks_tls "$1" "$2" || tls "$1" "$2" 3 </dev/null 2>&1 | sed -n 's/^verify error:num=[0-9]*:/its certificate: /p' | sort -u; }`

/** The head of a request, up to the headers that depend on it; each line ends with CR LF (RFC 1945, 5). */
const head = (method: string, path: string, host: string): string =>
  [`${method} ${path} HTTP/1.0`, `Host: ${host}`, 'User-Agent: quorate', 'Connection: close', ''].join('\r\n')

/** Shell text that prints the status of a GET: needs `http` before it. */
export const statusOf = (address: string, port: number, path: string, seconds: number): string =>
  sh`printf %s ${`${head('GET', path, authority(address, port))}\r\n`} | http ${address} ${port} ${seconds} | code`
