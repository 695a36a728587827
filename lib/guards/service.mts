/** systemd units: running, enabled, and started with the files that are there now. */
import type { Guard, Remedies } from '../guard.mts'
import { raw, sh } from '../shell.mts'

interface ServiceOptions {
  /** Files that the daemon reads when it starts: it is restarted or reloaded when it runs with older ones. */
  readonly loads?: readonly string[]
  readonly by?: 'restart' | 'reload'
  /** Drop-ins of its unit that matter at a start alone: systemd has to know them, and what runs goes on. */
  readonly dropIns?: readonly string[]
  /** Pacemaker starts and stops it: we only reload, and it is not enabled in systemd. */
  readonly managed?: boolean
}

/**
 * Shell function `asked UNIT`: asks systemd once for what these guards want to know (systemctl(1), show), for `of PROPERTY`
 * which sets `value`.
 */
const ASKED = raw(
  `
asked() {
  what=ActiveState,NeedDaemonReload,DropInPaths,InvocationID,ActiveEnterTimestamp,StateChangeTimestamp,ReloadResult
  # Microseconds, where systemd knows how: in the same second a start may have come before the file.
  said=$(systemctl show --timestamp=us -p "$what" "$1" 2>/dev/null) || said=$(systemctl show -p "$what" "$1")
}
of() {
  value=\${said#*"$1="}
  value=\${value%%"\n"*}
}`.trim(),
)

/**
 * Shell text, after ASKED, that is true when systemd knows these of our files that are drop-ins of the unit. Of one in a folder
 * that is new NeedDaemonReload says nothing: systemd keeps a list of the folders that there are.
 */
const dropInsRead = (loads: readonly string[]) =>
  raw(
    loads
      .filter((path) => path.startsWith('/etc/systemd/'))
      .map((path) => sh`of DropInPaths && case " $value " in *${` ${path} `}*) ;; *) false ;; esac`)
      .join(' && ') || ':',
  )

/** What a daemon was last started with, by us: gone with a reboot, as it should be. */
export const STAMPS = '/run/quorate'

/**
 * Shell text that sets `sum` to that of the files as they are. Where a reload costs nothing, a file that was put back counts as
 * another one, even with the same content: somebody may have loaded what was there in between.
 */
const sumOf = (loads: readonly string[], by: 'restart' | 'reload') =>
  raw(sh`
    sum=$({ ${by === 'restart' ? raw(':') : raw(sh`stat -c '%i %Y' ${loads}`)}; cat ${loads}; } | sha256sum)
    sum=\${sum%% *}`)

/** A reload that failed changes the state no less, and the daemon goes on with what it had (org.freedesktop.systemd1(5)). */
const RELOADED = `of ReloadResult
          [ "$value" = success ] || { echo "its last reload failed: $value"; exit 1; }`

/**
 * Shell text, after ASKED, that fails when the daemon runs with other files than are there. We leave a stamp when we (re)start or
 * reload a daemon; for one that others have started or reloaded since, a file that is newer than that tells.
 */
const current = (unit: string, loads: readonly string[], by: 'restart' | 'reload') =>
  raw(
    loads.length === 0
      ? ':'
      : sh`
      for file in ${loads}; do [ -e "$file" ] || { echo "$file is missing"; exit 1; }; done
      of InvocationID
      id=$value
      ${sumOf(loads, by)}
      stamp=$(cat ${`${STAMPS}/${unit}`} 2>/dev/null || :)
      case $stamp in
        "$id $sum "${loads.join()}) ;;
        ${by === 'restart' ? raw(sh`"$id "*" "${loads.join()}) echo ${`${unit} runs with an older version of ${loads.join(' or ')}`}; exit 1 ;;`) : raw('')}
        *)
          ${by === 'reload' ? raw(RELOADED) : raw('')}
          # A reload leaves a unit active: it is a change of state only.
          of ${by === 'reload' ? 'StateChangeTimestamp' : 'ActiveEnterTimestamp'}
          # An older file may be put in place of the one that was loaded: its inode tells when. A change of its owner tells the
          # same, so where it would cost a restart its time of writing has to do.
          case $value in *.*) digits=.6 part=.%6N ;; *) digits='' part='' ;; esac
          since=$(date -d "$value" "+%s$part")
          ${by === 'reload' ? raw('[ -n "$part" ] || since=$((since - 1)) # in that second it may have come before the file') : raw('')}
          for file in ${loads}; do
            written=$(stat -c "%$digits"${by === 'reload' ? 'Z' : 'Y'} "$file")
            newest=$(printf '%s\\n' "$since" "$written" | sort -n | tail -n 1)
            [ "$newest" = "$since" ] || { echo "$file is newer than the running "${unit}; exit 1; }
          done ;;
      esac`,
  )

