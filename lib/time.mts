/** chrony: it keeps the clocks together (chrony.conf(5)). */
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import { byFamily, familyOf } from './family.mts'
import type { Guard } from './guard.mts'
import { block, file } from './guards/file.mts'
import { MANAGERS } from './guards/package.mts'
import { service } from './guards/service.mts'
import { chronySources } from './render/chrony.mts'
import { raw, sh } from './shell.mts'
import { keptByOther, otherKeeps } from './timekeeper.mts'

/** `yes` when the package is whole: a run that was cut off may have left it unpacked, or its unit masked for the while. */
export const chronyFact = byFamily(
  ({ manager, units }) => sh`
    ${raw(MANAGERS[manager].whole('chrony'))} || exit 0
    [ -L ${`/run/systemd/system/${units.chrony}.service`} ] || echo yes`,
).shell

/** Nobody keeps the time there yet, and chrony is still to be installed. */
export const timeToCome = (config: Config, facts: Facts, node: Node): boolean =>
  keptByOther(config, facts, node) === undefined && facts.get(node, 'chrony') !== 'yes'

/**
 * In a container the clock is the host's: systemd skips the unit there (ConditionCapability=CAP_SYS_TIME). ConditionResult
 * is "no" also of a unit that was never to start, which then has no time at which the condition was looked at.
 */
export const hostKeepsIt = (unit: string) => sh`
  said=$(systemctl show --property ConditionTimestampMonotonic --property ConditionResult ${unit})
  case $said in *Monotonic=0*) false ;; *Result=no*) systemd-detect-virt --quiet --container ;; *) false ;; esac`

/** Its sources are read at a start, and what names them in chrony's own file, where a family needs that. */
export function timekeeping(config: Config, facts: Facts, node: Node): readonly Guard[] {
  if (keptByOther(config, facts, node) !== undefined) return otherKeeps(config, facts, node)
  const { chrony, units } = familyOf(facts, node)
  const own = config.ntpServers.length > 0
  const loads = own ? [chrony.sources, ...(chrony.include ? [chrony.include[0]] : [])] : []
  const running = service(units.chrony, { loads })
  return [
    ...(own ? [file(chrony.sources, chronySources(config.ntpServers))] : []),
    ...(own && chrony.include ? [block(chrony.include[0], 'quorate', `${chrony.include[1]}\n`)] : []),
    {
      ...running,
      title: 'chrony keeps the time, or the host of this container does',
      check: sh`
        if ${raw(hostKeepsIt(units.chrony))}; then exit 0; fi
        ${raw(running.check)}`,
    },
  ]
}
