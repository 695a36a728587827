/** Keystone, glance and placement of Debian's packages behind one VIP: moved, restarted, lost, and put back. */
import * as assert from 'uvu/assert'
import { ended, LONG, onLab, set, settled, until } from './cluster.mts'
import { imageAndPlacement } from './image.mts'

const options = { public: '192.168.139', heartbeat: '10.0.163', apis: true, packages: true }
onLab('other APIs', 't-apis', options, (test, lab) => {
  const [one, two] = lab.nodes as [string, string]
  const flat = (text: string) => text.replaceAll(/\s+/g, ' ')
  const openstack = (node: string, text: string) => lab.on(node, `. /root/admin-openrc; ${text}`)
  const endpoints = () =>
    lab.on('db', `mariadb -N -e 'SELECT id, url FROM keystone.endpoint ORDER BY id'`).then((text) => text.trim())
  const listens = (node: string, port: number) =>
    lab.on(node, `ss -H -ltn sport = :${port} | awk '{ print $4 }' | grep -vF ${lab.vip}:`).then((text) => text.trim())
  const GLANCE = '/etc/glance/glance-api.conf'
  let old = ''
  let glance = ''

  test('a check that is never green: the service before it is done, nothing of it is touched, and what was said is told', async () => {
    old = await endpoints()
    glance = await lab.on(two, `cat ${GLANCE}`)
    set(lab, 'SERVICE_glance', 'check=/v9')
    const run = await lab.run('cluster')
    ended(run, 2)
    const text = flat(run.text)
    assert.match(
      text,
      /✖ 06-haproxy failed on node1: not true after 30 s: glance answers on 192\.168\.139\.201:9292 before/,
    )
    assert.match(text, 'GET http://192.168.139.201:9292/v9 says 300')
    assert.match(text, /0\.0\.0\.0:9292 glance-api \d+ glance-api\.service/)
    for (const node of lab.nodes) {
      assert.is(await listens(node, 5000), `${lab.address(node)}:5000`)
      assert.is(await listens(node, 9292), '0.0.0.0:9292')
      assert.is(await listens(node, 8778), '0.0.0.0:8778')
    }
    assert.is(await endpoints(), old)
  })

  if (LONG)
    test('a port where nobody listens: told, with what to write', async () => {
      set(lab, 'SERVICE_glance', 'port=9393')
      const run = await lab.run('cluster')
      ended(run, 2)
      const text = flat(run.text)
      assert.match(text, 'no answer from 192.168.139.201:9393 who listens on port 9393 here: nobody')
      assert.match(text, /SERVICE_glance="port= check= expect="/)
    })

  if (LONG)
    test('one that does not come up on its own address is put back where it was', async () => {
      set(lab, 'SERVICE_glance', '')
      const unit = '/etc/systemd/system/placement-api.service.d'
      await lab.on(
        two,
        `mkdir -p ${unit}
      printf '[Service]\\nExecStartPre=/bin/sh -c "! test -e ${unit}/quorate.conf"\\n' >${unit}/90-refuses.conf
      systemctl daemon-reload`,
      )
      const run = await lab.run('cluster')
      ended(run, 2)
      const text = flat(run.text)
      assert.match(text, /✖ 06-haproxy failed on node2: .*placement listens on its node's own address alone/)
      assert.match(text, 'what was changed is taken back')
      await until('it answers again where it did', 30, async () => (await listens(two, 8778)) === '0.0.0.0:8778')
      assert.is((await lab.on(two, `ls ${unit}`)).trim(), '90-refuses.conf')
      assert.is(await listens(two, 9292), '192.168.139.202:9292')
      await lab.on(two, `rm ${unit}/90-refuses.conf; systemctl daemon-reload`)
    })

  test('all three behind the VIP, each on its own address, and a second run changes nothing', async () => {
    set(lab, 'SERVICE_glance', '')
    ended(await lab.run('cluster'), 0)
    for (const node of lab.nodes)
      for (const port of [5000, 9292, 8778]) assert.is(await listens(node, port), `${lab.address(node)}:${port}`)
    assert.is(await endpoints(), old.replaceAll('192.168.139.201', lab.vip))
    // Three lines of a file of two hundred thousand characters: where it listens, and whom it calls.
    const now = await lab.on(two, `cat ${GLANCE}`)
    const own = /^bind_host = 192\.168\.139\.202\n/m
    assert.match(now, own)
    assert.is(now.replace(own, ''), glance.replaceAll('//192.168.139.201:5000', `//${lab.vip}:5000`))
    assert.is((await lab.on(two, `stat -c '%a %U:%G' ${GLANCE}`)).trim(), '640 root:glance')
    assert.match(await openstack(two, 'echo "$OS_AUTH_URL"'), `http://${lab.vip}:5000/v3`)
    await settled(lab)
  })

  test('a plan shows each line of a call address, and the catalogue of a service that is left out is told', async () => {
    await lab.on(two, `sed -i 's|^auth_url = .*|auth_url = http://node1.test.com:5000|' /etc/placement/placement.conf`)
    set(lab, 'SERVICES', 'keystone placement')
    const plan = await lab.run('cluster', '--plan')
    ended(plan, 3)
    assert.match(plan.text, /node2: would change: placement calls the VIP/)
    assert.match(
      plan.text,
      /-auth_url = http:\/\/node1\.test\.com:5000\n +\+auth_url = http:\/\/192\.168\.139\.200:5000\n/,
    )
    await lab.on(
      'db',
      `mariadb -e "UPDATE keystone.endpoint SET url = 'http://node2:9292' WHERE url LIKE '%:9292' AND interface = 'admin'"`,
    )
    assert.match(
      flat((await lab.run('verify')).text),
      'the admin endpoint of image in RegionOne names a node and is left there, as glance is not in SERVICES: http://node2:9292',
    )
    set(lab, 'SERVICES', 'keystone glance placement')
    ended(await lab.run('cluster'), 0)
    await settled(lab)
  })

  test('restarted node after node, and nobody at the VIP notices', async () => {
    for (const node of lab.nodes)
      await lab.on(
        node,
        `for unit in keystone placement-api; do
          printf '\\nEnvironment=LAB=drift\\n' >>/etc/systemd/system/$unit.service.d/quorate.conf
        done
        sed -i 's/^bind_host.*/bind_host = 127.0.0.1/' ${GLANCE}
        systemctl daemon-reload`,
      )
    // Those of one node are down then, and HAProxy does without them; of the other they run with the drift.
    await lab.on(two, 'systemctl restart keystone placement-api glance-api')
    const server = (node: string, name: string) =>
      lab
        .on(one, `echo 'show servers state ${name}' | socat - /run/haproxy/admin.sock`)
        .then((text) => new RegExp(` ${node} \\S+ (\\d) (\\d) `).exec(text)?.slice(1).join(' '))
    await until('the APIs answer again, and HAProxy has seen it', 60, async () => {
      // It may not have missed one yet that is still starting, and would end its sessions when it does.
      for (const url of ['5000/healthcheck', '8778/']) await lab.ops('curl', '-sf', `http://${lab.address(two)}:${url}`)
      const states = await Promise.all([server(two, 'keystone'), server(two, 'placement'), server(two, 'glance')])
      return states.join() === '2 0,2 0,0 0'
    })
    const probers = [await lab.probe(), await lab.probe(9292), await lab.probe(8778, '/')]
    const run = await lab.run('cluster')
    ended(run, 0)
    const heard = await Promise.all(probers.map((prober) => prober.stop()))
    for (const { asked, failures } of heard) {
      assert.ok(asked > 50)
      assert.equal(failures, [])
    }
    assert.match(run.text, /HAProxy sends node2 no new requests for keystone/)
    for (const name of ['keystone', 'glance', 'placement'])
      for (const node of lab.nodes) {
        assert.is(await server(node, name), '2 0')
        assert.is(await lab.on(node, 'ls /run/quorate/drained'), '')
      }
    await settled(lab)
  })

  test('a back end that a run has left drained is in use after the next', async () => {
    const command = (text: string) => `echo '${text}' | socat - /run/haproxy/admin.sock`
    await lab.on(
      one,
      `mkdir -p /run/quorate/drained; : >/run/quorate/drained/glance@${two}; ${command(`set server glance/${two} state drain`)}`,
    )
    const proof = await lab.run('verify')
    ended(proof, 2)
    assert.match(flat(proof.text), `glance@${two} is drained`)
    ended(await lab.run('cluster'), 0)
    await settled(lab)
  })

  if (LONG)
    test('while a node is gone: an image is made and read, and placement takes a token, all through the VIP', async () => {
      const gone = await lab.holder()
      const left = gone === one ? two : one
      await lab.lab('kill', gone)
      await until(
        'the VIP is on the other one',
        60,
        async () => (await lab.on(left, `ip -o addr show | grep -cF ' ${lab.vip}/'`)) === '1\n',
      )
      assert.is(await imageAndPlacement(lab, left, 'http'), 'same\nplacement 200\nplacement 401')
      await lab.lab('start', gone)
      await until('it is back', 120, async () => (await lab.run('verify')).code === 0)
    })

  if (LONG)
    test('taken away: the catalogue is the old one, and so is each file', async () => {
      await lab.on(two, `sed -i 's/^#\\?debug = .*/debug = true/' ${GLANCE}`)
      ended(await lab.run('destroy', '--yes'), 0)
      assert.is(await endpoints(), old)
      // What the operator has changed since stays.
      assert.is(await lab.on(two, `cat ${GLANCE}`), glance.replace(/^#?debug = .*/gm, 'debug = true'))
      for (const node of lab.nodes)
        for (const port of [5000, 9292, 8778])
          await until('it is where it was', 30, async () => (await listens(node, port)) === `0.0.0.0:${port}`)
    })
})
