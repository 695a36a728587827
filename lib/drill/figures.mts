/** From what was seen on the nodes to what it means for those who use the API. Times are milliseconds of this machine's clock. */

/** What one node has seen. */
export interface Seen {
  readonly node: string
  /** By how much its times may be off: half of the way there and back. */
  readonly offMs?: number
  /** The VIP came or went there. */
  readonly vip: readonly { readonly at: number; readonly held: boolean }[]
  /** `at` is when it was asked: an answer may be a good one and late. */
  readonly answers: readonly { readonly at: number; readonly status: number; readonly heard: number }[]
  /** A fencing was under way there, as its pacemaker saw it. */
  readonly fencing?: readonly { readonly at: number; readonly held: boolean }[]
}

export interface Figures {
  /** The longest time from one good answer to the next, as they came, less the time between two questions, as the worst placed one saw it. */
  readonly outageMs: number
  /** When that was, and who saw it so; undefined where nobody asked. */
  readonly outage?: { readonly node: string; readonly from: number; readonly to: number }
  /** Of all that asked. */
  readonly failed: number
  readonly asked: number
  /** Who had the VIP, in the order of time; the end of the last is open. */
  readonly held: readonly { readonly node: string; readonly from: number; readonly to: number | undefined }[]
  /** For how long two had it at once. */
  readonly doubledMs: number
  /** For how long a node was being fenced: the time that the agent takes. */
  readonly fencedMs: number
  /** When that was. */
  readonly fenced?: { readonly from: number; readonly to: number }
}

/** Milliseconds between two questions. */
export const PACE = 50

/** The lines of `tells` of watch.mts; undefined when the node says no time. `asked` and `heard`: when, by the clock here. */
export function seenIn(node: string, lines: readonly string[], asked: number, heard: number): Seen | undefined {
  const now = lines.find((line) => line.startsWith('now '))?.slice(4)
  if (now === undefined) return undefined
  // Half of the way there and back: what the clocks differ by.
  const ahead = Number(now) / 1e6 - (asked + heard) / 2
  const of = (kind: string) =>
    lines
      .filter((line) => line.startsWith(`${kind} `))
      .map((line) => line.split(' ').slice(1) as [string, string, string?])
  // Some languages have a comma there.
  const when = (seconds: string) => Number(seconds.replace(',', '.')) * 1000 - ahead
  return {
    node,
    offMs: (heard - asked) / 2,
    vip: of('vip').map(([at, held]) => ({ at: Number(at) / 1e6 - ahead, held: held === '1' })),
    fencing: of('fencing').map(([at, held]) => ({ at: Number(at) / 1e6 - ahead, held: held === '1' })),
    answers: of('answer').map(([at, status, end = at]) => ({ at: when(at), status: Number(status), heard: when(end) })),
  }
}

/** `gone`: nodes that are dead since then, whatever they saw before. */
export function figuresOf(
  all: readonly Seen[],
  from: number,
  to: number,
  good: readonly number[],
  gone: ReadonlyMap<string, number>,
): Figures {
  const inside = all.map(({ answers }) => answers.filter(({ at }) => at >= from && at <= to))
  const outages = inside.flatMap((answers, asker) => {
    const times = answers
      .filter(({ status }) => good.includes(status))
      .map(({ heard }) => Math.min(heard, to))
      .sort((a, b) => a - b)
    if (answers.length === 0) return []
    const marks = [from, ...times, to]
    const node = all[asker]?.node as string
    return marks.slice(1).map((at, index) => ({ node, from: marks[index] as number, to: at }))
  })
  const outage = longest(outages)
  const held = all
    .flatMap(({ node, vip }) => intervals(node, vip, gone.get(node)))
    .filter((one) => one.to === undefined || one.to >= from)
    .sort((a, b) => a.from - b.from)
  const fenced = longest(
    all
      .flatMap(({ node, fencing = [] }) => intervals(node, fencing, gone.get(node)))
      .map((one) => ({ from: one.from, to: one.to ?? to })),
  )
  return {
    fencedMs: fenced ? Math.max(0, Math.round(fenced.to - fenced.from)) : 0,
    ...(fenced ? { fenced } : {}),
    outageMs: outage ? Math.max(0, Math.round(outage.to - outage.from - PACE)) : 0,
    ...(outage ? { outage } : {}),
    failed: inside.flat().filter(({ status }) => !good.includes(status)).length,
    asked: inside.flat().length,
    held,
    doubledMs: Math.round(doubled(held, to, Math.max(0, ...all.map(({ offMs = 0 }) => offMs)))),
  }
}

const longest = <One extends { readonly from: number; readonly to: number }>(all: readonly One[]): One | undefined =>
  all.reduce<One | undefined>((most, one) => (most && most.to - most.from >= one.to - one.from ? most : one), undefined)

/**
 * Since when a node that was started anew had nothing for sure: since the fault; or, where it was fenced, since that began. Until then it
 * may have gone on without the others seeing it.
 */
export const goneSince = (all: readonly Seen[], since: number): number => {
  const begun = all
    .flatMap(({ fencing = [] }) => fencing.filter(({ at, held }) => held && at >= since))
    .map(({ at }) => at)
  return begun.length === 0 ? since : Math.min(...begun)
}

function intervals(node: string, vip: Seen['vip'], dead: number | undefined): Figures['held'] {
  const all: { node: string; from: number; to: number | undefined }[] = []
  for (const { at, held } of [...vip].sort((a, b) => a.at - b.at)) {
    const open = all.at(-1)
    if (held && (open === undefined || open.to !== undefined)) all.push({ node, from: at, to: undefined })
    if (!held && open !== undefined && open.to === undefined) open.to = at
  }
  return all.map((one) => ({ ...one, to: one.to ?? dead }))
}

/** The time in which two different nodes had it, as far as the clocks are known: what both may be off by is no proof. */
function doubled(held: Figures['held'], now: number, off: number): number {
  let sum = 0
  for (const [index, one] of held.entries()) {
    for (const other of held.slice(index + 1)) {
      if (other.node === one.node) continue
      sum += Math.max(0, Math.min(one.to ?? now, other.to ?? now) - Math.max(one.from, other.from) - 2 * off)
    }
  }
  return sum
}
