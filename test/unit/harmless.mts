/** A place where texts for nodes run and reach nothing of this machine: their programs and absolute paths are in a folder. */
import { spawnSync } from 'node:child_process'
import {
  accessSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DRIVER } from '../../lib/driver.mts'
import { folder } from './local-shell.mts'

/** Programs that only work on files and text; they are this machine's own. */
const REAL =
  'awk base64 cat chmod cmp cp cut date diff grep head ls mkdir mktemp mv rm sed sha256sum sort stat tail touch tr uname'

/** Programs that would ask or change the machine. They say yes, and keep what they are given to read. */
const PLAYED = `apache2ctl apt-cache apt-get busctl chown cibadmin corosync corosync-cfgtool corosync-keygen corosync-qdevice-net-certutil corosync-qnetd-certutil corosync-quorumtool crm_attribute
  crm_diff crm_mon crm_resource crm_verify df dnf dpkg dpkg-query firewall-cmd firewall-offline-cmd getenforce getsebool haproxy ip ip6tables ip6tables-restore ip6tables-save iptables iptables-restore iptables-save journalctl netfilter-persistent nft ntpq openssl ping
  keystone-manage nova-manage readlink rpm runuser semanage setenforce setsebool socat ss ssh ssh-keygen sshd stonith_admin sync sysctl systemctl systemd-detect-virt timedatectl timeout ufw unshare update-ca-certificates update-ca-trust zypper`

const PLAY = `#!/bin/sh
case "\${0##*/} $*" in
  timeout*) printf '>>> request\\n'; cat; printf '\\n' ;;
  cibadmin*--xml-pipe*) printf '>>> cib\\n'; cat; printf '\\n' ;;
esac >>"$GIVEN"
case "\${0##*/} $*" in
  timeout*) printf 'HTTP/1.1 200 OK\\r\\nX-Subject-Token: token\\r\\n\\r\\n{}\\n' ;;
  cibadmin*--empty*) echo '<cib><crm_config/></cib>' ;;
  systemctl*ActiveEnterTimestamp*) echo 2020-01-01 ;;
esac
`

export interface Harmless {
  readonly root: string
  /** All that the texts print. Each runs whatever the ones before it say. */
  readonly run: (shell: string, texts: readonly string[]) => string
  /** What a file holds that the texts wrote, or undefined. */
  readonly file: (path: string) => string | undefined
  /** What went by standard input to keystone and to the CIB. */
  readonly given: () => string
  /** The names that lie in the folder where the texts began. */
  readonly names: () => readonly string[]
  /** As it was at the beginning. */
  readonly clear: () => void
}

export function harmless(): Harmless {
  const top = folder()
  const bin = join(top, 'bin')
  const root = join(top, 'root')
  const given = join(top, 'given')
  mkdirSync(bin)
  writeFileSync(join(bin, 'play'), PLAY, { mode: 0o755 })
  for (const name of PLAYED.split(/\s+/)) symlinkSync('play', join(bin, name))
  for (const name of REAL.split(' ')) symlinkSync(whereIs(name), join(bin, name))
  const clear = () => {
    rmSync(root, { recursive: true, force: true })
    for (const path of ['etc/ssh', 'etc/corosync', 'etc/haproxy', 'var/lib', 'root', 'run', 'tmp'])
      mkdirSync(join(root, path), { recursive: true })
    writeFileSync(given, '')
  }
  clear()
  return {
    root,
    clear,
    run: (shell, texts) => {
      const input = [
        `PATH=${bin} LC_ALL=C; export PATH LC_ALL; umask 022; cd ${root}`,
        'scratch=$(mktemp -d)',
        DRIVER,
        ...texts.map((text) => `(set -eu\n${text}\n) </dev/null`),
      ]
        .join('\n')
        .replaceAll(/(?<![\w.-])\/(etc|var|root|run)\//g, `${root}/$1/`)
      const { stdout, stderr, error } = spawnSync(shell, ['-s'], {
        input,
        encoding: 'utf8',
        maxBuffer: 64 << 20,
        timeout: 60_000,
        cwd: root,
        env: { GIVEN: given, TMPDIR: join(root, 'tmp') },
      })
      if (error) throw error
      return `${stdout}${stderr}`
    },
    file: (path) => {
      const at = join(root, path)
      return existsSync(at) ? readFileSync(at, 'utf8').replaceAll(root, '') : undefined
    },
    given: () => readFileSync(given, 'utf8').replaceAll(root, ''),
    names: () => readdirSync(root),
  }
}

function whereIs(name: string): string {
  const found = ['/usr/bin', '/bin']
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path)
        return true
      } catch {
        return false
      }
    })
  if (found === undefined) throw new Error(`${name} is not installed`)
  return found
}
