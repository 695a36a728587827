/** What an operator reads when something goes wrong: reasons, remedies, the card. */
import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openCheckpoints } from '../../lib/checkpoint.mts'
import { ConfigError, type Lost } from '../../lib/errors.mts'
import type { GuardEnd } from '../../lib/event.mts'
import { remedyOf } from '../../lib/exchange.mts'
import type { Guard } from '../../lib/guard.mts'
import { installed, offered } from '../../lib/guards/package.mts'
import { comes, require } from '../../lib/guards/require.mts'
import { service } from '../../lib/guards/service.mts'
import { asOperators } from '../../lib/here.mts'
import { reason } from '../../lib/reason.mts'
import { failureCard } from '../../lib/screen.mts'
import { tally } from '../../lib/tally.mts'
import { suite } from '../suite.mts'
import { folder, run, SHELLS } from './local-shell.mts'
import { needing } from './real-tool.mts'

/** What the driver asks df, answered with these lines. */
const withDisks = (blocks: string, inodes: string) => (text: string) =>
  text
    .replace('timeout 5 df -P -k', `printf 'Filesystem 1024-blocks Used Available Capacity Mounted\\n${blocks}'`)
    .replace('timeout 5 df -P -i', `printf 'Filesystem Inodes IUsed IFree IUse%% Mounted\\n${inodes}'`)

for (const [program, words] of SHELLS) {
  const part = suite(`after a failure, in ${words.join(' ')}`)
  const test = needing(part, program)
  const failing: Guard = { title: 'it is', check: 'exit 1', apply: 'echo "printf: I/O error"; exit 2' }
  const said = (edit: (text: string) => string, guard = failing) => run(words, [guard], 'apply', false, edit).ends[0]

  test('a disk without space or inodes is named, and what is not a disk is not', () => {
    const blocks = [
      '/dev/sda1 2048000 2048000 0 100%% /var',
      '/dev/sda2 4000000000 3960001000 39999000 99%% /srv',
      '/dev/sda3 4000000 3980000 20000 99%% /opt',
      'proc 0 0 0 - /proc/x',
    ].join('\\n')
    const answer = said(withDisks(`${blocks}\\n`, '/dev/sda4 128000 128000 0 100%% /home\\n/dev/sdb 0 0 0 - /btrfs\\n'))
    assert.equal(answer, {
      result: 'failed',
      status: 2,
      said: [
        '<apply>',
        'printf: I/O error',
        '/var has no space left: 0 of 2000 MB are free',
        '/opt has no space left: 19 of 3906 MB are free',
        '/home has no inodes left: 0 of 128000 are free, it holds too many files',
      ],
    })
  })

  test('a node without df, and one with room, say nothing of disks', () => {
    assert.equal(said((text) => text.replaceAll(' df -P', ' no-such-df -P'))?.said, ['<apply>', 'printf: I/O error'])
    assert.equal(said(withDisks('/dev/sda1 2048000 1 2047999 1%% /\\n', ''))?.said, ['<apply>', 'printf: I/O error'])
  })

  test('a guard tells why once it has failed, and only then; that cannot change how it ended', () => {
    const dir = folder()
    const why = `echo "because"; echo x >>'${dir}/asked'; exit 7`
    const state = (check: string): Guard => ({ title: 'it comes', check, wait: 2, why })
    const none = withDisks('', '')
    assert.equal(said(none, state('echo "not yet"; exit 1'))?.said, ['<wait>', 'not yet', 'because'])
    assert.equal(said(none, state('echo fine'))?.said, ['fine'])
    assert.equal(said(none, state('exit 3')), { result: 'unsure', status: 3, said: ['because'] })
    assert.equal(said(none, { ...failing, why })?.said, ['<apply>', 'printf: I/O error', 'because'])
    assert.equal(run(words, [state('exit 3')], 'check').ends[0]?.said, [], 'a look does not ask')
  })

  test('a wait that prints nothing shows something', () => {
    assert.equal(said(withDisks('', ''), { title: 'it comes', check: 'exit 1', wait: 2 })?.said, [
      '<wait>',
      'nothing yet',
    ])
  })

  part.run()
}

const place = { phase: '02-packages', step: 'install', type: 'guard', ms: 1, status: 1, required: false } as const
const end = (node: string, guard: string, output: string, more: Partial<GuardEnd> = {}): GuardEnd => ({
  ...place,
  node,
  guard,
  output,
  state: 'failed',
  ...more,
})
function card(ends: readonly GuardEnd[], lost: readonly Lost[] = []): string {
  const phases = [{ id: place.phase, steps: [{ title: place.step, on: () => [], guards: () => [] }] }]
  const counts = tally([...new Set(ends.map(({ node }) => node))], phases, false)
  for (const one of ends) counts.emit(one)
  for (const one of lost) counts.emit({ type: 'unreachable', ...one })
  const lines: string[] = []
  failureCard((line) => lines.push(line), counts, '.state/c/runs/1.jsonl', "npx zx tasks/cluster.mts --env 'my env'")
  return `${lines.join('\n')}\n`
}

const cards = suite('the card')

