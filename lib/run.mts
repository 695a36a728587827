/** The runner: one survey per node, then phases, step by step with a barrier after each. It knows no daemon by name. */
import { createHash } from 'node:crypto'
import { type Past, past, resumed } from './checkpoint.mts'
import { type Config, hostsOf, type Node } from './config.mts'
import { type Lost, NodeFailure, UnreachableError } from './errors.mts'
import type { Event, GuardEnd } from './event.mts'
import { everyOne, exchange, type Item, type Job, lostOf, remedyOf, work } from './exchange.mts'
import { EVERY_NODE, type Facts, factsFrom } from './facts.mts'
import { type Guard, type Phase, SHOWN, type Step } from './guard.mts'
import type { Talk } from './lock.mts'

const NOTHING = factsFrom(new Map())

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
export const askAll = (job: Job, phases: readonly Phase[], before: Facts = NOTHING) =>
  ask(job, hostsOf(job.config), (node, facts) => ({ ...usual(job, phases), ...slow(job, phases, node, facts) }), before)

/** The same of one node, which may be slow or dead, and keeps nobody waiting then. */
export const askOne = (job: Job, phases: readonly Phase[], node: Node) =>
  ask(job, [node], (one, facts) => ({ ...usual(job, phases), ...slow(job, phases, one, facts) }), NOTHING)

/** What all nodes are asked for, without what takes long: for that, `begun` is called as soon as the first node answers. */
export const askQuickly = (job: Job, phases: readonly Phase[], talk: Talk, begun: () => void) =>
  ask(job, hostsOf(job.config), () => usual(job, phases), NOTHING, talk, begun)

/** What takes long: it is asked beside the rest. */
export interface Slowly {
  /** Begins, and drops what was begun before. The first node is connected then. */
  readonly begin: () => void
  /** What it came to, and for the rest what is known. Throws UnreachableError. */
  readonly facts: (known: Facts) => Promise<Facts>
  /** Nobody waits for it any more. */
  readonly drop: () => Promise<void>
}

export function slowly(job: Job, phases: readonly Phase[]): Slowly {
  let dropped = new AbortController()
  let asking: ReturnType<typeof ask> | undefined
  const begin = () => {
    dropped.abort()
    dropped = new AbortController()
    const own = { ...job, stop: AbortSignal.any([job.stop, dropped.signal]) }
    asking = ask(own, hostsOf(job.config), (node, known) => slow(job, phases, node, known), NOTHING)
    // Who waits for it hears of it.
    asking.catch(() => {})
  }
  return {
    begin,
    facts: async (known) => {
      if (asking === undefined) begin()
      const { told, lost } = await (asking as ReturnType<typeof ask>)
      if (lost.length > 0) throw new UnreachableError(lost)
      return factsFrom(told, known)
    },
    drop: async () => {
      dropped.abort()
      await asking?.catch(() => {})
    },
  }
}

type Asked = Readonly<Record<string, string>>
const usual = (job: Job, phases: readonly Phase[]): Asked =>
  Object.assign({}, EVERY_NODE, ...phases.map((phase) => phase.facts?.(job.config) ?? {}))
const slow = (job: Job, phases: readonly Phase[], node: Node, facts: Facts): Asked =>
  node === job.config.nodes[0]
    ? Object.assign({}, ...phases.map((phase) => phase.slowFacts?.(job.config, facts) ?? {}))
    : {}

/** Asks these nodes until there is nothing new to be asked for. */
async function ask(
  job: Job,
  nodes: readonly Node[],
  asked: (node: Node, facts: Facts) => Asked,
  before: Facts,
  talk: Talk = exchange,
  begun?: () => void,
): Promise<{ facts: Facts; told: ReadonlyMap<string, ReadonlyMap<string, string>>; lost: readonly Lost[] }> {
  const told = new Map<string, Map<string, string>>()
  const facts = factsFrom(told, before)
  for (;;) {
    const open = nodes.flatMap((node) => {
      const guards = Object.entries(asked(node, facts))
        .filter(([title]) => told.get(node.name)?.has(title) !== true)
        .map(([title, check]): Guard => ({ title, check }))
      return guards.length === 0 ? [] : [[node, guards] as const]
    })
    if (open.length === 0) return { facts, told, lost: [] }
    const guardsOf = new Map(open)
    const lost = await lostOf(job, [...guardsOf.keys()], (node) => {
      const own = told.get(node.name) ?? new Map<string, string>()
      told.set(node.name, own)
      return factsOf(
        job,
        node,
        guardsOf.get(node) as readonly Guard[],
        own,
        talk,
        node === nodes[0] ? begun : undefined,
      )
    })
    // A node that answers no question to its end is not asked for ever.
    if (lost.length > 0) return { facts, told, lost }
    for (const [node, guards] of open)
      for (const { title } of guards) {
        const own = told.get(node.name)
        if (own?.has(title) === false) own.set(title, '')
      }
  }
}

