/** A plan: in which order things come, how they stand, and the matrix for wide and narrow terminals and many nodes. */
import { stripVTControlCharacters } from 'node:util'
import * as assert from 'uvu/assert'
import type { GuardEnd } from '../../lib/event.mts'
import { inOrder, standings } from '../../lib/plan.mts'
import { planMatrix, planReport } from '../../lib/plan-report.mts'
import { summary } from '../../lib/screen.mts'
import { several, wrapped } from '../../lib/style.mts'
import { tally } from '../../lib/tally.mts'
import { suite } from '../suite.mts'

/** Phases by id, each with the titles of its steps. */
const phasesOf = (steps: Readonly<Record<string, readonly string[]>>) =>
  Object.entries(steps).map(([id, titles]) => ({
    id,
    steps: titles.map((title) => ({ title, on: () => [], guards: () => [] })),
  }))
const PHASES = phasesOf({ '03-ring': ['one', 'two'], '06-proxy': ['one'] })

/** "phase step node guard state", where a state that ends with ! is a requirement's; then what it printed. */
function end(text: string, output = ''): GuardEnd {
  const [phase = '', step = '', node = '', guard = '', state = ''] = text.split(' ')
  return {
    type: 'guard',
    phase: PHASES.find(({ id }) => id.startsWith(phase))?.id ?? phase,
    step,
    node,
    guard,
    state: state.replace('!', '') as GuardEnd['state'],
    output,
    status: 1,
    ms: 1,
    required: state.endsWith('!'),
  }
}

const lines = (use: (print: (line: string) => void) => void): readonly string[] => {
  const all: string[] = []
  use((line) => all.push(...stripVTControlCharacters(line).split('\n')))
  return all
}
function planOf(nodes: readonly string[], ends: readonly GuardEnd[]) {
  const counts = tally(nodes, PHASES, true)
  for (const one of ends) counts.emit(one)
  return counts
}
const matrix = (nodes: readonly string[], ends: readonly GuardEnd[], columns = 80) =>
  lines((print) => planMatrix(print, planOf(nodes, ends), columns)).slice(1)

const order = suite('the order of a plan')

order('as a run comes to it, whichever node answers first, and where a guard is on one node alone', () => {
  const ends = ['06 one b z ok', '03 two b y ok', '03 one b x ok', '03 one a v ok', '03 one a w ok', '03 one a x ok']
  const ordered = inOrder(
    PHASES,
    ['a', 'b'],
    [...ends, '03 two a y ok'].map((text) => end(text)),
  )
  assert.equal(
    ordered.map((each) => each.map(({ phase, node, guard }) => `${phase} ${guard} ${node}`).join()),
    ['03-ring v a', '03-ring w a', '03-ring x a,03-ring x b', '03-ring y a,03-ring y b', '06-proxy z b'],
  )
})

/** The standing of each end, in the order of a run. */
const standing = (...texts: readonly string[]) => [
  ...standings(
    inOrder(
      PHASES,
      ['a', 'b'],
      texts.map((text) => end(text)),
    ),
  ).values(),
]

order('what is not true is wrong, unless something before it is to be changed', () => {
  assert.equal(standing('03 one a x ok', '03 one a y pending!'), ['true', 'wrong'])
  assert.equal(standing('03 one a x pending', '03 one a y pending!'), ['change', 'depends'])
  assert.equal(standing('03 one a x pending!', '03 one a y pending'), ['wrong', 'change'])
  assert.equal(standing('03 one a x unsure', '03 two a y pending', '06 one a z unsure'), ['wrong', 'change', 'depends'])
})

order('a change on one node may mend another', () => {
  assert.equal(standing('03 one a x pending', '03 two b y pending!'), ['change', 'depends'])
  assert.equal(standing('03 one b y pending!', '03 two a x pending'), ['wrong', 'change'])
})
order.run()

const report = suite('the report of a plan')

const SOME = [
  end('03 one a conf pending', '--- /etc/conf\n+++ /etc/conf (wanted)\n@@ -1 +1 @@\n-old\n+new'),
  end('03 one b conf pending', '--- /etc/conf\n+++ /etc/conf (wanted)\n@@ -1 +1 @@\n-old\n+new'),
  end('03 two a linked pending!', 'sh: 438: not found'),
  end('03 two b linked pending!', 'sh: 441: not found'),
  end('06 one a cfg ok'),
]

