/** What befalls a cluster: links, nodes, daemons, reboots, and runs of the product in the middle of it. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { kill, type LabAlone } from '../lab/cluster.mts'
import type { Random } from './random.mts'

export interface Fault {
  readonly kind: string
  readonly title: string
  /** Resolves when it is over, and what was taken away is back. */
  readonly befall: () => Promise<void>
}

/** At most so many nodes are in trouble at once: of three, two that are well keep the quorum. */
const AT_ONCE = 1
const DAEMONS = [
  'corosync',
  'pacemakerd',
  'pacemaker-based',
  'pacemaker-controld',
  'pacemaker-fenced',
  'haproxy',
  'uwsgi',
] as const

/** Gives the next fault; undefined while as much is under way as may be. */
export function faultsOn(lab: LabAlone, draw: Random): () => Fault | undefined {
  const troubled = new Set<string>()
  let running = false
  const octet = (node: string) => lab.address(node).split('.').at(-1)

  /** A fault of a node, with which it counts as troubled. */
  const of = (kind: string, title: string, node: string, befall: () => Promise<void>): Fault => {
    troubled.add(node)
    return {
      kind,
      title,
      befall: async () => {
        try {
          await befall()
        } finally {
          troubled.delete(node)
        }
      },
    }
  }
  const cable = (kind: string, node: string, cables: readonly string[], ms: number): Fault =>
    of(kind, `${kind} of ${node} cut for ${(ms / 1000).toFixed(0)} s`, node, async () => {
      const set = async (how: string) => {
        // A node that was switched off in between has new cables, which are up.
        for (const one of cables) await lab.ops('ip', 'link', 'set', `${one}${octet(node)}`, how).catch(() => {})
      }
      await set('down')
      await pause(ms)
      await set('up')
    })
  const off = (node: string, ms: number): Fault =>
    of('power', `${node} without power for ${(ms / 1000).toFixed(0)} s`, node, async () => {
      await lab.lab('kill', node)
      await pause(ms)
      // Its BMC may have switched it on by then.
      await lab.lab('start', node).catch(() => {})
    })
  const reboot = (node: string): Fault =>
    of('reboot', `${node} reboots`, node, async () => {
      await lab.ask(node, 'systemctl reboot')
      await pause(draw.from(10_000, 20_000))
    })
  const daemon = (node: string): Fault => {
    const name = draw.one(DAEMONS)
    return of('daemon', `${name} of ${node} killed`, node, async () => {
      await lab.ask(
        node,
        `for p in /proc/[0-9]*; do read -r name <$p/comm && [ "$name" = ${name.slice(0, 15)} ] && kill -9 "\${p#/proc/}"; done`,
      )
      await pause(draw.from(1000, 10_000))
    })
  }
  const run = (): Fault => {
    running = true
    const cut = draw.from(0, 1) === 1
    const after = draw.from(500, 8000)
    return {
      kind: 'run',
      title: cut ? `make cluster, killed after ${after} ms` : 'make cluster',
      befall: async () => {
        try {
          const { child, run: over } = lab.begin('cluster', '--yes')
          faultsOn.children.add(child)
          if (cut) {
            await pause(after)
            kill(child, 'SIGKILL')
          }
          await over
          faultsOn.children.delete(child)
        } finally {
          running = false
        }
      },
    }
  }

  return () => {
    if (!running && draw.from(0, 7) === 0) return run()
    if (troubled.size >= AT_ONCE) return undefined
    const node = draw.one(lab.nodes as unknown as readonly [string, ...string[]])
    const ms = draw.from(2000, 25_000)
    switch (draw.from(0, 7)) {
      case 0:
        return cable('heartbeat', node, ['h'], ms)
      case 1:
        return cable('public network', node, ['p'], ms)
      case 2:
        return cable('whole network', node, ['p', 'h', 'b'], ms)
      case 3:
        return off(node, ms)
      case 4:
        return reboot(node)
      default:
        return daemon(node)
    }
  }
}
/** Runs that are under way. */
faultsOn.children = new Set<ChildProcess>()
