/** Quoting: what enters a shell is what comes out of it. */
import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { quote, raw, sh } from '../../lib/shell.mts'
import { suite } from '../suite.mts'

const VALUES: readonly string[] = [
  '',
  'plain',
  'two words',
  ' around ',
  `it's`,
  `'''`,
  'say "x"',
  '`id`',
  '$(id) ${HOME} $HOME $$',
  'back\\slash \\n \\',
  'line\nbreak\n',
  '\n',
  '\r\n\t\u0001\u001b[1m',
  '*? [a-z] {1,2} ~ ~root',
  '; rm -rf / & | > < ( ) !',
  '-n',
  '--',
  '#comment',
  'a=b',
  'pässwörd 密码 🔑 e\u0301',
  '%s %n %%',
  `${'\'"\\$`\n'.repeat(700)}end`,
  'x'.repeat(4096),
]

/** The words that a shell gets, each with an end that command substitution cannot eat. */
function words(shell: string, script: string): readonly string[] {
  const result = spawnSync(shell, ['-s'], { input: script, encoding: 'utf8' })
  if (result.error) throw result.error
  assert.is(result.stderr, '')
  assert.is(result.status, 0)
  return result.stdout.split('\0').slice(0, -1)
}

for (const shell of ['sh', 'bash']) {
  const test = suite(`quoting for ${shell}`)
  test('each value comes out as it went in', () => {
    for (const value of VALUES) {
      assert.equal(words(shell, `printf '%s\\000' ${quote(value)}\n`), [value], JSON.stringify(value.slice(0, 40)))
    }
  })
  test('all values as one list of words', () => {
    assert.equal(words(shell, sh`printf '%s\\000' ${VALUES}`), VALUES)
  })
  test('values in a template, in a function, in a here-document of its own', () => {
    for (const value of VALUES) {
      const script = sh`
        show() { printf '%s\\000' "$@"; }
        kept=${value}
        show "$kept" ${value}
      `
      assert.equal(words(shell, script), [value, value])
    }
  })
  test('numbers and truth values are words too', () => {
    assert.equal(words(shell, sh`printf '%s\\000' ${42} ${true} ${[1, 'two']}`), ['42', 'true', '1', 'two'])
  })
  test.run()
}

const text = suite('shell text')
text('a plain word needs no quotes', () => {
  assert.is(quote('/etc/corosync/corosync.conf'), '/etc/corosync/corosync.conf')
  assert.is(quote('10.0.42.0/24'), '10.0.42.0/24')
  assert.is(quote(''), "''")
})
text('a NUL is refused', () => {
  assert.throws(
    () => quote('a\0b'),
    (error: unknown) => error instanceof RangeError,
  )
})
text('the common indent is cut from the text and not from values', () => {
  const value = 'a\n        b'
  assert.is(
    sh`
      one
        two
      ${raw('three')} ${value}
    `,
    `one\n  two\nthree 'a\n        b'`,
  )
})
text('raw text is not quoted, and a list of nothing is nothing', () => {
  assert.is(sh`a ${raw('$x | y')} b`, 'a $x | y b')
  assert.is(sh`a ${[]} b`, 'a  b')
})
text.run()
