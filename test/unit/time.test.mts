/** Who keeps the time on a node: chrony, another service, or nobody yet; and what their clocks differ by. */
import * as assert from 'uvu/assert'
import { clocks } from '../../lib/clocks.mts'
import type { Node } from '../../lib/config.mts'
import { brought, packagesOf } from '../../lib/packages.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { timesyncdConf } from '../../lib/render/chrony.mts'
import { requirements } from '../../lib/requirements.mts'
import { timekeeping, timeToCome } from '../../lib/time.mts'
import { keptByOther, otherFact, timeRequirements } from '../../lib/timekeeper.mts'
import { suite } from '../suite.mts'
import { run, SHELLS } from './local-shell.mts'
import { factsOf, twoNodes } from './phase-texts.mts'
import { type Played, played, step } from './played.mts'
import { needing } from './real-tool.mts'

const config = parseConfig(twoNodes('keystone'), '/nowhere/env')
const withServers = { ...config, ntpServers: ['192.0.2.7', 'ntp.example.org'] }
const [node] = config.nodes as readonly [Node]
const facts = (said: Readonly<Record<string, string>>) => factsOf(config, () => said)

/** A node on which these units run, whose kernel and whose NTP say that. */
function clockOf(active: readonly string[], { synchronised = 'no', ntpq = '' } = {}): Played {
  const one = played()
  one.units('active', ...active)
  one.program('timedatectl', `echo ${synchronised}`)
  one.program('ntpq', ntpq === '' ? 'exit 1' : `echo '${ntpq}'`)
  return one
}
const asked = (one: Played, words: readonly string[]) => one.run(words, step(otherFact))[0]?.said.join('\n')

for (const [program, words] of SHELLS) {
  const part = suite(`time in ${words.join(' ')}`)
  const test = needing(part, program)

  test('another service is found, with whether the clock is synchronised', () => {
    const cases: readonly (readonly [readonly string[], Parameters<typeof clockOf>[1], string])[] = [
      [[], {}, ''],
      [['systemd-timesyncd'], { synchronised: 'yes' }, 'systemd-timesyncd yes'],
      [['systemd-timesyncd'], {}, 'systemd-timesyncd no'],
      [['ntpsec'], { ntpq: 'leap=00, stratum=3' }, 'ntpsec yes'],
      [['ntpsec'], { ntpq: 'leap=11, stratum=16' }, 'ntpsec no'],
      [['ntpsec'], { ntpq: 'leap=00, stratum=16' }, 'ntpsec no'],
      [['ntpsec'], { ntpq: 'leap=11, stratum=3' }, 'ntpsec no'],
      [['ntpd'], { ntpq: 'leap=01, stratum=15' }, 'ntpd yes'],
      // Chrony is what we know.
      [['chrony', 'ntpd'], { synchronised: 'yes' }, ''],
      [['chronyd'], {}, ''],
    ]
    // Whether a cluster's packages are there is this machine's.
    for (const [active, how, said] of cases)
      assert.is((asked(clockOf(active, how), words) ?? '').replace(/ (?:built)?$/, ''), said, active.join())
  })

  part.run()
}

const test = suite('time')
const told = (settings: typeof config, other: string) => {
  const guards = timeRequirements(settings, facts({ 'time.other': other }), node)
  const ends = run(['sh'], guards, 'check').ends
  return guards.map(({ remedy }, index) => `${ends[index]?.said.join(' ')}: ${remedy}`).join('\n')
}

test('a service that is synchronised is accepted as it is, and chrony is not to be installed beside it', () => {
  const known = facts({ 'time.other': 'ntpsec yes' })
  assert.is(keptByOther(config, known, node), 'ntpsec')
  assert.is(timeToCome(config, known, node), false)
  assert.equal(timekeeping(config, known, node), [])
  assert.is(told(config, 'ntpsec yes'), '')
  assert.equal(timekeeping(config, facts({ 'time.other': 'systemd-timesyncd yes' }), node), [])
})

