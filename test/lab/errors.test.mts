/** What goes wrong on real nodes: the card names the cause, and once that is mended the same command goes on. */
import { readFileSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { ended, LONG, onLab, type Run, until } from './cluster.mts'

onLab('errors', 't-err', { public: '192.168.123', heartbeat: '10.0.147' }, (test, lab) => {
  const [one, two] = lab.nodes as [string, string]

  /** Failed, with these in its card, a way on, and no stack trace. */
  const told = (run: Run, ...says: readonly RegExp[]) => {
    ended(run, 2)
    const card = run.text.slice(run.text.indexOf('\n✖ '))
    for (const one of [...says, /^ {2}remedy {3}\S/m, /^ {2}log {6}\S/m, /^ {2}go on {4}npx zx tasks\//m])
      assert.match(card, one, run.text)
    assert.not.match(run.text, /^\s+at .*:\d+:\d+\)?$/m)
  }
  /** Sentences of a card are broken at 80 columns. */
  const words = (text: string) => new RegExp(text.replaceAll(' ', '\\s+'))
  const holder = (name: string, code: string) =>
    `systemd-run --quiet --unit ${name} python3 -c '${code}\nimport time; time.sleep(600)'`

  /** What is broken is mended also when a story fails, or it would take the next ones along. */
  const mended = async <T,>(mend: () => Promise<unknown>, story: () => Promise<T>): Promise<T> => {
    try {
      return await story()
    } finally {
      await mend()
    }
  }

  test('a repository that does not answer, and no candidate', async () => {
    await lab.on(
      two,
      `mv /etc/apt/sources.list /root && rm -rf /var/lib/apt/lists/*
      echo 'deb [trusted=yes] http://127.0.0.1:9 ./' >/etc/apt/sources.list`,
    )
    const mend = () => lab.on(two, 'mv /root/sources.list /etc/apt')
    const run = await mended(mend, () => lab.run('cluster', '--to', '01'))
    told(run, words(`01-repos failed on ${two}: not true: every package to be installed has a candidate`))
    told(run, /no candidate: corosync/, words('the node does not reach 127.0.0.1:9'))
    ended(await lab.run('cluster', '--to', '01'), 0)
  })

  test('a disk that is full: which, on which node; nothing is half written, and with room it goes on', async () => {
    await lab.on(
      two,
      `mkdir -p /var/lib/quorate && mount -t tmpfs -o size=64k none /var/lib/quorate
      cat /dev/zero >/var/lib/quorate/filler 2>/dev/null || :`,
    )
    const left = "find / -xdev -name '*quorate-new*'; find /var/lib/quorate -type f ! -name filler"
    await mended(
      () => lab.on(two, 'umount /var/lib/quorate'),
      async () => {
        const run = await lab.run('cluster', '--to', '00')
        told(run, /^✖ 00-prereqs failed on node2: /m, /\/var\/lib\/quorate has no space left: 0 of 0 MB are free/)
        told(run, words('make room in /var/lib/quorate on that node'))
        assert.is(await lab.on(two, left), '')
      },
    )
    ended(await lab.run('cluster', '--to', '00'), 0)
  })

  test('a port that is taken: by whom', async () => {
    await lab.on(
      two,
      `systemctl stop keystone; systemd-run --quiet --unit squatter python3 -m http.server 5000
      until ss -Hltn sport = :5000 | grep -q .; do sleep 0.1; done`,
    )
    const mend = () => lab.on(two, 'systemctl stop squatter; systemctl start keystone')
    const run = await mended(mend, () => lab.run('cluster', '--to', '00'))
    told(run, /0\.0\.0\.0:5000 is taken by python3 \(pid \d+, squatter\.service\)/)
  })

  test('another package manager run is waited for, and named', async () => {
    const lock = 'import fcntl; f = open("/var/lib/dpkg/lock-frontend", "w"); fcntl.lockf(f, fcntl.LOCK_EX)'
    await lab.on(two, `${holder('locker', lock)}; sleep 1`)
    const { child, run } = lab.begin('cluster', '--to', '02', '--verbose')
    let seen = ''
    child.stdout?.on('data', (more: string) => {
      seen += more
    })
    await mended(
      () => lab.on(two, 'systemctl stop locker'),
      () => until('the holder of the lock is named', 60, () => /held by process \d+ \(python3\)/.test(seen)),
    )
    ended(await run, 0)
  })

  test('corosync that does not start on one node: its words; the other, started alone, is not waited for', async () => {
    const dir = '/etc/systemd/system/corosync.service.d'
    const foreign = '[Service]\\nExecStart=\\nExecStart=/usr/sbin/corosync -f -c /no/such/file\\n'
    await lab.on(two, `mkdir -p ${dir}; printf '${foreign}' >${dir}/foreign.conf`)
    const run = await mended(
      () => lab.on(two, `rm -r ${dir}; systemctl daemon-reload`),
      () => lab.run('cluster', '--to', '03'),
    )
    told(run, /^✖ 03-corosync failed on node2: /m, /^ +the journal of corosync here:$/m)
    told(run, /Can't read file \/no\/such\/file/)
  })

  if (LONG)
    test('a plan of a cluster that is half built can tell of everything', async () => {
      ended(await lab.run('cluster', '--to', '04'), 0)
      const plan = await lab.run('cluster', '--plan')
      ended(plan, 3)
      assert.match(plan.stdout, /^ +there is no resource vip yet$/m)
      assert.match(plan.stdout, /^ +identity public RegionOne: \S+ -> \S+$/m)
      assert.not.match(plan.text, / unsure /)
    })

  test('with all that mended it is built', async () => ended(await lab.run('cluster'), 0))

  test('HAProxy that is broken on every node takes the VIP away: the same command brings both back', async () => {
    await lab.onAll('echo nonsense >>/etc/haproxy/haproxy.cfg; systemctl kill --signal KILL haproxy')
    await until(
      'the VIP is nowhere',
      90,
      async () =>
        !(await lab.holder().then(
          () => true,
          () => false,
        )),
    )
    ended(await lab.run('cluster'), 0)
    ended(await lab.run('verify'), 0)
  })

  test('a login that keystone refuses: which keys, and never the password', async () => {
    const good = readFileSync(lab.env, 'utf8')
    writeFileSync(lab.env, good.replace(/^OS_PASSWORD=.*/m, "OS_PASSWORD='not-the Password'"))
    const run = await mended(
      async () => writeFileSync(lab.env, good),
      () => lab.run('cluster', '--only', '07'),
    )
    told(run, /401/, words('check OS_PASSWORD, OS_USERNAME=admin in OS_USER_DOMAIN_NAME=Default'))
    assert.not.match(run.text, 'not-the')
  })

  test('a link that is down: which, from where to where', async () => {
    await lab.ops('ip', 'link', 'set', 'h202', 'down')
    const down = async () => /disconnected/.test((await lab.ask(one, 'corosync-cfgtool -s')).stdout)
    const run = await mended(
      () => lab.ops('ip', 'link', 'set', 'h202', 'up'),
      async () => {
        await until('corosync sees it', 30, down)
        return lab.run('verify')
      },
    )
    told(run, words('not true after 10 s: every link to every node is connected'))
    told(run, /link 1, 10\.0\.147\.201 to 10\.0\.147\.202 of node2: disconnected/)
  })

  test("a resource that fails: pacemaker's reason, the daemon's own words, and who is in its way", async () => {
    // It has the port as soon as HAProxy leaves it, and pacemaker has not begun to start HAProxy again.
    const takes =
      'import socket, time\nwhile True:\n  s = socket.socket(); s.setsockopt(1, 2, 1)\n' +
      '  try: s.bind(("192.168.123.200", 5000)); s.listen(); break\n  except OSError: time.sleep(0.01)'
    await lab.on(two, `${holder('squatter', takes)}; systemctl stop haproxy`)
    // Stopped it is for a moment before the start that fails, too.
    await until('pacemaker gives up', 60, async () => {
      const seen = await lab.on(one, 'crm_mon --one-shot --inactive')
      return /haproxy start on node2 returned/.test(seen) && /Stopped: \[ node2 \]/.test(seen)
    })
    const run = await lab.run('verify')
    told(run, words('verify failed on node1, node2: not true after 10 s: HAProxy runs on every node'))
    told(run, /haproxy start on node2 returned 'error'/, /cannot bind socket.*192\.168\.123\.200:5000/)
    told(run, /here 192\.168\.123\.200:5000 is taken by python3 \(pid \d+, squatter\.service\)/)
    await lab.on(two, 'systemctl stop squatter')
    ended(await lab.run('cluster'), 0)
    ended(await lab.run('verify'), 0)
  })
})
