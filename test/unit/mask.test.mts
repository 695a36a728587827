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
  const mask = masked(['abc', 'abcdef', 'def'])
  assert.is(mask('abcdef abc def abcdefdef'), '******** ******** ******** ****************')
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
