/** --help: what a phase says of itself is what its guards do, on each family of systems. */
import { readdirSync } from 'node:fs'
import { join, matchesGlob } from 'node:path'
import * as assert from 'uvu/assert'
import { help } from '../../lib/help.mts'
import { outlineOf } from '../../lib/help-guards.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { suite } from '../suite.mts'
import { factsOf, guardsOf, PHASES, twoNodes } from './phase-texts.mts'

const OS: readonly string[] = [
  'ID=debian\nVERSION_ID="12"',
  'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.6"',
  'ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"',
]
/** As much in one env file as makes files on a node. */
const REPOS = [
  'deb https://user:secret@m.test.com/d x main',
  'deb https://m.test.com/e x main key=https://m.test.com/key fingerprint=A7B0E5DD02922CE29850D85E9EA50F8847D675B3',
  'https://user:secret@m.test.com/rpms key=https://m.test.com/key fingerprint=A7B0E5DD02922CE29850D85E9EA50F8847D675B3',
  'crb',
]
const MORE = [
  'NTP_SERVERS=192.0.2.1',
  `REPOS="\n${REPOS.join('\n')}\n"`,
  'TLS_CERT=self-signed',
  'OS_PASSWORD=word',
  'SELINUX=permissive',
  'QDEVICE="192.0.2.50 q.example.org q"',
]
const config = parseConfig(`${twoNodes('keystone')}${MORE.join('\n')}\n`, '/nowhere/env')
/** A time service that is told its sources has them in a file; a certificate is there once the nodes have made it. */
const KEEPERS = [{ chrony: 'yes' }, { 'time.other': 'systemd-timesyncd yes' }]
const CATALOGUE = [
  {
    id: 's1',
    type: 'identity',
    endpoints: [{ id: 'e1', interface: 'public', region_id: 'RegionOne', url: 'http://192.0.2.11:5000/v3' }],
  },
]
const CLUSTERS = OS.flatMap((os) =>
  KEEPERS.map((keeper) =>
    factsOf(config, (_, index) => ({
      os,
      ...keeper,
      repositories: '/etc/yum.repos.d/rocky.repo\tcrb\t0',
      catalogue: `192.0.2.11\n${JSON.stringify({ token: { catalog: CATALOGUE } })}`,
      'ssh.key': `ssh-ed25519 AAAAkey${index} root@x`,
      'ssh.host-keys': `ssh-ed25519 AAAAhost${index} root@x`,
      'secret.tls': `ca.key ${btoa('a\n')}\nca.pem ${btoa('a\nb\nc\n')}\nvip.pem ${btoa('b\n')}`,
    })),
  ),
)

const test = suite('--help')

for (const phase of PHASES.filter(({ id }) => /^\d/.test(id))) {
  const files = (phase.files ?? []).filter((one) => one.startsWith('/'))
  const guards = CLUSTERS.flatMap((facts) => guardsOf(config, facts, [phase])).map(({ guard }) => guard)

  test(`${phase.id}: each file that a guard puts in place is named`, () => {
    const paths = guards.flatMap(
      ({ title }) => /^(\/\S+) (?:is in place|is not there|has |is the key of)/.exec(title)?.[1] ?? [],
    )
    const unnamed = paths.filter((path) => !files.some((one) => matchesGlob(path, one)))
    assert.equal([...new Set(unnamed)], [])
  })

  test(`${phase.id}: each file that is named is one of a guard`, () => {
    const all = guards.map(({ check, apply = '' }) => check + apply).join('\n')
    const strangers = files.filter((one) => !all.includes(one.replace(/\*.*$/, '')))
    assert.equal(strangers, [])
  })

  test(`${phase.id}: the text has what it makes true, its steps with their guards, and its files`, () => {
    const script = `tasks/${phase.id}.mts`
    const text = help({ script, title: phase.title, phases: [phase] }, outlineOf(phase)).replace(/\s+/g, ' ')
    assert.ok(phase.makes !== undefined && text.toLowerCase().includes(phase.makes.toLowerCase()), text)
    const shown = outlineOf(phase).flatMap(({ guards }) => guards)
    assert.ok(shown.length > 0)
    for (const { title, made } of shown) assert.ok(text.includes(`${made ? '' : '? '}${title}`), `${title}: ${text}`)
    for (const file of phase.files ?? []) assert.ok(text.includes(file), file)
  })
}

test('every phase of tasks/ is looked at', () => {
  const names = readdirSync(join(import.meta.dirname, '../../tasks')).filter((name) => /^\d\d-/.test(name))
  assert.equal(
    names.map((name) => name.replace('.mts', '')),
    PHASES.filter(({ id }) => /^\d/.test(id)).map(({ id }) => id),
  )
})

test.run()
