/** The cluster as a picture: VIPs above, the ring of nodes with HAProxy and back ends, the links below them. */
import type { NodeStatus, Status } from '../status.mts'
import { type Html, html } from './html.mts'
import { answersOf, box, boxHeight, chips, LINE, NAME, type Place, ROOMY, sign, tone } from './picture-node.mts'
import { drawing, fitting, SIZES, type Size } from './svg.mts'
import { draw, say } from './words.mts'

const PAD = 16
const GAP = 14
/** Between the lines of two links, and between the texts on them. */
const BUS = 15
const LABEL = 18

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

/** The VIPs, each with what answers through it. `middles`: at which heights their lines to a node begin. */
function heads(
  status: Status,
  size: Size,
): { readonly height: number; readonly middles: readonly number[]; readonly body: Html } {
  const width = SIZES[size]
  const middles: number[] = []
  let y = 2
  const all = status.vips.map(({ address, holders }, index) => {
    const top = y
    const through = chips(answersOf(status, hostOf(index, address)), PAD + 12, top + 46, width - 2 * PAD - 24)
    const last = top + 46 + through.lines * LINE
    const height = 38 + (through.lines + (index === 0 ? 1 : 0)) * LINE
    middles.push(top + height / 2)
    y += height + 10
    const one = holders.length === 1
    const holder =
      holders.length === 0 ? draw('nobody') : fitting(`→ ${holders.join(' + ')}`, size === 'wide' ? 330 : 120)
    return html`<rect class="vip ${tone(one)}" x="${PAD}" y="${top}" width="${width - 2 * PAD}" height="${height}" rx="8"/>
<text class="name" x="${PAD + 12}" y="${top + 22}">VIP ${fitting(address, (size === 'wide' ? 420 : 190) * NAME)}</text>
<text class="${one ? 'faint' : 'ill'}" text-anchor="end" x="${width - PAD - 12}" y="${top + 22}">${holder}</text>
${through.drawn}${index === 0 ? endpoints(status, PAD + 12, last) : html``}`
  })
  return { height: y, middles, body: html`${all}` }
}

/** Where everything stands inside the ring. */
interface Layout {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  readonly places: readonly Place[]
  /** A row of nodes, and where the first of its links is. */
  readonly rows: readonly { readonly y: number; readonly nodes: readonly number[] }[]
}

function layout({ nodes, links, ...status }: Status, size: Size, top: number): Layout {
  const roomy = nodes.length <= ROOMY
  const columns = size === 'narrow' ? (roomy ? 1 : 2) : Math.min(nodes.length, roomy ? 3 : 6)
  // To the right of the nodes run the lines that join the links of each row.
  const [left, right] = [PAD + 18, SIZES[size] - PAD - 12 - 10 * links.length]
  const width = (right - left - GAP * (columns - 1)) / columns
  const height = boxHeight({ nodes, links, ...status }, roomy, width)
  const places: Place[] = []
  const rows: { y: number; nodes: number[] }[] = []
  let y = top + 30
  for (let first = 0; first < nodes.length; first += columns) {
    const row = nodes.slice(first, first + columns).map((_, index) => first + index)
    for (const index of row) places[index] = { x: left + (index - first) * (width + GAP), y, width, height }
    rows.push({ y: y + height + 18, nodes: row })
    y += height + 18 + BUS * links.length + 8
  }
  return { left, right, top, bottom: y + 10 + links.length * LABEL, places, rows }
}

/** A link: a line below each row of nodes, joined at the right, with its network. */
function link(status: Status, size: Size, { left, right, bottom, places, rows }: Layout, number: number): Html {
  const { network, down } = status.links[number] as Status['links'][number]
  const count = status.links.length
  /** Somebody is there at the other end. */
  const reaches = ({ name, ring, misses }: NodeStatus) => {
    const missed = misses.find((one) => one.network === network)?.nodes ?? []
    return ring && (missed.length === 0 || status.nodes.some((one) => one.name !== name && !missed.includes(one.name)))
  }
  const level = down.length === 0 ? 'well' : status.nodes.some(reaches) ? 'half' : 'ill'
  const trunk = right + 14 + number * 10
  const lines = rows.map((row) => {
    const at = row.y + number * BUS
    const stubs = row.nodes.map((index) => {
      const node = status.nodes[index] as NodeStatus
      const place = places[index] as Place
      const x = place.x + place.width / 2 + (number - (count - 1) / 2) * 22
      const from = place.y + place.height
      const well = reaches(node)
      const cross = html`<text class="ill strong" text-anchor="middle" x="${x}" y="${(from + at) / 2 + 4}">✕</text>`
      return html`<path class="link ${tone(well)}" d="M${x} ${from}V${at}"/><circle class="dot ${tone(well)}" cx="${x}" cy="${at}" r="3"/>${well ? html`` : cross}`
    })
    return html`<path class="link ${level}" d="M${left} ${at}H${trunk}"/>${stubs}`
  })
  const from = (rows[0]?.y ?? 0) + number * BUS
  const text = bottom - 12 - (count - 1 - number) * LABEL
  return html`${lines}<path class="link ${level}" d="M${trunk} ${from}V${text - 5}H${trunk - 8}"/>
<text class="${level === 'well' ? 'faint' : level}" text-anchor="end" x="${right + 2}" y="${text}">${level === 'half' ? '!' : sign(level === 'well')} ${draw('link', number)} ${fitting(network, SIZES[size] - 180)}</text>`
}

