/** The package manager of the Debian family (apt-get(8), dpkg(1)). */
import { raw, sh } from '../shell.mts'
import { KEPT } from './file.mts'
import { BROUGHT, FITS, type Manager, PATIENTLY } from './manager.mts'

/**
 * `patiently` is for apt-get's own wait too, which is within a transaction; and that one covers neither the lock of the package lists
 * nor what dpkg itself takes.
 */
const FUNCTIONS = raw(
  `
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none
locked() { :; }
is_locked() { case $1 in *"Could not get lock"* | *"locked by another process"*) return 0 ;; esac; return 1; }
who() { printf '%s\\n' "$1" | grep -m 1 -e lock; }
${PATIENTLY.shell}
apt() {
  patiently apt-get -q check
  whole apt-get -q -y -o DPkg::Lock::Timeout=10 -o Dpkg::Use-Pty=0 \\
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}
# apt tells the hook what it is about to unpack before it begins (apt.conf(5), Pre-Install-Pkgs).
unpack() {
  mkdir -p ${KEPT}
  chmod 0700 ${KEPT}
  apt -o 'DPkg::Pre-Install-Pkgs::=cat >>${BROUGHT}' --no-install-recommends "$@"
}
bring() { unpack --allow-downgrades install "$@"; }
remove() { apt purge "$@"; }
came() { sed 's|.*/||; s/_.*//' ${BROUGHT} | sort -u; }
there() { case $(dpkg-query -W -f '\${db:Status-Abbrev}' "$1" 2>/dev/null) in ?n* | '') return 1 ;; esac; }
owner() { found=$(dpkg -S "$1" 2>/dev/null) || found=$(dpkg -S "/usr$1" 2>/dev/null) || return 1; echo "\${found%%:*}"; }
gone() { apt-get -s purge "$@" | sed -n 's/^\\(Purg\\|Remv\\) \\([^ ]*\\).*/\\2/p'; }
among() { while read -r name; do case " $1 " in *" $name "*) echo "$name" ;; esac; done; }
can_go() {
  all=$(gone "$@")
  if [ "$(echo "$all" | among "$*")" = "$all" ]; then echo "$*"; return 0; fi
  for package in "$@"; do
    all=$(gone "$package")
    [ "$(echo "$all" | among "$*")" != "$all" ] || echo "$package"
  done
}
ask() { dpkg-query -W -f '\${Package}=\${db:Status-Abbrev}\${Version} ' "$@" 2>/dev/null || :; }
policy() {
  LC_ALL=C apt-cache policy "$1" 2>/dev/null | awk -v pin="\${2-}" -v list="\${3-}" '
    ${FITS.shell.replaceAll('\n', '\n    ')}
    /^  Candidate: [^(]/ { candidate = $2 }
    /^ (\\*\\*\\*|   ) [^ ]/ { version = $1 == "***" ? $2 : $1; order[++count] = version; next }
    version != "" && $1 ~ /^-?[0-9]+$/ && $2 ~ /:/ && !(version in from) {
      sub(/:\\/\\/[^\\/@]*@/, "://", $2)
      from[version] = $2 " " $3
    }
    END {
      for (i = 1; list && i <= count; i++) if (order[i] in from) print order[i]
      if (list) exit
      if (pin == "") best = candidate
      for (i = count; pin != "" && i; i--) if (fits(order[i], pin)) best = order[i]
      if (best == "") exit 1
      print best " from " (best in from ? from[best] : "what is installed")
    }'
}
candidate() { policy "$1" "\${2-}"; }
versions() { policy "$1" "" 1; }
unseen() { false; }
keep() { :; }
# apt-get calls a repository that does not answer a warning.
refresh() { patiently apt-get -q -o APT::Update::Error-Mode=any update; }
half() {
  audit=$(dpkg --audit)
  [ -z "$audit" ] || printf 'dpkg was cut off and has to finish:\\n%s\\n' "$audit"
}
# What lacks a package that was never unpacked (a full disk) cannot be configured: apt-get brings that first.
mend() {
  [ -z "$(dpkg --audit)" ] || patiently dpkg --force-confdef --force-confold --configure -a || unpack --fix-broken install || :
}`.trim(),
)

export const apt: Manager = {
  functions: FUNCTIONS,
  all: sh`dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\\n' | sed -n 's/^\\([^ ]*\\) .i.*/\\1/p' | sort -u`,
  whole: (name) =>
    sh`case $(dpkg-query -W -f '\${db:Status-Abbrev}' ${name} 2>/dev/null) in ?i\\ *) ;; *) false ;; esac`,
  // What apt and dpkg say of failures that are known (apt-get(8), dpkg(1)).
  remedies: [
    [
      /(?:held by process|locked by another process with pid) (\d+(?: \([^)]*\))?)/,
      'another package manager runs there, process $1: let it end (unattended-upgrades takes minutes; ps -f shows what it does), then go on. Never remove the lock',
    ],
    [
      /Could not get lock|locked by another process/,
      'another package manager runs there: let it end, then go on. Never remove the lock',
    ],
    [
      /(?:Temporary failure resolving|Could not resolve) '([^']*)'/,
      'the node does not know the name $1: check its name server (/etc/resolv.conf), or give apt a proxy (apt.conf(5), Acquire::http::Proxy)',
    ],
    [
      /(?:Could not connect to|Unable to connect to|Cannot initiate the connection to) (\S+?):?(?: |$)/m,
      'the node does not reach $1: check its route, firewalls and proxy, or name another mirror in /etc/apt',
    ],
    [
      /NO_PUBKEY ([0-9A-F]+)/,
      'apt does not know the key $1 that signs a repository: name its file as key= in REPOS, or put it in place by hand',
    ],
    [/is not valid yet|Release file .* is expired/, 'the clock of the node is wrong, or its mirror is stale'],
    [
      /The repository '([^']*)' (?:does not have|no longer has)/,
      'there is no such repository: correct $1 in REPOS, or in /etc/apt on the node',
    ],
    [
      /held broken packages/,
      'apt-mark showhold on the node tells what is held; apt-get install tells what that is in the way of',
    ],
    [
      /enough free space in (\S+?)[.]?$/m,
      'make room in $1 on the node (apt-get clean; du -xh / | sort -h | tail), then go on',
    ],
  ],
}
