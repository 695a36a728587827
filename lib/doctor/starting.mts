/** A node that was switched on just now: what it lacks comes by itself. */
import type { Node } from '../config.mts'
import { memberName } from '../ring.mts'
import { monitored } from './monitor.mts'
import type { Draft, Seen } from './seen.mts'
import { unitOf } from './units.mts'

/** Seconds after its boot within which a node's daemons find each other, and within which even a slow boot is over. */
const SETTLES = 60
const BOOTS = 600

/** What a node still lacks that comes at boot; undefined when it has all. */
function lacks(seen: Seen, node: Node): string | undefined {
  const { active } = unitOf(seen, node, 'pacemaker')
  if (active !== 'active') return `pacemaker is ${active}`
  const own = monitored(seen.said(node, 'pacemaker'))?.nodes.find(({ name }) => name === memberName(seen.facts, node))
  if (own === undefined) return 'its pacemaker does not answer yet'
  if (own.online !== 'true' || own.pending === 'true') return 'its pacemaker has not joined the others yet'
  const haproxy = unitOf(seen, node, 'haproxy').active
  return haproxy === 'active' ? undefined : `haproxy is ${haproxy}`
}

export function starting(seen: Seen): readonly Draft[] {
  return seen.built.flatMap((node): Draft[] => {
    const booted = Number(seen.said(node, 'doctor.booted'))
    // By its own clock, as its boot is.
    const age = Math.max(0, Math.floor(Number(seen.said(node, 'clock')) - booted))
    const busy = /^(?:initializing|starting)$/.test(seen.said(node, 'doctor.system'))
    if (booted === 0 || age > (busy ? BOOTS : SETTLES)) return []
    const open = lacks(seen, node)
    if (open === undefined) return []
    return [
      {
        id: 'node-starting',
        nodes: [node.name],
        text: `${node.name} booted ${age} s ago and is still coming up: ${open}`,
        remedy:
          'wait, and ask again; if it does not end: systemctl list-jobs there, and journalctl --boot --unit corosync --unit pacemaker',
      },
    ]
  })
}
