/** What the live list shows of a run: under each phase what its nodes do and for how long, and beside it how far the run has come. */
import type { Emit } from './event.mts'
import { alike, type Course, type Doing, LONG, type Now, underway } from './progress.mts'
import { several } from './style.mts'

/** A line of the list. */
export interface Line {
  title?: string | undefined
  output?: string | undefined
}

/** Where the live list shows what a node does. */
export interface Show {
  readonly emit: Emit
  /** Time has gone by: what lasts is shown with its time. */
  readonly tick: () => void
  /** The phase that runs, beside which stands how far the run has come. */
  readonly head: (line: Line | undefined) => void
  /** The line of a node in a phase. */
  readonly watch: (phase: string, node: string, line: Line) => void
  /** The line under which all nodes are shown that are being asked and have none of their own. */
  readonly share: (line: Line | undefined) => void
  /** What the survey had to say. */
  readonly notes: () => readonly string[]
}

/** Groups of nodes in a shared line; the terminal may be low. */
const GROUPS = 4
/** Columns beside a title: its mark. */
const MARK = 2

/** That an answer is waited for needs no word. */
const worded = ({ word, phase }: Doing, text: string): string =>
  word === 'waits' && phase !== '' ? `waits ${text}` : text

/** `course` is what stands beside a title where `columns` are enough for both. */
export function show(now: Now = Date.now, course?: Course, columns = 0): Show {
  const own = new Map<string, Line>()
  const nodes = underway(now)
  const notes: string[] = []
  let shared: Line | undefined
  let head: { readonly line: Line; readonly title: string } | undefined
  let stopping = ''
  let current = ''
  const tell = () => {
    if (shared === undefined) return
    const groups = alike(nodes.all(), now)
    const lines = groups.map(({ nodes, text, one }) => `${several(nodes)}: ${worded(one, text)}`)
    const more = lines.length > GROUPS ? [`and ${lines.length - GROUPS + 1} more`] : []
    shared.output = [...lines.slice(0, more.length > 0 ? GROUPS - 1 : GROUPS), ...more].join('\n')
  }
  return {
    watch: (phase, node, line) => own.set(`${phase} ${node}`, line),
    share: (line) => {
      if (shared) shared.output = ''
      shared = line
    },
    head: (line) => {
      if (head) head.line.title = head.title
      head = line && { line, title: line.title ?? '' }
    },
    notes: () => notes,
    tick: () => {
      const text = head && `${head.title}  ${course?.text() ?? ''}`
      if (head && text && text.length + MARK <= columns) head.line.title = text
      tell()
      if (stopping !== '') return
      for (const one of nodes.all()) {
        const [line, ms] = [own.get(`${one.phase || current} ${one.node}`), now() - one.since]
        // Between two steps a node is asked anew: that is worth a word only where it takes long.
        if (line && (one.phase !== '' || ms >= LONG)) line.output = worded(one, one.text(ms))
      }
    },
    emit: (event) => {
      nodes.emit(event)
      if (event.type === 'phase' && event.state === 'start') current = event.phase
      if (event.type === 'note') {
        const where = event.phase === 'survey' ? '' : `${event.phase} on ${several(event.nodes)}: `
        notes.push(`${where}${event.text}`)
      }
      if (event.type === 'stop') {
        stopping = event.state === 'soft' ? 'stops after this step; Ctrl-C once more breaks it off' : 'breaks off'
        for (const line of own.values()) line.output = stopping
      }
      if (event.type === 'script' || event.type === 'lock') tell()
      if (event.type !== 'guard' && event.type !== 'output') return
      const line = own.get(`${event.phase} ${event.node}`)
      const doing = nodes.all().find(({ phase, node }) => phase === event.phase && node === event.node)
      if (line && doing) line.output = worded(doing, doing.text(now() - doing.since))
      else if (line && event.type === 'guard') line.output = endOf(event.state, event.guard)
      tell()
    },
  }
}

/** What a node has just done. */
const endOf = (state: string, guard: string): string =>
  `${state === 'failed' || state === 'unsure' ? 'failed' : state}: ${guard}`