report('a change once for all nodes with its diff; what depends on it without what it says now', () => {
  assert.equal(
    lines((print) => planReport(print, planOf(['a', 'b'], SOME))),
    [
      '',
      '03-ring',
      '  a b: would change: conf',
      '    --- /etc/conf',
      '    +++ /etc/conf (wanted)',
      '    @@ -1 +1 @@',
      '    -old',
      '    +new',
      '  a b: depends: linked',
    ],
  )
})

report('the matrix: each kind of cell', () => {
  const ends = [...SOME, end('06 one b cfg pending!'), end('06 one b more pending')]
  const wrong = end('03 one a first pending!')
  assert.equal(matrix(['a', 'b'], [wrong, ...ends]), [
    '          a             b',
    '03-ring   not true (1)  would change (1)',
    '06-proxy  true          would change (1)',
  ])
  assert.equal(matrix(['a', 'b'], [end('03 one a x pending'), end('03 one b x ok'), end('06 one a y pending!')]), [
    '          a                 b',
    '03-ring   would change (1)  true',
    '06-proxy  depends           -',
    'depends: not true now, but something before it is to be changed',
  ])
})

const MANY = Array.from({ length: 32 }, (_, index) => `node${index + 1}`)

report('nodes that stand alike share a column', () => {
  const ends = MANY.map((node) => end(`03 one ${node} x ${node === 'node7' ? 'pending' : 'ok'}`))
  assert.equal(matrix(MANY, ends), ['         node[1-6,8-32]  node7', '03-ring  true            would change (1)'])
})

report('no line is longer than the terminal; what has no room goes below', () => {
  // All different.
  const ends = MANY.flatMap((node, index) =>
    Array.from({ length: index + 1 }, (_, guard) => end(`03 one ${node} g${guard} pending`)),
  )
  for (const columns of [27, 40, 80, 120]) {
    const all = matrix(MANY, ends, columns)
    assert.ok(
      all.every((line) => line.length <= columns),
      all.join('\n'),
    )
    for (const node of MANY)
      assert.ok(
        all.some((line) => line.split(' ').includes(node)),
        node,
      )
  }
  const names = Array.from({ length: 12 }, (_, index) => `${'abcdefghijkl'[index]}-controller`)
  assert.equal(
    matrix(
      names,
      names.map((node) => end(`03 one ${node} x ok`)),
      60,
    ),
    [
      '         a-controller and 11 more',
      '03-ring  true',
      'a-controller and 11 more: a-controller b-controller',
      'c-controller d-controller e-controller f-controller',
      'g-controller h-controller i-controller j-controller',
      'k-controller l-controller',
    ],
  )
})

report('where there is no room for a column, words follow one another', () => {
  assert.equal(matrix(['a', 'b'], [end('03 one a x pending'), end('03 one b x pending')], 20), [
    'a b',
    '03-ring would change (1)',
  ])
})

report('the summary: nodes with the same counts share a line, and none is left out', () => {
  const ends = MANY.map((node) => end(`03 one ${node} x ${node === 'node7' ? 'pending' : 'ok'}`))
  const all = lines((print) => summary(print, planOf(MANY, ends), 'pending', 100, true))
  assert.equal(all, [
    '',
    'node[1-6,8-32]  ok: 1  to change: 0  failed: 0',
    'node7           ok: 0  to change: 1  failed: 0',
    'total           ok: 31  to change: 1  failed: 0  changes are pending (0.1 s)',
  ])
})
report.run()

const names = suite('names in few words')

names('up to three as they are; more by ranges', () => {
  assert.is(several(['node1', 'node2', 'node3']), 'node1 node2 node3')
  assert.is(several(['node1', 'node2', 'node3', 'node5']), 'node[1-3,5]')
  assert.is(several(['n9', 'n10', 'n11', 'n2']), 'n[2,9-11]')
  assert.is(several(['c08', 'c09', 'c10', 'c12']), 'c[08-10,12]')
  assert.is(several(['a1-x', 'a2-x', 'b', 'a3']), 'a[1-2]-x b a3')
  assert.is(several(['db', 'api', 'web', 'mq']), 'db api web mq')
})

names('leading zeros are no other number', () => {
  assert.is(several(['n9', 'n010', 'n11', 'n012']), 'n[9,010,11,012]')
})

names('words are wrapped, and a long one is not cut', () => {
  assert.equal(wrapped(['aa', 'bb', 'cccccc', 'd'], 5), ['aa bb', 'cccccc', 'd'])
  assert.equal(wrapped([], 5), [])
})
names.run()
