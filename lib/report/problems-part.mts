/** The part of the page that comes first: what is wrong, each with what to do about it. */

import type { Status } from '../status.mts'
import { drillTitle } from './drill-chart.mts'
import { latestDrills } from './drills-part.mts'
import { type Html, html } from './html.mts'
import { lastRunOf } from './last.mts'
import { section, sentence } from './parts.mts'
import { outcomeText } from './run-part.mts'
import type { Runs } from './runs.mts'
import { say } from './words.mts'

type Problem = readonly [text: Html, remedy: Html, href?: string]

/** How a run ends that is not done. */
const UNDONE = ['failed', 'unreachable', 'interrupted', 'unknown']

function problems(status: Status, runs: Runs): readonly Problem[] {
  const last = lastRunOf(runs.runs.filter(({ plan }) => !plan))
  // One that is at work has no end yet.
  const undone = last && UNDONE.includes(last.outcome) && !(last.outcome === 'unknown' && status.atWork !== undefined)
  const drills = latestDrills(runs.runs).flatMap((one): readonly Problem[] => {
    const title = drillTitle(one)
    if (one.greenMs === undefined) return [[say('drillNotGreen', title), say('drillNotGreenTodo'), '#drills']]
    if (one.doubledMs > 0) return [[say('drillDoubled', title, one.doubledMs), say('drillDoubledTodo'), '#drills']]
    return one.within ? [] : [[say('drillOver', title, one.outageMs, one.limitMs), say('drillOverTodo'), '#drills']]
  })
  return [
    ...status.problems.map(({ text, remedy }): Problem => [sentence(text), sentence(remedy)]),
    ...(undone ? [[say('runFailed', outcomeText(last)), say('runFailedTodo'), '#last-run'] as const] : []),
    ...drills,
  ]
}

export function problemsPart(status: Status, runs: Runs): Html {
  const all = problems(status, runs)
  if (all.length === 0)
    return section(
      'wrong',
      'wrong',
      html`<div class="card well"><p><strong>✓ ${say('nothingWrong')}</strong></p><p>${say('nothingWrongMore')}</p></div>`,
    )
  const cards = all.map(
    ([text, remedy, href]) =>
      html`<li class="card ill"><p><strong>${href ? html`<a href="${href}">${text}</a>` : text}</strong></p><p class="remedy"><strong>${say('todo')}:</strong> ${remedy}</p></li>`,
  )
  return section('wrong', 'wrong', html`<p>${say('problems', all.length)}</p><ul class="cards">${cards}</ul>`)
}
