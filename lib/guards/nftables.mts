/** Ports opened in chains of nftables (nft(8)): in what is loaded, and in the file that nftables.service loads at the next boot. */
import { raw, type Shell, sh } from '../shell.mts'
import { GIVE_UP, replace } from './file.mts'
import { anyMark, type Firewall, isSix, markOf, type Opening, span } from './opening.mts'

/** The match and the verdict, for a table of this family: one of a single family knows no addresses of the other. */
const rulesOf = (openings: readonly Opening[], family: Family): readonly string[] =>
  openings.flatMap(({ protocol, ports, from }) => {
    const open = `${protocol} dport ${span(ports, '-')} accept`
    if (from.length === 0) return [open]
    return from
      .filter((one) => family === 'inet' || isSix(one) === (family === 'ip6'))
      .map((one) => `${isSix(one) ? 'ip6' : 'ip'} saddr ${one} ${open}`)
  })
const FAMILIES = ['ip', 'ip6', 'inet'] as const
type Family = (typeof FAMILIES)[number]

/**
 * `rulesets` sets `now`, what is loaded, `conf`, the file that nftables.service loads at the next boot, if it does, and `boot`, what that
 * makes: loaded into an empty network namespace, since nobody else knows what it includes, or whether it flushes what is there.
 *
 * `inputs` reads a ruleset and prints family, table and chain of each base chain of the input hook that turns something away, by
 * itself or by a chain that it jumps to. Tables of iptables are left to it (`theirs`): nft shows them, and warns.
 */
export const RULESETS = raw(
  `
nft_file() {
  file=$(systemctl show --property ExecStart nftables 2>/dev/null | sed -n '1s/.*argv\\[\\]=[^;]* -f \\([^ ;]*\\).*/\\1/p')
  [ -z "$file" ] || [ ! -e "$file" ] || readlink -f "$file"
}
booted() {
  unshare --net sh -c 'nft -f "$1" 2>/dev/null || {
    # A file may name cards, and they have to be there. Not every kernel has dummies.
    for card in /sys/class/net/*; do
      for type in dummy veth bridge; do ip link add "\${card##*/}" type "$type" 2>/dev/null && break; done
    done
    nft -f "$1" 2>/dev/null
  } && nft list ruleset 2>&1' sh "$1" 2>/dev/null
}
rulesets() {
  now='' boot='' conf='' sure=''
  command -v nft >/dev/null || return 0
  # A kernel may have the older iptables alone.
  now=$(nft list ruleset 2>&1) || case $now in *'not supported'*) now='' ;; *) printf '%s\\n' "$now" >&2; exit 2 ;; esac
  conf=$(nft_file)
  if [ -n "$conf" ] && systemctl is-enabled --quiet nftables 2>/dev/null; then
    # Where no namespace can be made, what is in force is taken for what comes.
    if boot=$(booted "$conf"); then sure=1; else boot=$now; fi
  else conf=''; fi
}
# Whether it is nftables.service that loads iptables' own chain of this family: then it is no table of iptables.
native() { [ -n "$sure" ] && printf '%s\\n' "$boot" | awk -v own="$1 filter" '/^table/ { at = $2 " " $3 } at == own && $1 == "chain" && $2 == "INPUT" { found = 1 } END { exit !found }'; }
theirs() {
  for one in ip ip6; do
    if ! native "$one" && ipt_save "$one" | grep -q '^:INPUT'; then printf '%s filter;' "$one"; fi
  done
}
inputs() {
  awk -v theirs="$(theirs)" '
    /^# Warning: table .* managed by iptables-nft/ { theirs = theirs $4 " " $5 ";" ; sub(/,;$/, ";", theirs) }
    /^table/ { table = $2 " " $3 }
    /^\\tchain/ { chain = table " " $2 }
    /^\\t}/ { chain = "" }
    chain == "" { next }
    { gsub(/"[^"]*"/, "") }
    /type filter hook input/ && $0 !~ /^table (arp|bridge|netdev)/ { base[++count] = chain; of[chain] = table }
    /policy drop|[ \\t:](drop|reject)([ ,}]|$)|vmap @/ { turns[chain] = 1 }
    { while (match($0, /(jump|goto) [^ ,}]+/)) { to[chain] = to[chain] " " substr($0, RSTART + 5, RLENGTH - 5); tables[chain] = table; $0 = substr($0, RSTART + RLENGTH) } }
    END {
      for (more = 1; more;) {
        more = 0
        for (chain in to) {
          if (turns[chain]) continue
          many = split(to[chain], next_, " ")
          for (i = 1; i <= many; i++) if (turns[tables[chain] " " next_[i]]) { turns[chain] = 1; more = 1 }
        }
      }
      for (i = 1; i <= count; i++) if (turns[base[i]] && base[i] ~ /^(ip|ip6|inet) / && index(";" theirs, ";" of[base[i]] ";") == 0) print base[i]
    }'
}`.trim(),
)

