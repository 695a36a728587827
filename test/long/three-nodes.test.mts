/** Three controllers whose host names are full ones: built, proven, and the loss of the one that holds the VIP. */
import * as assert from 'uvu/assert'
import { ended, onLab, until } from '../lab/cluster.mts'

const options = { nodes: 3, public: '192.168.120', heartbeat: '10.0.144', packages: true }
onLab('three nodes', 't-tri', options, (test, lab) => {
  const full = lab.nodes.map((node) => `${node}.test.com`).join(' ')

  test('built', async () => {
    await lab.onAll('name=$(uname -n).test.com; echo $name >/etc/hostname; hostname $name')
    ended(await lab.run('cluster'), 0)
    ended(await lab.run('verify'), 0)
    for (const node of lab.nodes) {
      assert.is((await lab.on(node, 'uname -n')).trim(), `${node}.test.com`)
      assert.match(await lab.on(node, 'crm_mon --one-shot'), new RegExp(`Online: \\[ ${full} \\]`))
      assert.not.match(await lab.on(node, 'cat /etc/corosync/corosync.conf'), /two_node/)
      const quorum = await lab.on(node, 'corosync-quorumtool -s')
      assert.not.match(quorum, /2Node/)
      assert.match(quorum, /^Quorum: +2 *$/m)
      assert.match(quorum, /^Total votes: +3$/m)
    }
  })

  test('two_node of a cluster that has grown is found, also when corosync has loaded it', async () => {
    const conf = '/etc/corosync/corosync.conf'
    await lab.onAll(`cp ${conf} /root/kept && sed -i 's/provider: corosync_votequorum/&\\n  two_node: 1/' ${conf}`)
    const causes = async () => {
      const run = await lab.run('doctor', '--json')
      ended(run, 2)
      const { findings } = run.json() as unknown as { findings: { id: string; nodes: string[]; cause?: string }[] }
      return findings.filter(({ cause }) => cause === undefined).map(({ id, nodes }) => `${id} ${nodes}`)
    }
    assert.equal(await causes(), [`two-node ${lab.nodes}`])
    await lab.on(lab.nodes[0] as string, 'corosync-cfgtool -R')
    await until('it is loaded', 30, async () =>
      /2Node/.test(await lab.on(lab.nodes[2] as string, 'corosync-quorumtool -s')),
    )
    assert.equal(await causes(), [`two-node ${lab.nodes}`])
    ended(await lab.run('cluster'), 0)
    ended(await lab.run('doctor'), 0)
  })

  test('the holder of the VIP loses power: the API answers again, and the others stay quorate', async () => {
    const holder = await lab.holder()
    const left = lab.nodes.filter((node) => node !== holder)
    const witness = left[0] as string
    const prober = await lab.probe()
    const quorum = lab.watch(witness, `corosync-quorumtool -s | sed -n 's/^Quorate: *//p'`)
    await lab.lab('kill', holder)
    await until('another node holds the VIP', 60, async () => {
      const said = await lab.on(witness, 'crm_resource --resource vip --locate')
      return left.some((node) => said.includes(`is running on: ${node}.test.com`))
    })
    const since = Date.now()
    await until('the API answers through the VIP', 60, () => prober.goodSince(since) > 10)
    await prober.stop()
    assert.equal([...new Set(await quorum.stop())], ['Yes'])
    const verify = await lab.run('verify')
    ended(verify, 4)
    const status = await lab.run('status')
    for (const node of left) assert.match(status.stdout, new RegExp(`^${node} .* DOWN to ${holder}: `, 'm'))
    assert.match(verify.text, new RegExp(`✖ ${holder} could not be asked: `))

    await lab.lab('start', holder)
    await until('the node is back', 120, async () => {
      const said = await lab.on(witness, 'crm_mon --one-shot --inactive')
      assert.match(said, new RegExp(`Started: \\[ ${full} \\]`))
      return lab.holder()
    })
    ended(await lab.run('verify'), 0)
    const again = await lab.run('cluster', '--json')
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)
  })
})
