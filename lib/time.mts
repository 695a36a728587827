/** chrony: it keeps the clocks together (chrony.conf(5)). */
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { file } from './guards/file.mts'
import { service } from './guards/service.mts'
import { chronySources } from './render/chrony.mts'
import { raw, sh } from './shell.mts'
import { keptByOther, otherKeeps } from './timekeeper.mts'

/** Read at a start, and by `chronyc reload sources`. Debian's chrony.conf names the folder. */
const SOURCES = '/etc/chrony/sources.d/quorate.sources'

/** `yes` when the package is whole: a run that was cut off may have left it unpacked, or its unit masked for the while. */
export const chronyFact = sh`
  case $(dpkg-query -W -f '\${db:Status-Abbrev}' chrony 2>/dev/null) in ?i\\ *) ;; *) exit 0 ;; esac
  [ -L /run/systemd/system/chrony.service ] || echo yes`

/** Nobody keeps the time there yet, and chrony is still to be installed. */
export const timeToCome = (facts: Facts, node: Node): boolean =>
  keptByOther(facts, node) === undefined && facts.get(node, 'chrony') !== 'yes'

/**
 * In a container the clock is the host's: systemd skips the unit there (ConditionCapability=CAP_SYS_TIME). ConditionResult
 * is "no" also of a unit that was never to start, which then has no time at which the condition was looked at.
 */
const HOST_KEEPS_IT = sh`
  said=$(systemctl show --property ConditionTimestampMonotonic --property ConditionResult chrony)
  case $said in *Monotonic=0*) false ;; *Result=no*) systemd-detect-virt --quiet --container ;; *) false ;; esac`

export function timekeeping(config: Config, facts: Facts, node: Node): readonly Guard[] {
  if (keptByOther(facts, node) !== undefined) return otherKeeps(config, facts, node)
  const running = service('chrony', config.ntpServers.length > 0 ? { loads: [SOURCES] } : {})
  return [
    ...(config.ntpServers.length > 0 ? [file(SOURCES, chronySources(config.ntpServers))] : []),
    {
      ...running,
      title: 'chrony keeps the time, or the host of this container does',
      check: sh`
        if ${raw(HOST_KEEPS_IT)}; then exit 0; fi
        ${raw(running.check)}`,
    },
  ]
}
