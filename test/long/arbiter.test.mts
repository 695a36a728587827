/** Two nodes and an arbiter: it is set up with certificates, has its vote, decides a split, and goes again. */
import { readFileSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { ended, onLab, quorumOf, settled, until } from '../lab/cluster.mts'

const networks = { public: '192.168.124', heartbeat: '10.0.148' }

onLab('an arbiter', 't-arb', { ...networks, packages: true }, (test, lab) => {
  const [one = '', two = ''] = lab.nodes
  // The database host is no member.
  const host = `${networks.public}.250`
  const quorum = (node: string) => quorumOf(lab, node)
  const starts = (node: string) => lab.on(node, 'systemctl show --property=InvocationID --value corosync pacemaker')

  test('built together with the cluster', async () => {
    writeFileSync(lab.env, `${readFileSync(lab.env, 'utf8')}QDEVICE=${host}\n`)
    ended(await lab.run('cluster'), 0)
    for (const node of lab.nodes) assert.is(await quorum(node), '3, 3, Quorate Qdevice')
    const status = await lab.run('status')
    ended(status, 0)
    assert.match(status.text, new RegExp(`^arbiter +${host} gives 1 vote$`, 'm'))
    const said = await lab.on('db', 'corosync-qnetd-tool -lv')
    assert.match(said, /Connected clients:\s+2|TLS.*active/i)
    await settled(lab)
  })

  test('the loss of one node leaves the other quorate, and a node that starts alone is too', async () => {
    const holder = await lab.holder()
    const other = holder === one ? two : one
    const prober = await lab.probe()
    await lab.lab('kill', holder)
    await until('the other one has the VIP', 60, async () => (await lab.holder().catch(() => '')) === other)
    const since = Date.now()
    await until('the API answers', 30, () => prober.goodSince(since) > 20)
    await prober.stop()
    assert.is(await quorum(other), '3, 2, Quorate Qdevice')
    await lab.lab('kill', other)
    await lab.lab('start', other)
    await until('it serves alone', 120, async () => (await lab.holder().catch(() => '')) === other)
    await lab.lab('start', holder)
    await until('both are back', 120, async () => (await quorum(other)) === '3, 3, Quorate Qdevice')
    await until('all is well', 120, async () => ended(await lab.run('verify'), 0) === undefined)
  })

  test('without the arbiter two nodes go on, and it is told', async () => {
    await lab.on('db', 'systemctl stop corosync-qnetd')
    await until('its vote is missed', 60, async () => (await quorum(one)).startsWith('3, 2'))
    const verify = await lab.run('verify')
    ended(verify, 2)
    assert.match(verify.text, /the arbiter gives its vote/)
    assert.match((await lab.run('status')).text, /GIVES NO VOTE/)
    ended(await lab.run('cluster'), 0)
    await settled(lab)
  })

  test('two nodes that lose each other: only the one that the arbiter votes for goes on', async () => {
    const cut = (from: string, to: string) => {
      const last = lab.address(to).split('.').at(-1)
      return lab.on(
        from,
        `ip route add blackhole ${lab.address(to)}; ip route add blackhole ${networks.heartbeat}.${last}`,
      )
    }
    await Promise.all([cut(one, two), cut(two, one)])
    await until('one side has no quorum', 90, async () => {
      const both = await Promise.all(
        lab.nodes.map(async (node) => / Quorate|^Quorate/.test((await quorum(node)).split(', ')[2] ?? '')),
      )
      return both.filter(Boolean).length === 1
    })
    await until('one holds the VIP', 60, () => lab.holder())
    await lab.onAll('ip route flush type blackhole')
    await until('all is well', 120, async () => ended(await lab.run('verify'), 0) === undefined)
  })

  test('it goes and comes while the cluster runs: nothing is restarted', async () => {
    const text = readFileSync(lab.env, 'utf8')
    const before = await Promise.all(lab.nodes.map(starts))
    writeFileSync(lab.env, text.replace(/^QDEVICE=.*\n/m, ''))
    ended(await lab.run('cluster'), 0)
    for (const node of lab.nodes) assert.match(await quorum(node), /^2, 2, 2Node Quorate/)
    await settled(lab)
    writeFileSync(lab.env, text)
    ended(await lab.run('cluster'), 0)
    for (const node of lab.nodes) assert.is(await quorum(node), '3, 3, Quorate Qdevice')
    assert.equal(await Promise.all(lab.nodes.map(starts)), before)
    await settled(lab)
  })
})
