/** Guards of SELinux on a node whose policy is played: there is no kernel with one here. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { doorNotes, doors } from '../../lib/doors.mts'
import { remedyOf } from '../../lib/exchange.mts'
import { selinuxBack, selinuxFact, selinuxKept, selinuxMode } from '../../lib/guards/selinux.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { suite } from '../suite.mts'
import { type Ended, SHELLS } from './local-shell.mts'
import { factsOf, twoNodes } from './phase-texts.mts'
import { type Played, played, step } from './played.mts'
import { needing } from './real-tool.mts'

/** As semanage-port(8) prints them; what belongs to nobody is in ranges of its own. */
const PORTS = `SELinux Port Type              Proto    Port Number

cluster_port_t                 tcp      5149, 40040, 50006-50008
cluster_port_t                 udp      5149, 50006-50008
netsupport_port_t              tcp      5404-5405
netsupport_port_t              udp      5404-5405
syslogd_port_t                 udp      514, 601, 20514
unreserved_port_t              udp      61001-65535, 1024-32767
`

const texts = (ends: readonly Ended[]) => ends.map(({ result, said }) => [result, said.join('\n')])
const results = (ends: readonly Ended[]) => ends.map(({ result }) => result)
const read = (node: Played, name: string) => readFileSync(join(node.top, name), 'utf8')

function enforcing(mode = 'Enforcing'): Played {
  const node = played()
  mkdirSync(join(node.top, 'etc/selinux'))
  const keep = (name: string, text: string) => writeFileSync(join(node.top, name), text)
  keep('mode', `${mode}\n`)
  keep('haproxy_connect_any', 'off\n')
  keep('ports', PORTS)
  keep('own', '')
  node.program('getenforce', 'cat "$PLAYED/mode"')
  node.program('setenforce', 'case $1 in 0) echo Permissive ;; 1) echo Enforcing ;; esac >"$PLAYED/mode"')
  node.program('getsebool', 'echo "$1 --> $(cat "$PLAYED/$1")"')
  node.program('setsebool', '[ "$1" = -P ]; case $3 in 1) echo on ;; 0) echo off ;; esac >"$PLAYED/$2"')
  node.program(
    'semanage',
    `echo "$*" >>"$PLAYED/asked"
    case $* in
      'port -l') cat "$PLAYED/ports" "$PLAYED/own" ;;
      'port -l -C') cat "$PLAYED/own" ;;
      'port -a -t cluster_port_t -p udp '*) printf 'cluster_port_t                 udp      %s\\n' "$7" >>"$PLAYED/own" ;;
      'port -d -t cluster_port_t -p udp '*) sed -i "/ $7$/d" "$PLAYED/own" ;;
      *) exit 2 ;;
    esac`,
  )
  return node
}

