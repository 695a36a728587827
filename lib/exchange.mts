/** One exchange with nodes: guards go out as a script, frames come back as events. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Checkpoints } from './checkpoint.mts'
import type { Config, Node } from './config.mts'
import { FULL_REMEDY } from './disk.mts'
import { BEAT } from './driver.mts'
import { UnreachableError } from './errors.mts'
import type { Emit, GuardEnd } from './event.mts'
import type { Guard, Phase, Step } from './guard.mts'
import { type Reason, reason } from './reason.mts'
import { compile, type Frame, type Script } from './script.mts'
import { type Session, type Ssh, THROUGH } from './ssh.mts'

export interface Job {
  readonly config: Config
  readonly phases: readonly Phase[]
  /** The phases that these stand on: they must hold, and are not run. */
  readonly before: readonly Phase[]
  /** The nodes to work on: all of the env file, or those of --nodes. */
  readonly nodes: readonly Node[]
  readonly ssh: Ssh
  readonly emit: Emit
  /** Asks to stop: what changes something is finished, up to the end of its atomic step, and nothing more is begun. */
  readonly stop: AbortSignal
  /** Stops for a reason of our own, as a signal would. */
  readonly halt: (why: Error) => void
  /** Breaks off. */
  readonly signal: AbortSignal
  readonly checkpoints: Checkpoints
  /** Keeps a value out of everything that is emitted from now on. */
  readonly keepSecret: (value: string) => void
}

/** A guard in its place. */
export interface Item {
  readonly phase: Phase
  readonly step: Step
  readonly guard: Guard
}

/** Seconds that login, start files and sudo may take, all together. */
const HELLO = 60

/** A connection kept from an earlier run may have died meanwhile; ssh then says so without having asked anything. */
const STALE = /mux_client|master|control socket|Broken pipe|closed by|Connection reset|Session open refused/i

/**
 * A server that has too many logins under way hangs up on some at once (MaxStartups in sshd_config(5)): nodes behind one jump
 * host come all together. The next try finds the connection that another has made. A way that ends nowhere says the same, but
 * takes its time.
 */
const CROWDED = /kex_exchange_identification|Connection (?:closed|reset) by/i
const TRIES = 6
/** Milliseconds within which such a refusal comes, a login to a jump host included; a missing neighbour takes 3 s (arp(7)). */
const AT_ONCE = 2500

export const MUTE: Reason = {
  text: `it lets us in, but no shell of root's answers within ${HELLO} s`,
  remedy: 'look at what its login shell does there (.bashrc and the like): it must not wait for input',
}

/**
 * Sends a script to one node, hands on each frame, and resolves at its end: the last frame, or the reason why that did not
 * come. The session may outlast it. Throws on a script that no shell can read: a bug of ours.
 */
export async function converse(
  job: Job,
  node: Node,
  script: Script,
  mode: 'check' | 'apply',
  onFrame: (frame: Frame) => void,
  onOutput: (line: string) => void,
): Promise<{ readonly session: Session; readonly lost?: Reason }> {
  const attempt = async () => {
    const since = Date.now()
    const heard = { hello: false, bye: false, blank: false, before: '' }
    const cut = new AbortController()
    const cutOff = () => cut.abort()
    const said = Promise.withResolvers<void>()
    const hear = (line: string) => {
      const frame = script.frame(line)
      if (frame === undefined) {
        if (!heard.hello) {
          heard.before = line || heard.before
          return
        }
        if (heard.blank) onOutput('')
        heard.blank = line === ''
        if (line !== '') onOutput(line)
        return
      }
      // A frame starts with a line break of its own, so that one blank line before it is nobody's output.
      heard.blank = false
      if (frame.at === 'hello') {
        heard.hello = true
        job.emit({ type: 'script', node: node.name, state: 'hello' })
      }
      if (frame.at === 'bye') heard.bye = true
      onFrame(frame)
      if (heard.bye) said.resolve()
    }
    const session = job.ssh.run(node, script.text, hear, cut.signal)
    // Before hello the shell still reads the script, and would take such a line for a part of it.
    const beat = setInterval(() => heard.hello && session.say('beat'), BEAT * 1000)
    const stop = () => {
      if (mode === 'apply' && heard.hello) session.say('stop')
      else if (!heard.bye) cutOff()
    }
    const over = () => {
      clearInterval(beat)
      clearTimeout(mute)
      job.signal.removeEventListener('abort', cutOff)
      job.stop.removeEventListener('abort', stop)
    }
    const listen = (signal: AbortSignal, what: () => void) => {
      if (signal.aborted) what()
      else signal.addEventListener('abort', what)
    }
    const mute = setTimeout(() => heard.hello || cutOff(), HELLO * 1000)
    listen(job.signal, cutOff)
    listen(job.stop, stop)
    const exit = session.exit.finally(over)
    const end = await Promise.race([exit, said.promise])
    const silent = !heard.hello && cut.signal.aborted
    const quick = Date.now() - since < AT_ONCE
    return { session: { ...session, exit }, exit: end ?? { status: 0, stderr: '' }, heard, silent, quick }
  }
  job.emit({ type: 'script', node: node.name, state: 'sent' })
  let { session, exit, heard, silent, quick } = await attempt()
  const refused = (why: RegExp) => !heard.hello && exit.status === 255 && why.test(exit.stderr)
  // ssh names the port of a way through another program so when that was tried just now: nothing was kept.
  if (refused(STALE) && !THROUGH.test(exit.stderr)) ({ session, exit, heard, silent, quick } = await attempt())
  for (let tries = 2; tries < TRIES && quick && refused(CROWDED) && !/connect to host/.test(exit.stderr); tries++) {
    await pause(200 * tries * (0.5 + Math.random()), undefined, { signal: job.stop }).catch(() => {})
    if (!job.stop.aborted) ({ session, exit, heard, silent, quick } = await attempt())
  }
  job.emit({ type: 'script', node: node.name, state: 'ended' })
  job.signal.throwIfAborted()
  if (heard.bye) return { session }
  // A look that a stop has cut off.
  job.stop.throwIfAborted()
  if (!heard.hello && /syntax error|unexpected/i.test(exit.stderr) && exit.status === 2)
    throw new Error(`the shell of ${node.name} cannot read the script: ${exit.stderr}`)
  if (silent) return { session, lost: MUTE }
  return { session, lost: reason(heard.hello ? exit : { ...exit, stderr: `${heard.before}\n${exit.stderr}` }) }
}

