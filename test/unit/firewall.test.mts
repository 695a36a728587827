/** Rules of real nftables and iptables, in a network namespace of their own, and the files that they are loaded from. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { closed, firewallOff, opened, unnamed } from '../../lib/guards/firewall.mts'
import type { Opening } from '../../lib/guards/opening.mts'
import { suite } from '../suite.mts'
import type { Ended } from './local-shell.mts'
import { type Played, played, step } from './played.mts'
import { needing } from './real-tool.mts'

const NAME = { clusterName: 'a.b' }
const API: Opening = { protocol: 'tcp', ports: [5000, 5000], from: [] }
const RING: Opening = { protocol: 'udp', ports: [5405, 5406], from: ['192.0.2.1', '192.0.2.2', '2001:db8::1'] }
const OTHER: Opening = { protocol: 'udp', ports: [5414, 5415], from: ['192.0.2.9'] }
const open = opened(NAME, [RING, API])
const other = opened(NAME, [OTHER, API])
/** Another cluster's name begins like it, and its dot is no pattern. */
const stranger = [opened({ clusterName: 'axb' }, [API]), opened({ clusterName: 'a.b-2' }, [API])]

const test = suite('firewalls')
const namespaces = spawnSync('unshare', ['--net', 'true']).status === 0
const real = (title: string, body: (shell: readonly string[], node: Played) => void, shells = [['dash']]) => {
  for (const shell of shells) {
    const name = `${title}: ${shell[0]}`
    if (!namespaces) test.skip(name, 'network namespaces cannot be made here')
    else needing(test, 'nft')(name, () => body(['unshare', '--net', ...shell], played()))
  }
}
const BOTH = [['dash'], ['bash', '--posix']]
const results = (ends: readonly Ended[]) => ends.map(({ result }) => result)
const text = (end: Ended | undefined) => end?.said.join('\n') ?? ''
const ours = (end: Ended | undefined) =>
  end?.said
    .filter((line) => line.includes('comment "quorate-') || line.includes('--comment quorate-'))
    .map((line) => line.trim()) ?? []

const CONF = `#!/usr/sbin/nft -f
flush ruleset
include "NFTABLES.D/*.nft"
table inet filter {
  chain input {
    type filter hook input priority filter; policy accept;
    iif lo accept
    iif "lo" tcp dport 22 accept
    jump rest
  }
  chain rest {
    log prefix "drop " drop
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
}
`
const INCLUDED = `table ip six {
  chain INPUT {
    type filter hook input priority 10; policy drop;
  }
}
table inet harmless {
  chain input {
    type filter hook input priority 20; policy accept;
    tcp dport 23 counter comment "drop it"
  }
}
`
/** Not from the file, as fail2ban has it. */
const DYNAMIC = `nft 'table inet f2b { set a { type ipv4_addr; }; chain c { type filter hook input priority -1; policy accept; tcp dport 22 ip saddr @a reject; }; }'`

function nftables(node: Played): string {
  const conf = join(node.top, 'etc/sysconfig/nftables.conf')
  mkdirSync(join(node.top, 'etc/sysconfig'))
  mkdirSync(join(node.top, 'etc/nftables.d'))
  writeFileSync(join(node.top, 'etc/nftables.d/more.nft'), INCLUDED)
  writeFileSync(conf, CONF.replace('NFTABLES.D', join(node.top, 'etc/nftables.d')))
  writeFileSync(
    join(node.top, 'ExecStart.nftables'),
    `ExecStart={ path=/sbin/nft ; argv[]=/sbin/nft -f ${conf} ; ignore_errors=no ; start_time=[n/a] }\n`,
  )
  node.units('active', 'nftables')
  node.units('enabled', 'nftables')
  return conf
}

