/** What a bundle takes from a node: bounded, and masked there already, since nobody here knows all secrets of it. */
import { CFG } from '../backend.mts'
import { SOCKET } from '../drain.mts'
import { CIB, UNSECRET_CIB } from '../guards/cib.mts'
import { KEPT, UNSECRET } from '../guards/file.mts'
import { raw, sh } from '../shell.mts'

/** Bytes of a file, and lines of a journal: the last ones. */
const MOST = 300_000
const LINES = 1500

/** Seconds that a question may take. */
const PATIENCE = 20

const journal = (unit: string) => `journalctl --no-pager --quiet --lines ${LINES} --output short-iso --unit ${unit}`

/** Tokens of keystone (fernet), wherever they come by. */
const TOKENS = raw("sed 's/gAAAAA[A-Za-z0-9_=%-]*/********/g'")

/** By the name that the file has in the bundle. Nothing that shows arguments of processes: they may be anybody's secrets. */
const ASKED: Readonly<Record<string, string>> = {
  'corosync.conf': 'cat /etc/corosync/corosync.conf',
  'haproxy.cfg': `cat ${CFG}`,
  'cib.xml': `cibadmin --query || cat ${CIB}`,
  'crm_mon.txt': 'crm_mon --one-shot --inactive --failcounts --operations --fence-history=2',
  'crm_verify.txt': 'crm_verify --live-check --verbose',
  'corosync-cfgtool.txt': 'corosync-cfgtool -s',
  'corosync-quorumtool.txt': 'corosync-quorumtool -s -i',
  'haproxy-stat.csv': `echo 'show stat' | socat -t 5 - UNIX-CONNECT:${SOCKET}`,
  'haproxy-info.txt': `haproxy -v; echo 'show info' | socat -t 5 - UNIX-CONNECT:${SOCKET}`,
  'haproxy-check.txt': `haproxy -c -f ${CFG}`,
  'journal-corosync.txt': journal('corosync'),
  'journal-pacemaker.txt': journal('pacemaker'),
  // What clients asked for may hold their tokens.
  'journal-haproxy.txt': `${journal('haproxy')} | sed 's/[?][^ "]*/?…/g'`,
  'journal-chrony.txt': `${journal('chrony')}; ${journal('chronyd')}`,
  'network.txt': 'ip addr; ip route; ip -6 route; ip neigh; ip -s link',
  'listeners.txt': 'ss -l -t -n -p',
  'hosts.txt': 'cat /etc/hosts',
  'units.txt':
    'for unit in corosync corosync-qdevice pacemaker haproxy keystone apache2 httpd chrony chronyd; do systemctl show --property Id,LoadState,ActiveState,SubState,UnitFileState,ActiveEnterTimestamp,InactiveEnterTimestamp,NRestarts,Result,DropInPaths "$unit"; echo; done; systemctl --no-pager --failed',
  'packages.txt':
    "if command -v dpkg-query >/dev/null; then dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\\n'; dpkg --audit; else rpm -qa | sort; fi",
  'system.txt':
    'cat /etc/os-release; uname -srm; uptime; free -m; df -h; df -i; timedatectl; chronyc -n tracking; chronyc -n sources',
  'kept.txt': `find ${KEPT} -printf '%M %u:%g %s %t %p\\n'`,
}

/** As facts, by `bundle.` and the name. */
export const bundleFacts: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ASKED).map(([name, text]) => [
    `bundle.${name}`,
    sh`
      ${UNSECRET_CIB}
      { timeout ${PATIENCE} sh -c ${`set +e\n${text}`} 2>&1 || :; } | ${UNSECRET} | unsecret | ${TOKENS} | tail -c ${MOST}`,
  ]),
)
