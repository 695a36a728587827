/** Faults that a test injects into a cluster of two nodes, what takes them back, and what the doctor is to say of each. */
import type { Lab } from './cluster.mts'

/** What is wanted of one finding. */
export interface Wanted {
  readonly id: string
  readonly nodes?: readonly string[]
  readonly text: RegExp
  readonly remedy: RegExp
}

/** A thing that is done to the cluster, and what takes it back: shell text by node, `db` and `ops` among them. */
export type Doing = readonly (readonly [where: string, text: string])[]

export interface Ailment {
  readonly title: string
  readonly breaks: Doing
  readonly mends: Doing
  /** Each of them is told, and is nobody's consequence. */
  readonly causes: readonly Wanted[]
  /** Told as what follows from the first of those that explain them. */
  readonly consequences?: readonly string[]
  readonly code?: number
}

const CONF = '/etc/corosync/corosync.conf'
const KEY = '/etc/corosync/authkey'
const CFG = '/etc/haproxy/haproxy.cfg'
const LOCK = '/run/quorate/lock'
const STATUS = '/var/lib/dpkg/status'

/** Changes a file by sed and keeps it beside; `back` puts it back as it was. */
const edit = (file: string, ...words: readonly string[]) =>
  `cp -p ${file} ${file}.sound && sed -i ${words.map((word) => `-e '${word}'`).join(' ')} ${file}`
const back = (file: string) => `mv ${file}.sound ${file}`

