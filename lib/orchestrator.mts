/** The phases in their order as a listr2 list, the nodes side by side under each, and what becomes of the run. */
import { Listr, type ListrTask, type ListrTaskWrapper } from 'listr2'
import type { Node } from './config.mts'
import { NodeFailure, UnreachableError } from './errors.mts'
import type { Event, GuardEnd, Outcome } from './event.mts'
import type { Job } from './exchange.mts'
import type { Facts } from './facts.mts'
import type { Phase } from './guard.mts'
import { inOrder, standings } from './plan.mts'
import { check, holds, pastOf, readFacts, record, runPhase, type Survey, survey } from './run.mts'
import type { Ssh } from './ssh.mts'
import { several } from './style.mts'

// biome-ignore lint/suspicious/noExplicitAny: listr2's type parameters are its renderers, which are chosen at run time.
type Line = ListrTaskWrapper<unknown, any, any>

/**
 * Surveys, and unless this is only a plan runs the phases that do not hold, in order. A phase that fails is the last one.
 * The errors that an operator can meet become the outcome; a bug is thrown.
 */
export async function orchestrate(given: Job, how: { plan: boolean; live: boolean }, show: Show): Promise<Outcome> {
  const job = { ...given, ssh: show.heard(given.ssh) }
  let facts: Facts | undefined
  let found: Survey = { facts: { get: () => '' }, ends: [] }
  let changed = 0

  const { nodes, phases } = job
  // Lines that a terminal has no room for would scroll away, and those under way with them.
  const rows = process.stdout.rows || 24
  const lineEach = rows > 1 + phases.length + 2 * nodes.length
  const keepAll = rows > 1 + phases.length * (1 + nodes.length) + nodes.length

  const lookAround: ListrTask = {
    title: `survey of ${job.config.nodes.length} nodes`,
    task: async (_, line) => {
      job.emit({ type: 'phase', phase: 'survey', state: 'start' })
      show.share(line)
      found = await survey(job, job.phases)
      facts = found.facts
      tellThePast(job, found)
    },
  }

  const run = async (phase: Phase): Promise<void> => {
    const result = await runPhase(job, phase, facts as Facts)
    facts = result.facts
    changed += result.ends.filter((end) => end.state === 'changed').length
    job.emit({ type: 'phase', phase: phase.id, state: 'end' })
  }

  const tasks = job.phases.map(
    (phase): ListrTask => ({
      title: `${phase.id}  ${phase.title}`,
      task: async (_, line) => {
        job.emit({ type: 'phase', phase: phase.id, state: 'start' })
        show.share(line)
        if (changed > 0) facts = await readFacts(job, [phase], facts)
        // What held in the survey may have been undone by a change since: then it is looked at again, in one go.
        const held = holds(found.ends, phase)
        if (held && (changed === 0 || holds(await check(job, facts as Facts, [phase]), phase))) {
          record(job, facts as Facts, phase)
          job.emit({ type: 'phase', phase: phase.id, state: 'end' })
          return undefined
        }
        if (!lineEach) return run(phase)
        // Each node's line settles when the whole phase has, so that nothing runs on when one rejects.
        show.share(undefined)
        const done = run(phase)
        return line.newListr(
          job.nodes.map((node) => ({
            title: node.name,
            task: async (_ctx, own) => {
              show.watch(phase.id, node.name, own)
              await done.catch((error: unknown) => {
                if (concerns(error, node, job.nodes)) throw error
              })
            },
          })),
          { concurrent: true, exitOnError: true },
        )
      },
    }),
  )

  try {
    await new Listr(how.plan ? [lookAround] : [lookAround, ...tasks], {
      renderer: how.live ? 'default' : 'silent',
      // Interrupts are ours: listr2 would leave the process at once, with the remote work going on.
      registerSignalListeners: false,
      rendererOptions: { collapseSubtasks: !keepAll, collapseErrors: false, showErrorMessage: false },
    }).run()
  } catch (error) {
    if (job.signal.aborted) return 'interrupted'
    if (error instanceof NodeFailure) return 'failed'
    if (error instanceof UnreachableError) return 'unreachable'
    throw error
  }
  if (how.plan) return planned(job, found.ends)
  return changed > 0 ? 'changed' : 'ok'
}