/**
 * After RULESETS. `marks FAMILY TABLE CHAIN`: those of ours there, a line each. `commands`: of a ruleset on standard input, what brings our
 * rules in. `stripped FILE`: without our block; `block FILE`: that alone. `deletions`: of our rules, but iptables' own.
 */
const functionsFor = (own: string, openings: readonly Opening[]): Shell => {
  const rules = FAMILIES.map((family) => [family, rulesOf(openings, family)] as const)
  const mark = markOf(own, rulesOf(openings, 'inet'))
  return raw(sh`
    rules() {
      case $1 in
        ${raw(rules.map(([family, all]) => `${family}) ${all.length === 0 ? ':' : sh`printf '%s\\n' ${all}`} ;;`).join('\n        '))}
      esac
    }
    marks() { printf '%s\\n' "$now" | awk -v at="$*" -v own=${`comment "${anyMark(own)}"`} '
      /^table/ { table = $2 " " $3 } /^\\tchain/ { chain = table " " $2 }
      chain == at && match($0, own) { print substr($0, RSTART + 9, RLENGTH - 10) }'; }
    wanted() { rules "$1" | sed ${`s/.*/${mark}/`}; }
    commands() {
      inputs | while read -r family table chain; do
        rules "$family" | while read -r rule; do echo "insert rule $family $table $chain $rule comment \\"${raw(mark)}\\""; done
      done
    }
    whole_block() {
      made=$(printf '%s\\n' "$boot" | commands)
      [ -z "$made" ] || printf '%s\\n' ${`# BEGIN ${own}`} "$made" ${`# END ${own}`}
    }
    ${ofFile(own)}`)
}

const ofFile = (own: string): Shell =>
  raw(sh`
    stripped() { awk -v b=${`# BEGIN ${own}`} -v e=${`# END ${own}`} '$0 == b { off = 1 } !off { print } $0 == e { off = 0 }' "$1"; }
    block() { awk -v b=${`# BEGIN ${own}`} -v e=${`# END ${own}`} '$0 == b { on = 1 } on { print } $0 == e { on = 0 }' "$1"; }
    deletions() { nft --handle list ruleset 2>/dev/null | awk -v theirs="$1" -v own=${`comment "${anyMark(own)}"`} '
      /^table/ { table = $2 " " $3 }
      /^\\tchain/ { chain = $2 }
      $0 ~ own && index(";" theirs, ";" table ";") == 0 { print "delete rule " table " " chain " handle " $NF }'; }`)

/** Shell text that puts the file of standard input in the place of "$conf", once nft has read it. */
const WRITTEN = sh`
  new="\${conf%/*}/.\${conf##*/}.quorate-new"
  cp -p "$conf" "$new" || ${GIVE_UP}
  cat >"$new" || ${GIVE_UP}
  booted "$new" >/dev/null || nft --check -f "$new" || ${GIVE_UP}
  ${raw(replace(raw('"$conf"'), 'untouched'))}`

export const nftables: Firewall = {
  functions: RULESETS,
  lacks: (own, openings) => sh`
    ${functionsFor(own, openings)}
    [ -z "$now" ] || printf '%s\\n' "$now" | inputs | while read -r family table chain; do
      [ "$(marks "$family" "$table" "$chain")" = "$(wanted "$family")" ] || { echo "nftables lacks in $family $table $chain:"; rules "$family"; }
    done
    if [ -n "$conf" ] && [ "$(block "$conf")" != "$(whole_block)" ]; then echo "$conf lacks them for the next boot, or has others of ours"; fi`,
  // Old out and new in at once: nft(8) takes a file as one transaction, so the ring is never shut out.
  open: (own, openings) => sh`
    ${functionsFor(own, openings)}
    { deletions "$(theirs)"; printf '%s\\n' "$now" | commands; } >"$scratch/nft"
    [ ! -s "$scratch/nft" ] || nft -f "$scratch/nft"
    if [ -n "$conf" ] && [ "$(block "$conf")" != "$(whole_block)" ]; then
      { stripped "$conf"; whole_block; } >"$scratch/conf"
      { ${raw(WRITTEN)}; } <"$scratch/conf"
    fi`,
  has: (own) => sh`
    ! command -v nft >/dev/null || ! nft list ruleset 2>/dev/null | grep -q ${`comment "${anyMark(own)}"`} || echo "nftables has some"
    file=$(nft_file)
    [ -z "$file" ] || ! grep -qxF ${`# BEGIN ${own}`} "$file" || echo "$file has some"`,
  close: (own) => sh`
    ${ofFile(own)}
    ! command -v nft >/dev/null || deletions '' | nft -f -
    conf=$(nft_file)
    if [ -n "$conf" ] && grep -qxF ${`# BEGIN ${own}`} "$conf"; then
      stripped "$conf" >"$scratch/conf"
      { ${raw(WRITTEN)}; } <"$scratch/conf"
    fi`,
}
