/** Ports opened in ufw (ufw(8)), which keeps its rules for the next boot by itself. */
import { raw, sh } from '../shell.mts'
import { type Firewall, type Opening, pattern, span } from './opening.mts'

/** The arguments of `ufw allow`, in the words in which `ufw show added` repeats them. */
const rules = (openings: readonly Opening[]): readonly string[] =>
  openings.flatMap(({ protocol, ports, from }) =>
    from.length === 0
      ? [`${span(ports, ':')}/${protocol}`]
      : from.map((one) => `from ${one} to any port ${span(ports, ':')} proto ${protocol}`),
  )

/**
 * `ufw_on`: it is at work; asking ufw itself would start a python. `ufw_lacks` sets `lacks` to the rules of the arguments that are
 * not there, and `more` to ours that are none of them. Who had a rule before us keeps it: `ufw allow` with another comment would
 * make it ours, and `make destroy` take it away.
 */
const FUNCTIONS = raw(
  `
ufw_on() { grep -qsx 'ENABLED=yes' /etc/ufw/ufw.conf && systemctl is-active --quiet ufw; }
ufw_lacks() {
  own=$1
  shift
  added=$(ufw show added | sed -n 's/^ufw allow //p')
  lacks=$(for rule; do
    printf '%s\\n' "$added" | sed "s/ comment '.*'\\$//" | grep -qxF "$rule" || printf '%s\\n' "$rule"
  done)
  more=$(printf '%s\\n' "$added" | sed -n "s/ comment '$own'\\$//p" | while IFS= read -r have; do
    for rule; do [ "$rule" != "$have" ] || continue 2; done
    printf '%s\\n' "$have"
  done)
}`.trim(),
)

export const ufw: Firewall = {
  functions: FUNCTIONS,
  lacks: (own, openings) => sh`
    ufw_lacks ${pattern(own)} ${rules(openings)}
    [ -z "$lacks" ] || printf '%s\\n' "$lacks" | sed 's/^/ufw lacks: allow /'
    [ -z "$more" ] || printf '%s\\n' "$more" | sed 's/^/ufw has of ours, and need not: allow /'`,
  // An operator's denial of an address goes before what all may have, and not before what the nodes need of one another.
  open: (own, openings) => sh`
    ufw_lacks ${pattern(own)} ${rules(openings)}
    printf '%s\\n' "$lacks" | while read -r rule; do
      case $rule in '') ;; from*) ufw prepend allow $rule comment ${own} </dev/null ;; *) ufw allow $rule comment ${own} </dev/null ;; esac
    done
    printf '%s\\n' "$more" | while read -r rule; do [ -z "$rule" ] || ufw delete allow $rule </dev/null; done`,
  // Its files have comments in hexadecimal.
  has: (own) =>
    sh`! grep -qs ${`comment=${Buffer.from(own).toString('hex')}$`} /etc/ufw/user.rules /etc/ufw/user6.rules || echo "ufw has some"`,
  close: (own) => sh`
    if command -v ufw >/dev/null; then
      # Neither can it change what it would load then.
      ! grep -qsx 'ENABLED=yes' /etc/ufw/ufw.conf || ufw_on || { echo 'ufw is enabled, and its unit stopped: start the one, or ufw disable, and go on'; exit 1; }
      ufw_lacks ${pattern(own)}
      printf '%s\\n' "$more" | while read -r rule; do [ -z "$rule" ] || ufw delete allow $rule </dev/null; done
    fi`,
}
