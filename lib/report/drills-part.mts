/** The part of the page on drills: each scenario as it went last. */
import type { DrillEnd } from '../event.mts'
import { drillChart, drillTitle } from './drill-chart.mts'
import { type Html, html } from './html.mts'
import { badge, said, section, time } from './parts.mts'
import type { LoggedRun } from './run-log.mts'
import { duration } from './timeline.mts'
import { say } from './words.mts'

/** The newest of each scenario, in the order in which they came. `runs`: the newest first. */
export function latestDrills(runs: readonly LoggedRun[]): readonly DrillEnd[] {
  const all = runs.toReversed().flatMap(({ drills }) => drills)
  return all.filter((one, index) => !all.slice(index + 1).some(({ name }) => name === one.name))
}

/** Who had the VIP, one after the other. */
const story = ({ held }: DrillEnd): Html => {
  const names = held.map(({ node }) => node).filter((name, index, all) => name !== all[index - 1])
  return names.length === 0 ? say('nobody') : said(names.join(' → '))
}

function drill(one: DrillEnd, index: number): Html {
  const facts: readonly (readonly [Html, Html])[] = [
    [say('outage'), html`<strong>${one.outageMs} ms</strong>`],
    [say('limit'), html`${one.limitMs} ms`],
    [say('failedAnswers'), say('failedOf', one.failed, one.asked)],
    [
      say('vipStory'),
      html`${story(one)}${one.doubledMs > 0 ? html` ${badge('ill', say('twoHeld', one.doubledMs))}` : html``}`,
    ],
    ...(one.fencedMs > 0 ? [[say('fenced'), html`${duration(one.fencedMs)}`] as const] : []),
    [say('wellAgain'), one.greenMs === undefined ? badge('ill', say('notWell')) : html`${duration(one.greenMs)}`],
  ]
  return html`<article class="drill" aria-labelledby="drill-${index}"><h3 id="drill-${index}">${drillTitle(one)}</h3>
<p class="lead">${badge(one.within ? 'well' : 'ill', say(one.within ? 'within' : 'beyond'))} <code>${one.name}</code> · ${said(one.target)} · ${time(one.at)}</p>
<dl class="facts small">${facts.map(([name, text]) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>
${drillChart(`drill-${index}-picture`, one)}</article>`
}

export function drillsPart(runs: readonly LoggedRun[]): Html {
  const drills = latestDrills(runs)
  return section('drills', 'drills', drills.length === 0 ? html`<p>${say('noDrill')}</p>` : html`${drills.map(drill)}`)
}
