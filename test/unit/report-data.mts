/** Clusters and run logs for the tests of the report, made up. */
import type { Event, GuardEnd } from '../../lib/event.mts'
import type { NodeStatus, Status } from '../../lib/status.mts'

export const nodeStatus = (name: string, more: Partial<NodeStatus> = {}): NodeStatus => ({
  name,
  fqdn: `${name}.test.com`,
  state: 'online',
  addresses: ['192.0.2.1', '198.51.100.1'],
  ring: true,
  misses: [],
  haproxy: 'active',
  vips: [],
  dc: false,
  aheadMs: 3,
  system: 'Debian GNU/Linux 12 (bookworm)',
  versions: { corosync: '3.1.7', pacemaker: '2.1.5', haproxy: '2.6.12' },
  withoutCrmsh: false,
  ...more,
})

/** A cluster that is well, of these nodes; the second has the VIP. */
export function statusOf(names: readonly string[], more: Partial<Status> = {}): Status {
  const answers = ['VIP', ...names].map((host) => ({ host, code: 200, ok: true }))
  return {
    cluster: 'openstack',
    time: '2026-03-01T12:00:00.000Z',
    quorate: true,
    votes: names.length,
    expectedVotes: names.length,
    nodes: names.map((name, index) =>
      nodeStatus(name, { vips: index === 1 ? ['192.0.2.200'] : [], dc: index === 0, aheadMs: index }),
    ),
    links: [
      { network: '192.0.2.0/24', down: [], to: [] },
      { network: '198.51.100.0/24', down: [], to: [] },
    ],
    vips: [{ address: '192.0.2.200/24', holders: names.slice(1, 2) }],
    fencing: {
      agent: 'fence_ipmilan',
      on: true,
      devices: names.map((node, index) => ({
        node,
        level: 1,
        agent: 'fence_ipmilan',
        from: names.filter((_, other) => other === (index + 1) % names.length),
        works: true,
      })),
    },
    maintenance: false,
    failures: [],
    services: [
      { name: 'keystone', port: 5000, answers },
      { name: 'glance', port: 9292, answers },
    ],
    endpoints: { asked: true, problems: [], elsewhere: [] },
    problems: [],
    ...more,
  }
}

/** The lines of a log; each event comes so many milliseconds after the run began. */
export const logOf = (events: readonly (readonly [ms: number, event: Event])[], began = '2026-03-01T11:00:00.000Z') =>
  events
    .map(([ms, event]) => `${JSON.stringify({ time: new Date(Date.parse(began) + ms).toISOString(), ...event })}\n`)
    .join('')

export const guardEnd = (node: string, guard: string, state: GuardEnd['state'], more: Partial<GuardEnd> = {}) =>
  ({
    type: 'guard',
    phase: '06-haproxy',
    step: 'configure',
    node,
    guard,
    state,
    output: '',
    status: state === 'ok' || state === 'changed' ? 0 : 1,
    ms: 400,
    required: false,
    ...more,
  }) as const satisfies GuardEnd

/** What a node may say: it is text, whatever it looks like. */
export const EVIL = `</script><img src=x onerror="document.title='owned'">'"&`
export const DIFF = `--- /etc/haproxy/haproxy.cfg\n+++ /etc/haproxy/haproxy.cfg (wanted)\n@@ -41,4 +41,3 @@\n   server a\n-# ${EVIL}\n+# right`

const CONFIGURED = '/etc/haproxy/haproxy.cfg is in place'

