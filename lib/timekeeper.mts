/** Time services other than chrony: who keeps the time where chrony does not, and what is asked of it. */
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { file } from './guards/file.mts'
import { require } from './guards/require.mts'
import { service } from './guards/service.mts'
import { timesyncdConf } from './render/chrony.mts'
import { sh } from './shell.mts'

/** A drop-in of timesyncd.conf(5). */
const TIMESYNCD = '/etc/systemd/timesyncd.conf.d/quorate.conf'

const TIMESYNCD_UNIT = 'systemd-timesyncd'

/** Other services that set the clock, by the names that systemd has for them; two names may be one unit. */
const OTHERS = [TIMESYNCD_UNIT, 'ntpsec', 'ntp', 'ntpd', 'openntpd']

/**
 * The other service that runs, and `yes` or `no`: whether the clock is synchronised. The kernel's own word for it (timedatectl(1),
 * NTPSynchronized) is that of the service which last set the clock; those of NTP tell before it does (ntpq(8), `rv`: the leap indicator
 * is 11, and the stratum 16, until then). Where chrony runs that is who keeps the time. `built`: the packages of a cluster came, and
 * chrony with them unless this one was taken for good then.
 */
export const otherFact = sh`
  ! systemctl is-active --quiet chrony chronyd || exit 0
  said=$(systemctl show --property Id --property ActiveState ${OTHERS} 2>/dev/null) || exit 0
  unit=$(printf '%s\\n' "$said" | awk -F = '$1 == "Id" { id = $2 } $1 == "ActiveState" { state = $2 } NF < 2 { id = state = "" } state == "active" && id != "" { sub(/[.]service$/, "", id); print id; exit }')
  [ -n "$unit" ] || exit 0
  synchronised=$(timedatectl show --property NTPSynchronized --value 2>/dev/null) || synchronised=
  if [ "$synchronised" != yes ] && command -v ntpq >/dev/null; then
    ! ntpq -c 'rv 0 leap,stratum' 2>/dev/null | grep -q 'leap=\\(00\\|01\\|10\\),.*stratum=\\([1-9]\\|1[0-5]\\)\\(,\\|$\\)' || synchronised=yes
  fi
  echo "$unit \${synchronised:-no} $(! command -v pacemakerd >/dev/null || echo built)"`

export const timekeeperFact: Readonly<Record<string, string>> = { 'time.other': otherFact }

const other = (
  facts: Facts,
  node: Node,
): { readonly unit: string; readonly synchronised: boolean; readonly built: boolean } | undefined => {
  const [unit = '', synchronised, built] = facts.get(node, 'time.other').split(' ')
  return unit === '' ? undefined : { unit, synchronised: synchronised === 'yes', built: built === 'built' }
}

/**
 * The unit that keeps the time there instead of chrony, which is then not to be installed: two of them would be in each other's way.
 * systemd-timesyncd is what a distribution has by default, and nobody's choice: where it does not know the time chrony takes its place,
 * unless NTP_SERVERS gives it others to ask.
 */
export function keptByOther({ ntpServers }: Config, facts: Facts, node: Node): string | undefined {
  const found = other(facts, node)
  const gives = found?.unit === TIMESYNCD_UNIT && !found.synchronised && !found.built && ntpServers.length === 0
  return gives ? undefined : found?.unit
}

const SYNCHRONISED: Readonly<Record<string, string>> = {
  [TIMESYNCD_UNIT]: 'timedatectl timesync-status tells which server it asks; NTP_SERVERS names others',
  openntpd: 'ntpctl -s all tells how it stands with its servers, which stand in its own ntpd.conf',
}
const BY_NTPQ = 'ntpq -p tells how it stands with its servers, which stand in its own ntp.conf'

/** What must be true of another time service before anything is changed. */
export function timeRequirements(config: Config, facts: Facts, node: Node): readonly Guard[] {
  const found = other(facts, node)
  if (found === undefined || keptByOther(config, facts, node) === undefined) return []
  const { unit, synchronised } = found
  const ours = config.ntpServers.length > 0
  const instead = `or stop and disable ${unit} there, and chrony takes its place`
  if (ours && unit !== TIMESYNCD_UNIT)
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

/** What is to be made true of it: nothing, but that systemd-timesyncd has the servers of NTP_SERVERS. */
export const otherKeeps = (config: Config, facts: Facts, node: Node): readonly Guard[] =>
  config.ntpServers.length > 0 && keptByOther(config, facts, node) === TIMESYNCD_UNIT
    ? timesyncd(config.ntpServers)
    : []

/** systemd-timesyncd asks these servers, and has heard of one (systemd-timesyncd.service(8)). */
const timesyncd = (servers: readonly string[]): readonly Guard[] => [
  file(TIMESYNCD, timesyncdConf(servers)),
  service(TIMESYNCD_UNIT, { loads: [TIMESYNCD] }),
  {
    title: 'systemd-timesyncd is synchronised',
    check: sh`
      [ "$(timedatectl show --property NTPSynchronized --value)" = yes ] || { timedatectl timesync-status 2>/dev/null | sed -n 's/^ *Server: */it asks /p'; echo "not yet"; exit 1; }`,
    wait: 30,
    remedy:
      'timedatectl timesync-status on the node tells which server it asks; NTP_SERVERS must name one that answers',
  },
]
