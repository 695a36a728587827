/** Makes the report of a cluster: asks its nodes, reads its run logs, and writes one file. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Outcome } from '../event.mts'
import type { Job } from '../exchange.mts'
import { ROOT, type Talk } from '../main.mts'
import { maskedAll } from '../mask.mts'
import { askAll } from '../run.mts'
import { statusOf } from '../status.mts'
import { built } from './build.mts'
import { open } from './open.mts'
import { page } from './page.mts'
import { readRuns } from './runs.mts'

/** Bytes that the page stays under, so that it can be attached anywhere; and characters of outputs that it may hold, tried in turn. */
const MOST = 1_000_000
const ROOMS = [400_000, 150_000, 0]

/** Nodes that do not answer are part of what the page says. Throws what the file system says of the folder. */
export async function report(job: Job, talk: Talk): Promise<{ readonly outcome: Outcome; readonly more: object }> {
  const { config } = job
  const stateDir = join(ROOT, '.state', config.clusterName)
  const file = join(stateDir, 'report.html')
  if (talk.plan) {
    talk.say(`it would write ${relative('.', file)}`)
    return { outcome: 'ok', more: {} }
  }
  const { facts, lost } = await askAll(job, job.phases)
  const status = maskedAll(statusOf(config, facts, lost, Date.now()), talk.mask)
  const runs = maskedAll(readRuns(stateDir, talk.runId), talk.mask)
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const browser = built()
  const pages = ROOMS.map((room) => () => page(status, runs, version, browser, room))
  const text = smallest(pages)
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  // Beside, and renamed: who has the old one open reads it to its end.
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  talk.say(
    `${relative('.', file)} (${Math.ceil(Buffer.byteLength(text) / 1000)} kB): open it in a browser, or attach it`,
  )
  if (talk.flags.open) talk.say(await open(file))
  return { outcome: 'ok', more: { report: file } }
}

/** The first that is small enough, or the last. */
function smallest(pages: readonly (() => string)[]): string {
  let text = ''
  for (const make of pages) {
    text = make()
    if (Buffer.byteLength(text) < MOST) break
  }
  return text
}
