/** A run as plain lines, one for each thing worth knowing: for pipes, CI and terminals that cannot redraw. */
import type { Emit } from './event.mts'
import { alike, type Course, type Doing, type Now, SILENCE, underway } from './progress.mts'
import { coloured, indented, type Print, seconds, several, width } from './style.mts'

const timeOfDay = () => new Date().toTimeString().slice(0, 8)

/** What a signal does. */
const STOPS: Readonly<Record<'soft' | 'hard', string>> = {
  soft: 'after the step that each node is in; once more breaks that off too',
  hard: 'at once; a package transaction that runs is finished by its node',
}
/** Columns from which on plain lines stand in columns. */
const ROOMY = 100

/** Tells what happens, each line with its time of day, phase, node and result, and from time to time what still lasts. */
export interface Plain {
  readonly emit: Emit
  readonly tick: () => void
}

/** `verbose` adds what holds already and live output. `course` is told when a phase begins that has something to do. */
export function plainLines(print: Print, verbose: boolean, now: Now, course: Course): Plain {
  const say = (phase: string, node: string, result: string, text: string) => {
    const [a, b, c] = width() < ROOMY ? [0, 0, 0] : [22, 12, 8]
    const words = [timeOfDay(), phase.padEnd(a), node.padEnd(b), coloured(result, result.padEnd(c)), text]
    print(words.filter(Boolean).join(' '))
  }
  const lost = new Set<string>()
  const nodes = underway(now)
  /** When somebody was told last of what a node does in a phase. */
  const told = new Map<string, number>()
  const keyOf = ({ phase, node }: { readonly phase: string; readonly node: string }) => `${phase} ${node}`
  const isLate = (one: Doing) => now() - Math.max(one.since, told.get(keyOf(one)) ?? 0) >= SILENCE
  let current = ''
  let begun = ''

  return {
    tick: () => {
      // Before a survey, or where there is none, nodes are asked in silence.
      const late = current === '' ? [] : nodes.all().filter(isLate)
      for (const { nodes, text, one } of alike(late, now)) say(one.phase || current, several(nodes), one.word, text)
      for (const one of late) told.set(keyOf(one), now())
    },
    emit: (event) => {
      nodes.emit(event)
      // It says nothing until all nodes have answered.
      if (event.type === 'phase' && event.phase === 'survey' && event.state === 'start')
        say('survey', '', 'begins', 'what holds already')
      if (event.type === 'phase' && event.state === 'start') begun = current = event.phase
      if (event.type === 'step' && event.phase === begun) {
        begun = ''
        say(event.phase, '', 'begins', course.text())
      }
      if (event.type === 'note') say(event.phase, several(event.nodes), 'note', event.text)
      // A node that dies ends each session that it had.
      if (event.type === 'unreachable' && !lost.has(event.node)) say('', event.node, 'unreachable', event.text)
      if (event.type === 'unreachable') lost.add(event.node)
      if (event.type === 'lock' && event.state === 'waits')
        say('', event.node, 'waits', `for the lock of ${event.owner}`)
      if (event.type === 'lock' && event.state === 'expired')
        say('', event.node, 'note', `the lock of a run that is over has expired: ${event.owner}`)
      if (event.type === 'stop') say('', '', 'stops', STOPS[event.state])
      if (event.type === 'output' && verbose) {
        say(event.phase, event.node, '|', event.line)
        told.set(keyOf(event), now())
      }
      if (event.type !== 'guard') return
      if (event.state === 'wait') {
        const one = nodes.all().find((one) => keyOf(one) === keyOf(event))
        if (one) say(event.phase, event.node, 'waits', one.text(now() - one.since))
        told.set(keyOf(event), now())
      }
      if (event.state === 'apply') say(event.phase, event.node, 'applies', event.guard)
      if (!('output' in event) || event.state === 'skipped' || event.state === 'pending') return
      if (event.state === 'ok' && !verbose) return
      say(event.phase, event.node, event.state, `${event.guard} (${seconds(event.ms)})`)
      if (verbose && event.output.trim() !== '') print(indented(event.output.trimEnd()))
    },
  }
}
