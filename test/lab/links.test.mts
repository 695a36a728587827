/** Links: the loss of one of two costs nothing and is named; and a live ring gets other ones the gentlest way. */
import * as assert from 'uvu/assert'
import { ended, type Lab, LONG, onLab, set, settled, until } from './cluster.mts'

/** What would be another one if the daemons of the cluster had been started anew. */
const starts = async (lab: Lab) => [
  ...(await lab.onAll('systemctl show --property=InvocationID --value corosync pacemaker haproxy')).values(),
]

const six = { public: '192.168.127', heartbeat: '10.0.151', six: true, packages: true }
onLab('links of IPv6', 't-six', six, (test, lab) => {
  const [one = ''] = lab.nodes

  test('built on IPv6 alone', async () => {
    ended(await lab.run('cluster'), 0)
    await settled(lab)
    assert.match(await lab.on(one, 'corosync-cfgtool -s'), /addr\s+= fd00:192:168:127::201/)
    assert.match(await lab.on(await lab.holder(), 'ip -o -6 addr show'), new RegExp(` ${lab.vip}/64`))
  })

  if (LONG)
    test('one of two links lost: no answer is missed, nothing is restarted, and it is named', async () => {
      const before = await starts(lab)
      const prober = await lab.probe()
      await lab.ops('ip', 'link', 'set', 'h202', 'down')
      const status = await until('status shows it', 30, async () => {
        const run = await lab.run('status')
        return /DOWN: /.test(run.text) && run
      })
      assert.match(status.text, /DOWN: fd00:10:0:151::\/64/)
      assert.match(status.text, /2 nodes, quorate \(2 of 2 votes\)/)
      const verify = await lab.run('verify')
      ended(verify, 2)
      assert.match(
        verify.text.replace(/\s+/g, ' '),
        /link 1, fd00:10:0:151::20\d to fd00:10:0:151::20\d of node\d: disconnected/,
      )
      const since = Date.now()
      await until('the API answers on', 10, () => prober.goodSince(since) > 20)
      assert.equal((await prober.stop()).failures, [])
      await lab.ops('ip', 'link', 'set', 'h202', 'up')
      await until('it is well again', 60, async () => (await lab.run('verify')).code === 0)
      assert.equal(await starts(lab), before)
    })
})

const card = { public: '192.168.131', heartbeat: '10.0.155', packages: true }
if (LONG)
  onLab('a card without a link', 't-card', card, (test, lab) => {
    const [one = '', two = ''] = lab.nodes
    const other = (node: string) => (node === one ? two : one)
    const portOf = (node: string) => `p${lab.address(node).split('.').at(-1)}`

    test('the ring goes on through the other network, and the VIP goes where the link is', async () => {
      ended(await lab.run('cluster'), 0)
      const holder = await lab.holder()
      const prober = await lab.probe()
      // At the switch: the card is up and has no carrier.
      await lab.ops('ip', 'link', 'set', portOf(holder), 'down')
      await until('the VIP is on the other node', 30, async () => (await lab.holder()) === other(holder))
      const since = Date.now()
      await until('the API answers', 30, () => prober.goodSince(since) > 20)
      assert.match(await lab.on(other(holder), 'corosync-quorumtool -s'), /^Total votes: +2 *$/m)
      await lab.ops('ip', 'link', 'set', portOf(holder), 'up')
      await until('all is well', 60, async () => (await lab.run('verify')).code === 0)
      assert.is(await lab.holder(), other(holder))
      await prober.stop()
    })

    test('a card that is taken down loses the VIP, and does not have it again when it comes up', async () => {
      const holder = await lab.holder()
      await lab.on(holder, 'ip link set eth0 down')
      await until('the VIP is on the other node alone', 30, async () => (await lab.holder()) === other(holder))
      await lab.on(holder, 'ip link set eth0 up')
      await until('all is well', 60, async () => (await lab.run('verify')).code === 0)
      assert.is(await lab.holder(), other(holder))
      await settled(lab)
    })

    if (LONG)
      test('another VIP: the endpoints go with it, and nobody has the old one', async () => {
        const next = lab.vip.replace(/\d+$/, '199')
        set(lab, 'VIP', `${next}/24`)
        const plan = await lab.run('cluster', '--plan')
        ended(plan, 3)
        assert.match(plan.text, `http://${next}:5000`)
        ended(await lab.run('cluster'), 0)
        const { text } = await lab.run('status')
        assert.match(text, new RegExp(`^VIP +${next}/24 held by node\\d$`, 'm'))
        assert.match(text, /^endpoints +all on the VIP$/m)
        const urls = await lab.on('db', 'mariadb -N -e "SELECT url FROM keystone.endpoint"')
        for (const url of urls.trim().split('\n')) assert.match(url, `//${next}:`)
        for (const [node, said] of await lab.onAll('ip -o addr show')) assert.not.match(said, ` ${lab.vip}/`, node)
        await settled(lab)
      })

    if (LONG)
      test('another prefix of the VIP: plan says what pacemaker does, and nothing but the VIP is touched', async () => {
        const next = lab.vip.replace(/\d+$/, '199')
        set(lab, 'VIP', `${next}/25`)
        const plan = await lab.run('cluster', '--plan')
        ended(plan, 3)
        assert.match(plan.text, /Restart vip .* due to resource definition change/)
        const run = await lab.run('cluster')
        ended(run, 0)
        assert.match(run.text, /^total .*changed: 1 /m)
        await settled(lab)
        const held = [...(await lab.onAll('ip -o addr show'))].filter(([, said]) => said.includes(` ${next}/`))
        assert.is(held.length, 1)
        assert.match(held[0]?.[1] ?? '', ` ${next}/25 `)
      })
  })

