/** A drill: scenario after scenario on a cluster that is well, each measured, put back, and waited for until all is well again. */
import { get } from 'node:http'
import { get as getByTls } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import type { Node } from '../config.mts'
import type { Outcome } from '../event.mts'
import { exchange, type Job } from '../exchange.mts'
import { addresses, otherRun } from '../facts.mts'
import type { Phase } from '../guard.mts'
import { portOn, schemeOn } from '../http.mts'
import { holderText } from '../lock.mts'
import type { Talk } from '../main.mts'
import { reminder } from '../progress.mts'
import { askAll, check } from '../run.mts'
import { authority } from '../services.mts'
import { clock } from '../style.mts'
import { type Figures, figuresOf, goneSince, PACE, type Seen, seenIn } from './figures.mts'
import type { Scenario, Stage } from './scenarios.mts'
import { series } from './series.mts'
import { begins, ends, tells } from './watch.mts'

/** What came of a scenario. */
export interface Drilled extends Figures {
  readonly name: string
  readonly title: string
  readonly target: string
  readonly limitMs: number
  /** From the fault to the moment when the proof of the cluster held again; undefined when that did not come. */
  readonly greenMs: number | undefined
  readonly within: boolean
}

/** Milliseconds that an outage may be longer where a node is fenced, beside the time that its agent takes. */
const FENCED = 2000
/** Seconds for a cluster to be well again: a server takes minutes to boot. */
const RECOVERY = 900
/** Milliseconds between two looks at whether it is. */
const LOOK = 500
/** Milliseconds in which so many come where all is well. */
const PATIENCE = 60_000
/** Good answers in a row before something is broken, and after all is well. */
const CALM = 20

/** What a node printed; undefined when it could not be asked, or the text failed. */
async function told(job: Job, node: Node, text: string): Promise<{ lines: string[]; heard: number; failed?: string }> {
  const lines: string[] = []
  let result: string | undefined
  let heard = Date.now()
  const lost = await exchange(
    job,
    node,
    [{ title: 'drill', check: text }],
    'check',
    true,
    (frame) => {
      if (frame.at === 'end') result = frame.result
    },
    (line) => {
      if (lines.length === 0) heard = Date.now()
      lines.push(line)
    },
  )
  const failed = lost?.text ?? (result === 'ok' ? undefined : lines.join('\n') || 'it failed')
  return { lines, heard, ...(failed === undefined ? {} : { failed }) }
}

/** Another one after each start; in a container the first line is the host's. */
const BOOT = "cat /proc/sys/kernel/random/boot_id; awk '{ print $22 }' /proc/1/stat"

/** What is done also when somebody has asked to stop: nothing stays broken for that. */
const toTheEnd = (job: Job): Job => ({
  ...job,
  stop: new AbortController().signal,
  signal: new AbortController().signal,
})

/** What is wrong with the cluster, in a sentence; undefined when it is well. */
async function wrong(job: Job, proof: Phase): Promise<string | undefined> {
  const { facts, lost } = await askAll(job, [])
  if (lost.length > 0) return `${lost[0]?.node}: ${lost[0]?.text}`
  const other = otherRun(job.config, facts)
  if (other) return holderText(other)
  try {
    // The same one each time, whoever answers first.
    const order = job.config.nodes.map(({ name }) => name)
    const [bad] = (await check(job, facts, [proof]))
      .filter((end) => end.state !== 'ok')
      .sort((a, b) => order.indexOf(a.node) - order.indexOf(b.node))
    if (bad === undefined) return undefined
    const lines = bad.output.trim().split('\n')
    // What stands under a heading tells more than that.
    const tells = (lines.find((line) => !line.endsWith(':')) ?? lines[0] ?? '').replace(/^ *[*] /, '')
    return `${bad.node}: not true: ${bad.guard}${tells === '' ? '' : ` (${tells})`}`
  } catch (error) {
    job.stop.throwIfAborted()
    return (error as Error).message
  }
}

async function stageOf(job: Job): Promise<Stage | string> {
  const { facts, lost } = await askAll(job, [])
  if (lost.length > 0) return `${lost[0]?.node}: ${lost[0]?.text}`
  const holders = job.config.nodes.filter((node) =>
    addresses(facts, node).some(({ address }) => address === job.config.vip.address),
  )
  const [holder] = holders
  if (holder === undefined || holders.length > 1) return `the VIP is held by ${holders.length} nodes`
  const [first, ...rest] = job.config.nodes.filter((node) => node !== holder) as [Node, ...Node[]]
  return { config: job.config, facts, holder, others: [first, ...rest] }
}

