/** Shell texts that ask keystone's v3 API from a node; secrets go by standard input only. */
import type { Config, Openrc } from './config.mts'
import { HTTP } from './http.mts'
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

/** Shell text that sets `token` from keystone at "$address", or exits 1 with the status line and the reason that it gave. */
export const getToken = (rc: Openrc): string => sh`
  length=${Buffer.byteLength(login(rc))}
  answer=$(printf %s ${login(rc)} | ask POST /v3/auth/tokens)
  length=0
  token=$(printf '%s\\n' "$answer" | sed -n 's/^[Xx]-[Ss]ubject-[Tt]oken: *//p')
  [ -n "$token" ] || {
    echo "$address gives no token: $(printf '%s\\n' "$answer" | sed -n -e 1p -e 's/.*"message": *"\\([^"]*\\)".*/\\1/p' | tr '\\n' ' ')"
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

/** Shell text that sets `address`: that of the VIP if keystone answers there, else of the node that answers first. */
export const findKeystone = (config: Config): string => sh`
  ${HTTP}
  ${ASK}
  found=
  for address in ${[config.vip.address, ...config.nodes.map((node) => node.address)]}; do
    case $(ask GET /v3 | code) in 200) found=1; break ;; esac
  done
  [ -n "$found" ] || { echo "keystone answers neither on the VIP nor on a node, port "${PORT}; exit 1; }`
