/** corosync-vqsim(8): which parts of a split cluster votequorum calls quorate, told by its own code. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withFile } from './real-tool.mts'

/** Whether the members of a part are quorate. */
export interface Part {
  readonly members: readonly number[]
  readonly quorate: boolean
}

const STATUS = /^(\d+):(\d+): q=(\d) ring=\[[^\]]*\] nodes=\[([\d ]*)\]$/

/** Reads the latest status: undefined while nodes of one part still disagree on who is in it. */
function partsOf(block: string): readonly Part[] | undefined {
  const parts = new Map<string, { id: number; quorate: boolean; view: string }[]>()
  for (const line of block.split('\n')) {
    const [, part, id, quorate, view] = STATUS.exec(line) ?? []
    if (part === undefined || view === undefined) continue
    parts.set(part, [...(parts.get(part) ?? []), { id: Number(id), quorate: quorate === '1', view: sorted(view) }])
  }
  const settled = [...parts.values()].every((nodes) => {
    const members = sorted(nodes.map(({ id }) => id).join(' '))
    return nodes.every(({ view, quorate }) => view === members && quorate === nodes[0]?.quorate)
  })
  if (parts.size === 0 || !settled) return undefined
  return [...parts.values()].map((nodes) => ({
    members: nodes.map(({ id }) => id).sort((a, b) => a - b),
    quorate: nodes[0]?.quorate === true,
  }))
}

const sorted = (ids: string): string =>
  ids
    .split(' ')
    .map(Number)
    .sort((a, b) => a - b)
    .join(' ')

/** A simulation that is told what to do, and asked how things stand. */
interface Simulation {
  readonly tell: (command: string) => void
  /** The parts, once there are so many and two answers are alike; vqsim prints before its nodes have settled (also with `sync on`). */
  readonly settled: (count: number, is?: (parts: readonly Part[]) => boolean) => Promise<readonly Part[]>
}

const simulation = <Result,>(conf: string, work: (simulation: Simulation) => Promise<Result>): Promise<Result> =>
  // -c takes no more than seven characters: a short name, and the folder by cwd.
  withFile('c.conf', conf, async (file) => {
    const vqsim = spawn('corosync-vqsim', ['-c', 'c.conf'], { cwd: dirname(file), stdio: ['pipe', 'pipe', 'ignore'] })
    let output = ''
    vqsim.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const settled: Simulation['settled'] = async (count, is = () => true) => {
      let before = ''
      for (let tries = 0; tries < 200; tries++) {
        output = ''
        vqsim.stdin.write('show\n')
        await sleep(25)
        const parts = partsOf(output)
        const now = JSON.stringify(parts)
        if (parts?.length === count && now === before && is(parts)) return parts
        before = now
      }
      throw new Error(`corosync-vqsim did not settle: ${output}`)
    }
    try {
      await settled(1)
      return await work({ tell: (command) => vqsim.stdin.write(`${command}\n`), settled })
    } finally {
      vqsim.stdin.end('exit\n')
      await once(vqsim, 'close')
    }
  })

const split = (nodes: readonly number[]) => `split ${nodes.map((id) => `1:${id}`).join(' ')}`

/** The parts after each split, where the whole cluster came together before it. A split is named by the nodes that go. */
export const splits = (conf: string, leaving: readonly (readonly number[])[]): Promise<(readonly Part[])[]> =>
  simulation(conf, async ({ tell, settled }) => {
    const results: (readonly Part[])[] = []
    for (const nodes of leaving) {
      tell(split(nodes))
      results.push(await settled(2))
      tell('join 0 1')
      await settled(1)
    }
    return results
  })

/**
 * The parts after a split in which the arbiter votes for the nodes that go. vqsim has the votes that the file gives to a device, and
 * casts them after the device's time-out, which is short here.
 */
export const voted = (conf: string, leaving: readonly number[]): Promise<readonly Part[]> =>
  simulation(conf.replace('model: net', '$&\n    timeout: 200'), async ({ tell, settled }) => {
    tell(split(leaving))
    await settled(2, (parts) => parts.every(({ members }) => members.length > 0))
    tell(`qdevice on 1:${leaving.join()}`)
    return await settled(
      2,
      (parts) => parts.find(({ members }) => members.includes(leaving[0] as number))?.quorate === true,
    )
  })
