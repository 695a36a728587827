/** The phases in their order as a listr2 list, the nodes side by side under each, and what becomes of the run. */
import { Listr, type ListrTask } from 'listr2'
import type { Node } from './config.mts'
import { LockedError, NodeFailure, UnconfirmedError, UnreachableError } from './errors.mts'
import type { GuardEnd, Outcome } from './event.mts'
import { exchange, type Job } from './exchange.mts'
import { type Facts, otherRun } from './facts.mts'
import type { Phase, Step } from './guard.mts'
import type { Show } from './live.mts'
import { type Lock, type Talk, takeLock } from './lock.mts'
import { inOrder, standings } from './plan.mts'
import { refusals } from './refusals.mts'
import { askQuickly, holds, look, pastOf, readFacts, record, resumedFrom, runSteps, slowly } from './run.mts'

/** How the phases are run. */
export interface How {
  readonly plan: boolean
  /** A list that redraws itself. */
  readonly live: boolean
  /** Takes the lock, and with --wait waits for it. A verb that changes nothing takes none. */
  readonly lock?: { readonly owner: string; readonly wait: boolean }
  /** What the phases ask has been agreed to. */
  readonly agreed?: boolean
}

/**
 * Surveys, and unless this is only a plan runs the phases that do not hold, in order. A phase that fails is the last one.
 * The errors that an operator can meet become the outcome; a bug is thrown, and an UnconfirmedError where somebody has to be asked.
 */
