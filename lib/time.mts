/** Who keeps the clocks together: chrony (chrony.conf(5)), or another time service that is there already. */
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { block, file } from './guards/file.mts'
import { require } from './guards/require.mts'
import { service } from './guards/service.mts'
import { chronyLines, chronySources, timesyncdConf } from './render/chrony.mts'
import { raw, sh } from './shell.mts'

/** Debian's chrony.conf names the folder, which is read at a start and by `chronyc reload sources`. Elsewhere the file itself has to do. */
const SOURCES = '/etc/chrony/sources.d/quorate.sources'
const CONF = '/etc/chrony.conf'

/** A drop-in of timesyncd.conf(5). */
const TIMESYNCD = '/etc/systemd/timesyncd.conf.d/quorate.conf'

/** Other services that set the clock, by the names that systemd has for them; two names may be one unit. */
const OTHERS = ['systemd-timesyncd', 'ntpsec', 'ntp', 'ntpd', 'openntpd']

/**
 * `chrony`: `yes` when the package is whole: a run that was cut off may have left it unpacked, or its unit masked for the while.
 *
 * `time.other`: the other service that runs, and `yes` or `no`: whether the clock is synchronised. The kernel's own word for it
 * (timedatectl(1), NTPSynchronized) is that of the service which last set the clock; those of NTP tell before it does (ntpq(8), `rv`:
 * the leap indicator is 11, and the stratum 16, until then). Where chrony runs that is who keeps the time.
 */
export const timeFacts: Readonly<Record<string, string>> = {
  chrony: sh`
    case $(dpkg-query -W -f '\${db:Status-Abbrev}' chrony 2>/dev/null) in
      ?i\\ *) ;;
      *) rpm -q chrony >/dev/null 2>&1 || exit 0 ;;
    esac
    [ -L /run/systemd/system/chrony.service ] || [ -L /run/systemd/system/chronyd.service ] || echo yes`,
  'time.other': sh`
    ! systemctl is-active --quiet chrony chronyd || exit 0
    said=$(systemctl show --property Id --property ActiveState ${OTHERS} 2>/dev/null) || exit 0
    unit=$(printf '%s\\n' "$said" | awk -F = '$1 == "Id" { id = $2 } $1 == "ActiveState" { state = $2 } NF < 2 { id = state = "" } state == "active" && id != "" { sub(/[.]service$/, "", id); print id; exit }')
    [ -n "$unit" ] || exit 0
    synchronised=$(timedatectl show --property NTPSynchronized --value 2>/dev/null) || synchronised=
    if [ "$synchronised" != yes ] && command -v ntpq >/dev/null; then
      ! ntpq -c 'rv 0 leap,stratum' 2>/dev/null | grep -q 'leap=\\(00\\|01\\|10\\),.*stratum=\\([1-9]\\|1[0-5]\\)\\(,\\|$\\)' || synchronised=yes
    fi
    echo "$unit \${synchronised:-no}"`,
}

const other = (facts: Facts, node: Node): { readonly unit: string; readonly synchronised: boolean } | undefined => {
  const [unit = '', synchronised] = facts.get(node, 'time.other').split(' ')
  return unit === '' ? undefined : { unit, synchronised: synchronised === 'yes' }
}

/** The unit that keeps the time there instead of chrony, which is then not to be installed: two of them would be in each other's way. */
export const keptByOther = (facts: Facts, node: Node): string | undefined => other(facts, node)?.unit

/** Nobody keeps the time there yet, and chrony is still to be installed. */
export const timeToCome = (facts: Facts, node: Node): boolean =>
  keptByOther(facts, node) === undefined && facts.get(node, 'chrony') !== 'yes'

const SYNCHRONISED: Readonly<Record<string, string>> = {
  'systemd-timesyncd': 'timedatectl timesync-status tells which server it asks; NTP_SERVERS names others',
  openntpd: 'ntpctl -s all tells how it stands with its servers, which stand in its own ntpd.conf',
}
const BY_NTPQ = 'ntpq -p tells how it stands with its servers, which stand in its own ntp.conf'

