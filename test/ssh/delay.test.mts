/** A long way to the nodes, 60 ms a round trip: the same number of scripts, sessions and logins, and signs of life arrive. */
import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { everyNode, type Phase } from '../../lib/guard.mts'
import { show } from '../../lib/live.mts'
import { orchestrate } from '../../lib/orchestrator.mts'
import { sh } from '../../lib/shell.mts'
import { suite } from '../suite.mts'
import { delayed } from './delay.mts'
import { type Ground, onSshd, startSshd } from './sshd.mts'
import { at, ways } from './way.mts'

await onSshd(tests)

async function tests(land: Ground) {
  const key = land.key('key')
  const way = ways(land, key)
  const sshd = await startSshd(land, 'target', [key])
  const { port, server } = await delayed(sshd.port, 30)
  land.onClose(() => server.close())
  server.unref()

  const test = suite('60 ms a round trip')
  for (const [what, door] of [
    ['no delay', sshd.port],
    ['60 ms', port],
  ] as const) {
    test(`a run, and a second one takes the scripts and sessions that it should, and one login a node; ${what}`, async () => {
      const one = way(at(door))
      const file = (name: string, node: string) => join(land.dir, `${door} ${name} of ${node}`)
      const phase = (id: string): Phase => ({
        id,
        title: id,
        steps: ['first', 'second'].map((title) => ({
          title,
          on: everyNode,
          guards: (_config, _facts, node) => [
            {
              title,
              check: sh`[ -e ${file(id + title, node.name)} ]`,
              apply: sh`: >${file(id + title, node.name)}`,
            },
          ],
        })),
      })
      const phases = [phase('00-one'), phase('01-two')]
      const job = { ...one.job, phases }
      const run = async () => {
        const before = sshd.seen()
        one.job.events.length = 0
        const how = { plan: false, live: false, lock: { owner: 'test', wait: false } }
        const outcome = await orchestrate(job, how, show())
        const after = sshd.seen()
        return {
          outcome,
          scripts: one.config.nodes.map(
            ({ name }) =>
              one.job.events.filter((one) => one.type === 'script' && one.state === 'sent' && one.node === name).length,
          ),
          logins: after.logins - before.logins,
          sessions: after.sessions - before.sessions,
        }
      }
      // Facts and checks of all; four steps, and facts again after each that has changed something, for the next phase with them.
      const first = await run()
      assert.equal(first, { outcome: 'changed', scripts: [10, 10], logins: 2, sessions: 20 })
      // A lock that was held a moment ago would have the facts read again.
      for (const node of one.config.nodes) utimesSync(one.lockFile(node), 0, 0)
      assert.equal(await run(), { outcome: 'ok', scripts: [2, 2], logins: 0, sessions: 4 })
    })
  }
  test.run()
}
