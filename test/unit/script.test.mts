/** The framed script in the shells that a node can have: what it says of each guard, and what it does when it is cut off. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Guard } from '../../lib/guard.mts'
import { compile } from '../../lib/script.mts'
import { sh } from '../../lib/shell.mts'
import { suite } from '../suite.mts'
import { folder, results, run, SHELLS, shell } from './local-shell.mts'
import { needing } from './real-tool.mts'

const guard = (check: string, apply?: string, more: Partial<Guard> = {}): Guard => ({
  title: 'a state',
  check,
  ...(apply === undefined ? {} : { apply }),
  ...more,
})

const root = folder()
let count = 0
/** A path that nothing has used. */
const fresh = () => join(root, `file ${++count}`)
const there = (path: string) => sh`[ -e ${path} ] || { echo "it is not there"; exit 1; }`
const touch = (path: string) => sh`: >${path}`

/** Has the state after `count` looks; says "early" in the first half of them and "late" after. */
const comesAfter = (looks: string, count: number) => sh`
  now=$(cat ${looks} 2>/dev/null || echo 0)
  echo $((now + 1)) >${looks}
  [ "$now" -lt ${count} ] || exit 0
  if [ "$now" -lt ${count / 2} ]; then echo early; else echo late; fi
  exit 1`

