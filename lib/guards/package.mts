/** Packages of the Debian family (apt-get(8), dpkg-query(1)). */
import type { Guard, Remedies } from '../guard.mts'
import { raw, type Shell, sh } from '../shell.mts'
import { KEPT } from './file.mts'

/**
 * What is wanted of the package manager. `name` may list alternatives, the first that the repositories offer is taken:
 * `resource-agents-base|resource-agents`. An optional one is left out where no repository offers it.
 */
export interface Package {
  readonly name: string
  readonly optional?: boolean
  /** Not needed where this file is: it came another way. */
  readonly unless?: string
  /** Units that it brings; none is started before its configuration is in place. */
  readonly units?: readonly string[]
}

/** The files of all packages that we had installed or upgraded, a line each: `make destroy` takes away what was not there before. */
export const BROUGHT = `${KEPT}/brought`

/** Seconds to wait for another package manager run, unattended-upgrades mostly. */
const LOCK_WAIT = 300

/**
 * Shell functions that the texts below share. `known` asks once how all packages stand, for `installed`. `pick` sets `one` to the
 * first alternative that is installed, or else on offer, or to nothing. `patiently` runs a command again while another one holds
 * a lock, which can be broken off, unlike apt-get's own wait within a transaction; and that one covers neither the lock of the
 * package lists nor what dpkg itself takes.
 */
export const FUNCTIONS = raw(
  `
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none
patiently() {
  end=$(($(date +%s) + ${LOCK_WAIT})) told=
  while :; do
    said=$(whole "$@" 2>&1) && return 0 || status=$?
    case $said in *"Could not get lock"* | *"locked by another process"*) ;; *) break ;; esac
    if stopped || [ "$(date +%s)" -ge "$end" ]; then break; fi
    [ -n "$told" ] || waits "another package manager is at work (up to ${LOCK_WAIT} s): $(printf '%s\\n' "$said" | grep -m 1 -e lock)"
    told=1
    sleep 1
  done
  printf '%s\\n' "$said"
  return "$status"
}
apt() {
  patiently apt-get -q check
  whole apt-get -q -y -o DPkg::Lock::Timeout=10 -o Dpkg::Use-Pty=0 \\
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}
# apt tells the hook what it is about to unpack before it begins (apt.conf(5), Pre-Install-Pkgs).
bring() {
  mkdir -p ${KEPT}
  chmod 0700 ${KEPT}
  apt -o 'DPkg::Pre-Install-Pkgs::=cat >>${BROUGHT}' --no-install-recommends "$@"
}
known() {
  names=$*
  have=" $(IFS='| '; dpkg-query -W -f '\${Package}=\${db:Status-Abbrev}' $names 2>/dev/null || :) "
}
installed() { case $have in *" $1="?"i "*) return 0 ;; esac; return 1; }
offered() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'; }
pick() {
  for how in installed offered; do
    rest=$1
    while [ -n "$rest" ]; do
      one=\${rest%%"|"*}
      rest=\${rest#"$one"}
      rest=\${rest#"|"}
      ! "$how" "$one" || return 0
    done
  done
  one=
}`.trim(),
)

/** Shell text that sets a variable to the names that are wanted on this node. */
const wanted = (variable: string, packages: readonly Package[]): Shell =>
  raw(
    [
      `${variable}=`,
      ...packages.map(({ name, unless }) => {
        const add = `${variable}="$${variable} ${name}"`
        return unless === undefined ? add : sh`[ -e ${unless} ] || ${raw(add)}`
      }),
    ].join('\n'),
  )
const must = (packages: readonly Package[]) => packages.filter((one) => !one.optional)

/** What apt and dpkg say of failures that are known (apt-get(8), dpkg(1)). */
export const REMEDIES: Remedies = [
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
]

/** Every package that is needed is installed or can be, as far as the package lists tell. */
export function offered(packages: readonly Package[]): Guard {
  const look = sh`
    ${wanted('all', must(packages))}
    known $all
    missing=
    for want in $all; do
      pick "$want"
      [ -n "$one" ] || missing="$missing $want"
    done
    [ -z "$missing" ] || { echo "no candidate:$missing"; exit 1; }`
  return {
    title: 'every package to be installed has a candidate',
    check: sh`
      ${FUNCTIONS}
      ${raw(look)}`,
    // What it could not fetch is no error as long as it is not needed; if it is, it tells why there is no candidate.
    apply: sh`
      ${FUNCTIONS}
      patiently apt-get -q -o APT::Update::Error-Mode=any update || :
      ${raw(look)}`,
    remedy: 'check the sources in /etc/apt on the node, or name a repository that has it in REPOS',
    remedies: REMEDIES,
  }
}

/** All of these are installed and configured. Units that they bring are kept from starting while that goes on. */
export function installed(packages: readonly Package[]): Guard {
  const optional = packages.filter((one) => one.optional)
  return {
    title: 'the packages are installed',
    check: sh`
      ${FUNCTIONS}
      ${wanted('all', packages)}
      known $all
      ${wanted('all', must(packages))}
      missing=
      for want in $all; do
        pick "$want"
        { [ -n "$one" ] && installed "$one"; } || missing="$missing \${one:-$want}"
      done
      ${wanted('all', optional)}
      for want in $all; do
        pick "$want"
        [ -z "$one" ] || installed "$one" || missing="$missing $one"
      done
      half=$(dpkg --audit)
      [ -z "$half" ] || { printf 'dpkg was cut off and has to finish:\\n%s\\n' "$half"; exit 1; }
      [ -z "$missing" ] || { echo "to be installed:$missing"; exit 1; }`,
    apply: sh`
      ${FUNCTIONS}
      ${wanted('all', packages)}
      known $all
      want=
      for name in $all; do
        pick "$name"
        [ -z "$one" ] || installed "$one" || want="$want $one"
      done
      # A package starts its daemons as soon as it is unpacked. A runtime mask (systemctl(1)) is gone by itself after a
      # power cut. What runs already keeps running: only units that are not there yet are masked.
      masked=
      for unit in ${packages.flatMap((one) => one.units ?? [])}; do
        systemctl cat "$unit" >/dev/null 2>&1 || masked="$masked $unit"
      done
      [ -z "$masked" ] || systemctl --runtime --quiet mask $masked
      trap '[ -z "$masked" ] || systemctl --runtime --quiet unmask $masked' EXIT
      # What lacks a package that was never unpacked (a full disk) cannot be configured: apt-get brings that first.
      [ -z "$(dpkg --audit)" ] || patiently dpkg --force-confdef --force-confold --configure -a ||
        bring --fix-broken install || :
      # Lists that are out of date name files which the mirror has no more: they are fetched anew then, and only then.
      [ -z "$want" ] || bring install $want || {
        patiently apt-get -q update || :
        bring install $want
      }`,
    remedy: 'the output tells what apt-get stumbled over; finished packages stay, the same command goes on from there',
    remedies: REMEDIES,
  }
}

/** No unit is left masked by an installation that was cut off. */
export const unmasked = (packages: readonly Package[]): Guard => ({
  title: 'no daemon is left masked',
  check: sh`
    masked=
    for unit in ${packages.flatMap((one) => one.units ?? [])}; do
      [ ! -L "/run/systemd/system/$unit.service" ] || masked="$masked $unit"
    done
    [ -z "$masked" ] || { echo "masked since an installation was cut off:$masked"; exit 1; }`,
  apply: sh`systemctl --runtime unmask ${packages.flatMap((one) => one.units ?? [])}`,
})
