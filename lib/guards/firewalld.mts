/** Ports opened in firewalld by rich rules (firewalld.richlanguage(5)), in the zones where they come in. */
import { raw, type Shell, sh } from '../shell.mts'
import { KEPT } from './file.mts'
import { type Firewall, isSix, type Opening, span } from './opening.mts'

/** What firewalld calls the ports of corosync and pacemaker. Added to a zone it lets everybody in; in a rich rule, the nodes. */
const SERVICE = 'high-availability'

/** `what`: the element that says which ports. */
const rulesOf = ({ from }: Opening, what: string): readonly string[] =>
  from.length === 0
    ? [`rule ${what} accept`]
    : from.map((one) => `rule family="${isSix(one) ? 'ipv6' : 'ipv4'}" source address="${one}" ${what} accept`)

/**
 * The rules that are ours, a line each: zone, tab, rule. They can say nothing of themselves, and an env file may change before they
 * have to go. One that was there before us is not among them.
 */
const recordOf = (own: string) => `${KEPT}/firewalld-${own}`

/**
 * `fw`: asks by D-Bus (firewalld.dbus(5)), since each call of firewall-cmd starts a python, which takes the better part of a second.
 * `strings` reads an answer of busctl(1) and prints its strings, a line each. `now ZONE`, `later ZONE`: the rich rules in force, and those
 * of the next start. `zones WIDE CARD…`: where they come in; a card that is in no zone is in the default one, none stands for all, and
 * who has an address in a zone that has sources comes in there, whatever the card. Such a zone may be one for those that are to stay
 * out: it gets the rules alone that name who may come in.
 */
const FUNCTIONS = raw(
  `
fw() { path=$1 name=$2; shift 2; busctl call org.fedoraproject.FirewallD1 "/org/fedoraproject/FirewallD1$path" "org.fedoraproject.FirewallD1$name" "$@"; }
strings() { awk '{ sub(/^[^"]*"?/, ""); sub(/"$/, ""); gsub(/" "/, "\\n"); gsub(/\\\\"/, "\\""); if ($0 != "") print }'; }
now() { fw '' .zone getRichRules s "$1" 2>/dev/null | strings; }
later() {
  zone_path=$(fw /config .config getZoneByName s "$1" 2>/dev/null | strings)
  [ -z "$zone_path" ] || busctl call org.fedoraproject.FirewallD1 "$zone_path" org.fedoraproject.FirewallD1.config.zone getRichRules | strings
}
# Each active zone, and what it is active for.
active() { fw '' .zone getActiveZones | awk '{ gsub(/"/, ""); at = 3; for (i = 0; i < $2; i++) { zone = $at; kinds = $(at + 1); at += 2
  for (j = 0; j < kinds; j++) { print zone, $at; at += 2 + $(at + 1) } } }'; }
zones() {
  wide=$1
  shift
  {
    for card; do
      zone=$(fw '' .zone getZoneOfInterface s "$card" | strings)
      echo "\${zone:-$default}"
    done
    [ "$#" -gt 0 ] || { echo "$default"; active | sed -n 's/ interfaces$//p'; }
    [ -n "$wide" ] || active | sed -n 's/ sources$//p'
  } | sort -u
}
# Whether the service has all these ports: what it has differs from one version to the next.
service_has() {
  for xml in /etc/firewalld/services/${SERVICE}.xml /usr/lib/firewalld/services/${SERVICE}.xml; do
    [ -e "$xml" ] || continue
    awk -v first="$1" -v last="$2" -v protocol="$3" '
      { while (match($0, /<port [^>]*>/)) {
          one = substr($0, RSTART, RLENGTH)
          $0 = substr($0, RSTART + RLENGTH)
          if (index(one, "\\"" protocol "\\"") == 0) continue
          sub(/.*port="/, "", one)
          sub(/".*/, "", one)
          if (split(one, ends, "-") == 1) ends[2] = ends[1]
          for (port = ends[1] + 0; port <= ends[2] + 0; port++) has[port] = 1
      } }
      END { for (port = first + 0; port <= last + 0; port++) if (!(port in has)) exit 1 }' "$xml"
    return
  done
  return 1
}
each() { while read -r zone; do for rule; do printf '%s\\t%s\\n' "$zone" "$rule"; done; done; }
# Of lines with zone and rule on standard input those that are there: now, or later.
there() { how=$1; sort -u | while IFS= read -r line; do
  zone=\${line%%"$(printf '\\t')"*}
  [ "$zone" = "\${listed:-}" ] || { listing=$("$how" "$zone"); listed=$zone; }
  printf '%s\\n' "$listing" | grep -qxF "\${line#*"$(printf '\\t')"}" && printf '%s\\n' "$line" || :
done; }
# What is admitted in any zone, as nft would say it: ports, services by their files, and those of rich rules.
named_there() {
  firewall-cmd --list-all-zones | awk -F '"' '
    { split($1, word, " ") }
    word[1] == "ports:" { many = split($0, all, " "); for (i = 2; i <= many; i++) { split(all[i], port, "/"); print port[2] " dport " port[1] " accept" } }
    word[1] == "services:" { many = split($0, all, " "); for (i = 2; i <= many; i++) print "service " all[i] }
    word[1] == "rule" && / accept$/ { for (i = 1; i < NF; i++) {
      if ($i ~ / service name=$/) print "service " $(i + 1)
      if ($i ~ / port port=$/) print $(i + 3) " dport " $(i + 1) " accept"
    } }' | sort -u | while read -r what rest; do
    if [ "$what" != service ]; then echo "$what $rest"; continue; fi
    for xml in "/etc/firewalld/services/$rest.xml" "/usr/lib/firewalld/services/$rest.xml"; do
      [ -e "$xml" ] || continue
      awk -F '"' '/<port / { for (i = 1; i < NF; i += 2) is[$i ~ /port=$/ ? "port" : "protocol"] = $(i + 1); print is["protocol"] " dport " is["port"] " accept" }' "$xml"
      break
    done
  done
}
shown() { awk -F '\\t' -v what="$1" '{ print what " in zone " $1 ": " $2 }'; }
without() { grep -vxFf "$1" || :; }
# What is to be changed, one zone after the other: firewall-cmd's option, when, and the file of lines.
tell() {
  option=$1 when=$2 file=$3
  cut -f 1 "$file" | sort -u | while IFS= read -r zone; do
    awk -F '\\t' -v zone="$zone" '$1 == zone { print $2 }' "$file" >"$scratch/rules"
    set --
    while IFS= read -r rule; do set -- "$@" "$option=$rule"; done <"$scratch/rules"
    case $when in
      now) firewall-cmd --quiet --zone="$zone" "$@" ;;
      later) firewall-cmd --quiet --permanent --zone="$zone" "$@" ;;
      offline) firewall-offline-cmd --quiet --zone="$zone" "$@" ;;
    esac
  done
}`.trim(),
)

