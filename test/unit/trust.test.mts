/** Root's own ssh key: made once, completed where a run was cut off, and nothing half made left beside it. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { rootKey } from '../../lib/trust.mts'
import { suite } from '../suite.mts'
import { folder, results, run, SHELLS } from './local-shell.mts'

const [, words] = SHELLS[0] as (typeof SHELLS)[number]
const applied = (home: string) => {
  const { check, apply = '', title } = rootKey()
  const here = (text: string) => text.replaceAll('/root/', `${home}/`)
  return results(run(words, [{ title, check: here(check), apply: here(apply) }]))
}

const test = suite("root's ssh key")
const able = spawnSync('ssh-keygen', ['-?']).error === undefined

if (!able) test.skip('all of it', 'there is no ssh-keygen')
else {
  test('is made, and made once', () => {
    const home = folder()
    assert.equal(applied(home), ['changed'])
    const files = ['id_ed25519', 'id_ed25519.pub']
    assert.equal(readdirSync(join(home, '.ssh')).sort(), files)
    assert.equal(applied(home), ['ok'])
  })

  test('a run that was cut off between its two halves is completed, with the same key', () => {
    const home = folder()
    applied(home)
    const at = (name: string) => join(home, '.ssh', name)
    const before = readFileSync(at('id_ed25519'), 'utf8')
    renameSync(at('id_ed25519.pub'), at('.quorate-new.pub'))
    assert.equal(applied(home), ['changed'])
    assert.is(readFileSync(at('id_ed25519'), 'utf8'), before)
    assert.equal(readdirSync(join(home, '.ssh')).sort(), ['id_ed25519', 'id_ed25519.pub'])
  })

  test('a run that was cut off before either half was in its place begins anew', () => {
    const home = folder()
    mkdirSync(join(home, '.ssh'))
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(home, '.ssh/.quorate-new')])
    assert.ok(existsSync(join(home, '.ssh/.quorate-new')))
    assert.equal(applied(home), ['changed'])
    assert.equal(readdirSync(join(home, '.ssh')).sort(), ['id_ed25519', 'id_ed25519.pub'])
  })
}

test.run()
