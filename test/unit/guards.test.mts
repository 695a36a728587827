/** Guards of files, run here on a folder of their own: changed, then ok, and what they leave behind. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Guard } from '../../lib/guard.mts'
import { cib } from '../../lib/guards/cib.mts'
import { absent, block, file, KEPT } from '../../lib/guards/file.mts'
import { closed, firewallOff, opened, unnamed } from '../../lib/guards/firewall.mts'
import { installed, offered, unmasked } from '../../lib/guards/package.mts'
import { keyFetched, keyImported, keysForgotten, listsFetched, rightKey } from '../../lib/guards/repository.mts'
import { comes, problem, require } from '../../lib/guards/require.mts'
import { selinuxBack, selinuxKept, selinuxMode } from '../../lib/guards/selinux.mts'
import { notAtBoot, service } from '../../lib/guards/service.mts'
import { haproxyClone, resourceDefaults } from '../../lib/render/cib.mts'
import { sh } from '../../lib/shell.mts'
import { suite } from '../suite.mts'
import { type Answer, folder, run, SHELLS, shell } from './local-shell.mts'
import { needing, runTool } from './real-tool.mts'

const name = (flag: string) => spawnSync('id', [flag], { encoding: 'utf8' }).stdout.trim()
/** Ourselves, so that these tests need not be root's. */
const owner = `${name('-un')}:${name('-gn')}`

const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8)
const read = (path: string) => readFileSync(path, 'utf8')
const said = (answer: Answer) => answer.ends.flatMap((end) => end.said).join('\n')