/** Asks from this machine, where it reaches the VIP at all and has no limit: it is no node, and asks often. */
function askFromHere(job: Job): { seen: () => Seen; stop: () => void; reaches: () => boolean } {
  const [service] = job.config.services
  const answers: { at: number; status: number; heard: number }[] = []
  const url =
    service &&
    `${schemeOn(job.config, job.config.vip.address, service)}://${authority(job.config.vip.address, portOn(job.config, job.config.vip.address, service))}${service.check.path}`
  const ask = () => {
    const at = Date.now()
    let done = false
    const tell = (status: number) => {
      if (!done) answers.push({ at, status, heard: Date.now() })
      done = true
    }
    // Nothing is told that nobody may hear, and verify looks at the certificate; its authority need not be known here.
    const request = (job.config.tls ? getByTls : get)(
      url as string,
      { agent: false, timeout: 3000, rejectUnauthorized: false },
      (answer) => {
        answer.resume()
        answer.on('end', () => tell(answer.statusCode ?? 0))
        answer.on('error', () => tell(0))
      },
    )
    request.on('timeout', () => request.destroy())
    request.on('error', () => tell(0))
  }
  const timer = service?.limit ? undefined : setInterval(ask, PACE)
  return {
    seen: () => ({ node: 'here', vip: [], answers }),
    stop: () => clearInterval(timer),
    reaches: () => answers.some(({ status }) => service?.check.expect.includes(status)),
  }
}

/**
 * One scenario, from a cluster that is well to one that is well again; `own` is a limit of the env file, in milliseconds. Throws when it
 * cannot be begun or put back.
 */
async function one(
  job: Job,
  proof: Phase,
  scenario: Scenario,
  stage: Stage,
  own: number | undefined,
  { say }: Talk,
): Promise<Drilled> {
  const { config } = job
  const target = scenario.target(stage)
  const at = scenario.at(stage)
  const good = config.services[0]?.check.expect ?? [200]
  const here = askFromHere(job)
  const onEach = (text: (node: Node) => string, nodes = config.nodes) =>
    Promise.all(nodes.map(async (node) => [node, await told(job, node, text(node))] as const))
  const look = async (): Promise<readonly Seen[]> => {
    const asked = Date.now()
    const all = await onEach(() => tells)
    return all.flatMap(([node, { lines, heard }]) => seenIn(node.name, lines, asked, heard) ?? [])
  }
  const calm = async (since: number) => {
    for (const end = Date.now() + PATIENCE; ; ) {
      const askers = (await look()).filter(({ answers }) => answers.length > 0)
      const ready =
        askers.length > 0 &&
        askers.every(
          ({ answers }) => answers.filter((one) => one.at >= since && good.includes(one.status)).length >= CALM,
        )
      if (ready) return
      job.stop.throwIfAborted()
      if (Date.now() > end) {
        const mute = config.nodes
          .filter((node) => !askers.some((one) => one.node === node.name))
          .map(({ name }) => name)
        throw new Error(
          `the API does not answer steadily through the VIP${mute.length > 0 ? ` to ${mute.join(', ')}` : ''}`,
        )
      }
      await pause(LOOK, undefined, { signal: job.stop })
    }
  }
  const putBack = async () => {
    if (scenario.restore === undefined) return
    const { failed } = await told(toTheEnd(job), at, scenario.restore(stage))
    if (failed !== undefined) throw new Error(`${scenario.name} on ${at.name} could not be put back: ${failed}`)
  }
  try {
    // The one to whom it is done need not be asked: it may be dead.
    for (const [node, { failed }] of await onEach((node) => begins(config, node !== target)))
      if (failed !== undefined) throw new Error(`${node.name} cannot be watched: ${failed}`)
    await calm(Date.now())
    const boots = async () => new Map((await onEach(() => BOOT)).map(([node, { lines }]) => [node.name, lines.join()]))
    const before = await boots()
    const anew = async () => {
      const { lines, failed } = await told(job, target, BOOT)
      return failed === undefined && lines.join() !== before.get(target.name)
    }
    const since = Date.now()
    const { failed } = await told(job, at, scenario.act(stage))
    if (failed !== undefined) throw new Error(`${scenario.name} on ${at.name}: ${failed}`)
    let greenMs: number | undefined
    const isNews = reminder(Date.now)
    try {
      if (scenario.hold !== undefined) await pause(scenario.hold(stage.config) * 1000, undefined, { signal: job.stop })
    } finally {
      await putBack()
    }
    while (Date.now() - since < RECOVERY * 1000) {
      job.stop.throwIfAborted()
      const bad =
        (scenario.dies && !(await anew()) ? `${target.name} has not been started anew yet` : undefined) ??
        (await wrong(job, proof))
      if (bad === undefined) {
        greenMs = Date.now() - since
        break
      }
      if (isNews(bad)) say(`  waits ${clock(Date.now() - since)} of ${clock(RECOVERY * 1000)}: ${bad}`)
      await pause(LOOK, undefined, { signal: job.stop })
    }
    const green = Date.now()
    if (greenMs !== undefined) await calm(green)
    const all = [...(await look()), ...(here.reaches() ? [here.seen()] : [])]
    const after = await boots()
    // A node that was started anew has forgotten what it saw.
    const dead = goneSince(all, since)
    const gone = new Map([...before].filter(([name, boot]) => after.get(name) !== boot).map(([name]) => [name, dead]))
    const figures = figuresOf(withDead(all, stage, gone, since), since - CALM * PACE, green, good, gone)
    const limitMs =
      own ?? scenario.limit(stage.config) + (figures.fencedMs > 0 ? Math.round(figures.fencedMs) + FENCED : 0)
    const drilled = {
      name: scenario.name,
      title: scenario.title,
      target: target.name,
      limitMs,
      greenMs,
      ...figures,
      within: greenMs !== undefined && figures.outageMs <= limitMs && figures.doubledMs === 0,
    }
    const { name, title, outage, fenced, held, ...rest } = drilled
    job.emit({
      type: 'drill',
      ...rest,
      name,
      title,
      at: new Date(since).toISOString(),
      ...(outage && figures.outageMs > 0 ? { outage: { node: outage.node, ...sinceFault(outage, since) } } : {}),
      ...(fenced ? { fenced: sinceFault(fenced, since) } : {}),
      held: held.map((one) => ({ node: one.node, ...sinceFault(one, since) })),
      answers: series(all, since, green, good),
    })
    return drilled
  } finally {
    here.stop()
    await Promise.all(config.nodes.map((node) => told(toTheEnd(job), node, ends)))
  }
}

