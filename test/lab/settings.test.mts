/** Two bare nodes behind a firewall that drops by default, with the settings that the other stories leave alone. */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { ended, onLab, until } from './cluster.mts'

const options = { nodes: 2, prefix: 'ha', public: '172.20.62', heartbeat: '10.99.62', keystone: false }

const FIREWALL = `table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
    tcp dport 22 accept
    ip protocol icmp accept
  }
}
`
const KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nnot a real one\n-----END PGP PUBLIC KEY BLOCK-----\n'

onLab('settings', 't-set', options, (test, lab) => {
  const [one, two] = lab.nodes as [string, string]
  const build = ['--to', '05', '--json']
  const set = (lines: Readonly<Record<string, string>>) => {
    const keys = Object.keys(lines).join('|')
    const rest = readFileSync(lab.env, 'utf8').replace(new RegExp(`^(${keys})=.*\\n`, 'gm'), '')
    writeFileSync(
      lab.env,
      rest +
        Object.entries(lines)
          .map(([key, value]) => `${key}="${value}"\n`)
          .join(''),
    )
  }

  test('they are built with multicast, a fence agent, properties, time sources and an extra repository', async () => {
    await lab.onAll(`apt-get -q -y install nftables >/dev/null 2>&1
      printf '#!/usr/sbin/nft -f\\nflush ruleset\\n%s' '${FIREWALL}' >/etc/nftables.conf
      systemctl --quiet enable nftables && systemctl restart nftables
      printf on >/run/fence1; printf on >/run/fence2
      mkdir -p /srv/extra && : >/srv/extra/Packages`)
    writeFileSync(join(dirname(lab.env), 'extra.asc'), KEY)
    set({
      LINKS: `${options.heartbeat}.0/24`,
      TRANSPORT: 'udp',
      MCAST_ADDR: '239.255.42.9',
      MCAST_PORT: '5415',
      TOKEN: '2000',
      FENCING: 'fence_dummy',
      [`FENCE_${one}`]: 'type=file status_file=/run/fence1',
      [`FENCE_${two}`]: 'type=file status_file=/run/fence2',
      CLUSTER_PROPERTIES: 'cluster-recheck-interval=5min pe-input-series-max=1000',
      NTP_SERVERS: '192.0.2.1 192.0.2.2',
      REPOS: 'deb [trusted=yes] file:/srv/extra ./ key=extra.asc',
    })
    ended(await lab.run('cluster', ...build), 0)
  })

  test('the ring is the one of the seed, and quorate behind the firewall', async () => {
    for (const [node, said] of await lab.onAll('corosync-quorumtool -s; corosync-cmapctl')) {
      assert.match(said, /^Quorate: +Yes/m, node)
      assert.match(said, /^Nodes: +2/m, node)
      assert.match(said, /^totem.transport \(str\) = udp$/m, node)
      assert.match(said, /^totem.interface.0.mcastaddr \(str\) = 239.255.42.9$/m, node)
      assert.match(said, /^totem.interface.0.mcastport \(u16\) = 5415$/m, node)
      assert.match(said, /^runtime.config.totem.token \(u32\) = 2000$/m, node)
    }
  })

  test('the firewall still drops, admits the nodes alone to the ring, and does so after it was loaded anew', async () => {
    for (const [node, said] of await lab.onAll('systemctl restart nftables; nft list ruleset')) {
      assert.match(said, /policy drop/, node)
      const open = [...said.matchAll(/^.*comment "quorate-.*$/gm)].map(([line]) =>
        line.trim().replace(/ comment.*/, ''),
      )
      assert.equal(open.sort(), [
        `ip saddr ${options.heartbeat}.201 udp dport 5414-5415 accept`,
        `ip saddr ${options.heartbeat}.202 udp dport 5414-5415 accept`,
        'tcp dport 5000 accept',
      ])
    }
  })

  test('each node is fenced from the other one, and the properties are set', async () => {
    const said = await lab.on(one, 'crm_mon --one-shot --inactive; cibadmin --query --scope crm_config')
    assert.match(said, new RegExp(`fence-${one}\\s.*Started ${two}`))
    assert.match(said, new RegExp(`fence-${two}\\s.*Started ${one}`))
    assert.match(said, /name="stonith-enabled" value="true"/)
    assert.match(said, /name="no-quorum-policy" value="stop"/)
    assert.match(said, /name="cluster-recheck-interval" value="5min"/)
    assert.match(said, /name="pe-input-series-max" value="1000"/)
    assert.not.match(said, /dc-deadtime/)
  })

  test('time sources, key and repository are in place', async () => {
    for (const [node, said] of await lab.onAll(
      'chronyc -n sources; cat /etc/apt/sources.list.d/quorate.sources /etc/apt/keyrings/quorate-0.asc',
    )) {
      assert.match(said, /192\.0\.2\.1 /, node)
      assert.match(said, /192\.0\.2\.2 /, node)
      assert.ok(
        said.includes('URIs: file:/srv/extra\nSuites: ./\nTrusted: yes\nSigned-By: /etc/apt/keyrings/quorate-0.asc\n'),
        said,
      )
      assert.ok(said.includes(KEY), said)
    }
  })

  test('a second run changes nothing', async () => {
    const again = await lab.run('cluster', ...build)
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)
  })

  test('what was lost of the file for the next boot, and the public half of a key, come back; the private half stays', async () => {
    await lab.on(one, `sed -i '/^# BEGIN quorate/,/^# END quorate/d' /etc/nftables.conf; rm /root/.ssh/id_ed25519.pub`)
    const key = await lab.on(one, 'sha256sum /root/.ssh/id_ed25519')
    ended(await lab.run('00-prereqs', '--plan'), 3)
    ended(await lab.run('00-prereqs'), 0)
    assert.is(await lab.on(one, 'sha256sum /root/.ssh/id_ed25519'), key)
    assert.match(await lab.on(one, 'cat /etc/nftables.conf'), /comment "quorate-/)
    assert.is((await lab.ask(one, `ssh -n -o BatchMode=yes root@${two} true`)).code, 0)
    ended(await lab.run('00-prereqs', '--plan'), 0)
  })

  test('FENCING=none takes the devices away', async () => {
    set({ FENCING: 'none' })
    ended(await lab.run('cluster', ...build), 0)
    const cib = await lab.on(one, 'cibadmin --query --scope configuration')
    assert.not.match(cib, /fence-/)
    assert.match(cib, /name="stonith-enabled" value="false"/)
    await until('the devices are stopped', 60, async () => !/fence-/.test(await lab.on(one, 'crm_mon --one-shot')))
  })
})
