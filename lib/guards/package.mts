/** Packages, whichever manager brings them. */
import type { Guard } from '../guard.mts'
import { raw, type Shell, sh } from '../shell.mts'
import { apt } from './apt.mts'
import { dnf } from './dnf.mts'
import type { Manager } from './manager.mts'
import { zypper } from './zypper.mts'

/**
 * What is wanted of the package manager. `name` may list alternatives, the first that the repositories offer is taken:
 * `resource-agents-base|resource-agents`. An optional one is left out where no repository offers it.
 */
export interface Package {
  readonly name: string
  /** As the manager writes it, or the beginning of it up to a separator. */
  readonly version?: string | undefined
  readonly optional?: boolean
  /** Not needed where this file is: it came another way. */
  readonly unless?: string
  /** Units that it brings; none is started before its configuration is in place. */
  readonly units?: readonly string[]
}

export const MANAGERS = { apt, dnf, zypper } as const satisfies Readonly<Record<string, Manager>>
export type ManagerName = keyof typeof MANAGERS

/**
 * Shell functions for the texts below, over those of the manager. `known` asks once how all packages stand, for `installed`. `pick`
 * sets `one` to the first alternative that is installed, or else on offer, or to nothing. `lacks` is true where a package is to be brought,
 * in this version or at all; `tell` says which one, and from where.
 */
const common = (manager: Manager): Shell =>
  raw(
    `
${manager.functions.shell}
known() {
  names=
  for word in "$@"; do names="$names \${word%%=*}"; done
  names=$(IFS='| '; set -- $names; echo "$*" | tr '|' ' ')
  have=" $([ -z "$names" ] || ask $names)"
}
installed() { case $have in *" $1="?"i "*) return 0 ;; esac; return 1; }
version() { version=\${have#*" $1="?"i "} version=\${version%%" "*}; }
offered() { candidate "$1" >/dev/null; }
first() {
  rest=$2
  while [ -n "$rest" ]; do
    one=\${rest%%"|"*}
    rest=\${rest#"$one"}
    rest=\${rest#"|"}
    ! "$1" "$one" || return 0
  done
  one=
  return 1
}
pick() { first installed "$1" || first offered "$1" || :; }
fits() {
  for text in "$1" "\${1#*:}"; do case $text in "$2" | "$2"[!A-Za-z0-9]*) return 0 ;; esac; done
  return 1
}
lacks() {
  pin=
  case $1 in *=*) pin=\${1#*=} ;; esac
  pick "\${1%%=*}"
  [ -n "$one" ] && installed "$one" || return 0
  [ -n "$pin" ] || return 1
  version "$one"
  ! fits "$version" "$pin"
}
tell() {
  if [ -z "$one" ]; then
    if unseen; then echo "\${1%%=*}, what repositories offer is not known yet"; else echo "\${1%%=*}: no repository offers it"; fi
    return 0
  fi
  offer=$(candidate "$one" "$pin") || offer="$pin, which no repository offers"
  if installed "$one"; then
    version "$one"
    echo "$one, $version now: $offer"
  else echo "$one $offer"; fi
}`.trim(),
  )

/** Shell text that sets a variable to the names that are wanted on this node, with their versions. */
const wanted = (variable: string, packages: readonly Package[]): Shell =>
  raw(
    [
      `${variable}=`,
      ...packages.map(({ name, version, unless }) => {
        const add = `${variable}="$${variable} ${name}${version === undefined ? '' : `=${version}`}"`
        return unless === undefined ? add : sh`[ -e ${unless} ] || ${raw(add)}`
      }),
    ].join('\n'),
  )
const must = (packages: readonly Package[]) => packages.filter((one) => !one.optional)

