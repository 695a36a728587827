/** The part of the page on what was before: the last runs, and what they found altered. */
import { several } from '../style.mts'
import { type Html, html } from './html.mts'
import { badge, said, section, table, time } from './parts.mts'
import { doubts, outcomeLevel, outcomeText } from './run-part.mts'
import type { Runs } from './runs.mts'
import { duration } from './timeline.mts'
import { say } from './words.mts'

/** What a note of the survey begins with where a phase held before. */
const DRIFT = /^(?:drifted|settings changed|node re-installed): /
/** Rows of drifts. */
const MOST = 60

/** A command line without what is the same for all. */
const short = (command: string) => command.replace(/^npx zx /, '')

function runsTable({ runs, unread }: Runs): Html {
  const rows = [
    ...runs.map((run) => [
      time(run.began),
      html`<code class="command">${short(run.command)}</code>${doubts(run).map((text) => html`<br><small class="doubt">${text}</small>`)}`,
      badge(outcomeLevel(run), outcomeText(run)),
      html`${run.plan ? html`` : html`${run.counts.changed}`}`,
      html`${run.counts.failed}`,
      html`${duration(run.ms)}`,
    ]),
    ...unread.map(({ id, why }) => [
      html`<code>${id}</code>`,
      say('unreadLog', said(why)),
      html``,
      html``,
      html``,
      html``,
    ]),
  ]
  const heads = [say('when'), say('what'), say('outcome'), say('changes'), say('failures'), say('took')]
  return table('t-runs', say('runsTable'), heads, rows)
}

function drifts({ runs }: Runs): Html {
  const all = runs.flatMap((run) =>
    run.notes.filter(({ text }) => DRIFT.test(text)).map((note) => ({ ...note, began: run.began })),
  )
  if (all.length === 0) return html`<p>${say('noDrifts')}</p>`
  const rows = all
    .slice(0, MOST)
    .map(({ began, phase, nodes, text }) => [
      time(began),
      html`<code>${phase}</code>`,
      html`${several(nodes)}`,
      said(text),
    ])
  return table('t-drifts', say('driftsTable'), [say('when'), say('step'), say('node'), say('what')], rows)
}

export const historyPart = (runs: Runs): Html =>
  section(
    'history',
    'history',
    runs.recorded === 0
      ? html`<p>${say('noRuns')}</p>`
      : html`<p>${say('runsRead', runs.recorded, runs.runs.length + runs.unread.length)}</p>${runsTable(runs)}<h3>${say('drifts')}</h3>${drifts(runs)}`,
  )