export const ailments = (lab: Lab): readonly Ailment[] => {
  const [one, two] = lab.nodes as [string, string]
  const vip = `${lab.vip}/24`
  const both = (text: string): Doing => [
    [one, text],
    [two, text],
  ]
  return [
    {
      title: 'files, packages, clocks and services that do not fit together',
      breaks: [
        [
          two,
          `printf '%s\\n' '#!/bin/sh' 'case $* in +%s.%N) set -- -d "+5 seconds" "$@" ;; esac' 'exec /bin/date "$@"' >/usr/local/sbin/date
          chmod 0755 /usr/local/sbin/date`,
        ],
        [one, edit('/etc/hosts', '1i 10.9.9.9 node2')],
        [two, `echo 'root@desk (pid 7) since 2026-01-01: make cluster' >${LOCK} && touch -d '10 minutes ago' ${LOCK}`],
        [
          one,
          `mkdir -p /etc/network/interfaces.d && echo 'up ip addr add ${vip} dev eth0' >/etc/network/interfaces.d/api`,
        ],
        [one, 'mount -t tmpfs -o size=2m tmpfs /boot && head -c 4m /dev/zero >/boot/full 2>/dev/null || :'],
        [
          two,
          edit(
            STATUS,
            '/^Package: socat$/,/^$/s/^Status: .*/Status: install ok half-configured/',
            '/^Package: corosync$/,/^$/s/^Version: .*/Version: 3.1.0-1/',
          ),
        ],
        [two, 'systemctl --quiet disable pacemaker; systemctl --quiet enable haproxy; systemctl stop chrony'],
        [one, `echo '# by hand' >>${CFG}`],
        [two, 'cp /etc/keystone/fernet-keys/0 /etc/keystone/fernet-keys/9'],
        [two, `for i in 1 2 3 4 5 6; do logger -t corosync '[TOTEM ] Token has not been received in 2250 ms'; done`],
      ],
      mends: [
        [two, 'rm /usr/local/sbin/date'],
        [one, back('/etc/hosts')],
        [two, `: >${LOCK}`],
        [one, 'rm /etc/network/interfaces.d/api'],
        [one, 'umount /boot'],
        [two, back(STATUS)],
        [two, 'systemctl --quiet enable pacemaker; systemctl --quiet disable haproxy; systemctl start chrony'],
        [one, `sed -i '/^# by hand$/d' ${CFG} && systemctl reload haproxy`],
        [two, 'rm /etc/keystone/fernet-keys/9'],
        [two, 'journalctl --quiet --rotate && journalctl --quiet --vacuum-time=1s'],
      ],
      causes: [
        { id: 'clock-skew', nodes: [two], text: /node2 \+\d{4} ms/, remedy: /chronyc makestep/ },
        { id: 'name-elsewhere', nodes: [one], text: /node2 is 10\.9\.9\.9/, remedy: /\/etc\/hosts/ },
        { id: 'run-cut-off', nodes: [two], text: /root@desk .*make cluster/, remedy: /same command again/ },
        { id: 'vip-in-network-files', nodes: [one], text: /interfaces\.d\/api/, remedy: /take that line out/ },
        { id: 'disk-full', nodes: [one], text: /disk of \/boot on node1 is full: 0 of 2 MB/, remedy: /du -xh \/boot/ },
        { id: 'packages-half-installed', nodes: [two], text: /on node2: socat/, remedy: /dpkg --configure -a/ },
        { id: 'packages-differ', text: /corosync has .*node2 3\.1\.0-1/, remedy: /upgrade it on the nodes/ },
        {
          id: 'not-at-boot',
          nodes: [two],
          text: /pacemaker does not start at boot/,
          remedy: /systemctl enable pacemaker/,
        },
        { id: 'haproxy-at-boot', nodes: [two], text: /\(haproxy is enabled\)/, remedy: /systemctl disable haproxy/ },
        { id: 'no-time-service', nodes: [two], text: /no time service runs on node2/, remedy: /chrony/ },
        { id: 'haproxy-older', nodes: [one], text: /haproxy\.cfg is newer/, remedy: /systemctl reload haproxy/ },
        { id: 'keystone-keys-differ', text: /fernet keys of node1: SHA-256 /, remedy: /FERNET_SYNC/ },
        { id: 'token-lost', nodes: [two], text: /the token was lost 6 times/, remedy: /ping -f -s 1400/ },
      ],
    },
    {
      title: 'what an operator leaves behind in the CIB',
      breaks: [
        [one, 'crm_resource --resource vip --ban --node node2'],
        [two, 'crm_attribute --node node2 --name maintenance --update true'],
        [one, 'crm_resource --resource public-link-clone --meta --set-parameter is-managed --parameter-value false'],
        [one, 'crm_resource --fail --resource public-link --node node1'],
        [two, 'dpkg --remove crmsh >/dev/null'],
        [one, 'touch /var/lib/quorate/rotating'],
        [two, 'cp /etc/keystone/fernet-keys/0 /etc/keystone/fernet-keys/9'],
        [
          'db',
          `mariadb -e "UPDATE keystone.endpoint SET url = REPLACE(url, '${lab.vip}', 'localhost') WHERE interface = 'admin'"`,
        ],
      ],
      mends: [
        [one, 'crm_resource --resource vip --clear'],
        [two, 'crm_attribute --node node2 --name maintenance --delete'],
        [one, 'crm_resource --resource public-link-clone --meta --delete-parameter is-managed'],
        [one, 'crm_resource --cleanup'],
        [two, 'apt-get install --yes --quiet=2 crmsh >/dev/null'],
        [one, 'rm /var/lib/quorate/rotating'],
        [two, 'rm /etc/keystone/fernet-keys/9'],
        [
          'db',
          `mariadb -e "UPDATE keystone.endpoint SET url = REPLACE(url, 'localhost', '${lab.vip}') WHERE interface = 'admin'"`,
        ],
      ],
      causes: [
        {
          id: 'stray-constraint',
          text: /cli-ban-vip-on-node2 bans vip from node2/,
          remedy: /crm_resource --resource vip --clear/,
        },
        {
          id: 'maintenance-mode',
          nodes: [two],
          text: /the node node2 is in maintenance/,
          remedy: /--name maintenance --delete/,
        },
        { id: 'resource-unmanaged', text: /public-link-clone is not managed/, remedy: /--delete-parameter is-managed/ },
        {
          id: 'packages-missing',
          nodes: [two],
          text: /\(to be installed: crmsh /,
          remedy: /make cluster puts it right/,
        },
        { id: 'rotation-not-over', text: /begun and not ended/, remedy: /make rotate-fernet/ },
        {
          id: 'endpoints-elsewhere',
          text: /identity admin: http:\/\/localhost:5000/,
          remedy: /make cluster moves them/,
        },
      ],
      consequences: ['resource-failed', 'keystone-keys-differ'],
    },
    {
      title: 'a VIP that others have, and a service that is down',
      breaks: [
        [one, 'crm_resource --resource vip --ban --node node2 && crm_resource --wait'],
        [two, `ip addr add ${vip} dev eth0`],
        ['ops', `ip addr add ${lab.vip}/32 dev public`],
        [two, 'systemctl stop keystone'],
        ['ops', 'ip link set h202 down'],
      ],
      mends: [
        [two, `ip addr del ${vip} dev eth0`],
        ['ops', `ip addr del ${lab.vip}/32 dev public`],
        [two, 'systemctl start keystone'],
        ['ops', 'ip link set h202 up'],
        [one, 'crm_resource --resource vip --clear'],
      ],
      causes: [
        { id: 'stray-constraint', text: /cli-ban-vip-on-node2/, remedy: /--clear/ },
        {
          id: 'vip-without-pacemaker',
          nodes: [two],
          text: /on eth0 of node2, and not by pacemaker: it has it on node1/,
          remedy: /ip addr del/,
        },
        { id: 'vip-stranger', text: /no node answers for the VIP .* [0-9a-f]{2}:/, remedy: /on the switch/ },
        {
          id: 'api-silent',
          nodes: [two],
          text: /keystone on node2 does not answer/,
          remedy: /systemctl status keystone/,
        },
        { id: 'links-down', text: /link 1, node1 to node2 \(10\.0\.\d+\.202\) disconnected/, remedy: /ping/ },
      ],
      consequences: ['vip-twice', 'back-end-down'],
    },
    {
      title: 'the file of the ring, changed by hand on all nodes',
      breaks: both(
        edit(
          CONF,
          's/^totem {/totem {\\n  rrp_mode: passive\\n  secauth: on\\n  token: 4000/',
          's/two_node: 1/&\\n  expected_votes: 3/',
        ),
      ),
      mends: both(back(CONF)),
      causes: [
        {
          id: 'corosync-conf-stale',
          nodes: [one, two],
          text: /secauth is of corosync 1\.x/,
          remedy: /make cluster writes/,
        },
        { id: 'two-node', nodes: [one, two], text: /expected_votes is 3 for 2 nodes/, remedy: /two halves/ },
      ],
      consequences: ['corosync-conf-not-loaded'],
    },
    {
      title: 'the file of the ring, changed on one node',
      breaks: [[two, edit(CONF, 's/^totem {/totem {\\n  token: 4000/')]],
      mends: [[two, back(CONF)]],
      causes: [
        {
          id: 'corosync-conf-differs',
          nodes: [one, two],
          text: /totem\.token: node2 4000, node1 not set|totem\.token: node1 not set, node2 4000/,
          remedy: /make plan shows/,
        },
      ],
      consequences: ['corosync-conf-not-loaded'],
    },
    {
      title: 'another program has the port on the VIP, and the cluster is in maintenance',
      breaks: [
        [one, 'crm_attribute --name maintenance-mode --update true'],
        [
          two,
          `systemctl stop haproxy keystone
          systemd-run --quiet --unit squatter --service-type=exec socat TCP-LISTEN:5000,bind=0.0.0.0,fork,reuseaddr SYSTEM:true`,
        ],
      ],
      mends: [
        [two, 'systemctl stop squatter; systemctl start keystone haproxy'],
        [one, 'crm_attribute --name maintenance-mode --delete'],
      ],
      causes: [
        {
          id: 'maintenance-mode',
          nodes: [],
          text: /maintenance-mode=true/,
          remedy: /--name maintenance-mode --delete/,
        },
        {
          id: 'port-taken',
          nodes: [two],
          text: /0\.0\.0\.0:5000 is taken by socat \(pid \d+, squatter\.service\)/,
          remedy: /listen elsewhere/,
        },
        { id: 'api-silent', nodes: [two], text: /keystone on node2 does not answer/, remedy: /systemctl status/ },
      ],
      consequences: ['haproxy-down', 'back-end-down'],
    },
    {
      title: 'a VIP that is disabled, a node in standby, and a broken haproxy.cfg',
      breaks: [
        [
          one,
          'crm_resource --resource vip --meta --set-parameter target-role --parameter-value Stopped; crm_resource --wait',
        ],
        [one, 'crm_standby --node node2 --update on; crm_resource --wait'],
        [one, edit(CFG, '$a nonsense')],
      ],
      mends: [
        [one, back(CFG)],
        [one, 'systemctl reload haproxy'],
        [one, 'crm_resource --resource vip --meta --delete-parameter target-role'],
        [one, 'crm_standby --node node2 --delete; crm_resource --wait'],
      ],
      causes: [
        {
          id: 'resource-disabled',
          text: /vip is disabled/,
          remedy: /--resource vip --meta --delete-parameter target-role/,
        },
        { id: 'standby', nodes: [two], text: /node2 is in standby/, remedy: /crm_standby --node node2 --delete/ },
        { id: 'haproxy-cfg-broken', nodes: [one], text: /nonsense/, remedy: /make cluster writes/ },
      ],
      consequences: ['vip-nowhere', 'haproxy-older'],
    },
    {
      title: 'another key on a node that was started anew with it',
      breaks: [[two, `cp -p ${KEY} ${KEY}.sound && head -c 128 /dev/urandom >${KEY} && systemctl restart corosync`]],
      mends: [[two, `${back(KEY)} && systemctl restart corosync && systemctl start pacemaker`]],
      causes: [
        {
          id: 'ring-keys-differ',
          nodes: [one, two],
          text: /node1 SHA-256 .*node2 SHA-256/,
          remedy: /which one is right/,
        },
      ],
      consequences: ['links-down', 'ring-split', 'node-offline'],
    },
    {
      title: 'a node whose pacemaker was stopped',
      breaks: [[two, 'systemctl stop pacemaker']],
      mends: [[two, 'systemctl start pacemaker']],
      causes: [
        {
          id: 'pacemaker-down',
          nodes: [two],
          text: /pacemaker does not run on node2: inactive/,
          remedy: /journalctl -u pacemaker/,
        },
      ],
      consequences: ['node-offline', 'haproxy-down'],
    },
    {
      title: 'a node that cannot be asked, and the others are looked at all the same',
      breaks: [
        [two, 'systemctl stop ssh.socket ssh.service 2>/dev/null || systemctl stop ssh'],
        [one, 'systemctl --quiet disable corosync'],
      ],
      mends: [
        [two, 'systemctl start ssh'],
        [one, 'systemctl --quiet enable corosync'],
      ],
      causes: [
        {
          id: 'node-not-reached',
          nodes: [two],
          text: /node2 could not be asked: .*nothing listens on its ssh port/,
          remedy: /start sshd/,
        },
        {
          id: 'not-at-boot',
          nodes: [one],
          text: /corosync does not start at boot on node1/,
          remedy: /enable corosync/,
        },
      ],
      code: 4,
    },
  ]
}
