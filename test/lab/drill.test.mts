/** A drill on real nodes: it measures, stays within its limits, puts everything back, and refuses what it should. */
import * as assert from 'uvu/assert'
import { ended, onLab } from './cluster.mts'

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
  const drilled = (text: string) => (JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as { drill: Drilled[] }).drill

  test('it does not begin on a cluster that is not well', async () => {
    // How fast this machine is today is not what is tested.
    await lab.type('sh', '-c', `printf 'DRILL_MAX_OUTAGE=60000\n' >>'${lab.env}'`)
    ended(await lab.run('cluster'), 0)
    // As a server: else it is back before anybody has missed it.
    await lab.lab('firmware', '8')
    await lab.on(two, 'systemctl stop haproxy; crm_standby --node node2 --update on')
    const run = await lab.run('drill', 'move')
    ended(run, 2)
    assert.match(run.text, /the cluster is not well, and nothing is broken on purpose then/)
    await lab.on(two, 'crm_standby --node node2 --delete')
    ended(await lab.run('cluster'), 0)
  })

  test('words that are no scenario, and a plan', async () => {
    const wrong = await lab.run('drill', 'mov')
    ended(wrong, 5)
    assert.match(wrong.text, /there is no "mov" here \(there are move, haproxy,/)
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
    const run = await lab.run('drill', 'move', 'haproxy', 'backend', 'hang', '--json')
    ended(run, 0)
    const all = drilled(run.stdout)
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
    assert.is(again.json().changed, 0, again.text)
  })

  test('a node that dies: its VIP is on the other one within the limit, and it comes back', async () => {
    const run = await lab.run('drill', 'crash', '--json')
    ended(run, 0)
    const [crash] = drilled(run.stdout)
    assert.ok((crash?.outageMs ?? 0) > 0, run.text)
    assert.ok((crash?.fencedMs ?? 0) > 0, run.text)
    assert.is(new Set(crash?.held.map(({ node }) => node)).size, 2, run.text)
    assert.is(crash?.doubledMs, 0)
    assert.is(crash?.within, true)
  })

  test('a limit of the env file that is too low: exit code 2', async () => {
    await lab.type('sh', '-c', `sed -i 's/^DRILL_MAX_OUTAGE=.*/DRILL_MAX_OUTAGE=1/' '${lab.env}'`)
    const run = await lab.run('drill', 'haproxy')
    ended(run, 2)
    assert.match(run.text, /TOO MUCH/)
  })
})
