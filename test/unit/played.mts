/** A node whose programs are played, for guards that ask the system: a folder of scripts that come first, and what they keep. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Guard } from '../../lib/guard.mts'
import { KEPT } from '../../lib/guards/file.mts'
import { type Ended, folder, run } from './local-shell.mts'

/** systemd: units are active or enabled where a file says so, and one may have an ExecStart. */
const SYSTEMCTL = `
verb= units=
for word; do
  case $word in
    --*) ;;
    is-active | is-enabled | show | cat | enable | disable | restart | start | stop) verb=$word ;;
    ExecStart | Id | ActiveState) what="\${what:-} $word" ;;
    *) units="$units $word" ;;
  esac
done
for unit in $units; do
  case $verb in
    is-active | is-enabled) ! grep -qx "$unit" "$PLAYED/\${verb#is-}" 2>/dev/null || found=1 ;;
    show)
      for one in $what; do
        case $one in
          ExecStart) cat "$PLAYED/ExecStart.$unit" 2>/dev/null || : ;;
          Id) echo "Id=$unit.service" ;;
          ActiveState) if grep -qx "$unit" "$PLAYED/active"; then echo ActiveState=active; else echo ActiveState=inactive; fi ;;
        esac
      done
      echo ;;
    disable) sed -i "/^$unit$/d" "$PLAYED/active" "$PLAYED/enabled" ;;
  esac
done
case $verb in is-*) [ -n "\${found:-}" ] ;; esac`

export interface Played {
  /** Where the paths of the node are, and what the programs keep. */
  readonly top: string
  /** One more program, or another one for a name. */
  readonly program: (name: string, text: string) => void
  readonly units: (state: 'active' | 'enabled', ...names: readonly string[]) => void
  /** Runs the guards in one script, by these words: a shell, or what starts one. */
  readonly run: (words: readonly string[], ...guards: readonly Guard[]) => readonly Ended[]
}

export function played(): Played {
  const top = folder()
  for (const dir of ['bin', 'etc', 'kept']) mkdirSync(join(top, dir))
  const program = (name: string, text: string) =>
    writeFileSync(join(top, 'bin', name), `#!/bin/sh\nPLAYED=${top}\n${text}\n`, { mode: 0o755 })
  const units = (state: 'active' | 'enabled', ...names: readonly string[]) =>
    writeFileSync(join(top, state), names.map((name) => `${name}\n`).join(''))
  program('systemctl', SYSTEMCTL)
  units('active')
  units('enabled')
  const here = (text: string) =>
    text
      .replaceAll(KEPT, join(top, 'kept'))
      .replaceAll(/(?<![\w./-])\/etc\//g, `${join(top, 'etc')}/`)
      .replaceAll('PATH=/usr/local/sbin', `PATH=${join(top, 'bin')}:/usr/local/sbin`)
  return { top, program, units, run: (words, ...guards) => run(words, guards, 'apply', true, here).ends }
}

/** A guard that changes or shows what is there, as a step between others: what it prints is in `said`. */
export const step = (text: string): Guard => ({ title: text, check: text })
