/** Masking: a secret is found in each form in which it is sent or comes back. */
import * as assert from 'uvu/assert'
import { masked } from '../../lib/mask.mts'
import { fencePrimitives } from '../../lib/render/cib.mts'
import { sh } from '../../lib/shell.mts'
import { suite } from '../suite.mts'

const SECRETS: readonly string[] = [
  'plain',
  'p#w d',
  `it's "x" & <y> \\ z`,
  '$HOME `id` $(id)',
  '100% p@ss/w:rd?&=',
  'pässwörd 密码 🔑',
  '*',
  '\ttab',
]

const node = { name: 'node1', fqdn: 'node1.test.com', address: '192.0.2.1' }
/** What is sent to a node, or said by it. */
const FORMS: Readonly<Record<string, (secret: string) => string>> = {
  'as it is': (secret) => `password is ${secret}!`,
  'a word of shell': (secret) => sh`curl --data ${secret}`,
  'a body of JSON': (secret) => JSON.stringify({ auth: { password: secret } }),
  'a body of JSON in a script': (secret) =>
    sh`printf %s ${JSON.stringify({ auth: { password: `${secret}`, x: "it's" } })}`,
  'the CIB': (secret) => fencing(secret),
  'the CIB in a script': (secret) => sh`printf %s ${fencing(secret)} | cibadmin`,
  'a part of a URL': (secret) => `https://me:${encodeURIComponent(secret)}@host/`,
  base64: (secret) => Buffer.from(secret).toString('base64'),
}
const fencing = (secret: string) =>
  fencePrimitives({
    nodes: [node],
    fencing: 'fence_ipmilan',
    fence: { node1: { ip: '192.0.2.9', password: secret } },
    fence2: {},
  } as unknown as Parameters<typeof fencePrimitives>[0])
    .map(({ xml }) => xml)
    .join('\n')