test('nobody keeps the time: chrony is to come; chrony is there: it does', () => {
  assert.is(keptByOther(config, facts({}), node), undefined)
  assert.equal([timeToCome(config, facts({}), node), timeToCome(config, facts({ chrony: 'yes' }), node)], [true, false])
  assert.equal(
    timekeeping(config, facts({}), node).map(({ title }) => title),
    ['chrony keeps the time, or the host of this container does'],
  )
})

test('one that is not synchronised is a problem, with what to do', () => {
  assert.match(
    told(config, 'ntpd no'),
    /^ntpd runs there, and the clock is not synchronised: ntpq -p tells .*stop and disable ntpd/,
  )
  assert.match(told(config, 'systemd-timesyncd no built'), /timesync-status .*NTP_SERVERS names others/)
  const all = requirements(config, facts({ 'time.other': 'ntpd no', 'clock-skew': '0' }), node)
  assert.ok(all.some(({ title }) => title === 'its time service is synchronised'))
})

test('systemd-timesyncd that does not know the time gives way to chrony, unless it was there when the packages came', () => {
  const names = (other: string) => {
    const known = facts({ 'time.other': other, os: 'ID=debian\nVERSION_ID="12"' })
    const [guard] = brought(packagesOf)(config, known, node)
    return [keptByOther(config, known, node), / chrony"/.test(guard?.apply ?? '')]
  }
  assert.equal(names('systemd-timesyncd no '), [undefined, true])
  assert.equal(names('systemd-timesyncd no built'), ['systemd-timesyncd', false])
  assert.equal(names('systemd-timesyncd yes '), ['systemd-timesyncd', false])
  assert.equal(names(''), [undefined, true])
  assert.is(told(config, 'systemd-timesyncd no '), '')
})

test('NTP_SERVERS: timesyncd gets them and is waited for; what has a configuration of its own refuses', () => {
  assert.is(told(withServers, 'systemd-timesyncd no'), '')
  const guards = timekeeping(withServers, facts({ 'time.other': 'systemd-timesyncd no' }), node)
  assert.equal(
    guards.map(({ title }) => title),
    [
      '/etc/systemd/timesyncd.conf.d/quorate.conf is in place',
      'systemd-timesyncd runs with its current configuration',
      'systemd-timesyncd is synchronised',
    ],
  )
  assert.is(
    timesyncdConf(['192.0.2.7', 'ntp.example.org']),
    '# Written by quorate from NTP_SERVERS.\n[Time]\nNTP=\nNTP=192.0.2.7 ntp.example.org\n',
  )
  assert.match(
    told(withServers, 'ntpsec yes'),
    /^ntpsec keeps the time there.*NTP_SERVERS is for chrony and systemd-timesyncd: give ntpsec its servers there and take NTP_SERVERS out/,
  )
})

test('what the clocks differ by, in milliseconds', () => {
  const three = parseConfig(twoNodes('keystone').replace('n2"', 'n2\n192.0.2.13 n3.example.org n3"'), '/nowhere/env')
  const ahead = (...all: readonly string[]) => factsOf(three, (_, index) => ({ 'clock-ahead': all[index] ?? '' }))
  assert.equal(clocks(ahead('-3', '1250', '-5'), three.nodes), [
    ['n1', 0],
    ['n2', 1253],
    ['n3', -2],
  ])
  assert.equal(clocks(ahead('', 'NaN', '7'), three.nodes), [['n3', 0]])
})

test('a clock that is off by seconds is told in milliseconds, of the others and of this machine', () => {
  const skewed = factsOf(config, (one) => ({ 'clock-skew': one === node ? '0' : '-3.2145' }))
  const guard = requirements(config, skewed, node).find(({ title }) => title.includes('within 2 s'))
  const [end] = run(['sh'], [guard as NonNullable<typeof guard>], 'check').ends
  assert.is(end?.said.join('\n'), 'it is 3215 ms ahead of the others, and 0 ms behind this machine')
})
test.run()