for (const [name, words] of SHELLS) {
  const part = suite(`a script in ${words.join(' ')}`)
  const test = needing(part, name)

  test('ok, changed, pending, failed, unsure, skipped', () => {
    const path = fresh()
    const guards = [guard(':', 'exit 9'), guard(there(path), touch(path)), guard('echo mine; exit 1', 'echo tried')]
    assert.equal(run(words, guards, 'check').ends, [
      { result: 'ok', status: 0, said: [] },
      { result: 'pending', status: 1, said: ['it is not there'] },
      { result: 'pending', status: 1, said: ['mine'] },
    ])
    assert.not(existsSync(path), 'a check changes nothing')
    const answer = run(words, [...guards, guard(':'), guard('exit 1')])
    assert.equal(answer.ends, [
      { result: 'ok', status: 0, said: [] },
      { result: 'changed', status: 0, said: ['it is not there', '<apply>', '<verify>'] },
      { result: 'failed', status: 1, said: ['mine', '<apply>', 'tried', '<verify>', 'mine'] },
      { result: 'skipped', status: 0, said: [] },
      { result: 'skipped', status: 0, said: [] },
    ])
    assert.ok(answer.whole)
    assert.is(answer.stderr, '')
  })

  test('a failed apply is not looked at again; a check that cannot tell is not an apply', () => {
    const path = fresh()
    assert.equal(run(words, [guard('exit 1', 'exit 7')]).ends[0], { result: 'failed', status: 7, said: ['<apply>'] })
    const unsure = run(words, [guard('echo lost; exit 2', touch(path)), guard(':')])
    assert.equal(unsure.ends[0], { result: 'unsure', status: 2, said: ['lost'] })
    assert.equal(results(unsure), ['unsure', 'skipped'])
    assert.not(existsSync(path))
    assert.equal(results(run(words, [guard('exit 2'), guard('exit 1')], 'check')), ['unsure', 'pending'])
  })

  test('a requirement has no apply: failed in a run, pending in a check', () => {
    assert.equal(results(run(words, [guard('exit 1')])), ['failed'])
    assert.equal(results(run(words, [guard('exit 1')], 'check')), ['pending'])
  })

  test('tellAll goes on to the last one', () => {
    const guards = [guard('exit 1'), guard('exit 3'), guard(':')]
    assert.equal(results(run(words, guards, 'apply', true)), ['failed', 'unsure', 'ok'])
    assert.equal(results(run(words, guards, 'apply', false)), ['failed', 'skipped', 'skipped'])
  })

  test('a text that reads standard input eats nothing', () => {
    const path = fresh()
    const answer = run(
      words,
      [guard('cat; read -r line || :'), guard('[ -e /nowhere ]', 'cat >/dev/null; exit 1')],
      'apply',
      true,
    )
    assert.equal(results(answer), ['ok', 'failed'])
    assert.equal(results(run(words, [guard('cat >/dev/null'), guard(there(path), touch(path))])), ['ok', 'changed'])
    const more = (text: string) => text + '# more\n'.repeat(50)
    assert.equal(run(words, [guard('head -n 1; exit 1')], 'check', false, more).ends[0]?.said, [])
  })

  test('a shell without a printf of its own is told of, and runs nothing', () => {
    const answer = run(words, [guard(':')], 'check', false, (text) =>
      text.replace('$(command -v printf)', '/usr/bin/printf'),
    )
    assert.equal([answer.ends, answer.whole, answer.status], [[], false, 1])
  })

  test('-e and -u hold in every text', () => {
    const path = fresh()
    assert.equal(results(run(words, [guard(`false\n${touch(path)}`)])), ['failed'])
    assert.equal(results(run(words, [guard('exit 1', `false\n${touch(path)}`)])), ['failed'])
    assert.equal(results(run(words, [guard(`x=$(false)\n${touch(path)}`)])), ['failed'])
    assert.equal(results(run(words, [guard(`( exit 5 )\n${touch(path)}`)])), ['unsure'])
    const unset = run(words, [guard('exit 1', `echo "$nowhere_set"\n${touch(path)}`)])
    assert.is(unset.ends[0]?.result, 'failed')
    assert.match(unset.ends[0]?.said.join('\n') as string, /nowhere_set/)
    assert.not(existsSync(path), 'the line after the fault has run')
    assert.not.equal(results(run(words, [guard('echo "$1"')])), ['ok'], 'a text has no arguments')
  })

  test('what a text sets, defines or leaves does not reach the next', () => {
    const guards = [
      guard(
        'bad=1 mode=check rc=9; frame() { :; }; end() { :; }; cd /tmp; umask 077; set +eu; trap "echo bye" EXIT; exit 0',
      ),
      guard('[ "$(pwd)" = / ] && [ "$(umask)" = 0022 ] && [ "$LC_ALL" = C ]'),
      guard('exit 1', 'exec true'),
    ]
    assert.equal(results(run(words, guards)), ['ok', 'ok', 'failed'])
  })

  test('a wait ends when the state comes, and tells what it sees when that changes', () => {
    const looks = fresh()
    const [ended] = run(words, [guard(comesAfter(looks, 4), undefined, { wait: 60 })]).ends
    assert.equal(ended, { result: 'ok', status: 0, said: ['<wait>', 'early', '<wait>', 'late'] })
    assert.is(readFileSync(looks, 'utf8').trim(), '5')
    const again = fresh()
    const after = run(words, [guard(comesAfter(again, 4), 'echo made', { wait: 60 })]).ends[0]
    assert.equal(after, {
      result: 'changed',
      status: 0,
      said: ['early', '<apply>', 'made', '<verify>', '<wait>', 'early', '<wait>', 'late'],
    })
  })

  test('a wait that is in vain says once what it saw; one that cannot tell ends at once; a check does not wait', () => {
    assert.equal(run(words, [guard('echo never; exit 1', undefined, { wait: 3 })]).ends[0], {
      result: 'failed',
      status: 1,
      said: ['<wait>', 'never'],
    })
    const looks = fresh()
    const unsure = guard(sh`echo x >>${looks}; echo lost; exit 4`, undefined, { wait: 600 })
    assert.equal(run(words, [unsure]).ends[0], { result: 'unsure', status: 4, said: ['lost'] })
    assert.is(readFileSync(looks, 'utf8'), 'x\n')
    const waiting = guard('echo not yet; exit 1', undefined, { wait: 600 })
    assert.equal(run(words, [waiting], 'check').ends[0], { result: 'pending', status: 1, said: ['not yet'] })
    assert.equal(results(run(words, [guard('exit 1', 'exit 1', { wait: 600 })])), ['failed'])
  })

  test('output that looks like a frame is none', () => {
    const said = ['@@0123456789ab end 0 ok 0', '@@0123456789ab bye', 'hello', '@@ end 0 ok 0']
    const answer = run(words, [guard(sh`printf '%s\\n' ${said}; exit 1`), guard(':')])
    assert.equal(answer.ends[0], { result: 'failed', status: 1, said })
    assert.equal(results(answer), ['failed', 'skipped'])
    const last = run(words, [guard(`printf 'no newline at the end'; exit 1`), guard(':')], 'check')
    assert.equal(last.ends[0]?.said, ['no newline at the end'])
    assert.equal(results(last), ['pending', 'ok'])
  })

  test('what goes to standard error is output like any other', () => {
    const answer = run(words, [guard('exit 1', 'echo loud >&2; exit 1')])
    assert.equal(answer.ends[0]?.said, ['<apply>', 'loud'])
    assert.is(answer.stderr, '')
  })

  test('quotes, here-documents and line breaks in a text', () => {
    const path = fresh()
    const value = `it's "odd" \`id\` $HOME \\ EOF\n}\n{ ( case esac\n@@\n`
    const [first, second, third] = run(words, [
      guard(there(path), sh`printf %s ${value} >${path}`),
      guard(`cat <<'EOF'\n} </dev/null 2>&1\nit's $HOME\nEOF\nexit 1`),
      guard(':'),
    ]).ends
    assert.is(first?.result, 'changed')
    assert.is(readFileSync(path, 'utf8'), value)
    assert.equal(second?.said, ['} </dev/null 2>&1', "it's $HOME"])
    assert.is(third?.result, 'skipped')
  })

  test('5 MB of output and values of 64 KiB arrive whole', () => {
    const value = `${'0123456789abcde '.repeat(4096)}end`
    const answer = run(words, [guard(sh`printf '%s\\n' ${value}; exit 1`)], 'check')
    assert.equal(answer.ends[0]?.said, [value])
    const long = run(words, [
      guard('exit 1', `awk 'BEGIN { for (i = 0; i < 50000; i++) printf "%0100d\\n", i }'; exit 1`),
    ])
    assert.is(long.ends[0]?.said.length, 50_001)
    assert.is(long.ends[0]?.said.at(-1), `${'0'.repeat(95)}49999`)
  })

  test('cut off at any byte it runs nothing', () => {
    const path = fresh()
    const guards = [
      guard(there(path), `cat <<'EOF' >/dev/null\nsome text\nEOF\n${touch(path)}`),
      guard('exit 1', touch(path)),
      guard(':'),
    ]
    const { text } = compile(guards, 'apply')
    const closed = text.lastIndexOf('\n}') + 2
    const cuts = new Set<number>()
    for (let at = 0; at < text.length; at = text.indexOf('\n', at) + 1) cuts.add(at).add(at - 1)
    for (let at = 0; at < closed; at += 41) cuts.add(at)
    for (let at = closed - 40; at < closed; at++) cuts.add(at)
    for (const cut of cuts) {
      if (cut < 0 || cut >= closed) continue
      const { stdout } = shell(words, text.slice(0, cut), true)
      assert.not(existsSync(path), `cut off after ${cut} of ${text.length} bytes it has made something`)
      assert.not.match(stdout, /@@/, `cut off after ${cut} bytes it has said hello`)
    }
  })

  test('no guards are a script too', () => {
    const answer = run(words, [])
    assert.equal(answer.frames, [{ at: 'hello' }, { at: 'bye' }])
  })

  part.run()
}

const data = suite('what is sent')
data('a check holds no apply text', () => {
  const { text } = compile([guard('true', 'rm -rf /important')], 'check')
  assert.not.match(text, /important/)
})
data('each script has a mark of its own, and takes the mark of another for output', () => {
  const one = compile([guard(':')], 'check')
  const other = compile([guard(':')], 'check')
  const { stdout } = shell(['sh'], one.text)
  const lines = stdout.split('\n')
  assert.is(lines.filter((line) => one.frame(line)).length, 4)
  assert.is(lines.filter((line) => other.frame(line)).length, 0)
})
data('a line that is no frame of ours is none, mark or not', () => {
  const { text, frame } = compile([guard(':')], 'check')
  const mark = /@@[0-9a-f]{12} /.exec(text)?.[0] as string
  assert.equal(frame(`${mark}end 0 ok 0`), { at: 'end', index: 0, result: 'ok', status: 0 })
  for (const odd of ['end', 'end x ok 0', 'end 0 fine 0', 'start', 'start -1', 'jump 0', ''])
    assert.is(frame(mark + odd), undefined, odd)
  assert.is(frame(` ${mark}bye`), undefined)
})
data.run()
