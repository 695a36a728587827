/** The parts of the bench that need no lab: what is chosen, median and spread, counts, verdicts, and the page. */
import * as assert from 'uvu/assert'
import { countsIn, most } from '../bench/count.mts'
import { chosen, FIGURES } from '../bench/figures.mts'
import { recap } from '../bench/peer.mts'
import { type Bench, figuresTable, inARow, page, screen, table, verdicts } from '../bench/report.mts'
import { rotated, spread } from '../bench/stats.mts'
import type { Counted, Measured } from '../bench/targets.mts'
import { turns } from '../bench/wire.mts'
import { suite } from '../suite.mts'

const test = suite('bench')

test('the median is the one in the middle, or between the two', () => {
  assert.equal(spread([3, 1, 2]), { median: 2, min: 1, max: 3 })
  assert.equal(spread([10, 9, 1, 2]), { median: 5.5, min: 1, max: 10 })
  assert.equal(spread([4]), { median: 4, min: 4, max: 4 })
  assert.throws(() => spread([]), /no measurement/)
})

test('another one is first in each round, and none is left out', () => {
  assert.equal(rotated(['q', 'p', 'f'], 0), ['q', 'p', 'f'])
  assert.equal(rotated(['q', 'p', 'f'], 1), ['p', 'f', 'q'])
  assert.equal(rotated(['q', 'p', 'f'], 5), ['f', 'q', 'p'])
})

test('figures are chosen by name, by kind and by number', () => {
  const names = (...words: string[]) => chosen(words)?.map(({ name }) => name)
  assert.is(names()?.length, FIGURES.length)
  assert.equal(names('second-3'), ['second-3'])
  assert.equal(names('second', '2'), ['second-2'])
  assert.equal(names('first', 'second', '2', '8'), ['first-2', 'second-2', 'first-8', 'second-8'])
  assert.equal(names('latency', 'start'), ['start', 'latency-0', 'latency-20', 'latency-60'])
  assert.equal(names('drift-8', 'light', '64'), ['drift-8', 'light-64'])
  assert.is(names('second-4'), undefined)
  assert.is(names('secnd', '2'), undefined)
})

test('a turn is a word of this side after one of the other', () => {
  const one = turns()
  assert.is(one.count(), 0)
  one.down()
  one.up()
  one.up()
  assert.is(one.count(), 1)
  one.down()
  one.down()
  assert.is(one.count(), 1)
  one.up()
  assert.is(one.count(), 2)
})

const JOURNAL = `Accepted publickey for root from 192.168.92.1 port 40000 ssh2: ED25519 SHA256:abc
Starting session: command for root from 192.168.92.1 port 40000 id 0
Starting session: command for root from 192.168.92.1 port 40000 id 0
Accepted publickey for root from 192.168.92.10 port 40002 ssh2: ED25519 SHA256:def
Starting session: command for root from 192.168.92.202 port 40004 id 0`

test('logins and commands are those of this machine', () => {
  assert.equal(countsIn(JOURNAL, '192.168.92.1'), { logins: 1, commands: 2 })
  assert.equal(countsIn('', '192.168.92.1'), { logins: 0, commands: 0 })
})

test('the node that was asked most counts, from where it stood', () => {
  const before = new Map([['node1', { logins: 1, commands: 7 }]])
  const after = new Map([
    ['node1', { logins: 1, commands: 9 }],
    ['node2', { logins: 1, commands: 1 }],
  ])
  assert.equal(most(after, before), { logins: 1, commands: 2 })
})

test('the recap of a playbook is added up', () => {
  const text = `TASK [x] ***
ok: [node1] => changed=7
PLAY RECAP *********
node1                      : ok=20   changed=1    unreachable=0    failed=0    skipped=2    rescued=0    ignored=0
node2                      : ok=18   changed=2    unreachable=0    failed=1    skipped=2    rescued=0    ignored=0
`
  const { changed, failed, unreachable } = recap(text) ?? {}
  assert.equal([changed, failed, unreachable], [3, 1, 0])
  assert.is(recap('ERROR! no inventory'), undefined)
})

