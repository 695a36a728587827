/** Guards of packages with managers that are played: what they tell, wait for and remember. The lab has the real ones. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Guard } from '../../lib/guard.mts'
import { KEPT } from '../../lib/guards/file.mts'
import { installed, type ManagerName, offered } from '../../lib/guards/package.mts'
import { keyFetched, rightKey } from '../../lib/guards/repository.mts'
import { suite } from '../suite.mts'
import { folder, run } from './local-shell.mts'
import { needing } from './real-tool.mts'

/** `installed` and `offers` are lines of "name version [repository]"; with a file `held` the lock is another one's for one try. */
const PLAYED: Readonly<Record<string, string>> = {
  rpm: `case "$*" in
    -E*_dbpath*) echo "$PLAY/db" ;;
    -E*) echo x86_64 ;;
    -qa*ARCH*) sed 's/ .*/.noarch/' "$PLAY/installed" ;;
    -qa*) sed 's/ .*//' "$PLAY/installed" ;;
    -q*) for name; do sed -n "s/^$name \\\\(.*\\\\)/=$name=ii \\\\1 /p" "$PLAY/installed"; done ;;
    -V*) cat "$PLAY/missing" 2>/dev/null ;;
  esac`,
  dnf: `echo "dnf $*" >>"$PLAY/calls"
  case "$*" in
    *repoquery*) cat "$PLAY/offers" ;;
    *install*)
      if [ -e "$PLAY/held" ]; then rm "$PLAY/held"; echo 'Failed to obtain the transaction lock (logged in as: root).'; exit 200; fi
      for word; do case $word in -* | install) ;; *) add "$word" ;; esac; done ;;
  esac`,
  zypper: `echo "zypper $*" >>"$PLAY/calls"
  case "$*" in
    *search*) sed 's|\\\\(.*\\\\) \\\\(.*\\\\) \\\\(.*\\\\)|<solvable status="not-installed" name="\\\\1" kind="package" edition="\\\\2" arch="noarch" repository="\\\\3"/>|' "$PLAY/offers" ;;
    *install*)
      if [ -e "$PLAY/held" ]; then rm "$PLAY/held"; echo 'System management is locked by the application with pid 1 (zypper).'; exit 7; fi
      for word; do case $word in -* | install) ;; *) add "$word" ;; esac; done ;;
  esac`,
  systemctl: 'exit 1',
  // What is asked for by its whole name and version, or else the newest.
  add: `[ ! -e "$PLAY/unsigned" ] || { echo "Package $1 is not signed"; exit 1; }
  name=$(sed -n 's/ .*//p' "$PLAY/offers" | sort -u | while read -r one; do case $1 in "$one" | "$one"[-=][0-9]*) echo "$one" ;; esac; done | tail -n 1)
  version=\${1#"$name"} version=\${version#?}
  [ -n "$version" ] || version=$(sed -n "s/^$name \\\\([^ ]*\\\\).*/\\\\1/p" "$PLAY/offers" | sort -V | tail -n 1)
  sed -i "/^$name /d" "$PLAY/installed"
  echo "$name $version" >>"$PLAY/installed"`,
  curl: 'while [ "$1" != --output ]; do shift; done; cp "$PLAY/key" "$2"',
}

