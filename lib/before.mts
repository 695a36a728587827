/** What a node was like before we came: put on record once, for the day when the cluster is taken away again. */
import type { Family } from './family.mts'
import type { Guard } from './guard.mts'
import { KEPT } from './guards/file.mts'
import { MANAGERS } from './guards/package.mts'
import { raw, sh } from './shell.mts'

/**
 * A folder that is there as a whole or not at all: `packages`, `units` (name, enabled, active) and `sysctl`. Where an older version has
 * been at work already it is empty: what was there before that nobody knows.
 */
export const BEFORE = `${KEPT}/before`

/** Units whose state we change, or may change by what we install. */
const UNITS = [
  ...['corosync', 'pacemaker', 'corosync-qdevice', 'corosync-qnetd', 'haproxy', 'chrony', 'chronyd'],
  ...['firewalld', 'ufw', 'nftables', 'iptables', 'ip6tables', 'netfilter-persistent'],
]

export const recorded = ({ manager }: Family): Guard => ({
  title: 'what was there before is on record',
  check: sh`[ -d ${BEFORE} ] || { echo "not yet"; exit 1; }`,
  apply: sh`
    new=${`${BEFORE}.new`}
    rm -rf "$new"
    trap 'rm -rf "$new"' EXIT
    mkdir -p "$new"
    chmod 0700 ${KEPT}
    if [ -d ${KEPT}/original ]; then mv "$new" ${BEFORE}; exit 0; fi
    { ${raw(MANAGERS[manager].all)}; } >"$new/packages"
    for unit in ${UNITS}; do
      systemctl cat "$unit" >/dev/null 2>&1 || continue
      echo "$unit $(systemctl is-enabled "$unit" 2>/dev/null || :) $(systemctl is-active "$unit" || :)"
    done >"$new/units"
    for key in net.ipv4.ip_nonlocal_bind net.ipv6.ip_nonlocal_bind; do
      value=$(sysctl -n "$key" 2>/dev/null) && echo "$key=$value" || :
    done >"$new/sysctl"
    sync -f "$new" 2>/dev/null || sync
    mv "$new" ${BEFORE}`,
})
