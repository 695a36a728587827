/** Where the time of a run went, made of the events: a table, and a trace file for a browser's trace viewer. */
import type { Emit, Event } from './event.mts'
import { type Print, seconds, several, styled, width } from './style.mts'

/** What a node is at. */
const KINDS = ['connecting', 'asking', 'checking', 'applying', 'waiting'] as const
type Kind = (typeof KINDS)[number]

export interface Span {
  /** Empty for a phase of the run. */
  readonly node: string
  readonly phase: string
  readonly kind: Kind | 'phase'
  readonly name: string
  /** Milliseconds since the run began. */
  readonly from: number
  readonly to: number
}

export interface Profile {
  readonly emit: Emit
  readonly spans: () => readonly Span[]
}

/** What the events of a guard begin. */
const BEGINS: Readonly<Record<string, Kind>> = {
  start: 'checking',
  apply: 'applying',
  verify: 'checking',
  wait: 'waiting',
}

/** `now` gives milliseconds since the run began. */
export function profile(now: () => number): Profile {
  const spans: Span[] = []
  /** Since when scripts are on their way to a node, and guards at work there. */
  const sent = new Map<string, number[]>()
  const at = new Map<string, Omit<Span, 'to'>>()
  const phases = new Map<string, number>()
  let current = ''

  const close = (key: string, to: number) => {
    const open = at.get(key)
    if (open) spans.push({ ...open, to })
    at.delete(key)
  }
  const script = ({ node, state }: Extract<Event, { type: 'script' }>, time: number) => {
    const waiting = sent.get(node) ?? []
    sent.set(node, waiting)
    if (state === 'sent') waiting.push(time)
    // A second try has a hello of its own.
    const from = state === 'hello' ? waiting.shift() : undefined
    if (from !== undefined) spans.push({ node, phase: current, kind: 'connecting', name: 'connecting', from, to: time })
  }
  const guard = (event: Extract<Event, { type: 'guard' }>, time: number) => {
    const { node, phase, guard: name, state } = event
    // Two phases may be at work on a node at the same time.
    const key = `${node} ${phase}`
    // A wait is told anew with each thing that is seen.
    if (state === 'wait' && at.get(key)?.kind === 'waiting') return
    close(key, time)
    const kind = BEGINS[state]
    if (kind) at.set(key, { node, phase, kind, name, from: time })
  }
  return {
    emit: (event) => {
      const time = now()
      if (event.type === 'script') script(event, time)
      if (event.type === 'guard') guard(event, time)
      if (event.type === 'unreachable') for (const [key, { node }] of [...at]) if (node === event.node) close(key, time)
      if (event.type === 'fact')
        spans.push({
          node: event.node,
          phase: current,
          kind: 'asking',
          name: event.fact,
          from: time - event.ms,
          to: time,
        })
      if (event.type !== 'phase') return
      const { phase } = event
      current = phase
      if (event.state === 'start') phases.set(phase, time)
      else spans.push({ node: '', phase, kind: 'phase', name: phase, from: phases.get(phase) ?? time, to: time })
    },
    spans: () => spans,
  }
}

/** With more nodes than this the table has the slowest of them and the middle one, each row by itself. */
const FEW_NODES = 4
/** So many single things are listed below it. */
const LONGEST = 5

/**
 * Phase by node: how long each was at what, in seconds. What is left of the run's time is this machine's own: its start, its
 * thinking between scripts, and the waits for nodes that were slower.
 */
