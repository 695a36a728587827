/** What dnf and zypper have in common: the database of rpm, its lock, and what the repositories were last seen to offer. */
import type { Remedies } from '../guard.mts'
import { raw, sh } from '../shell.mts'
import { KEPT } from './file.mts'
import { BROUGHT, FITS, PATIENTLY } from './manager.mts'

/** What the repositories offered when they were last asked: the names that were asked for, then `name version repository`, newest first. */
const OFFERS = `${KEPT}/offers`
/** The packages that there were when an installation of ours began. It is gone when that is over. */
const BRINGING = `${KEPT}/bringing`
/** Newer than the database of rpm when that was last seen to be whole. */
const WHOLE = `${KEPT}/whole`

/** Of these several versions are installed side by side, as they are meant to be (dnf.conf(5), installonlypkgs). */
const SIDE_BY_SIDE = '^(kernel|kmod|gpg-pubkey|installonly)'

/**
 * Needs `query NAME…`, which prints `name version repository`, newest first. A manager takes a second to start: what it has said is on
 * record until a file of a repository changes. rpm itself would wait for the lock of another transaction in silence, so who has it open is
 * looked for first (rpmtxnBegin of rpm). Of files that are missing only whether they are there is looked at, and neither
 * documentation, which may be left out on purpose, nor what an administrator may take away.
 */