/** Sends guards to one node and hands on each frame. Resolves to the reason when the node could not be asked to the end. */
export async function exchange(
  job: Job,
  node: Node,
  guards: readonly Guard[],
  mode: 'check' | 'apply',
  tellAll: boolean,
  onFrame: (frame: Frame) => void,
  onOutput: (line: string) => void,
): Promise<Reason | undefined> {
  const { session, lost } = await converse(job, node, compile(guards, mode, tellAll), mode, onFrame, onOutput)
  if (lost === undefined) await session.exit
  return lost
}

/** Runs `ask` on all nodes at once, waits for all, and throws one error for all that were lost. */
export async function everyOne(job: Job, nodes: readonly Node[], ask: (node: Node) => Promise<Reason | undefined>) {
  const lost = await lostOf(job, nodes, ask)
  if (lost.length > 0) throw new UnreachableError(lost)
}

/** As `everyOne`, for a caller that can do without those that were lost. */
export async function lostOf(job: Job, nodes: readonly Node[], ask: (node: Node) => Promise<Reason | undefined>) {
  const answers = await Promise.allSettled(nodes.map(async (node) => ({ node, lost: await ask(node) })))
  const lost = answers.flatMap((answer) => {
    if (answer.status === 'rejected') throw answer.reason
    return answer.value.lost ? [{ node: answer.value.node.name, ...answer.value.lost }] : []
  })
  for (const one of lost) job.emit({ type: 'unreachable', ...one })
  return lost
}

/** Sends the guards of these items to a node, tells each event, and collects how they ended. */
export async function work(
  job: Job,
  node: Node,
  items: readonly Item[],
  mode: 'check' | 'apply',
  tellAll: boolean,
  ends: GuardEnd[],
): Promise<Reason | undefined> {
  let current: Item | undefined
  /** What runs: the first look, the apply, or the look after it. */
  let stage: 'start' | 'apply' | 'verify' = 'start'
  let waiting = false
  let since = 0
  /** What the first look saw, and what was said since the stage or the wait began. */
  let difference: string[] = []
  let said: string[] = []
  const lost = await exchange(
    job,
    node,
    items.map((item) => item.guard),
    mode,
    tellAll,
    (frame) => {
      if (!('index' in frame)) return
      const { phase, step, guard } = items[frame.index] as Item
      const place = { phase: phase.id, step: step.title, node: node.name, guard: guard.title }
      if (frame.at === 'end') {
        const failed = frame.result === 'failed' || frame.result === 'unsure'
        const output = frame.result === 'ok' ? [] : frame.result === 'changed' ? difference : said
        const waited = mode === 'apply' && frame.result === 'failed' && stage !== 'apply' && guard.wait !== undefined
        const end: GuardEnd = {
          ...place,
          type: 'guard',
          state: frame.result,
          output: output.join('\n'),
          status: frame.status,
          ms: frame.result === 'skipped' ? 0 : Date.now() - since,
          required: guard.apply === undefined,
          ...remedyOf(guard, output.join('\n')),
          ...(waited ? { waited: guard.wait } : {}),
          ...(failed && stage === 'apply' ? { command: guard.apply as string } : {}),
          ...(failed && stage !== 'apply' && frame.status !== 1 ? { command: guard.check } : {}),
        }
        ends.push(end)
        job.emit(end)
        return
      }
      if (frame.at === 'start') {
        since = Date.now()
        current = items[frame.index]
      }
      if (frame.at === 'apply') difference = said
      // What an apply has said before it waits for others belongs to it.
      if (frame.at !== 'wait' || stage !== 'apply') said = []
      if (frame.at !== 'wait') stage = frame.at
      // A wait is told with what is seen, which is the next line.
      waiting = frame.at === 'wait'
      if (!waiting) job.emit({ type: 'guard', ...place, state: frame.at })
    },
    (line) => {
      said.push(line)
      if (current === undefined) return
      const place = { phase: current.phase.id, node: node.name, guard: current.guard.title }
      if (stage === 'apply') job.emit({ type: 'output', ...place, line })
      const patience = current.guard.wait ?? 0
      if (waiting) job.emit({ type: 'guard', ...place, step: current.step.title, state: 'wait', seen: line, patience })
      waiting = false
    },
  )
  // An operator wants to know what may be half done there.
  return lost && current ? { ...lost, text: `${lost.text}, while it was at: ${current.guard.title}` } : lost
}

/** What to do about it: of the failures that are known the first which the output tells of, else what the guard says. */
export function remedyOf(guard: Guard, output: string): Pick<GuardEnd, 'remedy' | 'known'> {
  for (const [pattern, remedy] of [FULL_REMEDY, ...(guard.remedies ?? [])]) {
    const found = pattern.exec(output)
    if (found) return { remedy: remedy.replaceAll('$1', () => found[1] ?? ''), known: true }
  }
  return guard.remedy === undefined ? {} : { remedy: guard.remedy }
}
