/** The cluster as a picture: VIPs above, the ring of nodes with HAProxy and back ends, the links below them. */

import type { NodeStatus, Status } from '../status.mts'
import { type Html, html } from './html.mts'
import { drawing, fitting, rows, SIZES, type Size } from './svg.mts'
import { draw, isKey, say } from './words.mts'

/** Nodes beyond which a box says only what matters. */
const ROOMY = 6
const PAD = 16
const GAP = 14
const LINE = 19
/** A name is larger than other texts, and bold: less of it fits. */
const NAME = 0.78

export const stateText = (state: NodeStatus['state']): Html => {
  const key = `state.${state}`
  return isKey(key) ? say(key) : html`${state}`
}

/** Signs beside the colours, for those who do not see them. */
const sign = (well: boolean) => (well ? '✓' : '✕')
const tone = (well: boolean) => (well ? 'well' : 'ill')
const isWell = ({ state }: NodeStatus) => state === 'online'
const half = ({ state }: NodeStatus) => state === 'standby' || state === 'pending'

/** `name ✓` for each, on as many lines as they need. */
function chips(all: readonly { readonly text: string; readonly well: boolean }[], x: number, y: number, units: number) {
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

const answersOf = ({ services }: Status, host: string) =>
  services.flatMap(({ name, answers }) => {
    const answer = answers.find((one) => one.host === host)
    return answer ? [{ text: name, well: answer.ok }] : []
  })

/** What a VIP is called where the services tell who answered. */
const hostOf = (index: number, address: string) => (index === 0 ? 'VIP' : address.replace(/\/\d+$/, ''))

/** Where clients are sent: by the catalogue to the VIP, or past it. */
function endpoints({ endpoints: { asked, unknown, problems, elsewhere } }: Status, x: number, y: number): Html {
  const astray = problems.length + elsewhere.length
  if (!asked || unknown !== undefined)
    return html`<text class="faint" x="${x}" y="${y}">? ${draw('endpoints')}: ${draw('unknown')}</text>`
  const text = astray === 0 ? draw('endpointsOnVip') : draw('endpointsElsewhere', astray)
  return html`<text class="${tone(astray === 0)}" x="${x}" y="${y}"><tspan class="strong">${sign(astray === 0)}</tspan> ${draw('endpoints')}: ${text}</text>`
}

interface Place {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

function box(status: Status, node: NodeStatus, roomy: boolean, { x, y, width, height }: Place): Html {
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

function drawn(status: Status, size: Size): { readonly height: number; readonly body: Html } {
  const width = SIZES[size]
  const count = status.nodes.length
  const roomy = count <= ROOMY
  const columns = size === 'narrow' ? (roomy ? 1 : 2) : Math.min(count, roomy ? 3 : 6)
  // Beside the nodes run the line of the VIP, to the left, and those that join the links of each row, to the right.
  const left = PAD + 18
  const right = width - PAD - 12 - 10 * status.links.length
  const wide = (right - left - GAP * (columns - 1)) / columns
  const most = Math.max(0, ...status.nodes.map((node) => chips(answersOf(status, node.name), 0, 0, wide - 24).lines))
  const fenced = roomy && status.fencing.devices.length > 0
  const high = 22 + 2 * LINE + 14 + (roomy ? most * LINE : 0) + (fenced ? LINE + 2 : 0)

  // The VIPs and what answers through them.
  let y = 2
  const middles: number[] = []
  const heads = status.vips.map(({ address, holders }, index) => {
    const top = y
    const through = chips(answersOf(status, hostOf(index, address)), PAD + 12, top + 46, width - 2 * PAD - 24)
    const last = top + 46 + through.lines * LINE
    const height = 34 + (through.lines + (index === 0 ? 1 : 0)) * LINE
    middles.push(top + height / 2)
    y += height + 10
    const one = holders.length === 1
    return html`<rect class="vip ${tone(one)}" x="${PAD}" y="${top}" width="${width - 2 * PAD}" height="${height}" rx="8"/>
<text class="name" x="${PAD + 12}" y="${top + 22}">VIP ${fitting(address, (size === 'wide' ? 420 : 190) * NAME)}</text>
<text class="${one ? 'faint' : 'ill'}" text-anchor="end" x="${width - PAD - 12}" y="${top + 22}">${holders.length === 0 ? draw('nobody') : fitting(`→ ${holders.join(' + ')}`, size === 'wide' ? 330 : 120)}</text>${through.drawn}${index === 0 ? endpoints(status, PAD + 12, last) : html``}`
  })
  y += 14

  // The ring around all nodes.
  const ringTop = y
  y += 30
  const places: Place[] = []
  const buses: { readonly y: number; readonly nodes: readonly number[] }[] = []
  const linkGap = 15
  for (let first = 0; first < count; first += columns) {
    const nodes = status.nodes.slice(first, first + columns).map((_, index) => first + index)
    for (const index of nodes)
      places[index] = { x: left + (index - first) * (wide + GAP), y, width: wide, height: high }
    y += high
    buses.push({ y: y + 18, nodes })
    y += 18 + linkGap * status.links.length + 8
  }
  const ringBottom = y + 6 + status.links.length * 18
  const trunk = (link: number) => right + 14 + link * 10
  const links = status.links.map(({ network, down }, link) => {
    const level = down.length === 0 ? 'well' : 'ill'
    const lines = buses.map((bus) => {
      const at = bus.y + link * linkGap
      const stubs = bus.nodes.map((index) => {
        const node = status.nodes[index] as NodeStatus
        const place = places[index] as Place
        const x = place.x + place.width / 2 + (link - (status.links.length - 1) / 2) * 22
        const broken = !node.ring || node.down.includes(network)
        return html`<path class="link ${tone(!broken)}" d="M${x} ${place.y + place.height}V${at}"/><circle class="dot ${tone(!broken)}" cx="${x}" cy="${at}" r="3"/>${broken ? html`<text class="ill strong" text-anchor="middle" x="${x}" y="${(place.y + place.height + at) / 2 + 4}">✕</text>` : html``}`
      })
      return html`<path class="link ${level}" d="M${left} ${at}H${trunk(link)}"/>${stubs}`
    })
    const from = (buses[0]?.y ?? 0) + link * linkGap
    const text = ringBottom - 8 - (status.links.length - 1 - link) * 18
    return html`${lines}<path class="link ${level}" d="M${trunk(link)} ${from}V${text - 5}H${trunk(link) - 8}"/><text class="${level === 'well' ? 'faint' : 'ill'}" text-anchor="end" x="${trunk(0) - 12}" y="${text}">${sign(level === 'well')} ${draw('link', link)} ${fitting(network, width - 180)}</text>`
  })
  const ring = html`<rect class="ring ${tone(status.quorate)}" x="${PAD}" y="${ringTop}" width="${width - 2 * PAD}" height="${ringBottom - ringTop + 4}" rx="12"/>
<text class="${tone(status.quorate)} strong" x="${left}" y="${ringTop + 20}">${sign(status.quorate)} ${draw(status.quorate ? 'quorate' : 'notQuorate')} · ${draw('votes', status.votes, status.expectedVotes)}</text>`

  // From each VIP to who holds it.
  const holding = status.vips.flatMap(({ holders }, vip) =>
    holders.flatMap((name) => {
      const place = places[status.nodes.findIndex((node) => node.name === name)]
      if (place === undefined) return []
      const [x, above, trunk] = [place.x + 16 + 8 * vip, place.y - 7 - 4 * vip, PAD - 6 - 6 * vip]
      return [
        html`<path class="held" d="M${PAD} ${middles[vip]}H${trunk + 5}Q${trunk} ${middles[vip]} ${trunk} ${(middles[vip] ?? 0) + 5}V${above - 5}Q${trunk} ${above} ${trunk + 5} ${above}H${x - 5}Q${x} ${above} ${x} ${place.y}"/>`,
      ]
    }),
  )

  y = ringBottom + 12
  const arbiter = status.arbiter
  const votes = (status.arbiter?.votes ?? 0) > 0
  const foot = arbiter
    ? html`<path class="link ${tone(votes)} thin" d="M${left + 40} ${ringBottom + 4}V${y + 10}"/><rect class="node ${tone(votes)}" x="${left}" y="${y + 10}" width="${Math.min(420, width - left - PAD)}" height="34" rx="8"/><text class="${tone(votes)}" x="${left + 12}" y="${y + 32}">${sign(votes)} ${draw('arbiter')} ${fitting(arbiter.host, Math.min(420, width - left - PAD) - 130)}</text>`
    : html``
  if (arbiter) y += 50
  return {
    height: y + 2,
    body: html`${ring}${heads}${links}${status.nodes.map((node, index) => box(status, node, roomy, places[index] as Place))}${holding}${foot}`,
  }
}

/** `id`: of the element that names the picture, once on the page. */
export const picture = (id: string, status: Status): Html => {
  const quorum = say(status.quorate ? 'quorate' : 'notQuorate')
  const label = html`${say('picture')}. ${say('pictureText', status.nodes.length, quorum)}`
  return html`<figure>${drawing(id, label, (size) => drawn(status, size))}</figure>`
}
