/**
 * Two controllers and secrets that are known to the test: the whole build at full verbosity, with a failure in each phase, and
 * nothing of any secret in what others can read. It is looked for in all that a run leaves, and while it runs.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { ended, kill, LONG, onLab, ROOT, type Run } from './cluster.mts'
import { type Search, searchFor } from './markers.mts'
import { type Sampler, sample } from './sampler.mts'

const PUBLIC = '192.168.125'
const PORT = 8088

/** Random, so that no run finds what another has left; and with every character that needs care somewhere. */
const marker = (awkward: string) => `${awkward}${randomBytes(9).toString('base64url')}`
const PASSWORD = marker(`Os"Mark'er$ %41&<ü\\x9;`)
const WRONG_PASSWORD = marker(`Wr'ong $(id) "é" #`)
const FENCE = { node1: marker(`Fe'nce <1> & $x ä`), node2: marker('fence;2|"\\%') }
const OLD_FENCE = marker('Old fence\'s "1"')
const NEW_FENCE = marker('New fence <2>')
const LOGIN = marker(`r%ep&o<'ö`)
const WRONG_LOGIN = marker('wrong+repo/')
const NEW_LOGIN = marker('new=repo?')
const STATS = marker('stats-page-')
/** Of these the product knows nothing. */
const TOKEN = `tok${randomBytes(15).toString('hex')}`
const OLD_PASSWORD = marker('former-')
const PAGE = marker(`Pa"ge's $ %41&<ü\\x9;`)
/** From this and much patience a weak password could be found. */
const PAGE_LOGIN = createHash('sha256')
  .update(`Basic ${Buffer.from(`quorate:${PAGE}`).toString('base64')}`)
  .digest('hex')
const CFG = '/etc/haproxy/haproxy.cfg'
const STATS_CFG = `listen s\n  bind 127.0.0.1:9\n  stats auth admin:${STATS}\n`
const AUTHKEY = randomBytes(128)

/** Where a secret may be, on a node; nobody but root and the daemon that it belongs to may read it there. */
const KEPT: readonly RegExp[] = [
  /^\/etc\/corosync\/authkey$/,
  /^\/etc\/keystone\//,
  /^\/etc\/apt\/auth\.conf\.d\/quorate\.conf$/,
  // The CIB and what the policy engine saw of it.
  /^\/var\/lib\/pacemaker\//,
  // Copies of what was replaced.
  /^\/var\/lib\/quorate\//,
  // pacemaker-based writes each difference of the CIB to its own log (cib_perform_op), for the group haclient alone.
  /^\/var\/log\/pacemaker\/pacemaker\.log$/,
]

/** An agent that knows passwords, and finds every node well. */
const AGENT = `#!/bin/sh
action=$(sed -n 's/^action=//p')
case "$* $action" in
  *metadata*) echo '<?xml version="1.0"?><resource-agent name="fence_marker" shortdesc="test"><longdesc>test</longdesc><parameters>
    <parameter name="ip"><getopt mixed="-a"/><content type="string"/></parameter>
    <parameter name="passwd"><getopt mixed="-p"/><content type="string"/></parameter>
    <parameter name="action"><getopt mixed="-o"/><content type="string"/></parameter>
    </parameters><actions><action name="on"/><action name="off"/><action name="reboot"/><action name="status"/>
    <action name="monitor"/><action name="list"/><action name="metadata"/></actions></resource-agent>' ;;
esac
exit 0
`
const CIBADMIN = '/usr/local/sbin/cibadmin'
/** Refuses changes that hold a word, and prints all that it was given and knows. */
const REFUSES = `#!/bin/sh
for last; do :; done
case "$*" in
  *--patch*) if grep -q -f /run/refused "$last"; then cat "$last"; /usr/sbin/cibadmin --query; cat /etc/corosync/authkey; echo; exit 65; fi ;;
esac
exec /usr/sbin/cibadmin "$@"
`

