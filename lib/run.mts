/** The runner: one survey per node, then phases, step by step with a barrier after each. It knows no daemon by name. */
import { createHash } from 'node:crypto'
import { type Checkpoints, type Past, past } from './checkpoint.mts'
import type { Config, Node } from './config.mts'
import { type Lost, NodeFailure, UnreachableError } from './errors.mts'
import type { Emit, GuardEnd } from './event.mts'
import { EVERY_NODE, type Facts, factsFrom } from './facts.mts'
import type { Guard, Phase, Step } from './guard.mts'
import { compile, type Frame } from './script.mts'
import { reason, type Ssh } from './ssh.mts'

export interface Job {
  readonly config: Config
  readonly phases: readonly Phase[]
  /** The nodes to work on: all of the env file, or those of --nodes. */
  readonly nodes: readonly Node[]
  readonly ssh: Ssh
  readonly emit: Emit
  readonly signal: AbortSignal
  readonly checkpoints: Checkpoints
  /** Keeps a value out of everything that is emitted from now on. */
  readonly keepSecret: (value: string) => void
}

/** A guard in its place. */
interface Item {
  readonly phase: Phase
  readonly step: Step
  readonly guard: Guard
}

type Reason = Omit<Lost, 'node'>

/** What the survey found. */
export interface Survey {
  readonly facts: Facts
  readonly ends: readonly GuardEnd[]
}

/** A connection kept from an earlier run may have died meanwhile; ssh then says so without having asked anything. */
const STALE = /mux_client|master|control socket|Broken pipe|closed by|Connection reset|Session open refused/i

/**
 * Sends guards to one node and hands on each frame. Resolves to the reason when the node could not be asked to the end.
 * Throws on a script that no shell can read: a bug of ours.
 */
async function exchange(
  job: Job,
  node: Node,
  guards: readonly Guard[],
  mode: 'check' | 'apply',
  tellAll: boolean,
  onFrame: (frame: Frame) => void,
  onOutput: (line: string) => void,
): Promise<Reason | undefined> {
  const attempt = async () => {
    const script = compile(guards, mode, tellAll)
    const heard = { hello: false, bye: false, blank: false }
    const exit = await job.ssh.run(
      node,
      script.text,
      (line) => {
        const frame = script.frame(line)
        if (frame === undefined) {
          if (!heard.hello) return
          if (heard.blank) onOutput('')
          heard.blank = line === ''
          if (line !== '') onOutput(line)
          return
        }
        // A frame starts with a line break of its own, so that one blank line before it is nobody's output.
        heard.blank = false
        if (frame.at === 'hello') heard.hello = true
        if (frame.at === 'bye') heard.bye = true
        onFrame(frame)
      },
      job.signal,
    )
    return { exit, heard }
  }
  let { exit, heard } = await attempt()
  if (!heard.hello && exit.status === 255 && STALE.test(exit.stderr)) ({ exit, heard } = await attempt())
  job.signal.throwIfAborted()
  if (heard.bye) return undefined
  if (!heard.hello && /syntax error|unexpected/i.test(exit.stderr) && exit.status === 2)
    throw new Error(`the shell of ${node.name} cannot read the script: ${exit.stderr}`)
  return reason(exit)
}

/**
 * Asks every node of the env file for the facts of these phases, and keeps what was known before of others.
 * Throws UnreachableError that names all nodes which could not be asked.
 */
export async function readFacts(job: Job, phases: readonly Phase[], before?: Facts): Promise<Facts> {
  const { facts, lost } = await askAll(job, phases, before)
  if (lost.length > 0) throw new UnreachableError(lost)
  return facts
}

/** Asks every node of the env file, and says which could not be asked. */
export async function askAll(
  job: Job,
  phases: readonly Phase[],
  before?: Facts,
): Promise<{ facts: Facts; lost: readonly Lost[] }> {
  const asked = Object.assign({}, EVERY_NODE, ...phases.map((phase) => phase.facts?.(job.config) ?? {}))
  const names = Object.keys(asked)
  const guards = names.map((title): Guard => ({ title, check: asked[title] }))
  const known = new Map<string, Map<string, string>>()
  const lost = await lostOf(job, job.config.nodes, async (node) => {
    const facts = new Map<string, string>()
    known.set(node.name, facts)
    let lines: string[] = []
    return exchange(
      job,
      node,
      guards,
      'check',
      true,
      (frame) => {
        if (frame.at === 'start') lines = []
        if (frame.at !== 'end') return
        const name = names[frame.index] as string
        facts.set(name, lines.join('\n'))
        if (name.startsWith('secret.')) job.keepSecret(lines.join('\n'))
        // Taken at once: how far the node's clock is from ours, in seconds.
        if (name === 'clock') facts.set('clock-skew', String(Number(lines[0]) - Date.now() / 1000))
      },
      (line) => lines.push(line),
    )
  })
  return { facts: factsFrom(known, before), lost }
}

/** Runs `ask` on all nodes at once, waits for all, and throws one error for all that were lost. */
async function everyOne(job: Job, nodes: readonly Node[], ask: (node: Node) => Promise<Reason | undefined>) {
  const lost = await lostOf(job, nodes, ask)
  if (lost.length > 0) throw new UnreachableError(lost)
}