real(
  'nftables: each chain that turns away, the file that is loaded at the next boot, and nothing else',
  (shell, node) => {
    const conf = nftables(node)
    const before = readFileSync(conf, 'utf8')
    const list = step('nft list ruleset')
    const ends = node.run(
      shell,
      step(`nft -f ${conf}; ${DYNAMIC}`),
      list,
      open,
      open,
      list,
      step(`nft -f ${conf}; nft list ruleset; cat ${conf}`),
      open,
      ...stranger,
      other,
      list,
      closed(NAME),
      closed(NAME),
      list,
      closed({ clusterName: 'axb' }),
      closed({ clusterName: 'a.b-2' }),
      list,
    )
    assert.equal(
      results(ends),
      // The last three lists, and the second look at a file that was loaded anew.
      [
        'ok',
        'ok',
        'changed',
        'ok',
        'ok',
        'ok',
        'ok',
        'changed',
        'changed',
        'changed',
        'ok',
        'changed',
        'ok',
        'ok',
        'changed',
        'changed',
        'ok',
      ],
      ends.map((end) => `${end.result} ${text(end)}`).join('\n'),
    )
    const addresses = (line: string) => line.replace(/ comment.*/, '')
    const [both, four] = [
      [
        'ip saddr 192.0.2.1 udp dport 5405-5406 accept',
        'ip saddr 192.0.2.2 udp dport 5405-5406 accept',
        'ip6 saddr 2001:db8::1 udp dport 5405-5406 accept',
        'tcp dport 5000 accept',
      ],
      [
        'ip saddr 192.0.2.1 udp dport 5405-5406 accept',
        'ip saddr 192.0.2.2 udp dport 5405-5406 accept',
        'tcp dport 5000 accept',
      ],
    ]
    assert.equal(ours(ends[4]).map(addresses).sort(), [...both, ...both, ...four].sort())
    assert.match(
      text(ends[4]),
      /chain input \{\n\t\ttype filter hook input priority filter; policy accept;\n\t\ttcp dport 5000 accept comment "quorate-a\.b-/,
    )
    // The chain that is not from the file has none after that was loaded: nobody would have made it at a boot.
    const loaded = ours(ends[5]).filter((line) => !line.startsWith('insert'))
    assert.equal(loaded.map(addresses).sort(), [...both, ...four].sort())
    assert.not.match(text(ends[5]), 'f2b')
    assert.equal(
      ours(ends[10])
        .filter((line) => line.includes('"quorate-a.b-') && !line.includes('a.b-2'))
        .map(addresses)
        .sort(),
      [
        'ip saddr 192.0.2.9 udp dport 5414-5415 accept',
        'ip saddr 192.0.2.9 udp dport 5414-5415 accept',
        'tcp dport 5000 accept',
        'tcp dport 5000 accept',
      ],
    )
    assert.is(ours(ends[13]).length, 4, 'those of the other clusters stay')
    assert.not.match(text(ends[16]), 'quorate')
    assert.is(readFileSync(conf, 'utf8'), before)
    assert.match(readFileSync(join(node.top, 'kept/untouched', conf), 'utf8'), 'jump rest')
  },
  BOTH,
)

real('nftables: a file of which our block was lost, or that is not loaded at all', (shell, node) => {
  const conf = nftables(node)
  const before = readFileSync(conf, 'utf8')
  const [, first, , again] = node.run(
    shell,
    step(`nft -f ${conf}`),
    open,
    step(`sed -i '/^# BEGIN/,/^# END/d' ${conf}`),
    open,
  )
  assert.equal([first?.result, again?.result], ['changed', 'changed'])
  assert.match(text(again), `${conf} lacks them for the next boot`)
  writeFileSync(conf, before)
  node.units('enabled')
  const off = node.run(shell, step(`nft -f ${conf}`), open, open)
  assert.equal(results(off), ['ok', 'changed', 'ok'])
  assert.is(readFileSync(conf, 'utf8'), before)
})

real('nftables: where nothing is turned away nothing is opened', (shell, node) => {
  const accept = `nft 'table inet filter { chain input { type filter hook input priority filter; policy accept; tcp dport 22 accept; }; }'`
  assert.equal(results(node.run(shell, open, step(accept), open)), ['ok', 'ok', 'ok'])
})

const SAVED = `# the operator wrote this
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:public - [0:0]
[1:60] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -g public
-A public -p tcp -m tcp --dport 22 -j ACCEPT
-A public -j REJECT --reject-with icmp-host-prohibited
COMMIT
`
/** Chains that others keep, and that turn nothing of INPUT away. */
const DOCKER =
  'iptables -N DOCKER; iptables -A FORWARD -j DOCKER; iptables -A DOCKER -j DROP; iptables -N LIBVIRT_INP; iptables -I INPUT -j LIBVIRT_INP'

real(
  'iptables: what is loaded and what is saved, beside nftables and Docker',
  (shell, node) => {
    // nftables.service is there too, with a file that does nothing.
    nftables(node)
    writeFileSync(join(node.top, 'etc/sysconfig/nftables.conf'), 'flush ruleset\ntable inet filter {\n}\n')
    const saved = join(node.top, 'etc/sysconfig/iptables')
    writeFileSync(saved, SAVED, { mode: 0o600 })
    const list = step(`iptables-save -t filter | sed '/^#/d; s/ \\[.*//'`)
    const ends = node.run(
      shell,
      step(`iptables-restore <${saved}; ${DOCKER}`),
      list,
      open,
      open,
      list,
      step(`cat ${saved}; iptables-restore <${saved}; ${DOCKER}; nft list ruleset 2>/dev/null`),
      open,
      ...stranger,
      other,
      list,
      closed(NAME),
      closed({ clusterName: 'axb' }),
      closed({ clusterName: 'a.b-2' }),
      list,
    )
    assert.equal(
      results(ends),
      [
        'ok',
        'ok',
        'changed',
        'ok',
        'ok',
        'ok',
        'ok',
        'changed',
        'changed',
        'changed',
        'ok',
        'changed',
        'changed',
        'changed',
        'ok',
      ],
      ends.map((end) => `${end.result} ${text(end)}`).join('\n'),
    )
    const said = (line: string) => line.replace(/ -m comment.*/, '')
    const rules = [
      '-A INPUT -p tcp -m tcp --dport 5000',
      '-A INPUT -s 192.0.2.1/32 -p udp -m udp --dport 5405:5406',
      '-A INPUT -s 192.0.2.2/32 -p udp -m udp --dport 5405:5406',
    ]
    assert.equal(ours(ends[4]).map(said).sort(), rules)
    // In the file they come before what is jumped to, in the right table, and nothing else has changed.
    const file = ends[5]?.said.join('\n').split('table ')[0] ?? ''
    assert.equal(
      ours({ ...(ends[5] as Ended), said: file.split('\n') })
        .map(said)
        .sort(),
      rules,
    )
    assert.match(file, /:public - \[0:0\]\n-A INPUT -s 192\.0\.2\.1.*\n\[1:60\] -A INPUT -m conntrack/s)
    assert.is(ours(ends[10]).filter((line) => line.includes('"quorate-a.b-') && !line.includes('a.b-2')).length, 2)
    assert.is(text(ends[14]), text(ends[1]))
    assert.equal([readFileSync(saved, 'utf8'), statSync(saved).mode & 0o777], [SAVED, 0o600])
  },
  BOTH,
)

real('iptables: a saved file that iptables-restore refuses is not put in place', (shell, node) => {
  mkdirSync(join(node.top, 'etc/iptables'))
  const saved = join(node.top, 'etc/iptables/rules.v4')
  const broken = SAVED.replace('-A INPUT -i lo', '-A INPUT -p nonsense')
  writeFileSync(saved, broken)
  const [end] = node.run(shell, open)
  assert.is(end?.result, 'failed')
  assert.match(text(end), 'nonsense')
  assert.is(readFileSync(saved, 'utf8'), broken)
})

real('iptables alone turns away by policy; Docker alone turns nothing away', (shell, node) => {
  const ends = node.run(shell, step(DOCKER), open, step('iptables -P INPUT DROP'), open, open)
  assert.equal(results(ends), ['ok', 'ok', 'ok', 'changed', 'ok'])
})

real('a table "filter" that nftables.service loads is left to nft, whatever iptables can read of it', (shell, node) => {
  const conf = nftables(node)
  writeFileSync(
    conf,
    'flush ruleset\ntable ip filter {\n  chain INPUT {\n    type filter hook input priority filter; policy drop;\n  }\n}\n',
  )
  const ends = node.run(shell, step(`nft -f ${conf}`), open, open, step(`nft -f ${conf}; nft list ruleset`), open)
  assert.equal(results(ends), ['ok', 'changed', 'ok', 'ok', 'ok'])
  assert.is(ours(ends[3]).length, 3)
})

real('FIREWALL=keep: ports that no rule of a firewall names that turns something away', (shell, node) => {
  const tell = step(unnamed([RING, API]))
  const drop = (rules: string) =>
    step(
      `nft flush ruleset; nft 'table inet filter { chain input { type filter hook input priority filter; policy drop; ${rules} }; }'`,
    )
  const ends = node.run(
    shell,
    tell,
    drop(''),
    tell,
    drop('udp dport 5404-5412 accept;'),
    tell,
    drop('udp dport { 5405, 5406 } accept; tcp dport 5405-5406 accept;'),
    tell,
    drop('udp dport 5405 accept; tcp dport { 22, 5000-5010 } accept; udp dport 5406 drop;'),
    tell,
    step(
      'nft flush ruleset; iptables -P INPUT DROP; iptables -A INPUT -p udp -m multiport --dports 5405:5406 -j ACCEPT',
    ),
    tell,
  )
  assert.equal(
    [0, 2, 4, 6, 8, 10].map((index) => text(ends[index])),
    ['', 'udp 5405-5406\ntcp 5000', 'tcp 5000', 'tcp 5000', 'udp 5405-5406', 'tcp 5000'],
  )
})

real('FIREWALL=off: whatever there is is stopped, and does not come back', (shell, node) => {
  node.units('active', 'netfilter-persistent', 'ufw')
  node.units('enabled', 'netfilter-persistent', 'ip6tables')
  node.program('netfilter-persistent', 'echo "$*" >"$PLAYED/flushed"')
  const ends = node.run(shell, firewallOff(), firewallOff())
  assert.equal(results(ends), ['changed', 'ok'])
  assert.is(readFileSync(join(node.top, 'flushed'), 'utf8'), 'flush\n')
  assert.equal(
    [readFileSync(join(node.top, 'active'), 'utf8'), readFileSync(join(node.top, 'enabled'), 'utf8')],
    ['', ''],
  )
})

test.run()
