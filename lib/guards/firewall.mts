/** Whatever firewall is at work on a node: what it is to admit, that it has nothing of ours, that there is none. */
import type { Config } from '../config.mts'
import type { Guard } from '../guard.mts'
import { raw, type Shell, sh } from '../shell.mts'
import { firewalld } from './firewalld.mts'
import { iptables } from './iptables.mts'
import { nftables } from './nftables.mts'
import { type Firewall, type Opening, ownName, span } from './opening.mts'
import { ufw } from './ufw.mts'

const KINDS: Readonly<Record<string, Firewall>> = { firewalld, ufw, iptables, nftables }

/**
 * Shell function `at_work`: firewalld and ufw each think that they are alone, and their rules are to be seen in nftables or iptables as well;
 * of those two a node may have both, and each looks after its own chains.
 */
const FUNCTIONS = raw(
  [
    ...Object.values(KINDS).map(({ functions }) => functions.shell),
    `at_work() {
  if systemctl is-active --quiet firewalld; then echo firewalld
  elif ufw_on; then echo ufw
  else echo iptables; echo nftables; fi
}`,
  ].join('\n'),
)

/** Shell text for each kind that is at work, one after the other. */
const forEach = (text: (kind: Firewall) => string): Shell =>
  raw(
    [
      'kinds=$(at_work)',
      'case $kinds in *nftables) rulesets ;; esac',
      'for kind in $kinds; do',
      'case $kind in',
      ...Object.entries(KINDS).map(([name, kind]) => `${name})\n${text(kind)} ;;`),
      'esac',
      'done',
    ].join('\n'),
  )

/** What is needed is admitted. A firewall that turns nothing away has nothing to be opened. */
export const opened = ({ clusterName }: Pick<Config, 'clusterName'>, openings: readonly Opening[]): Guard => ({
  title: 'the firewall admits corosync and the APIs',
  check: sh`
    ${FUNCTIONS}
    {
      ${forEach(({ lacks }) => lacks(ownName(clusterName), openings))}
    } >"$scratch/said"
    [ ! -s "$scratch/said" ] || { cat "$scratch/said"; exit 1; }`,
  apply: sh`
    ${FUNCTIONS}
    ${forEach(({ open }) => open(ownName(clusterName), openings))}`,
})

/** No firewall, at work or not, has a rule of this cluster's. */
export const closed = ({ clusterName }: Pick<Config, 'clusterName'>): Guard => ({
  title: 'the firewall has no rules of ours',
  check: sh`
    ${FUNCTIONS}
    {
      ${raw(
        Object.values(KINDS)
          .map(({ has }) => has(ownName(clusterName)))
          .join('\n'),
      )}
    } >"$scratch/said"
    [ ! -s "$scratch/said" ] || { cat "$scratch/said"; exit 1; }`,
  apply: sh`
    ${FUNCTIONS}
    ${raw(
      Object.values(KINDS)
        .map(({ close }) => close(ownName(clusterName)))
        .join('\n'),
    )}`,
})

/** What the distributions call a firewall. */
export const FIREWALL_UNITS = ['firewalld', 'ufw', 'nftables', 'iptables', 'ip6tables', 'netfilter-persistent']

/**
 * FIREWALL=off: as the seed had it, whatever runs is stopped and does not come back. ufw is stopped by systemd, not by itself: what it would
 * forget of its being enabled `make destroy` could not put back.
 */
export const firewallOff = (): Guard => ({
  title: 'no firewall is active',
  check: sh`
    for unit in ${FIREWALL_UNITS}; do
      ! systemctl is-active --quiet "$unit" && ! systemctl is-enabled --quiet "$unit" 2>/dev/null || { echo "$unit is active or enabled"; exit 1; }
    done`,
  apply: sh`
    for unit in ${FIREWALL_UNITS}; do
      systemctl cat "$unit" >/dev/null 2>&1 || continue
      # It leaves its rules when it stops (/etc/default/netfilter-persistent, FLUSH_ON_STOP).
      [ "$unit" != netfilter-persistent ] || ! systemctl is-active --quiet "$unit" || netfilter-persistent flush
      systemctl --quiet disable --now "$unit"
    done`,
})

/**
 * Shell text that prints, of these ports, those that a firewall which turns something away has no rule for that accepts and names them, a
 * line each, like "udp 5405-5406". What it may admit in another way, by a card or an address, it does not see.
 */
export const unnamed = (ports: readonly Pick<Opening, 'protocol' | 'ports'>[]): string => sh`
  ${FUNCTIONS}
  if systemctl is-active --quiet firewalld; then
    # It needs no nft(8) beside it to show what it has.
    named_there >"$scratch/rules"
  else
    rulesets
    # Tables of iptables too: here nobody is to be told what is whose.
    theirs() { :; }
    if [ -n "$now" ]; then printf '%s\\n' "$now" | sed '/^# Warning/d' >"$scratch/rules"; else : >"$scratch/rules"; fi
    { [ -n "$(inputs <"$scratch/rules")" ] || ipt_save ip | turns || ipt_save ip6 | turns; } || exit 0
    { ipt_save ip; ipt_save ip6; } >>"$scratch/rules"
  fi
  awk -v ports=${ports.map((one) => `${one.protocol} ${span(one.ports, '-')}`).join(',')} '
    function add(protocol, text, all, many, i, ends, port) {
      gsub(/[{}]/, "", text)
      many = split(text, all, ",")
      for (i = 1; i <= many; i++) {
        if (split(all[i], ends, /[-:]/) == 1) ends[2] = ends[1]
        if (ends[1] + 0 > 0) for (port = ends[1] + 0; port <= ends[2] + 0; port++) named[protocol " " port] = 1
      }
    }
    !/ accept|-j ACCEPT|jump |goto / { next }
    { protocol = /udp/ ? "udp" : "tcp" }
    match($0, /dports? (\\{[^}]*\\}|[0-9:,-]+)/) { text = substr($0, RSTART, RLENGTH); sub(/^dports? /, "", text); add(protocol, text) }
    END {
      many = split(ports, wanted, ",")
      for (i = 1; i <= many; i++) {
        split(wanted[i], word, " ")
        if (split(word[2], ends, "-") == 1) ends[2] = ends[1]
        for (port = ends[1] + 0; port <= ends[2] + 0; port++) if (!(word[1] " " port in named)) { print wanted[i]; break }
      }
    }' "$scratch/rules"`
