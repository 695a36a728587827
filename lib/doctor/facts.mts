/** What the doctor asks each node beside what the phases ask: read-only, bounded in time, and harmless to what runs. */
import { CFG, haproxyCurrent, haproxyReads, portFree } from '../backend.mts'
import { type Config, type Node, vipsOf } from '../config.mts'
import { SOCKET } from '../drain.mts'
import { byFamily, packageName } from '../family.mts'
import { keyFacts } from '../fernet.mts'
import { KEPT } from '../guards/file.mts'
import { MANAGERS } from '../guards/package.mts'
import { journal, notAtBoot } from '../guards/service.mts'
import { failedFencings } from '../pacemaker.mts'
import { BUNDLE } from '../render/haproxy-cfg.mts'
import { raw, type Shell, sh } from '../shell.mts'
import { hostKeepsIt } from '../time.mts'

/** Seconds that any one of the questions may take: a daemon that hangs, or a disk of the network, must not keep us from the rest. */
const PATIENCE = 10

/** Folders whose disks fill up. */
const DISKS = ['/', '/boot', '/etc', '/tmp', '/var', '/var/lib', '/var/log', '/run']

/** Time services, by the names that systemd has for them. */
const TIME = ['chrony', 'chronyd', 'systemd-timesyncd', 'ntpsec', 'ntp', 'ntpd', 'openntpd']

/** Where an address is configured at boot, in each family. */
const NETWORK_FILES = [
  '/etc/network',
  '/etc/netplan',
  '/etc/systemd/network',
  '/etc/NetworkManager/system-connections',
  '/etc/sysconfig/network',
  '/etc/sysconfig/network-scripts',
]

/** The check of a guard as a question: what it prints where it does not hold. */
const unless = (check: string): Shell => raw(sh`( ${raw(check)} ) || :`)

const DAEMONS = ['corosync', 'pacemaker', 'haproxy'] as const

/** Packages of which all nodes had better have the same version. */
const PACKAGES = ['corosync', 'pacemaker', 'resource-agents', 'haproxy'] as const

/**
 * Each host that answers for a VIP, by its link-layer address (arping(8)): two who have it both answer. There is no such thing for IPv6
 * that is installed everywhere, where the kernel knows of one neighbour.
 */
const WHO_ANSWERS = raw(
  `
macs() { grep -oiE '([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}' | tr A-F a-f | sort -u; }
who_answers() {
  case $1 in
    *:*) ! ping -c 1 -W 1 "$1" >/dev/null 2>&1 || ip neigh show to "$1" | macs ;;
    *)
      card=$(ip -o -4 route show match "$1" | sed -n '/^default/!s/.* dev \\([^ ]*\\).*/\\1/p' | head -n 1)
      [ -n "$card" ] || return 0
      # From its own address: the holder would ask from the VIP's, which nobody answers to.
      own=$(ip -o -4 addr show dev "$card" | awk '{ sub("/.*", "", $4); print $4 }' | grep -vxF "$1" | head -n 1)
      arping -c 2 -w 1 -I "$card" \${own:+-s "$own"} "$1" 2>/dev/null | macs ;;
  esac
}`.trim(),
)

