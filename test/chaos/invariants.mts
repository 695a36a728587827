/** What must never be, looked for from outside of the nodes: they may be dead, or cut off. */
import { spawnSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import type { LabAlone } from '../lab/cluster.mts'

export interface Found {
  readonly at: number
  readonly what: string
}

/** Milliseconds between two looks at who has the VIP. */
const LOOK = 200

/** In the network of a node; empty when it is off. */
const inside = (lab: LabAlone, node: string, words: readonly string[]): string => {
  const { stdout, status } = spawnSync('nsenter', [`--net=/run/netns/${lab.name}-${node}`, '--', ...words], {
    encoding: 'utf8',
    timeout: 5000,
  })
  return status === 0 ? stdout : ''
}

const holds = (lab: LabAlone, node: string) => inside(lab, node, ['ip', '-o', 'addr', 'show']).includes(` ${lab.vip}/`)
/** Whether anybody could ask it. */
const connected = (lab: LabAlone, node: string) =>
  / state UP /.test(inside(lab, node, ['ip', 'link', 'show', 'dev', 'eth0']))
const answers = (lab: LabAlone, node: string) =>
  inside(lab, node, [
    'curl',
    '-s',
    '-m',
    '2',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    `http://${lab.vip}:5000/healthcheck`,
  ]) === '200'

/** A quorate node and those that it sees. */
async function sides(lab: LabAlone): Promise<readonly (readonly string[])[]> {
  const seen = await Promise.all(
    lab.nodes.map(async (node) => {
      const { code, stdout } = await lab.ask(node, 'corosync-quorumtool -s')
      if (code !== 0 || !/^Quorate: +Yes/m.test(stdout)) return undefined
      return [...stdout.matchAll(/^ +\d+ +\d+ +.*?(\S+?)(?: \(local\))?$/gm)].map(([, name = '']) => name).sort()
    }),
  )
  return seen.flatMap((one) => (one === undefined ? [] : [one]))
}

/** Looks until it is stopped; what it finds is told once as long as it lasts. */
export function watchOver(lab: LabAlone, tell: (found: Found) => void): { readonly stop: () => Promise<void> } {
  let over = false
  const loop = async (every: number, look: () => Promise<string | undefined> | string | undefined) => {
    let last: string | undefined
    while (!over) {
      const what = await look()
      if (what !== undefined && what !== last) tell({ at: Date.now(), what })
      last = what
      await pause(every)
    }
  }
  const vip = () => {
    const holders = lab.nodes.filter((node) => holds(lab, node))
    if (holders.length < 2) return undefined
    const both = holders.filter((node) => connected(lab, node) && answers(lab, node))
    return both.length > 1 ? `${both.join(' and ')} have the VIP and answer` : undefined
  }
  const quorum = async () => {
    const all = await sides(lab)
    const apart = all.some((one) => all.some((other) => one.every((name) => !other.includes(name))))
    return apart ? `two sides are quorate: ${all.map((one) => one.join('+')).join(' | ')}` : undefined
  }
  const loops = [loop(LOOK, vip), loop(1000, quorum)]
  return {
    stop: async () => {
      over = true
      await Promise.all(loops)
    },
  }
}
