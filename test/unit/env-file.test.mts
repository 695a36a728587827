/** The text of an env file: what is read, and that nothing doubtful is. */
import * as assert from 'uvu/assert'
import { linesOf, readEnvText, wordsOf } from '../../lib/env-file.mts'
import { suite } from '../suite.mts'

const values = (text: string) => {
  const { entries, problems } = readEnvText(text)
  assert.equal(problems, [])
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]))
}

const read = suite('lines that are read')

const READ: readonly (readonly [string, string, Record<string, string>])[] = [
  ['plain values', 'A=1\nB=two words\n', { A: '1', B: 'two words' }],
  ['empty values', 'A=\nB=""\nC=\n', { A: '', B: '', C: '' }],
  ['spaces around', '  A = 1  \n\tB\t=\t2\n', { A: '1', B: '2' }],
  ['export', 'export A=1\n  export  B="2"\n', { A: '1', B: '2' }],
  ['the three kinds of quotes', `A="it's"\nB='say "x"'\nC=\`"'\`\n`, { A: "it's", B: 'say "x"', C: `"'` }],
  ['a # in quotes', `A="p#w"\nB='a # b'\n`, { A: 'p#w', B: 'a # b' }],
  ['a comment after quotes', `A="1" # one\nB='2'\t# two\n`, { A: '1', B: '2' }],
  ['comments and blank lines', `# A=0\n\n  # it's "odd\n \t\nA=1\n`, { A: '1' }],
  ['several lines', 'A="\n1 # one\n\n2\n"\nB=3\n', { A: '\n1 # one\n\n2\n', B: '3' }],
  ['no expansion', `A=$HOME\nB="$(id) \${C}"\nC='\\n'\n`, { A: '$HOME', B: '$(id) ${C}', C: '\\n' }],
  ['backslashes', `A=\\x\nB='C:\\new'\nC="\\t"\nD=end\\\n`, { A: '\\x', B: 'C:\\new', C: '\\t', D: 'end\\' }],
  ['CRLF and a byte order mark', '\uFEFFA=1\r\nB="x\r\ny"\r\n', { A: '1', B: 'x\ny' }],
  ['= in a value', 'A=ip=1 password="a b"\n', { A: 'ip=1 password="a b"' }],
  ['a closed quote at the very end', 'A=1\nB="2"', { A: '1', B: '2' }],
  ['a comment at the very end', 'A=1\n# end', { A: '1' }],
  ['Unicode', 'A=pässwörd\nB="密码 🔑"\n', { A: 'pässwörd', B: '密码 🔑' }],
  ['names that objects have', 'constructor=1\n__proto__x=2\n', { constructor: '1', __proto__x: '2' }],
  ['an empty file', '', {}],
]
for (const [title, text, expected] of READ) read(title, () => assert.equal(values(text), expected))

read('entries know the line they begin in', () => {
  const { entries } = readEnvText('# one\nA="\nx\ny\n"\n\nB=1\n')
  assert.equal(
    entries.map(({ key, line }) => [key, line]),
    [
      ['A', 2],
      ['B', 7],
    ],
  )
})
read('lines and words of a value know theirs', () => {
  const entry = { key: 'A', value: '\n1, 2 # two\n# 3\n\n4,5\n', line: 10 }
  assert.equal(linesOf(entry), [
    { text: '1, 2', line: 11 },
    { text: '4,5', line: 14 },
  ])
  assert.equal(
    wordsOf(entry).map(({ text, line }) => `${text}@${line}`),
    ['1@11', '2@11', '4@14', '5@14'],
  )
})
read.run()

const refused = suite('lines that are refused')

