/** The lock: one run at a time works on a cluster. It is held on all nodes or none, by a session per node that stays open. */
import { hostname, userInfo } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { Node } from './config.mts'
import { LOCK, OVER } from './driver.mts'
import { type Holder, LockedError, UnreachableError } from './errors.mts'
import { converse, exchange, type Job } from './exchange.mts'
import type { Guard } from './guard.mts'
import { reason } from './reason.mts'
import { compile } from './script.mts'
import { sh } from './shell.mts'
import type { Exit, Session } from './ssh.mts'

/** How nodes are asked: plainly, or with the lock taken in the same breath. */
export type Talk = typeof exchange

export interface Lock {
  readonly release: () => Promise<void>
}

/** Milliseconds between two tries of one who waits; and of one who met another that began at the same moment. */
const AGAIN = 2000
const AT_ONCE = 200
const TRIES = 15

/** What a node says of the lock: a line on its owner, and the shell's process id there. */
interface Answer {
  readonly node: Node
  readonly taken: boolean
  /** Seconds since somebody held it. */
  readonly age: number | undefined
  readonly lines: string[]
  session?: Session
}

/** The line that others read of us. */
export const ownerLine = (command: string): string =>
  `${userInfo().username}@${hostname()} (pid ${process.pid}) since ${new Date().toISOString().replace(/\.\d+Z/, 'Z')}: ${command}`

/**
 * Asks all nodes of the env file, and takes the lock with that. Another run's lock is waited for, or throws LockedError;
 * nodes that could not be asked throw UnreachableError: then no lock is left.
 */
export async function takeLock<T extends { readonly lost: readonly unknown[] }>(
  job: Job,
  how: { readonly owner: string; readonly wait: boolean },
  ask: (talk: Talk) => Promise<T>,
): Promise<{ readonly lock: Lock; readonly asked: T }> {
  let told = ''
  for (let tries = 1; ; tries++) {
    const answers: Answer[] = []
    const since = Date.now()
    const asked = await ask((...to) => talk(answers, how.owner, ...to)).catch(async (error: unknown) => {
      await letGo(answers)
      throw error
    })
    const held = answers.filter((one) => !one.taken)
    if (asked.lost.length === 0 && held.length === 0) {
      const lock = keep(job, answers)
      try {
        return { lock, asked: await fresh(answers, since, ask, asked) }
      } catch (error) {
        // Nobody else knows of the lock yet.
        await lock.release()
        throw error
      }
    }
    await letGo(answers)
    if (held.length === 0) return { lock: { release: async () => {} }, asked }
    // Two that begin at the same moment may each get a part: who has the first node tries again, the other gives up.
    const first = answers.map((one) => one.node.address).sort()[0]
    const near = held.every((one) => one.node.address !== first) && tries <= TRIES
    const holders = held.map(({ node, age, lines }) => ({ node: node.name, age, owner: ownerOf(lines) }))
    // A run that was cut off is finished by the same command, also while a node still is at its last package.
    const over = held.every((one) => one.lines[2] === OVER)
    if (!near && !over && !how.wait) throw new LockedError(holders)
    const story = holders.map((one) => one.owner).join()
    if (!near && story !== told) for (const one of holders) job.emit({ type: 'lock', state: 'waits', ...one })
    told = near ? told : story
    await pause(near ? AT_ONCE : AGAIN, undefined, { signal: job.stop })
  }
}

const ownerOf = ([owner = '', , state]: readonly string[]): string =>
  state === OVER ? `${owner} (it is over, and the node finishes its package transaction)` : owner

/** A conversation that takes the lock, and stays open afterwards. */
async function talk(
  answers: Answer[],
  owner: string,
  ...[job, node, guards, mode, tellAll, onFrame, onOutput]: Parameters<Talk>
) {
  let answer: Answer | undefined
  let reading = false
  const { session, lost } = await converse(
    job,
    node,
    compile(guards, mode, tellAll, owner),
    mode,
    (frame) => {
      reading = frame.at === 'lock'
      if (frame.at !== 'lock') return onFrame(frame)
      answer = { node, taken: frame.taken, age: frame.age, lines: [] }
      answers.push(answer)
    },
    (line) => {
      if (reading) answer?.lines.push(line)
      else onOutput(line)
    },
  )
  if (answer?.taken) answer.session = session
  return lost
}

/**
 * What was read while another run may still have worked is read again: that run held the lock when we had begun already, or
 * has left it without a word.
 */
async function fresh<T>(
  answers: readonly Answer[],
  since: number,
  ask: (talk: Talk) => Promise<T>,
  asked: T,
): Promise<T> {
  const elapsed = (Date.now() - since) / 1000
  const doubtful = answers.some(({ age, lines }) => lines.length > 0 || (age !== undefined && age < elapsed))
  return doubtful ? ask(exchange) : asked
}

function keep(job: Job, answers: readonly Answer[]): Lock {
  let released = false
  for (const { node, age, lines, session } of answers) {
    if (lines[0] !== undefined) job.emit({ type: 'lock', state: 'expired', node: node.name, age, owner: lines[0] })
    // Without its lock on each node a run must not go on.
    const lost = (exit: Exit) => {
      if (released) return
      const gone = exit.status === 255 || exit.status === undefined
      const why = reason(exit)
      if (gone) job.emit({ type: 'unreachable', node: node.name, ...why })
      job.halt(
        gone
          ? new UnreachableError([{ node: node.name, ...why }])
          : new LockedError([{ node: node.name, age: undefined, owner: '' }]),
      )
    }
    session?.exit.then(lost, (error) => job.halt(error))
  }
  return {
    release: async () => {
      released = true
      await letGo(answers)
    },
  }
}

async function letGo(answers: readonly Answer[]): Promise<void> {
  for (const { session } of answers) session?.say('release')
  await Promise.allSettled(answers.map(({ session }) => session?.exit))
}

/** No run holds the lock of the node: for `make unlock`. */
export const unlocked: Guard = {
  title: 'no run holds the lock',
  check: sh`
    [ -s ${LOCK} ] || exit 0
    if flock -n ${LOCK} true; then state="left by a run that is over"; else state=held; fi
    echo "$state, last sign of life $(($(date +%s) - $(stat -c %Y ${LOCK}))) s ago:"
    head -n 1 ${LOCK}
    exit 1`,
  apply: sh`
    pid=$(sed -n 2p ${LOCK})
    # Only a shell that has the lock's file open is ended.
    if [ "$(readlink "/proc/$pid/fd/9")" = ${LOCK} ]; then kill -TERM "$pid"; fi
    flock -w 10 ${LOCK} true
    # Its watchdog may be about to write that nobody listens any more.
    watched() {
      for one in /proc/[0-9]*/cmdline; do
        case $(tr '\\0' ' ' <"$one" 2>/dev/null) in *"quorate-watchdog $pid "*) return 0 ;; esac
      done
      return 1
    }
    tries=0
    while watched && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
    flock -w 10 ${LOCK} sh -c ${`: >${LOCK}`}`,
  remedy: 'its owner is finishing a package transaction: try again in a minute',
}

export const holderText = ({ node, owner, age }: Holder): string =>
  `${node}: ${owner || 'the lock was taken away'}${age === undefined ? '' : `; last sign of life ${Math.max(0, Math.round(age))} s ago`}`