/** As `everyOne`, for a caller that can do without those that were lost. */
async function lostOf(job: Job, nodes: readonly Node[], ask: (node: Node) => Promise<Reason | undefined>) {
  const answers = await Promise.allSettled(nodes.map(async (node) => ({ node, lost: await ask(node) })))
  const lost = answers.flatMap((answer) => {
    if (answer.status === 'rejected') throw answer.reason
    return answer.value.lost ? [{ node: answer.value.node.name, ...answer.value.lost }] : []
  })
  for (const one of lost) job.emit({ type: 'unreachable', ...one })
  return lost
}

/** Sends the guards of these items to a node, tells each event, and collects how they ended. */
async function work(
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
  return exchange(
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
        const end: GuardEnd = {
          ...place,
          type: 'guard',
          state: frame.result,
          output: output.join('\n'),
          status: frame.status,
          ms: frame.result === 'skipped' ? 0 : Date.now() - since,
          required: guard.apply === undefined,
          ...(guard.remedy === undefined ? {} : { remedy: guard.remedy }),
          ...(failed ? { command: (stage === 'apply' ? guard.apply : undefined) ?? guard.check } : {}),
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
      if (frame.at !== 'wait') stage = frame.at
      said = []
      // A wait is told with what is seen, which is the next line.
      waiting = frame.at === 'wait'
      if (!waiting) job.emit({ type: 'guard', ...place, state: frame.at })
    },
    (line) => {
      said.push(line)
      if (current === undefined) return
      const place = { phase: current.phase.id, node: node.name, guard: current.guard.title }
      if (stage === 'apply') job.emit({ type: 'output', ...place, line })
      if (waiting) job.emit({ type: 'guard', ...place, step: current.step.title, state: 'wait', seen: line })
      waiting = false
    },
  )
}

const has = (nodes: readonly Node[], node: Node) => nodes.some((one) => one.name === node.name)

function itemsFor(job: Job, facts: Facts, phases: readonly Phase[], node: Node): readonly Item[] {
  return phases.flatMap((phase) =>
    phase.steps
      .filter((step) => has(step.on(job.config, facts), node))
      .flatMap((step) => step.guards(job.config, facts, node).map((guard) => ({ phase, step, guard }))),
  )
}

/** Facts and the checks of these phases: two scripts per node, nothing changed. */
export async function survey(job: Job, phases: readonly Phase[]): Promise<Survey> {
  const facts = await readFacts(job, phases)
  return { facts, ends: await check(job, facts, phases) }
}

export async function check(job: Job, facts: Facts, phases: readonly Phase[]): Promise<readonly GuardEnd[]> {
  const ends: GuardEnd[] = []
  await everyOne(job, job.nodes, async (node) => {
    const items = itemsFor(job, facts, phases, node)
    return items.length === 0 ? undefined : work(job, node, items, 'check', true, ends)
  })
  return ends
}

/** Whether a phase holds on every node that was asked. */
export const holds = (ends: readonly GuardEnd[], phase: Phase): boolean =>
  ends.every((end) => end.phase !== phase.id || end.state === 'ok')

/**
 * Runs one phase. Its facts are read again before a step whenever something has changed since they were.
 * Throws NodeFailure when guards failed (on all nodes of the step, told together), UnreachableError when nodes were lost.
 */
export async function runPhase(
  job: Job,
  phase: Phase,
  known: Facts,
): Promise<{ facts: Facts; ends: readonly GuardEnd[] }> {
  let facts = known
  let stale = false
  const all: GuardEnd[] = []
  for (const step of phase.steps) {
    if (stale) facts = await readFacts(job, [phase], facts)
    stale = false
    const nodes = step.on(job.config, facts).filter((node) => has(job.nodes, node))
    job.emit({ type: 'step', phase: phase.id, step: step.title, nodes: nodes.map((node) => node.name) })
    const ends: GuardEnd[] = []
    const run = async (node: Node) => {
      const items = step.guards(job.config, facts, node).map((guard) => ({ phase, step, guard }))
      return items.length === 0 ? undefined : work(job, node, items, 'apply', step.tellAll ?? false, ends)
    }
    const failed = () => ends.filter((end) => end.state === 'failed' || end.state === 'unsure')
    try {
      if (step.oneByOne?.(job.config, facts)) {
        for (const node of nodes) {
          await everyOne(job, [node], run)
          if (failed().length > 0) break
        }
      } else await everyOne(job, nodes, run)
    } finally {
      all.push(...ends)
      stale = ends.some((end) => end.state === 'changed' || end.state === 'failed')
    }
    if (failed().length > 0) throw new NodeFailure(failed())
  }
  if (stale) facts = await readFacts(job, [phase], facts)
  record(job, facts, phase)
  return { facts, ends: all }
}

/** Hash of what the guards of a phase ask of a node. */
const fingerprint = (job: Job, facts: Facts, phase: Phase, node: Node): string => {
  const texts = itemsFor(job, facts, [phase], node).map(({ guard }) => [guard.title, guard.check, guard.apply ?? ''])
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex')
}

/** Puts on record that a phase holds on the nodes of this run. */
export function record(job: Job, facts: Facts, phase: Phase): void {
  for (const node of job.nodes) {
    job.checkpoints.set(phase.id, node.name, fingerprint(job, facts, phase, node), facts.get(node, 'machine-id'))
  }
  job.checkpoints.save()
}

/** How a phase that does not hold on a node stands to what is on record. */
export const pastOf = (job: Job, facts: Facts, phase: Phase, node: Node): Past =>
  past(job.checkpoints.get(phase.id, node.name), fingerprint(job, facts, phase, node), facts.get(node, 'machine-id'))
