/** The package manager of the RHEL-like: dnf, which yum of RHEL 8 is too (dnf(8), dnf5(8)). */
import { raw } from '../shell.mts'
import type { Manager } from './manager.mts'
import { ALL, REMEDIES, RPM, WHOLE_HERE } from './rpm.mts'

/**
 * Signatures are looked at whatever a file says of its repository. dnf5 ends a format without a new line. Modules and priorities are
 * dnf's business: what it lists as available is what it would take. Only what it has fetched before is asked (-C): a look fetches
 * nothing.
 */
const FUNCTIONS = raw(
  `
REPOSITORIES=/etc/yum.repos.d
${RPM.shell}
dnf_() { dnf -q -y --setopt=exit_on_lock=True --setopt=gpgcheck=1 --setopt='*.gpgcheck=1' --setopt=localpkg_gpgcheck=1 "$@"; }
is_locked() {
  case $1 in
    *"lock on "*"Resource temporarily unavailable"* | *"transaction lock"* | *"already locked by"* | *"Failed to obtain"*lock* | \\
      *"holding the"*lock* | *"Waiting for process with pid"* | *"waiting for process with pid"*) return 0 ;;
  esac
  return 1
}
query() {
  arch=$(rpm -E '%{_arch}')
  dnf -q -C repoquery --available --arch "$arch,noarch" --qf '%{name} %{evr} %{repoid}\\n' "$@" 2>"$scratch/query" |
    awk 'NF == 3' | sort -u | sort -k 1,1 -k 2,2Vr
}
# A repository that does not answer is left out in silence where its file says so: it is named, and the others are asked all the same.
refresh() {
  only=
  for id in "$@"; do only="\${only:---disablerepo=*} --enablerepo=$id"; done
  set -f
  patiently dnf_ $only --setopt='*.skip_if_unavailable=False' makecache --refresh && { set +f; return 0; } || status=$?
  set +f
  [ -n "$only" ] || patiently dnf_ makecache || :
  return "$status"
}
add() {
  words=
  for word in "$@"; do case $word in *=*) word=\${word%%=*}-\${word#*=} ;; esac; words="$words $word"; done
  patiently dnf_ --setopt=install_weak_deps=False --allowerasing install $words
}
again() { patiently dnf_ reinstall "$1"; }`.trim(),
)

export const dnf: Manager = {
  functions: FUNCTIONS,
  all: ALL,
  whole: WHOLE_HERE,
  remedies: [
    ...REMEDIES,
    [
      /already locked by (\d+)/,
      'another package manager runs there, process $1: let it end (ps -f shows what it does), then go on. Never remove the lock',
    ],
    [
      /Failed to download metadata for repo '([^']*)'|Errors during downloading metadata for repository '([^']*)'/,
      'the repository $1 does not answer: check its address in /etc/yum.repos.d or in REPOS, and route, firewalls and proxy of the node',
    ],
    [
      /Package (\S+) is not signed|GPG check FAILED/,
      'a package has no signature, or one of a key that the node does not trust: name the key of its repository as key= in REPOS; a repository without signatures is not used',
    ],
    [
      /Public key for (\S+) is not installed/,
      'the node does not know the key that signs $1: name its file as key= in REPOS',
    ],
  ],
}
