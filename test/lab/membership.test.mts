/** Nodes come and go while the API is served: a third one joins, leaves alive and dead, and comes back re-installed. */
import { readFileSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { changedOn, ended, type Lab, LONG, onLab, quorumOf, settled, until } from './cluster.mts'

const options = { nodes: 3, public: '192.168.123', heartbeat: '10.0.147', packages: true }
onLab('membership', 't-memb', options, (test, lab) => {
  const [one = '', two = '', three = ''] = lab.nodes
  let all = ''
  const without = (node: string) => writeFileSync(lab.env, all.replace(new RegExp(`^.* ${node}\\n`, 'm'), ''))
  const quorum = (node: string) => quorumOf(lab, node)
  const starts = (node: string) =>
    lab.on(node, 'systemctl show --property=InvocationID --value corosync pacemaker haproxy')

  test('two of them are a cluster', async () => {
    all = readFileSync(lab.env, 'utf8')
    without(three)
    ended(await lab.run('cluster'), 0)
    assert.is(await quorum(one), '2, 2, 2Node Quorate WaitForAll')
  })

  test('a line more in NODES: the third one joins, nothing of the others is restarted, and no answer is missed', async () => {
    writeFileSync(lab.env, all)
    const before = await Promise.all([one, two].map(starts))
    const plan = await lab.run('cluster', '--plan')
    ended(plan, 3)
    assert.match(plan.text, /node 3 name: node3, new/)
    assert.match(plan.text, /all nodes load it at once \(corosync-cfgtool -R\), and nothing is restarted/)
    const prober = await lab.probe()
    ended(await lab.run('cluster'), 0)
    const { failures } = await prober.stop()
    assert.equal(failures, [])
    assert.equal(await Promise.all([one, two].map(starts)), before)
    for (const node of lab.nodes) assert.is(await quorum(node), '3, 3, Quorate')
    await settled(lab)
  })

  test('a line less: said before, asked for, and done while the API answers', async () => {
    await moveVip(lab, one)
    without(three)
    const plan = await lab.run('cluster', '--plan')
    ended(plan, 3)
    assert.match(plan.text, /node3 belongs to the running cluster and is not in NODES: it is taken out of the cluster/)
    const refused = await lab.run('cluster')
    ended(refused, 5)
    assert.match(refused.text, /there is no terminal to answer the question \(give --yes\)/)
    assert.is(await quorum(one), '3, 3, Quorate')
    const before = await Promise.all([one, two].map(starts))
    const prober = await lab.probe()
    const run = await lab.run('cluster', '--yes', '--json')
    ended(run, 0)
    const { failures } = await prober.stop()
    assert.equal(failures, [])
    assert.equal(await Promise.all([one, two].map(starts)), before)
    for (const node of [one, two]) assert.is(await quorum(node), '2, 2, 2Node Quorate WaitForAll')
    assert.not.match(await lab.on(one, 'crm_mon --one-shot --inactive'), /node3/)
    assert.not.match(await lab.on(one, 'cibadmin --query'), /node3/)
    assert.is(
      (await lab.on(three, 'systemctl is-active corosync pacemaker haproxy || :')).trim(),
      'inactive\ninactive\ninactive',
    )
    assert.is((await lab.on(three, 'ip -o addr show')).includes(`${lab.vip}/`), false)
    await settled(lab)
  })

  if (LONG)
    test('it comes back, and dies, and is taken out dead', async () => {
      writeFileSync(lab.env, all)
      ended(await lab.run('cluster'), 0)
      await moveVip(lab, one)
      await lab.lab('kill', three)
      await until('it is missed', 60, async () => (await quorum(one)).startsWith('3, 2'))
      without(three)
      const run = await lab.run('cluster', '--yes')
      ended(run, 0)
      assert.is(await quorum(one), '2, 2, 2Node Quorate WaitForAll')
      assert.not.match(await lab.on(one, 'cibadmin --query'), /node3/)
      await settled(lab)
      // Switched on again it is alone: it has no quorum, and nobody listens to it.
      await lab.lab('start', three)
      await until('its corosync runs', 60, async () =>
        /^Nodes: +1 *$/m.test(await lab.on(three, 'corosync-quorumtool -s || :')),
      )
      assert.match(await lab.on(three, 'corosync-quorumtool -s || :'), /^Quorate: +No *$/m)
      await settled(lab)
    })

  if (LONG)
    test('re-installed under its old name it is taken in', async () => {
      await lab.on(
        three,
        `systemctl disable --quiet --now pacemaker corosync haproxy
       apt-get purge -y -qq corosync pacemaker haproxy chrony >/dev/null 2>&1
       rm -rf /etc/corosync /var/lib/corosync /var/lib/pacemaker /etc/haproxy /var/lib/quorate /root/.ssh/id_* /etc/ssh/ssh_known_hosts
       sed -i '/quorate/,$d' /root/.ssh/authorized_keys
       systemd-id128 new >/etc/machine-id`,
      )
      writeFileSync(lab.env, all)
      const doctor = await lab.run('doctor', '--json')
      ended(doctor, 2)
      const { findings } = doctor.json() as unknown as { findings: { id: string; nodes: string[]; cause?: string }[] }
      assert.equal(
        findings.filter(({ cause }) => cause === undefined).map(({ id, nodes }) => `${id} ${nodes}`),
        [`node-replaced ${three}`],
        doctor.text,
      )
      const run = await lab.run('cluster', '--json')
      ended(run, 0)
      assert.ok(changedOn(run, three) > 5, run.text)
      for (const node of lab.nodes) assert.is(await quorum(node), '3, 3, Quorate')
      await settled(lab)
    })
})

/** Puts the VIP on a node, as an operator does it. */
async function moveVip(lab: Lab, node: string): Promise<void> {
  if ((await lab.holder()) === node) return
  await lab.on(node, `crm_resource --resource vip --move --node ${node} && crm_resource --wait --timeout 30s`)
  await lab.on(node, 'crm_resource --resource vip --clear')
  await until(`the VIP is on ${node}`, 30, async () => (await lab.holder()) === node)
}
