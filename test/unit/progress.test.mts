/** How long what lasts has lasted, and what is left of a run: told by events and a clock that the test sets. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Event, GuardEnd } from '../../lib/event.mts'
import { lastedBefore, lastedIn } from '../../lib/lasted.mts'
import { type Line, show } from '../../lib/live.mts'
import { plainLines } from '../../lib/plain.mts'
import { course, reminder } from '../../lib/progress.mts'
import { clock } from '../../lib/style.mts'
import { suite } from '../suite.mts'
import { folder } from './local-shell.mts'

const PHASES = ['01-software', '02-service', '03-moon']
const guard = (state: 'start' | 'apply' | 'verify' | 'wait', node = 'node1', more: object = {}): Event => ({
  type: 'guard',
  phase: '02-service',
  step: 'start',
  node,
  guard: 'the service answers',
  state,
  ...more,
})
const wait = (node = 'node1', seen = 'not yet') => guard('wait', node, { seen, patience: 60 })
const end = (state: GuardEnd['state'], phase = '02-service', node = 'node1'): Event => ({
  ...guard('start', node),
  phase,
  type: 'guard',
  guard: 'the service answers',
  step: 'start',
  node,
  state,
  output: '',
  status: 0,
  ms: 1000,
  required: false,
})
const script = (state: 'sent' | 'hello' | 'ended', node = 'node1'): Event => ({ type: 'script', node, state })
const phase = (id: string, state: 'start' | 'end'): Event => ({ type: 'phase', phase: id, state })
const step = (id: string): Event => ({ type: 'step', phase: id, step: 'start', nodes: ['node1'] })

/** A run whose clock stands at so many seconds. */
function stage(lasted: Readonly<Record<string, number>> = {}, verbose = false) {
  let seconds = 0
  const now = () => seconds * 1000
  const printed: string[] = []
  const line: Line = { title: '02-service  Service' }
  const progress = course(PHASES, () => new Map(Object.entries(lasted)), now)
  const plain = plainLines((text) => printed.push(text), verbose, now, progress)
  const live = show(now, progress, 60)
  live.watch('02-service', 'node1', line)
  return {
    line,
    live,
    at: (second: number, ...events: readonly Event[]) => {
      seconds = second
      for (const event of events) for (const one of [progress, plain, live]) one.emit(event)
      plain.tick()
      live.tick()
    },
    /** What was printed since the last look, without the time of day and the columns. */
    said: () =>
      printed.splice(0).map((text) =>
        text
          .replaceAll(/\x1b\[\d*m/g, '')
          .replace(/^\S+ +/, '')
          .replaceAll(/ {2,}/g, ' '),
      ),
  }
}

const test = suite('progress')

test('a clock', () => {
  assert.equal([0, 999, 42_000, 725_000, 3_725_000].map(clock), ['0:00', '0:00', '0:42', '12:05', '1:02:05'])
})

test('a wait: for how long, of how many seconds, and what is seen', () => {
  const { at, said, line } = stage()
  at(0, guard('start'), guard('apply'), guard('verify'))
  at(5, wait())
  assert.equal(said().slice(-1), ['02-service node1 waits 0 s of 60 s until the service answers: not yet'])
  at(17)
  assert.is(line.output, 'waits 12 s of 60 s until the service answers: not yet')
  at(20, wait('node1', 'almost'))
  assert.equal(said(), ['02-service node1 waits 15 s of 60 s until the service answers: almost'])
  at(21, end('changed'))
  assert.is(line.output, 'changed: the service answers')
  at(90)
  assert.is(line.output, 'changed: the service answers')
})

test('what an apply waits for has no limit of its own', () => {
  const { at, line } = stage()
  at(0, guard('start'), guard('apply'), wait())
  at(9)
  assert.is(line.output, 'waits 9 s until the service answers: not yet')
})

test('a long command: the line in the list moves each second', () => {
  const { at, line } = stage()
  at(0, guard('start'), guard('apply'))
  assert.is(line.output, 'the service answers')
  at(42)
  assert.is(line.output, 'the service answers (0:42)')
  at(43, { type: 'output', phase: '02-service', node: 'node1', guard: 'the service answers', line: 'unpacking' })
  at(65)
  assert.is(line.output, 'the service answers (1:05): unpacking')
})

test('plain lines: every half a minute of silence what still lasts, nodes that are at the same in one line', () => {
  const { at, said } = stage()
  at(
    0,
    phase('02-service', 'start'),
    ...['node1', 'node2'].flatMap((node) => [guard('start', node), guard('apply', node)]),
  )
  said()
  at(29)
  assert.equal(said(), [])
  at(30)
  assert.equal(said(), ['02-service node1 node2 works the service answers (0:30)'])
  at(59)
  assert.equal(said(), [])
  at(60, end('changed', '02-service', 'node2'))
  assert.equal(said().slice(-1), ['02-service node1 works the service answers (1:00)'])
  at(61, guard('verify'), wait())
  assert.is(said().length, 1)
  at(90)
  assert.equal(said(), [])
  at(91)
  assert.equal(said(), ['02-service node1 waits 30 s of 60 s until the service answers: not yet'])
})

test('plain lines: with --verbose the output is the sign of life', () => {
  const { at, said } = stage({}, true)
  at(0, phase('02-service', 'start'), guard('start'), guard('apply'))
  at(20, { type: 'output', phase: '02-service', node: 'node1', guard: 'the service answers', line: 'unpacking' })
  said()
  at(45)
  assert.equal(said(), [])
  at(50)
  assert.equal(said(), ['02-service node1 works the service answers (0:50): unpacking'])
})

test('a node that does not answer in the survey, and the lock of another run', () => {
  const { at, said, live } = stage()
  const shared: Line = {}
  live.share(shared)
  at(0, phase('survey', 'start'), script('sent'), script('sent', 'node2'))
  at(4, script('hello', 'node2'))
  assert.is(shared.output, 'node1: no answer yet (0:04)\nnode2: answers')
  said()
  at(30)
  assert.equal(said(), ['survey node1 waits no answer yet (0:30)'])
  at(40, script('ended'), script('ended', 'node2'))
  assert.is(shared.output, '')
  const held: Event = { type: 'lock', state: 'waits', node: 'node1', owner: 'ann@desk', age: 1 }
  at(41, held)
  assert.equal(said(), ['node1 waits for the lock of ann@desk'])
  at(50)
  assert.is(shared.output, 'node1: waits for the lock of ann@desk (0:09)')
  at(71, script('sent'), script('ended'))
  assert.equal(said(), ['lock node1 waits for the lock of ann@desk (0:30)'])
  at(72, { type: 'fact', node: 'node1', fact: 'os', ms: 1 })
  assert.is(shared.output, '')
})

test('a node that does not answer any more between two steps', () => {
  const { at, said, line } = stage()
  at(
    0,
    phase('survey', 'start'),
    phase('survey', 'end'),
    phase('02-service', 'start'),
    step('02-service'),
    script('sent'),
  )
  said()
  line.output = 'ok: something'
  at(2)
  assert.is(line.output, 'ok: something')
  at(12)
  assert.is(line.output, 'no answer yet (0:12)')
  at(30)
  assert.equal(said(), ['02-service node1 waits no answer yet (0:30)'])
})

test('nodes are asked in silence before a survey', () => {
  const { at, said } = stage()
  at(0, script('sent'))
  at(60)
  assert.equal(said(), [])
})

test('a phase: its place, the time of the run, and about what is left where all is known', () => {
  const open = (id: string) => end('pending', id)
  const known = stage({ '02-service': 60_000, '03-moon': 30_000 })
  known.at(
    2,
    open('02-service'),
    open('03-moon'),
    end('ok', '01-software'),
    phase('02-service', 'start'),
    step('02-service'),
  )
  assert.equal(known.said().slice(-1), ['02-service begins 2 of 3, 0:02, about 1:30 left'])
  known.live.head(known.line)
  known.at(22)
  assert.is(known.line.title, '02-service  Service  2 of 3, 0:22, about 1:10 left')
  known.at(100)
  assert.is(known.line.title, '02-service  Service  2 of 3, 1:40, about 0:30 left')
  known.live.head(undefined)
  assert.is(known.line.title, '02-service  Service')
  known.at(101, phase('03-moon', 'start'), step('03-moon'), step('03-moon'))
  assert.equal(known.said(), ['03-moon begins 3 of 3, 1:41, about 0:30 left'])

  const unknown = stage({ '02-service': 60_000 })
  unknown.at(2, open('02-service'), open('03-moon'), phase('02-service', 'start'), step('02-service'))
  assert.equal(unknown.said().slice(-1), ['02-service begins 2 of 3, 0:02'])
  // What holds takes no time.
  const other = stage({ '02-service': 60_000 })
  other.at(2, open('02-service'), end('ok', '03-moon'), phase('02-service', 'start'), step('02-service'))
  assert.equal(other.said().slice(-1), ['02-service begins 2 of 3, 0:02, about 1:00 left'])
})

test('a phase that holds does not say that it begins; one whose steps come before it neither', () => {
  const { at, said } = stage()
  at(0, phase('01-software', 'start'), step('02-service'), phase('01-software', 'end'), phase('02-service', 'start'))
  assert.equal(said(), [])
})

test('a title without room for more stays as it is', () => {
  const { at, live } = stage({ '02-service': 60_000 })
  const long: Line = { title: '02-service  A service with a title that is as long as the line' }
  live.head(long)
  at(5, phase('02-service', 'start'))
  assert.is(long.title, '02-service  A service with a title that is as long as the line')
})

test('after Ctrl-C the list keeps on saying so', () => {
  const { at, line } = stage()
  at(0, guard('start'), guard('apply'))
  at(5, { type: 'stop', state: 'soft' })
  at(9)
  assert.is(line.output, 'stops after this step; Ctrl-C once more breaks it off')
})

test('a reminder: what is new at once, and what is not half a minute later', () => {
  let seconds = 0
  const isNews = reminder(() => seconds * 1000)
  const said = (second: number, text: string) => {
    seconds = second
    return isNews(text)
  }
  assert.equal(
    [said(0, 'a'), said(1, 'a'), said(2, 'b'), said(31, 'b'), said(32, 'b'), said(33, 'a')],
    [true, false, true, false, true, true],
  )
})

const logs = suite('how long phases took')
const told = (second: number, event: object) =>
  JSON.stringify({ time: new Date(second * 1000).toISOString(), ...event })
const log = (seconds: number) =>
  [
    told(0, { type: 'run', command: 'npx zx tasks/cluster.mts', env: '.env', nodes: ['n1'] }),
    told(0, phase('01-software', 'start')),
    told(1, phase('01-software', 'end')),
    told(1, phase('02-service', 'start')),
    told(2, step('02-service')),
    told(1 + seconds, phase('02-service', 'end')),
    told(1 + seconds, phase('03-moon', 'start')),
    told(2 + seconds, step('03-moon')),
    '{"time":"cut off, "type":"phase"',
  ].join('\n')

logs('of those that had something to do and came to their end', () => {
  assert.equal([...lastedIn(log(40))], [['02-service', 40_000]])
})

logs('the latest run counts, and not the one that is under way', () => {
  const stateDir = folder()
  const runs = join(stateDir, 'runs')
  mkdirSync(runs)
  for (const [name, seconds] of [
    ['20260101T000000Z-1', 40],
    ['20260102T000000Z-1', 50],
    ['20260103T000000Z-1', 60],
  ] as const)
    writeFileSync(join(runs, `${name}.jsonl`), log(seconds))
  // What a run leaves beside its log.
  writeFileSync(join(runs, '20260104T000000Z-1.trace.json'), '{}')
  // Somebody who looks each minute.
  for (let minute = 10; minute < 30; minute++)
    writeFileSync(
      join(runs, `20260102T00${minute}00Z-1.jsonl`),
      told(0, { type: 'run', command: 'npx zx tasks/status.mts', env: '.env', nodes: ['n1'] }),
    )
  assert.equal([...lastedBefore(stateDir, '20260103T000000Z-1')], [['02-service', 50_000]])
})

test.run()
logs.run()
