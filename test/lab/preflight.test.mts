/**
 * Three bare nodes without python, with other names and networks and a login that is not root's: all that is wrong with them
 * is told at once, and mended they get the phases that need no API. (A container has its host's clock: that clocks which
 * disagree are told is for the unit tests.)
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { changedOn, EVERYTHING, ended, eventsOf, onLab, ROOT, same } from './cluster.mts'

const options = {
  nodes: 3,
  prefix: 'api',
  domain: 'cloud.example',
  public: '172.20.61',
  heartbeat: '10.99.61',
  keystone: false,
  user: 'deploy',
}

onLab('bare nodes', 't-bare', options, (test, lab) => {
  const [one, two, three] = lab.nodes as [string, string, string]
  const ids = (run: Parameters<typeof ended>[0]) => run.json().phases.map(({ id }) => id)
  const build = ['--to', '05', '--json']

  test('they are as bare as they should be', async () => {
    for (const node of lab.nodes) {
      assert.is((await lab.ask(node, 'command -v python3 || command -v python')).code, 127)
      const login = await lab.type('ssh', '-F', lab.sshConfig, node, 'id -un')
      assert.is(login.stdout.trim(), 'deploy')
    }
  })

  test('every problem of every node is told at once, and nothing is changed', async () => {
    await lab.ops('ip', 'addr', 'add', `${lab.vip}/24`, 'dev', 'public')
    await lab.on(one, `cp /etc/hosts /run/hosts; echo '127.0.1.1 api1.cloud.example api1' >>/etc/hosts`)
    await lab.on(one, 'rm /etc/os-release; printf "ID=haiku\\nVERSION_ID=5\\nPRETTY_NAME=Haiku\\n" >/etc/os-release')
    await lab.on(two, 'hostname stranger')
    const id = await lab.on(two, 'cat /etc/machine-id')
    await lab.on(three, `cp /etc/machine-id /run/id; echo ${id.trim()} >/etc/machine-id`)
    await lab.on(three, 'ip addr del 10.99.61.203/24 dev eth1')
    await lab.on(
      three,
      'systemd-run --quiet --unit holder systemd-socket-activate --listen 0.0.0.0:5000 cat; until ss -ltn | grep -q :5000; do sleep 0.1; done',
    )
    const before = await lab.onAll(EVERYTHING)
    const run = await lab.run('cluster', ...build)
    const plan = await lab.run('cluster', '--plan', ...build)
    const after = await lab.onAll(EVERYTHING)

    ended(run, 2)
    assert.is(run.json().result, 'failed')
    const told = (where: string, what: RegExp) => {
      const cards = run.stderr.split('\n✖ ').filter((card) => card.startsWith(`00-prereqs failed on ${where}: `))
      assert.ok(
        cards.some((card) => what.test(card) && /^ +remedy +\S/m.test(card)),
        `${where}: ${what}\n${run.stderr}`,
      )
    }
    told(one, /127\.0\.1\.1 api1/)
    told(one, /it is Haiku \(ID=haiku VERSION_ID=5\)[\s\S]*debian 12/)
    told(two, /uname -n says stranger/)
    told(`${two}, ${three}`, /api2 +api3 has the machine-id[^\n]*\n +api3 +api2 has the machine-id/)
    told(three, /none in 10\.99\.61\.0\/24/)
    told(three, /0\.0\.0\.0:5000 is taken by .*systemd-socket/)
    told(lab.nodes.join(', '), /172\.20\.61\.200 is in use/)
    assert.is(run.json().failed, 10)
    assert.not.match(run.stderr, /^\s+at .*:\d+:\d+\)?$/m)

    ended(plan, 2)
    assert.is(plan.json().failed, 10)
    assert.match(plan.stderr, /^00-prereqs +not true \(3\) +not true \(3\) +not true \(4\)$/m)
    // The lock, in memory, is all that the run has left.
    const lockless = (text = '') => text.replaceAll(/^temporary \/run\/quorate(\/lock)?\n/gm, '')
    for (const node of lab.nodes) same(lockless(after.get(node)), before.get(node), node)
  })

  test('flags that make no sense are told before any node is asked', async () => {
    for (const [flags, what] of [
      [['--only', '99'], /--only 99: no such phase here.*00-prereqs/],
      [['--from', '05', '--to', '03'], /--from 05 comes after --to 03/],
      [['--nodes', 'api9'], /"api9" not in NODES.*api1, api2, api3/],
      [['--frobnicate'], /frobnicate/],
      [[], /OS_PASSWORD is missing.*--to 06/],
    ] as const) {
      const run = await lab.run('cluster', ...flags)
      ended(run, 5)
      assert.match(run.text, what)
      assert.not.match(run.text, /^\s+at .*:\d+:\d+\)?$/m)
    }
  })

  test('mended, they get the phases that need no API, and a second run changes nothing', async () => {
    await lab.ops('ip', 'addr', 'del', `${lab.vip}/24`, 'dev', 'public')
    await lab.on(one, 'cat /run/hosts >/etc/hosts; ln -sf ../usr/lib/os-release /etc/os-release')
    await lab.on(two, 'hostname api2')
    await lab.on(three, 'cat /run/id >/etc/machine-id; ip addr add 10.99.61.203/24 dev eth1; systemctl stop holder')
    const run = await lab.run('cluster', ...build)
    ended(run, 0)
    assert.equal(ids(run), ['00-prereqs', '01-repos', '02-packages', '03-corosync', '04-pacemaker', '05-vip'])
    const again = await lab.run('cluster', ...build)
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)

    assert.ok(lab.nodes.includes(await lab.holder()))
    for (const node of lab.nodes) {
      assert.match(await lab.on(node, 'crm_mon --one-shot'), /Online: \[ api1 api2 api3 \]/)
      const quorum = await lab.on(node, 'corosync-quorumtool -s')
      assert.match(quorum, /^Quorate: +Yes$/m)
      assert.not.match(quorum, /2Node/)
      const links = await lab.on(node, 'corosync-cfgtool -s')
      assert.is(links.match(/\sconnected$/gm)?.length, 4, links)
    }
  })

  test('--only, --from and --to choose phases', async () => {
    const only = await lab.run('cluster', '--json', '--only', '03')
    ended(only, 0)
    assert.equal(ids(only), ['03-corosync'])
    const some = await lab.run('cluster', '--json', '--from', '04', '--to', '05')
    ended(some, 0)
    assert.equal(ids(some), ['04-pacemaker', '05-vip'])
  })

  test('drift on two nodes: --nodes mends one of them, the next run the other', async () => {
    const drifted = async (node: string) => (await lab.ask(node, 'grep -q api2 /etc/hosts')).code !== 0
    for (const node of [one, three]) await lab.on(node, `sed -i /api2/d /etc/hosts`)
    const first = await lab.run('cluster', ...build, '--nodes', three)
    ended(first, 0)
    for (const phase of first.json().phases) assert.equal(Object.keys(phase.nodes), [three])
    assert.ok(changedOn(first, three) > 0)
    assert.equal([await drifted(one), await drifted(three)], [true, false])

    const second = await lab.run('cluster', ...build)
    ended(second, 0)
    assert.equal([changedOn(second, two), changedOn(second, three)], [0, 0], second.text)
    assert.ok(changedOn(second, one) > 0)
    assert.is(await drifted(one), false)
  })

  // What an operator's own ssh_config and env file say, on the lab's way into its networks.
  const through = (name: string, hosts: string, more = '') => {
    const [env, config] = [`${lab.env}-${name}`, `${lab.sshConfig}-${name}`]
    const dir = lab.sshConfig.replace(/[^/]*$/, '')
    const key = `  IdentityFile ${dir}id_ed25519\n  IdentitiesOnly yes\n`
    writeFileSync(config, `${hosts}\nHost *\n  User deploy\n${key}  UserKnownHostsFile ${dir}known_hosts\n`)
    const text = readFileSync(lab.env, 'utf8').replace(/^SSH_CONFIG=.*$/m, `SSH_CONFIG="${config}"`)
    writeFileSync(env, `${text}\n${more}\n`, { mode: 0o600 })
    return (script: string, ...flags: string[]) => lab.type('zx', `tasks/${script}.mts`, '--env', env, ...flags)
  }
  const inside = `nsenter --net=/run/netns/${lab.name}-ops --`
  const scripts = (run: Parameters<typeof ended>[0]) =>
    lab.nodes.map(
      (node) =>
        eventsOf(run.json().log).filter((one) => one.type === 'script' && one.state === 'sent' && one.node === node)
          .length,
    )

  /** What did not hold when it was first asked. */
  const open = (run: Parameters<typeof ended>[0]) =>
    eventsOf(run.json().log)
      .filter(({ type, state }) => type === 'guard' && !['start', 'ok'].includes(`${state}`))
      .map((event) => JSON.stringify(event))
      .join('\n')

  test('a port, a jump host, sudo with use_pty, one session a connection and /tmp with noexec, all at once', async () => {
    const hard = `printf 'Port 22\\nPort 2222\\nMaxSessions 1\\n' >/etc/ssh/sshd_config.d/hard.conf
      echo 'Defaults use_pty' >/etc/sudoers.d/hard; mount -t tmpfs -o noexec,nosuid,nodev tmpfs /tmp; systemctl restart ssh`
    await lab.onAll(hard)
    const jump = `Host jump\n  HostName ${lab.address(one)}\n  ProxyCommand ${inside} socat - TCP:%h:%p\n`
    const run = through('hard', `${jump}Host * !jump\n  ProxyJump jump`, 'SSH_PORT=2222')
    const still = await run('cluster', ...build)
    ended(still, 0)
    assert.is(still.json().changed, 0, still.text)

    await lab.on(two, 'sed -i /api3/d /etc/hosts; systemctl stop pacemaker')
    const mended = await run('cluster', ...build)
    ended(mended, 0)
    assert.ok(changedOn(mended, two) >= 2, mended.text)
    const ports = await lab.on(two, `ss -Htn state established '( sport = :2222 )'`)
    assert.match(ports, new RegExp(`${lab.address(one)}:`), 'the jump host')
  })

  test('60 ms a round trip: a second run changes nothing, and asks each node no more often', async () => {
    const slow = `${inside} ${process.execPath} ${join(ROOT, 'test/ssh/delay.mts')} 30 %h %p`
    const run = through('slow', `Host *\n  ProxyCommand ${slow}`)
    const near = await lab.run('cluster', ...build)
    ended(near, 0)
    for (const where of ['cold', 'warm']) {
      // Who comes while another run may still have been at work asks for everything again, and this machine may be slow.
      await lab.onAll('touch -d "1 minute ago" /run/quorate/lock')
      const far = await run('cluster', ...build)
      ended(far, 0)
      assert.is(far.json().changed, 0, `${where}\n${far.text}`)
      assert.equal(scripts(far), [2, 2, 2], `${where}\n${open(far)}`)
    }
  })

  test('the same nodes in another order are the same cluster', async () => {
    const other = `${lab.env}2`
    const text = readFileSync(lab.env, 'utf8')
    const lines = /^NODES="\n([^"]*)"$/m.exec(text)?.[1] as string
    const turned = `${lines.trimEnd().split('\n').reverse().join('\n')}\n`
    writeFileSync(other, text.replace(lines, turned), { mode: 0o600 })
    const ask = `corosync-cmapctl -g runtime.votequorum.this_node_id; crm_node --list
      systemctl show --property InvocationID --value corosync pacemaker`
    const before = await lab.onAll(ask)
    const run = await lab.type('zx', 'tasks/cluster.mts', '--env', other, ...build)
    ended(run, 0)
    const after = await lab.onAll(ask)
    for (const node of lab.nodes) same(after.get(node), before.get(node), node)
  })
})