const REFUSED: readonly (readonly [string, string, number, RegExp])[] = [
  ['no =', 'A=1\nVIP 10.0.0.1/24\n', 2, /no "="/],
  ['yaml', 'A=1\nVIP: 10.0.0.1\n', 2, /no "="/],
  ['a key with a space', 'MY KEY=1\n', 1, /what stands before "=" is not a key.*without spaces/],
  ['a key with a hyphen', 'LINK-MODE=active\n', 1, /"LINK-MODE" is not a key/],
  ['a fence key with a hyphen', 'FENCE_ctl-1.x=ip=1\n', 1, /"FENCE_ctl-1.x" is not a key.*write FENCE_ctl_1_x/],
  ['a key that starts with a digit', '1A=1\n', 1, /"1A" is not a key/],
  ['no key', '=1\n', 1, /no key before "="/],
  ['twice', 'A=1\nB=2\n\nA=1\n', 4, /A is set twice: it is already in line 1/],
  ['twice with export', 'A=1\nexport A=2\n', 2, /A is set twice/],
  ['an unclosed double quote', 'A=1\nB="x\ny\n', 2, /double quote that opens B here is not closed up to the end/],
  ['an unclosed single quote', "A='x\n", 1, /single quote that opens A here is not closed/],
  ['a quote that is closed by the next key', 'A="x\nB="y"\n', 1, /quote that opens A here is not closed before line 2/],
  ['a quote that would swallow a key', 'A="x\nB=y\nC="z"\n', 1, /not closed before line 2/],
  ['text after a quote', 'A="x"y\n', 1, /A has text after its closing quote/],
  ['shell concatenation', `A='it''s'\n`, 1, /text after its closing quote/],
  ['a comment glued to a quote', 'A="x"#c\n', 1, /text after its closing quote/],
  ['text after a quote some lines on', 'A="\nx\n" y\n', 1, /text after its closing quote in line 3/],
  ['a # in a plain value', 'A=pass#word\n', 1, /A holds a # outside quotes.*in quotes/],
  ['a comment after a plain value', 'A=1 # one\n', 1, /A holds a # outside quotes.*line of its own/],
  ['a comment for a value', 'A= # nothing\n', 1, /# outside quotes/],
  ['a lone quote in a plain value', `A=it's\n`, 1, /quote that is not closed in its line/],
  ['a closing quote alone', 'A=x"\n', 1, /quote that is not closed in its line/],
  ['an escaped quote', `A="a\\"b"\n`, 1, /backslash before a double quote.*another kind/],
  ['a backslash at the end of quotes', `A='a\\'\nB='b'\n`, 1, /backslash before a single quote/],
  ['\\n in double quotes', 'A="C:\\new"\n', 1, /\\n or \\r in double quotes.*single quotes/],
  ['a NUL', 'A=1\nB=\0\n', 2, /holds a NUL/],
  ['an escape sequence', 'A=1\n\u001b[1mB=2\n', 2, /control character U\+001B/],
  ['a control character in a quoted value', 'A="x\n\u0007"\n', 2, /control character U\+0007/],
  ['a lone carriage return', 'A=1\rB=2\n', 1, /control character U\+000D/],
  ['a line separator', 'A=1\u2028B=2\n', 1, /U\+2028/],
  ['a space that is none', 'A=\u00a0x\n', 1, /can be read in two ways|U\+00A0/],
  ['a value cut off', 'A=1\nB=secr', 2, /does not end with a line break: the file may be cut off/],
  ['a key cut off', 'A=1\nOS_PASSW', 2, /no "="/],
]
for (const [title, text, line, words] of REFUSED) {
  refused(title, () => {
    const { problems } = readEnvText(text)
    assert.ok(problems.length > 0, 'nothing was refused')
    assert.is(problems[0]?.line, line)
    assert.match(`${problems[0]?.text}; ${problems[0]?.remedy}`, words)
  })
}

refused('one fault is told once', () => {
  for (const [title, text] of REFUSED.filter(([name]) => !/cut off/.test(name) && !/unclosed/.test(name))) {
    assert.is(readEnvText(text).problems.length, 1, title)
  }
})
refused('all problems at once, and what follows a fault is still read', () => {
  const text = ['VIP 1', 'A="x', 'B=1', 'B=2', 'C=a#b', 'D="x" y', 'E="ok"', 'F=cut'].join('\n')
  const { entries, problems, broken } = readEnvText(text)
  assert.equal(
    problems.map(({ line }) => line),
    [1, 2, 4, 5, 6, 8],
  )
  assert.equal(
    entries.map(({ key }) => key),
    ['B', 'E', 'F'],
  )
  assert.equal([...broken.keys()], ['A', 'C', 'D'])
})
refused('a key is set twice, also when the first value cannot be read', () => {
  for (const first of ['A=x#', 'A=\u0007', 'A=\u00a0x'])
    assert.equal(
      readEnvText(`${first}\nA=1\n`).problems.map(({ line }) => line),
      [1, 2],
    )
})
refused('no problem tells a value', () => {
  const secret = 'hunter2'
  const lines = [
    `P=${secret}#x`,
    `P="${secret}`,
    `P='${secret}'x`,
    `${secret} x=1`,
    `${secret}`,
    `P="${secret}\\n"`,
    `P=${secret}\u0007`,
    `Rest${secret}=`,
    `${secret}=#`,
    `${secret}.x=`,
  ]
  for (const line of lines) {
    for (const { text, remedy } of readEnvText(`${line}\n`).problems) assert.not.match(text + remedy, secret, line)
  }
})
refused('a file that is cut anywhere is never read as another one', () => {
  const whole = 'A="\n1\n2\n"\nB=\'p#w\'\nTOKEN=10000\nC=last\n'
  const full = values(whole)
  for (let length = 1; length < whole.length; length++) {
    const { entries, problems } = readEnvText(whole.slice(0, length))
    if (problems.length > 0) continue
    for (const { key, value } of entries) assert.is(value, full[key], `cut at ${length}`)
  }
})
refused.run()
