/** The report: run logs in whatever state, every text escaped, both languages, and a page that is small and needs nothing. */
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { NAMES } from '../../lib/drill/names.mts'
import { series } from '../../lib/drill/series.mts'
import { maskedAll, masked as maskOf } from '../../lib/mask.mts'
import { built } from '../../lib/report/build.mts'
import { escaped, html } from '../../lib/report/html.mts'
import { lastChangeOf, lastRunOf } from '../../lib/report/last.mts'
import { open } from '../../lib/report/open.mts'
import { page } from '../../lib/report/page.mts'
import { readRun } from '../../lib/report/run-log.mts'
import { type Runs, readRuns } from '../../lib/report/runs.mts'
import { duration } from '../../lib/report/timeline.mts'
import { WORDS } from '../../lib/report/words.mts'
import { suite } from '../suite.mts'
import { changedRun, DIFF, drillRun, EVIL, failedRun, guardEnd, logOf, nodeStatus, statusOf } from './report-data.mts'

const test = suite('the report')

const runsOf = (...texts: readonly string[]): Runs => ({
  recorded: texts.length,
  runs: texts.map((text, index) => ({ ...readRun(`run${index}`, text), long: false })),
  unread: [],
})
const browser = built()
const shown = (status = statusOf(['node1', 'node2']), runs = runsOf(changedRun())) =>
  page(status, runs, '1.2.3', browser)