/** `begun` is called with the first answer. */
function factsOf(
  job: Job,
  node: Node,
  guards: readonly Guard[],
  facts: Map<string, string>,
  talk: Talk,
  begun?: () => void,
) {
  let lines: string[] = []
  let since = 0
  const asked = Date.now()
  return talk(
    job,
    node,
    guards,
    'check',
    true,
    (frame) => {
      if (frame.at === 'start') [lines, since] = [[], Date.now()]
      // Not before a lock that is to be taken is taken: without it no fact is asked for.
      if (frame.at === 'start' && frame.index === 0) begun?.()
      if (frame.at !== 'end') return
      const name = guards[frame.index]?.title as string
      facts.set(name, lines.join('\n'))
      job.emit({ type: 'fact', node: node.name, fact: name, ms: Date.now() - since })
      if (name.startsWith('secret.')) job.keepSecret(lines.join('\n'))
      if (name === 'clock') {
        const [said, heard] = [Number(lines[0]), Date.now()]
        facts.set('clock-skew', String(skew(said, asked / 1000, heard / 1000)))
        // Milliseconds. The way here is in it, about the same for all nodes, and not the login or the way there: it is for comparing them.
        facts.set('clock-ahead', String(Math.round(said * 1000 - heard)))
      }
    },
    (line) => lines.push(line),
  )
}

/**
 * Seconds by which a clock is off that said this some time between our question and its answer: the way there and back takes
 * seconds where many nodes are asked at once.
 */
export const skew = (said: number, asked: number, heard: number): number =>
  said < asked ? said - asked : said > heard ? said - heard : 0

const has = (nodes: readonly Node[], node: Node) => nodes.some((one) => one.name === node.name)

function itemsFor(job: Job, facts: Facts, phases: readonly Phase[], node: Node): readonly Item[] {
  return phases.flatMap((phase) =>
    phase.steps
      .filter((step) => has(step.on(job.config, facts), node))
      .flatMap((step) => step.guards(job.config, facts, node).map((guard) => ({ phase, step, guard }))),
  )
}

/**
 * The checks of these phases, in one script per node, each text once; nothing is changed. `also` gives phases of nodes beside those of the run.
 * Where the facts have shown everything, no node is asked.
 */
export async function check(
  job: Job,
  facts: Facts,
  phases: readonly Phase[],
  also: (node: Node) => readonly Phase[] = () => [],
): Promise<readonly GuardEnd[]> {
  const ends: GuardEnd[] = []
  await everyOne(job, hostsOf(job.config), async (node) => {
    const items = itemsFor(job, facts, [...also(node), ...(has(job.nodes, node) ? phases : [])], node)
    const open = items.filter(({ guard }) => guard.check !== SHOWN)
    const sent = open.filter((item) => item === firstAlike(open, item))
    const told: GuardEnd[] = []
    const lost = sent.length > 0 ? await work(job, node, sent, 'check', true, told) : undefined
    for (const item of items) {
      const first = firstAlike(open, item)
      const end = first === undefined ? shown(item, node) : told.find((end) => isOf(end, first, node))
      if (end === undefined) continue
      const own = item === first ? end : { ...end, ...placeOf(item), ...remedyOf(item.guard, end.output) }
      ends.push(own)
      if (item !== first) job.emit(own)
    }
    return lost
  })
  return ends
}

const firstAlike = (items: readonly Item[], { guard }: Item) => items.find((one) => one.guard.check === guard.check)

