/** Two runs at once, Ctrl-C at a real terminal, a client that is killed and a link that dies: the lock, and what is left on the nodes. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ended, eventsOf, kill, LONG, onLab, until } from './cluster.mts'

const options = { public: '192.168.122', heartbeat: '10.0.146', keystone: false }

onLab('stops and locks', 't-stop', options, (test, lab) => {
  const [one, two] = lab.nodes as [string, string]
  const runs = join(lab.stateDir, 'runs')
  const logs = () => readdirSync(runs).sort()
  const build = ['--to', '05']

  /** A package is missing, and another package manager is at work (fcntl(2)): a run waits in the middle of an apply. */
  const holdPackages = async (node: string) => {
    await lab.on(node, 'apt-get -q -y remove crmsh >/dev/null')
    return lab.holds(
      node,
      `exec perl -e 'use Fcntl; open(my $f, ">>", "/var/lib/dpkg/lock-frontend") or die;
        my $lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $lock) or die "held: $!";
        $| = 1; print "held\\n"; sleep 600'`,
    )
  }
  /** What runs on a node for us: all that sshd has started, and what that has. */
  const ours = async (node: string) =>
    (
      await lab.on(
        node,
        `for process in /proc/[0-9]*; do
          grep -qE 'ssh\\.service|session-' "$process/cgroup" 2>/dev/null || continue
          tr '\\0' ' ' <"$process/cmdline" 2>/dev/null | grep -v '^sshd' || :
        done`,
      )
    ).trim()
  const nothingLeft = async (node: string, seconds = 20) => {
    await until(`nothing runs on ${node} any more`, seconds, async () => (await ours(node)) === '')
    assert.is((await lab.on(node, 'ls -d /run/quorate.* 2>/dev/null || :')).trim(), '')
  }
  const lockFile = (node: string) => lab.on(node, 'cat /run/quorate/lock')
  const lockFree = (node: string) => lab.on(node, 'flock -n /run/quorate/lock true')
  const whole = async (node: string) => assert.is(await lab.on(node, 'dpkg --audit'), '')

  /** Resolves when the newest run's log has such an event. */
  const seen = (known: readonly string[], what: (event: Readonly<Record<string, unknown>>) => boolean) =>
    until('an event in the log', 120, () => {
      const log = logs().find((name) => !known.includes(name))
      try {
        return log !== undefined && eventsOf(join(runs, log)).some(what)
      } catch {
        // The last line may be half written.
        return false
      }
    })

  const waits = (event: Readonly<Record<string, unknown>>, node: string) =>
    event.state === 'wait' && event.node === node && event.phase === '02-packages'

  test('a first Ctrl-C finishes the package transaction, and stops there', async () => {
    ended(await lab.run('cluster', '--to', '01', '--json'), 0)
    const known = logs()
    const run = lab.atTerminal('cluster', ...build)
    await seen(known, (event) => event.type === 'output' && /^(Unpacking|Selecting)/.test(String(event.line)))
    run.ctrlC()
    assert.is(await run.end, 130, run.shown())
    assert.match(run.shown(), 'Ctrl-C once more breaks it off')
    assert.match(run.shown(), new RegExp(`^ +go on +npx zx tasks/cluster.mts --env ${lab.env} --to 05$`, 'm'))
    assert.not.match(run.shown(), /^\s+at .*:\d+:\d+\)?$/m)
    for (const node of lab.nodes) {
      await whole(node)
      assert.match(
        await lab.on(node, 'dpkg-query -W -f "\\${db:Status-Abbrev}" corosync pacemaker haproxy'),
        /^(ii ){3}$/,
      )
      assert.is((await lab.ask(node, 'systemctl is-active corosync')).stdout.trim(), 'inactive')
      assert.is(await lockFile(node), '')
      await nothingLeft(node, 0)
    }
  })

  test('a second Ctrl-C breaks off what waits, and leaves no process and no lock', async () => {
    const holder = await holdPackages(one)
    const known = logs()
    const run = lab.atTerminal('cluster', ...build)
    await seen(known, (event) => waits(event, one))
    run.ctrlC()
    await seen(known, (event) => event.type === 'stop' && event.state === 'soft')
    run.ctrlC()
    assert.is(await run.end, 130, run.shown())
    for (const node of lab.nodes) {
      await nothingLeft(node)
      await lockFree(node)
    }
    await holder.stop()
  })

  test('a client that is killed takes its work on the nodes with it; the next run tells of its lock', async () => {
    const holder = await holdPackages(one)
    const known = logs()
    const { child, run } = lab.begin('cluster', ...build)
    await seen(known, (event) => waits(event, one))
    kill(child, 'SIGKILL')
    await run
    for (const node of lab.nodes) {
      await nothingLeft(node)
      await lockFree(node)
      assert.match(await lockFile(node), / since .*npx zx tasks\/cluster\.mts/)
    }
    await holder.stop()
    const next = await lab.run('cluster', '--to', '02')
    ended(next, 0)
    assert.match(next.text, /node1 +note +the lock of a run that is over has expired: .* since /)
    for (const node of lab.nodes) assert.is(await lockFile(node), '')
  })

  if (LONG)
    test('a package transaction is finished by the node when the client is killed', async () => {
      for (const node of lab.nodes) await lab.on(node, 'apt-get -q -y purge corosync pacemaker haproxy >/dev/null')
      const known = logs()
      const { child, run } = lab.begin('cluster', ...build)
      await seen(known, (event) => event.type === 'output' && /^(Unpacking|Selecting)/.test(String(event.line)))
      kill(child, 'SIGKILL')
      await run
      for (const node of lab.nodes) {
        await nothingLeft(node, 90)
        await whole(node)
        assert.match(
          await lab.on(node, 'dpkg-query -W -f "\\${db:Status-Abbrev}" corosync pacemaker haproxy'),
          /^(ii ){3}$/,
        )
      }
    })

  test('a link that dies ends the run, and the work on the node soon after', async () => {
    const holder = await holdPackages(two)
    const known = logs()
    const { run } = lab.begin('cluster', ...build)
    await seen(known, (event) => waits(event, two))
    await lab.ops('ip', 'link', 'set', 'p202', 'down')
    const done = await run
    ended(done, 4)
    assert.match(done.text, /✖ node2 could not be asked: /)
    await nothingLeft(one)
    await nothingLeft(two, 60)
    await lockFree(two)
    await holder.stop()
    await lab.ops('ip', 'link', 'set', 'p202', 'up')
    lab.hangUp()
    await until(
      'the node lets one in again',
      60,
      async () => (await lab.run('cluster', '--only', '00', '--plan')).code === 0,
    )
  })

  test('SIGHUP, of a terminal that goes away, stops the run as a first Ctrl-C does', async () => {
    const holder = await holdPackages(one)
    const known = logs()
    const { child, run } = lab.begin('cluster', ...build, '--json')
    await seen(known, (event) => waits(event, one))
    kill(child, 'SIGHUP')
    const done = await run
    ended(done, 130)
    assert.is(done.json().result, 'interrupted')
    for (const node of lab.nodes) {
      await nothingLeft(node)
      assert.is(await lockFile(node), '')
    }
    await holder.stop()
  })

  test('a second run sees who holds the lock and ends with 6, or waits; a plan does not mind', async () => {
    const holder = await holdPackages(one)
    const known = logs()
    const first = lab.begin('cluster', '--to', '02', '--json')
    await seen(known, (event) => waits(event, one))
    const second = await lab.run('cluster', '--to', '02', '--json')
    ended(second, 6)
    assert.is(second.json().result, 'locked')
    for (const node of lab.nodes)
      assert.match(
        second.stderr,
        new RegExp(
          `^  ${node}: \\S+@\\S+ \\(pid ${first.child.pid}\\) since \\S+: npx zx tasks/cluster.mts .*last sign of life \\d+ s ago$`,
          'm',
        ),
      )
    const plan = await lab.run('cluster', '--to', '02', '--plan')
    ended(plan, 3)
    assert.match(plan.text, new RegExp(`^another run is at work: .*\\(pid ${first.child.pid}\\) since `, 'm'))
    assert.match((await lab.run('status')).text, new RegExp(`^at work +.*\\(pid ${first.child.pid}\\) since `, 'm'))
    const waiting = lab.begin('02-packages', '--wait', '--json')
    await until('the wait is told', 30, async () =>
      logs().some(
        (name) =>
          !known.includes(name) &&
          eventsOf(join(runs, name)).some((event) => event.type === 'lock' && event.state === 'waits'),
      ),
    )
    await holder.stop()
    ended(await first.run, 0)
    const waited = await waiting.run
    ended(waited, 0)
    assert.is(waited.json().result, 'ok')
  })

  test('of two that begin at the same moment one works, and the other sees it', async () => {
    for (let round = 0; round < 3; round++) {
      const both = await Promise.all([1, 2].map(() => lab.run('00-prereqs', '--json')))
      const codes = both.map(({ code }) => code).sort()
      assert.ok(codes[0] === 0 && (codes[1] === 0 || codes[1] === 6), both.map(({ text }) => text).join('\n'))
    }
    for (const node of lab.nodes) assert.is(await lockFile(node), '')
  })

  test('make unlock asks, shows the owner, and the run that has lost its lock stops', async () => {
    const holder = await holdPackages(one)
    const known = logs()
    const first = lab.begin('cluster', '--to', '02', '--json')
    await seen(known, (event) => waits(event, one))
    const asked = await lab.run('unlock')
    ended(asked, 5)
    assert.match(asked.text, /held, last sign of life \d+ s ago:/)
    assert.match(asked.text, /--yes/)
    assert.match(await lockFile(one), / since /)
    const shown = await lab.type('make', '--silent', 'unlock', `ENV=${lab.env}`, 'ARGS=--yes --verbose')
    ended(shown, 0)
    assert.match(shown.text, /held, last sign of life \d+ s ago:/)
    assert.match(shown.text, new RegExp(`\\(pid ${first.child.pid}\\) since `))
    const lost = await first.run
    ended(lost, 6)
    assert.match(lost.stderr, /the lock was taken away/)
    for (const node of lab.nodes) {
      await nothingLeft(node)
      assert.is(await lockFile(node), '')
    }
    await holder.stop()
    ended(await lab.run('unlock'), 0)
  })

  test('the same command finishes it all', async () => {
    ended(await lab.run('cluster', ...build), 0)
    const again = await lab.run('cluster', ...build, '--json')
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)
  })
})