for (const [program, words] of SHELLS) {
  const part = suite(`SELinux in ${words.join(' ')}`)
  const test = needing(part, program)

  test('keep: what is enforced lets HAProxy and corosync do their work, and has nothing of ours afterwards', () => {
    const node = enforcing()
    assert.equal(texts(node.run(words, ...selinuxKept([5405, 5406]))), [
      ['changed', 'haproxy_connect_any is off\n<apply>\n<verify>'],
      ['changed', 'UDP 5406 is of no type, to be cluster_port_t\n<apply>\n<verify>'],
    ])
    assert.equal([read(node, 'haproxy_connect_any'), read(node, 'own').match(/\d+/g)], ['on\n', ['5406']])
    assert.equal(results(node.run(words, ...selinuxKept([5405, 5406]))), ['ok', 'ok'])
    assert.equal(results(node.run(words, selinuxBack(), selinuxBack())), ['changed', 'ok'])
    assert.equal([read(node, 'haproxy_connect_any'), read(node, 'own')], ['off\n', ''])
    assert.not(existsSync(join(node.top, 'kept/selinux')))
  })

  test('keep: what was so before us stays so', () => {
    const node = enforcing()
    writeFileSync(join(node.top, 'haproxy_connect_any'), 'on\n')
    assert.equal(results(node.run(words, ...selinuxKept([5404, 5405]))), ['ok'])
    assert.not(
      existsSync(join(node.top, 'asked')),
      'ports of the reference policy are not asked for: that takes a second',
    )
    writeFileSync(join(node.top, 'own'), 'cluster_port_t                 udp      5400-5410\n')
    assert.equal(results(node.run(words, ...selinuxKept([5405, 5408]), selinuxBack())), ['ok', 'ok', 'ok'])
    assert.is(read(node, 'haproxy_connect_any'), 'on\n')
  })

  test('keep: a port that policy has for another service is not taken, and what to do is told', () => {
    const guards = selinuxKept([513, 514])
    const [, port] = enforcing().run(words, ...guards)
    assert.is(port?.result, 'failed')
    const said = port?.said.join('\n') ?? ''
    assert.match(said, 'policy has UDP 514 for another service: syslogd_port_t')
    assert.match(
      remedyOf(guards[1] as (typeof guards)[number], said).remedy ?? '',
      /take other ports.*type syslogd_port_t there/,
    )
  })

  test('keep: without semanage that is told', () => {
    const node = enforcing()
    node.program('command', '')
    const hidden = (text: string) => text.replaceAll('command -v semanage', 'command -v no-semanage')
    const guards = selinuxKept([5405, 5406]).map((guard) => ({
      ...guard,
      check: hidden(guard.check),
      apply: hidden(guard.apply ?? ''),
    }))
    const [, port] = node.run(words, ...guards)
    assert.is(port?.result, 'failed')
    assert.match(
      port?.said.join('\n') ?? '',
      /UDP 5406 as ports of a cluster only semanage can tell, and it is not there/,
    )
    assert.match(
      remedyOf(guards[1] as (typeof guards)[number], port?.said.join('\n') ?? '').remedy ?? '',
      'install policycoreutils-python-utils',
    )
  })

  test('keep: where nothing is enforced, or there is no SELinux, there is nothing to do', () => {
    for (const mode of ['Permissive', 'Disabled'])
      assert.equal(results(enforcing(mode).run(words, ...selinuxKept([5405, 5406]))), ['ok', 'ok'])
    assert.equal(results(played().run(words, ...selinuxKept([5405, 5406]), selinuxMode('disabled'), selinuxBack())), [
      'ok',
      'ok',
      'ok',
      'ok',
    ])
  })

  test('permissive and disabled: one line of the file, from now on nothing is enforced, and it all comes back', () => {
    const file = '# SELINUX= can take one of these\n  # three\nSELINUX=enforcing\nSELINUXTYPE=targeted\n'
    for (const mode of ['permissive', 'disabled'] as const) {
      const node = enforcing()
      const conf = join(node.top, 'etc/selinux/config')
      writeFileSync(conf, file)
      const [made, again] = node.run(words, selinuxMode(mode), selinuxMode(mode))
      assert.equal([made?.result, again?.result], ['changed', 'ok'])
      assert.match(made?.said[0] ?? '', `SELINUX=enforcing in ${conf}, to be SELINUX=${mode}`)
      assert.equal(
        [readFileSync(conf, 'utf8'), read(node, 'mode')],
        [file.replace('=enforcing', `=${mode}`), 'Permissive\n'],
      )
      assert.is(read(node, 'kept/original/etc/selinux/config'), file)
      assert.equal(results(node.run(words, selinuxBack())), ['changed'])
      assert.is(read(node, 'mode'), 'Enforcing\n')
    }
  })

  test('the file as it should be, while policy is enforced until a reboot; a file without such a line', () => {
    const node = enforcing()
    const conf = join(node.top, 'etc/selinux/config')
    writeFileSync(conf, 'SELINUX=permissive\n')
    const [made] = node.run(words, selinuxMode('permissive'))
    assert.equal([made?.result, made?.said[0]], ['changed', 'it is enforcing now'])
    writeFileSync(conf, 'SELINUXTYPE=targeted\n')
    const [added] = node.run(words, selinuxMode('disabled'))
    assert.match(added?.said[0] ?? '', `no SELINUX= in ${conf}`)
    assert.is(readFileSync(conf, 'utf8'), 'SELINUXTYPE=targeted\nSELINUX=disabled\n')
  })

  test('what a node says of itself', () => {
    const node = enforcing()
    assert.equal(texts(node.run(words, step(selinuxFact))), [['ok', '']])
    writeFileSync(join(node.top, 'etc/selinux/config'), 'SELINUX=enforcing\n')
    assert.equal(texts(node.run(words, step(selinuxFact))), [['ok', 'Enforcing']])
  })

  part.run()
}

const notes = suite('what is left to the operator')
const config = parseConfig(twoNodes('keystone'), '/nowhere/env')
const saying = (said: Readonly<Record<string, string>>, selinux: typeof config.selinux) =>
  doorNotes(
    { ...config, selinux },
    factsOf(config, (node) => ({ selinux: said[node.name] ?? '' })),
  )

notes('a reboot is told as long as it is needed', () => {
  assert.equal(saying({ n1: 'Enforcing', n2: 'Permissive' }, 'keep'), [])
  assert.equal(saying({ n1: 'Enforcing', n2: 'Permissive' }, 'permissive'), [])
  assert.match(saying({ n2: 'Disabled' }, 'permissive').join(), /^SELINUX=permissive is true of n2 after a reboot$/)
  assert.match(
    saying({ n1: 'Enforcing', n2: 'Permissive' }, 'disabled').join(),
    /^SELINUX=disabled is true of n1, n2 after a reboot; .*selinux=0/,
  )
  assert.equal(saying({ n1: 'Disabled' }, 'disabled'), [])
})

notes('ports that FIREWALL=keep leaves closed are told once for all nodes that lack the same', () => {
  const facts = factsOf(config, () => ({ 'firewall.unnamed': 'udp 5405\ntcp 5000' }))
  assert.match(
    doorNotes({ ...config, firewall: 'keep' }, facts).join(),
    /^FIREWALL=keep: on n1, n2 .* names udp 5405, tcp 5000:/,
  )
  assert.equal(
    doorNotes(
      { ...config, firewall: 'keep' },
      factsOf(config, () => ({})),
    ),
    [],
  )
})

notes('what is done where the firewall is left alone, or is to be off: rules of before go', () => {
  const titles = (firewall: typeof config.firewall) =>
    doors(
      { ...config, firewall },
      factsOf(config, () => ({})),
      config.nodes[0] as (typeof config.nodes)[number],
      true,
    ).map(({ title }) => title)
  assert.match(titles('open').join(), /^the firewall admits/)
  assert.match(titles('keep').join(), /^the firewall has no rules of ours/)
  assert.match(titles('off').join(), /^the firewall has no rules of ours,no firewall is active/)
})
notes.run()