/** An error that names its nodes is those nodes' alone; one that names none of these lines is everybody's, or it were lost. */
function concerns(error: unknown, node: Node, all: readonly Node[]): boolean {
  const named =
    error instanceof NodeFailure
      ? error.ends.map((end) => end.node)
      : error instanceof UnreachableError
        ? error.lost.map((one) => one.node)
        : []
  return named.includes(node.name) || !all.some((one) => named.includes(one.name))
}

/** What a plan comes to: a failure when something is not true that no change before it could make true. */
function planned(job: Job, ends: readonly GuardEnd[]): Outcome {
  const nodes = job.nodes.map((node) => node.name)
  const all = [...standings(inOrder(job.phases, nodes, ends)).values()]
  return all.includes('wrong') ? 'failed' : all.includes('change') ? 'pending' : 'ok'
}

/** Says of each phase that does not hold how it stands to the checkpoints; nodes with the same story share a line. */
function tellThePast(job: Job, { facts, ends }: Survey): void {
  for (const phase of job.phases) {
    const stories = new Map<string, string[]>()
    for (const node of job.nodes) {
      const open = ends.find((end) => end.phase === phase.id && end.node === node.name && end.state !== 'ok')
      const past = open && pastOf(job, facts, phase, node)
      if (open === undefined || past === 'never done') continue
      const story = `${past}: not true any more: ${open.guard}`
      stories.set(story, [...(stories.get(story) ?? []), node.name])
    }
    for (const [text, nodes] of stories) job.emit({ type: 'note', phase: phase.id, nodes, text })
  }
}

/** Where the live list shows what a node does. */
export interface Show {
  readonly emit: (event: Event) => void
  /** The line of a node in a phase. */
  readonly watch: (phase: string, node: string, line: Line) => void
  /** The line under which all nodes are shown that are being asked and have none of their own. */
  readonly share: (line: Line | undefined) => void
  /** The same way to the nodes, of which it is known whose answer is still to come. */
  readonly heard: (ssh: Ssh) => Ssh
}

/** Groups of nodes in a shared line; the terminal may be low. */
const GROUPS = 4

export function show(): Show {
  const own = new Map<string, Line>()
  /** What the nodes do that are being asked. */
  const doing = new Map<string, string>()
  let shared: Line | undefined
  const tell = () => {
    if (shared === undefined) return
    const groups = [...Map.groupBy(doing, ([, text]) => text)]
    const lines = groups.map(([text, nodes]) => `${several(nodes.map(([node]) => node))}: ${text}`)
    const more = lines.length > GROUPS ? [`and ${lines.length - GROUPS + 1} more`] : []
    shared.output = [...lines.slice(0, more.length > 0 ? GROUPS - 1 : GROUPS), ...more].join('\n')
  }
  return {
    watch: (phase, node, line) => own.set(`${phase} ${node}`, line),
    share: (line) => {
      if (shared) shared.output = ''
      shared = line
    },
    heard: (ssh) => ({
      run: async (node, ...rest) => {
        doing.set(node.name, 'no answer yet')
        tell()
        try {
          return await ssh.run(node, ...rest)
        } finally {
          doing.delete(node.name)
          tell()
        }
      },
    }),
    emit: (event) => {
      if (event.type !== 'guard' && event.type !== 'output') return
      const line = own.get(`${event.phase} ${event.node}`)
      if (event.type === 'output') {
        if (line) line.output = `${event.guard}: ${event.line}`
        return
      }
      const text = doingOf(event)
      if (line) line.output = text
      if (doing.has(event.node)) doing.set(event.node, text)
      tell()
    },
  }
}

/** What a node does, or has just done. */
function doingOf(event: Extract<Event, { type: 'guard' }>): string {
  if (event.state === 'wait') return `waits until ${event.guard}: ${event.seen ?? ''}`
  if (event.state === 'failed' || event.state === 'unsure') return `failed: ${event.guard}`
  if (event.state === 'ok' || event.state === 'changed') return `${event.state}: ${event.guard}`
  return event.guard
}
