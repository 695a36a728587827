/** The peer: the same end state by an Ansible playbook, as somebody who knows Ansible well would write and run it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Kind } from './figures.mts'
import type { Command } from './meter.mts'
import type { Runner } from './runners.mts'
import type { Stage } from './stage.mts'

const PLAYBOOK = join(import.meta.dirname, 'ansible')

/** Inventory, variables and cached facts of a stage. */
const folder = (stage: Stage) => join(stage.folder, 'peer')

const FLAGS: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  plan: ['--check', '--diff'],
  phase: ['--tags', 'corosync'],
  light: ['--tags', 'prereqs,repos,packages'],
}

const command = (stage: Stage, ...words: readonly string[]): Command => ({
  words: [...stage.inside, ...words],
  cwd: folder(stage),
  env: { ANSIBLE_CONFIG: join(PLAYBOOK, 'ansible.cfg'), ANSIBLE_NOCOLOR: '1' },
})

/** The lines of PLAY RECAP, added up; undefined when there is none. */
export function recap(text: string): Readonly<Record<string, number>> | undefined {
  const [, after] = text.split(/^PLAY RECAP .*$/m)
  if (after === undefined) return undefined
  const sums: Record<string, number> = {}
  for (const [, key = '', value] of after.matchAll(/\b([a-z]+)=(\d+)/g)) sums[key] = (sums[key] ?? 0) + Number(value)
  return sums
}

export const peer: Runner = {
  name: 'peer',
  command: (stage, kind) =>
    kind === 'start'
      ? undefined
      : command(stage, 'ansible-playbook', join(PLAYBOOK, 'site.yml'), ...(FLAGS[kind] ?? [])),
  connect: (stage) => command(stage, 'ansible', 'all', '-m', 'raw', '-a', 'true'),
  fault: ({ code, stdout }, kind) => {
    const { changed = 0, failed, unreachable } = recap(stdout) ?? {}
    if (code !== 0 || failed !== 0 || unreachable !== 0) return `exit code ${code}`
    if (kind === 'first' || kind === 'drift') return changed > 0 ? undefined : 'it changed nothing'
    return changed === 0 ? undefined : `${changed} changes`
  },
  prepare: async (stage) => {
    rmSync(folder(stage), { recursive: true, force: true })
    mkdirSync(folder(stage))
    execFileSync(process.execPath, [join(PLAYBOOK, 'inventory.mts'), stage.env, folder(stage)])
  },
}
