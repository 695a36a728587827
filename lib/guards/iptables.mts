/** Ports opened by iptables(8): in what is loaded, and in the files that iptables-services or netfilter-persistent load at the next boot. */
import { raw, type Shell, sh } from '../shell.mts'
import { GIVE_UP, replace } from './file.mts'
import { anyMark, type Firewall, isSix, markOf, type Opening, span } from './opening.mts'

const FAMILIES = ['ip', 'ip6'] as const
type Family = (typeof FAMILIES)[number]

/** The matches, in the words in which iptables-save repeats them. */
const rulesOf = (openings: readonly Opening[], family: Family): readonly string[] =>
  openings.flatMap(({ protocol, ports, from }) => {
    const open = `-p ${protocol} -m ${protocol} --dport ${span(ports, ':')}`
    if (from.length === 0) return [open]
    return from
      .filter((one) => isSix(one) === (family === 'ip6'))
      .map((one) => `-s ${one}/${family === 'ip6' ? 128 : 32} ${open}`)
  })

/** Of the RHEL family, and of Debian's iptables-persistent. */
const FILES: Readonly<Record<Family, readonly string[]>> = {
  ip: ['/etc/sysconfig/iptables', '/etc/iptables/rules.v4'],
  ip6: ['/etc/sysconfig/ip6tables', '/etc/iptables/rules.v6'],
}

/**
 * `ipt FAMILY NAME`: the program of that family, `restore` or `save`. `ipt_save FAMILY`: what iptables has in its table "filter".
 * `turns`: of such a text, whether INPUT turns something away, by itself or by a chain that it jumps to, as those of Docker and libvirt
 * do not. `files FAMILY`: those that are there.
 */
const FUNCTIONS = raw(
  `
ipt() { if [ "$1" = ip ]; then echo "iptables-$2"; else echo "ip6tables-$2"; fi; }
ipt_save() {
  case $1 in ip) save=iptables-save ;; ip6) save=ip6tables-save ;; esac
  command -v "$save" >/dev/null || return 0
  # The older kind loads its modules, and makes the table, when it is asked for it.
  case $("$save" --version 2>/dev/null) in *nf_tables*) ;; *) grep -qsx filter "/proc/net/\${1}_tables_names" || return 0 ;; esac
  # A kernel may know no IPv6.
  "$save" -t filter 2>/dev/null || :
}
turns() {
  awk '
    /^[*]/ { table = $1 }
    table != "*filter" { next }
    /^:INPUT DROP/ { turned["INPUT"] = 1 }
    { sub(/^\\[[0-9:]*\\] /, ""); gsub(/"[^"]*"/, "") }
    $1 == "-A" {
      for (i = 3; i < NF; i++) if ($i ~ /^(-j|-g|--jump|--goto)$/) {
        if ($(i + 1) ~ /^(DROP|REJECT|TARPIT)$/) turned[$2] = 1
        else to[$2] = to[$2] " " $(i + 1)
      }
    }
    END {
      for (more = 1; more;) {
        more = 0
        for (chain in to) {
          if (turned[chain]) continue
          many = split(to[chain], jumps, " ")
          for (i = 1; i <= many; i++) if (turned[jumps[i]]) { turned[chain] = 1; more = 1 }
        }
      }
      exit !turned["INPUT"]
    }'
}
files() {
  case $1 in ip) set -- ${FILES.ip.join(' ')} ;; ip6) set -- ${FILES.ip6.join(' ')} ;; esac
  for file; do [ ! -e "$file" ] || readlink -f "$file"; done
}`.trim(),
)

const functionsFor = (own: string, openings: readonly Opening[]): Shell => {
  const all = FAMILIES.map((family) => [family, rulesOf(openings, family)] as const)
  const mark = markOf(
    own,
    all.flatMap(([, rules]) => rules),
  )
  const said = (rule: string) => `INPUT ${rule} -m comment --comment "${mark}" -j ACCEPT`
  return raw(sh`
    ipt_rules() {
      case $1 in
        ${raw(all.map(([family, rules]) => `${family}) ${rules.length === 0 ? ':' : sh`printf '%s\\n' ${rules.map(said)}`} ;;`).join('\n        '))}
      esac
    }
    ${ofText(own)}
    # Of a text like that of iptables-save: whether ours are there as they should be, where it turns anything away.
    right() { [ -z "$2" ] || ! printf '%s\\n' "$2" | turns || [ "$(printf '%s\\n' "$2" | ipt_marks)" = "$(ipt_rules "$1" | sed ${`s/.*/${mark}/`})" ]; }`)
}