export const RPM = raw(
  `
export LC_ALL=C ZYPP_LOCK_TIMEOUT=0
db=$(rpm -E '%{_dbpath}')
command_of() { tr '\\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | cut -c 1-60; }
# The folder's name may be a link: what a process has open is named by its real place.
locked() {
  file=$(readlink -f "$db/.rpm.lock" 2>/dev/null) || return 0
  found=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "$file" -print -quit 2>/dev/null) || :
  [ -n "$found" ] || return 0
  pid=\${found#/proc/} pid=\${pid%%/*}
  echo "$file is held by process $pid ($(command_of "$pid"))"
}
who() {
  pid=$(printf '%s\\n' "$1" | sed -n 's/.*\\(pid \\|PID \\|locked by \\|process \\)\\([0-9][0-9]*\\).*/\\2/p' | head -n 1)
  if [ -n "$pid" ]; then echo "process $pid ($(command_of "$pid"))"; else printf '%s\\n' "$1" | grep -i -m 1 -e lock; fi
}
${PATIENTLY.shell}
ask() { rpm -q --qf '=%{NAME}=ii %{EVR} \\n' "$@" 2>/dev/null | sed -n 's/^=//p' | tr -d '\\n'; }
covers() { for each in $names; do case "$(head -n 1 "$1") " in *" $each "*) ;; *) return 1 ;; esac; done; }
recorded() { [ -e ${OFFERS} ] && covers ${OFFERS} && [ -z "$(find $REPOSITORIES -newer ${OFFERS} 2>/dev/null)" ]; }
unseen() { ! recorded; }
listed() { { echo "asked: $names "; query $names; } >"$1"; }
offers() {
  if recorded; then cat ${OFFERS}; return 0; fi
  { [ -e "$scratch/offers" ] && covers "$scratch/offers"; } || listed "$scratch/offers"
  cat "$scratch/offers"
}
keep() {
  mkdir -p ${KEPT}
  chmod 0700 ${KEPT}
  rm -f "$scratch/offers"
  # Also what other guards have asked for before.
  names=$(printf '%s\\n' $names $([ ! -e ${OFFERS} ] || sed -n '1s/^asked: //p' ${OFFERS}) | sort -u | tr '\\n' ' ')
  listed ${OFFERS}.new
  mv ${OFFERS}.new ${OFFERS}
}
candidate() {
  offers | awk -v name="$1" -v pin="\${2-}" '
    ${FITS.shell.replaceAll('\n', '\n    ')}
    NR > 1 && $1 == name && fits($2, pin) { print $2 " from " $3; found = 1; exit }
    END { exit !found }'
}
versions() { offers | awk -v name="$1" 'NR > 1 && $1 == name { print $2 }'; }
twice() { rpm -qa --qf '%{NAME}.%{ARCH}\\n' | grep -vE '${SIDE_BY_SIDE}' | sort | uniq -d; }
missing_files() {
  rpm -V --nodeps --nodigest --nosignature --nofiledigest --nosize --nomode --nouser --nogroup --nolinkto --nordev --nomtime \\
    --noscripts "$@" 2>/dev/null | sed -n 's|^missing  *\\(/.*\\)|\\1|p' || :
}
# All is looked at again only where the database has changed since it was seen to be whole.
half() {
  if [ -e ${BRINGING} ]; then echo "an installation was cut off and has to finish"; return 0; fi
  [ ! -e ${WHOLE} ] || [ -n "$(find "$db" -maxdepth 1 -type f ! -name '*.lock' ! -name '*-shm' -newer ${WHOLE} 2>/dev/null)" ] || return 0
  two=$(twice)
  [ -z "$two" ] || printf 'a transaction was cut off, of these there are two versions:\\n%s\\n' "$two"
  have_now=$(ask "$@" | sed 's/=ii [^ ]* /\\n/g')
  lost=$([ -z "$have_now" ] || missing_files $have_now)
  [ -z "$lost" ] || printf 'a transaction was cut off, these files of its packages are missing:\\n%s\\n' "$lost" | head -n 6
}
noted() {
  [ -e ${BRINGING} ] || return 0
  rpm -qa --qf '%{NAME}\\n' | sort -u | comm -13 ${BRINGING} - >>${BROUGHT}
  rm -f ${BRINGING}
}
kept() { mkdir -p ${KEPT}; chmod 0700 ${KEPT}; }
seen_whole() { kept; : >${WHOLE}; }
beginning() {
  kept
  [ -e ${BRINGING} ] || { rpm -qa --qf '%{NAME}\\n' | sort -u >${BRINGING}.new; mv ${BRINGING}.new ${BRINGING}; }
}
mend() {
  [ -z "$(twice)" ] || single
  have_now=$(ask "$@" | sed 's/=ii [^ ]* /\\n/g')
  for each in $have_now; do [ -z "$(missing_files "$each")" ] || again "$each"; done
  noted
  seen_whole
}
# Of two versions the older one goes, without its scripts: files of the newer one stay, as they have the same names.
single() {
  for each in $(twice); do
    rpm -q --qf '%{NAME}-%{EVR}.%{ARCH}\\n' "$each" | sort -V | sed '$d' | while read -r old; do
      whole rpm -e --nodeps --noscripts --notriggers "$old"
    done
  done
}
bring() {
  beginning
  add "$@" || { failed=$?; noted; return "$failed"; }
  noted
  seen_whole
}
remove() { patiently rpm -e "$@"; }
came() { sort -u ${BROUGHT}; }
there() { rpm -q --quiet "$1"; }
owner() { rpm -qf --qf '%{NAME}\\n' "$1" 2>/dev/null || rpm -qf --qf '%{NAME}\\n' "/usr$1" 2>/dev/null; }
# Who has what others need stays, and so, one by one, those whom it needs itself.
can_go() {
  can="$*"
  while [ -n "$can" ] && ! said=$(rpm -e --test $can 2>&1); do
    needed=$(printf '%s\\n' "$said" | sed -n 's/^[ \t]*\\(.*\\) is needed by (installed) .*/\\1/p' | while IFS= read -r what; do
      rpm -q --qf '%{NAME}\\n' --whatprovides "\${what%% *}" 2>/dev/null || :
    done | sort -u)
    left=
    for each in $can; do printf '%s\\n' "$needed" | grep -qxF -e "$each" || left="$left $each"; done
    [ "$left" != "$can" ] || { printf '%s\\n' "$said" >&2; return 1; }
    can=$left
  done
  echo "$can"
}`.trim(),
)

export const ALL = sh`rpm -qa --qf '%{NAME}\\n' | sort -u`
export const WHOLE_HERE = (name: string): string => sh`rpm -q --quiet ${name}`

/** What rpm says of failures that are known. */
export const REMEDIES: Remedies = [
  [
    /is held by process (\d+ \([^)]*\))/,
    'another package manager runs there, process $1: let it end (ps -f shows what it does), then go on. Never remove the lock',
  ],
  [
    /needs (?:at least )?(\d+ ?[KMG]?B) (?:more space |needed )?on the (\S+) filesystem/,
    'make $1 of room in $2 on the node, then go on',
  ],
  [/No space left on device/, 'a disk of the node is full: df -h there tells which; make room, then go on'],
]
