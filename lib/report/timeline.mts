/** A run as a picture: phases and nodes over time. */
import { scaleLinear } from 'd3-scale'
import { type Html, html } from './html.mts'
import type { LoggedRun, Span } from './run-log.mts'
import { drawing, fitting, legend, rectangles, SIZES, type Size } from './svg.mts'
import { draw, isKey, say } from './words.mts'

/** Nodes beyond which their lanes are thin and have no names. */
const NAMED = 6
const STATES = ['survey', 'ok', 'changed', 'failed'] as const

/** `1.5 s`, `90 s`, `2:05 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 7200) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} min`
  return `${(seconds / 3600).toFixed(1)} h`
}

export const phaseTitle = (id: string): Html => {
  const key = `phase.${id}`
  if (id === 'survey') return say('survey')
  return isKey(key) ? html`${say(key)} <code>${id}</code>` : html`<code>${id}</code>`
}

/** The phases that something was done in, the survey first. */
const phasesOf = (spans: readonly Span[]) =>
  [
    ...new Set([
      'survey',
      ...spans
        .map(({ phase }) => phase)
        .filter((one) => one !== 'survey')
        .sort(),
    ]),
  ].filter((phase) => spans.some((one) => one.phase === phase))

function drawn(run: LoggedRun, size: Size): { readonly height: number; readonly body: Html } {
  const width = SIZES[size]
  const named = run.nodes.length <= NAMED
  const label = size === 'wide' ? 210 : named ? 76 : 8
  const lane = named ? 18 : Math.max(3, Math.min(8, 160 / run.nodes.length))
  const phases = phasesOf(run.spans)
  const last = Math.max(run.ms, ...run.spans.map(({ to }) => to), 1)
  const x = scaleLinear([0, last / 1000], [label, width - 12])
  const ticks = x.ticks(size === 'wide' ? 8 : 4)
  let y = 26
  const groups = phases.map((phase) => {
    const nodes = run.nodes.filter((node) => run.spans.some((one) => one.phase === phase && one.node === node))
    const top = y
    const head = size === 'wide' ? 6 : 22
    const height = Math.max(nodes.length * lane, size === 'wide' ? 18 : 0)
    y += head + height + (size === 'wide' ? 6 : 4)
    return { phase, nodes, top, lanes: top + head, bottom: top + head + height }
  })
  const bars = STATES.map((state) => {
    const all = groups.flatMap(({ phase, nodes, lanes }) =>
      run.spans
        .filter((one) => one.phase === phase && one.state === state && nodes.includes(one.node))
        .map((one) => {
          const from = x(one.from / 1000)
          return [
            from,
            lanes + nodes.indexOf(one.node) * lane + 1,
            Math.max(1.5, x(one.to / 1000) - from),
            lane - 2,
          ] as const
        }),
    )
    return all.length === 0 ? html`` : html`<path class="bar ${state}" d="${rectangles(all)}"/>`
  })
  const title = (phase: string) => {
    const key = `phase.${phase}`
    return phase === 'survey' ? draw('survey') : isKey(key) ? draw(key) : html`${fitting(phase, 160)}`
  }
  const marks = groups.map(({ phase, nodes, top, lanes, bottom }) => {
    const number = /^\d+/.exec(phase)?.[0] ?? ''
    const at = size === 'wide' ? (named ? lanes + 13 : (lanes + bottom) / 2 + 4) : top + 16
    return html`<line class="rule" x1="0" x2="${width}" y1="${top}" y2="${top}"/>
<text class="strong" x="4" y="${at}">${number === '' ? '' : `${number} `}${title(phase)}</text>
${
  named
    ? nodes.map(
        (node, index) =>
          html`<text class="faint" text-anchor="end" x="${label - 8}" y="${lanes + index * lane + 13}">${fitting(node, size === 'wide' ? 84 : 66)}</text>`,
      )
    : html``
}`
  })
  const axis = ticks.map(
    (tick) =>
      html`<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="22" y2="${y}"/><text class="faint" text-anchor="middle" x="${x(tick)}" y="15">${duration(tick * 1000)}</text>`,
  )
  return { height: y + 4, body: html`${axis}${marks}${bars}` }
}

/** `id`: of the element that names the picture, once on the page. */
export function timeline(id: string, run: LoggedRun): Html {
  const phases = phasesOf(run.spans)
  if (phases.length === 0) return html``
  const label = html`${say('timeline')}. ${say('timelineText', phases.filter((one) => one !== 'survey').length, run.nodes.length, duration(run.ms))}`
  return html`<figure>${drawing(id, label, (size) => drawn(run, size))}
<figcaption>${legend([
    ['survey', say('legendSurvey')],
    ['ok', say('legendOk')],
    ['changed', say('legendChanged')],
    ['failed', say('legendFailed')],
  ])}</figcaption></figure>`
}