for (const manager of ['dnf', 'zypper'] as const satisfies readonly ManagerName[]) {
  const test = suite(`packages by ${manager}`)
  let top = ''
  const at = (name: string) => join(top, name)
  const write = (name: string, text: string) => writeFileSync(at(name), text)
  const calls = () => (existsSync(at('calls')) ? readFileSync(at('calls'), 'utf8').trim().split('\n') : [])
  const edit = (text: string) =>
    text
      .replaceAll(KEPT, at('kept'))
      .replaceAll(/REPOSITORIES=\S+/g, `REPOSITORIES=${at('repos')}`)
      .replace('PATH=/usr/local', `PLAY=${top}; export PLAY; PATH=${at('bin')}:/usr/local`)
  const go = (guard: Guard, how: 'apply' | 'check' = 'apply') => run(['dash'], [guard], how, false, edit).ends[0]
  const packages = [{ name: 'corosync' }, { name: 'agents-base|agents' }, { name: 'crmsh', optional: true }]

  test.before.each(() => {
    top = folder()
    for (const name of ['bin', 'db', 'repos']) mkdirSync(at(name))
    for (const [name, text] of Object.entries(PLAYED)) {
      writeFileSync(at(`bin/${name}`), `#!/bin/sh\n${text.replaceAll('\\\\', '\\')}\n`)
      chmodSync(at(`bin/${name}`), 0o755)
    }
    write('installed', '')
    write('offers', 'corosync 3.1.5-1 high\ncorosync 3.1.7-1 high\nagents 4.1-1 app\n')
  })

  test('a first look asks nobody, an apply puts on record what there is, and then it is known', () => {
    assert.is(go(offered(packages, manager), 'check')?.result, 'pending')
    assert.equal(calls(), [])
    assert.is(go(offered(packages, manager))?.result, 'changed')
    const asked = calls().length
    assert.is(go(offered(packages, manager), 'check')?.result, 'ok')
    assert.is(calls().length, asked)
  })

  test('what is to come is told with version and repository; afterwards no manager is started', () => {
    go(offered(packages, manager))
    const guard = installed(packages, manager)
    assert.equal(go(guard, 'check')?.said, [
      'to be installed: corosync 3.1.7-1 from high',
      'to be installed: agents 4.1-1 from app',
    ])
    assert.is(go(guard)?.result, 'changed')
    const before = calls().length
    assert.equal(go(guard, 'check'), { result: 'ok', status: 0, said: [] })
    assert.is(go(offered(packages, manager), 'check')?.result, 'ok')
    assert.is(calls().length, before)
    assert.equal(readFileSync(at('kept/brought'), 'utf8'), 'agents\ncorosync\n')
  })

  test('a repository that has changed is asked anew', () => {
    go(offered(packages, manager))
    const later = new Date(Date.now() + 5000)
    write('repos/new.repo', '')
    run(['dash'], [{ title: 'a', check: `touch -d '${later.toISOString()}' ${at('repos')}` }], 'check')
    assert.is(go(offered(packages, manager), 'check')?.result, 'pending')
  })

  test('no candidate, and a version that there is not', () => {
    const wrong = [{ name: 'corosync', version: '3.2' }, { name: 'nothing' }]
    assert.equal(go(offered(wrong, manager))?.said.slice(-2), [
      'no candidate: nothing',
      'corosync 3.2 is not on offer; there is: 3.1.7-1, 3.1.5-1',
    ])
  })

  test('a version, whole or its beginning; another one that is there is a change', () => {
    const pinned = (version: string) => installed([{ name: 'corosync', version }], manager)
    const first = go(pinned('3.1'))
    assert.is(first?.result, 'changed', first?.said.join('\n'))
    assert.is(readFileSync(at('installed'), 'utf8'), 'corosync 3.1.7-1\n')
    assert.is(go(pinned('3.1.7'), 'check')?.result, 'ok')
    assert.equal(go(pinned('3.1.5'), 'check')?.said, ['to be installed: corosync, 3.1.7-1 now: 3.1.5-1 from high'])
    assert.is(go(pinned('3.1.5'))?.result, 'changed')
    assert.is(readFileSync(at('installed'), 'utf8'), 'corosync 3.1.5-1\n')
    assert.is(go(pinned('3.1.50'), 'check')?.result, 'pending')
  })

  test('a lock is waited for', () => {
    go(offered(packages, manager))
    write('held', '')
    const end = go(installed(packages, manager))
    assert.is(end?.result, 'changed', end?.said.join('\n'))
    assert.match(end?.said.join('\n') ?? '', /another package manager is at work \(up to 300 s\): \S+/)
  })

  test('what is not signed ends it, and nothing is called half done', () => {
    go(offered(packages, manager))
    write('unsigned', '')
    const end = go(installed(packages, manager))
    assert.is(end?.result, 'failed')
    assert.match(end?.said.join('\n') ?? '', 'is not signed')
    assert.match(go(installed(packages, manager), 'check')?.said[0] ?? '', /^to be installed: corosync/)
  })

  test('a transaction that was cut off is told: two versions, files that are missing, an installation of ours', () => {
    go(offered(packages, manager))
    go(installed(packages, manager))
    const guard = installed(packages, manager)
    write('db/rpmdb.sqlite', '')
    run(['dash'], [{ title: 'a', check: `touch -d '1 minute' ${at('db/rpmdb.sqlite')}` }], 'check')
    assert.is(go(guard, 'check')?.result, 'ok')
    write('missing', 'missing     /usr/sbin/corosync\nmissing   d /usr/share/doc/a\n')
    assert.match(
      go(guard, 'check')?.said.join('\n') ?? '',
      /files of its packages are missing:\n\/usr\/sbin\/corosync$/,
    )
    write('missing', '')
    write('installed', `${readFileSync(at('installed'), 'utf8')}corosync 3.1.5-1\nkernel 6\nkernel 7\n`)
    assert.match(go(guard, 'check')?.said.join('\n') ?? '', /there are two versions:\ncorosync\.noarch$/)
    write('kept/bringing', '')
    assert.match(go(guard, 'check')?.said.join('\n') ?? '', 'an installation was cut off')
  })

  test.run()
}

