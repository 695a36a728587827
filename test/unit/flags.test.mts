/** The command line as text: what it chooses, and what is said of one that is wrong. */
import * as assert from 'uvu/assert'
import { ConfigError } from '../../lib/errors.mts'
import { flagsOf, parseFlags } from '../../lib/flags.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { selectNodes, selectPhases } from '../../lib/selection.mts'
import { suite } from '../suite.mts'
import { twoNodes } from './phase-texts.mts'

const CLUSTER = 'tasks/cluster.mts'
const IDS = ['00-prereqs', '03-corosync', '06-haproxy'].map((id) => ({ id }))
const CONFIG = parseConfig(twoNodes('keystone'), '/nowhere/env')

/** What an operator reads: the sentence and the remedy. */
function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    assert.instance(error, ConfigError)
    return (error as ConfigError).problems.map(({ text, remedy }) => `${text} (${remedy})`).join('\n')
  }
  return 'nothing is refused'
}
const parse = (...args: readonly string[]) => parseFlags(CLUSTER, args)
const phases = (...args: readonly string[]) => selectPhases(IDS, parse(...args)).map(({ id }) => id)
const nodes = (...args: readonly string[]) => selectNodes(CONFIG, parse(...args)).map(({ name }) => name)

const test = suite('the command line')

test('a misspelt flag: which one is meant', () => {
  assert.is(
    refusal(() => parse('--frm', '03')),
    'there is no flag --frm (did you mean --from?)',
  )
  assert.is(
    refusal(() => parse('--verbos')),
    'there is no flag --verbos (did you mean --verbose?)',
  )
  for (const flag of ['--colour', '-v'])
    assert.is(
      refusal(() => parse(flag)),
      `there is no flag ${flag} (--help lists the flags)`,
    )
})

test('a flag of another script: whose it is', () => {
  assert.is(
    refusal(() => parse('--packages')),
    '--packages is no flag of tasks/cluster.mts, but of tasks/destroy.mts alone (npx zx tasks/destroy.mts --help tells more)',
  )
  assert.is(parseFlags('tasks/destroy.mts', ['--packages']).packages, true)
})

test('scripts that only look: what chooses, plans, waits or answers is refused, and not listed', () => {
  for (const script of ['tasks/status.mts', 'tasks/doctor.mts', 'tasks/report.mts']) {
    for (const flag of ['--plan', '--from', '--to', '--only', '--nodes', '--wait', '--yes'])
      assert.is(
        refusal(() => parseFlags(script, [flag, 'a'])),
        `${flag} is no flag of ${script}: it looks at all and changes nothing (leave it away)`,
      )
    const listed = flagsOf(script).map(([name]) => name)
    assert.equal([...listed.slice(0, 4), listed.at(-1)], ['env', 'json', 'verbose', 'profile', 'help'])
  }
})

test('a flag without its value, and a value where none belongs', () => {
  assert.match(
    refusal(() => parse('--from')),
    /--from.*argument missing/,
  )
  assert.match(
    refusal(() => parse('--plan=yes')),
    /--plan.*does not take an argument/,
  )
})

test('a word: a flag without its dashes, a phase, a scenario', () => {
  const drill = (word: string) => refusal(() => parseFlags('tasks/drill.mts', [word], ['move', 'haproxy']))
  assert.is(
    refusal(() => parse('plan')),
    '"plan" is no flag without its dashes (did you mean --plan?)',
  )
  assert.is(
    refusal(() => parse('03')),
    'there is no "03" here (a phase is named by a flag: --only 03)',
  )
  assert.is(drill('hapoxy'), 'there is no "hapoxy" here (did you mean haproxy?)')
  assert.is(drill('earthquake'), 'there is no "earthquake" here (there are move, haproxy)')
  assert.equal(parseFlags('tasks/drill.mts', ['move', '--yes'], ['move', 'haproxy']).words, ['move'])
})

test('a phase has a number, a name, and both', () => {
  for (const said of ['3', '03', 'corosync', '03-corosync']) assert.equal(phases('--only', said), ['03-corosync'])
  assert.equal(phases('--from', 'corosync', '--to', '6'), ['03-corosync', '06-haproxy'])
})

test('a misspelt phase: which one is meant, or all that there are', () => {
  assert.is(
    refusal(() => phases('--only', '3-corosnc')),
    '--only 3-corosnc: no such phase here (did you mean 03-corosync?)',
  )
  assert.is(
    refusal(() => phases('--from', 'hapoxy')),
    '--from hapoxy: no such phase here (did you mean haproxy?)',
  )
  assert.is(
    refusal(() => phases('--to', '42')),
    '--to 42: no such phase here (there are 00-prereqs, 03-corosync, 06-haproxy)',
  )
})

test('a misspelt node: which one is meant; another number is another node', () => {
  assert.equal(nodes('--nodes', 'n2'), ['n2'])
  assert.is(
    refusal(() => nodes('--nodes', 'm2')),
    '--nodes: "m2" not in NODES (did you mean n2?)',
  )
  for (const [said, told] of [
    ['n9', '"n9"'],
    ['n1,x,y', '"x", "y"'],
  ] as const)
    assert.is(
      refusal(() => nodes('--nodes', said)),
      `--nodes: ${told} not in NODES (there are n1, n2)`,
    )
})

test.run()
