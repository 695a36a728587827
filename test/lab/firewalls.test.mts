/** Four bare nodes, each behind another kind of firewall, all of which turn away what they do not know. */
import * as assert from 'uvu/assert'
import { ended, LONG, onLab, same, set, until } from './cluster.mts'

const options = { nodes: 4, public: '172.20.63', heartbeat: '10.99.63', keystone: false }

onLab('firewalls', 't-fire', options, (test, lab) => {
  const [zones, uncomplicated, chains, tables] = lab.nodes as [string, string, string, string]
  /** What is there before us: ssh, answers and ping come in; an operator has opened 5000 here and there. */
  const FIREWALLS: Readonly<Record<string, string>> = {
    [zones]: `
      firewall-offline-cmd --quiet --zone=internal --add-interface=eth1
      firewall-offline-cmd --quiet --zone=work --add-source=192.0.2.0/24
      systemctl --quiet enable firewalld && systemctl restart firewalld`,
    [uncomplicated]: `
      ufw allow 22/tcp && ufw allow 5000/tcp comment 'the operator has it open' && ufw --force enable
      systemctl --quiet enable ufw && systemctl restart ufw`,
    [chains]: `
      mkdir -p /etc/nftables.d
      printf '%s\\n' '#!/usr/sbin/nft -f' 'flush ruleset' 'include "/etc/nftables.d/*.nft"' >/etc/nftables.conf
      printf '%s\\n' 'table inet filter {' '  chain input {' '    type filter hook input priority filter; policy accept;' \\
        '    iif lo accept' '    ct state established,related accept' '    iif eth0 tcp dport 22 accept' '    jump rest' '  }' \\
        '  chain rest {' '    meta l4proto icmp accept' '    drop' '  }' '}' >/etc/nftables.d/ours.nft
      systemctl --quiet enable nftables && systemctl restart nftables`,
    // As iptables-services of the RHEL family has it.
    [tables]: `
      mkdir -p /etc/sysconfig
      printf '%s\\n' '# the operator wrote this' '*filter' ':INPUT DROP [0:0]' ':FORWARD ACCEPT [0:0]' ':OUTPUT ACCEPT [0:0]' \\
        '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT' '-A INPUT -i lo -j ACCEPT' '-A INPUT -p icmp -j ACCEPT' \\
        '-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT' COMMIT >/etc/sysconfig/iptables
      printf '%s\\n' '[Unit]' 'Before=network-pre.target' '[Service]' Type=oneshot RemainAfterExit=yes \\
        'ExecStart=/usr/sbin/iptables-restore /etc/sysconfig/iptables' \\
        "ExecStop=/bin/sh -c 'iptables -P INPUT ACCEPT; iptables -F; iptables -X'" \\
        '[Install]' WantedBy=multi-user.target >/etc/systemd/system/iptables.service
      systemctl daemon-reload
      systemctl --quiet enable iptables && systemctl restart iptables`,
  }
  const PACKAGES: Readonly<Record<string, string>> = {
    // It reads /etc/protocols.
    [zones]: 'firewalld netbase',
    [uncomplicated]: 'ufw',
    [chains]: 'nftables',
    [tables]: 'iptables',
  }
  /** In force, and for the next boot. */
  const RULES: Readonly<Record<string, string>> = {
    [zones]: 'firewall-cmd --list-all-zones; firewall-cmd --permanent --list-all-zones',
    [uncomplicated]: 'ufw status; ufw show added',
    [chains]: 'nft list ruleset; cat /etc/nftables.conf /etc/nftables.d/*',
    [tables]: `iptables-save -t filter | sed '/^#/d; s/ \\[.*//'; cat /etc/sysconfig/iptables`,
  }
  const each = async (texts: Readonly<Record<string, string>>) =>
    new Map(
      await Promise.all(lab.nodes.map(async (node) => [node, await lab.on(node, texts[node] as string)] as const)),
    )
  const said = (from: string | undefined, node: string, port: number, word: string) => {
    const say = `echo ${word} >/dev/udp/${lab.address(node)}/${port} || :`
    return from === undefined ? lab.ops('bash', '-c', say) : lab.on(from, `bash -c '${say}'`)
  }
  /** What a listener on this port of a node hears: of a host that is no node before, of another node after that. */
  const heard = async (node: string, port: number): Promise<string> => {
    const from = lab.nodes.find((one) => one !== node)
    const bound = `bind=${lab.address(node)}`
    const listener = await lab.holds(
      node,
      `: >/run/heard; echo listens; exec socat -u UDP4-RECV:${port},${bound} OPEN:/run/heard,append`,
    )
    for (const word of ['first', 'second'])
      await until(`${node} hears another node at ${port}`, 20, async () => {
        await said(undefined, node, port, 'stranger')
        await said(from, node, port, word)
        return (await lab.on(node, 'cat /run/heard')).includes(word)
      })
    await listener.stop()
    return lab.on(node, 'cat /run/heard')
  }
  const closedToStrangers = async (port: number) => {
    for (const node of lab.nodes) {
      const words = await heard(node, port)
      assert.match(words, /first.*second/s, node)
      assert.not.match(words, /stranger/, node)
    }
  }
  let before = new Map<string, string>()
  const back = async () => {
    for (const [node, text] of await each(RULES)) same(text, before.get(node), node)
  }

  test('closed: nobody but ssh comes in', async () => {
    await each(
      Object.fromEntries(
        lab.nodes.map((node) => [
          node,
          `{ apt-get -q -y install --no-install-recommends socat ${PACKAGES[node]} && ${FIREWALLS[node]?.trim()}; } >/run/set-up 2>&1 || { cat /run/set-up; exit 1; }`,
        ]),
      ),
    )
    before = await each(RULES)
    for (const node of lab.nodes.filter((one) => one !== uncomplicated)) {
      const listener = await lab.holds(node, 'echo listens; exec socat -u TCP4-LISTEN:5000,fork OPEN:/dev/null')
      const done = await lab.ops(
        'bash',
        '-c',
        `timeout 1 bash -c ': >/dev/tcp/${lab.address(node)}/5000' || echo closed`,
      )
      assert.match(done, /closed/, node)
      await listener.stop()
    }
  })

  test('a plan with FIREWALL=keep tells which ports no rule names', async () => {
    set(lab, 'FIREWALL', 'keep')
    const plan = await lab.run('00-prereqs', '--plan')
    set(lab, 'FIREWALL', 'open')
    ended(plan, 3)
    assert.match(plan.text, `on ${zones}, ${chains}, ${tables} a firewall turns away`)
    assert.match(plan.text, /names udp 5405-5406, tcp 5000/)
    assert.match(plan.text, new RegExp(`on ${uncomplicated} a firewall .* names udp 5405-5406:`))
    await back()
  })

  test('opened to the nodes alone, before corosync is there', async () => {
    ended(await lab.run('cluster', '--to', '00'), 0)
    await closedToStrangers(5405)
    const rules = await each(RULES)
    const ring = `rule family="ipv4" source address="${options.heartbeat}.201" service name="high-availability" accept`
    // In force and for the next boot, in the zones of both cards and in the one of addresses; the API in that of its card.
    assert.is(rules.get(zones)?.split(ring).length, 7, rules.get(zones))
    assert.is(rules.get(zones)?.split('rule port port="5000" protocol="tcp" accept').length, 3, rules.get(zones))
    assert.match(rules.get(uncomplicated) ?? '', `5000/tcp comment 'the operator has it open'`)
  })

  test('the cluster is built behind them', async () => {
    ended(await lab.run('cluster', '--to', '05'), 0)
    assert.match(await lab.on(chains, 'corosync-quorumtool -s'), /^Nodes: +4$.*^Quorate: +Yes/ms)
  })

  if (LONG)
    test('power cuts: what was opened is open again, and to nobody else; a second run changes nothing', async () => {
      for (const node of lab.nodes) await lab.lab('kill', node)
      for (const node of lab.nodes) await lab.lab('start', node)
      await until('the ring is whole again', 90, async () =>
        /^Nodes: +4$.*^Quorate: +Yes/ms.test(await lab.on(chains, 'corosync-quorumtool -s || :')),
      )
      // Corosync has this port on the other card.
      await closedToStrangers(5406)
      for (const node of lab.nodes) {
        const listener = await lab.holds(node, 'echo listens; exec socat -u TCP4-LISTEN:5000,fork OPEN:/dev/null')
        await until(`${node} lets in to the API`, 10, async () =>
          /open/.test(
            await lab.ops('bash', '-c', `timeout 1 bash -c ': >/dev/tcp/${lab.address(node)}/5000' && echo open || :`),
          ),
        )
        await listener.stop()
      }
      const again = await lab.run('cluster', '--to', '05', '--json')
      ended(again, 0)
      assert.is(again.json().changed, 0, again.text)
    })

  test('another service, another rule: what is not wanted any more is gone', async () => {
    set(lab, 'SERVICES', 'keystone glance')
    ended(await lab.run('00-prereqs'), 0)
    for (const [node, text] of await each(RULES)) assert.match(text, /9292/, node)
    set(lab, 'SERVICES', 'keystone')
    ended(await lab.run('00-prereqs'), 0)
    for (const [node, text] of await each(RULES)) assert.not.match(text, /9292/, node)
  })

  test('destroyed: each firewall is what it was', async () => {
    ended(await lab.run('destroy', '--yes'), 0)
    await back()
  })

  if (LONG)
    test('FIREWALL=off: none is left, and all are back when the cluster is taken away', async () => {
      set(lab, 'FIREWALL', 'open')
      ended(await lab.run('cluster', '--to', '00'), 0)
      set(lab, 'FIREWALL', 'off')
      ended(await lab.run('cluster', '--to', '00'), 0)
      for (const node of lab.nodes) {
        const state = await lab.ask(node, 'systemctl is-active firewalld ufw nftables iptables')
        assert.not.match(state.stdout, /^active/m, node)
      }
      const again = await lab.run('00-prereqs', '--json')
      ended(again, 0)
      assert.is(again.json().changed, 0, again.text)
      ended(await lab.run('destroy', '--yes'), 0)
      await back()
    })
})
