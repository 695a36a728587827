/** A VIP of IPv4 and one of IPv6: both on one node, whatever becomes of it, and one of them out and in again. */
import * as assert from 'uvu/assert'
import { ended, type Lab, onLab, set, settled, until } from '../lab/cluster.mts'

const NET = 'fd00:192:168:143'
const SIX = `${NET}::200`
const EPOCH = 'cibadmin --query | grep -o -m 1 " epoch=[^ ]*"'

/** What clients get there. */
const status = (lab: Lab, host: string) =>
  lab.ops(...'curl -sgm 5 --noproxy * -o /dev/null -w %{http_code}'.split(' '), `http://${host}:5000/healthcheck`)
const holders = async (lab: Lab, address: string) =>
  [...(await lab.onAll('ip -o addr show'))].filter(([, said]) => said.includes(` ${address}/`)).map(([node]) => node)
const endpoints = async (lab: Lab) =>
  new Set((await lab.on('db', 'mariadb -N -e "SELECT url FROM keystone.endpoint"')).trim().split('\n'))

onLab('dual stack', 't-dual', { public: '192.168.143', heartbeat: '10.0.167', packages: true }, (test, lab) => {
  const [one = ''] = lab.nodes
  const four = `${lab.vip}/24`
  const six = `${SIX}/64`
  const both = async () => {
    const node = await lab.holder()
    assert.equal(await holders(lab, SIX), [node])
    assert.is(await status(lab, lab.vip), '200')
    assert.is(await status(lab, `[${SIX}]`), '200')
    return node
  }

  test('nodes without an address beside the second VIP are told so, and nothing is done', async () => {
    set(lab, 'VIP', `${four} ${six}`)
    const run = await lab.run('cluster')
    ended(run, 2)
    assert.match(run.text.replace(/\s+/g, ' '), `none in ${NET}::/64; it has ${lab.address(one)}/24 on eth0`)
    await lab.ops('ip', 'addr', 'add', `${NET}::1/64`, 'dev', 'public', 'nodad')
    for (const node of lab.nodes)
      await lab.on(node, `ip addr add ${NET}::${lab.address(node).split('.').at(-1)}/64 dev eth0 nodad`)
  })

  test('both are held by one node and answer from outside; endpoints name the first', async () => {
    ended(await lab.run('cluster'), 0)
    const node = await both()
    assert.equal([...(await endpoints(lab))], [`http://${lab.vip}:5000/v3`])
    const { text } = await lab.run('status')
    assert.match(text, new RegExp(`^VIP +${four} held by ${node}\n +${six} held by ${node}$`, 'm'))
    assert.match(text, new RegExp(`^keystone +VIP ok, ${SIX} ok, node1 ok, node2 ok$`, 'm'))
    await settled(lab)
  })

  test('a drill that moves the first moves both', async () => {
    const before = await lab.holder()
    ended(await lab.run('drill', 'move'), 0)
    assert.is.not(await both(), before)
  })

  test('a second one that cannot be anywhere leaves the first one where it is', async () => {
    const node = await lab.holder()
    // The agent wants to know the card.
    await lab.on(one, 'crm_resource --resource vip-other --set-parameter nic --parameter-value nowhere')
    await until('it has failed', 30, async () => (await holders(lab, SIX)).length === 0)
    assert.is(await lab.holder(), node)
    const verify = await lab.run('verify')
    ended(verify, 2)
    assert.match(verify.text.replace(/\s+/g, ' '), `the VIP ${SIX} runs on: no node`)
    assert.match((await lab.run('status')).text, `${six} held by NOBODY`)
    ended(await lab.run('cluster'), 0)
    assert.is(await both(), node)
  })

  test('the other order: endpoints name the other one, and pacemaker has nothing to do', async () => {
    const epoch = await lab.on(one, EPOCH)
    set(lab, 'VIP', `${six} ${four}`)
    ended(await lab.run('cluster'), 0)
    assert.equal([...(await endpoints(lab))], [`http://[${SIX}]:5000/v3`])
    assert.is(await lab.on(one, EPOCH), epoch)
    await both()
  })

  test('without the second again nobody has it, and the first stays', async () => {
    const node = await lab.holder()
    set(lab, 'VIP', four)
    const plan = await lab.run('cluster', '--plan')
    ended(plan, 3)
    assert.match(plan.text, /Stop +vip-other/)
    assert.not.match(plan.text, /(Stop|Move|Restart|Recover) +vip /)
    const prober = await lab.probe()
    ended(await lab.run('cluster'), 0)
    await until('nobody has it', 30, async () => (await holders(lab, SIX)).length === 0)
    assert.is(await lab.holder(), node)
    assert.equal((await prober.stop()).failures, [])
    assert.not.match(await lab.on(one, 'cibadmin --query; cat /etc/haproxy/haproxy.cfg'), /vip-other|fd00:/)
    await settled(lab)
    set(lab, 'VIP', `${four} ${six}`)
    ended(await lab.run('cluster'), 0)
  })

  test('destroy takes both away', async () => {
    await both()
    ended(await lab.run('destroy', '--yes'), 0)
    for (const vip of [lab.vip, SIX]) assert.equal(await holders(lab, vip), [])
    const keys = 'sysctl -n net.ipv4.ip_nonlocal_bind net.ipv6.ip_nonlocal_bind'
    for (const [node, said] of await lab.onAll(
      `${keys}; ls -d /etc/haproxy/haproxy.cfg.quorate-new /etc/sysctl.d/60-quorate.conf 2>/dev/null || :`,
    ))
      assert.is(said, '0\n0\n', node)
    assert.equal([...(await endpoints(lab))], [`http://${lab.address(one)}:5000/v3`])
  })
})
