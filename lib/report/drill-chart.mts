/** A drill as a picture: good answers over time, the outage, who had the VIP, and who was fenced. */
import { scaleLinear } from 'd3-scale'
import { area, curveStepAfter } from 'd3-shape'
import type { DrillEnd } from '../event.mts'
import { type Html, html } from './html.mts'
import { drawing, fitting, rectangles, SIZES, type Size } from './svg.mts'
import { draw, isKey, say } from './words.mts'

const PLOT = { top: 34, height: 96 } as const
const LANE = 22

export const drillTitle = ({ name, title }: Pick<DrillEnd, 'name' | 'title'>): Html => {
  const key = `drill.${name}`
  return isKey(key) ? say(key) : html`${title}`
}

/** The share of good answers, where it changes; in a stretch without any question it is what it was. */
function shares({ answers }: DrillEnd): readonly (readonly [seconds: number, share: number])[] {
  const all: [number, number][] = []
  for (const [index, good] of answers.good.entries()) {
    const asked = good + (answers.bad[index] ?? 0)
    const at = (answers.from + index * answers.step) / 1000
    all.push([at, asked === 0 ? (all.at(-1)?.[1] ?? 1) : good / asked])
  }
  const last = answers.from + answers.good.length * answers.step
  const steps = all.filter(([, share], index) => index === 0 || share !== all[index - 1]?.[1])
  return [...steps, [last / 1000, all.at(-1)?.[1] ?? 1]]
}

function drawn(drill: DrillEnd, size: Size): { readonly height: number; readonly body: Html } {
  const width = SIZES[size]
  const left = size === 'wide' ? 120 : 78
  const points = shares(drill)
  const first = points[0]?.[0] ?? 0
  const end = points.at(-1)?.[0] ?? 1
  const x = scaleLinear([first, Math.max(end, first + 0.1)], [left, width - 12])
  const y = scaleLinear([0, 1], [PLOT.top + PLOT.height, PLOT.top])
  const bottom = PLOT.top + PLOT.height
  const shape = area<readonly [number, number]>()
    .x(([at]) => x(at))
    .y0(bottom)
    .y1(([, share]) => y(share))
    .curve(curveStepAfter)(points)
  const inside = (ms: number) => x(Math.min(end, Math.max(first, ms / 1000)))
  const names = [...new Set(drill.held.map(({ node }) => node))]
  const lanes: { text: Html; className: string; spans: readonly { from: number; to?: number }[] }[] = [
    ...names.map((node) => ({
      text: html`${fitting(`VIP ${node}`, left - 12)}`,
      className: 'vip',
      spans: drill.held.filter((one) => one.node === node),
    })),
    ...(drill.fenced ? [{ text: draw('fencing'), className: 'fenced', spans: [drill.fenced] }] : []),
  ]
  const laneTop = bottom + 10
  const foot = laneTop + lanes.length * LANE
  const ticks = x.ticks(size === 'wide' ? 10 : 4)
  const mark = (ms: number, className: string, text: Html) => {
    const at = inside(ms)
    const anchor = at > width - 90 ? 'end' : at < left + 20 ? 'start' : 'middle'
    return html`<line class="mark ${className}" x1="${at}" x2="${at}" y1="${PLOT.top - 8}" y2="${foot}"/><text class="${className}" text-anchor="${anchor}" x="${at}" y="${PLOT.top - 14}">${text}</text>`
  }
  const outage = drill.outage && { from: inside(drill.outage.from), to: inside(drill.outage.to ?? end * 1000) }
  // An outage that began when this one did would have been too long from here on.
  const late = drill.outage && drill.outage.from + drill.limitMs
  const limit =
    late !== undefined && late / 1000 < end
      ? html`<line class="mark limit" x1="${inside(late)}" x2="${inside(late)}" y1="${PLOT.top}" y2="${bottom}"/><text class="faint" text-anchor="${inside(late) > width - 90 ? 'end' : 'start'}" x="${inside(late) + (inside(late) > width - 90 ? -5 : 5)}" y="${PLOT.top + 15}">${draw('limit')}</text>`
      : html``
  const body = html`${[0, 0.5, 1].map(
    (share) =>
      html`<line class="grid" x1="${left}" x2="${width - 12}" y1="${y(share)}" y2="${y(share)}"/><text class="faint" text-anchor="end" x="${left - 8}" y="${y(share) + 4}">${Math.round(share * 100)} %</text>`,
  )}
<path class="good" d="${shape ?? ''}"/>
${outage ? html`<rect class="outage" x="${outage.from}" y="${PLOT.top}" width="${Math.max(1.5, outage.to - outage.from)}" height="${PLOT.height}"/>` : html``}
${lanes.map(
  ({ text, className, spans }, index) =>
    html`<text class="faint" text-anchor="end" x="${left - 8}" y="${laneTop + index * LANE + 14}">${text}</text><path class="bar ${className}" d="${rectangles(
      spans.map(({ from, to }) => {
        const begin = inside(from)
        return [begin, laneTop + index * LANE + 3, Math.max(1.5, inside(to ?? end * 1000) - begin), LANE - 8] as const
      }),
    )}"/>`,
)}
${limit}${mark(0, 'fault', draw('fault'))}
${drill.greenMs !== undefined && inside(drill.greenMs) - inside(0) > 90 ? mark(drill.greenMs, 'green', draw('green')) : html``}
${ticks.map((tick) => html`<text class="faint" text-anchor="middle" x="${x(tick)}" y="${foot + 18}">${tick}</text>`)}
<text class="faint" text-anchor="end" x="${width - 12}" y="${foot + 36}">${draw('sinceFault')}</text>`
  return { height: foot + 42, body }
}

/** `id`: of the element that names the picture, once on the page. */
export const drillChart = (id: string, drill: DrillEnd): Html => {
  const words =
    drill.outage === undefined
      ? say('drillTextNone', drill.limitMs)
      : say('drillText', drill.outageMs, drill.outage.node === 'here' ? say('here') : drill.outage.node, drill.limitMs)
  return html`<figure>${drawing(id, html`${say('drillPicture')}: ${drillTitle(drill)}. ${words}`, (size) => drawn(drill, size))}</figure>`
}
