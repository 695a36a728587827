/** A drill on real nodes: it measures, stays within its limits, puts everything back, and refuses what it should. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ended, onLab, type Result } from './cluster.mts'
import { searchFor } from './markers.mts'

interface Drilled {
  readonly name: string
  readonly outageMs: number
  readonly failed: number
  readonly asked: number
  readonly doubledMs: number
  readonly fencedMs: number
  readonly held: readonly { readonly node: string }[]
  readonly greenMs?: number
  readonly within: boolean
}

const options = { public: '192.168.130', heartbeat: '10.0.154', bmc: true, packages: true }
onLab('a drill', 't-drill', options, (test, lab) => {
  const [one = '', two = ''] = lab.nodes
  const measured: Drilled[] = []
  const runs: Result[] = []
  const drilled = (text: string) => (JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as { drill: Drilled[] }).drill

  test('it does not begin on a cluster that is not well', async () => {
    // How fast this machine is today is not what is tested.
    await lab.type('sh', '-c', `printf 'DRILL_MAX_OUTAGE=60000\n' >>'${lab.env}'`)
    const build = await lab.run('cluster', '--json')
    ended(build, 0)
    runs.push(build.json())
    // As a server: else it is back before anybody has missed it.
    await lab.lab('firmware', '8')
    await lab.on(two, 'crm_standby --node node2 --update on')
    const run = await lab.run('drill', 'move')
    ended(run, 2)
    assert.match(run.text, /the cluster is not well, and nothing is broken on purpose then/)
    await lab.on(two, 'crm_standby --node node2 --delete')
    ended(await lab.run('cluster'), 0)
  })

  test('words that are no scenario, and a plan', async () => {
    const wrong = await lab.run('drill', 'mov')
    ended(wrong, 5)
    assert.match(wrong.text, /there is no "mov" here \(did you mean move\?\)/)
    const plan = await lab.run('drill', '--plan')
    ended(plan, 0)
    assert.match(plan.text, /^power +the node with the VIP switched off by its fence device$/m)
  })

  test('what costs nobody a node: within its limits, and all is as it was', async () => {
    const cib = async () =>
      (await lab.on(one, 'cibadmin --query --scope configuration')).replace(
        / (?:epoch|num_updates|cib-last-written)="[^"]*"/g,
        '',
      )
    const before = await cib()
    // More than a steady ring loses in a day: what the doctor is not to tell once the drill is over.
    await lab.onAll(
      "for i in 1 2 3 4 5 6; do logger -t corosync '[TOTEM ] Token has not been received in 2250 ms'; done",
    )
    assert.match((await lab.run('doctor')).text, /the token was lost \d+ times/)
    const run = await lab.run('drill', 'move', 'haproxy', 'backend', 'hang', '--json')
    ended(run, 0)
    const all = drilled(run.stdout)
    measured.push(...all)
    assert.equal(
      all.map(({ name, within }) => [name, within]),
      ['move', 'haproxy', 'backend', 'hang'].map((name) => [name, true]),
      run.text,
    )
    for (const { asked, doubledMs } of all) {
      assert.ok(asked > 20)
      assert.is(doubledMs, 0)
    }
    assert.is(await cib(), before)
    assert.is(await lab.on(one, 'ls -d /run/quorate-* 2>/dev/null || :'), '')
    const again = await lab.run('cluster', '--json')
    ended(again, 0)
    runs.push(again.json())
    assert.is(again.json().changed, 0, again.text)
  })

  test('a node that dies: its VIP is on the other one within the limit, and it comes back', async () => {
    const run = await lab.run('drill', 'crash', '--json')
    ended(run, 0)
    const [crash] = drilled(run.stdout)
    if (crash) measured.push(crash)
    assert.ok((crash?.outageMs ?? 0) > 0, run.text)
    assert.ok((crash?.fencedMs ?? 0) > 0, run.text)
    assert.is(new Set(crash?.held.map(({ node }) => node)).size, 2, run.text)
    assert.is(crash?.doubledMs, 0)
    assert.is(crash?.within, true)
  })

  test('what was broken on purpose is no finding of the doctor', async () => {
    const run = await lab.run('doctor')
    ended(run, 0)
    assert.not.match(run.text, /booted since/)
  })

  test('the report has what the drills and the runs have said, also where a node does not answer, and no secret', async () => {
    const file = join(lab.stateDir, 'report.html')
    ended(await lab.run('report'), 0)
    assert.is(statSync(file).mode & 0o777, 0o600)
    const page = readFileSync(file, 'utf8')
    for (const { name, outageMs, failed, asked } of measured) {
      assert.match(page, new RegExp(`<code>${name}</code>`))
      assert.ok(page.includes(`<strong>${outageMs} ms</strong>`), `${name}: ${outageMs} ms`)
      assert.ok(page.includes(`${failed} of ${asked} questions`), `${name}: ${failed} of ${asked}`)
    }
    for (const { changed } of runs) assert.ok(page.includes(`<td>${changed}</td><td>0</td>`), `${changed} changed`)
    assert.match(page, /Nothing is wrong/)
    assert.not.match(page, /not reached/)

    await lab.on(two, 'systemctl stop ssh.socket ssh.service 2>/dev/null || systemctl stop ssh')
    lab.hangUp()
    const reported = await lab.run('report')
    await lab.on(two, 'systemctl start ssh')
    ended(reported, 0)
    const half = readFileSync(file, 'utf8')
    assert.match(half.slice(half.indexOf('id="wrong"'), half.indexOf('id="cluster"')), /node2/)
    assert.match(half, /not reached/)
    const secrets = readFileSync(lab.env, 'utf8').matchAll(/^(OS_PASSWORD|FENCE_\w+)=(?:.*password=)?['"]?([^\s'"]+)/gm)
    const known = new Map([...secrets].map(([, name = '', value = '']) => [name, Buffer.from(value)]))
    assert.is(known.size, 3)
    for (const text of [page, half]) assert.equal(searchFor(known)(Buffer.from(text)), [])
  })

  test('a limit of the env file that is too low: exit code 2', async () => {
    await lab.type('sh', '-c', `sed -i 's/^DRILL_MAX_OUTAGE=.*/DRILL_MAX_OUTAGE=1/' '${lab.env}'`)
    const run = await lab.run('drill', 'haproxy')
    ended(run, 2)
    assert.match(run.text, /TOO MUCH/)
  })
})
