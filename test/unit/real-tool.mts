/** The programs that will read what is rendered, run on it here. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Suite } from '../suite.mts'

const PATH = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`

function installed(tool: string): boolean {
  return PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Adds tests that need a program; where it is missing each of them counts as skipped. */
export const needing =
  (test: Suite, tool: string): ((title: string, handler: () => unknown) => void) =>
  (title, handler) =>
    installed(tool) ? test(title, handler) : test.skip(title, `${tool} is not installed`)

/** Exit code and all output of a program, within two minutes. */
export function runTool(
  tool: string,
  args: readonly string[],
): { readonly code: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(tool, args, {
    encoding: 'utf8',
    // For a tool that hangs: how fast a busy machine is today is not what is tested.
    timeout: 120_000,
    env: { ...process.env, PATH, LC_ALL: 'C' },
  })
  return { code: status, output: `${stdout}${stderr}` }
}

/** The text in a file that is gone when `use` has ended. */
export async function withFile<T>(name: string, text: string, use: (file: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-'))
  try {
    writeFileSync(join(folder, name), text)
    return await use(join(folder, name))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Runs `corosync -t` as the first node. Only these lines differ from the product's text: the node's name and the key's place. */
export const corosyncTest = (conf: string, first: string) =>
  withFile('authkey', 'k'.repeat(256), (key) => {
    const here = conf
      .replace(`  name: ${first}\n`, `  name: ${hostname().split('.')[0]}\n`)
      .replace('totem {\n', `totem {\n  keyfile: ${key}\n`)
    return withFile('corosync.conf', here, (file) => runTool('corosync', ['-t', '-c', file]))
  })
