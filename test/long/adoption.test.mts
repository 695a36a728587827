/** A cluster that was made by hand: adopted when somebody says so, with its key and its resources, and never taken away. */
import * as assert from 'uvu/assert'
import { ended, onLab, settled, until } from '../lab/cluster.mts'

const CONF = '/etc/corosync/corosync.conf'
const KEY = '/etc/corosync/authkey'

onLab(
  'a cluster of others',
  't-adopt',
  { public: '192.168.145', heartbeat: '10.0.169', packages: true },
  (test, lab) => {
    const [one = ''] = lab.nodes
    const members = lab.nodes
      .map(
        (node, index) =>
          `  node {\n    name: ${node}\n    nodeid: ${index + 1}\n    ring0_addr: ${lab.address(node)}\n  }\n`,
      )
      .join('')
    const made = `totem {
  version: 2
  cluster_name: ${lab.name}
  transport: knet
  crypto_cipher: aes256
  crypto_hash: sha1
}
nodelist {
${members}}
quorum {
  provider: corosync_votequorum
  two_node: 1
}
`
    const flat = (text: string) => text.replaceAll(/\s+/g, ' ')
    const sums = () => lab.onAll(`sha256sum ${CONF} ${KEY}; cibadmin --query | grep -o -m 1 ' epoch=[^ ]*'`)
    const theirs = () => lab.on(one, 'crm_mon --one-shot | grep theirs')

    test('it is asked for first, and nothing is changed', async () => {
      await lab.onAll(`head -c 256 /dev/zero | tr '\\0' k >${KEY}; chmod 0400 ${KEY}
        printf '%s' '${made}' >${CONF}
        systemctl --quiet enable corosync pacemaker; systemctl start corosync pacemaker`)
      await until('both are online', 60, async () =>
        /Online: \[ node1 node2 \]/.test(await lab.on(one, 'crm_mon --one-shot')),
      )
      await lab.on(
        one,
        `crm_attribute --name stonith-enabled --update false
        cibadmin --create --scope resources --xml-text '<primitive id="theirs" class="ocf" provider="pacemaker" type="Dummy"/>'`,
      )
      await until('their resource runs', 30, async () => /Started/.test(await theirs()))
      const before = await sums()
      const run = await lab.run('cluster')
      ended(run, 5)
      assert.match(
        flat(run.text),
        `a cluster "${lab.name}" of these nodes is there that quorate has not made; it is adopted`,
      )
      assert.equal(await sums(), before)
    })

    test('a plan tells that all are stopped, since they would not understand each other', async () => {
      const plan = await lab.run('cluster', '--plan')
      ended(plan, 3)
      assert.match(plan.text, 'totem.crypto_hash: sha1, to be sha256')
      assert.match(flat(plan.text), 'the cluster is stopped on all of them and started again')
    })

    test('adopted: its key and its resource stay, the VIP comes beside them, and a second run changes nothing', async () => {
      const key = await lab.on(one, `sha256sum ${KEY}`)
      ended(await lab.run('cluster', '--yes'), 0)
      assert.is(await lab.on(one, `sha256sum ${KEY}`), key)
      assert.match(await theirs(), /Started/)
      await lab.holder()
      for (const kept of (await lab.onAll(`cat /var/lib/quorate/original${CONF}`)).values()) assert.is(kept, made)
      await settled(lab)
    })

    test('it is not ours to take away', async () => {
      const run = await lab.run('destroy', '--yes')
      ended(run, 2)
      assert.match(flat(run.text), 'it was there before us, and was adopted')
      assert.match(await theirs(), /Started/)
    })
  },
)