/** Shell text that leaves zone and rule of each opening in "$scratch/wanted", and of what is ours in "$scratch/ours". */
const wanted = (own: string, openings: readonly Opening[]): Shell =>
  raw(
    [
      sh`
        default=$(fw '' '' getDefaultZone | strings)
        [ -n "$default" ] || { echo "firewalld does not answer on D-Bus" >&2; exit 2; }
        : >"$scratch/wanted"`,
      ...openings.map((opening) => {
        const { protocol, ports, from, on = [] } = opening
        const port = rulesOf(opening, `port port="${span(ports, '-')}" protocol="${protocol}"`)
        const named =
          from.length > 0 && protocol === 'udp'
            ? sh`if service_has ${ports[0]} ${ports[1]} ${protocol}; then set -- ${rulesOf(opening, `service name="${SERVICE}"`)}; else set -- ${port}; fi`
            : sh`set -- ${port}`
        return sh`
          ${raw(named)}
          zones ${from.length === 0 ? 'wide' : ''} ${on} | each "$@" >>"$scratch/wanted"`
      }),
      sh`cat ${recordOf(own)} 2>/dev/null >"$scratch/ours" || :`,
    ].join('\n'),
  )

const KEEP = (own: string): Shell =>
  raw(sh`
    sort -u "$scratch/record" >${`${recordOf(own)}.new`}
    sync -f ${`${recordOf(own)}.new`} 2>/dev/null || sync
    mv -f ${`${recordOf(own)}.new`} ${recordOf(own)}`)

export const firewalld: Firewall = {
  functions: FUNCTIONS,
  lacks: (own, openings) => sh`
    ${wanted(own, openings)}
    for how in now later; do
      there "$how" <"$scratch/wanted" >"$scratch/there"
      without "$scratch/there" <"$scratch/wanted" | shown "firewalld lacks ($how)"
      without "$scratch/wanted" <"$scratch/ours" | there "$how" | shown "firewalld has of ours ($how), and need not,"
    done`,
  // It is on record before it is there, so that a run that was cut off leaves none that nobody knows.
  open: (own, openings) => sh`
    ${wanted(own, openings)}
    mkdir -p ${KEPT}
    chmod 0700 ${KEPT}
    there later <"$scratch/wanted" >"$scratch/later"
    there now <"$scratch/wanted" >"$scratch/now"
    { cat "$scratch/ours"; cat "$scratch/now" "$scratch/later" >"$scratch/there"; without "$scratch/there" <"$scratch/wanted"; } >"$scratch/record"
    ${KEEP(own)}
    for how in now later; do
      without "$scratch/$how" <"$scratch/wanted" >"$scratch/lacks"
      tell --add-rich-rule "$how" "$scratch/lacks"
      without "$scratch/wanted" <"$scratch/ours" | there "$how" >"$scratch/more"
      tell --remove-rich-rule "$how" "$scratch/more"
    done
    cp "$scratch/record" "$scratch/all"
    without "$scratch/wanted" <"$scratch/all" >"$scratch/gone"
    without "$scratch/gone" <"$scratch/all" >"$scratch/record"
    ${KEEP(own)}`,
  has: (own) => sh`[ ! -s ${recordOf(own)} ] || shown 'firewalld has' <${recordOf(own)}`,
  close: (own) => sh`
    if [ -s ${recordOf(own)} ]; then
      cp ${recordOf(own)} "$scratch/ours"
      if systemctl is-active --quiet firewalld; then
        for how in now later; do
          there "$how" <"$scratch/ours" >"$scratch/more"
          tell --remove-rich-rule "$how" "$scratch/more"
        done
      elif command -v firewall-offline-cmd >/dev/null; then
        tell --remove-rich-rule offline "$scratch/ours"
      fi
    fi
    rm -f ${recordOf(own)}`,
}