cards('what failed, where, what was said, what to do, and how to go on', () => {
  const one = end('node1', 'the packages are installed', 'E: no\n', {
    remedy: 'do this',
    command: 'apt-get install',
    status: 100,
  })
  assert.is(
    card([one]),
    `
✖ 02-packages failed on node1: not true: the packages are installed
  step     install
  command  ended with status 100:
           $ apt-get install
  output   E: no
  remedy   do this

  log      .state/c/runs/1.jsonl
  go on    npx zx tasks/cluster.mts --env 'my env'
`,
  )
})

cards(
  'nodes that fail alike share it; what each of them says stays with it; a remedy for what was said beats another',
  () => {
    const any = { remedy: 'look around', waited: 60 }
    const text = card([
      end('node1', 'it runs', 'one way', any),
      end('node3', 'it runs', 'one way', any),
      end('node2', 'it runs', 'port taken', { waited: 60, remedy: 'free it', known: true }),
    ])
    assert.match(text, '✖ 02-packages failed on node1, node2, node3: not true after 60 s: it runs\n')
    assert.match(text, '\n  node1, node3\n           one way\n  node2    port taken\n  remedy   free it\n\n')
    assert.is(text.match(/✖/g)?.length, 1)
  },
)

cards('it fits into 80 columns, but no path or command of a remedy is cut', () => {
  const path = `/var/${'x'.repeat(90)}`
  const nodes = Array.from({ length: 8 }, (_, index) => `controller-${index + 1}`)
  const text = card(
    nodes.map((node) => end(node, 'a state with a long name', 'said', { remedy: `${'word '.repeat(40)}${path} end` })),
    [{ node: 'node9', text: 'it does not answer', detail: 'ssh: no', remedy: 'check '.repeat(30) }],
  )
  for (const line of text.split('\n')) assert.ok(line.length <= 80 || line.trim() === path, line)
  assert.match(text, `           ${path}\n           end\n`)
  assert.match(text, '\n✖ node9 could not be asked: it does not answer\n  said     ssh: no\n  remedy   check check')
})

cards('a long command is in the log', () => {
  assert.match(
    card([end('node1', 'x', '', { command: 'a\n'.repeat(9) })]),
    'command  ended with status 1; its text is in the log',
  )
})

cards('nodes lost for the same reason are told together, each with what ssh said', () => {
  const lost = (node: string, detail: string): Lost => ({
    node,
    text: 'it does not answer',
    detail,
    remedy: 'check its power',
  })
  const text = card([], [lost('node1', 'to 192.0.2.1: timed out'), lost('node2', 'to 192.0.2.2: timed out')])
  assert.match(
    text,
    '\n✖ node1, node2 could not be asked: it does not answer\n  node1    to 192.0.2.1: timed out\n  node2    to 192.0.2.2: timed out\n  remedy   check its power\n',
  )
})
cards.run()

const remedies = suite('remedies')
const APT = installed([{ name: 'corosync' }])
const CANDIDATES = offered([{ name: 'corosync' }])
const FULL = '/var has no space left: 0 of 2000 MB are free'
const KNOWN: readonly (readonly [string, Guard, string, RegExp])[] = [
  [
    'a lock',
    APT,
    'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4036 (apt-get)',
    /process 4036 \(apt-get\): let it end/,
  ],
  [
    'a lock of dpkg',
    APT,
    'dpkg: error: dpkg frontend lock was locked by another process with pid 77',
    /process 77: let it end/,
  ],
  [
    'a lock without a name',
    APT,
    'E: Could not get lock /var/lib/apt/lists/lock - open (11: Resource temporarily unavailable)',
    /another package manager runs there: let it end/,
  ],
  [
    'a mirror that is not known',
    CANDIDATES,
    "Err: Temporary failure resolving 'deb.debian.org'\nno candidate: corosync",
    /does not know the name deb\.debian\.org/,
  ],
  [
    'a mirror that does not answer',
    CANDIDATES,
    'Could not connect to 192.0.2.7:80 (192.0.2.7). - connect (111: Connection refused)',
    /does not reach 192\.0\.2\.7:80/,
  ],
  ['a key', CANDIDATES, "couldn't be verified: NO_PUBKEY 0E98404D386FA1D9", /the key 0E98404D386FA1D9/],
  ['no candidate', CANDIDATES, 'no candidate: corosync', /sources in \/etc\/apt/],
  [
    'no room for archives',
    APT,
    "E: You don't have enough free space in /var/cache/apt/archives/.",
    /make room in \/var\/cache\/apt\/archives\//,
  ],
  ['a full disk', require('x', ':', 'no'), `printf: I/O error\n${FULL}`, /^make room in \/var on/],
  ['a full disk that has nothing to do with it', require('x', ':', 'this'), `no answer\n${FULL}`, /^this$/],
  [
    'a port',
    service('haproxy'),
    'cannot bind socket (Address already in use) for [192.0.2.9:5000]',
    /another program has its port/,
  ],
  [
    'a mask',
    service('corosync'),
    'Failed to start corosync.service: Unit corosync.service is masked.',
    /systemctl unmask/,
  ],
  ['anything else', comes('x', 1, ':', 'that'), 'who knows', /^that$/],
]
for (const [title, guard, output, says] of KNOWN)
  remedies(title, () => assert.match(remedyOf(guard, output).remedy as string, says))