export async function orchestrate(job: Job, how: How, show: Show): Promise<Outcome> {
  let facts: Facts | undefined
  let found: readonly GuardEnd[] = []
  let changed = 0
  /** How much had been changed when a phase was last looked at. */
  const seenAt = new Map<string, number>()
  const fresh = (phase: Phase) => (seenAt.get(phase.id) ?? 0) === changed
  let lock: Lock | undefined

  const { nodes, phases } = job
  const all = [...job.before, ...phases]
  const late = slowly(job, all)
  // Lines that a terminal has no room for would scroll away, and those under way with them.
  const rows = process.stdout.rows || 24
  const lineEach = rows > 1 + phases.length + 2 * nodes.length
  const keepAll = rows > 1 + phases.length * (1 + nodes.length) + nodes.length

  const lookAround: ListrTask = {
    title: `survey of ${job.config.nodes.length} nodes${job.config.arbiter ? ' and the arbiter' : ''}`,
    task: async (_, line) => {
      job.emit({ type: 'phase', phase: 'survey', state: 'start' })
      show.share(line)
      const ask = (talk: Talk) => askQuickly(job, all, talk, late.begin)
      const taken = how.lock && (await takeLock(job, how.lock, ask))
      lock = taken?.lock
      const asked = taken?.asked ?? (await ask(exchange))
      if (asked.lost.length > 0) throw new UnreachableError(asked.lost)
      const other = how.lock === undefined && otherRun(job.config, asked.facts)
      if (other) job.emit({ type: 'lock', state: 'seen', ...other })
      // The refusals need more than what is to be run.
      const left = (node: Node) => (job.nodes.includes(node) ? [] : job.phases.filter((phase) => phase.together))
      const looked = await look(job, asked.facts, late, job.phases, (node) => [...job.before, ...left(node)])
      const { ends } = looked
      facts = looked.facts
      const chosen = (end: GuardEnd) =>
        job.phases.some(({ id }) => id === end.phase) && job.nodes.some(({ name }) => name === end.node)
      found = ends.filter(chosen)
      const refused = how.plan ? [] : refusals(job, ends)
      for (const one of refused) job.emit({ type: 'refused', ...one })
      if (refused.length > 0) throw new NodeFailure([])
      const questions = [...new Set(job.phases.flatMap((phase) => phase.asks?.(job.config, asked.facts) ?? []))]
      for (const text of questions)
        job.emit({ type: 'note', phase: 'survey', nodes: job.nodes.map(({ name }) => name), text })
      if (questions.length > 0 && !how.plan && !how.agreed) throw new UnconfirmedError(questions)
      if (!how.plan) tellWhatIsDone(job, facts, found)
      tellThePast(job, facts, found)
      for (const phase of job.phases)
        for (const text of phase.notes?.(job.config, facts) ?? [])
          job.emit({ type: 'note', phase: phase.id, nodes: job.config.nodes.slice(0, 1).map(({ name }) => name), text })
      // In the list the notes stay under the survey.
      show.share(undefined)
      line.title = [lookAround.title, ...show.notes()].join('\n')
      job.emit({ type: 'phase', phase: 'survey', state: 'end' })
    },
  }

  /** What was begun of phases to come, by their ids; and how it is ended where the run is. */
  const ahead = new Map<string, Promise<readonly GuardEnd[]>>()
  const cut = new AbortController()
  const goAhead = (ended: Phase): void => {
    for (const phase of phases.slice(phases.indexOf(ended) + 1)) {
      const steps = phase.steps.filter(({ after }) => after === ended.id)
      if (steps.length === 0 || holds(found, phase)) continue
      const own = { ...job, stop: AbortSignal.any([job.stop, cut.signal]) }
      const known = facts as Facts
      const begin = async () => {
        const asked = changed > 0 ? await readFacts(own, [phase], known) : known
        return (await runSteps(own, { ...phase, steps }, asked, { seen: found, fresh: fresh(phase), made: [] })).ends
      }
      const begun = begin()
      // Its phase hears of it.
      begun.catch(() => {})
      ahead.set(phase.id, begun)
    }
  }

  /**
   * What held may have been undone by a change since. It is looked at again in one go: these steps, and the phases after them up
   * to the first that did not hold. `stale`: the facts of their phase are asked for again, too.
   */
  const lookAgain = async (phase: Phase, steps: readonly Step[], stale: boolean): Promise<void> => {
    const after = phases.slice(phases.indexOf(phase) + 1)
    const open = after.findIndex((one) => !holds(found, one))
    const held = after.slice(0, open < 0 ? after.length : open)
    const asked = [...(stale ? [phase] : []), ...held].filter((one) => one.facts !== undefined)
    if (asked.length > 0) facts = await readFacts(job, asked, facts)
    const all = [{ ...phase, steps }, ...held]
    for (const { id } of all) seenAt.set(id, changed)
    const looked = await look(job, facts as Facts, slowly(job, all), all, () => [])
    facts = looked.facts
    const again = (end: GuardEnd) =>
      all.some(({ id, steps }) => id === end.phase && steps.some(({ title }) => title === end.step))
    found = [...found.filter((end) => !again(end)), ...looked.ends]
  }

  const run = async (phase: Phase, made: readonly GuardEnd[]): Promise<void> => {
    changed += made.filter((end) => end.state === 'changed').length
    for (let left = phase; ; ) {
      const before = { seen: found, fresh: fresh(phase), made }
      const { facts: known, ends, stale, rest } = await runSteps(job, left, facts as Facts, before)
      facts = known
      changed += ends.filter((end) => end.state === 'changed' && !made.includes(end)).length
      if (rest.length === 0) return ended(phase, stale)
      await lookAgain(phase, rest, stale)
      left = { ...phase, steps: rest }
      if (holds(found, left)) return ended(phase, false)
    }
  }

  /**
   * Its own facts are read for the record; those of the next phase with them where that is to be run, unless something is done for
   * it still.
   */
  const ended = async (phase: Phase, stale: boolean): Promise<void> => {
    const next = phases[phases.indexOf(phase) + 1]
    goAhead(phase)
    const runs = changed > 0 && next !== undefined && !ahead.has(next.id) && !holds(found, next)
    const asked = [...(stale ? [phase] : []), ...(runs ? [next] : [])]
    if (asked.length > 0) facts = await readFacts(job, asked, facts)
    record(job, facts as Facts, phase)
    show.head(undefined)
    job.emit({ type: 'phase', phase: phase.id, state: 'end' })
  }

  const tasks = phases.map(
    (phase): ListrTask => ({
      title: `${phase.id}  ${phase.title}`,
      task: async (_, line) => {
        job.emit({ type: 'phase', phase: phase.id, state: 'start' })
        show.head(line)
        show.share(line)
        const made = await ahead.get(phase.id)
        if (made && changed > 0) facts = await readFacts(job, [phase], facts)
        if (holds(found, phase) && !fresh(phase)) await lookAgain(phase, phase.steps, true)
        if (holds(found, phase)) {
          await ended(phase, false)
          return undefined
        }
        // In the end its title is alone again.
        const whole = () => run(phase, made ?? []).finally(() => show.head(undefined))
        if (!lineEach) return whole()
        // Each node's line settles when the whole phase has, so that nothing runs on when one rejects.
        show.share(undefined)
        const done = whole()
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
  } catch (thrown) {
    // A stop that we made ourselves has its reason.
    const error = job.stop.aborted ? job.stop.reason : thrown
    if (error instanceof NodeFailure) return 'failed'
    if (error instanceof UnreachableError) return 'unreachable'
    if (error instanceof LockedError) {
      for (const one of error.holders) job.emit({ type: 'lock', state: 'held', ...one })
      return 'locked'
    }
    if (job.stop.aborted) return 'interrupted'
    throw error
  } finally {
    // Nothing runs on.
    cut.abort()
    await Promise.allSettled(ahead.values())
    await late.drop()
    await lock?.release()
  }
  if (how.plan) return planned(job, found)
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

/** Says once what a run that was cut off has finished. */
function tellWhatIsDone(job: Job, facts: Facts, found: readonly GuardEnd[]): void {
  const text = resumedFrom(job, facts, found)
  const nodes = job.nodes.map((node) => node.name)
  if (text !== undefined) job.emit({ type: 'note', phase: 'survey', nodes, text })
}

/** Says of each phase that does not hold how it stands to the checkpoints; nodes with the same story share a line. */
function tellThePast(job: Job, facts: Facts, ends: readonly GuardEnd[]): void {
  for (const phase of job.phases) {
    const stories = new Map<string, string[]>()
    for (const node of job.nodes) {
      const story = ends
        .filter((end) => end.phase === phase.id && end.node === node.name && end.state !== 'ok')
        .map(({ guard }) => ({ guard, past: pastOf(job, facts, phase, node, guard) }))
        .filter(({ past }) => past !== 'never done')
        .map(({ guard, past }) => `${past}: not true any more: ${guard}`)[0]
      if (story === undefined) continue
      stories.set(story, [...(stories.get(story) ?? []), node.name])
    }
    for (const [text, nodes] of stories) job.emit({ type: 'note', phase: phase.id, nodes, text })
  }
}
