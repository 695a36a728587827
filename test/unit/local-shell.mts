/** Framed scripts run here, as sshd would start them: the shell reads them from its standard input. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Guard } from '../../lib/guard.mts'
import { compile, type Frame, type Result } from '../../lib/script.mts'

/** The shells that a node's `sh` can be, each with the program that has it. */
export const SHELLS: readonly (readonly [string, readonly string[]])[] = [
  ['dash', ['dash']],
  ['bash', ['bash', '--posix']],
  ['busybox', ['busybox', 'sh']],
]

/** How a guard ended, and each line that it printed, frames like "wait" between them. */
export interface Ended {
  readonly result: Result
  readonly status: number
  readonly said: readonly string[]
}

export interface Answer {
  readonly ends: readonly Ended[]
  readonly frames: readonly Frame[]
  readonly whole: boolean
  readonly status: number | null
  readonly stderr: string
}

/** Feeds a shell from a pipe that stays open, as the connection to a node does; `$0` is the folder of the pipe. */
const OPEN = `
  mkfifo "$0/in" && exec 3<>"$0/in" 4<&0 || exit
  cat <&4 >&3 &
  exec 4<&-
  setsid -w "$@" -s <&3 3<&-
  rc=$?
  kill "$!" 2>/dev/null
  exit "$rc"`

/** Ends when the script does. With `cut` the connection ends after the input. */
export function shell(words: readonly string[], input: string, cut = false) {
  const command = cut ? ['setsid', '-w', ...words, '-s'] : ['sh', '-c', OPEN, folder(), ...words]
  const [program = 'sh', ...args] = command
  const result = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 64 << 20, timeout: 60_000 })
  if (result.error) throw result.error
  return result
}

/** The guards in one script, in that shell. */
export function run(
  words: readonly string[],
  guards: readonly Guard[],
  mode: 'check' | 'apply' = 'apply',
  tellAll = false,
  edit: (text: string) => string = (text) => text,
): Answer {
  const script = compile(guards, mode, tellAll)
  const { stdout, stderr, status } = shell(words, edit(script.text))
  const ends: Ended[] = []
  const frames: Frame[] = []
  let said: string[] = []
  for (const line of stdout.split('\n')) {
    const frame = script.frame(line)
    if (frame === undefined) {
      if (line !== '') said.push(line)
      continue
    }
    frames.push(frame)
    if (frame.at === 'start') said = []
    else if (frame.at === 'end') {
      ends[frame.index] = { result: frame.result, status: frame.status, said }
      said = []
    } else if ('index' in frame) said.push(`<${frame.at}>`)
  }
  return { ends, frames, whole: frames.at(-1)?.at === 'bye', status, stderr }
}

export const results = (answer: Answer): readonly Result[] => answer.ends.map(({ result }) => result)

const folders: string[] = []
process.on('exit', () => {
  for (const dir of folders) rmSync(dir, { recursive: true, force: true })
})

/** A folder that is gone when this process ends. */
export function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-'))
  folders.push(dir)
  return dir
}
