/** The run log: a line for each event, for its owner alone, and no secret in it or on a screen. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import * as assert from 'uvu/assert'
import { type Event, openLog } from '../../lib/event.mts'
import { masked } from '../../lib/mask.mts'
import { suite } from '../suite.mts'
import { folder } from './local-shell.mts'

const SECRET = `it's a "secret"`
const place = { phase: '07-keystone-endpoints', step: 'token', node: 'node1', guard: 'a state' }
const EVENTS: readonly Event[] = [
  { type: 'run', command: `npx zx tasks/cluster.mts --env '${SECRET}'`, env: SECRET, nodes: ['node1', 'node2'] },
  { type: 'note', phase: place.phase, nodes: ['node1'], text: `old password: ${SECRET}` },
  { type: 'phase', phase: place.phase, state: 'start' },
  { type: 'step', phase: place.phase, step: 'token', nodes: ['node1'] },
  { type: 'guard', ...place, state: 'wait', seen: `{"password":${JSON.stringify(SECRET)}}` },
  { type: 'output', phase: place.phase, node: 'node1', guard: 'a state', line: SECRET },
  {
    type: 'guard',
    ...place,
    state: 'failed',
    output: `two lines\nwith ${SECRET}`,
    status: 2,
    ms: 3,
    required: false,
    command: `curl ${SECRET}`,
    remedy: SECRET,
  },
  { type: 'unreachable', node: 'node2', text: SECRET, remedy: SECRET },
  { type: 'end', outcome: 'failed', ms: 12 },
]

const test = suite('the run log')

test('an event a line, with its time; what listeners get is the same', () => {
  const dir = folder()
  const heard: Event[] = []
  const log = openLog(dir, masked([SECRET]), [(event) => heard.push(event)])
  for (const event of EVENTS) log.emit(event)
  log.close()
  assert.is(relative(dir, log.file), join('runs', `${log.runId}.jsonl`))
  const text = readFileSync(log.file, 'utf8')
  assert.ok(text.endsWith('\n'))
  const lines = text.trimEnd().split('\n')
  assert.is(lines.length, EVENTS.length)
  for (const [index, line] of lines.entries()) {
    const { time, ...event } = JSON.parse(line)
    assert.is(new Date(time).toISOString(), time)
    assert.equal(event, heard[index])
    assert.equal({ ...event, ...kept(event, EVENTS[index] as Event) }, EVENTS[index])
  }
})
/** All that is masked as it was before; every other word must be the same. */
const kept = (event: Event, before: Event) =>
  Object.fromEntries(Object.entries(before).filter(([key]) => String(event[key as keyof Event]).includes('********')))

test('no secret in it, in any form', () => {
  const log = openLog(folder(), masked([SECRET]), [(event) => assert.not.match(JSON.stringify(event), /it's|secret/)])
  for (const event of EVENTS) log.emit(event)
  log.close()
  const text = readFileSync(log.file, 'utf8')
  assert.not.match(text, /it's|secret/)
  assert.is([...text.matchAll(/\*{8}/g)].length, 10)
})

test('a secret that is learnt in a run is kept out from then on', () => {
  const mask = masked([])
  const log = openLog(folder(), mask, [])
  mask.add('ring-key')
  log.emit({ type: 'note', phase: place.phase, nodes: [], text: 'the ring-key' })
  log.close()
  assert.match(readFileSync(log.file, 'utf8'), 'the ********')
})

test('words that the program chose are not masked, whatever a secret is', () => {
  const heard: Event[] = []
  const log = openLog(folder(), masked(['guard', 'node1', 'failed', '07-keystone-endpoints']), [
    (event) => heard.push(event),
  ])
  log.emit(EVENTS[6] as Event)
  log.close()
  const { type, node, phase } = heard[0] as Extract<Event, { type: 'output' }>
  assert.equal([type, node, phase], ['guard', 'node1', '07-keystone-endpoints'])
})

test('for its owner alone, a file for each run', () => {
  const dir = join(folder(), 'openstack')
  const umask = process.umask(0)
  try {
    const logs = [1, 2, 3].map(() => openLog(dir, masked([]), []))
    for (const log of logs) {
      assert.is(statSync(log.file).mode & 0o777, 0o600)
      assert.match(log.runId, /^\d{8}T\d{6}Z-[0-9a-f]{4}$/)
      log.close()
    }
    assert.is(statSync(join(dir, 'runs')).mode & 0o777, 0o700)
    assert.is(new Set(logs.map(({ file }) => file)).size, 3)
    assert.ok(logs.every(({ file }) => existsSync(file)))
  } finally {
    process.umask(umask)
  }
})

test.run()
