/** Other APIs than keystone on real nodes: a back end that anybody runs, described in the env file alone. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { ended, LONG, onLab, set, settled, until } from './cluster.mts'

onLab('services', 't-svc', { public: '192.168.129', heartbeat: '10.0.153', packages: true }, (test, lab) => {
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

  const curl = (...words: string[]) => lab.ops('curl', '--silent', '--max-time', '5', '--include', ...words)
  const code = (answer: string) => Number(answer.split(' ')[1])
  const LOGIN = ['--user', 'ops:stats p@ss']

  test('statistics: not while another program has their port, and the run that tells it changes nothing', async () => {
    set(lab, 'STATS_USER', 'ops')
    set(lab, 'STATS_PASSWORD', 'stats p@ss')
    set(lab, 'RATE_LIMIT_demo', '5/600s')
    await lab.on(two, 'systemd-run --quiet --unit squatter python3 -m http.server --bind 0.0.0.0 8404')
    await until('it listens', 10, () => lab.on(two, 'ss -Hltn sport = :8404 | grep -q .').then(() => true))
    const run = await lab.run('cluster', '--json')
    ended(run, 2)
    assert.match(run.text.replaceAll(/\s+/g, ' '), /0\.0\.0\.0:8404 is taken by python3 \(pid \d+, squatter\.service\)/)
    assert.is(run.json().changed, 0)
    await lab.on(two, 'systemctl stop squatter')
  })

  test('statistics on each node for who has the password, and a limit for who is no node: in place, a second run changes nothing', async () => {
    ended(await lab.run('cluster'), 0)
    await settled(lab)
    await lab.onAll('[ "$(stat -c %a /etc/haproxy/haproxy.cfg)" = 600 ]')
    for (const node of lab.nodes) {
      const url = `http://${lab.address(node)}:8404`
      for (const path of ['/', '/metrics']) {
        assert.is(code(await curl(`${url}${path}`)), 401)
        assert.is(code(await curl('--user', 'ops:stats p@s', `${url}${path}`)), 401)
      }
      const page = await curl(...LOGIN, `${url}/`)
      assert.is(code(page), 200)
      assert.match(page, 'Statistics Report for HAProxy')
      const version = (await lab.on(node, 'haproxy -v')).match(/version (\d+\.\d+\.\d+)/)?.[1] as string
      assert.not.match(page, version)
      assert.match(await curl(...LOGIN, `${url}/metrics`), /^haproxy_backend_status\{proxy="demo",state="UP"\} 1$/m)
    }
    const refused = await lab.ops('curl', ...LOGIN, `http://${lab.vip}:8404/`).catch(({ message }) => message)
    assert.match(refused, /ended with 7/)
  })

  test('who asks too often is told so, a node is not, no answer says what software gave it, and each is a line of the log', async () => {
    const url = `http://${lab.vip}:8099/who?a="b`
    assert.match(await curl(`http://${lab.address(one)}:8099/who`), /^Server: /m)
    const answers: string[] = []
    for (let number = 1; number <= 7; number++) answers.push(await curl(url))
    assert.equal(answers.map(code), [200, 200, 200, 200, 200, 429, 429])
    for (const answer of answers) assert.not.match(answer, /^(?:server|x-powered-by):/im)
    assert.match(answers[6] as string, /^retry-after: 600\r$/im)
    const get = `for i in 1 2 3 4 5 6 7; do
        exec 3<>/dev/tcp/${lab.vip}/8099; printf 'GET /who HTTP/1.0\\r\\n\\r\\n' >&3; read -r _ code _ <&3; echo "$code"
      done`
    for (const [, said] of await lab.onAll(`bash -c "$(cat <<'EOF'\n${get}\nEOF\n)"`))
      assert.equal(said.trim().split('\n'), Array(7).fill('200'))
    const holder = await lab.holder()
    const [last] = await until('the log has it', 10, async () => {
      const log = await lab.on(holder, 'journalctl -t haproxy -o cat --no-pager')
      return log.match(/^client=192\.168\.129\.1 .* status=429 .*$/gm) ?? undefined
    })
    const number = '-?\\d+'
    const fields = [
      ...['client=[0-9.]+', `client_port=${number}`, 'frontend=demo', 'backend=demo', 'server=<NOSRV>', 'status=429'],
      ...['request', 'queue', 'connect', 'response', 'total'].map((name) => `${name}_ms=${number}`),
      ...[
        `bytes_in=${number}`,
        `bytes_out=${number}`,
        'termination=PR',
        'retries=0',
        'request="GET /who\\?a=#22b HTTP/1.1"',
      ],
    ]
    assert.match(last as string, new RegExp(`^${fields.join(' ')}$`))
  })

  test('one that is flooded has so many connections and no more, and leaves room for the others', async () => {
    const holder = await lab.holder()
    const open = `import socket, time
all = [socket.create_connection(("${lab.vip}", 8099)) for number in range(2100)]
print("open", flush=True)
time.sleep(60)`
    const flood = await lab.holds(two, `ulimit -n 4000; exec python3 -c '${open}'`)
    const now = `echo 'show stat demo 1 -1' | socat -t 5 - UNIX-CONNECT:/run/haproxy/admin.sock | awk -F , '$1 == "demo" { print $5 }'`
    await until('it has what it may have', 10, async () => (await lab.on(holder, now)).trim() === '2048')
    assert.is(code(await curl(`http://${lab.vip}:5000/healthcheck`)), 200)
    await flood.stop()
    await until('it answers again', 30, async () => code(await curl(`http://${lab.vip}:8099/who`)) === 429)
  })

  if (LONG)
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

  if (LONG)
    test('taken away: the old endpoints, to the letter', async () => {
      ended(await lab.run('destroy', '--yes'), 0)
      assert.is((await urls()).trim().split('\n').join(), [old, old, old].join())
    })
})
