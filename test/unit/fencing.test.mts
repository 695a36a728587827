/** The guards of fencing, with an agent that writes down what it is told. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Config } from '../../lib/config.mts'
import { FAMILIES } from '../../lib/family.mts'
import { agentsInstalled, deviceAnswersNow, devicesAnswer, devicesSuit } from '../../lib/fencing.mts'
import { packagesOf } from '../../lib/packages.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { clusterFragments } from '../../lib/render/cib.mts'
import { cibOf } from '../../lib/render/cib-xml.mts'
import { suite } from '../suite.mts'
import { folder, run, SHELLS } from './local-shell.mts'
import { factsOf } from './phase-texts.mts'
import { needing } from './real-tool.mts'

/** `$AGENT` holds what it is told, its answer to "is it on?", and its last words. */
const AGENT = `#!/bin/sh
if [ "$*" = '-o metadata' ]; then
  echo x >>"$AGENT/described"
  cat <<'XML'
<?xml version="1.0" ?>
<resource-agent name="fence_try"><parameters>
	<parameter name="action" unique="0" required="1"><content type="string" default="reboot"  /></parameter>
	<parameter name="ip" unique="0" required="0" obsoletes="ipaddr">
		<content type="string"  />
	</parameter>
	<parameter name="password" unique="0"><content type="string"  /></parameter>
	<parameter name="ipport" unique="0"><content type="integer" default="623"  /></parameter>
	<parameter name="lanplus" unique="0"><content type="boolean" default="0"  /></parameter>
	<parameter name="method" unique="0">
		<content type="select" default="onoff"  >
			<option value="onoff" />
			<option value="cycle" />
		</content>
	</parameter>
	<parameter name="plug" unique="0"><content type="string"  /></parameter>
</parameters></resource-agent>
XML
  exit 0
fi
{ echo "args: $*"; cat; } >>"$AGENT/told"
cat "$AGENT/says" >&2
exit "$(cat "$AGENT/status")"
`

interface Try {
  readonly config: Config
  readonly agent: string
  readonly told: () => string
  readonly set: (status: number, says: string) => void
}

function trial(more: string): Try {
  const agent = folder()
  writeFileSync(join(agent, 'fence_try'), AGENT)
  chmodSync(join(agent, 'fence_try'), 0o755)
  const set = (status: number, says: string) => {
    writeFileSync(join(agent, 'status'), String(status))
    writeFileSync(join(agent, 'says'), says)
    writeFileSync(join(agent, 'told'), '')
  }
  set(0, '')
  const nodes = ['a', 'b', 'c'].map((name, index) => `192.0.2.${index + 1} ${name}.example.org ${name}`).join('\n')
  const text = `NODES="\n${nodes}\n"\nVIP=192.0.2.100/24\nFENCING=fence_try\n${more}\n`
  return { config: parseConfig(text, '/tmp/.env'), agent, told: () => readFileSync(join(agent, 'told'), 'utf8'), set }
}
const THREE = ['a', 'b', 'c'].map((name) => `FENCE_${name}='ip=bmc-${name} password="s e;c\\"ret"'`).join('\n')
const facts = (config: Config) => factsOf(config, (node) => ({ hostname: node.name }))

function look({ agent }: Try, guards: ReturnType<typeof devicesSuit>, file = '/nowhere') {
  Object.assign(process.env, { AGENT: agent, CIB_file: file })
  try {
    return SHELLS.slice(0, 2).map(([, words]) => {
      const answer = run(words, guards, 'check', true, (text) =>
        text.replaceAll('/usr/sbin/fence_try', `${agent}/fence_try`),
      )
      assert.ok(answer.whole, answer.stderr)
      return answer.ends.map(({ result, said }) => ({ result, said }))
    })
  } finally {
    Reflect.deleteProperty(process.env, 'CIB_file')
  }
}

const test = suite('fencing')
const real = needing(test, 'cibadmin')
const first = (it: Try) => it.config.nodes[0] as Config['nodes'][number]

test('parameters that the agent has are fine, and it is asked once for them', () => {
  const it = trial(THREE.replace("FENCE_a='", "FENCE_a='ipport=623 lanplus=on method=Cycle pcmk_host_map=a:1 "))
  for (const ends of look(it, devicesSuit(it.config, facts(it.config))))
    assert.equal(ends, [{ result: 'ok', said: [] }])
  assert.is(readFileSync(join(it.agent, 'described'), 'utf8'), 'x\nx\n')
})

test('all that does not suit is told by place, without a value', () => {
  const it = trial(
    THREE.replace("FENCE_a='", "FENCE_a='pasword=hidden1 ipport=hidden2 ").replace(
      "FENCE_c='",
      "FENCE_c='lanplus=hidden3 method=hidden4 ",
    ),
  )
  for (const [end] of look(it, devicesSuit(it.config, facts(it.config)))) {
    assert.is(end?.result, 'pending')
    assert.equal(end?.said, [
      'no such parameter: word 1 of FENCE_a',
      'ipport in FENCE_a is not a whole number',
      'lanplus in FENCE_c is neither true nor false',
      'method in FENCE_c is none of: onoff cycle',
    ])
  }
})