/** Every package that is needed is installed or can be, in the version that is wanted, as far as the package lists tell. */
export function offered(packages: readonly Package[], name: ManagerName = 'apt'): Guard {
  const manager = MANAGERS[name]
  const look = sh`
    ${wanted('all', packages)}
    known $all
    ${wanted('all', must(packages))}
    missing=
    other=
    for want in $all; do
      lacks "$want" || continue
      if [ -z "$one" ]; then missing="$missing \${want%%=*}"
      elif [ -n "$pin" ] && ! candidate "$one" "$pin" >/dev/null; then
        other="$other$one $pin is not on offer; there is: $(versions "$one" | tr '\\n' ' ' | sed 's/ $//; s/ /, /g')
    "
      fi
    done
    [ -z "$missing" ] || echo "no candidate:$missing"
    [ -z "$other" ] || printf '%s' "$other" | sed 's/^ *//; /^$/d'
    [ -z "$missing$other" ] || exit 1`
  return {
    title: 'every package to be installed has a candidate',
    check: sh`
      ${common(manager)}
      ${wanted('all', packages)}
      known $all
      if unseen; then
        for want in $all; do
          first installed "\${want%%=*}" || { echo "what the repositories offer is not known yet, or not since they were changed"; exit 1; }
        done
      fi
      ${raw(look)}`,
    // What it could not fetch is no error as long as it is not needed; if it is, it tells why there is no candidate.
    apply: sh`
      ${common(manager)}
      ${wanted('all', packages)}
      known $all
      refresh || :
      keep
      ${raw(look)}`,
    remedy: `check the ${SOURCES[name]} on the node, name a repository that has it in REPOS, or another version in PACKAGES_<name>`,
    remedies: manager.remedies,
  }
}

/** This guard, where a package that is needed is neither installed nor on offer. */
export const unlessOffered = (packages: readonly Package[], name: ManagerName, guard: Guard): Guard => ({
  ...guard,
  check: sh`
    lacking() {
      ${common(MANAGERS[name])}
      ${wanted('all', must(packages))}
      known $all
      for want in $all; do
        pick "\${want%%=*}"
        [ -n "$one" ] || return 0
      done
      return 1
    }
    lacking || exit 0
    ${raw(guard.check)}`,
})

/** Where a manager reads what repositories there are. */
const SOURCES: Readonly<Record<ManagerName, string>> = {
  apt: 'sources in /etc/apt',
  dnf: 'repositories in /etc/yum.repos.d',
  zypper: 'repositories in /etc/zypp/repos.d',
}

/** All of these are installed and configured. Units that they bring are kept from starting while that goes on. */
export function installed(packages: readonly Package[], name: ManagerName = 'apt'): Guard {
  const manager = MANAGERS[name]
  const optional = packages.filter((one) => one.optional)
  return {
    title: 'the packages are installed',
    check: sh`
      ${common(manager)}
      ${wanted('all', packages)}
      known $all
      ${wanted('all', must(packages))}
      missing=
      for want in $all; do
        ! lacks "$want" || missing="$missing
      to be installed: $(tell "$want")"
      done
      ${wanted('all', optional)}
      for want in $all; do
        ! lacks "$want" || [ -z "$one" ] || missing="$missing
      to be installed: $(tell "$want")"
      done
      half=$(half $names)
      [ -z "$half" ] || { printf '%s\\n' "$half"; exit 1; }
      [ -z "$missing" ] || { printf '%s\\n' "$missing" | sed 's/^ *//; /^$/d'; exit 1; }`,
    apply: sh`
      ${common(manager)}
      ${wanted('all', packages)}
      known $all
      want=
      for word in $all; do
        lacks "$word" && [ -n "$one" ] || continue
        if [ -z "$pin" ]; then want="$want $one"; continue; fi
        exact=$(candidate "$one" "$pin") || { echo "no repository offers $one $pin"; exit 1; }
        want="$want $one=\${exact%% *}"
      done
      # A package starts its daemons as soon as it is unpacked. A runtime mask (systemctl(1)) is gone by itself after a
      # power cut. What runs already keeps running: only units that are not there yet are masked.
      masked=
      for unit in ${packages.flatMap((one) => one.units ?? [])}; do
        systemctl cat "$unit" >/dev/null 2>&1 || masked="$masked $unit"
      done
      [ -z "$masked" ] || systemctl --runtime --quiet mask $masked
      trap '[ -z "$masked" ] || systemctl --runtime --quiet unmask $masked' EXIT
      mend $names
      # Lists that are out of date name files which the mirror has no more: they are fetched anew then, and only then.
      [ -z "$want" ] || bring $want || {
        refresh || :
        bring $want
      }`,
    remedy:
      'the output tells what the package manager stumbled over; finished packages stay, the same command goes on from there',
    remedies: manager.remedies,
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
