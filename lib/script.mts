/** One framed script per node: guards compiled to POSIX sh, and the frames that come back. */
import { randomBytes } from 'node:crypto'
import { FULL } from './disk.mts'
import { BEGIN, DRIVER, END, HOLD, take } from './driver.mts'
import type { Guard } from './guard.mts'

/** `changed`: applied and seen to hold. `pending`: not yet, in a check. `unsure`: the check itself failed. */
export type Result = 'ok' | 'changed' | 'pending' | 'failed' | 'unsure' | 'skipped'
const RESULTS: readonly string[] = ['ok', 'changed', 'pending', 'failed', 'unsure', 'skipped']

export type Frame =
  /** The shell runs as root and has read the whole script. */
  | { readonly at: 'hello' }
  | { readonly at: 'start' | 'apply' | 'verify' | 'wait'; readonly index: number }
  | { readonly at: 'end'; readonly index: number; readonly result: Result; readonly status: number }
  | { readonly at: 'bye' }
  /** Whether this run has the lock of the node now, and how many seconds ago anybody held it; its owner's lines follow. */
  | { readonly at: 'lock'; readonly taken: boolean; readonly age: number | undefined }

/** What a node says whose shell would tell secrets: they go through printf. */
export const NO_PRINTF = 'printf is not built into sh'

export interface Script {
  readonly text: string
  /** The frame that a line is, or undefined for output of the guard that runs. */
  readonly frame: (line: string) => Frame | undefined
}

/**
 * The script for these guards. The whole of it is one group with an empty standard input: the shell has read all before it
 * runs any, so that a connection cut in the middle runs nothing, and no command can eat the rest (sh -s reads its own stdin).
 * What follows it there is for the watchdog. With an `owner` it takes the lock first, and keeps it after the last guard.
 */
export function compile(guards: readonly Guard[], mode: 'check' | 'apply', tellAll = false, owner?: string): Script {
  // Output of a node must not be taken for a frame, so frames carry a number that a node has not seen before.
  const mark = `@@${randomBytes(6).toString('hex')} `
  const functions = guards.map((guard, index) =>
    [
      `check${index}() {\n${guard.check}\n}`,
      ...(mode === 'apply' && guard.apply !== undefined ? [`apply${index}() {\n${guard.apply}\n}`] : []),
      ...(mode === 'apply' ? [`why${index}() {\n${guard.why ?? ':'}\n}`] : []),
    ].join('\n'),
  )
  const calls = guards.map(
    (guard, index) => `guard ${index} ${guard.apply === undefined ? 'require' : 'apply'} ${guard.wait ?? 0}`,
  )
  const text = [
    '{',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL; umask 022; cd /',
    // Elsewhere than in the shell itself its arguments could be read by all who can log in.
    `[ "$(command -v printf)" = printf ] || { echo '${NO_PRINTF}'; exit 1; }`,
    `mode=${mode} tellall=${tellAll ? 1 : ''}`,
    `frame() { printf '\\n${mark}%s\\n' "$*"; }`,
    BEGIN,
    ...(mode === 'apply' ? [FULL] : []),
    DRIVER,
    ...functions,
    ...(owner === undefined ? [] : [take(owner)]),
    '{ :',
    ...calls,
    '} 2>&1 | relay',
    ...(owner === undefined ? [] : [HOLD]),
    END,
    '} 3<&0 </dev/null 2>&1',
    '',
  ].join('\n')
  return { text, frame: (line) => (line.startsWith(mark) ? parse(line.slice(mark.length)) : undefined) }
}

function parse(text: string): Frame | undefined {
  const [at = '', index = '', result = '', status = ''] = text.split(' ')
  if (at === 'hello' || at === 'bye') return { at }
  if (at === 'lock')
    return { at, taken: index === 'taken', age: status === '' ? undefined : Number(result) - Number(status) }
  if (!/^\d+$/.test(index)) return undefined
  if (at === 'end' && RESULTS.includes(result))
    return { at, index: Number(index), result: result as Result, status: Number(status) }
  if (at === 'start' || at === 'apply' || at === 'verify' || at === 'wait') return { at, index: Number(index) }
  return undefined
}
