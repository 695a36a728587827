/** The doctor: asks all nodes what can be wrong, in two scripts each, and tells what it found. It changes nothing. */
import { join } from 'node:path'
import { hostsOf } from '../config.mts'
import { UnreachableError } from '../errors.mts'
import type { Outcome } from '../event.mts'
import type { Job } from '../exchange.mts'
import type { Facts } from '../facts.mts'
import type { Phase } from '../guard.mts'
import { ROOT, type Talk } from '../main.mts'
import { askAll, check, pastOf } from '../run.mts'
import { bundle, bundleText } from './bundle.mts'
import { diagnosis, type Finding, IDS, type Note } from './finding.mts'
import { apis, backEnds, certificates, haproxy } from './haproxy.mts'
import {
  cutOff,
  disks,
  halfInstalled,
  killed,
  namesElsewhere,
  notBuilt,
  notReached,
  packages,
  skewed,
  timeless,
} from './host.mts'
import { endpoints, keystoneKeys } from './keystone.mts'
import { decided, lastRun, notesOf } from './notes.mts'
import { tell } from './report.mts'
import { resources } from './resources.mts'
import { links, split, tokens } from './ring.mts'
import { confs, keys, notLoaded, rules } from './ring-files.mts'
import { type Draft, type Seen, seenOf } from './seen.mts'
import { starting } from './starting.mts'
import { type Looked, survey } from './survey.mts'
import { down, notAtBoot } from './units.mts'
import { vips } from './vip.mts'

/** Each looks at all nodes for one kind of trouble. */
const QUESTIONS: readonly ((seen: Seen) => readonly Draft[])[] = [
  ...[notReached, starting, notBuilt, cutOff, disks, killed, halfInstalled, packages, skewed, timeless, namesElsewhere],
  ...[keys, confs, rules, notLoaded, links, tokens, split, notAtBoot],
  (seen) => down(seen, 'corosync'),
  (seen) => down(seen, 'pacemaker'),
  ...[resources, vips, haproxy, apis, backEnds, certificates, keystoneKeys, endpoints],
]

/** What is wrong by what the nodes said, without the phases; before it is known what explains what. */
export const drafts = (seen: Seen): readonly Draft[] => QUESTIONS.flatMap((question) => question(seen))

/** All that was found out. */
export interface Examination {
  readonly seen: Seen
  readonly findings: readonly Finding[]
  readonly notes: readonly Note[]
  /** How many things were asked. */
  readonly asked: number
  /** Undefined where a node did not answer or is still coming up: what it has to say would be missing everywhere. */
  readonly looked?: Looked
}

/** Asks and looks. `facts` and `proof` are phases that are not run: what they want to know, and what they prove. */
export async function examine(job: Job, facts: Phase, proof: Phase): Promise<Examination> {
  const phases = [...job.before, proof]
  const asked = await askAll(job, [facts, ...phases])
  let seen = seenOf(job.config, asked.facts, asked.lost)
  let looked: Looked | undefined
  // A cluster that is nowhere yet is told in one sentence.
  if (asked.lost.length === 0 && seen.built.length > 0 && starting(seen).length === 0)
    try {
      looked = await look(job, asked.facts, phases)
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error
      seen = seenOf(job.config, asked.facts, error.lost)
    }
  const found = drafts(seen)
  const all = [...found, ...(looked ? survey(looked, found) : [])]
  const guards = new Set(looked?.ends.map(({ phase, step, guard }) => JSON.stringify([phase, step, guard])))
  const notes = [...decided(job.config), ...notesOf(seen, lastRun(join(ROOT, '.state', job.config.clusterName)))]
  return { seen, findings: diagnosis(all), notes, asked: IDS.length + guards.size, ...(looked ? { looked } : {}) }
}

async function look(job: Job, facts: Facts, phases: readonly Phase[]): Promise<Looked> {
  const ends = await check({ ...job, nodes: hostsOf(job.config) }, facts, phases)
  const past: Looked['past'] = ({ phase, node, guard }) => {
    const own = phases.find(({ id }) => id === phase) as Phase
    const host = hostsOf(job.config).find(({ name }) => name === node)
    return host === undefined ? 'never done' : pastOf(job, facts, own, host, guard)
  }
  return { phases, ends, past }
}

/** Examines, tells what it found, and with --bundle writes that down. */
export async function doctor(
  job: Job,
  facts: Phase,
  proof: Phase,
  talk: Talk,
): Promise<{ outcome: Outcome; more: object }> {
  try {
    const found = await examine(job, facts, proof)
    const { seen, findings, notes, asked } = found
    tell(talk.say, { findings, notes, asked, up: seen.up.length, lost: seen.lost.length })
    const file = talk.flags.bundle ? await bundle(job, found, talk.mask) : undefined
    if (file !== undefined) talk.say(bundleText(file))
    const outcome = seen.lost.length > 0 ? 'unreachable' : findings.length > 0 ? 'failed' : 'ok'
    return { outcome, more: { findings, notes, asked, ...(file === undefined ? {} : { bundle: file }) } }
  } catch (error) {
    // Nothing was changed, so that there is nothing to say of it.
    if (job.stop.aborted) return { outcome: 'interrupted', more: {} }
    throw error
  }
}