remedies.run()

const reasons = suite('why a node could not be asked')
const why = (stderr: string, status = 255) => reason({ status, stderr })
const THROUGH =
  '\nkex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535'
const SAID: readonly (readonly [string, RegExp, RegExp])[] = [
  ['sudo: a password is required', /sudo asks for a password/, /NOPASSWD/],
  ['sudo: sorry, you must have a tty to run sudo', /wants a terminal/, /requiretty/],
  [
    "Sorry, user ops is not allowed to execute '/bin/sh -s' as root on node1.",
    /does not let the user become root/,
    /NOPASSWD/,
  ],
  ['sh: 1: exec: sudo: not found', /there is no sudo/, /SSH_USER=root/],
  ['sudo: PAM account management error: Permission denied', /sudo fails there: PAM account/, /sudo -n true/],
  ['This account is currently not available.', /no login shell/, /SSH_USER/],
  ['Too many authentication failures', /too many keys/, /SSH_KEY/],
  ['ssh: connect to host 192.0.2.1 port 22: Connection timed out', /^it does not answer$/, /power/],
  ['ssh: connect to host 192.0.2.1 port 22: No route to host', /^it does not answer$/, /power/],
  ['Timeout, server 192.0.2.1 not responding.', /^it does not answer$/, /power/],
  ['Shared connection to 192.0.2.1 closed.\r', /^the connection broke$/, /goes on from there/],
  ['client_loop: send disconnect: Broken pipe', /^the connection broke$/, /goes on from there/],
  ['kex_exchange_identification: read: Connection reset by peer', /hangs up before the login/, /MaxStartups/],
  [
    `socat[1] E connect(5, AF=2 192.0.2.1:22, 16): No route to host${THROUGH}`,
    /^seen from the ProxyCommand in SSH_CONFIG, it does not answer$/,
    /power/,
  ],
  [
    `ssh: connect to host gate port 22: Connection timed out${THROUGH}`,
    /jump host gate: it does not answer/,
    /ProxyJump/,
  ],
  [`ops@gate: Permission denied (publickey).${THROUGH}`, /jump host gate: it refuses the login/, /ProxyJump/],
  [
    `channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed${THROUGH}`,
    /^seen from the jump host, nothing listens/,
    /sshd/,
  ],
  [
    `channel 0: open failed: connect failed: Name or service not known\nstdio forwarding failed${THROUGH}`,
    /^seen from the jump host, its name/,
    /HostName/,
  ],
]
for (const [stderr, text, remedy] of SAID)
  reasons(stderr.split('\n')[0] as string, () => {
    const found = why(stderr)
    assert.match(found.text, text)
    assert.match(found.remedy, remedy)
  })
reasons('silence, and a shell that was ended', () => {
  assert.is(why('').text, 'the connection ended before the answer was whole')
  const warnings =
    "Warning: Permanently added 'node1' (ED25519) to the list of known hosts.\r\nsudo: unable to resolve host node1: Temporary failure"
  assert.equal(why(warnings).text, why('').text, 'a warning is no reason')
  assert.is(why(warnings).detail, undefined)
  assert.is(why('', 137).text, 'the connection ended before the answer was whole, with status 137')
})
reasons.run()

const here = suite('faults of this machine')

here('a full disk, a read-only one, a folder that may not be written are an operator’s to mend', () => {
  for (const [code, says] of [
    ['ENOSPC', /disk of this machine is full/],
    ['EROFS', /read-only/],
    ['EACCES', /may not write/],
  ] as const) {
    const error = asOperators(Object.assign(new Error(code), { code, path: '/x/y' }))
    assert.instance(error, ConfigError)
    assert.match((error as ConfigError).message, says)
    assert.match((error as ConfigError).message, '/x/y')
  }
  const bug = new TypeError('x is undefined')
  assert.is(asOperators(bug), bug)
})

here('a checkpoint that cannot be saved ends no run, leaves the old one, and is told', () => {
  const dir = folder()
  const book = openCheckpoints(dir, 'run-1')
  book.set('p', 'node1', { fingerprint: 'f', machineId: 'm' })
  book.save()
  assert.is(book.fault(), undefined)
  // As full as it gets: every write to it says ENOSPC (full(4)).
  symlinkSync('/dev/full', join(dir, 'checkpoint.json.new'))
  const old = readFileSync(join(dir, 'checkpoint.json'), 'utf8')
  book.set('p', 'node2', { fingerprint: 'f', machineId: 'm' })
  book.save()
  assert.match(String(asOperators(book.fault())), /disk of this machine is full/)
  assert.is(readFileSync(join(dir, 'checkpoint.json'), 'utf8'), old)
  assert.equal(readdirSync(dir), ['checkpoint.json'])
  book.save()
  assert.is(book.fault(), undefined, 'the next save has room')
  assert.is(openCheckpoints(dir, 'run-2').get('p', 'node2')?.fingerprint, 'f')
})
here.run()