const ofText = (own: string): Shell =>
  raw(sh`
    ipt_marks() { sed -n ${`s/^.*-A INPUT .*--comment "\\{0,1\\}\\(${anyMark(own)}\\)"\\{0,1\\} .*$/\\1/p`}; }
    ipt_deletions() { sed -n ${`s/^-A \\(INPUT .*--comment "\\{0,1\\}${anyMark(own)}"\\{0,1\\} .*\\)$/-D \\1/p`}; }
    # In a saved file: without ours, and with those of the file RULES before the first rule of its filter table.
    ipt_edited() {
      awk -v own=${`--comment "?${anyMark(own)}"? `} -v rules="$1" '
        /^[*]/ { table = $1 }
        table == "*filter" && $0 ~ own { next }
        table == "*filter" && !done && (/^-/ || /^\\[[0-9:]*\\] -/ || /^COMMIT/) { while ((getline line <rules) > 0) print "-A " line; done = 1 }
        { print }'
    }`)

/** Shell text that puts "$scratch/saved" in the place of "$file", once the program of the family has read it. */
const WRITTEN = sh`
  new="\${file%/*}/.\${file##*/}.quorate-new"
  cp -p "$file" "$new" || ${GIVE_UP}
  cat "$scratch/saved" >"$new" || ${GIVE_UP}
  "$(ipt "$family" restore)" --test <"$new" || ${GIVE_UP}
  ${raw(replace(raw('"$file"'), 'untouched'))}`

export const iptables: Firewall = {
  functions: FUNCTIONS,
  // A table that nftables.service loads is left to nft.
  lacks: (own, openings) => sh`
    ${functionsFor(own, openings)}
    for family in ip ip6; do
      native "$family" || right "$family" "$(ipt_save "$family")" || { echo "$(ipt "$family" save) has not in INPUT:"; ipt_rules "$family"; }
      for file in $(files "$family"); do
        right "$family" "$(cat "$file")" || echo "$file lacks them for the next boot, or has others of ours"
      done
    done`,
  // Old out and new in at once: what iptables-restore reads up to COMMIT is one transaction.
  open: (own, openings) => sh`
    ${functionsFor(own, openings)}
    for family in ip ip6; do
      saved=$(ipt_save "$family")
      native "$family" || right "$family" "$saved" || {
        echo '*filter'
        printf '%s\\n' "$saved" | ipt_deletions
        ipt_rules "$family" | sed 's/^/-I /'
        echo COMMIT
      } | "$(ipt "$family" restore)" --noflush
      ipt_rules "$family" >"$scratch/rules"
      for file in $(files "$family"); do
        ! right "$family" "$(cat "$file")" || continue
        ipt_edited "$scratch/rules" <"$file" >"$scratch/saved"
        ${raw(WRITTEN)}
      done
    done`,
  has: (own) => sh`
    ${ofText(own)}
    for family in ip ip6; do
      [ -z "$(ipt_save "$family" | ipt_marks)" ] || echo "$(ipt "$family" save) has some"
      for file in $(files "$family"); do [ -z "$(ipt_marks <"$file")" ] || echo "$file has some"; done
    done`,
  close: (own) => sh`
    ${ofText(own)}
    for family in ip ip6; do
      ipt_save "$family" | ipt_deletions >"$scratch/rules"
      [ ! -s "$scratch/rules" ] || { echo '*filter'; cat "$scratch/rules"; echo COMMIT; } | "$(ipt "$family" restore)" --noflush
      for file in $(files "$family"); do
        [ -n "$(ipt_marks <"$file")" ] || continue
        ipt_edited /dev/null <"$file" >"$scratch/saved"
        ${raw(WRITTEN)}
      done
    done`,
}