/** A value of FENCE_<short>, as lib/pairs.mts reads it. */
const quoted = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`
const inUrl = (text: string) => encodeURIComponent(text).replaceAll("'", '%27')
const xml = (text: string) => text.replaceAll('"', '&quot;').replaceAll('<', '&lt;')

onLab('secrets', 't-sec', { public: PUBLIC, heartbeat: '10.0.149' }, (test, lab) => {
  const [one, two] = lab.nodes as [string, string]
  const secrets = new Map<string, Buffer>([
    ...Object.entries({
      OS_PASSWORD: PASSWORD,
      'a wrong OS_PASSWORD': WRONG_PASSWORD,
      'the fence password of node1': FENCE.node1,
      'the fence password of node2': FENCE.node2,
      'the old fence password': OLD_FENCE,
      'the new fence password': NEW_FENCE,
      'the login of the repository': LOGIN,
      'a wrong login of the repository': WRONG_LOGIN,
      'the new login of the repository': NEW_LOGIN,
      'the password of the statistics': STATS,
      STATS_PASSWORD: PAGE,
    }).map(([name, text]) => [name, Buffer.from(text)] as const),
    ['the ring key', AUTHKEY],
  ])
  let search: Search
  let sampler: Sampler
  let repository: ChildProcess
  const roots: Record<string, string> = { here: '' }

  /** Puts a file on a node; its content goes by standard input. */
  const give = (node: string, path: string, content: string | Buffer, mode = '0600') => {
    const text = `mkdir -p ${dirname(path)} && umask 077 && cat >${path} && chmod ${mode} ${path}`
    enter(node, text, content)
  }
  const enter = (node: string, text: string, input: string | Buffer = ''): string => {
    const options = { input, encoding: 'utf8', env: { ...process.env, LAB_NAME: lab.name } } as const
    const { status, stdout, stderr } = spawnSync(join(ROOT, 'test/lab/lab'), ['exec', node, 'sh', '-c', text], options)
    if (status !== 0) throw new Error(`${node}: ${stderr}`)
    return stdout
  }

  const settings = {
    password: PASSWORD,
    login: LOGIN,
    fence1: `ip=192.0.2.1 passwd=${quoted(FENCE.node1)}`,
    fence2: `ip=192.0.2.2 passwd=${quoted(FENCE.node2)}`,
  }
  const own = () =>
    readFileSync(lab.env, 'utf8').replace(/^(?:OS_PASSWORD|STATS_PASSWORD|FENCING|FENCE_\w+|REPOS)=.*\n/gm, '')
  const set = (change: Partial<typeof settings> = {}) => {
    const { password, login, fence1, fence2 } = { ...settings, ...change }
    const lines = [
      `OS_PASSWORD=\`${password}\``,
      `STATS_PASSWORD=\`${PAGE}\``,
      'FENCING=fence_marker',
      `FENCE_${one}=\`${fence1}\``,
      `FENCE_${two}=\`${fence2}\``,
      `REPOS='deb [trusted=yes] http://repo:${inUrl(login)}@${PUBLIC}.1:${PORT}/extra ./'`,
    ]
    writeFileSync(lab.env, `${own()}${lines.join('\n')}\n`, { mode: 0o600 })
  }

  test.before(async () => {
    for (const line of (await lab.lab('status')).split('\n')) {
      const [name = '', , , pid = ''] = line.split(/\s+/)
      if (lab.nodes.includes(name)) roots[name] = `/proc/${pid}/root`
    }
    assert.is(Object.keys(roots).length, 3)
    // keystone-manage(1): bootstrap sets the password of a user who is there.
    enter(
      one,
      'export LC_ALL=C.UTF-8; IFS= read -r OS_BOOTSTRAP_PASSWORD; export OS_BOOTSTRAP_PASSWORD; keystone-manage bootstrap',
      `${PASSWORD}\n`,
    )
    for (const name of ['fernet', 'credential'])
      for (const [at, key] of enter(one, `cat /etc/keystone/${name}-keys/*`)
        .match(/\S{44}/g)
        ?.entries() ?? [])
        secrets.set(`${name} key ${at}`, Buffer.from(key))
    const url = /^connection = (\S+:\/\/\S+:(\S+)@\S+)$/m.exec(enter(one, 'cat /etc/keystone/keystone.conf'))
    secrets.set('the password of the database', Buffer.from(url?.[2] ?? ''))
    assert.ok(secrets.size >= 14, [...secrets.keys()].join())
    for (const [name, secret] of secrets) assert.ok(secret.length >= 12, name)
    search = searchFor(secrets)

    give(one, '/etc/corosync/authkey', AUTHKEY, '0400')
    for (const node of lab.nodes) {
      give(node, '/usr/sbin/fence_marker', AGENT, '0755')
      give(node, CFG, STATS_CFG)
    }
    const header = `Basic ${Buffer.from(`repo:${LOGIN}`).toString('base64')}`
    const wanted = createHash('sha256').update(header).digest('hex')
    const words = [process.execPath, join(ROOT, 'test/lab/repository.mts'), `${PUBLIC}.1`, String(PORT), wanted]
    repository = spawn('nsenter', [`--net=/run/netns/${lab.name}-ops`, '--', ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    await new Promise((done) => repository.stdout?.once('data', done))
    sampler = sample(roots)
  })
  test.after(() => repository && kill(repository, 'SIGKILL'))

  /** Fails in this phase, with this on its card. */
  const fails = async (phase: string, what: RegExp, ...flags: string[]): Promise<Run> => {
    const run = await lab.run('cluster', '--verbose', ...flags)
    ended(run, 2)
    const card = run.text.slice(run.text.indexOf(`✖ ${phase} failed on `))
    assert.match(run.text, `✖ ${phase} failed on `)
    assert.match(card, what)
    clean('the screen', Buffer.from(run.text))
    return run
  }
  const clean = (where: string, bytes: Buffer) => assert.equal(search(bytes), [], where)

  test('00: a file that cannot be written', async () => {
    set()
    await lab.on(one, 'mkdir /etc/.hosts.quorate-new')
    await fails('00-prereqs', /hosts/)
    await lab.on(one, 'rm -r /etc/.hosts.quorate-new')
  })

  test('01: a repository that refuses the login', async () => {
    set({ login: WRONG_LOGIN })
    await fails('01-repos', /401/)
    set()
  })

  if (LONG)
    test('02: a package manager that fails', async () => {
      const conf = '/etc/apt/apt.conf.d/99fails'
      await lab.on(two, `echo 'DPkg::Pre-Invoke { "cat /etc/apt/auth.conf.d/*; false"; };' >${conf}`)
      const run = await fails('02-packages', /Sub-process|returned an error code/)
      assert.match(run.text, 'machine http')
      await lab.on(two, `rm ${conf}`)
    })

  if (LONG)
    test('03: a key that cannot be written', async () => {
      await lab.on(two, 'mkdir -p /etc/corosync/.authkey.quorate-new')
      const run = await fails('03-corosync', /authkey/)
      assert.match(run.text, /command +ended with status/)
      await lab.on(two, 'rm -r /etc/corosync/.authkey.quorate-new')
    })

  if (LONG)
    test('04: a parameter that the fence agent does not know, and a CIB that is refused', async () => {
      set({ fence1: `ip=192.0.2.1 pasword=${quoted(FENCE.node1)}` })
      await fails('00-prereqs', /no such parameter: word 2 of FENCE_node1/)
      set()
      give(one, CIBADMIN, REFUSES, '0755')
      await lab.on(one, 'echo stonith-enabled >/run/refused')
      const run = await fails('04-pacemaker', /command +ended with status 65/)
      assert.match(run.text, /name="passwd" value="\*{8}/)
    })

  test('05: a CIB that is refused, and all of it told', async () => {
    give(one, CIBADMIN, REFUSES, '0755')
    await lab.on(one, 'echo IPaddr2 >/run/refused')
    const run = await fails('05-vip', /command +ended with status 65/)
    assert.match(run.text, /name="passwd" value="\*{8}/)
    await lab.on(one, `rm ${CIBADMIN} /run/refused`)
  })

  if (LONG)
    test('06: a file that cannot be written; the one that it replaces holds a password', async () => {
      // The right one is there since the phases before were tried.
      give(one, CFG, STATS_CFG)
      await lab.on(one, 'mkdir /etc/haproxy/.haproxy.cfg.quorate-new')
      await fails('06-haproxy', /haproxy\.cfg/)
      await lab.on(one, 'rm -r /etc/haproxy/.haproxy.cfg.quorate-new')
    })

  test('07: a password that keystone refuses', async () => {
    set({ password: WRONG_PASSWORD })
    await fails('07-keystone-endpoints', /gives no token/)
    set()
  })

  test('the rest of the build, the proof and the status', async () => {
    const run = await lab.run('cluster', '--verbose')
    ended(run, 0)
    assert.match(run.text, /07-keystone-endpoints.*changed/)
    ended(await lab.run('verify', '--verbose'), 0)
    ended(await lab.run('status'), 0)
    const again = await lab.run('cluster', '--json', '--verbose')
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)
    // The key that was there has won.
    for (const node of lab.nodes)
      assert.ok(readFileSync(`${roots[node]}/etc/corosync/authkey`).equals(AUTHKEY), `the ring key of ${node}`)
  })

  test('a plan of other secrets tells that they change, and neither what they are nor what they were', async () => {
    // Of this one nobody but the CIB knows.
    const pair = `id="fence-${one}-instance_attributes-passwd" name="passwd" value="${xml(OLD_FENCE)}"`
    enter(one, 'cibadmin --modify --scope resources --xml-pipe', `<nvpair ${pair}/>`)
    set({ fence2: `ip=192.0.2.2 passwd=${quoted(NEW_FENCE)}`, login: NEW_LOGIN })
    const plan = await lab.run('cluster', '--plan', '--verbose')
    ended(plan, 3)
    assert.match(plan.text, /^ *- .*name="passwd" value="\*{8}".*\n( .*\n)* *\+ .*name="passwd" value="\*{8}"/m)
    assert.match(plan.text, /auth\.conf\.d\/quorate\.conf is in place/)
    clean('the screen', Buffer.from(plan.text))
    set()
  })

  test('a bundle has none of them, nor what nobody but a node knows', async () => {
    // The CIB still has the old password; of a token in a request, and of what stands in a comment, nobody knows.
    await lab.ops('curl', '--silent', '--output', '/dev/null', `http://${lab.vip}:5000/healthcheck?token=${TOKEN}`)
    writeFileSync(lab.env, `${readFileSync(lab.env, 'utf8')}# OS_PASSWORD=${OLD_PASSWORD}\n`)
    const run = await lab.run('doctor', '--bundle', '--json')
    const { bundle } = run.json() as unknown as { readonly bundle: string }
    set()
    assert.is(lstatSync(bundle).mode & 0o777, 0o600)
    const unknown = searchFor(
      new Map([
        ['a token in a request', Buffer.from(TOKEN)],
        ['a password in a comment', Buffer.from(OLD_PASSWORD)],
      ]),
    )
    const folder = mkdtempSync(join(tmpdir(), 'quorate-bundle-'))
    try {
      assert.is(spawnSync('tar', ['-xzf', bundle, '-C', folder]).status, 0)
      const all = [...filesIn(folder)].map(({ path, bytes }) => ({ path: path.slice(folder.length), bytes }))
      for (const { path, bytes } of all) {
        clean(`the bundle's ${path}`, bytes)
        assert.equal(unknown(bytes), [], path)
        clean('the names in a bundle', Buffer.from(path))
        assert.not.match(bytes.toString('latin1'), /gAAAAA[\w-]{20}/, path)
        assert.not.match(bytes.toString('latin1').toLowerCase(), PAGE_LOGIN, path)
      }
      const text = (name: string) => all.find(({ path }) => path.endsWith(name))?.bytes.toString('utf8') ?? ''
      // What could have held them is there.
      assert.match(text('/env'), /^OS_PASSWORD=\*{8}$/m)
      assert.match(text(`nodes/${one}/cib.xml`), /name="passwd" value="\*{8}"/)
      assert.match(text(`nodes/${one}/haproxy.cfg`), /stats uri/)
      assert.match(lab.nodes.map((node) => text(`nodes/${node}/journal-haproxy.txt`)).join(''), /healthcheck\?…/)
      assert.match(text('/findings.json'), /"findings"/)
      assert.ok(all.filter(({ path }) => path.endsWith('.jsonl')).length >= 3)
      assert.ok(
        all.every(
          ({ path }) => path.endsWith('README.txt') || text('README.txt').includes(path.split('/').slice(2).join('/')),
        ),
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
      rmSync(bundle)
    }
  })

  test('nothing of them is in the arguments or environments of any process, nor in temporary files, at any time', async () => {
    const { samples, rounds, processes } = await sampler.stop()
    assert.ok(rounds > 500 && processes > 1000, `${rounds} rounds, ${processes} processes`)
    // It has seen what was there to be seen for a moment only.
    for (const seen of [
      'arguments: cibadmin ',
      'arguments: base64 -d',
      'environment of: apt-get ',
      'arguments: ssh -F ',
    ])
      assert.ok(
        [...samples.keys()].some((where) => where.startsWith(seen)),
        seen,
      )
    for (const [where, bytes] of samples) clean(where, Buffer.from(bytes))
    const scratch = [...samples.keys()].filter((where) => /:\/run\/quorate\./.test(where))
    assert.ok(scratch.length > 5)
    assert.equal(
      scratch.filter((where) => !where.endsWith(' mode 700')),
      [],
    )
  })

  test('nothing of them is on a screen, in a log or a checkpoint, or known to git', () => {
    clean('the screens', Buffer.from(lab.said()))
    assert.not.match(lab.said().toLowerCase(), PAGE_LOGIN)
    assert.not.match(lab.said(), /gAAAAA[\w-]{20}/)
    let logs = 0
    for (const { path, bytes } of filesIn(lab.stateDir)) {
      if (path.endsWith('.jsonl')) logs++
      clean(path, bytes)
      assert.not.match(bytes.toString('latin1'), /gAAAAA[\w-]{20}/, path)
      assert.is(lstatSync(path).mode & 0o077, 0, path)
    }
    assert.ok(logs > (LONG ? 12 : 8))
    const { stdout } = spawnSync('git', ['status', '--porcelain', '--untracked-files=all', '--', '.state', '.lab'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    assert.is(stdout, '')
  })

  test('on the nodes they are where they belong, for root and their daemons alone', () => {
    for (const node of lab.nodes) {
      const root = roots[node] as string
      assert.match(readFileSync(root + CFG, 'utf8').toLowerCase(), PAGE_LOGIN)
      const found = new Set<string>()
      for (const { path, bytes } of filesIn(
        root,
        /^\/(?:proc|sys|dev|usr|boot|var\/lib\/apt\/lists|var\/cache|var\/log\/journal)$/,
      )) {
        if (search(bytes).length === 0) continue
        const inside = path.slice(root.length)
        found.add(inside)
        assert.ok(
          KEPT.some((place) => place.test(inside)),
          `${node}: ${search(bytes)} in ${inside}`,
        )
        assert.ok(closed(root, inside), `${node}: ${inside} can be read by everybody`)
      }
      // Where they must be they have been found: the search works.
      for (const path of ['/etc/corosync/authkey', '/etc/keystone/keystone.conf', '/var/lib/pacemaker/cib/cib.xml'])
        assert.ok(found.has(path), `${node}: ${path}`)
      const { stdout, status } = spawnSync(
        join(ROOT, 'test/lab/lab'),
        ['exec', node, 'journalctl', '--no-pager', '-o', 'export'],
        {
          env: { ...process.env, LAB_NAME: lab.name },
          maxBuffer: 1 << 28,
        },
      )
      assert.is(status, 0)
      assert.ok(stdout.length > 100_000)
      clean(`the journal of ${node}`, stdout)
    }
  })

  test('each kind of leak is seen', async () => {
    const canary = marker(`Ca"na'ry <ß> $`)
    const found = searchFor(new Map([['canary', Buffer.from(canary)]]))
    const base64 = Buffer.from(`admin:${canary}:x`).toString('base64')
    const watching = sample(roots)
    await new Promise((done) => setTimeout(done, 200))
    const words = { env: { ...process.env, LAB_NAME: lab.name } }
    // On the node and here, each for a moment.
    spawnSync(join(ROOT, 'test/lab/lab'), ['exec', one, 'sh', '-c', 'sleep 1 && true', base64], words)
    spawnSync('sh', ['-c', 'exec sleep 1'], { env: { ...process.env, LEAK: inUrl(canary) } })
    enter(two, 'cat >/tmp/leak', JSON.stringify({ canary }))
    enter(two, 'cat >/var/log/leak; logger -t leak <<END\n$(cat /var/log/leak)\nEND', canary.slice(0, 14))
    const { samples } = await watching.stop()
    const where = [...samples].filter(([, bytes]) => found(Buffer.from(bytes)).length > 0).map(([name]) => name)
    for (const kind of [/^arguments: sh -c sleep/, /^environment of: sleep 1/, /^node2:\/tmp\/leak/])
      assert.ok(
        where.some((one) => kind.test(one)),
        `${kind} in ${where.length} places`,
      )
    assert.equal(found(readFileSync(`${roots[two]}/var/log/leak`)), ['canary'])
    const journal = enter(two, 'journalctl --no-pager -o export -t leak')
    assert.equal(found(Buffer.from(journal)), ['canary'])
    for (const path of ['/var/log/leak', '/tmp/leak']) rmSync(roots[two] + path)
    mkdirSync(join(lab.stateDir, 'leak'), { recursive: true })
    writeFileSync(join(lab.stateDir, 'leak/log'), Buffer.from(canary).toString('hex'))
    assert.equal([...filesIn(lab.stateDir)].filter(({ bytes }) => found(bytes).length > 0).length, 1)
  })
})

/** All files below a folder, but for some folders. */
function* filesIn(root: string, but?: RegExp): Generator<{ readonly path: string; readonly bytes: Buffer }> {
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    let names: readonly string[] = []
    try {
      names = readdirSync(`${root}${folder}/`)
    } catch (error) {
      // A node is at work: what it has removed since holds nothing.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    for (const name of names) {
      const inside = `${folder}/${name}`
      const path = root + inside
      try {
        const info = lstatSync(path)
        if (info.isDirectory() && !but?.test(inside)) folders.push(inside)
        if (info.isFile() && info.size < 1 << 26) yield { path, bytes: readFileSync(path) }
      } catch (error) {
        // Gone meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
  }
}

/** Whether those who are neither the owner nor in the group cannot read a file. */
function closed(root: string, path: string): boolean {
  if ((statSync(root + path).mode & 0o004) === 0) return true
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder))
    if ((statSync(root + folder).mode & 0o001) === 0) return true
  return false
}
