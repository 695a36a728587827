/** Why a node could not be asked, in an operator's words: made of what ssh, sudo and the login shell said. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Lost } from './errors.mts'
import { quote } from './shell.mts'
import { type Exit, THROUGH } from './ssh.mts'

/** Why a node could not be asked. */
export type Reason = Omit<Lost, 'node'>

/** What is known: a pattern in what was said, the reason, and what to do. `$1` is the pattern's first group. */
type Known = readonly (readonly [pattern: RegExp, text: string, remedy: string])[]

const NOPASSWD = "as root on the node: echo 'USER ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/USER; or set SSH_USER=root"

/** On the node: the login has worked. */
const THERE: Known = [
  [/sudo: .*password is required|a terminal is required/, 'sudo asks for a password there', NOPASSWD],
  [/must have a tty to run sudo/, 'sudo wants a terminal there', 'take requiretty out of /etc/sudoers on the node'],
  [/not in the sudoers|not allowed to (execute|run)/, 'sudo does not let the user become root there', NOPASSWD],
  [
    /sudo: (?:command )?not found/,
    'the user is not root, and there is no sudo',
    'install sudo on the node and give the user a NOPASSWD rule, or set SSH_USER=root',
  ],
  [/printf is not built into sh/, 'its /bin/sh would show secrets to others', 'let /bin/sh there be dash or bash'],
  [/^sudo: (.*)/m, 'sudo fails there: $1', 'log in to the node as that user and try: sudo -n true'],
  [
    /mktemp: .*(?:No space left|Read-only)/,
    'neither its /run nor its /tmp can be written',
    'make room there: df -h /run /tmp, df -i /run /tmp on its console',
  ],
  [
    /account is currently not available|This account is|nologin/,
    'the user has no login shell there',
    'set another SSH_USER, or give that one a shell: usermod --shell /bin/sh USER',
  ],
  [
    /Password change required|password has expired|account has expired/i,
    'the password or account of the user has expired there',
    'chage --list USER on the node tells; chage --maxdays -1 --expiredate -1 USER lifts it',
  ],
  [/System is (booting up|going down)/, 'it is $1', 'wait until it is up again, and type the same command'],
]

/** The login itself. */
const LOGIN: Known = [
  [/Permissions \d+ for '([^']*)' are too open/, 'ssh does not use the key $1: others can read it', 'chmod 600 $1'],
  [
    /Load key "([^"]*)": (?:invalid format|error in libcrypto)/,
    'the key $1 is damaged, or no private key',
    'SSH_KEY wants the private key, not the .pub; ssh-keygen -y -f $1 tells whether it is whole',
  ],
  [
    /Too many authentication failures/,
    'it refuses the login after too many keys of your ssh-agent',
    'name the right one: SSH_KEY=~/.ssh/…',
  ],
  [
    /Permission denied/,
    'it refuses the login',
    'check SSH_USER and SSH_KEY, and that the public key is in the authorized_keys of that user; a key with a passphrase has to be in ssh-agent',
  ],
  [
    /Unable to negotiate .*: (no matching [^.]*)/,
    'its sshd and the ssh here have nothing in common: $1',
    'name an algorithm that both know in SSH_CONFIG (ssh_config(5), HostKeyAlgorithms, KexAlgorithms)',
  ],
]

/** The way there, also seen from a jump host. */
const WAY: Known = [
  [/Connection refused/, 'nothing listens on its ssh port', 'start sshd there, or set SSH_PORT'],
  [
    /timed out|Timeout, server|No route to host|Network is unreachable|Host is down/i,
    'it does not answer',
    'check its power, its address in NODES, and the route and firewalls on the way to it',
  ],
  [
    /Could not resolve hostname|Name or service not known/,
    'its name is not known',
    'check the HostName in SSH_CONFIG, or write the address',
  ],
]

/** On this machine. */
const HERE: Known = [
  [
    /Bad configuration option|bad configuration options|Bad number|Bad yes\/no|terminating, \d+ bad/,
    'the ssh configuration is wrong',
    'check SSH_CONFIG, or ~/.ssh/config without one',
  ],
  [
    /Bad owner or permissions on (\S+)/,
    'ssh refuses the configuration $1: others may write it',
    'chmod go-w $1, and see that it is yours',
  ],
]

/** At the end of the list: what can follow from each of the above. */
const LAST: Known = [
  [
    /kex_exchange_identification/,
    'it hangs up before the login',
    'journalctl -u ssh on its console tells why: too many logins at once (MaxStartups), fail2ban, hosts.deny',
  ],
  [
    /Connection (?:\S+ )?(?:closed|reset) by|connection to \S+ closed|Broken pipe|Connection reset/i,
    'the connection broke',
    'see whether it is up, then type the same command: it goes on from there',
  ],
]

/** All that is known, in the order in which it is looked for. */
export const KNOWN: Known = [...HERE, ...THERE, ...LOGIN, ...WAY, ...LAST]

/** Why a node could not be asked, from what ssh said, and what to do about it. */
export function reason(exit: Exit): Reason {
  const said = exit.stderr
    .split('\n')
    .filter((line) => !WARNING.test(line))
    .join('\n')
  return hostKey(said) ?? throughJump(said) ?? known(said, KNOWN) ?? other({ ...exit, stderr: said })
}