/** Milliseconds since the fault; without an end where that is open. */
const sinceFault = ({ from, to }: { readonly from: number; readonly to: number | undefined }, since: number) => ({
  from: Math.round(from - since),
  ...(to === undefined ? {} : { to: Math.round(to - since) }),
})

/** What a dead node saw is gone with it; that it had the VIP until then is known. */
const withDead = (
  all: readonly Seen[],
  { holder }: Stage,
  gone: ReadonlyMap<string, number>,
  since: number,
): readonly Seen[] => [
  ...all.map((one) => (gone.has(one.node) ? { ...one, vip: one.vip.filter(({ at }) => at > since) } : one)),
  ...(gone.has(holder.name)
    ? [
        {
          node: holder.name,
          vip: [
            { at: since - CALM * PACE, held: true },
            { at: gone.get(holder.name) as number, held: false },
          ],
          answers: [],
        },
      ]
    : []),
]

/** All of these, in their order; it ends with the first one that cannot be begun, put back or recovered from. */
export async function drill(
  job: Job,
  proof: Phase,
  scenarios: readonly Scenario[],
  talk: Talk,
): Promise<{ readonly outcome: Outcome; readonly drilled: readonly Drilled[]; readonly skipped: readonly string[] }> {
  const drilled: Drilled[] = []
  const skipped: string[] = []
  const { limit, limits, asks } = job.config.drill
  const began = Date.now()
  for (const [index, scenario] of scenarios.entries()) {
    const lacks = scenario.lacks?.(job.config)
    if (lacks !== undefined) {
      skipped.push(`${scenario.name}: ${lacks}`)
      continue
    }
    const bad = await wrong(job, proof)
    if (bad !== undefined) {
      talk.say(`✖ the cluster is not well, and nothing is broken on purpose then: ${bad}`)
      return { outcome: 'failed', drilled, skipped }
    }
    const stage = await stageOf(job)
    if (typeof stage === 'string') {
      talk.say(`✖ ${stage}`)
      return { outcome: 'failed', drilled, skipped }
    }
    const unable = scenario.unable?.(stage)
    if (unable !== undefined) {
      skipped.push(`${scenario.name}: ${unable}`)
      continue
    }
    const target = scenario.target(stage).name
    if (scenario.harms && asks && !(await talk.agreed(`${scenario.name}: ${scenario.title}, ${target}. Do it?`))) {
      skipped.push(`${scenario.name}: not agreed to`)
      continue
    }
    const place = scenarios.length > 1 ? `, ${index + 1} of ${scenarios.length}, ${clock(Date.now() - began)}` : ''
    const back = scenario.hold ? `, back after ${scenario.hold(stage.config)} s` : ''
    talk.say(`${scenario.name}: ${scenario.title} (${target}${back})${place}`)
    try {
      const done = await one(job, proof, scenario, stage, limits[scenario.name] ?? limit, talk)
      drilled.push(done)
      if (done.greenMs === undefined) break
    } catch (error) {
      if (job.stop.aborted) return { outcome: 'interrupted', drilled, skipped }
      talk.say(`✖ ${(error as Error).message}`)
      return { outcome: 'failed', drilled, skipped }
    }
  }
  return { outcome: drilled.every(({ within }) => within) ? 'ok' : 'failed', drilled, skipped }
}
