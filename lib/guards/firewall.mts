/** Ports opened where a firewall is active: firewalld, ufw or nftables, at once and for the next boot. */
import { createHash } from 'node:crypto'
import type { Config } from '../config.mts'
import type { Guard } from '../guard.mts'
import { raw, sh } from '../shell.mts'
import { replace } from './file.mts'

export interface Opening {
  readonly protocol: 'tcp' | 'udp'
  /** First and last port. */
  readonly ports: readonly [number, number]
  /** Addresses that may come in; empty for all. */
  readonly from: readonly string[]
}

const span = ([first, last]: Opening['ports'], between: string) =>
  first === last ? String(first) : `${first}${between}${last}`
const six = (address: string) => address.includes(':')

/** nft(8): the match and the verdict. */
const nftRules = (openings: readonly Opening[]): readonly string[] =>
  openings.flatMap(({ protocol, ports, from }) => {
    const open = `${protocol} dport ${span(ports, '-')} accept`
    return from.length === 0 ? [open] : from.map((one) => `${six(one) ? 'ip6' : 'ip'} saddr ${one} ${open}`)
  })

/** firewall-cmd(1), rich rules: they can name who may come in. */
export const richRules = (openings: readonly Opening[]): readonly string[] =>
  openings.flatMap(({ protocol, ports, from }) => {
    const open = `port port="${span(ports, '-')}" protocol="${protocol}" accept`
    if (from.length === 0) return [`rule ${open}`]
    return from.map((one) => `rule family="${six(one) ? 'ipv6' : 'ipv4'}" source address="${one}" ${open}`)
  })

/** ufw(8): the arguments of `ufw allow`, in the words in which `ufw show added` repeats them. */
const ufwRules = (openings: readonly Opening[]): readonly string[] =>
  openings.flatMap(({ protocol, ports, from }) =>
    from.length === 0
      ? [`${span(ports, ':')}/${protocol}`]
      : from.map((one) => `from ${one} to any port ${span(ports, ':')} proto ${protocol}`),
  )

/** Shell text: `kind` is the firewall that is active here, or empty. */
const KIND = raw(
  `
kind=
if systemctl is-active --quiet firewalld; then kind=firewalld
elif command -v ufw >/dev/null && ufw status 2>/dev/null | grep -q '^Status: active'; then kind=ufw
elif command -v nft >/dev/null && nft list ruleset 2>/dev/null | grep -q 'hook input'; then kind=nftables
fi
# Base chains of the input hook that turn something away: family, table and chain.
chains() {
  nft list ruleset | awk '
    /^table/ { table = $2 " " $3 }
    /^\\tchain/ { chain = $2; input = 0; told = 0 }
    /type filter hook input/ { input = 1 }
    input && !told && /policy drop|[ \\t](drop|reject)( |$)/ { print table, chain; told = 1 }'
}`.trim(),
)

