/** A run that is cut off, wherever and however that happens, is finished by the same command. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ended, eventsOf, kill, onLab, until } from './cluster.mts'

onLab('cut-off runs', 't-cut', { public: '192.168.119', heartbeat: '10.0.143' }, (test, lab) => {
  const [, two] = lab.nodes as [string, string]
  const runs = join(lab.stateDir, 'runs')
  const logs = () => (existsSync(runs) ? readdirSync(runs).sort() : [])

  type Event = Readonly<Record<string, unknown>>
  const changes = ({ state }: Event) => state === 'apply'
  /** Starts the run, and resolves at such an event of a phase, by default its first change. */
  const reaching = async (phase: string, what: (event: Event) => boolean = changes) => {
    const known = logs()
    const begun = lab.begin('cluster', '--json')
    let over = false
    void begun.run.then(() => {
      over = true
    })
    await until(`a change in ${phase}`, 180, () => {
      const log = logs().find((one) => !known.includes(one))
      const events = log === undefined ? [] : whole(join(runs, log))
      if (events.some((event) => event.phase === phase && what(event))) return true
      assert.not(over, `the run ended before ${phase}`)
      return false
    })
    return begun
  }
  /** The last line of a log may be half written. */
  const whole = (file: string) => {
    try {
      return eventsOf(file)
    } catch {
      return []
    }
  }
  const cutOff = async (phase: string, signal: 'SIGKILL' | 'SIGINT', what?: (event: Event) => boolean) => {
    const { child, run } = await reaching(phase, what)
    kill(child, signal)
    return run
  }

  test('kill -9 while packages are installed', async () => {
    const unpacks = ({ type, line }: Event) => type === 'output' && /^Unpacking /.test(String(line))
    assert.is((await cutOff('02-packages', 'SIGKILL', unpacks)).code, null)
  })

  test('at once the same command waits for the package transaction and goes on; kill -9 while the ring is made', async () => {
    const run = await cutOff('03-corosync', 'SIGKILL')
    assert.is(run.code, null)
    // 00-prereqs has more to ask where chrony is installed by now.
    assert.match(run.stderr, /resumed: .*01 holds? from before \(run \S+, \d+ s ago\); goes on with 0[02]-\S+$/m)
    assert.not.match(run.stderr, /drifted|settings changed/)
  })

  test('Ctrl-C while pacemaker is started', async () => {
    const run = await cutOff('04-pacemaker', 'SIGINT')
    ended(run, 130)
    assert.is(run.json().result, 'interrupted')
    assert.match(run.stderr, new RegExp(`^ +go on +npx zx tasks/cluster.mts --env ${lab.env} --json$`, 'm'))
    assert.not.match(run.stderr, /^\s+at .*:\d+:\d+\)?$/m)
  })

  test('a node loses power while HAProxy is set up', async () => {
    const { run } = await reaching('06-haproxy')
    await lab.lab('kill', two)
    const done = await run
    ended(done, 4)
    assert.match(done.stderr, /✖ node2 could not be asked: /)
    await lab.lab('start', two)
  })

  test('the same command finishes it, and does not do anew what was done', async () => {
    const key = (await lab.on(two, 'sha256sum /etc/corosync/authkey')).trim()
    await until('the node lets one in again', 60, async () => (await lab.run('status')).code === 0)
    const run = await lab.run('cluster', '--json')
    ended(run, 0)
    assert.match(run.stderr, /resumed: 00–0\d hold from before /)
    for (const id of ['01-repos', '02-packages']) {
      const nodes = run.json().phases.find((phase) => phase.id === id)?.nodes ?? {}
      for (const node of lab.nodes) assert.is(nodes[node]?.changed, 0, `${id} on ${node}\n${run.text}`)
    }
    assert.is((await lab.on(two, 'sha256sum /etc/corosync/authkey')).trim(), key)
    ended(await lab.run('verify'), 0)
  })

  test('a further run changes nothing, and nothing half done is left behind', async () => {
    const run = await lab.run('cluster', '--json')
    ended(run, 0)
    assert.is(run.json().changed, 0, run.text)
    for (const node of lab.nodes) {
      assert.is(
        await lab.on(
          node,
          "find / -xdev -name '*quorate-new*'; dpkg --audit; find /run/systemd/system -lname /dev/null",
        ),
        '',
      )
    }
  })
})
