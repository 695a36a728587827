/** Guards that only people can make true, and those that just wait. */
import type { Guard } from '../guard.mts'
import { raw, sh } from '../shell.mts'

/** A state that must hold already; `check` prints what is wrong and exits 1. */
export const require = (title: string, check: string, remedy: string): Guard => ({ title, check, remedy })

/** A problem that is known from config and facts alone. */
export const problem = (title: string, text: string, remedy: string): Guard => ({
  title,
  check: sh`
    printf '%s\\n' ${text}
    exit 1`,
  remedy,
})

/** A state that comes by itself; waited for at most `seconds`. */
export const comes = (title: string, seconds: number, check: string, remedy: string): Guard => ({
  title,
  check,
  wait: seconds,
  remedy,
})

/**
 * Shell text: without this program there is nothing to wait for. In a look ("$mode" is the driver's) it may be yet to come, so
 * that the state just does not hold.
 */
export const needs = (program: string) =>
  raw(sh`
    command -v ${program} >/dev/null || {
      echo ${`there is no ${program} on this node`}
      [ "\${mode:-}" = apply ] || exit 1
      exit 2
    }`)

/** A program that an earlier phase brings: for one who runs a phase alone. */
export const brought = (program: string, by: string): Guard =>
  require(`${program} is installed`, sh`command -v ${program} >/dev/null || { echo ${`there is no ${program} on this node yet`}; exit 1; }`, `run ${by} first: npx zx tasks/${by}.mts`)