test('where the agent is not there yet, its parameters are left for later, and its devices are not called reached', () => {
  const it = trial(THREE)
  const none = { ...it, config: { ...it.config, fencing: 'fence_none' } }
  for (const [end] of look(none, devicesSuit(none.config, facts(it.config)))) assert.is(end?.result, 'ok')
  for (const [end] of look(none, agentsInstalled(none.config)))
    assert.equal(end, { result: 'pending', said: ['there is no /usr/sbin/fence_none'] })
  for (const [end] of look(none, devicesAnswer(none.config, facts(it.config), first(it))))
    assert.equal(end, { result: 'pending', said: ['there is no /usr/sbin/fence_none on this node yet'] })
})

test('a device is asked as pacemaker does it: on standard input, with the plug of its node, never with an argument', () => {
  const it = trial(THREE.replace("FENCE_b='", "FENCE_b='pcmk_delay_base=3s action=off "))
  for (const [end] of look(it, deviceAnswersNow(it.config, facts(it.config), first(it)))) assert.is(end?.result, 'ok')
  const one = 'args: \naction=status\nip=bmc-b\npassword=s e;c"ret\nplug=b\n'
  assert.is(it.told(), one.repeat(2))
})

test('a plug that is given, mapped or not wanted', () => {
  for (const [more, wanted] of [
    ['plug=7', 'plug=7'],
    ['pcmk_host_map="x:1;b:outlet2"', 'plug=outlet2'],
    ['pcmk_host_argument=none', ''],
  ]) {
    const it = trial(THREE.replace("FENCE_b='", `FENCE_b='${more} `))
    look(it, deviceAnswersNow(it.config, facts(it.config), first(it)))
    const plugs = it
      .told()
      .split('\n')
      .filter((line) => line.startsWith('plug='))
    assert.equal([...new Set(plugs)].join(), wanted)
  }
})

test('every node asks all others, each a different one first; who does not answer is told with what the agent says', () => {
  const it = trial(THREE)
  for (const [index, order] of [
    ['b', 'c'],
    ['c', 'a'],
    ['a', 'b'],
  ].entries()) {
    it.set(0, '')
    const node = it.config.nodes[index] as Config['nodes'][number]
    look(it, devicesAnswer(it.config, facts(it.config), node))
    const asked = [...it.told().matchAll(/^ip=bmc-(.)$/gm)].map(([, name]) => name)
    assert.equal(asked, [...order, ...order])
  }
  it.set(1, '\nConnection timed out\n\nUnable to connect/login to fencing device\n')
  const guards = devicesAnswer(it.config, facts(it.config), first(it))
  for (const [end] of look(it, guards)) {
    assert.is(end?.result, 'pending')
    assert.equal(end?.said, [
      'b (FENCE_b): Connection timed out',
      'b (FENCE_b): Unable to connect/login to fencing device',
      'c (FENCE_c): Connection timed out',
      'c (FENCE_c): Unable to connect/login to fencing device',
    ])
  }
  const [[pattern] = [/^$/]] = (guards[0]?.remedies ?? []).slice(1)
  assert.match('Unable to connect/login to fencing device', pattern)
})

test('a device that calls a node off which answers is another one', () => {
  const it = trial(THREE)
  it.set(2, 'Status: OFF\n')
  for (const [end] of look(it, deviceAnswersNow(it.config, facts(it.config), first(it))))
    assert.equal(end?.said, [
      "b (FENCE_b): its device says that it is off, but it answers: that is another machine's device",
    ])
})

real('devices that pacemaker has as they are in the env file are its own business', () => {
  const it = trial(THREE)
  const file = join(it.agent, 'cib.xml')
  writeFileSync(file, cibOf(clusterFragments(it.config, () => new Map())))
  const guards = [...devicesSuit(it.config, facts(it.config)), ...devicesAnswer(it.config, facts(it.config), first(it))]
  for (const ends of look(it, guards, file))
    assert.equal(ends, [
      { result: 'ok', said: [] },
      { result: 'ok', said: [] },
    ])
  assert.is(it.told(), '')
  assert.is(existsSync(join(it.agent, 'described')), false)
  // Another password, or fencing that is not on: they are asked.
  for (const [from, to] of [
    ['bmc-c', 'bmc-d'],
    ['name="stonith-enabled" value="true"', 'name="stonith-enabled" value="false"'],
  ]) {
    it.set(0, '')
    writeFileSync(file, cibOf(clusterFragments(it.config, () => new Map())).replace(from as string, to as string))
    look(it, guards, file)
    assert.match(it.told(), 'action=status')
  }
})

test('a second device: its own agent, its own key, a program that an agent needs', () => {
  const it = trial(`${THREE}\nFENCING2=fence_idrac\nFENCE2_b='ip=drac-b'`)
  const names = packagesOf(it.config, FAMILIES[0]).map(({ name, unless }) => `${name} ${unless ?? ''}`)
  assert.equal(names.slice(-3), [
    'fence-agents|fence-agents-all /usr/sbin/fence_try',
    'fence-agents|fence-agents-all /usr/sbin/fence_idrac',
    'ipmitool /usr/bin/ipmitool',
  ])
  const own = { ...it.config, fencing2: 'fence_try' }
  it.set(1, 'no\n')
  for (const [end] of look(it, deviceAnswersNow(own, facts(own), first(it))))
    assert.equal(end?.said, ['b (FENCE_b): no', 'b (FENCE2_b): no'])
})

test('without fencing there is nothing to ask', () => {
  const { config } = trial(THREE)
  const off = { ...config, fencing: 'none' }
  const asked = off.nodes.flatMap((node) => devicesAnswer(off, facts(off), node))
  assert.equal([...devicesSuit(off, facts(off)), ...agentsInstalled(off), ...asked], [])
})

test.run()
