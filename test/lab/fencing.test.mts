/** Two nodes with a BMC each: devices are proven before they are relied on, and a node that is lost or cut off is switched off. */
import { readFileSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { ended, LONG, onLab, until } from './cluster.mts'

const networks = { public: '192.168.122', heartbeat: '10.0.146' }

onLab('two nodes with fencing', 't-fence', { prefix: 'ctl-', bmc: true, ...networks }, (test, lab) => {
  const [one = '', two = ''] = lab.nodes
  const other = (node: string) => (node === one ? two : one)
  const set = (from: string | RegExp, to: string) =>
    writeFileSync(lab.env, readFileSync(lab.env, 'utf8').replace(from, to))
  const locked = (node: string) => lab.on(node, 'stonith_admin --history "*" --verbose 2>/dev/null || :')
  /** Without the line breaks of the card. */
  const flat = ({ text }: { readonly text: string }) => text.replaceAll(/\s+/g, ' ')
  /** Each node boots anew when it is switched on. */
  const boot = (node: string) => lab.on(node, 'cat /proc/1/stat').then((text) => text.split(' ')[21])
  const green = () =>
    until('all is well again', 120, async () => {
      const run = await lab.run('verify')
      ended(run, 0)
      return run
    })

  test('an agent is asked for its parameters as soon as it is there, and from then on before anything is changed', async () => {
    set('lanplus=1', 'lanpluss=1')
    const first = await lab.run('cluster')
    ended(first, 2)
    assert.match(flat(first), /02-packages failed on ctl-1, ctl-2: .*know the parameters/)
    assert.match(first.text, /no such parameter: word 4 of FENCE_ctl_1/)
    const second = await lab.run('cluster')
    ended(second, 2)
    assert.match(flat(second), /00-prereqs failed on ctl-1, ctl-2: .*know the parameters/)
    set('lanpluss=1', 'lanplus=1')
  })

  test('a device that does not answer is told, and fencing is not turned on', async () => {
    const { 1: secret = '' } = /^FENCE_ctl_2=.*password=(\S+)/m.exec(readFileSync(lab.env, 'utf8')) ?? []
    set(`password=${secret} lanplus`, 'password=wrong lanplus')
    const run = await lab.run('cluster')
    ended(run, 2)
    assert.match(flat(run), /04-pacemaker failed on ctl-1: not true: the other nodes' fence devices answer to this one/)
    assert.match(run.text, /ctl-2 \(FENCE_ctl_2\): /)
    assert.match(flat(run), /look at its address, user and password/)
    assert.not.match(await lab.on(one, 'cibadmin --query'), /stonith-enabled|fence_ipmilan/)
    set('password=wrong lanplus', `password=${secret} lanplus`)
  })

  test('built: each node is watched from the other one', async () => {
    const run = await lab.run('cluster')
    ended(run, 0)
    assert.not.match(run.text, /FENCING=none/)
    ended(await lab.run('verify'), 0)
    const status = await lab.run('status')
    assert.match(status.text, /^fencing +on \(fence_ipmilan\)\n +ctl-1 from ctl-2, ctl-2 from ctl-1$/m)
    const again = await lab.run('cluster', '--json')
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)
  })

  test('a node that dies is switched off before its VIP is taken over, and on again', async () => {
    const holder = await lab.holder()
    const before = await boot(holder)
    const prober = await lab.probe()
    await lab.lab('kill', holder)
    const since = Date.now()
    await until('the API answers again', 60, () => prober.goodSince(since + 1000) > 10)
    await prober.stop()
    assert.is(await lab.holder().catch(() => other(holder)), other(holder))
    assert.match(await locked(other(holder)), new RegExp(`reboot of ${holder} .*succe`, 'i'))
    await until('its BMC has switched it on', 60, async () => (await boot(holder)) !== before)
    await green()
    const again = await lab.run('cluster', '--json')
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)
  })

  test('two nodes that lose each other: the one without the VIP switches off the other, and nobody else is', async () => {
    const holder = await lab.holder()
    const winner = other(holder)
    const [lost, left] = [await boot(holder), await boot(winner)]
    const watch = (node: string) =>
      lab.watch(node, `if ip -o addr show | grep -qF ' ${lab.vip}/'; then echo "yes $(date +%s%N)"; fi`)
    const watches = { [holder]: watch(holder), [winner]: watch(winner) }
    const prober = await lab.probe()
    const cut = (from: string, to: string) => {
      const last = lab.address(to).split('.').at(-1)
      const to2 = `${networks.heartbeat}.${last}`
      return lab.on(from, `ip route add blackhole ${lab.address(to)}; ip route add blackhole ${to2}`)
    }
    await Promise.all([cut(holder, winner), cut(winner, holder)])
    const since = Date.now()
    await until('the other one holds the VIP', 60, async () => (await lab.holder().catch(() => '')) === winner)
    await until('the API answers', 60, () => prober.goodSince(Date.now() - 2000) > 5 && Date.now() > since + 2000)
    await prober.stop()
    await until('it is switched on again', 60, async () => (await boot(holder)) !== lost)
    assert.is(await boot(winner), left)
    const times = async (node: string) => (await watches[node]?.stop())?.map((line) => Number(line.split(' ')[1])) ?? []
    const [ended1, began] = [Math.max(...(await times(holder))), Math.min(...(await times(winner)))]
    assert.ok(ended1 < began, `${holder} held it ${(ended1 - began) / 1e6} ms longer than ${winner} did not`)
    await lab.on(winner, 'ip route flush type blackhole')
    await green()
  })

  if (LONG) {
    test('a second device is what is left when the first one fails', async () => {
      const text = readFileSync(lab.env, 'utf8')
      const lines = text.match(/^FENCE_.*$/gm) ?? []
      // The first one answers, and cannot switch off.
      const first = lines.map((line) => line.replace('FENCE_', 'FENCE2_')).join('\n')
      const off = [one, two].map((node) => `FENCE_${node.replace('-', '_')}='type=fail'`).join('\n')
      writeFileSync(
        lab.env,
        text
          .replace(/^FENCE_.*$/gm, '')
          .replace('"fence_ipmilan"', `fence_half\nFENCING2=fence_ipmilan\n${off}\n${first}`),
      )
      for (const node of lab.nodes)
        await lab.on(node, `cat >/usr/sbin/fence_half <<'END'\n${HALF}END\nchmod +x /usr/sbin/fence_half`)
      ended(await lab.run('cluster'), 0)
      const status = await lab.run('status')
      assert.match(status.text, /ctl-1 from ctl-2, ctl-1 \(second: fence_ipmilan\) from ctl-2/)
      const holder = await lab.holder()
      const before = await boot(holder)
      await lab.lab('kill', holder)
      await until('it is switched on again', 90, async () => (await boot(holder)) !== before)
      await green()
      writeFileSync(lab.env, text)
      ended(await lab.run('cluster'), 0)
      assert.not.match(await lab.on(one, 'cibadmin --query'), /fence2-|fencing-level|fence_half/)
      ended(await lab.run('verify'), 0)
    })
  }

  if (LONG)
    test('FENCING=none: said before, after, and each time somebody looks', async () => {
      set('"fence_ipmilan"', 'none')
      const risk = /FENCING=none: nobody switches off a node/
      const plan = await lab.run('cluster', '--plan')
      ended(plan, 3)
      assert.match(flat(plan), risk)
      const run = await lab.run('cluster')
      ended(run, 0)
      assert.match(flat(run), risk)
      assert.match((await lab.run('status')).text, risk)
      assert.match((await lab.run('verify')).text, risk)
      assert.not.match(await lab.on(one, 'cibadmin --query'), /class="stonith"/)
    })
})

/** An agent that finds each node well and fails to switch it off. */
const HALF = `#!/bin/sh
action=$(sed -n 's/^action=//p')
case "$* $action" in
  *metadata*) echo '<?xml version="1.0"?><resource-agent name="fence_half" shortdesc="test"><longdesc>test</longdesc><parameters>
    <parameter name="type"><getopt mixed="-t"/><content type="string"/></parameter>
    <parameter name="action"><getopt mixed="-o"/><content type="string"/></parameter>
    </parameters><actions><action name="on"/><action name="off"/><action name="reboot"/><action name="status"/>
    <action name="monitor"/><action name="list"/><action name="metadata"/></actions></resource-agent>' ;;
  *reboot* | *off*) exit 1 ;;
esac
exit 0
`
