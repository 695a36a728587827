/** Root's ssh between the nodes: a key on each, accepted by the others, and host keys pinned. */
import { createHash } from 'node:crypto'
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { block, KEPT } from './guards/file.mts'
import { raw, sh } from './shell.mts'

const KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => `/root/.ssh/${name}`)

export const trustFacts: Readonly<Record<string, string>> = {
  'ssh.key': sh`for key in ${KEYS}; do [ ! -s "$key.pub" ] || { cat "$key.pub"; break; }; done`,
  'ssh.host-keys': 'cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null || :',
  // sshd -T prints the settings in force (sshd(8)); it needs the folder that a running sshd has.
  'ssh.settings': `sshd -T 2>/dev/null | awk '$1 == "port" || $1 == "permitrootlogin"'`,
}

const setting = (facts: Facts, node: Node, name: string): string | undefined =>
  new RegExp(`^${name} (\\S+)`, 'm').exec(facts.get(node, 'ssh.settings'))?.[1]
const port = (facts: Facts, node: Node): number => Number(setting(facts, node, 'port') ?? 22)
const others = (config: Config, node: Node): readonly Node[] => config.nodes.filter((one) => one.name !== node.name)

/** A key that is there already is used: we never make a second one, or a new one in its place. */
export const rootKey = (): Guard => ({
  title: 'root has an ssh key',
  check: sh`
    for key in ${KEYS}; do [ ! -s "$key.pub" ] || exit 0; done
    echo "no key in /root/.ssh"
    exit 1`,
  apply: sh`
    mkdir -p /root/.ssh
    chmod 0700 /root/.ssh
    rm -f /root/.ssh/.quorate-new /root/.ssh/.quorate-new.pub
    # A private key without its public half, the operator's or one of a run that was cut off, is completed, never replaced.
    for key in ${KEYS}; do
      [ -s "$key" ] || continue
      ssh-keygen -y -P '' -f "$key" >"$key.pub.quorate-new" || { echo "$key has a passphrase and no $key.pub"; exit 1; }
      mv -f "$key.pub.quorate-new" "$key.pub"
      exit 0
    done
    mkdir -p ${`${KEPT}/original/root/.ssh`}
    chmod 0700 ${KEPT}
    for key in ${KEYS[0] as string} ${`${KEYS[0]}.pub`}; do : >${raw(`"${KEPT}/original$key.absent"`)}; done
    ssh-keygen -q -t ed25519 -N '' -C "root@$(uname -n)" -f /root/.ssh/.quorate-new
    mv -f /root/.ssh/.quorate-new ${`${KEYS[0]}`}
    mv -f /root/.ssh/.quorate-new.pub ${`${KEYS[0]}.pub`}`,
})

/** The keys of the other nodes, good from their addresses only (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
export function accepted(config: Config, facts: Facts, node: Node): Guard {
  const lines = others(config, node)
    .filter((one) => facts.get(one, 'ssh.key') !== '')
    .map((one) => `from="${one.address}" ${facts.get(one, 'ssh.key')}\n`)
  return block('/root/.ssh/authorized_keys', `quorate ${config.clusterName}`, lines.join(''), '0600')
}

/** The file of the whole system: ssh writes to a user's own known_hosts by itself. */
export function pinned(config: Config, facts: Facts): Guard {
  const lines = config.nodes.flatMap((node) => {
    const at = (name: string) => (port(facts, node) === 22 ? name : `[${name}]:${port(facts, node)}`)
    const names = [...new Set([node.address, node.fqdn, node.name])].map(at).join(',')
    return facts
      .get(node, 'ssh.host-keys')
      .split('\n')
      .filter((key) => key !== '')
      .map((key) => `${names} ${key.split(' ').slice(0, 2).join(' ')}\n`)
  })
  return block('/etc/ssh/ssh_known_hosts', `quorate ${config.clusterName}`, lines.join(''))
}

/**
 * Each node logs in to each other one by name. A login takes a third of a second, so the proof is kept, and made anew when
 * a key, a name or an address has changed. A node whose sshd lets root in by no means is left out.
 */
export function proven(config: Config, facts: Facts, node: Node): Guard {
  const peers = others(config, node).filter((one) => setting(facts, one, 'permitrootlogin') !== 'no')
  const proof = `${KEPT}/trust`
  const about = [node, ...peers].map((one) =>
    [one.name, one.address, port(facts, one), facts.get(one, 'ssh.key'), facts.get(one, 'ssh.host-keys')].join(' '),
  )
  // As sha256sum(1) writes it.
  const want = `${createHash('sha256').update(about.join('\n')).digest('hex')}  -`
  // Each begins with the one after it, or all would knock at the same door: a sshd drops what comes all at once (MaxStartups in
  // sshd_config(5)), which is why a login is tried again.
  const own = config.nodes.findIndex((one) => one.name === node.name)
  const after = peers.filter((one) => config.nodes.indexOf(one) > own)
  const logins = [...after, ...peers.filter((one) => !after.includes(one))].map(
    (one) => sh`
      tries=0
      until ssh -n -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=yes -p ${port(facts, one)} ${`root@${one.name}`} true; do
        tries=$((tries + 1))
        [ "$tries" -lt 3 ] || { echo ${`no login from here to ${one.name}`}; exit 1; }
        sleep 1
      done`,
  )
  return {
    title: 'root can log in to the other nodes by name',
    check: sh`[ "$(cat ${proof} 2>/dev/null)" = ${want} ] || { echo "not proven since keys, names or addresses changed"; exit 1; }`,
    apply: [
      ...logins,
      sh`
        mkdir -p ${KEPT}
        chmod 0700 ${KEPT}
        echo ${want} >${`${proof}.new`} || { rm -f ${`${proof}.new`}; exit 1; }
        mv -f ${`${proof}.new`} ${proof}`,
    ].join('\n'),
    remedy: 'see what sshd on the other node says: journalctl -u ssh',
    remedies: [
      [
        /^root@(\S+): Permission denied/m,
        '$1 does not take the key of this node: where 00-prereqs was not run there yet, run it without --nodes; else its sshd tells why (journalctl -u ssh)',
      ],
    ],
  }
}