/** What ssh and sudo say before they go on. */
const WARNING = /^sudo: unable to resolve host|^Warning: Permanently added/

function other({ status, stderr }: Exit): Reason {
  const last = lastLine(stderr)
  const how = status === undefined || status === 255 ? '' : `, with status ${status}`
  const text = `the connection ended before the answer was whole${how}`
  return {
    text,
    ...(last === '' ? {} : { detail: last }),
    remedy: 'type the same command again; `ssh -v` to the node tells more',
  }
}

const lastLine = (text: string) => text.trim().split('\n').at(-1)?.trim() ?? ''

function known(said: string, list: Known): Reason | undefined {
  for (const [pattern, text, remedy] of list) {
    const found = pattern.exec(said)
    if (found === null) continue
    const filled = (template: string) => template.replaceAll('$1', () => found[1] ?? '')
    // The line that tells it: what follows is often a mere consequence.
    const line = said.split('\n').find((one) => pattern.test(one)) ?? lastLine(said)
    return { text: filled(text), detail: line.trim(), remedy: filled(remedy) }
  }
  return undefined
}

/** What failed on the way through a jump host: the way from here to the jump host, or the way from there to the node. */
function throughJump(stderr: string): Reason | undefined {
  if (!THROUGH.test(stderr)) return undefined
  const beyond = /open failed: connect failed: (.*)/.exec(stderr)?.[1]
  if (beyond !== undefined) {
    const found = known(beyond, WAY)
    const remedy = found?.remedy ?? 'check its address in NODES, and the jump host in SSH_CONFIG'
    return { text: `seen from the jump host, ${found?.text ?? 'there is no way to it'}`, detail: beyond, remedy }
  }
  const before = stderr
    .split('\n')
    .filter((line) => !THROUGH.test(line) && !/^kex_exchange_identification/.test(line))
    .join('\n')
  const found = known(before, [...LOGIN, ...WAY])
  const host = /connect to host (\S+)|(?:^|\n)\S+@(\S+): Permission|resolve hostname ([^\s:]+)/.exec(before)
  const name = host?.[1] ?? host?.[2] ?? host?.[3]
  // Words that are not ssh's are a ProxyCommand's, and they are of the node.
  if (found !== undefined && name === undefined)
    return { ...found, text: `seen from the ProxyCommand in SSH_CONFIG, ${found.text}` }
  if (found !== undefined)
    return {
      text: `the way to it leads over the jump host ${name}: ${found.text}`,
      ...(found.detail === undefined ? {} : { detail: found.detail }),
      remedy: 'mend the jump host, or name another as ProxyJump in SSH_CONFIG',
    }
  return {
    text: 'the way to it (ProxyJump or ProxyCommand) gives no connection',
    detail: lastLine(before) || lastLine(stderr),
    remedy: 'try the command of ProxyJump or ProxyCommand in SSH_CONFIG by hand',
  }
}

/** A host key that is another one, revoked or not known, with both fingerprints where there are two. */
function hostKey(stderr: string): Reason | undefined {
  if (!/Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/.test(stderr)) return undefined
  const jump = THROUGH.test(stderr)
  const whose = (host: string) => (jump ? `the host key of the jump host ${host}` : 'its host key')
  const unknown = /No (\S+) host key is known for (\S+) and/.exec(stderr)
  if (unknown !== null)
    return {
      text: `${whose(unknown[2] as string)} is not known here, and the ssh configuration accepts no new one`,
      remedy:
        'add it to known_hosts (ssh-keyscan, compared with the console), or allow StrictHostKeyChecking accept-new',
    }
  const host = /Host key for (\S+) (?:has changed|was revoked)/.exec(stderr)?.[1] ?? ''
  const [, file = '', line = ''] = /Offending .*key in (.*):(\d+)/.exec(stderr) ?? []
  const sent = /SHA256:[A-Za-z0-9+/]+/.exec(stderr)?.[0]
  const pinned = file === '' ? undefined : fingerprint(file, Number(line))
  return {
    text: `${whose(host)} is not the one known for it`,
    detail: [
      ...(pinned === undefined ? [] : [`known: ${pinned}, line ${line} of ${file}`]),
      ...(sent === undefined ? [] : [`sent:  ${sent}`]),
    ].join('\n'),
    remedy: `compare with its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub. Was it re-installed, then forget the old key: ssh-keygen -R ${quote(host)}${file === '' ? '' : ` -f ${quote(file)}`}. If not, somebody else answers there: find out who`,
  }
}

/** The fingerprint of the key in a line of a known_hosts file, as ssh-keygen -l prints it (sshd(8), SSH_KNOWN_HOSTS). */
function fingerprint(file: string, line: number): string | undefined {
  try {
    const words = (readFileSync(file, 'utf8').split('\n')[line - 1] ?? '').split(/\s+/)
    const key = words[words.findIndex((word) => /^(ssh|ecdsa|sk)-/.test(word)) + 1]
    if (key === undefined) return undefined
    const hash = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64')
    return `SHA256:${hash.replace(/=+$/, '')}`
  } catch {
    // It is only told for comparison.
    return undefined
  }
}
