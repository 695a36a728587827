/** What is no fault, and should be known all the same: a run that is at work, nodes that have booted, what was decided. */
import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Config, Node } from '../config.mts'
import { otherRun } from '../facts.mts'
import { UNFENCED } from '../fencing.mts'
import { type Note, namesOf } from './finding.mts'
import { alike, type Seen } from './seen.mts'

/** `last` is when the last run of ours began, in milliseconds as Date.now() has it; undefined for never. */
export function notesOf(seen: Seen, last: number | undefined): readonly Note[] {
  const run = otherRun(seen.config, seen.facts)
  const rebooted = seen.up.filter((node) => {
    const boot = Number(seen.said(node, 'doctor.booted'))
    return boot > 0 && last !== undefined && boot * 1000 > last
  })
  const when = (node: Node) => new Date(Number(seen.said(node, 'doctor.booted')) * 1000).toISOString().slice(0, 19)
  return [
    ...(run
      ? [
          {
            id: 'run-under-way',
            nodes: [run.node],
            text: `another run is at work, and some of this may be its doing: ${run.owner}`,
          },
        ]
      : []),
    ...(rebooted.length === 0
      ? []
      : [
          {
            id: 'rebooted',
            nodes: namesOf(rebooted),
            text: `booted since the last run of ours: ${alike(rebooted, when)
              .map(([time, nodes]) => `${namesOf(nodes).join(', ')} at ${time}Z`)
              .join('; ')}`,
          },
        ]),
  ]
}

/** The first line of a run that builds: `make cluster`, or a phase. */
const BUILDS = /"command":"[^"]*tasks\/(?:cluster|\d\d-[a-z-]+)\.mts(?![^"]* --plan)/
/** Bytes in which the first line of a log has its command. */
const HEAD = 1024
/** Logs that are looked into: many a run only looks. */
const MOST = 200

/** When the last run that builds began: by the logs, since a checkpoint keeps the time at which it was first right. */
export function lastRun(stateDir: string): number | undefined {
  const dir = join(stateDir, 'runs')
  const names = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.jsonl')) : []
  const name = names
    .sort()
    .reverse()
    .slice(0, MOST)
    .find((one) => BUILDS.test(beginning(join(dir, one))))
  const [, date = '', hour, minute, second] = /^(\d{8})T(\d\d)(\d\d)(\d\d)Z/.exec(name ?? '') ?? []
  const day = date.replace(/(....)(..)(..)/, '$1-$2-$3')
  return date === '' ? undefined : Date.parse(`${day}T${hour}:${minute}:${second}Z`)
}

function beginning(file: string): string {
  const fd = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(HEAD)
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, HEAD, 0))
  } finally {
    closeSync(fd)
  }
}

/** What is no fault, as the operator has decided it. */
export const decided = ({ fencing }: Config): readonly Note[] =>
  fencing === 'none' ? [{ id: 'unfenced', nodes: [], text: UNFENCED }] : []