/** A run that has put back what was altered by hand on node2. */
export const changedRun = (nodes: readonly string[] = ['node1', 'node2'], end = true) =>
  logOf([
    [0, { type: 'run', command: 'npx zx tasks/cluster.mts', env: '.env', nodes, phases: ['06-haproxy'] }],
    [1, { type: 'phase', phase: 'survey', state: 'start' }],
    ...nodes.map((node) => [10, { type: 'script', node, state: 'sent' }] as const),
    ...nodes.map(
      (node, index) =>
        [200, guardEnd(node, CONFIGURED, index === 1 ? 'pending' : 'ok', { output: index === 1 ? DIFF : '' })] as const,
    ),
    ...nodes.map((node) => [800, { type: 'script', node, state: 'ended' }] as const),
    [
      900,
      {
        type: 'note',
        phase: '06-haproxy',
        nodes: nodes.slice(1, 2),
        text: `drifted: not true any more: ${CONFIGURED}`,
      },
    ],
    [1000, { type: 'phase', phase: 'survey', state: 'end' }],
    [1000, { type: 'phase', phase: '06-haproxy', state: 'start' }],
    [1001, { type: 'step', phase: '06-haproxy', step: 'configure', nodes }],
    ...nodes.map((node) => [1100, { ...start(node), state: 'start' }] as const),
    ...nodes.map(
      (node, index) => [1500 + 500 * index, guardEnd(node, CONFIGURED, index === 1 ? 'changed' : 'ok')] as const,
    ),
    [2600, { type: 'phase', phase: '06-haproxy', state: 'end' }],
    ...(end ? [[2700, { type: 'end', outcome: 'changed', ms: 2700 }] as const] : []),
  ])
const start = (node: string) =>
  ({ type: 'guard', phase: '06-haproxy', step: 'configure', node, guard: CONFIGURED }) as const

/** A run that has failed on node1. */
export const failedRun = () =>
  logOf(
    [
      [
        0,
        {
          type: 'run',
          command: 'npx zx tasks/cluster.mts',
          env: '.env',
          nodes: ['node1', 'node2'],
          phases: ['06-haproxy'],
        },
      ],
      [1, { type: 'phase', phase: 'survey', state: 'start' }],
      [2, { type: 'phase', phase: 'survey', state: 'end' }],
      [3, { type: 'phase', phase: '06-haproxy', state: 'start' }],
      [4, { ...start('node1'), state: 'start' }],
      [
        900,
        guardEnd('node1', CONFIGURED, 'failed', {
          output: `no space left ${EVIL}`,
          remedy: 'make room on the disk',
          command: 'mv a b',
        }),
      ],
      [950, { type: 'end', outcome: 'failed', ms: 950 }],
    ],
    '2026-03-01T11:30:00.000Z',
  )

/** A drill that was within its limit, and one that was not. */
export const drillRun = () => {
  const series = (bad: number) => ({
    from: -1000,
    step: 100,
    good: Array.from({ length: 60 }, (_, index) => (index >= 10 && index < 10 + bad ? 0 : 2)),
    bad: Array.from({ length: 60 }, (_, index) => (index >= 10 && index < 10 + bad ? 2 : 0)),
  })
  const one = {
    type: 'drill',
    target: 'node1',
    at: '2026-03-01T11:45:01.000Z',
    fencedMs: 0,
    doubledMs: 0,
    asked: 120,
  } as const
  return logOf(
    [
      [
        0,
        { type: 'run', command: 'npx zx tasks/drill.mts', env: '.env', nodes: ['node1', 'node2'], phases: ['drill'] },
      ],
      [
        6000,
        {
          ...one,
          name: 'move',
          title: 'planned move of the VIP',
          limitMs: 500,
          outageMs: 312,
          outage: { node: 'node2', from: 0, to: 362 },
          failed: 6,
          held: [
            { node: 'node1', from: -1000, to: 40 },
            { node: 'node2', from: 300 },
          ],
          greenMs: 4500,
          within: true,
          answers: series(3),
        },
      ],
      [
        14_000,
        {
          ...one,
          name: 'crash',
          title: 'the node with the VIP crashed',
          limitMs: 1500,
          outageMs: 2345,
          outage: { node: 'node2', from: 10, to: 2405 },
          failed: 46,
          fencedMs: 1800,
          fenced: { from: 400, to: 2200 },
          held: [{ node: 'node2', from: -1000 }],
          greenMs: 4800,
          within: false,
          answers: series(23),
        },
      ],
      [15_000, { type: 'end', outcome: 'failed', ms: 15_000 }],
    ],
    '2026-03-01T11:45:00.000Z',
  )
}
