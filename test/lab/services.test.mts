/** Other APIs than keystone on real nodes: a back end that anybody runs, described in the env file alone. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { ended, onLab, set, until } from './cluster.mts'

onLab('services', 't-svc', { public: '192.168.129', heartbeat: '10.0.153' }, (test, lab) => {
  const [one, two] = lab.nodes as [string, string]
  const openstack = (text: string) =>
    lab.on(one, `${readFileSync(join(dirname(lab.env), 'admin-openrc'), 'utf8')}\n${text}`)
  /** What serves the API: a folder with a file, on one address of the node. */
  const serves = (node: string, address: string) =>
    lab.on(
      node,
      `mkdir -p /srv/demo && echo ${node} >/srv/demo/who
      systemctl stop demo 2>/dev/null || :
      systemd-run --quiet --unit demo --working-directory /srv/demo python3 -m http.server --bind ${address} 8099`,
    )
  const urls = () => lab.on('db', `mariadb -N -e "SELECT url FROM keystone.endpoint WHERE url LIKE '%8099%'"`)
  const old = 'http://192.168.129.201:8099/v1/%(tenant_id)s'

  test('a service of the operator: the API that takes every address is told, with what to do', async () => {
    await openstack(`
      openstack service create --name demo demo >/dev/null
      for interface in public internal admin; do
        openstack endpoint create --region RegionOne demo "$interface" '${old}' >/dev/null
      done`)
    await serves(one, '192.168.129.201')
    await serves(two, '0.0.0.0')
    set(lab, 'SERVICES', 'keystone demo')
    set(lab, 'SERVICE_demo', 'port=8099 type=demo check=/who')
    const run = await lab.run('cluster')
    ended(run, 2)
    const text = run.text.replaceAll(/\s+/g, ' ')
    assert.match(text, /0\.0\.0\.0:8099 is taken by python3 \(pid \d+, demo\.service\)/)
    assert.match(text, "demo has to listen on the node's own address alone, 192.168.129.202:8099")
    assert.is((await urls()).trim().split('\n').join(), [old, old, old].join())
  })

  test('on its own addresses: behind the VIP, its endpoints moved with their place holder, a second run changes nothing', async () => {
    await serves(two, '192.168.129.202')
    ended(await lab.run('cluster'), 0)
    const moved = `http://${lab.vip}:8099/v1/%(tenant_id)s`
    assert.is((await urls()).trim().split('\n').join(), [moved, moved, moved].join())
    const seen = new Set<string>()
    await until('both answer through the VIP', 30, async () => {
      seen.add(await lab.ops('curl', '--silent', `http://${lab.vip}:8099/who`))
      return seen.size === 2
    })
    const again = await lab.run('cluster')
    ended(again, 0)
    assert.match(again.text, /^total .*changed: 0 /m)
    ended(await lab.run('verify'), 0)
    assert.match((await lab.run('status')).text, /^demo +VIP ok, node1 ok, node2 ok$/m)
  })

  test('one that does not answer as it should is named, with what it said', async () => {
    await lab.on(two, 'mv /srv/demo/who /srv/demo/gone')
    const run = await lab.run('verify')
    ended(run, 2)
    assert.match(
      run.text.replaceAll(/\s+/g, ' '),
      /demo answers on this node .*GET http:\/\/192\.168\.129\.202:8099\/who says 404/,
    )
    await lab.on(two, 'mv /srv/demo/gone /srv/demo/who')
    await until('it is well again', 30, async () => (await lab.run('verify')).code === 0)
  })

  test('taken away: the old endpoints, to the letter', async () => {
    ended(await lab.run('destroy', '--yes'), 0)
    assert.is((await urls()).trim().split('\n').join(), [old, old, old].join())
  })
})
