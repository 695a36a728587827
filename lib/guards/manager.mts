/** What the guards of packages ask of a package manager: a few shell functions, and what its failures mean. */
import type { Remedies } from '../guard.mts'
import { raw, type Shell } from '../shell.mts'
import { KEPT } from './file.mts'

/**
 * The shell functions of a manager:
 *
 * - `ask NAME…` prints `NAME=ii VERSION ` for each package that is installed and whole, by one query
 * - `candidate NAME [VERSION]` prints `VERSION from REPOSITORY` of what would be installed; fails where there is nothing
 * - `versions NAME` prints those on offer, a line each
 * - `unseen` is true where it is not known any more what the repositories offer; `refresh` fetches their lists, and tells which ones do
 *   not answer; `keep` puts on record what they offer, where asking for it is slow
 * - `half NAME…` prints what an installation that was cut off has left, nothing otherwise; `mend NAME…` finishes it
 * - `bring NAME[=VERSION]…` installs, and writes down what came with it, which `came` prints
 * - `can_go NAME…` prints those of them that nobody else needs; `remove NAME…` takes them away; `there NAME` is true for what is left of
 *   one; `owner FILE` prints whose a file is
 *
 * What others hold is waited for by `patiently` (`LOCKED` below).
 */
export interface Manager {
  readonly functions: Shell
  readonly remedies: Remedies
  /** Shell text that prints the names of all packages that are installed, sorted. */
  readonly all: string
  /** Shell text that is true where a package is installed and whole. */
  readonly whole: (name: string) => string
}

/** The packages that we had installed or upgraded, as a manager writes them down: `make destroy` takes away what was not there before. */
export const BROUGHT = `${KEPT}/brought`

/** Seconds to wait for another package manager run: unattended-upgrades, dnf-automatic, packagekit. */
export const LOCK_WAIT = 300

/**
 * Shell function `patiently COMMAND…`: runs it again while another one holds a lock. That can be broken off, unlike the managers' own
 * waits. Beforehand comes `locked`, where a manager has one: it prints who holds what the command would wait for in silence. `is_locked
 * TEXT` knows the words with which a command gives up, and `who TEXT` makes of them who it is. What the
 * command says is in `said`, and is printed where it fails; nobody may catch what this prints, as it tells of its waits.
 */
export const PATIENTLY = raw(
  `
patiently() {
  end=$(($(date +%s) + ${LOCK_WAIT})) told=
  while :; do
    status=75
    said=$(locked) || said=
    if [ -z "$said" ]; then
      said=$(whole "$@" 2>&1) && return 0 || status=$?
      is_locked "$said" || break
    fi
    if stopped || [ "$(date +%s)" -ge "$end" ]; then break; fi
    [ -n "$told" ] || waits "another package manager is at work (up to ${LOCK_WAIT} s): $(who "$said")"
    told=1
    sleep 1
  done
  printf '%s\\n' "$said"
  return "$status"
}`.trim(),
)

/**
 * awk function: whether a version is the one that is wanted, or begins with it up to a separator; an epoch need not be written
 * (deb-version(7), rpm-version(7)).
 */
export const FITS = raw(
  `
function begins(v, pin) { return substr(v, 1, length(pin)) == pin && substr(v, length(pin) + 1, 1) !~ /[A-Za-z0-9]/ }
function fits(v, pin) { return pin == "" || begins(v, pin) || (v ~ /^[0-9]+:/ && begins(substr(v, index(v, ":") + 1), pin)) }`.trim(),
)
