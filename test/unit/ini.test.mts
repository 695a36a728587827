/** Settings in files of others, and guards that hold together or not at all: run here in real shells. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Guard } from '../../lib/guard.mts'
import { file, KEPT, takenBack } from '../../lib/guards/file.mts'
import { INI, ini, type Setting, settingsBack } from '../../lib/guards/ini.mts'
import { comes } from '../../lib/guards/require.mts'
import { together } from '../../lib/guards/together.mts'
import { sh } from '../../lib/shell.mts'
import { suite } from '../suite.mts'
import { type Answer, folder, run, SHELLS, shell } from './local-shell.mts'
import { needing } from './real-tool.mts'

const read = (path: string) => readFileSync(path, 'utf8')
const said = (answer: Answer) => answer.ends.flatMap((end) => end.said).join('\n')

const CONF = `\
# The first line.
[DEFAULT]
#bind_host = 0.0.0.0
# Some text about password.
workers = 4
transport_url = rabbit://openstack:hush@mq:5672/

[keystone_authtoken]
auth_url=http://a:5000
  /continued
password = hush
auth_url : http://node1:5000
[empty]
`

for (const [program, words] of SHELLS) {
  let top = ''
  let path = ''
  const here = (text: string) => text.replaceAll(KEPT, join(top, 'kept'))
  const go = (guard: Guard, how: 'apply' | 'check' = 'apply') => run(words, [guard], how, false, here)
  const part = suite(`settings of others in ${words.join(' ')}`)
  const test = needing(part, program)
  part.before.each(() => {
    top = folder()
    path = join(top, 'etc/service.conf')
    mkdirSync(join(top, 'etc'))
    writeFileSync(path, CONF)
    chmodSync(path, 0o640)
  })
  const set = (section: string, key: string, value: string): Setting => ({ section, key, value })
  const becomes = (settings: readonly Setting[], text: string) => {
    const guard = ini(path, settings, ['demo'])
    const first = go(guard)
    assert.is(first.ends[0]?.result, 'changed', said(first))
    assert.is(read(path), text)
    assert.equal(go(guard).ends, [{ result: 'ok', status: 0, said: [] }])
  }

  test('below its commented default, below the head of its section, in a section of its own', () => {
    becomes(
      [set('DEFAULT', 'bind_host', '192.0.2.1'), set('empty', 'key', "it's $1 \\n"), set('new', 'x', 'y')],
      `${CONF.replace('0.0.0.0\n', '0.0.0.0\nbind_host = 192.0.2.1\n')}key = it's $1 \\n\n\n[new]\nx = y\n`,
    )
    assert.is((statSync(path).mode & 0o777).toString(8), '640')
    assert.is(read(join(top, `kept/untouched${path}`)), CONF)
    assert.equal(readdirSync(join(top, 'etc')), ['service.conf'])
  })

  test('in the place of the last one, written as it was', () => {
    becomes([set('keystone_authtoken', 'auth_url', 'http://vip:5000')], CONF.replace('http://node1', 'http://vip'))
  })

  test('lines that go on with a value go with it', () => {
    writeFileSync(path, CONF.replace('auth_url : http://node1:5000\n', ''))
    becomes(
      [set('keystone_authtoken', 'auth_url', 'http://vip:5000')],
      CONF.replace('auth_url : http://node1:5000\n', '').replace('http://a:5000\n  /continued', 'http://vip:5000'),
    )
  })

  test('a look shows the lines that change, and nothing else of the file', () => {
    const seen = go(ini(path, [set('DEFAULT', 'workers', '2')], []), 'check')
    assert.is(seen.ends[0]?.result, 'pending')
    assert.match(said(seen), /^-workers = 4\n\+workers = 2$/m)
    assert.not.match(said(seen), /hush|rabbit|text/)
    assert.is(read(path), CONF)
  })

  test('a file that is not there is told', () => {
    const seen = go(ini(join(top, 'none'), [set('a', 'b', 'c')], []))
    assert.match(said(seen), `there is no ${join(top, 'none')}`)
    assert.not(existsSync(join(top, 'none')))
  })

  test('given back: each as it was before the first of ours; what others have changed since stays', () => {
    for (const value of ['1', '2'])
      go(ini(path, [set('DEFAULT', 'workers', value), set('empty', 'key', value), set('', 'above', value)], ['demo']))
    go(ini(path, [set('DEFAULT', 'bind_host', '192.0.2.1')], ['demo']))
    writeFileSync(path, read(path).replace('192.0.2.1', '192.0.2.99').replace('password = hush', 'password = new'))
    const back = shell(
      words,
      here(sh`
      set -eu
      path=${path}
      new=${join(top, 'etc/.new')}
      ${INI}`) +
        '\n' +
        here(settingsBack),
      true,
    )
    assert.is(back.status, 0, back.stderr)
    assert.is(
      read(path),
      CONF.replace('0.0.0.0\n', '0.0.0.0\nbind_host = 192.0.2.99\n').replace('password = hush', 'password = new'),
    )
    assert.equal(readdirSync(join(top, 'etc')), ['service.conf'])
  })

  const user = shell(['sh'], 'id -un; id -gn', true).stdout.trim().replace('\n', ':')
  const whole = (proof: string, more: readonly Guard[] = []) =>
    together('all of it', [file(path, 'ours\n', { owner: user }), ...more], {
      proof: { ...comes('proof', 1, proof, 'look there'), remedies: [[/no/, 'known']] },
      back: takenBack(path),
    })

  test('together: all of it is true, and a second run changes nothing', () => {
    const guard = whole(':')
    assert.is(go(guard).ends[0]?.result, 'changed')
    assert.is(read(path), 'ours\n')
    assert.equal(go(guard).ends, [{ result: 'ok', status: 0, said: [] }])
  })

  test('together: where the proof does not come all is as it was, and what it said is told', () => {
    const answer = go(whole('echo "it says no"; exit 1'))
    assert.is(answer.ends[0]?.result, 'failed')
    assert.match(said(answer), /it says no\nwhat was changed is taken back/)
    assert.is(read(path), CONF)
  })

  test('together: a part that fails ends it, and only what was changed is taken back', () => {
    writeFileSync(path, 'before\n')
    go(file(path, 'ours\n', { owner: user }))
    const fails: Guard = { title: 'fails', check: 'echo "not yet"; exit 1', apply: 'echo broken; exit 7' }
    const answer = go(whole(':', [fails]))
    assert.is(answer.ends[0]?.result, 'failed')
    // The part before it was true before we came: what it replaced once is nobody's wish now.
    assert.is(read(path), 'ours\n')
    assert.not.match(said(answer), 'taken back')
    writeFileSync(path, 'theirs\n')
    assert.match(said(go(whole(':', [fails]))), /broken\n.*what was changed is taken back/s)
    assert.is(read(path), 'theirs\n')
    writeFileSync(path, 'ours\n')
    writeFileSync(path, 'theirs\n')
    const stuck = together('all', [file(path, 'ours\n', { owner: user }), fails], {
      proof: { title: '', check: ':' },
      back: 'echo "no way back"; exit 3',
    })
    assert.match(said(go(stuck)), /what was changed could not be taken back:\nno way back/)
    writeFileSync(path, 'ours\n')
    const unsure = go(whole(':', [{ title: 'cannot tell', check: 'echo "no idea"; exit 2' }]))
    assert.match(said(unsure), 'no idea')
    assert.is(read(path), 'ours\n')
  })

  part.run()
}