/** `drilled` is when the last drill was over, in milliseconds as Date.now() has it: a ring that was broken on purpose is not unsteady. */
export const doctorFacts = (config: Config, drilled = 0): Readonly<Record<string, string>> => {
  const steady = drilled > Date.now() - 86_400_000 ? `@${Math.ceil(drilled / 1000)}` : '-1day'
  const [node] = config.nodes as readonly [Node]
  const names = config.nodes.flatMap(({ name, fqdn }) => [name, fqdn])
  return {
    ...keyFacts,
    'doctor.built': sh`[ ! -e ${KEPT} ] || echo yes`,
    'doctor.booted': `date -d "$(systemctl show --property UserspaceTimestamp --value)" +%s 2>/dev/null || :`,
    'doctor.system': 'systemctl is-system-running 2>/dev/null || :',
    'doctor.disks': sh`
      { timeout ${PATIENCE} df -P -k ${DISKS}; echo inodes; timeout ${PATIENCE} df -P -i ${DISKS}; } 2>/dev/null | awk '
        $1 == "inodes" { what = "inodes"; next }
        $2 ~ /^[0-9]+$/ && $2 > 0 && !seen[what $6]++ { print what ? what : "kilobytes", $6, $2, $4 }' || :`,
    'doctor.units': sh`
      for unit in ${DAEMONS}; do
        echo "$unit $(systemctl is-active "$unit" 2>/dev/null || :) $(systemctl is-enabled "$unit" 2>/dev/null || :)"
      done`,
    ...Object.fromEntries(DAEMONS.map((unit) => [`doctor.why.${unit}`, journal(unit)])),
    'doctor.time': byFamily(
      ({ units }) => sh`
        for unit in ${TIME}; do if systemctl is-active --quiet "$unit"; then echo "$unit"; fi; done
        if ${raw(hostKeepsIt(units.chrony))}; then echo "the host of this container"; fi`,
    ).shell,
    'doctor.packages': byFamily(
      (family) => sh`
        ${MANAGERS[family.manager].functions}
        ask ${PACKAGES.flatMap((name) => packageName(family, name).split('|'))} keystone openstack-keystone`,
    ).shell,
    'doctor.half': `if command -v dpkg >/dev/null; then timeout ${PATIENCE} dpkg --audit 2>&1 | sed -n 's/^ \\([^ ]*\\) .*/\\1/p' | head -n 8; fi`,
    'doctor.names': sh`
      for name in ${names}; do
        echo "$name $(timeout 5 getent ahosts "$name" | awk '{ print $1 }' | sort -u | tr '\\n' ' ')"
      done`,
    'doctor.ring.journal': sh`
      timeout ${PATIENCE} journalctl --quiet --identifier corosync --since=${steady} --output cat | awk '
        /Token has not been received|processor failed, forming new/ { token++ }
        /Retransmit List/ { again++ }
        /main process was not scheduled/ { late++ }
        END { print token + 0, again + 0, late + 0 }' || :`,
    'doctor.killed': sh`
      { timeout ${PATIENCE} journalctl --quiet --dmesg --since=-1day --output cat
        timeout ${PATIENCE} journalctl --quiet --since=-1day --output cat _PID=1; } 2>/dev/null |
        grep -E 'Out of memory: Killed process|killed by the OOM killer' | tail -n 3 || :`,
    'doctor.constraints': `timeout ${PATIENCE} cibadmin --query --scope constraints 2>/dev/null | grep -E '<rsc_location [^>]*id="cli-' || :`,
    'doctor.fencings': failedFencings,
    'doctor.macs': `ip -o link | sed -n 's/.*link.ether \\([0-9a-f:]*\\).*/\\1/p'`,
    'doctor.vip.answers': sh`
      ${WHO_ANSWERS}
      command -v arping >/dev/null || exit 0
      for vip in ${vipsOf(config).map(({ address }) => address)}; do echo "$vip" $(who_answers "$vip"); done`,
    'doctor.vip.files': sh`grep -rlswF ${vipsOf(config).flatMap(({ address }) => ['-e', address])} ${NETWORK_FILES} || :`,
    'doctor.haproxy.ours': sh`grep -q '^# Written by quorate' ${CFG} 2>/dev/null && echo yes || :`,
    'doctor.haproxy.cfg': sh`
      [ -e ${CFG} ] && command -v haproxy >/dev/null || exit 0
      new=
      ${unless(haproxyReads(raw(CFG)))}`,
    'doctor.haproxy.current': sh`
      systemctl is-active --quiet haproxy || exit 0
      ${unless(haproxyCurrent(config).check)}`,
    'doctor.haproxy.boot': sh`
      command -v haproxy >/dev/null || exit 0
      ${unless(notAtBoot('haproxy').check)}`,
    'doctor.ports': config.services.map((service) => sh`${unless(portFree(config, node, service).check)}`).join('\n'),
    'doctor.back-ends': sh`
      [ -S ${SOCKET} ] && command -v socat >/dev/null || exit 0
      echo 'show stat -1 4 -1' | socat -t 5 - UNIX-CONNECT:${SOCKET} 2>/dev/null || :`,
    'doctor.certificate': sh`
      [ -e ${BUNDLE} ] && command -v openssl >/dev/null || exit 0
      openssl x509 -noout -enddate -fingerprint -sha256 -in ${BUNDLE} 2>&1 | sed 's/^[^=]*=//'`,
  }
}
