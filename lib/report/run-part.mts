/** The part of the page on one run: what came of it, its timeline, what it changed, and what stopped it. */
import type { GuardEnd } from '../event.mts'
import { several } from '../style.mts'
import { type Html, html } from './html.mts'
import { badge, folded, isDiff, type Level, type Room, said, section, sentence, table, time } from './parts.mts'
import type { LoggedRun } from './run-log.mts'
import { list } from './svg.mts'
import { duration, phaseTitle, timeline } from './timeline.mts'
import { isKey, type Key, say } from './words.mts'

export const outcomeText = (run: LoggedRun): Html => {
  const key = `outcome.${run.outcome}`
  return isKey(key) ? say(key) : said(run.outcome)
}

export const outcomeLevel = ({ outcome }: LoggedRun): Level =>
  outcome === 'ok' || outcome === 'changed'
    ? 'well'
    : outcome === 'pending' || outcome === 'unknown' || outcome === 'interrupted' || outcome === 'locked'
      ? 'half'
      : 'ill'

export const countsText = ({ counts, plan }: Pick<LoggedRun, 'counts' | 'plan'>): Html =>
  say(plan ? 'countsPlan' : 'counts', counts.ok, counts.changed, counts.failed)

/** The nodes of which the same is said, so that it is said once. */
const grouped = (ends: readonly GuardEnd[]): readonly (readonly [GuardEnd, ...GuardEnd[]])[] =>
  [...Map.groupBy(ends, (end) => JSON.stringify([end.phase, end.guard, end.state, end.output])).values()].map(
    (own) => own as [GuardEnd, ...GuardEnd[]],
  )
const nodesOf = (ends: readonly GuardEnd[]) => html`<span class="nodes">${several(ends.map(({ node }) => node))}</span>`

function changes(run: LoggedRun, room: Room): Html {
  const title = html`<h3>${say(run.plan ? 'toChange' : 'changed')}</h3>`
  if (run.changes.length === 0) return html`${title}<p>${say('nothingChanged')}</p>`
  const phases = Map.groupBy(run.changes, ({ phase }) => phase)
  const before = room.omitted
  const parts = [...phases].map(
    ([phase, ends]) =>
      html`<h4>${phaseTitle(phase)}</h4><ul class="changes">${grouped(ends).map((same) => {
        const [end] = same
        const more = folded(room, say(isDiff(end.output) ? 'difference' : 'output'), end.output)
        return html`<li>${nodesOf(same)} ${said(end.guard)} <small>${duration(Math.max(...same.map(({ ms }) => ms)))}</small>${more}</li>`
      })}</ul>`,
  )
  const omitted = room.omitted - before
  return html`${title}${parts}${omitted > 0 ? html`<p>${say('leftOut', omitted)}</p>` : html``}`
}

/** Lines of an output that a card shows: the last ones tell most. */
const LINES = 40
const lastLines = (text: string) => text.trimEnd().split('\n').slice(-LINES).join('\n')

const remedyOf = (remedy: string | undefined): Html =>
  remedy === undefined || remedy === ''
    ? html``
    : html`<p class="remedy"><strong>${say('todo')}:</strong> ${sentence(remedy)}</p>`

const card = (title: Html, body: Html): Html => html`<div class="card ill"><h3>${title}</h3>${body}</div>`

/** What stopped it, as the card on the terminal has it. */
export function cards(run: LoggedRun, room: Room): Html {
  const failed = grouped(run.failures).map((same) => {
    const [end] = same
    return card(
      say(
        'card',
        said(end.phase),
        said(
          several(
            same.map(({ node }) => node),
            ', ',
          ),
        ),
      ),
      html`<p>${say('notTrue', said(end.guard))}</p>
<p>${say('step')}: ${said(end.step)}${end.command === undefined ? html`` : html`; ${say('endedWith', end.status)}`}</p>
${end.command === undefined ? html`` : folded(room, say('command'), end.command)}${folded(room, say('output'), lastLines(end.output), true)}${remedyOf(end.remedy)}`,
    )
  })
  const lost = run.lost.map((one) =>
    card(
      say('couldNotAsk', said(one.node)),
      html`<p>${sentence(one.text)}</p>${folded(room, say('output'), one.detail ?? '')}${remedyOf(one.remedy)}`,
    ),
  )
  const refused = run.refused.map((one) =>
    card(
      say('refused', said(`${one.phase} (${several(one.nodes, ', ')})`)),
      html`<p>${said(one.text)}</p>${remedyOf(one.remedy)}`,
    ),
  )
  const held = run.holders.slice(0, 1).map((one) => card(say('locked'), html`<p>${said(one.owner)}</p>`))
  const bug = run.bug ? [card(say('outcome.failed'), html`<p>${say('bug')}</p>`)] : []
  return html`${failed}${lost}${refused}${held}${bug}`
}

/** Nodes beyond which each has a row instead of a column. */
const COLUMNS = 6

function numbers(id: string, run: LoggedRun): Html {
  const phases = [...run.phases.keys()]
  if (phases.length === 0) return html``
  const cell = (phase: string, node: string) => {
    const { ok = 0, changed = 0, failed = 0 } = run.phases.get(phase)?.get(node) ?? {}
    const all = [
      ...(ok > 0 ? [say('countOk', ok)] : []),
      ...(changed > 0 ? [html`<strong>${say(run.plan ? 'countPending' : 'countChanged', changed)}</strong>`] : []),
      ...(failed > 0 ? [html`<strong class="ill">${say('countFailed', failed)}</strong>`] : []),
    ]
    return all.length === 0 ? html`–` : list(all)
  }
  const [heads, rows] =
    run.nodes.length <= COLUMNS
      ? [run.nodes, phases.map((phase) => [phaseTitle(phase), ...run.nodes.map((node) => cell(phase, node))])]
      : [phases, run.nodes.map((node) => [html`${node}`, ...phases.map((phase) => cell(phase, node))])]
  const first = run.nodes.length <= COLUMNS ? say('phase') : say('node')
  return table(id, say('timelineTable'), [first, ...heads.map((head) => html`${head}`)], rows)
}

/** Why what is shown of a run may not be all. */
export const doubts = (run: LoggedRun & { readonly long: boolean }): readonly Html[] => [
  ...(run.outcome === 'unknown' ? [say('cutLog')] : []),
  ...(run.long ? [say('longLog')] : []),
  ...(run.damaged > 0 ? [say('damagedLog', run.damaged)] : []),
  ...(run.strange > 0 ? [say('strangeLog', run.strange)] : []),
]

/** `id`: of its heading, once on the page. */
export function runPart(id: string, title: Key, run: LoggedRun & { readonly long: boolean }, room: Room): Html {
  const doubt = doubts(run).map((text) => html`<p class="doubt">${text}</p>`)
  const notes = run.notes.map(
    ({ phase, nodes, text }) =>
      html`<li><span class="nodes">${phase === 'survey' ? '' : `${phase} `}${several(nodes)}</span> ${said(text)}</li>`,
  )
  return section(
    id,
    title,
    html`<p class="lead">${badge(outcomeLevel(run), outcomeText(run))} ${countsText(run)} · ${duration(run.ms)} · ${time(run.began)}</p>
<p><code class="command">${run.command}</code></p>${doubt}
${cards(run, room)}${timeline(`${id}-picture`, run)}
${changes(run, room)}
${notes.length > 0 ? html`<h3>${say('notes')}</h3><ul class="changes">${notes.slice(0, 60)}</ul>` : html``}
${numbers(`${id}-numbers`, run)}`,
  )
}
