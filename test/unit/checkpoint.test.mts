/** Checkpoints: what is on record, how a phase stands to it, and a file that is damaged. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Checkpoint, openCheckpoints, past, resumed, type Standing } from '../../lib/checkpoint.mts'
import { suite } from '../suite.mts'
import { folder } from './local-shell.mts'

const known: Checkpoint = {
  fingerprint: 'f',
  machineId: 'm',
  guards: ['g'],
  time: '2026-01-01T00:00:00.000Z',
  runId: 'r',
}
const done = (fingerprint: string, machineId: string, guards = ['g']) => ({ fingerprint, machineId, guards })

const test = suite('checkpoints')

test('how a phase that does not hold stands to its past', () => {
  assert.is(past(undefined, 'f', 'm', 'g'), 'never done')
  assert.is(past(known, 'f', 'm', 'g'), 'drifted')
  assert.is(past(known, 'other', 'm', 'g'), 'settings changed')
  assert.is(past(known, 'f', 'other', 'g'), 'node re-installed')
  assert.is(past(known, 'other', 'other', 'g'), 'node re-installed')
})

test('what was never asked of a node cannot have drifted', () => {
  assert.is(past(known, 'f', 'm', 'another'), 'never done')
  const { guards: _, ...old } = known
  assert.is(past(old, 'f', 'm', 'another'), 'drifted', 'a record of an earlier version does not say what was asked')
})

const NOW = Date.parse('2026-01-01T00:05:00.000Z')
const stands = (phase: string, state: 'done' | 'drifted' | 'strange' | 'open', by: Checkpoint = known): Standing => ({
  phase,
  known: state === 'done' || state === 'drifted' ? [by, known] : [undefined, known],
  recorded: state !== 'open',
  holds: state !== 'drifted' && state !== 'open',
})

test('what a cut-off run has finished, and where the next one goes on', () => {
  const [a, b, c, d] = ['00-a', '01-b', '02-c', '03-d'] as const
  const later = { ...known, time: '2026-01-01T00:04:30.000Z', runId: 'later' }
  assert.is(
    resumed([stands(a, 'done'), stands(b, 'done'), stands(c, 'open'), stands(d, 'open')], NOW),
    'resumed: 00–01 hold from before (run r, 5 min ago); goes on with 02-c',
  )
  assert.is(
    resumed([stands(a, 'done'), stands(b, 'drifted'), stands(c, 'done', later), stands(d, 'open')], NOW),
    'resumed: 00, 02 hold from before (run later, 30 s ago); goes on with 01-b',
  )
  assert.is(
    resumed([stands(a, 'done'), stands(b, 'open')], Date.parse('2026-01-01T03:00:00.000Z')),
    'resumed: 00 holds from before (run r, 3 h ago); goes on with 01-b',
  )
})

test('nothing is called resumed where nothing was left open, and nothing of another node or other settings', () => {
  const [a, b, c] = ['00-a', '01-b', '02-c'] as const
  assert.is(resumed([stands(a, 'open'), stands(b, 'open')], NOW), undefined, 'nothing was finished')
  assert.is(resumed([stands(a, 'done'), stands(b, 'done')], NOW), undefined, 'all was finished')
  assert.is(resumed([stands(a, 'done'), stands(b, 'drifted')], NOW), undefined, 'what was finished has drifted')
  assert.is(resumed([stands(a, 'strange'), stands(b, 'open')], NOW), undefined, 'of another node')
  assert.is(
    resumed([stands(a, 'strange'), stands(b, 'done'), stands(c, 'open')], NOW),
    'resumed: 01 holds from before (run r, 5 min ago); goes on with 00-a',
  )
})

test('what is set is on record for the next run, and none of it before it is saved', () => {
  const dir = join(folder(), 'openstack')
  const first = openCheckpoints(dir, 'run-1')
  assert.is(first.get('03-corosync', 'node1'), undefined)
  first.set('03-corosync', 'node1', done('f', 'm'))
  assert.is(first.get('03-corosync', 'node1')?.runId, 'run-1')
  assert.not(existsSync(dir))
  first.save()
  const second = openCheckpoints(dir, 'run-2')
  const { time, ...one } = second.get('03-corosync', 'node1') as Checkpoint
  assert.equal(one, { ...done('f', 'm'), runId: 'run-1' })
  assert.not(Number.isNaN(Date.parse(time)))
  assert.is(second.get('03-corosync', 'node2'), undefined)
  assert.is(second.get('04-pacemaker', 'node1'), undefined)
  assert.is(second.lost, undefined)
})

test('what was done before and still holds keeps its time and its run', () => {
  const dir = folder()
  const first = openCheckpoints(dir, 'run-1')
  first.set('a', 'node1', done('f', 'm'))
  first.set('a', 'node2', done('f', 'm2'))
  first.save()
  const before = statSync(join(dir, 'checkpoint.json')).ino
  const second = openCheckpoints(dir, 'run-2')
  second.set('a', 'node1', done('f', 'm'))
  second.save()
  assert.is(statSync(join(dir, 'checkpoint.json')).ino, before, 'nothing was to be written')
  second.set('a', 'node1', done('g', 'm'))
  second.save()
  const third = openCheckpoints(dir, 'run-3')
  assert.equal([third.get('a', 'node1')?.runId, third.get('a', 'node2')?.runId], ['run-2', 'run-1'])
})

test('written beside and renamed, for its owner alone', () => {
  const dir = folder()
  const file = join(dir, 'checkpoint.json')
  const book = openCheckpoints(dir, 'run-1')
  book.set('a', 'node1', done('f', 'm'))
  book.save()
  const old = { ino: statSync(file).ino, text: readFileSync(file, 'utf8') }
  // Cut off while it was written: the file beside is half, the one in its place is whole.
  writeFileSync(`${file}.new`, old.text.slice(0, 20), { mode: 0o600 })
  const next = openCheckpoints(dir, 'run-2')
  assert.is(next.get('a', 'node1')?.runId, 'run-1')
  next.set('b', 'node1', done('f', 'm'))
  next.save()
  assert.is.not(statSync(file).ino, old.ino, 'the file in place is never written to')
  assert.equal(readdirSync(dir), ['checkpoint.json'])
  assert.is(statSync(file).mode & 0o777, 0o600)
  assert.equal(Object.keys(JSON.parse(readFileSync(file, 'utf8'))), ['a', 'b'])
})

const DAMAGED: Readonly<Record<string, string>> = {
  empty: '',
  'cut off': '{"03-corosync": {"node1": {"finger',
  'zeros, as after a power cut': '\0'.repeat(64),
  'no object': 'null',
  'a list': '[]',
  'a phase that is none': '{"03-corosync": null}',
  'a node that is none': '{"03-corosync": {"node1": "done"}}',
  'without a fingerprint': '{"03-corosync": {"node1": {"machineId": "m"}}}',
}
for (const [title, text] of Object.entries(DAMAGED)) {
  test(`a damaged file is no evidence and ends no run: ${title}`, () => {
    const dir = folder()
    const file = join(dir, 'checkpoint.json')
    writeFileSync(file, text)
    const book = openCheckpoints(dir, 'run-1')
    assert.match(book.lost as string, file)
    assert.is(book.get('03-corosync', 'node1'), undefined)
    book.set('03-corosync', 'node1', done('f', 'm'))
    book.save()
    const next = openCheckpoints(dir, 'run-2')
    assert.equal([next.lost, next.get('03-corosync', 'node1')?.runId], [undefined, 'run-1'])
  })
}

test('a folder in its place is told too', () => {
  const dir = folder()
  mkdirSync(join(dir, 'checkpoint.json'))
  assert.match(openCheckpoints(dir, 'run-1').lost as string, 'checkpoint.json')
})

test.run()
