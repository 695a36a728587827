/** Shell texts that ask keystone's v3 API from a node; secrets go by standard input only. */
import type { Openrc } from './config.mts'
import { raw, sh } from './shell.mts'

const PORT = 5000

/** Identity API v3, "Password authentication with scoped authorization": the body of POST /v3/auth/tokens. */
const login = (rc: Openrc): string =>
  JSON.stringify({
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: rc.username, domain: { name: rc.userDomainName }, password: rc.password } },
      },
      scope: { project: { name: rc.projectName, domain: { name: rc.projectDomainName } } },
    },
  })

/** Shell function `ask METHOD PATH [TOKEN]`: to keystone at "$address"; a body of "$length" bytes comes by standard input. */
export const ASK = raw(
  `
length=0
ask() {
  case $address in *:*) host="[$address]:${PORT}" ;; *) host=$address:${PORT} ;; esac
  { printf '%s %s HTTP/1.0\\r\\nHost: %s\\r\\nUser-Agent: quorate\\r\\nConnection: close\\r\\n' "$1" "$2" "$host"
    printf 'Content-Type: application/json\\r\\nContent-Length: %s\\r\\n' "$length"
    [ -z "\${3:-}" ] || printf 'X-Auth-Token: %s\\r\\n' "$3"
    printf '\\r\\n'
    [ "$length" = 0 ] || cat
  } | http "$address" ${PORT} 30
}`.trim(),
)

/**
 * Shell text that sets `token`, the `answer` that it came with and the `address` that gave it: the first of these where keystone
 * answers. It exits 1 with the status line and the reason that it gave, or says that there is no keystone.
 */
export const getToken = (rc: Openrc, addresses: readonly string[]): string => sh`
  token=
  for address in ${addresses}; do
    # An address that nobody has, or a firewall, is silent for up to half a minute: while there is another one it gets two seconds.
    [ "$address" = ${addresses.at(-1) ?? ''} ] || timeout 2 bash -c ': <"/dev/tcp/$0/$1"' "$address" ${PORT} 2>/dev/null || continue
    length=${Buffer.byteLength(login(rc))}
    answer=$(printf %s ${login(rc)} | ask POST /v3/auth/tokens)
    length=0
    token=$(printf '%s\\n' "$answer" | sed -n 's/^[Xx]-[Ss]ubject-[Tt]oken: *//p')
    [ -z "$token" ] || break
    # Nobody is there, HAProxy has nobody behind it, or leads elsewhere; a keystone that refuses us is asked no further.
    case $answer in '' | "HTTP/1."?" 3"* | "HTTP/1."?" 40"[45]* | "HTTP/1."?" 50"[234]*) ;; *) break ;; esac
  done
  [ -n "$token" ] || {
    said=$(printf '%s\\n' "$answer" | sed -n -e 1p -e 's/.*"message": *"\\([^"]*\\)".*/\\1/p' | tr '\\n' ' ')
    echo "$address gives no token: $said"
    case $said in '' | *" 40"[45]* | *" 50"[234]*) echo ${`keystone answers neither on the VIP nor on a node, port ${PORT}`} ;; esac
    exit 1
  }`

/** Shell function `api METHOD PATH`, with that token; prints the body on one line. */
export const API = raw(
  `
api() {
  said=$(ask "$1" "$2" "$token")
  case $said in
    "HTTP/1."?" 2"*) printf '%s\\n' "$said" | sed '1,/^$/d' | tr -d '\\n'; echo ;;
    *) echo "$1 $2: \${said:-no answer}" | head -n 1; return 1 ;;
  esac
}`.trim(),
)
