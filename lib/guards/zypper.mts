/** The package manager of SUSE (zypper(8)). */
import { raw } from '../shell.mts'
import type { Manager } from './manager.mts'
import { ALL, REMEDIES, RPM, WHOLE_HERE } from './rpm.mts'

/** It answers its own questions with what is safe, so that a signature which is missing or wrong ends it (--non-interactive). */
const FUNCTIONS = raw(
  `
REPOSITORIES=/etc/zypp/repos.d
${RPM.shell}
is_locked() {
  case $1 in *"System management is locked"* | *"lock on "*"Resource temporarily unavailable"* | *"transaction lock"*) return 0 ;; esac
  return 1
}
query() {
  zypper --non-interactive --no-refresh --xmlout search --details --match-exact --type package "$@" 2>"$scratch/query" </dev/null |
    sed -n 's/.*<solvable .*\\bname="\\([^"]*\\)".* edition="\\([^"]*\\)".* arch="\\([^"]*\\)".* repository="\\([^"]*\\)".*/\\1 \\2 \\4/p' |
    sed -e '/ (System Packages)$/d' -e 's/ /\\t/' -e 's/ /\\t/' -e 's/ /_/g' -e 's/\\t/ /g' | sort -u | sort -k 1,1 -k 2,2Vr
}
# It calls a repository that does not answer a warning, and ends well.
refresh() {
  patiently zypper --non-interactive refresh "$@" || return 4
  case $said in *'Skipping repository'* | *'Could not refresh'*) printf '%s\\n' "$said"; return 4 ;; esac
}
add() { patiently zypper --non-interactive install --no-recommends --oldpackage --auto-agree-with-licenses "$@"; }
again() { patiently zypper --non-interactive install --force --no-recommends "$1"; }`.trim(),
)

export const zypper: Manager = {
  functions: FUNCTIONS,
  all: ALL,
  whole: WHOLE_HERE,
  remedies: [
    ...REMEDIES,
    [
      /locked by the application with pid (\d+ \([^)]*\))/,
      'another package manager runs there, process $1: let it end (ps -f shows what it does), then go on. Never remove the lock',
    ],
    [
      /is not signed!|File is unsigned|Signature verification failed|public key is not available/,
      'a package has no signature, or one of a key that the node does not trust: name the key of its repository as key= in REPOS; a repository without signatures is not used',
    ],
    [
      /Skipping repository '([^']*)'|Repository '([^']*)' is invalid/,
      'the repository $1 does not answer, or is none: check its address in /etc/zypp/repos.d or in REPOS, and route, firewalls and proxy of the node',
    ],
  ],
}
