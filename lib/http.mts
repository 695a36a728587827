/** HTTP from a node with nothing but bash: nodes need no curl, and secrets go by standard input only. */
import { authority } from './services.mts'
import { raw, sh } from './shell.mts'

/**
 * Shell functions. `http ADDRESS PORT SECONDS` sends its standard input as a request and prints the answer without carriage
 * returns; nothing when there was none. HTTP/1.0, so that the answer ends with the connection and is never in chunks
 * (RFC 1945). bash opens the connection (bash(1), REDIRECTION, /dev/tcp). `code` prints an answer's status, 000 for none.
 */
export const HTTP = raw(
  `
http() { timeout "$3" bash -c 'exec 3<>"/dev/tcp/$0/$1" && cat >&3 && cat <&3' "$1" "$2" 2>/dev/null | tr -d '\\r\\000'; }
code() { code=$(sed -n '1s/^HTTP[^ ]* \\([0-9][0-9]*\\).*/\\1/p'); echo "\${code:-000}"; }`.trim(),
)

/** The head of a request, up to the headers that depend on it; each line ends with CR LF (RFC 1945, 5). */
const head = (method: string, path: string, host: string): string =>
  [`${method} ${path} HTTP/1.0`, `Host: ${host}`, 'User-Agent: quorate', 'Connection: close', ''].join('\r\n')

/** Shell text that prints the status of a GET: needs HTTP before it. */
export const statusOf = (address: string, port: number, path: string, seconds: number): string =>
  sh`printf %s ${`${head('GET', path, authority(address, port))}\r\n`} | http ${address} ${port} ${seconds} | code`