/** As apt-cache(8) prints it: one that is installed, of which the repositories offer two more. */
const POLICY = `haproxy:
  Installed: 2.6.12-1
  Candidate: 2.6.12-1+deb12u4
  Version table:
     3.0.1-1~bpo12+1 100
        100 https://me:hidden@m.test.com/debian bookworm-backports/main amd64 Packages
     2.6.12-1+deb12u4 500
        500 http://m.test.com/debian bookworm/main amd64 Packages
 *** 2.6.12-1 100
        100 /var/lib/dpkg/status
`
const byApt = suite('packages by apt')
byApt('the candidate and where it is from, or the version that is wanted', () => {
  const top = folder()
  mkdirSync(join(top, 'bin'))
  writeFileSync(join(top, 'policy'), POLICY)
  const played = {
    'apt-cache': '[ "$2" != haproxy ] || cat "$PLAY/policy"',
    dpkg: ':',
    'dpkg-query': 'case " $* " in *" haproxy "*) printf "haproxy=ii 2.6.12-1 " ;; esac',
  }
  for (const [name, text] of Object.entries(played))
    writeFileSync(join(top, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  const look = (guard: Guard) =>
    run(['dash'], [guard], 'check', false, (text) =>
      text.replace('PATH=/usr/local', `PLAY=${top}; export PLAY; PATH=${join(top, 'bin')}:/usr/local`),
    ).ends[0]?.said
  const pinned = (version: string) => [{ name: 'haproxy', version }]
  assert.equal(look(installed([{ name: 'haproxy' }])), [])
  assert.equal(look(installed(pinned('2.6.12'))), [])
  assert.equal(look(installed(pinned('3.0'))), [
    'to be installed: haproxy, 2.6.12-1 now: 3.0.1-1~bpo12+1 from https://m.test.com/debian bookworm-backports/main',
  ])
  assert.equal(look(installed(pinned('2.6.12-1+deb12u4'))), [
    'to be installed: haproxy, 2.6.12-1 now: 2.6.12-1+deb12u4 from http://m.test.com/debian bookworm/main',
  ])
  assert.equal(look(offered([...pinned('2.5'), { name: 'nothing|none' }])), [
    'no candidate: nothing|none',
    'haproxy 2.5 is not on offer; there is: 3.0.1-1~bpo12+1, 2.6.12-1+deb12u4',
  ])
})
byApt.run()

const keys = suite('keys that are fetched')
const PRINT = 'A7B0E5DD02922CE29850D85E9EA50F8847D675B3'
needing(keys, 'gpg')('one with another fingerprint is never put in place; the right one is, alone', () => {
  const top = folder()
  mkdirSync(join(top, 'bin'))
  writeFileSync(join(top, 'bin/curl'), `#!/bin/sh\n${PLAYED.curl}\n`, { mode: 0o755 })
  writeFileSync(join(top, 'key'), readFileSync(join(import.meta.dirname, 'fixtures/packages-key.asc')))
  const path = join(top, 'place/quorate-0')
  const go = (guard: Guard) =>
    run(['dash'], [guard], 'apply', false, (text) =>
      text
        .replaceAll(KEPT, join(top, 'kept'))
        .replace('PATH=/usr/local', `PLAY=${top}; export PLAY; PATH=${join(top, 'bin')}:/usr/local`),
    ).ends[0]
  const fetched = (fingerprint: string) => ({ url: 'https://host/key', fingerprint, path })
  const wrong = fetched(PRINT.replace('A', 'B'))
  for (const guard of [rightKey(wrong), keyFetched(wrong, true)]) {
    const end = go(guard)
    assert.is(end?.result, 'failed')
    assert.match(end?.said.join('\n') ?? '', new RegExp(`fingerprint ${PRINT}, wanted is ${wrong.fingerprint}`))
    assert.not.ok(existsSync(path))
  }
  assert.is(go(rightKey(fetched(PRINT)))?.result, 'ok')
  for (const armoured of [true, false]) {
    assert.is(go(keyFetched({ ...fetched(PRINT), path: `${path}-${armoured}` }, armoured))?.result, 'changed')
    assert.is(go(keyFetched({ ...fetched(PRINT), path: `${path}-${armoured}` }, armoured))?.result, 'ok')
  }
  // Two keys where one is meant, of which one is right.
  const key = readFileSync(join(top, 'key'), 'utf8')
  writeFileSync(join(top, 'key'), key + key)
  assert.is(go(rightKey({ ...fetched(PRINT), path: '/nowhere/at/all' }))?.result, 'failed')
})
keys.run()