const one = (figure: string, runner: string, median: number, more: Partial<Measured> = {}): Measured => ({
  figure,
  runner,
  warm: true,
  wall: { median, min: median * 0.9, max: median * 1.1 },
  cpu: { median: 0.5, min: 0.4, max: 0.6 },
  rounds: 5,
  ...more,
})
const counted: Counted = { megabytes: 123.4, logins: 0, commands: 2, turns: 11 }

const MEASURED = [
  one('second-2', 'quorate', 1, { counted }),
  one('second-2', 'quorate', 1.5, { warm: false }),
  one('second-2', 'peer', 25),
  one('second-2', 'floor', 0.4),
  one('drift-2', 'quorate', 1.4),
  one('first-2', 'quorate', 30, { warm: false, rounds: 2 }),
  one('first-2', 'peer', 60, { warm: false }),
  one('latency-0', 'quorate', 1),
  one('latency-60', 'quorate', 1.3),
]
const BENCH: Bench = {
  circumstances: {
    date: '2030-01-02',
    machine: '2 cores',
    versions: ['quorate 0.1.0'],
    rounds: 5,
    minutes: 90,
    busy: { median: 0.02, min: 0, max: 0.3 },
  },
  measured: MEASURED,
  profiles: { 'second-2': 'it slept', 'drift-2': 'it drifted' },
}

test('targets compare what is warm with what is warm', () => {
  const said = verdicts(MEASURED)
    .filter(({ verdict }) => verdict !== 'not measured')
    .map(({ title, value, verdict }) => `${title}: ${value} ${verdict}`)
  assert.equal(said, [
    'second run, 2 nodes: the peer takes times as long (at least 20): 25.0× met',
    'second run, 2 nodes: times the floor (at most 2): 2.50× not met',
    'second run, 2 nodes: round trips per node, by commands sent (at most 3): 2 met',
    'first run, 2 nodes: the peer takes times as long (at least 1.8): 2.00× met',
    'one drifted file, 2 nodes: times a second run (at most 1.5): 1.40× met',
  ])
})

test('a target that was missed has its profile beside it, and no other has', () => {
  const text = screen(BENCH)
  assert.match(text, /✖ {2}second run, 2 nodes: times the floor/)
  assert.match(text, /second-2, where the time of quorate went:\n\nit slept/)
  assert.not.match(text, /it drifted/)
})

test('a table has its numbers to the right', () => {
  assert.is(
    table(
      [
        ['a', 'b'],
        ['long', '12'],
      ],
      1,
    ),
    'a      b\nlong  12',
  )
  const line = figuresTable(MEASURED).split('\n')[2] ?? ''
  assert.match(line, /^second-2 cold +quorate +1\.50 +1\.35–1\.65 +0\.50/)
})

test('round trips in a row are what a longer way costs', () => {
  assert.is(inARow(MEASURED, 'quorate')?.toFixed(1), '5.0')
  assert.is(inARow(MEASURED, 'peer'), undefined)
})

test('the page names date, machine, versions, fewer rounds, targets and reasons', () => {
  const text = page(BENCH)
  for (const part of [
    /2030-01-02; 2 cores; quorate 0\.1\.0\./,
    /fewer for first-2 \(2\)/,
    /^4 of \d+ met\.$/m,
    /^\| not met \| second run, 2 nodes: times the floor \(at most 2\) \| 2\.50× \|$/m,
    /### Why not\n\n```text\n(.*\n\n)*second run, 2 nodes: times the floor \(at most 2\): Nodes and control(.*\n\n)*second-2, where/,
    /^\| second-2 \| quorate \| 1\.00 \| 0\.90–1\.10 \| 0\.50 \| 123 \| 0 \| 2 \| 11 \| 5 \|$/m,
    /what 60 ms more of each cost: quorate 5\.0\./,
  ])
    assert.match(text, part)
})

test.run()