const shown = (item: Item, node: Node): GuardEnd => ({
  ...placeOf(item),
  type: 'guard',
  node: node.name,
  state: 'ok',
  output: '',
  status: 0,
  ms: 0,
})

const placeOf = ({ phase, step, guard }: Item) => ({
  phase: phase.id,
  step: step.title,
  guard: guard.title,
  required: guard.apply === undefined,
})

/**
 * What the nodes are like, and the checks of these phases. What takes long is waited for beside the checks of the phases that do
 * without it.
 */
export async function look(
  job: Job,
  known: Facts,
  late: Slowly,
  phases: readonly Phase[],
  also: (node: Node) => readonly Phase[],
): Promise<{ readonly facts: Facts; readonly ends: readonly GuardEnd[] }> {
  const part = (slow: boolean) => (all: readonly Phase[]) =>
    all.filter((phase) => (phase.slowFacts !== undefined) === slow)
  const [quick, slow] = [part(false), part(true)]
  const first = check(job, known, quick(phases), (node) => quick(also(node)))
  const asked = late.facts(known)
  // Neither is left behind when the other one fails.
  await Promise.allSettled([first, asked])
  const [ends, facts] = [await first, await asked]
  return { facts, ends: [...ends, ...(await check(job, facts, slow(phases), (node) => slow(also(node))))] }
}

/** Whether a phase holds on every node that was asked. */
export const holds = (ends: readonly GuardEnd[], phase: Phase): boolean =>
  ends.every((end) => end.phase !== phase.id || end.state === 'ok')

/** What is known of a phase that is about to be run. */
export interface Before {
  /** What the last look at it has seen. */
  readonly seen: readonly GuardEnd[]
  /** Nothing was changed since. */
  readonly fresh: boolean
  /** What was done of it already. */
  readonly made: readonly GuardEnd[]
}

interface Ran {
  readonly facts: Facts
  readonly ends: readonly GuardEnd[]
  /** Something has changed since the facts were asked for. */
  readonly stale: boolean
  /** The steps that were not come to: they were right before something was changed, and are to be looked at again. */
  readonly rest: readonly Step[]
}

/**
 * Runs the steps of a phase. Its facts are asked for again before a step when something has changed since they were.
 * What was seen to hold is not looked at as long as nothing has changed.
 * Throws NodeFailure when guards failed (on all nodes of the step, told together), UnreachableError when nodes were lost.
 */
export async function runSteps(job: Job, phase: Phase, known: Facts, before: Before): Promise<Ran> {
  let facts = known
  let stale = false
  let changed = !before.fresh
  const all: GuardEnd[] = []
  const wasRight = (step: Step) =>
    before.seen.every((end) => end.phase !== phase.id || end.step !== step.title || end.state === 'ok')
  for (const [index, step] of phase.steps.entries()) {
    job.stop.throwIfAborted()
    const rest = phase.steps.slice(index)
    if (changed && rest.every(wasRight)) return { facts, ends: all, stale, rest }
    const held = [...before.made, ...(changed ? [] : before.seen.filter(({ state }) => state === 'ok'))]
    if (stale) facts = await readFacts(job, [phase], facts)
    stale = false
    const nodes = step.on(job.config, facts).filter((node) => has(job.nodes, node))
    job.emit({ type: 'step', phase: phase.id, step: step.title, nodes: nodes.map((node) => node.name) })
    const ends: GuardEnd[] = []
    const itemsOf = (guards: readonly Guard[]) => guards.map((guard) => ({ phase, step, guard }))
    const failed = () => ends.filter((end) => end.state === 'failed' || end.state === 'unsure')
    /** It is asked first where a change of it concerns others. */
    const settled = async (node: Node, items: readonly Item[]): Promise<boolean> => {
      const known = items.map((item) => held.find((end) => isOf(end, item, node)))
      if (known.every((end) => end !== undefined)) {
        all.push(...known)
        return true
      }
      if (step.around === undefined) return false
      const seen: GuardEnd[] = []
      await everyOne(job, [node], () => work(job, node, items, 'check', true, seen))
      if (seen.some(({ state }) => state !== 'ok')) return false
      all.push(...seen)
      return true
    }
    const change = (node: Node, items: readonly Item[]) => work(job, node, items, 'apply', step.tellAll ?? false, ends)
    /** What is done for the sake of a change is none itself. */
    const emit = (event: Event) =>
      job.emit(event.type === 'guard' && event.state === 'changed' ? { ...event, state: 'ok' } : event)
    const everywhere = (guards: readonly Guard[] = []) =>
      everyOne(job, guards.length === 0 ? [] : job.config.nodes.filter((node) => has(job.nodes, node)), (node) =>
        work({ ...job, emit }, node, itemsOf(guards), 'apply', false, ends),
      )
    try {
      if (step.oneByOne?.(job.config, facts)) {
        for (const node of nodes) {
          job.stop.throwIfAborted()
          const items = itemsOf(step.guards(job.config, facts, node))
          if (await settled(node, items)) continue
          const { before, after } = step.around?.(job.config, facts, node) ?? {}
          await everywhere(before)
          if (failed().length === 0) await everyOne(job, [node], () => change(node, items))
          if (failed().length === 0) await everywhere(after)
          if (failed().length > 0) break
        }
      } else
        await everyOne(job, nodes, async (node) => {
          const items = itemsOf(step.guards(job.config, facts, node))
          return (await settled(node, items)) ? undefined : change(node, items)
        })
    } finally {
      all.push(...ends)
      const now = ends.some((end) => end.state === 'changed' || end.state === 'failed')
      changed ||= now
      stale = now && step.keepsFacts !== true
    }
    if (failed().length > 0) throw new NodeFailure(failed())
  }
  job.stop.throwIfAborted()
  return { facts, ends: all, stale, rest: [] }
}

