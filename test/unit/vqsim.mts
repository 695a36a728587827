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

/**
 * The parts after each split, where the whole cluster came together before it. A split is named by the nodes that go.
 * vqsim prints before its nodes have settled (also with `sync on`), so it is asked until two answers are alike.
 */
export const splits = (conf: string, leaving: readonly (readonly number[])[]): Promise<(readonly Part[])[]> =>
  // -c takes no more than seven characters: a short name, and the folder by cwd.
  withFile('c.conf', conf, async (file) => {
    const vqsim = spawn('corosync-vqsim', ['-c', 'c.conf'], { cwd: dirname(file), stdio: ['pipe', 'pipe', 'ignore'] })
    let output = ''
    vqsim.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const settled = async (count: number): Promise<readonly Part[]> => {
      let before = ''
      for (let tries = 0; tries < 100; tries++) {
        output = ''
        vqsim.stdin.write('show\n')
        await sleep(25)
        const parts = partsOf(output)
        const now = JSON.stringify(parts)
        if (parts?.length === count && now === before) return parts
        before = now
      }
      throw new Error(`corosync-vqsim did not settle: ${output}`)
    }
    const results: (readonly Part[])[] = []
    try {
      await settled(1)
      for (const nodes of leaving) {
        vqsim.stdin.write(`split ${nodes.map((id) => `1:${id}`).join(' ')}\n`)
        results.push(await settled(2))
        vqsim.stdin.write('join 0 1\n')
        await settled(1)
      }
    } finally {
      vqsim.stdin.end('exit\n')
      await once(vqsim, 'close')
    }
    return results
  })
