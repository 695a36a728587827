/** The CIB guard with pacemaker's own tools on a file instead of a live cluster (CIB_file, cibadmin(8)). */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { CIB, cib } from '../../lib/guards/cib.mts'
import { haproxyClone, resourceDefaults, vipPrimitive, vipWithHaproxy } from '../../lib/render/cib.mts'
import { cibOf, primitive } from '../../lib/render/cib-xml.mts'
import { suite } from '../suite.mts'
import { folder, run } from './local-shell.mts'
import { needing, runTool } from './real-tool.mts'

const VIP = { vip: { address: '192.0.2.100', prefix: 24, family: 4 as const } }
const wanted = [resourceDefaults(), vipPrimitive(VIP), haproxyClone(), vipWithHaproxy()]
const fence = (password: string) =>
  primitive('fence-a', {
    agent: 'stonith:fence_dummy',
    params: { passwd: password, 'snmp-priv-passwd': 'priv-old', passwd_script: '/root/ask', ip: '192.0.2.9' },
    operations: [],
  })

/** A cluster of two nodes on which all of this runs, in a file. */
function cluster(objects = wanted) {
  const dir = folder()
  const file = join(dir, 'cib.xml')
  const tmp = join(dir, 'tmp')
  mkdirSync(tmp)
  writeFileSync(file, cibOf(objects))
  const flags = ['--simulate', '--xml-file', file, '--save-output', file, '--node-up', 'a', '--node-up', 'b']
  const { code, output } = runTool('crm_simulate', [...flags, '--quorum', 'true'])
  assert.is(code, 0, output)
  return { file, tmp }
}

/** The guard's check, and what it left behind. */
function look(
  { file, tmp }: { file: string; tmp: string },
  guard: ReturnType<typeof cib>,
  edit: (text: string) => string = (text) => text,
) {
  Object.assign(process.env, { CIB_file: file })
  try {
    const { ends, whole } = run(['dash'], [guard], 'check', false, (text) =>
      edit(text).replace('/run/quorate.XXXXXX', join(tmp, 'quorate.XXXXXX')),
    )
    assert.ok(whole)
    const [end] = ends
    return { result: end?.result, said: end?.said.join('\n') ?? '', left: readdirSync(tmp) }
  } finally {
    Reflect.deleteProperty(process.env, 'CIB_file')
  }
}

const test = suite('the CIB guard')
const real = needing(test, 'crm_simulate')

real('what is as it should be is ok, and nothing is said', () => {
  assert.equal(look(cluster(), cib('x', wanted)), { result: 'ok', said: '', left: [] })
})

real('a parameter that differs: a diff of what people write, and what pacemaker would do; nothing is written', () => {
  const it = cluster()
  const before = readFileSync(it.file, 'utf8')
  const other = vipPrimitive({ vip: { ...VIP.vip, prefix: 25 } })
  const { result, said, left } = look(it, cib('x', [other]))
  assert.is(result, 'pending')
  assert.match(said, /^--- CIB\n\+\+\+ CIB \(wanted\)\n@@ -\d+,7 \+\d+,7 @@\n/)
  assert.equal(
    said.split('\n').filter((line) => /^[-+] /.test(line)),
    [
      '-        <nvpair name="cidr_netmask" value="24" id="vip-instance_attributes-cidr_netmask"/>',
      '+        <nvpair name="cidr_netmask" value="25" id="vip-instance_attributes-cidr_netmask"/>',
    ],
  )
  // It was not crm_simulate's file that started the VIP, so pacemaker does not know with which parameters it runs.
  assert.match(said, /\npacemaker would start, move and stop nothing$/)
  assert.not.match(said, /epoch|num_updates|lrm_/)
  assert.equal(left, [])
  assert.is(readFileSync(it.file, 'utf8'), before)
})

real('what would be started, moved or stopped', () => {
  const { said } = look(cluster([...wanted, fence('a')]), cib('x', [fence('b')], ['vip-with-haproxy', 'vip']))
  assert.match(said, /\npacemaker would:\n +\* Restart fence-a \( [ab] \) due to resource .*\n +\* Stop vip \( [ab] \)/)
})

real('a password in the CIB is not shown, old or new, but is seen to change; a path is shown', () => {
  const { result, said } = look(cluster([...wanted, fence('OldSecret')]), cib('x', [fence('NewSecret')]))
  assert.is(result, 'pending')
  assert.not.match(said, /Secret|priv-old/)
  assert.match(said, /^- +<nvpair name="passwd" value="\*{8}" id="[^"]*"\/>\n\+ +<nvpair name="passwd" value="\*{8}"/m)
  assert.match(said, /name="passwd_script" value="\/root\/ask"/)
  const gone = look(cluster([...wanted, fence('OldSecret')]), cib('x', wanted, ['fence-a']))
  assert.match(gone.said, /^-.*name="passwd" value="\*{8}"/m)
  assert.not.match(gone.said, /Secret|priv-old/)
})

real('without crm_simulate the diff is there, and what is missing is said', () => {
  const guard = cib('x', [vipPrimitive({ vip: { ...VIP.vip, prefix: 25 } })])
  const { result, said } = look(cluster(), guard, (text) => text.replaceAll('crm_simulate', 'no_such_program'))
  assert.is(result, 'pending')
  assert.match(said, /^--- CIB\n/)
  assert.match(said, /is not installed: what pacemaker would do is not known$/)
})

test('before there is a CIB: all of it is new', () => {
  const none = join(folder(), 'none.xml')
  const it = { file: none, tmp: folder() }
  const { result, said, left } = look(it, cib('x', [vipPrimitive(VIP)]), (text) => text.replaceAll(CIB, none))
  assert.is(result, 'pending')
  assert.match(said, /^there is no CIB yet\n--- CIB\n\+\+\+ CIB \(wanted\)\n@@ -0,0 \+1,\d+ @@\n\+<primitive id="vip"/)
  assert.equal(left, [])
  const fenced = look(it, cib('x', [fence('NewSecret')]), (text) => text.replaceAll(CIB, none))
  assert.match(fenced.said, /^\+ +<nvpair name="passwd" value="\*{8}"/m)
  assert.not.match(fenced.said, /Secret/)
})

test('a pacemaker that has a CIB and does not answer: no diff from nothing', () => {
  const there = join(folder(), 'there.xml')
  writeFileSync(there, '')
  const it = { file: join(folder(), 'none.xml'), tmp: folder() }
  const { result, said } = look(it, cib('x', [vipPrimitive(VIP)]), (text) => text.replaceAll(CIB, there))
  assert.is(result, 'pending')
  assert.match(said, /^pacemaker does not answer: /)
  assert.not.match(said, /^[-+]/m)
})

test.run()