/** What is needed is admitted. Without an active firewall there is nothing to open. */
export function opened({ clusterName }: Pick<Config, 'clusterName'>, openings: readonly Opening[]): Guard {
  const nft = nftRules(openings)
  // Of an arbiter several clusters may have rules.
  const own = `quorate-${clusterName}`
  const mark = `${own}-${createHash('sha256').update(nft.join('\n')).digest('hex').slice(0, 8)}`
  const rich = richRules(openings)
  const ufw = ufwRules(openings)
  return {
    title: 'the firewall admits corosync and the APIs',
    check: sh`
      ${KIND}
      case $kind in
        firewalld)
          # Each call of firewall-cmd starts a python: one for what is in force, one for what comes at the next start.
          now=$(firewall-cmd --list-rich-rules)
          later=$(firewall-cmd --permanent --list-rich-rules)
          for rule in ${rich}; do
            printf '%s\\n' "$now" | grep -qxF "$rule" && printf '%s\\n' "$later" | grep -qxF "$rule" ||
              { echo "firewalld lacks: $rule"; exit 1; }
          done ;;
        ufw)
          for rule in ${ufw}; do
            ufw show added | grep -qF "ufw allow $rule comment "${`'${own}'`} || { echo "ufw lacks: allow $rule"; exit 1; }
          done ;;
        nftables)
          chains | while read -r family table chain; do
            count=$(nft list chain "$family" "$table" "$chain" | grep -c ${`comment "${mark}"`} || :)
            [ "$count" -eq ${nft.length} ] || { printf '%s\\n' "nftables lacks in $family $table $chain:" ${nft}; exit 1; }
          done
          # The file is what the next boot loads; where no chain turns anything away it needs nothing of ours.
          conf=/etc/nftables.conf
          [ -z "$(chains)" ] || [ ! -e "$conf" ] || grep -qF ${`comment "${mark}"`} "$conf" ||
            { echo "$conf lacks them for the next boot"; exit 1; } ;;
      esac`,
    apply: sh`
      ${KIND}
      case $kind in
        firewalld)
          firewall-cmd --quiet --permanent ${rich.map((rule) => `--add-rich-rule=${rule}`)}
          firewall-cmd --quiet ${rich.map((rule) => `--add-rich-rule=${rule}`)} ;;
        ufw)
          for rule in ${ufw}; do ufw allow $rule comment ${own}; done ;;
        nftables)
          lines=$scratch/lines old=$scratch/old
          : >"$lines"
          : >"$old"
          chains | while read -r family table chain; do
            nft --handle list chain "$family" "$table" "$chain" | sed -n ${`s/.*comment "${own}-[0-9a-f]*" # handle \\([0-9]*\\)$/\\1/p`} |
              while read -r handle; do echo "delete rule $family $table $chain handle $handle"; done >>"$old"
            for rule in ${nft}; do
              echo "insert rule $family $table $chain $rule comment \\"${raw(mark)}\\"" >>"$lines"
            done
          done
          # Old out and new in at once: nft(8) takes a file as one transaction, so the ring is never shut out.
          cat "$old" "$lines" | nft -f -
          # At the next boot nftables.service loads this file; what is in it stays as it is.
          conf=/etc/nftables.conf
          if [ -e "$conf" ]; then
            new=$conf.quorate-new
            cp -p "$conf" "$new"
            { awk -v b=${`# BEGIN ${own}`} -v e=${`# END ${own}`} '$0 == b { off = 1 } !off { print } $0 == e { off = 0 }' "$conf"
              echo ${`# BEGIN ${own}`}; cat "$lines"; echo ${`# END ${own}`}; } >"$new"
            nft --check -f "$new"
            ${raw(replace('/etc/nftables.conf'))}
          fi ;;
      esac`,
  }
}

/** FIREWALL=off: as the seed had it, whatever runs is stopped and does not come back. */
export const firewallOff = (): Guard => ({
  title: 'no firewall is active',
  check: sh`
    for unit in firewalld ufw nftables iptables; do
      ! systemctl is-active --quiet "$unit" && ! systemctl is-enabled --quiet "$unit" 2>/dev/null || { echo "$unit is active or enabled"; exit 1; }
    done`,
  apply: sh`
    for unit in firewalld ufw nftables iptables; do
      systemctl cat "$unit" >/dev/null 2>&1 || continue
      [ "$unit" != ufw ] || ufw --force disable
      systemctl --quiet disable --now "$unit"
    done`,
})

/** SELinux, where there is one (selinux(8)); a node without it has nothing to do here. */
export function selinux(mode: 'keep' | 'permissive' | 'disabled'): Guard {
  const conf = '/etc/selinux/config'
  if (mode === 'keep')
    return {
      title: 'SELinux lets HAProxy bind and connect',
      check: sh`
        command -v getenforce >/dev/null && [ "$(getenforce)" = Enforcing ] || exit 0
        getsebool haproxy_connect_any | grep -q 'on$' || { echo "haproxy_connect_any is off"; exit 1; }`,
      apply: 'setsebool -P haproxy_connect_any 1',
    }
  return {
    title: `SELinux is ${mode}`,
    check: sh`
      [ -e ${conf} ] || exit 0
      grep -qx ${`SELINUX=${mode}`} ${conf} || { grep '^SELINUX=' ${conf}; exit 1; }
      [ "$(getenforce)" != Enforcing ] || { echo "it is enforcing now"; exit 1; }`,
    apply: sh`
      new=${`${conf}.quorate-new`}
      cp -p ${conf} "$new"
      sed ${`s/^SELINUX=.*/SELINUX=${mode}/`} ${conf} >"$new"
      ${raw(replace(conf))}
      [ "$(getenforce)" != Enforcing ] || setenforce 0`,
  }
}