test('values are text in a page, whatever they hold', () => {
  assert.is(html`<b title="${`"'`}">${'<i>&'}</b>`.html, '<b title="&quot;&#39;">&lt;i&gt;&amp;</b>')
  assert.is(escaped('a\u001b[31mb\0c\ud800'), 'a\ufffd[31mb\ufffdc\ufffd')
  assert.is(html`${undefined}${1.2345}${[html`<i>`, html`&amp;`]}`.html, '1.23<i>&amp;')
})

test('a run: what came of it, what it changed with what differed before, and when', () => {
  const run = readRun('x', changedRun())
  assert.equal(run.counts, { ok: 1, changed: 1, failed: 0 })
  assert.is(run.outcome, 'changed')
  assert.is(run.ms, 2700)
  assert.equal(
    run.changes.map(({ node, output }) => [node, output]),
    [['node2', DIFF]],
  )
  assert.equal(
    run.spans.filter(({ state }) => state === 'changed'),
    [{ phase: '06-haproxy', node: 'node2', from: 1100, to: 2000, state: 'changed' }],
  )
  assert.equal(
    run.spans.filter(({ phase }) => phase === 'survey').map(({ node, from, to }) => [node, from, to]),
    [
      ['node1', 10, 800],
      ['node2', 10, 800],
    ],
  )
  assert.equal([run.damaged, run.strange], [0, 0])
})

test('a plan counts what would be changed', () => {
  const log = logOf([
    [0, { type: 'run', command: 'npx zx tasks/cluster.mts --plan', env: '.env', nodes: ['node1'] }],
    [1, guardEnd('node1', 'it is so', 'pending', { output: 'no' })],
    [2, { type: 'end', outcome: 'pending', ms: 2 }],
  ])
  const run = readRun('x', log)
  assert.equal(run.counts, { ok: 0, changed: 1, failed: 0 })
  assert.is(run.changes.length, 1)
})

test('phases that were not chosen, which are only looked at, do not count; a log of before that has no such list does', () => {
  const log = (phases?: readonly string[]) =>
    logOf([
      [
        0,
        {
          type: 'run',
          command: 'npx zx tasks/06-haproxy.mts',
          env: '',
          nodes: ['node1'],
          ...(phases ? { phases } : {}),
        },
      ],
      [1, guardEnd('node1', 'a', 'ok', { phase: '05-vip' })],
      [2, guardEnd('node1', 'b', 'ok')],
    ])
  assert.is(readRun('x', log(['06-haproxy'])).counts.ok, 1)
  assert.is(readRun('x', log()).counts.ok, 2)
})

test('a log that is cut off anywhere is read as far as it goes, and drawn', () => {
  const text = failedRun()
  const whole = readRun('x', text)
  assert.is(whole.outcome, 'failed')
  for (let length = 0; length < text.length - 1; length += 7) {
    const run = readRun('x', text.slice(0, length))
    assert.is(run.outcome, 'unknown', String(length))
    assert.ok(run.damaged <= 1)
    assert.ok(run.counts.failed <= 1)
  }
  const half = readRun('x', changedRun(['node1', 'node2'], false).slice(0, -30))
  assert.equal([half.outcome, half.damaged, half.counts.changed], ['unknown', 1, 1])
  assert.match(shown(undefined, { recorded: 1, runs: [{ ...half, long: true }], unread: [] }), /its log is cut off/)
})

test('a log that is damaged or of another version: what cannot be read is counted and left out', () => {
  const lines = [
    'not json',
    '[]',
    '{"type":"end"}',
    ...[
      '"type":"guard","phase":7',
      '"type":"new"',
      '"type":"drill","name":"x"',
      '"type":"end","outcome":"well","ms":1',
      '"type":"run","command":"x","nodes":[1]',
    ].map((text) => `{"time":"2026-03-01T11:00:00Z",${text}}`),
  ]
  const run = readRun('x', `${lines.join('\n')}\n${changedRun()}`)
  assert.equal([run.damaged, run.strange], [3, 5])
  assert.equal(run.counts, { ok: 1, changed: 1, failed: 0 })
  const text = shown(undefined, runsOf(`${lines.join('\n')}\n${changedRun()}`))
  assert.match(text, /3 lines of this log are damaged/)
  assert.match(text, /5 events of this log are of another version/)
  assert.equal(readRun('x', '').outcome, 'unknown')
})

test('of thousands of runs the last ones are read; its own and what cannot be read are no fault', () => {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-report-'))
  try {
    mkdirSync(join(dir, 'runs'))
    const id = (number: number) => `20260301T${String(number).padStart(6, '0')}Z-abcd`
    for (let number = 0; number < 70; number++) writeFileSync(join(dir, 'runs', `${id(number)}.jsonl`), changedRun())
    mkdirSync(join(dir, 'runs', `${id(70)}.jsonl`))
    writeFileSync(join(dir, 'runs', `${id(71)}.jsonl`), '')
    writeFileSync(join(dir, 'runs', `${id(69)}.trace.json`), '{}')
    // One that only looked is counted, and tells nothing.
    const look = '{"type":"run","command":"npx zx tasks/status.mts --watch"}\n'
    writeFileSync(join(dir, 'runs', `${id(72)}.jsonl`), look)
    const { recorded, runs, unread } = readRuns(dir, id(71))
    assert.equal([recorded, runs.length, unread.length], [72, 49, 1])
    assert.is(runs[0]?.id, id(69))
    assert.is(unread[0]?.id, id(70))
    assert.equal(readRuns(join(dir, 'none'), ''), { recorded: 0, runs: [], unread: [] })
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('a log that is too long is read at both ends', () => {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-report-'))
  try {
    mkdirSync(join(dir, 'runs'))
    const [first = '', ...rest] = changedRun().split('\n')
    const filling = logOf([[500, { type: 'output', phase: 'x', node: 'node1', guard: 'x', line: 'x'.repeat(2000) }]])
    writeFileSync(join(dir, 'runs', 'a.jsonl'), [first, filling.repeat(4500).trim(), ...rest].join('\n'))
    const [run] = readRuns(dir, '').runs
    assert.equal([run?.long, run?.damaged, run?.outcome, run?.counts.changed], [true, 0, 'changed', 1])
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('which runs are shown in full', () => {
  const { runs } = runsOf(drillRun(), failedRun(), changedRun())
  assert.is(lastRunOf(runs)?.id, 'run1')
  assert.is(lastChangeOf(runs)?.id, 'run2')
  assert.is(lastRunOf(runsOf(drillRun()).runs), undefined)
})

test('each text has a Chinese one with the same values in it', () => {
  const numbers = (text: string) => [...text.matchAll(/\{\d\}/g)].map(([one]) => one).sort()
  for (const [key, [english, chinese]] of Object.entries(WORDS)) {
    assert.equal(numbers(chinese), numbers(english), key)
    assert.ok(english === chinese || /\p{Script=Han}/u.test(chinese), key)
  }
  for (const name of NAMES) assert.ok(`drill.${name}` in WORDS, name)
  for (const { phase } of [{ phase: '00-prereqs' }, { phase: '07-keystone-endpoints' }])
    assert.ok(`phase.${phase}` in WORDS)
})

test('problems stand on top with their remedies: of the nodes, of the last run, of a drill', () => {
  const status = statusOf(['node1', 'node2'], { problems: [{ text: `node2: ${EVIL}`, remedy: 'mend it' }] })
  const text = shown(status, runsOf(drillRun(), failedRun(), changedRun()))
  const top = text.slice(text.indexOf('id="wrong"'), text.indexOf('id="cluster"'))
  assert.match(top, /3 to look at/)
  assert.match(top, /mend it/)
  assert.match(top, /The last run ended before it was done/)
  assert.match(top, /cost 2345 ms; the limit is 1500 ms/)
  assert.not.match(top, /312 ms/)
  const well = shown()
  assert.match(well, /Nothing is wrong/)
})

test('what a log or a node says stays text', () => {
  const evil = statusOf(['node1', EVIL], {
    cluster: EVIL,
    endpoints: { asked: true, problems: [EVIL], elsewhere: [{ service: EVIL, interface: EVIL, url: EVIL }] },
    atWork: EVIL,
  })
  const text = shown(
    {
      ...evil,
      nodes: [
        nodeStatus('node1', { lost: EVIL, state: 'not reached' }),
        nodeStatus(EVIL, { system: EVIL, haproxy: EVIL }),
      ],
    },
    runsOf(failedRun(), changedRun(['node1', EVIL])),
  )
  assert.not.match(text, /<img/)
  assert.is(text.match(/<\/script>/g)?.length, 1)
  assert.match(text, /&lt;\/script&gt;&lt;img src=x onerror=&quot;/)
})

test('a page needs nothing but itself: no request, no style or handler that its policy would refuse', () => {
  const text = shown(undefined, runsOf(drillRun(), failedRun(), changedRun()))
  const [head = ''] = text.split('</head>')
  const hash = (part: string) => createHash('sha256').update(part).digest('base64')
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? ''
  const script = /<script>([\s\S]*?)<\/script>/.exec(text)?.[1] ?? ''
  assert.ok(style.length > 1000 && script.length > 200)
  assert.ok(head.includes(`style-src &#39;sha256-${hash(style)}&#39;; script-src &#39;sha256-${hash(script)}&#39;`))
  assert.match(head, /default-src &#39;none&#39;/)
  const tags = (text.split('<body>')[1] ?? '').match(/<[a-z][^>]*>/g) ?? []
  assert.ok(tags.length > 100)
  assert.equal(
    tags.filter((tag) => /\s(?:style|src|srcset|on\w+)=/.test(tag) || /href="(?!#)/.test(tag)),
    [],
  )
  assert.not.match(style, /url\(|@import/)
  const ids = tags.flatMap((tag) => / id="([^"]+)"/.exec(tag)?.[1] ?? [])
  assert.is(new Set(ids).size, ids.length)
  for (const [, id = ''] of text.matchAll(/(?:aria-labelledby|href)="#?([^"]+)"/g)) assert.ok(ids.includes(id), id)
})

test('a large cluster with a long run: every node is there, and it is still small', () => {
  const names = Array.from({ length: 32 }, (_, index) => `controller-${index + 1}`)
  const guards = names.flatMap((node) =>
    Array.from(
      { length: 60 },
      (_, index) =>
        [
          1100 + index * 300,
          guardEnd(node, `guard ${index}`, 'changed', { output: `${node} ${'x'.repeat(5000)}` }),
        ] as const,
    ),
  )
  const log = changedRun(names).replace(/(?=.*"type":"end")/, '') + logOf(guards)
  const text = shown(statusOf(names), runsOf(log))
  for (const name of names) assert.ok(text.includes(`<th scope="row">${name}</th>`), name)
  assert.match(text, /more outputs are left out/)
  assert.ok(Buffer.byteLength(text) < 1_000_000, String(Buffer.byteLength(text)))
})

test('a secret that this run knows is masked also where an old log has it, but not in words of our own', () => {
  const mask = maskOf(['hunter2-hunter2', 'online'])
  const old = runsOf(
    logOf([
      [0, { type: 'run', command: 'x --y hunter2-hunter2', env: '', nodes: ['node1'] }],
      [1, guardEnd('node1', 'a', 'failed', { output: 'is hunter2-hunter2' })],
    ]),
  )
  const text = page(maskedAll(statusOf(['node1', 'node2']), mask), maskedAll(old, mask), '1', browser)
  assert.not.match(text, /hunter2/)
  assert.match(text, /\*{8}/)
  assert.is(maskedAll(statusOf(['a']), mask).nodes[0]?.state, 'online')
})

test('the answers of a drill in few numbers, however long it took', () => {
  const answers = [
    { at: 950, status: 200, heard: 950 },
    { at: 1050, status: 0, heard: 1050 },
    { at: 1060, status: 200, heard: 1060 },
    { at: 9999, status: 200, heard: 9999 },
  ]
  const seen = [{ node: 'a', vip: [], answers }]
  const { from, step, good, bad } = series(seen, 1000, 1200, [200])
  assert.equal([from, step, good.length, good[9], good[10], bad[10]], [-1000, 100, 12, 1, 1, 1])
  const long = series(seen, 1000, 901_000, [200])
  assert.ok(long.good.length <= 600)
  assert.is(
    long.good.reduce((sum, one) => sum + one, 0),
    3,
  )
})

test('it is opened where there is a desktop, and else it is said where it is', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-report-'))
  const before = { ...process.env }
  try {
    for (const name of ['DISPLAY', 'WAYLAND_DISPLAY']) delete process.env[name]
    assert.match(await open('/a/report.html'), /no desktop here .*: the file is \/a\/report.html/)
    process.env.DISPLAY = ':0'
    process.env.PATH = dir
    const program = process.platform === 'darwin' ? 'open' : 'xdg-open'
    assert.match(await open('/a/report.html'), new RegExp(`^${program} is not installed here: the file is /a`))
    writeFileSync(join(dir, program), 'no program', { mode: 0o600 })
    assert.match(await open('/a/report.html'), /does not start .*EACCES.*: the file is \/a/)
    chmodSync(join(dir, program), 0o700)
    writeFileSync(join(dir, program), `#!/bin/sh\nprintf %s "$1" >'${dir}/new'; /bin/mv '${dir}/new' '${dir}/opened'\n`)
    const opened = new Promise((seen) => {
      const watcher = watch(dir, () => existsSync(join(dir, 'opened')) && seen(watcher.close()))
    })
    assert.is(await open('/a/report.html'), `opened by ${program}`)
    await opened
    assert.is(readFileSync(join(dir, 'opened'), 'utf8'), '/a/report.html')
  } finally {
    process.env = before
    rmSync(dir, { recursive: true })
  }
})

test('times in few characters', () => {
  assert.equal([0, 900, 1500, 12_000, 125_000, 7_300_000].map(duration), [
    '0 ms',
    '900 ms',
    '1.5 s',
    '12 s',
    '2:05 min',
    '2.0 h',
  ])
})

test.run()
