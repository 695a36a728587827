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

// biome-ignore lint/suspicious/noExplicitAny: listr2's type parameters are its renderers, which are chosen at run time.
type Line = ListrTaskWrapper<unknown, any, any>

/**
 * Surveys, and unless this is only a plan runs the phases that do not hold, in order. A phase that fails is the last one.
 * The errors that an operator can meet become the outcome; a bug is thrown.
 */
export async function orchestrate(job: Job, how: { plan: boolean; live: boolean }, show: Show): Promise<Outcome> {
  let facts: Facts | undefined
  let found: Survey = { facts: { get: () => '' }, ends: [] }
  let changed = 0

  const lookAround: ListrTask = {
    title: `survey of ${job.config.nodes.length} nodes`,
    task: async () => {
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
        if (changed > 0) facts = await readFacts(job, [phase], facts)
        // What held in the survey may have been undone by a change since: then it is looked at again, in one go.
        const held = holds(found.ends, phase)
        if (held && (changed === 0 || holds(await check(job, facts as Facts, [phase]), phase))) {
          record(job, facts as Facts, phase)
          job.emit({ type: 'phase', phase: phase.id, state: 'end' })
          return undefined
        }
        // Each node's line settles when the whole phase has, so that nothing runs on when one rejects.
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
      rendererOptions: { collapseSubtasks: false, collapseErrors: false, showErrorMessage: false },
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
  readonly watch: (phase: string, node: string, line: Line) => void
}

export function show(): Show {
  const open = new Map<string, Line>()
  return {
    watch: (phase, node, line) => open.set(`${phase} ${node}`, line),
    emit: (event) => {
      if (event.type !== 'guard' && event.type !== 'output') return
      const line = open.get(`${event.phase} ${event.node}`)
      if (line === undefined) return
      if (event.type === 'output') line.output = `${event.guard}: ${event.line}`
      else if (event.state === 'wait') line.output = `waiting until ${event.guard}`
      else if (event.state === 'failed' || event.state === 'unsure') line.output = `failed: ${event.guard}`
      else line.output = event.guard
    },
  }
}
