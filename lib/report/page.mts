/** The page: all its parts in one text that needs nothing else. */
import { createHash } from 'node:crypto'
import type { Status } from '../status.mts'
import { clusterPart, versionsPart } from './cluster.mts'
import { drillsPart } from './drills-part.mts'
import { historyPart } from './history-part.mts'
import { escaped, html } from './html.mts'
import { lastChangeOf, lastRunOf } from './last.mts'
import { type Room, section, time } from './parts.mts'
import { problemsPart } from './problems-part.mts'
import { runPart } from './run-part.mts'
import type { Runs } from './runs.mts'
import { say, WORDS } from './words.mts'

/** What is built for the browser. */
export interface Built {
  readonly script: string
  readonly style: string
}

const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** `room`: characters of outputs and differences that it may hold; what has no room is counted on the page. */
export function page(status: Status, runs: Runs, version: string, built: Built, room = 400_000): string {
  const left: Room = { left: room, omitted: 0 }
  const last = lastRunOf(runs.runs)
  const change = lastChangeOf(runs.runs)
  const [english, chinese] = WORDS.title.map((text) => text.replace('{0}', () => status.cluster)) as [string, string]
  const policy = `default-src 'none'; style-src ${sha256(built.style)}; script-src ${sha256(built.script)}; base-uri 'none'; form-action 'none'`
  const contents = (['wrong', 'cluster', 'lastRun', 'drills', 'history', 'versions'] as const).map(
    (key) => html`<li><a href="#${key === 'lastRun' ? 'last-run' : key}">${say(key)}</a></li>`,
  )
  const body = html`<a class="skip" href="#content">${say('skip')}</a>
<header>
<div><h1>${say('title', html`<span class="cluster">${status.cluster}</span>`)}</h1>
<p class="when">${say('seenAt', time(status.time))} <span class="zone">(${say('zoneUtc')})</span></p></div>
<fieldset class="language"><legend class="unseen">Language / <span lang="zh-Hans">语言</span></legend>
<label><input type="radio" name="language" id="english" value="en" checked> English</label>
<label lang="zh-Hans"><input type="radio" name="language" id="chinese" value="zh-Hans"> 中文</label></fieldset>
</header>
<nav aria-labelledby="contents"><h2 class="unseen" id="contents">${say('contents')}</h2><ul>${contents}</ul></nav>
<main id="content" tabindex="-1">
${problemsPart(status, runs)}
${clusterPart(status)}
${last ? runPart('last-run', 'lastRun', last, left) : section('last-run', 'lastRun', html`<p>${say('noRun')}</p>`)}
${change && change !== last ? runPart('last-change', 'lastChange', change, left) : html``}
${drillsPart(runs.runs)}
${historyPart(runs)}
${versionsPart(status)}
</main>
<footer><p>${say('footer', version)}</p></footer>`
  return `<!doctype html>
<html lang="en" data-en="${escaped(english)}" data-zh="${escaped(chinese)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escaped(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escaped(english)}</title>
<style>${built.style}</style>
</head>
<body>
${body.html}
<script>${built.script}</script>
</body>
</html>
`
}