for (const [program, words] of SHELLS) {
  let top = ''
  let kept = ''
  /** On a node the copies are in /var/lib/quorate: here they are beside the files. */
  const here = (text: string) => text.replaceAll(KEPT, kept)
  const go = (guard: Guard, edit = (text: string) => text, how: 'apply' | 'check' = 'apply') =>
    run(words, [guard], how, false, (text) => edit(here(text)))
  const result = (guard: Guard) => go(guard).ends[0]?.result
  /** Runs it twice: the first time it changes something, the second time it does not. */
  const changedThenOk = (guard: Guard) => {
    const first = go(guard)
    assert.is(first.ends[0]?.result, 'changed', said(first))
    assert.equal(go(guard).ends, [{ result: 'ok', status: 0, said: [] }])
    assert.equal(go(guard, undefined, 'check').ends, [{ result: 'ok', status: 0, said: [] }])
    return first
  }

  const part = suite(`file guards in ${words.join(' ')}`)
  const test = needing(part, program)
  part.before.each(() => {
    top = folder()
    kept = join(top, 'kept')
  })

  test('a file: changed, then ok; a drift is repaired; nothing else is left', () => {
    const path = join(top, 'etc/deep/new.conf')
    const guard = file(path, 'one\ntwo\n', { owner })
    assert.match(said(changedThenOk(guard)), /^\+one$/m)
    assert.equal([read(path), mode(path)], ['one\ntwo\n', '644'])
    writeFileSync(path, 'one\nthree\n')
    const drift = go(guard, undefined, 'check')
    assert.is(drift.ends[0]?.result, 'pending')
    assert.match(said(drift), new RegExp(`^--- ${path}\\n\\+\\+\\+ ${path} \\(wanted\\)\\n`))
    assert.match(said(drift), /^-three\n\+two$/m)
    assert.is(read(path), 'one\nthree\n')
    changedThenOk(guard)
    assert.is(read(path), 'one\ntwo\n')
    assert.equal(readdirSync(dirname(path)), ['new.conf'])
  })

  test('prepared in another folder: whoever reads all that lies in the first sees nothing that is half made', () => {
    const path = join(top, 'keys/0')
    const look = sh`[ -z "$(ls -A ${dirname(path)})" ]`
    changedThenOk(file(path, 'x\n', { owner, folder: top, test: look }))
    assert.equal(readdirSync(dirname(path)), ['0'])
    assert.equal(readdirSync(top).sort(), ['keys', 'kept'].sort())
  })

  test('mode and owner are part of it', () => {
    const path = join(top, 'file')
    const guard = file(path, 'x\n', { owner, mode: '0600' })
    changedThenOk(guard)
    chmodSync(path, 0o666)
    assert.equal(go(guard, undefined, 'check').ends[0]?.said, [`mode and owner are 666 ${owner}, to be 0600 ${owner}`])
    changedThenOk(guard)
    assert.is(mode(path), '600')
    const other = go(file(path, 'x\n', { owner: 'nobody:nogroup', mode: '0600' }), undefined, 'check')
    assert.match(said(other), /to be 0600 nobody:nogroup/)
  })

  test('what was there first is kept for good, what was there last until the next change', () => {
    const path = join(top, 'etc/a.conf')
    mkdirSync(dirname(path))
    writeFileSync(path, "the distribution's\n", { mode: 0o640 })
    for (const content of ['1\n', '2\n', '3\n']) changedThenOk(file(path, content, { owner }))
    assert.is(read(`${kept}/original${path}`), "the distribution's\n")
    assert.is(mode(`${kept}/original${path}`), '640')
    assert.is(read(`${kept}/previous${path}`), '2\n')
    assert.is(mode(kept), '700')
    const none = join(top, 'etc/b.conf')
    for (const content of ['1\n', '2\n']) changedThenOk(file(none, content, { owner }))
    assert.ok(existsSync(`${kept}/original${none}.absent`))
    assert.not(existsSync(`${kept}/original${none}`), 'what we wrote is not the original')
    assert.is(read(`${kept}/previous${none}`), '1\n')
  })

  test('the folder of the copies is ours alone, whoever made it', () => {
    changedThenOk(file(`${KEPT}/undo/first.json`, '{}\n', { owner, mode: '0600' }))
    assert.is(mode(kept), '700')
  })

  test('cut off before the rename: the old file is whole, the next run ends it', () => {
    const path = join(top, 'a.conf')
    writeFileSync(path, 'old\n')
    const guard = file(path, 'new\n', { owner, mode: '0600' })
    const cut = (text: string) => text.replaceAll('mv -f "$new"', 'trap - EXIT; exit 9; mv -f "$new"')
    assert.is(go(guard, cut).ends[0]?.status, 9)
    assert.is(read(path), 'old\n')
    const beside = join(top, '.a.conf.quorate-new')
    assert.ok(existsSync(beside))
    writeFileSync(beside, 'half of')
    changedThenOk(guard)
    assert.equal([read(path), existsSync(beside)], ['new\n', false])
    assert.is(read(`${kept}/original${path}`), 'old\n')
  })

  test('what could not be written whole is not left behind, nor taken for the original', () => {
    const path = join(top, 'a.conf')
    writeFileSync(path, 'the original\n')
    const guard = file(path, 'new\n', { owner })
    // As a full disk does it: what fits is written.
    const noCopy = 'cp() { for last; do :; done; echo half >"$last"; return 1; }'
    const noFile = 'printf() { [ "$2" != "new\n" ] || { command printf ne; return 1; }; command printf "$@"; }'
    for (const full of [noCopy, noFile]) {
      const answer = go(guard, (text) => text.replace(/^apply0\(\) \{$/m, `apply0() {\n${full}`))
      assert.is(answer.ends[0]?.result, 'failed', said(answer))
      assert.equal(
        readdirSync(top, { recursive: true, withFileTypes: true }).flatMap((one) => (one.isFile() ? one.name : [])),
        ['a.conf'],
      )
      assert.is(read(path), 'the original\n')
    }
    changedThenOk(guard)
    assert.is(read(`${kept}/original${path}`), 'the original\n')
  })

  test('a new file that fails its test stays beside; the old one stays', () => {
    const path = join(top, 'a.conf')
    writeFileSync(path, 'old\n')
    const guard = file(path, 'bad\n', { owner, test: 'grep good "$new"' })
    assert.equal([result(guard), read(path)], ['failed', 'old\n'])
    assert.is(result(file(path, 'good\n', { owner, test: 'grep -q good "$new"' })), 'changed')
  })

  test('a secret: neither it nor a difference is shown, and nobody else can read it at any time', () => {
    const path = join(top, 'key')
    const secret = 'c2VjcmV0IGtleSB3aXRoIAAgYnl0ZXM='
    const old = 'the secret before\n'
    writeFileSync(path, old, { mode: 0o400 })
    const guard = file(path, secret, { owner, mode: '0400', secret: true })
    const shown = [go(guard, undefined, 'check'), changedThenOk(guard)].map(said).join('\n')
    assert.match(shown, /its content is another one \(secret, not shown\)/)
    for (const hidden of [secret, 'secret key', 'secret before']) assert.not.match(shown, hidden)
    assert.equal(readFileSync(path), Buffer.from(secret, 'base64'))
    assert.is(mode(path), '400')
    assert.is(mode(`${kept}/original${path}`), '400')
    rmSync(path)
    assert.equal(go(guard, undefined, 'check').ends[0]?.said, ['it does not exist'])
    const cut = (text: string) => text.replace(/^ *chown .*$/m, 'exit 9')
    go(guard, cut)
    assert.is(mode(join(top, '.key.quorate-new')), '600')
  })

  test('a difference shows no password, of whatever was there before either, and shows that it changes', () => {
    const path = join(top, 'a.list')
    const old = [
      'deb https://me:old-pass@host/debian x main',
      'stats auth admin:old-pass',
      'user me insecure-password old-pass',
      'http-request auth realm x unless { req.hdr(authorization),sha2(256),hex -m str old-pass }',
      'key: old-pass',
      'totem { version: 2 }',
    ]
    writeFileSync(path, old.map((line) => `  ${line}\n`).join(''))
    const guard = file(path, old.map((line) => `  ${line.replace('old-pass', 'new-pass')}\n`).join(''), { owner })
    const shown = said(go(guard, undefined, 'check'))
    assert.not.match(shown, /(old|new)-pass/)
    for (const line of [
      'https://********@host/debian',
      'stats auth ********',
      'insecure-password ********',
      'req.hdr(authorization),sha2(256),hex -m str ********',
      'key: ********',
    ])
      assert.equal(
        shown
          .split('\n')
          .filter((one) => one.includes(line))
          .map((one) => one[0]),
        ['-', '+'],
        shown,
      )
    assert.match(shown, '   totem { version: 2 }')
    assert.is(result(guard), 'changed')
    assert.match(read(path), 'stats auth admin:new-pass')
  })

  test('content and paths of any kind', () => {
    const content = `it's "odd" \`id\` $HOME \\n %s \\\n-n\n\tEOF\n\n\nno newline at the end`
    for (const odd of [
      'two words',
      `it's`,
      'say "x"',
      '$HOME',
      '`id`',
      'back\\slash',
      '-n',
      'ends with .',
      'pässwörd',
    ]) {
      const path = join(top, 'a folder', odd)
      changedThenOk(file(path, content, { owner }))
      assert.is(read(path), content)
      changedThenOk(block(path, 'quorate', '\tit is $HOME\n'))
      assert.is(read(path), `${content}\n# BEGIN quorate\n\tit is $HOME\n# END quorate\n`)
      changedThenOk(absent(path))
    }
    changedThenOk(file(join(top, 'empty'), '', { owner }))
    assert.is(read(join(top, 'empty')), '')
    changedThenOk(file(join(top, 'large'), 'x'.repeat(100_000), { owner }))
  })

  test('a link to nowhere is no file', () => {
    const path = join(top, 'link')
    symlinkSync('/nowhere/at/all', path)
    changedThenOk(file(path, 'x\n', { owner }))
    assert.is(read(path), 'x\n')
  })

  test('absent: moved away, not deleted', () => {
    const path = join(top, 'etc/old.conf')
    assert.is(result(absent(path)), 'ok')
    mkdirSync(dirname(path))
    writeFileSync(path, 'mine\n')
    assert.equal(go(absent(path), undefined, 'check').ends[0]?.said, [`it is there: ${path}`])
    changedThenOk(absent(path))
    assert.not(existsSync(path))
    assert.is(read(`${kept}/previous${path}`), 'mine\n')
    assert.is(mode(kept), '700')
  })

  test('a block: the rest of the file is not touched', () => {
    const path = join(top, 'hosts')
    const before = '127.0.0.1 localhost\n\n# comment\n'
    const after = '\n10.0.0.9 other # BEGIN quorate\n'
    writeFileSync(path, before, { mode: 0o640 })
    changedThenOk(block(path, 'quorate', 'a\nb\n'))
    assert.is(read(path), `${before}# BEGIN quorate\na\nb\n# END quorate\n`)
    assert.is(mode(path), '640')
    writeFileSync(path, `${read(path)}${after}`)
    assert.is(result(block(path, 'quorate', 'a\nb\n')), 'ok')
    assert.match(said(changedThenOk(block(path, 'quorate', 'a\nc\n'))), /^-b\n\+c$/m)
    assert.is(read(path), `${before}${after}# BEGIN quorate\na\nc\n# END quorate\n`)
    changedThenOk(block(path, 'another', 'x\n'))
    assert.is(result(block(path, 'quorate', 'a\nc\n')), 'ok')
    changedThenOk(block(path, 'quorate', ''))
    assert.is(read(path), `${before}${after}# BEGIN another\nx\n# END another\n# BEGIN quorate\n# END quorate\n`)
    assert.is(read(`${kept}/original${path}`), before)
  })

  test('a block in a file that does not end its last line, or that is not there', () => {
    const path = join(top, 'hosts')
    writeFileSync(path, 'one\nno newline')
    changedThenOk(block(path, 'quorate', 'a\n'))
    assert.is(read(path), 'one\nno newline\n# BEGIN quorate\na\n# END quorate\n')
    const none = join(top, 'ssh/authorized_keys')
    changedThenOk(block(none, 'quorate', 'a\n', '0600'))
    assert.equal([read(none), mode(none)], ['# BEGIN quorate\na\n# END quorate\n', '600'])
  })

  test('a block that is there twice, without its end, or cut off before the rename', () => {
    const path = join(top, 'hosts')
    const guard = block(path, 'quorate', 'a\n')
    const whole = '# BEGIN quorate\na\n# END quorate\n'
    writeFileSync(path, `1\n${whole}2\n${whole}3\n`)
    changedThenOk(guard)
    assert.is(read(path), `1\n2\n3\n${whole}`)
    writeFileSync(path, '1\n# BEGIN quorate\na\n2\n3\n')
    changedThenOk(guard)
    assert.is(read(path), `1\na\n2\n3\n${whole}`, 'what follows a lost end is not ours to delete')
    writeFileSync(path, `1\n# BEGIN quorate\n2\n${whole}3\n`)
    changedThenOk(guard)
    assert.is(read(path), `1\n2\n3\n${whole}`)
    writeFileSync(path, '1\n')
    go(guard, (text) => text.replaceAll('mv -f "$new"', 'trap - EXIT; exit 9; mv -f "$new"'))
    assert.is(read(path), '1\n')
    changedThenOk(guard)
    assert.is(read(path), `1\n${whole}`)
  })

  test('a requirement tells, waits and never applies', () => {
    assert.equal(go(problem('a title', `it's wrong\ntwice`, 'mend it')).ends[0], {
      result: 'failed',
      status: 1,
      said: ["it's wrong", 'twice'],
    })
    assert.is(result(require('a title', ':', 'mend it')), 'ok')
    assert.is(result(comes('a title', 60, '[ -e /nowhere/at/all ] && exit 1 || exit 0', 'wait')), 'ok')
  })

  part.run()
}

const PACKAGES = [
  { name: 'corosync', units: ['corosync'] },
  { name: 'resource-agents-base|resource-agents' },
  { name: 'crmsh', optional: true },
]
const OPENINGS = [
  { protocol: 'udp' as const, ports: [5405, 5406] as const, from: ['192.0.2.1', '2001:db8::1'] },
  { protocol: 'tcp' as const, ports: [5000, 5000] as const, from: [] },
]

const FETCHED = { url: 'https://a/key', fingerprint: 'A'.repeat(40), path: '/etc/pki/rpm-gpg/a' }

/** One of each kind, and of each form that its options give it. */
const GUARDS: Readonly<Record<string, Guard>> = {
  file: file("/etc/a b/it's", `it's\n`, { test: 'corosync -t -c "$new"' }),
  'secret file': file('/etc/key', 'AAAA', { secret: true, mode: '0400' }),
  absent: absent('/etc/a'),
  block: block('/etc/hosts', 'quorate', 'a\n'),
  service: service('corosync', { loads: ['/etc/a', '/etc/b'] }),
  'service without files': service('pacemaker'),
  'service of another': service('haproxy', { loads: ['/etc/a'], by: 'reload', managed: true }),
  notAtBoot: notAtBoot('haproxy'),
  offered: offered(PACKAGES),
  installed: installed(PACKAGES),
  'installed, with none that is optional': installed(PACKAGES.slice(0, 1)),
  unmasked: unmasked(PACKAGES),
  ...Object.fromEntries(
    (['dnf', 'zypper'] as const).flatMap((manager) => [
      [`offered by ${manager}`, offered(PACKAGES, manager)],
      [`installed by ${manager}`, installed([...PACKAGES, { name: 'pacemaker', version: '2.1' }], manager)],
    ]),
  ),
  ...Object.fromEntries(
    (['apt', 'dnf', 'zypper'] as const).map((manager) => [
      `lists of ${manager}`,
      listsFetched('/etc/extra', manager, ['extra', 'more']),
    ]),
  ),
  rightKey: rightKey(FETCHED),
  keyFetched: keyFetched(FETCHED, true),
  keyImported: keyImported('/etc/pki/rpm-gpg/a', [FETCHED.fingerprint]),
  keysForgotten: keysForgotten(),
  opened: opened({ clusterName: 'openstack' }, OPENINGS),
  closed: closed({ clusterName: 'openstack' }),
  firewallOff: firewallOff(),
  unnamed: { title: 'what no rule names', check: unnamed(OPENINGS) },
  ...Object.fromEntries(selinuxKept([5405, 5406]).map((guard) => [guard.title, guard])),
  ...Object.fromEntries((['permissive', 'disabled'] as const).map((how) => [`SELinux ${how}`, selinuxMode(how)])),
  selinuxBack: selinuxBack(),
  cib: cib('it is there', [haproxyClone(), resourceDefaults()], ['old']),
}

/** What shellcheck says of these texts and is meant so. */
const MEANT = [
  // Lists of words are split on purpose: package names, arguments of ufw, names of nodes.
  'SC2086',
  'SC2046',
  // A literal in `[ … ]` or `case` comes from a value that was known when the text was made.
  'SC2050',
  'SC2194',
  'SC2157',
  // `a && b || c`, where b cannot fail, or where c is meant for both.
  'SC2015',
  // The quotes that mark what is a value may end in the middle of a word.
  'SC2140',
  // A path with quotes in it is quoted where it is used.
  'SC2089',
  'SC2090',
  // A list may have one word only, or one file be read as several would be.
  'SC2043',
  'SC2002',
  // What another shell is given to expand.
  'SC2016',
  // One text in two forms: `status` is for the one that must succeed.
  'SC2034',
  // What a function takes is not given to it in each text.
  'SC2119',
  'SC2120',
  // The driver gives it to each text.
  'SC2154',
  // Not in POSIX.1-2017, but in dash, bash, busybox and POSIX.1-2024.
  'SC3013',
]

const texts = suite('the text of a guard')
for (const [title, { check, apply }] of Object.entries(GUARDS)) {
  for (const [program, words] of SHELLS) {
    needing(texts, program)(`${title}: ${program} can read it`, () => {
      for (const text of [check, apply ?? ':']) {
        const { status, stderr } = shell([...words, '-n'], text, true)
        assert.equal({ status, stderr }, { status: 0, stderr: '' })
      }
    })
  }
}
needing(texts, 'shellcheck')('shellcheck has no objection', () => {
  const dir = folder()
  const files = Object.entries(GUARDS).flatMap(([title, guard]) =>
    (['check', 'apply'] as const).map((kind) => {
      const path = join(dir, `${title.replace(/\W+/g, '-')}.${kind}`)
      writeFileSync(path, `set -eu\nscratch=$1\n${guard[kind] ?? ':'}\n`)
      return path
    }),
  )
  const { code, output } = runTool('shellcheck', ['-s', 'sh', '-e', MEANT.join(), '-f', 'gcc', ...files])
  assert.is(output, '')
  assert.is(code, 0)
})
texts.run()