export function profileTable(print: Print, spans: readonly Span[], ms: number): void {
  const own = spans.filter((one) => one.node !== '')
  const nodes = [...new Set(own.map(({ node }) => node))]
  const sum = (all: readonly Span[]) => all.reduce((total, { from, to }) => total + to - from, 0)
  const rows = [...Map.groupBy(own, ({ phase, kind }) => `${phase} ${kind}`).values()].map((same) => {
    const [{ phase, kind }] = same as [Span]
    return { phase, kind, times: nodes.map((node) => sum(same.filter((one) => one.node === node))) }
  })
  const columns = nodes.length > FEW_NODES ? ['slowest', 'middle'] : nodes
  const shown = (times: readonly number[]) => {
    if (nodes.length <= FEW_NODES) return times
    const sorted = [...times].sort((a, b) => b - a)
    return [sorted[0] as number, sorted[Math.floor(sorted.length / 2)] as number]
  }
  const room = Math.max(9, ...columns.map((name) => name.length + 2))
  const side = Math.max(0, ...rows.map(({ phase }) => phase.length)) + 2
  const cell = (time: number) => (time < 1 ? '' : (time / 1000).toFixed(2)).padStart(room)
  print(`\n${styled('bold', 'where the time went')} (seconds)`)
  print(`${''.padEnd(side + 10)}${columns.map((name) => name.padStart(room)).join('')}`)
  let last = ''
  for (const { phase, kind, times } of rows) {
    print(`${(phase === last ? '' : phase).padEnd(side)}${kind.padEnd(10)}${shown(times).map(cell).join('')}`.trimEnd())
    last = phase
  }
  const total = nodes.map((node) => sum(own.filter((one) => one.node === node)))
  print(`${'all'.padEnd(side + 10)}${shown(total).map(cell).join('')}`)
  const idle = ((ms - covered(own)) / 1000).toFixed(2)
  print(`no script was under way on any node for ${idle} s of ${seconds(ms)}`)

  const things = own.filter(({ kind }) => kind !== 'connecting')
  const alike = [...Map.groupBy(things, ({ phase, kind, name }) => JSON.stringify([phase, kind, name])).values()]
  const longest = alike
    .map((same) => ({ same, time: Math.max(...same.map(({ from, to }) => to - from)) }))
    .sort((a, b) => b.time - a.time)
    .slice(0, LONGEST)
  if (longest.length > 0) print(`\n${styled('bold', 'longest')}`)
  for (const { same, time } of longest) {
    const { kind, name } = same[0] as Span
    const text = `${(time / 1000).toFixed(2).padStart(8)}  ${kind} ${name} (${several(same.map(({ node }) => node))})`
    print(text.length > width() ? `${text.slice(0, width() - 1)}…` : text)
  }
}

/** Milliseconds within at least one of the spans. */
function covered(spans: readonly Span[]): number {
  let [end, sum] = [0, 0]
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    sum += Math.max(0, to - Math.max(from, end))
    end = Math.max(end, to)
  }
  return sum
}

/**
 * The spans as trace events, for Perfetto (https://ui.perfetto.dev) or chrome://tracing: a line for the phases, and for each node
 * as many as it had things under way at once. Times are in microseconds. Source: Trace Event Format, "Complete Events" and
 * "Metadata Events".
 */
export function traceOf(spans: readonly Span[], title: string): string {
  const micro = (ms: number) => Math.round(ms * 1000)
  const lines = new Map<string, { readonly tid: number; free: number }>()
  /** Spans of one line follow one another. */
  const lineOf = ({ node, from, to }: Span): number => {
    for (let n = 1; ; n++) {
      const name = `${node || 'phases'}${n === 1 ? '' : ` (${n})`}`
      const line = lines.get(name) ?? { tid: lines.size, free: 0 }
      if (line.free > micro(from)) continue
      line.free = micro(to)
      lines.set(name, line)
      return line.tid
    }
  }
  const inTime = [...spans].sort((a, b) => a.from - b.from || b.to - a.to)
  const events = inTime.map((span) => ({
    name: span.name,
    cat: span.kind,
    ph: 'X',
    pid: 1,
    tid: lineOf(span),
    ts: micro(span.from),
    dur: micro(span.to) - micro(span.from),
    args: { phase: span.phase },
  }))
  const named = [
    { name: 'process_name', ph: 'M', pid: 1, tid: 0, args: { name: title } },
    ...[...lines].map(([name, { tid }]) => ({ name: 'thread_name', ph: 'M', pid: 1, tid, args: { name } })),
  ]
  return JSON.stringify({ displayTimeUnit: 'ms', traceEvents: [...named, ...events] })
}
