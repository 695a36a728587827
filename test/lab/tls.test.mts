/** TLS on the VIP: a certificate that the nodes make, one that an operator brings, its renewal, and the way there and back. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { authority, kept } from '../certificates.mts'
import { ended, LONG, onLab, set, settled, until } from './cluster.mts'
import { imageAndPlacement } from './image.mts'

onLab('TLS', 't-tls', { public: '192.168.141', heartbeat: '10.0.165', apis: true, packages: true }, (test, lab) => {
  const [one, two] = lab.nodes as [string, string]
  const flat = (text: string) => text.replaceAll(/\s+/g, ' ')
  const dir = mkdtempSync(join(tmpdir(), 'quorate-tls-'))
  test.after(() => rmSync(dir, { recursive: true, force: true }))
  const PORTS = [5000, 9292, 8778]
  const NAME = 'api.test.com'
  const endpoints = () =>
    lab.on('db', `mariadb -N -e 'SELECT DISTINCT url FROM keystone.endpoint ORDER BY url'`).then((text) => text.trim())
  const from = (base: string) => [`${base}:5000/v3`, `${base}:8778`, `${base}:9292`].join('\n')
  const STORED = '/usr/local/share/ca-certificates/quorate-*.crt'
  /** As an operator's machine asks, which trusts nobody but this authority. */
  const curl = (ca: string, ...words: readonly string[]) => lab.ops('curl', '-sS', '--cacert', ca, ...words)
  let old = ''
  let untouched = ''
  let made = ''

  test('a new cluster: the nodes make a certificate, and everything leads to HTTPS', async () => {
    old = await endpoints()
    untouched = await lab.on(two, 'sha256sum /etc/ssl/certs/ca-certificates.crt; ls /etc/ssl/certs | sha256sum')
    set(lab, 'TLS_CERT', 'self-signed')
    ended(await lab.run('cluster'), 0)
    assert.is(await endpoints(), from(`https://${lab.vip}`))
    made = kept(dir, 'made.pem', await lab.on(two, `cat ${STORED}`))
    assert.is(
      (await lab.on(one, `stat -c '%a %U' /etc/haproxy/quorate.pem /var/lib/quorate/tls/ca.key`)).trim(),
      '600 root\n600 root',
    )
    for (const key of ['auth_url', 'www_authenticate_uri'])
      assert.match(await lab.on(two, `grep '^${key}' /etc/glance/glance-api.conf`), `https://${lab.vip}:5000`)
    await settled(lab)
  })

  test('clients get TLS 1.2 at least, HTTP/2 and links that lead to HTTPS; plain HTTP leads there too', async () => {
    const base = `https://${lab.vip}`
    for (const port of PORTS) {
      const said = await curl(made, '-i', '--http2', `${base}:${port}/`)
      assert.match(said, /^HTTP\/2 /)
      assert.match(said, /^strict-transport-security: max-age=/m)
      assert.not.match(said, /http:\/\//)
      const plain = await curl(made, '-i', `http://${lab.vip}:${port}/x?y=1`)
      assert.match(plain, /^HTTP\/1\.1 308 /)
      assert.match(plain, `location: ${base}:${port}/x?y=1\r\n`)
    }
    assert.match(await curl(made, `${base}:5000/v3`), `"href": "${base}:5000/v3/"`)
    const refused = (...words: readonly string[]) =>
      curl(made, ...words).then(
        () => 'answered',
        (error: Error) => error.message,
      )
    assert.match(await refused('--tls-max', '1.1', base.concat(':5000/')), /protocol version/)
    assert.match(
      await refused('--capath', '/dev/null', '--cacert', '/etc/ssl/certs/ca-certificates.crt', `${base}:5000/`),
      /certificate/,
    )
    // Nobody is believed who says that he came by HTTPS, or to another host.
    await lab.on(one, `: >/etc/haproxy/quorate-https.lst; systemctl reload haproxy`)
    await lab.on(two, `: >/etc/haproxy/quorate-https.lst; systemctl reload haproxy`)
    const spoofed = [
      '-H',
      'X-Forwarded-Proto: https',
      '-H',
      'X-Forwarded-Host: evil.test',
      '-H',
      'Forwarded: host=evil.test',
    ]
    assert.match(await curl(made, ...spoofed, `http://${lab.vip}:5000/v3`), `"href": "http://${lab.vip}:5000/v3/"`)
    ended(await lab.run('cluster'), 0)
    assert.match(await curl(made, '-i', `http://${lab.vip}:5000/v3`), /^HTTP\/1\.1 308 /)
  })

  if (LONG)
    test('while a node is gone: an image is made and read, and placement takes a token, all by HTTPS', async () => {
      const gone = await lab.holder()
      const left = gone === one ? two : one
      await lab.lab('kill', gone)
      await until('the VIP is on the other one', 60, async () => (await lab.holder()) === left)
      assert.is(await imageAndPlacement(lab, left, 'https'), 'same\nplacement 200\nplacement 401')
      await lab.lab('start', gone)
      await until('it is back', 120, async () => (await lab.run('verify')).code === 0)
    })

  if (LONG)
    test('a bundle of an authority in its place, and a name: nobody notices who trusts both', async () => {
      const root = authority(dir, 'root')
      const issuer = root.under('issuer')
      const { cert, key } = issuer.issue('vip', { names: `IP:${lab.vip},DNS:${NAME}`, days: 20 })
      const bundle = kept(dir, 'bundle.pem', cert, issuer.pem, key)
      set(lab, 'TLS_CERT', bundle)
      set(lab, 'TLS_CA', root.file)
      set(lab, 'VIP_NAME', NAME)
      // What OpenSSL on the nodes refuses (its security level 2) is told in its words, and in nobody's way.
      const weak = issuer.issue('weak', { names: `DNS:${NAME}`, hash: 'sha1' })
      writeFileSync(bundle, weak.cert + issuer.pem + weak.key)
      const refused = await lab.run('cluster')
      ended(refused, 2)
      assert.match(flat(refused.text), /quorate\.pem is in place .* unable to load SSL certificate/)
      await lab.onAll('haproxy -c -q -f /etc/haproxy/haproxy.cfg')
      // What is shown is trusted still.
      await lab.on(two, '. /root/admin-openrc; openstack token issue -f value -c expires')
      writeFileSync(bundle, cert + issuer.pem + key)
      const both = kept(dir, 'both.pem', root.pem, await lab.on(one, `cat ${STORED}`))
      const prober = await lab.probe(5000, '/healthcheck', both)
      const run = await lab.run('cluster')
      ended(run, 0)
      assert.match(flat(run.text), /TLS_CERT is good until [-\d]+, 19 days more/)
      const { asked, failures } = await prober.stop()
      assert.ok(asked > 50)
      assert.equal(failures, [])
      assert.is(await endpoints(), from(`https://${NAME}`))
      assert.match(await lab.on(two, `getent hosts ${NAME}`), lab.vip)
      const proof = await lab.run('verify')
      ended(proof, 0)
      assert.match(flat(proof.text), /the certificate of the VIP is good until [-\d]+, 19 days more/)
      assert.not.match(lab.said(), key.split('\n')[2] as string)

      // Renewed: a file that has changed, and a reload.
      const again = issuer.issue('again', { names: `IP:${lab.vip},DNS:${NAME}` })
      writeFileSync(bundle, again.cert + issuer.pem + again.key)
      const during = await lab.probe(5000, '/healthcheck', both)
      const renewal = await lab.run('cluster', '--json')
      ended(renewal, 0)
      assert.is(renewal.json().changed, 4, renewal.text)
      assert.equal((await during.stop()).failures, [])
      assert.is(await lab.on(two, `cat ${STORED}`), root.pem)
      assert.not.match((await lab.run('verify')).text, 'days more')
      await settled(lab)
    })

  if (LONG)
    test('an API that speaks TLS itself is asked by it, and trusted by its name alone', async () => {
      const root = authority(dir, 'inside')
      const serve = async (node: string, name: string) => {
        const { cert, key } = root.issue(node, { names: `DNS:${name}` })
        await lab.on(
          node,
          `printf '%s' '${cert}${key}' >/root/demo.pem
        systemctl stop demo 2>/dev/null; systemctl reset-failed demo 2>/dev/null
        systemd-run --quiet --unit demo openssl s_server -quiet -accept ${lab.address(node)}:8099 -cert /root/demo.pem -www`,
        )
      }
      await serve(one, `${one}.test.com`)
      set(lab, 'TLS_CA', kept(dir, 'cas.pem', root.pem, await lab.on(one, `cat ${STORED}`)))
      set(lab, 'SERVICE_demo', 'port=8099 tls=yes')
      set(lab, 'SERVICES', 'keystone glance placement demo')
      if (LONG) {
        await serve(two, 'another.test.com')
        const run = await lab.run('cluster')
        ended(run, 2)
        assert.match(flat(run.text), /no answer from 192\.168\.141\.202:8099 its certificate: hostname mismatch/)
      }
      await serve(two, `${two}.test.com`)
      ended(await lab.run('cluster'), 0)
      const asked = kept(dir, 'demo.pem', await lab.on(one, `cat /etc/ssl/certs/ca-certificates.crt`))
      assert.match(await curl(asked, '--resolve', `${NAME}:8099:${lab.vip}`, `https://${NAME}:8099/`), 's_server')
      await lab.onAll('systemctl stop demo')
      set(lab, 'SERVICES', 'keystone glance placement')
      set(lab, 'SERVICE_demo', '')
    })

  if (LONG)
    test('without TLS again, and with it once more while clients call the old way: nobody is refused', async () => {
      for (const key of ['TLS_CERT', 'TLS_CA', 'VIP_NAME']) set(lab, key, '')
      ended(await lab.run('cluster'), 0)
      assert.is(await endpoints(), from(`http://${lab.vip}`))
      // Nobody is believed any more who says that he asked another host. (By which scheme, uwsgi believes always.)
      assert.match(
        await curl(made, '-H', 'X-Forwarded-Host: evil.test', `http://${lab.vip}:5000/v3`),
        `"href": "http://${lab.vip}:5000/v3/"`,
      )
      await settled(lab)
      set(lab, 'TLS_CERT', 'self-signed')
      const prober = await lab.probe()
      ended(await lab.run('cluster'), 0)
      const { asked, failures } = await prober.stop()
      assert.ok(asked > 50)
      // Until all is moved they are answered, and led to HTTPS from then on.
      assert.equal(
        failures.filter(({ status }) => status !== 308),
        [],
      )
      assert.is(await endpoints(), from(`https://${lab.vip}`))
    })

  if (LONG)
    test('taken away: the catalogue and whom the nodes trust are as before', async () => {
      ended(await lab.run('destroy', '--yes'), 0)
      assert.is(await endpoints(), old)
      assert.is(
        await lab.on(two, 'sha256sum /etc/ssl/certs/ca-certificates.crt; ls /etc/ssl/certs | sha256sum'),
        untouched,
      )
      for (const node of lab.nodes) assert.is(await lab.on(node, 'ls /etc/haproxy | grep quorate || :'), '')
    })
})
