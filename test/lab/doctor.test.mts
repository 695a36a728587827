/**
 * One cluster, and one fault after the other: the doctor names each with its cause and its remedy, and finds nothing before the first
 * and after the last. Faults that have nothing to do with one another are injected together: that each is told is asked of each.
 */
import * as assert from 'uvu/assert'
import { ailments, type Doing } from './ailments.mts'
import { ended, LONG, onLab, type Run, until } from './cluster.mts'

/** Groups of the short form: twenty-four faults, for which nothing has to be started anew. */
const SHORT = 3

interface Found {
  readonly id: string
  readonly nodes: readonly string[]
  readonly text: string
  readonly remedy: string
  readonly doc: string
  readonly cause?: string
}

interface Report {
  readonly findings: readonly Found[]
  readonly notes: readonly { readonly id: string; readonly text: string }[]
  readonly asked: number
}

onLab(
  'doctor',
  't-doctor',
  { public: '192.168.161', heartbeat: '10.0.161', apis: false, packages: true },
  (test, lab) => {
    const report = (run: Run) => run.json() as unknown as Report
    const doing = async (all: Doing) => {
      for (const [where, text] of all)
        if (where === 'ops') await lab.ops('sh', '-c', text)
        else await lab.on(where, text)
    }
    test('nothing is built yet', async () => {
      const run = await lab.run('doctor', '--json')
      ended(run, 2)
      assert.equal(
        report(run).findings.map(({ id }) => id),
        ['not-built'],
      )
    })

    test('nothing is found on a healthy cluster, and nothing is touched', async () => {
      ended(await lab.run('cluster'), 0)
      const epoch = `cibadmin --query | sed -n 's/.* epoch="\\([0-9]*\\)".*/\\1/p' | head -n 1`
      const before = await lab.on(lab.nodes[0] as string, epoch)
      const run = await lab.run('doctor')
      ended(run, 0)
      assert.match(run.text, /^nothing found: \d{3} things asked of 2 nodes$/m)
      assert.match(run.text, /^note: FENCING=none/m)
      assert.is(await lab.on(lab.nodes[0] as string, epoch), before)
    })

    for (const { title, breaks, mends, causes, consequences = [], code = 2 } of ailments(lab).slice(
      0,
      LONG ? undefined : SHORT,
    ))
      test(title, async () => {
        // Pacemaker waits long for a stop while its members come and go.
        await until('both are there again', 90, async () =>
          /Online: \[ \S+ \S+ \]/.test(await lab.on(lab.nodes[0] as string, 'crm_mon --one-shot')),
        )
        await doing(breaks)
        lab.hangUp()
        let said = ''
        try {
          // Pacemaker, HAProxy and corosync notice within seconds; the last look is the one that counts.
          await until('all of it is told', 40, async () => {
            const run = await lab.run('doctor', '--json')
            said = run.text
            assert.is(run.code, code)
            const { findings } = report(run)
            assert.equal(
              findings
                .filter(({ cause }) => cause === undefined)
                .map(({ id }) => id)
                .sort(),
              causes.map(({ id }) => id).sort(),
            )
            for (const { id, nodes, text, remedy } of causes) {
              const found = findings.find((one) => one.id === id) as Found
              assert.match(found.text, text)
              assert.match(found.remedy, remedy)
              assert.is(found.doc, `docs/troubleshooting.md#${id}`)
              if (nodes) assert.equal(found.nodes, nodes)
            }
            for (const id of consequences)
              assert.ok(
                findings.some((one) => one.id === id && one.cause !== undefined),
                id,
              )
            return true
          })
        } catch (error) {
          throw new Error(`${(error as Error).message}\n${said}`)
        } finally {
          await doing(mends)
          lab.hangUp()
        }
      })

    test('a node that was switched on just now is coming up, and what it lacks follows from that', async () => {
      const two = lab.nodes[1] as string
      const held = '/etc/systemd/system/pacemaker.service.d/held.conf'
      await lab.on(
        two,
        `mkdir -p ${held.replace(/[^/]*$/, '')}
        printf '[Service]\nTimeoutStartSec=300\nExecStartPre=/bin/sh -c "until [ -e /run/go ]; do sleep 0.2; done"\n' >${held}
        sync`,
      )
      await lab.lab('kill', two)
      await lab.lab('start', two)
      lab.hangUp()
      let said = ''
      try {
        await until('it is told', 60, async () => {
          const run = await lab.run('doctor', '--json')
          said = run.text
          assert.is(run.code, 2)
          const { findings } = report(run)
          const causes = findings.filter(({ cause }) => cause === undefined)
          assert.equal(
            causes.map(({ id, nodes }) => [id, ...nodes]),
            [['node-starting', two]],
          )
          assert.match(
            causes[0]?.text ?? '',
            /^node2 booted \d+ s ago and is still coming up: pacemaker is activating$/,
          )
          assert.ok(findings.some(({ id, cause }) => id === 'node-offline' && cause === 'node-starting'))
          return true
        })
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${said}`)
      } finally {
        await lab.on(two, `rm ${held}; touch /run/go; systemctl daemon-reload`)
      }
    })

    test('nothing is found any more when all of it is mended', async () => {
      await until('the doctor finds nothing', 90, async () => {
        const { findings } = report(await lab.run('doctor', '--json'))
        assert.equal(
          findings.map(({ id, text }) => `${id}: ${text}`),
          [],
        )
        return true
      })
    })
  },
)