/** The frame around all nodes, with what is true of them together. */
function ring({ quorate, votes, expectedVotes, fencing }: Status, size: Size, { left, top, bottom }: Layout): Html {
  const width = SIZES[size]
  return html`<rect class="ring ${tone(quorate)}" x="${PAD}" y="${top}" width="${width - 2 * PAD}" height="${bottom - top}" rx="12"/>
<text class="${tone(quorate)} strong" x="${left}" y="${top + 20}">${sign(quorate)} ${draw(quorate ? 'quorate' : 'notQuorate')} · ${draw('votes', votes, expectedVotes)}</text>
<text class="${fencing.on ? 'well' : 'half'}" text-anchor="end" x="${width - PAD - 12}" y="${top + 20}">${fencing.on ? '✓' : '!'} ${draw('fencing')}: ${draw(fencing.on ? 'fencingOn' : 'fencingOff')}</text>`
}

/** A line from a VIP to each node that holds it, to the left of all. */
function holding(status: Status, { places }: Layout, middles: readonly number[], vip: number): readonly Html[] {
  const { holders } = status.vips[vip] as Status['vips'][number]
  return holders.flatMap((name) => {
    const place = places[status.nodes.findIndex((node) => node.name === name)]
    if (place === undefined) return []
    const middle = middles[vip] as number
    const [x, above, trunk] = [place.x + 16 + 8 * vip, place.y - 7 - 4 * vip, PAD - 6 - 6 * vip]
    return [
      html`<path class="held" d="M${PAD} ${middle}H${trunk + 5}Q${trunk} ${middle} ${trunk} ${middle + 5}V${above - 5}Q${trunk} ${above} ${trunk + 5} ${above}H${x - 5}Q${x} ${above} ${x} ${place.y}"/>`,
    ]
  })
}

/** Below the ring, if there is one. */
function arbiter(
  { arbiter }: Status,
  size: Size,
  { left, bottom }: Layout,
): { readonly height: number; readonly body: Html } {
  if (arbiter === undefined) return { height: 0, body: html`` }
  const votes = arbiter.votes > 0
  const width = Math.min(420, SIZES[size] - left - PAD)
  return {
    height: 54,
    body: html`<path class="link ${tone(votes)}" d="M${left + 40} ${bottom}V${bottom + 18}"/>
<rect class="node ${tone(votes)}" x="${left}" y="${bottom + 18}" width="${width}" height="34" rx="8"/>
<text class="${tone(votes)}" x="${left + 12}" y="${bottom + 40}">${sign(votes)} ${draw('arbiter')} ${fitting(arbiter.host, width - 130)}</text>`,
  }
}

function drawn(status: Status, size: Size): { readonly height: number; readonly body: Html } {
  const roomy = status.nodes.length <= ROOMY
  const above = heads(status, size)
  const inside = layout(status, size, above.height + 14)
  const below = arbiter(status, size, inside)
  return {
    height: inside.bottom + 4 + below.height,
    body: html`${ring(status, size, inside)}${above.body}${status.links.map((_, number) => link(status, size, inside, number))}${status.nodes.map((node, index) => box(status, node, roomy, inside.places[index] as Place))}${status.vips.flatMap((_, vip) => holding(status, inside, above.middles, vip))}${below.body}`,
  }
}

/** `id`: of the element that names the picture, once on the page. */
export const picture = (id: string, status: Status): Html => {
  const quorum = say(status.quorate ? 'quorate' : 'notQuorate')
  const label = html`${say('picture')}. ${say('pictureText', status.nodes.length, quorum)}`
  return html`<figure>${drawing(id, label, (size) => drawn(status, size))}</figure>`
}
