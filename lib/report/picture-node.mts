/** A node in the picture of the cluster: its state, HAProxy, back ends and fencing. */

import type { NodeStatus, Status } from '../status.mts'
import { type Html, html } from './html.mts'
import { fitting, rows } from './svg.mts'
import { draw, isKey, say } from './words.mts'

/** Nodes beyond which a box says only what matters. */
export const ROOMY = 6
export const LINE = 19
/** A name is larger than other texts, and bold: less of it fits. */
export const NAME = 0.78

export const stateText = (state: NodeStatus['state']): Html => {
  const key = `state.${state}`
  return isKey(key) ? say(key) : html`${state}`
}

/** Signs beside the colours, for those who do not see them. */
export const sign = (well: boolean) => (well ? '✓' : '✕')
export const tone = (well: boolean) => (well ? 'well' : 'ill')
const isWell = ({ state }: NodeStatus) => state === 'online'
const half = ({ state }: NodeStatus) => state === 'standby' || state === 'pending'

/** `name ✓` for each, on as many lines as they need. */
export function chips(
  all: readonly { readonly text: string; readonly well: boolean }[],
  x: number,
  y: number,
  units: number,
) {
  const wide = all.map((one) => ({ ...one, width: Math.min(units, one.text.length * 7.2 + 32) }))
  const lines = rows(wide, units)
  const drawn = lines.flatMap((line, row) => {
    let at = x
    return line.map(({ text, well, width }) => {
      const piece = html`<text class="${tone(well)}" x="${at}" y="${y + row * LINE}"><tspan class="strong">${sign(well)}</tspan> ${fitting(text, width - 24)}</text>`
      at += width
      return piece
    })
  })
  return { lines: lines.length, drawn }
}

export const answersOf = ({ services }: Status, host: string) =>
  services.flatMap(({ name, answers }) => {
    const answer = answers.find((one) => one.host === host)
    return answer ? [{ text: name, well: answer.ok }] : []
  })

export interface Place {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export function box(status: Status, node: NodeStatus, roomy: boolean, { x, y, width, height }: Place): Html {
  const level = isWell(node) ? 'well' : half(node) ? 'half' : 'ill'
  const holds = node.vips.length > 0
  const inner = width - 24
  const key = `state.${node.state}`
  const devices = status.fencing.devices.filter((one) => one.node === node.name)
  const fencing = { text: devices.map(({ agent }) => agent).join(', '), well: devices.every(({ works }) => works) }
  const reached = node.state !== 'not reached'
  return html`<rect class="node ${level}${holds ? ' holder' : ''}" x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/>
<text class="name" x="${x + 12}" y="${y + 22}">${fitting(node.name, (inner - (node.dc ? 30 : 0)) * NAME)}</text>
${node.dc ? html`<text class="faint" text-anchor="end" x="${x + width - 12}" y="${y + 22}">DC</text>` : html``}
<text class="${level}" x="${x + 12}" y="${y + 22 + LINE}"><tspan class="strong">${level === 'half' ? '–' : sign(level === 'well')}</tspan> ${isKey(key) ? draw(key) : node.state}</text>
${reached ? html`<text class="${tone(node.haproxy === 'active')}" x="${x + 12}" y="${y + 22 + 2 * LINE}"><tspan class="strong">${sign(node.haproxy === 'active')}</tspan> HAProxy</text>` : html``}
${roomy ? chips(answersOf(status, node.name), x + 12, y + 22 + 3 * LINE, inner).drawn : html``}
${
  roomy && devices.length > 0
    ? html`<path class="${fencing.well ? 'faint' : 'ill'}" d="M${x + 17} ${y + height - 24}l6 2v4.5c0 4-2.5 6-6 8c-3.5-2-6-4-6-8v-4.5z"/><text class="${fencing.well ? 'faint' : 'ill'}" x="${x + 30}" y="${y + height - 13}">${fencing.well ? '' : '✕ '}${fitting(fencing.text, inner - 30)}</text>`
    : html``
}`
}

/** Units that each box is high, so that the one with most to say has room. */
export function boxHeight(status: Status, roomy: boolean, width: number): number {
  const most = Math.max(0, ...status.nodes.map((node) => chips(answersOf(status, node.name), 0, 0, width - 24).lines))
  const fenced = roomy && status.fencing.devices.length > 0
  return 22 + 2 * LINE + 14 + (roomy ? most * LINE : 0) + (fenced ? LINE + 2 : 0)
}
