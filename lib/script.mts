/** One framed script per node: guards compiled to POSIX sh, and the frames that come back. */
import { randomBytes } from 'node:crypto'
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

export interface Script {
  readonly text: string
  /** The frame that a line is, or undefined for output of the guard that runs. */
  readonly frame: (line: string) => Frame | undefined
}

/**
 * The driver. Each text runs in a subshell of its own with -e and -u, never in a condition: there POSIX switches -e off.
 * A check that waits tells what it sees only when that changes.
 */
const DRIVER = `
state() { ( set -eu; "check$1" ); }
look() {
  seen=$(state "$1" 2>&1); rc=$?; last=
  if [ "$rc" -ne 0 ] && [ "$2" -gt 0 ]; then
    until=$(($(date +%s) + $2))
    while [ "$rc" -eq 1 ] && [ "$(date +%s)" -lt "$until" ]; do
      [ "$seen" = "$last" ] || { frame wait "$1"; printf '%s\\n' "$seen"; last=$seen; }
      sleep 0.1 2>/dev/null || sleep 1
      seen=$(state "$1" 2>&1); rc=$?
    done
  fi
  [ "$seen" = "$last" ] || printf '%s\\n' "$seen"
  return "$rc"
}
bad=
end() {
  frame end "$1" "$2" "$3"
  case $2 in failed|unsure) [ "$mode" = check ] || [ -n "$tellall" ] || bad=1 ;; esac
}
guard() {
  [ -z "$bad" ] || { end "$1" skipped 0; return; }
  frame start "$1"
  patience=$3
  if [ "$mode" = check ] || [ "$2" = apply ]; then patience=0; fi
  look "$1" "$patience"; rc=$?
  case $rc in
    0) end "$1" ok 0; return ;;
    1) ;;
    *) end "$1" unsure "$rc"; return ;;
  esac
  if [ "$mode" = check ]; then end "$1" pending 1; return; fi
  if [ "$2" != apply ]; then end "$1" failed 1; return; fi
  frame apply "$1"
  ( set -eu; "apply$1" ); rc=$?
  if [ "$rc" -ne 0 ]; then end "$1" failed "$rc"; return; fi
  frame verify "$1"
  look "$1" "$3"; rc=$?
  if [ "$rc" -eq 0 ]; then end "$1" changed 0; else end "$1" failed "$rc"; fi
}`

/**
 * The script for these guards. The whole of it is one group with an empty standard input: the shell has read all before it
 * runs any, so that a connection cut in the middle runs nothing, and no command can eat the rest (sh -s reads its own stdin).
 */
export function compile(guards: readonly Guard[], mode: 'check' | 'apply', tellAll = false): Script {
  // Output of a node must not be taken for a frame, so frames carry a number that a node has not seen before.
  const mark = `@@${randomBytes(6).toString('hex')} `
  const functions = guards.map((guard, index) =>
    [
      `check${index}() {\n${guard.check}\n}`,
      ...(mode === 'apply' && guard.apply !== undefined ? [`apply${index}() {\n${guard.apply}\n}`] : []),
    ].join('\n'),
  )
  const calls = guards.map(
    (guard, index) => `guard ${index} ${guard.apply === undefined ? 'require' : 'apply'} ${guard.wait ?? 0}`,
  )
  const text = [
    '{',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL; umask 022; cd /',
    `mode=${mode} tellall=${tellAll ? 1 : ''}`,
    `frame() { printf '\\n${mark}%s\\n' "$*"; }`,
    'frame hello',
    DRIVER.trim(),
    ...functions,
    ...calls,
    'frame bye',
    '} </dev/null 2>&1',
    '',
  ].join('\n')
  return { text, frame: (line) => (line.startsWith(mark) ? parse(line.slice(mark.length)) : undefined) }
}

function parse(text: string): Frame | undefined {
  const [at = '', index = '', result = '', status = ''] = text.split(' ')
  if (at === 'hello' || at === 'bye') return { at }
  if (!/^\d+$/.test(index)) return undefined
  if (at === 'end' && RESULTS.includes(result))
    return { at, index: Number(index), result: result as Result, status: Number(status) }
  if (at === 'start' || at === 'apply' || at === 'verify' || at === 'wait') return { at, index: Number(index) }
  return undefined
}
