/** What a node was like before we came: put on record once, for the day when the cluster is taken away again. */
import type { Guard } from './guard.mts'
import { KEPT } from './guards/file.mts'
import { raw, sh } from './shell.mts'

/** A folder that is there as a whole or not at all: `packages`, `units` (name, enabled, active), `sysctl`, and `ssh-key` if root had one. */
export const BEFORE = `${KEPT}/before`

/** Units whose state we change, or may change by what we install. */
const UNITS = [
  ...['corosync', 'pacemaker', 'corosync-qdevice', 'corosync-qnetd', 'haproxy', 'chrony'],
  ...['firewalld', 'ufw', 'nftables', 'iptables'],
]

export const recorded = (): Guard => ({
  title: 'what was there before is on record',
  check: sh`[ -d ${BEFORE} ] || { echo "not yet"; exit 1; }`,
  apply: sh`
    new=${`${BEFORE}.new`}
    rm -rf "$new"
    mkdir -p "$new"
    chmod 0700 ${KEPT}
    dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\\n' | sed -n 's/^\\([^ ]*\\) .i.*/\\1/p' | sort -u >"$new/packages"
    for unit in ${UNITS}; do
      systemctl cat "$unit" >/dev/null 2>&1 || continue
      echo "$unit $(systemctl is-enabled "$unit" 2>/dev/null || :) $(systemctl is-active "$unit" || :)"
    done >"$new/units"
    for key in net.ipv4.ip_nonlocal_bind net.ipv6.ip_nonlocal_bind; do
      value=$(sysctl -n "$key" 2>/dev/null) && echo "$key=$value" || :
    done >"$new/sysctl"
    for key in /root/.ssh/id_*; do
      case $key in *.pub | *'*'*) ;; *) : >"$new/ssh-key" ;; esac
    done
    sync -f "$new" 2>/dev/null || sync
    mv "$new" ${BEFORE}`,
})

/** Shell function `was UNIT WHAT`: how it was before, `enabled` or `active`; nothing where it was not there, or nobody knows. */
export const WAS = raw(
  `
was() {
  case $2 in enabled) column=2 ;; *) column=3 ;; esac
  awk -v unit="$1" -v column="$column" '$1 == unit { print $column }' ${BEFORE}/units 2>/dev/null || :
}`.trim(),
)