/** What must be true of another time service before anything is changed. */
export function timeRequirements(config: Config, facts: Facts, node: Node): readonly Guard[] {
  const found = other(facts, node)
  if (found === undefined) return []
  const { unit, synchronised } = found
  const ours = config.ntpServers.length > 0
  const instead = `or stop and disable ${unit} there, and chrony takes its place`
  if (ours && unit !== 'systemd-timesyncd')
    return [
      require('NTP_SERVERS can be told to its time service', sh`
          printf '%s\\n' ${`${unit} keeps the time there, and its configuration is yours: NTP_SERVERS is for chrony and systemd-timesyncd`}
          exit 1`, `give ${unit} its servers there and take NTP_SERVERS out of the env file, ${instead}`),
    ]
  // With NTP_SERVERS it gets the servers that it may be waiting for, and is then waited for.
  return ours || synchronised
    ? []
    : [
        require('its time service is synchronised', sh`
          printf '%s\\n' ${`${unit} runs there, and the clock is not synchronised`}
          exit 1`, `${SYNCHRONISED[unit] ?? BY_NTPQ}; mend that, ${instead}`),
      ]
}

/** Of an even number the lower one: one of them. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0

/**
 * By how many milliseconds the clock of each node is ahead of the others', as the survey saw it: exact to what the ways to the nodes
 * differ by.
 */
export function clocks(facts: Facts, nodes: readonly Node[]): readonly (readonly [name: string, ahead: number])[] {
  const known = nodes.flatMap((node) => {
    const said = facts.get(node, 'clock-ahead')
    return said === '' || Number.isNaN(Number(said)) ? [] : [[node.name, Number(said)] as const]
  })
  const middle = median(known.map(([, ahead]) => ahead))
  return known.map(([name, ahead]) => [name, ahead - middle])
}

/** One line on that. */
export const clocksInWords = (facts: Facts, nodes: readonly Node[]): string =>
  clocks(facts, nodes)
    .map(([name, ahead]) => `${name} ${ahead > 0 ? '+' : ''}${ahead} ms`)
    .join(', ')

/**
 * In a container the clock is the host's: systemd skips the unit there (ConditionCapability=CAP_SYS_TIME). ConditionResult
 * is "no" also of a unit that was never to start, which then has no time at which the condition was looked at.
 */
const HOST_KEEPS_IT = sh`
  said=$(systemctl show --property ConditionTimestampMonotonic --property ConditionResult "$unit")
  case $said in *Monotonic=0*) false ;; *Result=no*) systemd-detect-virt --quiet --container ;; *) false ;; esac`

/** Shell text: one of two, by the name that the distribution has for the unit: `chrony` of Debian, `chronyd` of all others. */
const byName = (debian: string, others: string) => sh`
  if [ -e /usr/lib/systemd/system/chronyd.service ]; then
    unit=chronyd
    ${raw(others)}
  else
    unit=chrony
    ${raw(debian)}
  fi`

/** One guard of two, by that name. */
const either = (title: string, debian: Guard, others: Guard): Guard => ({
  ...debian,
  title,
  check: byName(debian.check, others.check),
  apply: byName(debian.apply ?? ':', others.apply ?? ':'),
  why: byName(debian.why ?? ':', others.why ?? ':'),
})

export function timekeeping(config: Config, facts: Facts, node: Node): readonly Guard[] {
  const servers = config.ntpServers
  const unit = keptByOther(facts, node)
  if (unit !== undefined && unit !== 'systemd-timesyncd') return []
  if (unit !== undefined) return servers.length > 0 ? timesyncd(servers) : []
  const loads = (path: string) => (servers.length > 0 ? { loads: [path] } : {})
  const running = either('', service('chrony', loads(SOURCES)), service('chronyd', loads(CONF)))
  return [
    ...(servers.length === 0
      ? []
      : [
          either(
            'chrony has the time sources of NTP_SERVERS',
            file(SOURCES, chronySources(servers)),
            block(CONF, `quorate ${config.clusterName}`, chronyLines(servers)),
          ),
        ]),
    {
      ...running,
      title: 'chrony keeps the time, or the host of this container does',
      check: sh`
        ${raw(byName(':', ':'))}
        if ${raw(HOST_KEEPS_IT)}; then exit 0; fi
        ${raw(running.check)}`,
    },
  ]
}

/** systemd-timesyncd asks these servers, and has heard of one (systemd-timesyncd.service(8)). */
const timesyncd = (servers: readonly string[]): readonly Guard[] => [
  file(TIMESYNCD, timesyncdConf(servers)),
  service('systemd-timesyncd', { loads: [TIMESYNCD] }),
  {
    title: 'systemd-timesyncd is synchronised',
    check: sh`
      [ "$(timedatectl show --property NTPSynchronized --value)" = yes ] || { timedatectl timesync-status 2>/dev/null | sed -n 's/^ *Server: */it asks /p'; echo "not yet"; exit 1; }`,
    wait: 30,
    remedy:
      'timedatectl timesync-status on the node tells which server it asks; NTP_SERVERS must name one that answers',
  },
]