const isOf = (end: GuardEnd, { phase, step, guard }: Item, node: Node): boolean =>
  end.phase === phase.id && end.step === step.title && end.node === node.name && end.guard === guard.title

/** The settings without what is secret: a hash of little else could be tried out. */
function withoutSecrets(config: Config): Config {
  const text = JSON.stringify(config, (_, value) => (config.secrets.includes(value) ? 'secret' : value))
  return { ...(JSON.parse(text) as Config), file: '', secrets: [] }
}

/**
 * Hash of the settings, and of what the guards of a phase ask of a node of which nothing is known: with its state in it, a
 * daemon that was stopped would look like other settings.
 */
const fingerprint = (job: Job, phase: Phase, node: Node): string => {
  const config = withoutSecrets(job.config)
  const texts = phase.steps
    .flatMap((step) => step.guards(config, factsFrom(new Map()), node))
    .map(({ title, check, apply }) => [title, check, apply ?? ''])
  return createHash('sha256')
    .update(JSON.stringify([config, texts]))
    .digest('hex')
}

/** Puts on record that a phase holds on the nodes of this run. */
export function record(job: Job, facts: Facts, phase: Phase): void {
  for (const node of job.nodes) {
    job.checkpoints.set(phase.id, node.name, {
      fingerprint: fingerprint(job, phase, node),
      machineId: facts.get(node, 'machine-id'),
      guards: itemsFor(job, facts, [phase], node).map(({ guard }) => guard.title),
    })
  }
  job.checkpoints.save()
}

/** How a phase stands to what is on record, where this guard does not hold. */
export const pastOf = (job: Job, facts: Facts, phase: Phase, node: Node, guard: string): Past =>
  past(job.checkpoints.get(phase.id, node.name), fingerprint(job, phase, node), facts.get(node, 'machine-id'), guard)

/** The line on what an earlier run has finished and this one goes on with, if there is anything to say. */
export const resumedFrom = (job: Job, facts: Facts, found: readonly GuardEnd[]): string | undefined =>
  resumed(
    job.phases.map((phase) => {
      const known = job.nodes.map((node) => {
        const one = job.checkpoints.get(phase.id, node.name)
        const ours =
          one?.machineId === facts.get(node, 'machine-id') && one.fingerprint === fingerprint(job, phase, node)
        return ours ? one : undefined
      })
      const recorded = job.nodes.every((node) => job.checkpoints.get(phase.id, node.name) !== undefined)
      return { phase: phase.id, known, recorded, holds: holds(found, phase) }
    }),
    Date.now(),
  )
