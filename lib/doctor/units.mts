/** Daemons that do not run, or would not after a reboot. */
import type { Node } from '../config.mts'
import { namesOf } from './finding.mts'
import { type Draft, linesOf, type Seen } from './seen.mts'

/** `corosync active enabled`, of a unit; empty where systemd does not know it. */
export const unitOf = (seen: Seen, node: Node, unit: string): { readonly active: string; readonly enabled: string } => {
  const line = linesOf(seen, node, 'doctor.units').find((one) => one.startsWith(`${unit} `)) ?? ''
  const [, active = '', enabled = ''] = line.split(' ')
  return { active, enabled }
}

/** Daemons that do not run where something of the cluster is: with what their journal says. */
export const down = (seen: Seen, unit: 'corosync' | 'pacemaker' | 'haproxy', nodes = seen.built): readonly Draft[] =>
  nodes.flatMap((node): Draft[] => {
    const { active, enabled } = unitOf(seen, node, unit)
    if (active === 'active' || active === 'reloading' || active === 'activating') return []
    const lines = linesOf(seen, node, `doctor.why.${unit}`)
    const masked = enabled.startsWith('masked')
    return [
      {
        id: `${unit}-down` as Draft['id'],
        nodes: [node.name],
        text: `${unit} does not run on ${node.name}: ${masked ? 'its unit is masked' : active || 'systemd does not know it'}`,
        ...(lines.length > 0 ? { seen: lines.slice(-8) } : {}),
        remedy: masked
          ? `somebody wants it not to run; if not: systemctl unmask ${unit} there, then make cluster`
          : `mend what its journal tells (journalctl -u ${unit} there), then make cluster starts it`,
      },
    ]
  })

export const notAtBoot = (seen: Seen): readonly Draft[] =>
  (['corosync', 'pacemaker'] as const).flatMap((unit) => {
    const off = seen.built.filter((node) => ['disabled', 'masked'].includes(unitOf(seen, node, unit).enabled))
    if (off.length === 0) return []
    return [
      {
        id: 'not-at-boot',
        nodes: namesOf(off),
        text: `${unit} does not start at boot on ${namesOf(off).join(', ')}: after its next reboot the node stays out`,
        remedy: `systemctl enable ${unit} there, or make cluster`,
      },
    ]
  })