const ring = { public: '192.168.128', heartbeat: '10.0.152', bmc: true, packages: true }
if (LONG)
  onLab('a live ring', 't-ring', ring, (test, lab) => {
    const [one = ''] = lab.nodes
    const nets = { a: '192.168.128.0/24', b: '10.0.152.0/24', c: '10.0.43.0/24' }
    const mode = () => lab.on(one, 'corosync-cmapctl -g totem.link_mode')
    const links = async () =>
      [...(await lab.on(one, 'corosync-cfgtool -s')).matchAll(/^LINK ID (\d+).*\n.*addr\s+= (\S+)/gm)]
        .map(([, id, address = '']) => `${id} ${address.split('.').slice(0, 3).join('.')}`)
        .join(', ')

    test('built with two links', async () => {
      set(lab, 'FENCING', 'none')
      ended(await lab.run('cluster'), 0)
      assert.is(await links(), '0 192.168.128, 1 10.0.152')
    })

    const gently = async (change: () => void, told: RegExp) => {
      const before = await starts(lab)
      change()
      const plan = await lab.run('cluster', '--plan')
      ended(plan, 3)
      assert.match(plan.text, /all nodes load it at once \(corosync-cfgtool -R\), and nothing is restarted/)
      assert.match(plan.text, told)
      const prober = await lab.probe()
      ended(await lab.run('cluster'), 0)
      assert.equal((await prober.stop()).failures, [])
      assert.equal(await starts(lab), before)
      await settled(lab)
    }

    test('a token', () => gently(() => set(lab, 'TOKEN', '2000'), /totem.token: 2000, new/))
    test('a third link', () =>
      gently(() => set(lab, 'LINKS', `${nets.a} ${nets.b} ${nets.c}`), /ring2_addr: 10.0.43.201, new/))
    if (LONG)
      test('the first link goes', async () => {
        await gently(() => set(lab, 'LINKS', `${nets.b} ${nets.c}`), /ring0_addr: 192.168.128.201, gone/)
        assert.is(await links(), '1 10.0.152, 2 10.0.43')
      })
    if (LONG) {
      test('one link in the place of both others', async () => {
        await gently(() => set(lab, 'LINKS', nets.a), /ring0_addr: 192.168.128.201, new/)
        assert.is(await links(), '0 192.168.128')
      })
      test('two links again', () =>
        gently(() => set(lab, 'LINKS', `${nets.a} ${nets.b}`), /ring1_addr: 10.0.152.201, new/))
    }

    if (LONG)
      test('another mode: node after node, and the API is there meanwhile', async () => {
        set(lab, 'LINK_MODE', 'active')
        const plan = await lab.run('cluster', '--plan')
        ended(plan, 3)
        assert.match(plan.text, /corosync is restarted on one node after the other; the VIP leaves a node before that/)
        const prober = await lab.probe()
        ended(await lab.run('cluster'), 0)
        const { asked, failures } = await prober.stop()
        assert.ok(failures.length < asked / 4, `${failures.length} of ${asked} failed`)
        assert.match(await mode(), /= active/)
        await settled(lab)
      })

    for (const transport of LONG ? ['udpu', 'udp', 'knet'] : []) {
      test(`another transport, ${transport}: all are stopped and started`, async () => {
        set(lab, 'LINKS', transport === 'knet' ? `${nets.a} ${nets.b}` : nets.b)
        set(lab, 'LINK_MODE', 'passive')
        set(lab, 'TRANSPORT', transport)
        const plan = await lab.run('cluster', '--plan')
        ended(plan, 3)
        assert.match(plan.text, /the API is away meanwhile/)
        ended(await lab.run('cluster'), 0)
        assert.match(await lab.on(one, 'corosync-cmapctl -g totem.transport'), new RegExp(`= ${transport}$`, 'm'))
        await settled(lab)
      })
    }

    test('what somebody loaded by hand, and put back in the file, is loaded anew', async () => {
      await lab.onAll(
        'cp -p /etc/corosync/corosync.conf /run/kept; sed -i "s/token: 2000/token: 9000/" /etc/corosync/corosync.conf',
      )
      await lab.on(one, 'corosync-cfgtool -R')
      await lab.onAll('cp -p /run/kept /etc/corosync/corosync.conf')
      const before = await starts(lab)
      const run = await lab.run('cluster')
      ended(run, 0)
      assert.match(run.text, /the ring has loaded corosync.conf/)
      assert.match(await lab.on(one, 'corosync-cmapctl -g totem.token'), /= 2000/)
      assert.equal(await starts(lab), before)
      await settled(lab)
    })
  })