const stamp = (unit: string, loads: readonly string[], by: 'restart' | 'reload') =>
  raw(
    loads.length === 0
      ? ':'
      : sh`
      mkdir -p ${STAMPS}
      ${sumOf(loads, by)}
      echo "$(systemctl show --property InvocationID --value ${unit}) $sum "${loads.join()} >${`${STAMPS}/${unit}.new`}
      mv -f ${`${STAMPS}/${unit}.new`} ${`${STAMPS}/${unit}`}`,
  )

/** Shell text that prints why a unit does not run; nothing for one that runs, or that there is not. */
export const journal = (unit: string): string => sh`
  systemctl is-active --quiet ${unit} || {
    # Of the last start alone: what it said, and what systemd said of it (systemd.journal-fields(7)). A unit that was ended, and
    # did not fail, has none.
    id=$(systemctl show --property InvocationID --value ${unit})
    last() { journalctl --no-pager --quiet --lines 12 --output cat "$@"; }
    said=$(if [ -n "$id" ]; then last "_SYSTEMD_INVOCATION_ID=$id" + "INVOCATION_ID=$id"; else last --unit ${unit}; fi)
    [ -z "$said" ] || printf '%s\\n' ${`the journal of ${unit} here:`} "$said"
  }`

/** What a daemon says of failures that are known. */
const REMEDIES: Remedies = [
  [
    /Address already in use/,
    'another program has its port: ss -ltnp on that node names it; stop it, or let it listen elsewhere',
  ],
  [/is masked/, 'the unit is masked there, so somebody wants it not to run; if not: systemctl unmask it, then go on'],
]

/** The unit is active, starts at boot, and has read its files as they are. */
export function service(unit: string, options: ServiceOptions = {}): Guard {
  const { loads = [], by = 'restart', managed = false, dropIns = [] } = options
  if (managed)
    return {
      title: `${unit} runs with its current configuration`,
      // Where it does not run there is nothing to reload; whether it should run is not for this guard to say.
      check: sh`
        ${ASKED}
        asked ${unit}
        of ActiveState
        case $value in active | reloading) ;; *) exit 0 ;; esac
        { ${dropInsRead(loads)}; } || { echo "its unit file has changed"; exit 1; }
        ${current(unit, loads, by)}`,
      apply: sh`
        ${ASKED}
        asked ${unit}
        { ${dropInsRead(loads)}; } || systemctl daemon-reload
        systemctl ${by} ${unit}
        ${stamp(unit, loads, by)}`,
      wait: 30,
      why: journal(unit),
      remedy: `mend what its journal tells, and go on; all of it: journalctl -u ${unit}`,
    }
  return {
    title: `${unit} runs${loads.length > 0 ? ' with its current configuration' : ''}`,
    check: sh`
      ${ASKED}
      asked ${unit}
      of ActiveState
      [ "$value" = active ] || { echo ${unit}" is $value"; exit 1; }
      # What systemd itself keeps of this may be older than the links.
      enabled=$(systemctl is-enabled ${unit} 2>/dev/null || :)
      [ "$enabled" = enabled ] || { echo ${unit}" does not start at boot: $enabled"; exit 1; }
      of NeedDaemonReload
      { [ "$value" != yes ] && ${dropInsRead([...loads, ...dropIns])}; } || { echo "its unit file has changed"; exit 1; }
      ${current(unit, loads, by)}`,
    apply: sh`
      ${ASKED}
      asked ${unit}
      read=1
      { ${dropInsRead(loads)}; } || read=
      of NeedDaemonReload
      { [ "$value" != yes ] && [ -n "$read" ] && ${dropInsRead(dropIns)}; } || systemctl daemon-reload
      # systemd itself need not know before the next boot: a reload takes a while.
      [ "$(systemctl is-enabled ${unit} 2>/dev/null)" = enabled ] || systemctl --quiet --no-reload enable ${unit}
      # A unit that failed too often is not started again by itself (systemd.unit(5), StartLimitBurst).
      systemctl reset-failed ${unit} 2>/dev/null || :
      if systemctl is-active --quiet ${unit}; then
        { [ -n "$read" ] && ( ${current(unit, loads, by)} ); } || systemctl ${by} ${unit}
      else
        systemctl start ${unit}
      fi
      ${stamp(unit, loads, by)}`,
    why: journal(unit),
    remedy: `mend what its journal tells, and go on; all of it: journalctl -u ${unit}`,
    remedies: REMEDIES,
  }
}

/** systemd does not start the unit at boot: somebody else does, or nobody. */
export const notAtBoot = (unit: string): Guard => ({
  title: `${unit} is not started by systemd at boot`,
  check: sh`
    enabled=$(systemctl is-enabled ${unit} 2>/dev/null || :)
    case $enabled in disabled | static | masked* | '') ;; *) echo ${unit}" is $enabled"; exit 1 ;; esac`,
  apply: sh`systemctl --quiet disable ${unit}`,
})