const test = suite('masking')
for (const [title, form] of Object.entries(FORMS)) {
  test(`${title}: no secret is left`, () => {
    for (const secret of SECRETS) {
      const shown = masked([secret])(form(secret))
      assert.is(masked([])(form(secret)), form(secret))
      assert.match(shown, '********')
      // The mask itself is made of asterisks.
      const left = shown.replaceAll('********', '').replaceAll('*', '')
      // What is left is what is there with nothing for a secret, but for the quotes that quoting puts around it.
      const bare = form('').replace(/''/g, '')
      const blank = (text: string) => text.replace(/[\s'\\"]/g, '')
      assert.is(blank(left), blank(bare), secret)
    }
  })
}

test('a secret that is part of another does not leave the rest of it', () => {
  const mask = masked(['abcd', 'abcdefgh', 'efgh'])
  assert.is(mask('abcdefgh abcd efgh abcdefghefgh'), '******** ******** ******** ********')
})

/** What a program makes of a secret; all of it is to vanish. */
const ENCODED: Readonly<Record<string, (secret: string) => string>> = {
  'base64 for URLs': (secret) => Buffer.from(secret).toString('base64url'),
  'base64 with a line break': (secret) => Buffer.from(`${secret}\n`).toString('base64').slice(0, -4),
  hex: (secret) => Buffer.from(secret).toString('hex'),
  HEX: (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  'JSON of python': (secret) =>
    JSON.stringify(secret)
      .slice(1, -1)
      .replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
  'XML of libxml2 without an encoding': (secret) =>
    [...secret]
      .map((char) => {
        const code = char.codePointAt(0) as number
        return (
          { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }[char] ??
          (code > 127 ? `&#x${code.toString(16).toUpperCase()};` : char)
        )
      })
      .join(''),
  'XML of pacemaker': (secret) =>
    secret.replace(/[&<>"']/g, (char) => `&${{ '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' }[char]};`),
  'a part of a URL, strictly': (secret) =>
    [...Buffer.from(secret)]
      .map((byte) =>
        /[\w.~-]/.test(String.fromCharCode(byte))
          ? String.fromCharCode(byte)
          : `%${byte.toString(16).padStart(2, '0')}`,
      )
      .join(''),
  'a field of a form': (secret) => new URLSearchParams({ x: secret }).toString().slice(2).replaceAll('*', '%2A'),
  'octal escapes': (secret) =>
    [...Buffer.from(secret)].map((byte) => (byte > 127 ? `\\${byte.toString(8)}` : String.fromCharCode(byte))).join(''),
}
const LONG = `it's a "long" pässwörd & <more> $HOME 100% \\ `.trim()

for (const [title, form] of Object.entries(ENCODED)) {
  test(`${title}: no secret is left`, () =>
    assert.is(masked([LONG])(`before ${form(LONG)} after`), 'before ******** after'))
}

test('base64 of a text that holds the secret, wherever it stands', () => {
  for (const before of ['', 'a', 'ab', 'abc', 'admin:']) {
    for (const secret of ['s3cr', LONG]) {
      const whole = Buffer.from(`${before}${secret}:x`)
      const shown = masked([secret])(whole.toString('base64'))
      assert.match(shown, '********')
      // The sextets that lie wholly in the secret are gone.
      const inside = Math.floor((Buffer.byteLength(secret) * 8 - 10) / 6)
      assert.ok(shown.replace('********', '').length <= whole.toString('base64').length - inside, `${before} ${shown}`)
    }
  }
})

const KEY = Buffer.from(Array.from({ length: 128 }, (_, at) => (at * 89 + 7) % 256))

test('a key that is read as base64 is kept out as its bytes too, in columns and in lines', () => {
  const mask = masked([KEY.toString('base64')])
  const left = (text: string) => mask(text).replaceAll('********', '')
  assert.is(left(KEY.toString('base64')), '')
  assert.is(left(KEY.toString('base64url')), '')
  assert.is(left(KEY.toString('hex')), '')
  assert.is(left(KEY.toString('base64').replace(/.{76}/g, '$&\n')), '')
  // As xxd(1) and od(1) print it; what is left are the offsets and less than a group.
  assert.is(left(KEY.toString('hex').replace(/.{4}/g, '$& ').trim()), '')
  assert.ok(left(KEY.toString('latin1')).length < 12)
  // Line by line, as the output of an apply comes.
  for (const line of KEY.toString('base64').replace(/.{76}/g, '$&\n').split('\n')) assert.is(mask(line), '********')
})

test('a secret that is cut or wrapped leaves less of it than anybody could use', () => {
  const secret = 'Correct-Horse-Battery-Staple'
  const mask = masked([secret])
  assert.is(mask(`password=${secret.slice(0, 20)}`), 'password=********')
  assert.is(mask(`…${secret.slice(-12)} is wrong`), '…******** is wrong')
  assert.is(mask(`password=${secret.slice(0, 7)}`), 'password=********')
  assert.is(mask(`${secret.slice(-6)} is wrong\nnext`), '******** is wrong\nnext')
  assert.is(
    mask(`the password is ${secret.slice(0, 10)}\n    ${secret.slice(10)}, they say`),
    'the password is ********, they say',
  )
  assert.is(mask(`Correct answer`), 'Correct answer')
})

test('a secret of several lines is kept out line by line too', () => {
  const mask = masked(['first line\nsecond line'])
  assert.is(mask('first line\nsecond line'), '********')
  assert.is(mask('> second line <'), '> ******** <')
  assert.is(mask('+first line\n+second line'), '+********\n+********')
})

test('a secret of up to three characters is masked where it is a word, and nowhere else', () => {
  const mask = masked(['a1', '7'])
  assert.is(
    mask('a1 passw="a1" /a1a1/ b7 7s 17 attempt 7:'),
    '******** passw="********" /a1a1/ b7 7s 17 attempt ********:',
  )
})

test('one that is learnt later is kept out from then on; none at all is no secret', () => {
  const mask = masked([''])
  assert.is(mask('key: c2VjcmV0'), 'key: c2VjcmV0')
  mask.add('c2VjcmV0')
  mask.add('')
  assert.is(mask('key: c2VjcmV0, key: c2VjcmV0'), 'key: ********, key: ********')
})

test('a secret with the signs of a pattern is taken as it is', () => {
  assert.is(masked(['a.c', '$&', '(x'])('abc $& (x a.c'), 'abc ******** ******** ********')
})

test.run()
