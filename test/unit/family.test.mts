/** Families by what os-release says: which systems are known, as what the others are taken, and what their nodes are sent. */
import * as assert from 'uvu/assert'
import type { Facts, Os } from '../../lib/facts.mts'
import { byFamily, FAMILIES, known, knownSystems, nearestFamily } from '../../lib/family.mts'
import { packagesOf } from '../../lib/packages.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { requirements } from '../../lib/requirements.mts'
import { sh } from '../../lib/shell.mts'
import { phase as prereqs } from '../../tasks/00-prereqs.mts'
import { phase as repos } from '../../tasks/01-repos.mts'
import { phase as packages } from '../../tasks/02-packages.mts'
import { suite } from '../suite.mts'
import { SHELLS, shell } from './local-shell.mts'
import { factsOf, guardsOf, twoNodes } from './phase-texts.mts'
import { needing } from './real-tool.mts'

/** ID, ID_LIKE and VERSION_ID of real systems, the family that knows them, and the one that is nearest. */
const SYSTEMS: readonly (readonly [string, string, string, string, string])[] = [
  ['debian', '', '12', 'debian', 'debian'],
  ['debian', '', '13', 'debian', 'debian'],
  ['debian', '', '11', '-', 'debian'],
  ['debian', '', '', '-', 'debian'],
  ['ubuntu', 'debian', '22.04', 'debian', 'debian'],
  ['ubuntu', 'debian', '24.04', 'debian', 'debian'],
  ['ubuntu', 'debian', '23.10', '-', 'debian'],
  ['linuxmint', 'ubuntu debian', '22', '-', 'debian'],
  ['rhel', 'fedora', '9.4', 'rhel', 'rhel'],
  ['rocky', 'rhel centos fedora', '8.10', 'rhel', 'rhel'],
  ['almalinux', 'rhel centos fedora', '10.0', 'rhel', 'rhel'],
  ['centos', 'rhel fedora', '9', 'rhel', 'rhel'],
  ['centos', 'rhel fedora', '7', '-', 'rhel'],
  ['ol', 'fedora', '9.5', 'rhel', 'rhel'],
  ['eurolinux', 'rhel fedora centos', '9.5', 'rhel', 'rhel'],
  ['navy', 'rhel', '7.9', '-', 'rhel'],
  ['fedora', '', '41', '-', 'rhel'],
  ['amzn', 'fedora', '2023', '-', 'rhel'],
  ['opensuse-leap', 'suse opensuse', '15.6', 'suse', 'suse'],
  ['opensuse-leap', 'suse opensuse', '15.4', '-', 'suse'],
  ['opensuse-tumbleweed', 'opensuse suse', '20261120', 'suse', 'suse'],
  ['sles', 'suse', '15.7', 'suse', 'suse'],
  ['sles', 'suse', '16.0', 'suse', 'suse'],
  ['arch', '', '', '-', 'debian'],
  ['toString', '__proto__', '1', '-', 'debian'],
]
const system = ([id, like, version]: readonly string[]): Os => ({
  id: id as string,
  like: (like as string).split(' '),
  version: version as string,
  name: '',
})

const test = suite('families')

for (const row of SYSTEMS) {
  const [id, , version, by, near] = row
  test(`${id} ${version}: ${by === '-' ? `unknown, nearest to ${near}` : by}`, () => {
    assert.is(known(system(row))?.name ?? '-', by)
    assert.is(nearestFamily(system(row)).name, near)
  })
}

const config = parseConfig(
  `${twoNodes('keystone')}NTP_SERVERS=192.0.2.1\nPACKAGES_pacemaker=2.1.5\nREPOS="\ndeb http://m.test.com/d x main\nhttp://m.test.com/rpms\ncrb\nepel\n"\n`,
  '/nowhere/env',
)
const OS: readonly string[] = [
  'ID=debian\nVERSION_ID="12"',
  'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.6"',
  'ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"',
]
const facts = (os: string): Facts =>
  factsOf(config, () => ({ os, chrony: 'yes', repositories: '/etc/yum.repos.d/rocky.repo\tcrb\t0' }))

test('an unknown system is refused with the list of known ones', () => {
  const [node] = config.nodes
  const [guard] = requirements(config, facts('ID=arch'), node as never)
  assert.match(guard?.check ?? '', 'ID=arch')
  assert.is(guard?.remedy, `use one of: ${knownSystems()}`)
  assert.match(guard?.remedy ?? '', 'almalinux 8, 9, 10')
})

test('no text for one family calls the manager of another, or names its files', () => {
  const texts = OS.map((os) =>
    guardsOf(config, facts(os), [prereqs, repos, packages])
      // What the listeners of Apache are called is looked for in all families.
      .filter(({ guard }) => !/^port \d+ is free/.test(guard.title))
      .map(({ guard }) => `${guard.check}\n${guard.apply ?? ''}`)
      .join('\n'),
  )
  const managers = [/\bapt-get |dpkg/, /\bdnf /, /\bzypper /]
  const files = [/etc\/apt\/sources|\/etc\/chrony\/sources/, /yum\.repos\.d|chrony\.conf/, /zypp\/repos\.d/]
  for (const [index, text] of texts.entries())
    for (const [other, manager] of managers.entries()) {
      assert.is(manager.test(text), index === other, `${OS[index]}: ${manager}`)
      assert.is(files[other]?.test(text), index === other, `${OS[index]}: ${files[other]}`)
    }
})

test('a package has the name of the family and the version of the env file', () => {
  const [debian, rhel, suse] = FAMILIES.map((family) => packagesOf(config, family))
  assert.is(debian?.find(({ version }) => version === '2.1.5')?.name, 'pacemaker')
  assert.ok(debian?.some(({ name }) => name === 'pacemaker-cli-utils'))
  for (const all of [rhel, suse]) {
    assert.ok(all?.some(({ name }) => name === 'pacemaker-cli'))
    assert.equal(all?.find(({ name }) => name === 'chrony')?.units, ['chronyd'])
  }
})

test('a repository of the distribution that is off is switched on where it is, one that is not there is told', () => {
  const titles = guardsOf(config, facts(OS[1] as string), [repos]).map(({ guard }) => guard)
  const crb = titles.find(({ title }) => title === 'the repository crb of the distribution is on')
  assert.match(crb?.apply ?? '', '/etc/yum.repos.d/rocky.repo')
  const none = guardsOf(
    config,
    factsOf(config, () => ({ os: OS[1] as string })),
    [repos],
  ).map(({ guard }) => guard)
  assert.match(none.find(({ title }) => title.includes('crb'))?.check ?? '', 'has a section crb or powertools')
})

for (const [program, words] of SHELLS) {
  needing(test, program)(`${program}: a fact is told in the way of its family`, () => {
    const text = byFamily(({ name }) => sh`echo ${name}`).shell
    for (const [index, os] of OS.entries()) {
      const asked = text.replace('. /etc/os-release', `eval '${os}'`)
      assert.is(shell(words, `set -eu\n${asked}\n`, true).stdout.trim(), FAMILIES[index]?.name)
    }
    const nothing = text.replace('/etc/os-release', '/nowhere/os-release')
    assert.is(shell(words, `set -eu\n${nothing}\n`, true).stdout.trim(), 'debian')
  })
}

test.run()
