/** The runner and the orchestrator, with nodes that are shells on this machine. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openCheckpoints } from '../../lib/checkpoint.mts'
import type { Config, Node } from '../../lib/config.mts'
import { NodeFailure, UnreachableError } from '../../lib/errors.mts'
import type { Event, GuardEnd } from '../../lib/event.mts'
import type { Job } from '../../lib/exchange.mts'
import type { Facts } from '../../lib/facts.mts'
import { everyNode, firstNode, type Guard, type Phase, SHOWN, type Step } from '../../lib/guard.mts'
import { show } from '../../lib/live.mts'
import { orchestrate } from '../../lib/orchestrator.mts'
import { readFacts, runSteps, skew } from '../../lib/run.mts'
import { sh } from '../../lib/shell.mts'
import type { Exit, Session, Ssh } from '../../lib/ssh.mts'
import { suite } from '../suite.mts'
import { folder } from './local-shell.mts'

const nodeNamed = (name: string, index: number): Node => ({
  name,
  fqdn: `${name}.test.com`,
  address: `192.0.2.${index + 1}`,
})

/** What the fake connection does with a script: runs it, or something else. */
type Wire = (
  run: (onLine: (line: string) => void) => Promise<Exit>,
  onLine: (line: string) => void,
  text: string,
) => Promise<Exit>

interface Lab {
  readonly job: Job
  readonly events: Event[]
  /** Every script that was sent: to whom, and its text. */
  readonly sent: { readonly node: string; readonly text: string }[]
  /** A file of a node's own. */
  readonly at: (node: Node | string, name: string) => string
  /** Lines that guards have written, of all nodes, in the order of time. */
  readonly diary: () => readonly string[]
  /** As the first Ctrl-C does, and as the second. */
  readonly stop: (reason: Error) => void
  readonly breakOff: (reason: Error) => void
}

/** `wires`: nodes whose connection is not as it should be. */
function lab(phases: readonly Phase[], names = ['a', 'b', 'c'], wires: Readonly<Record<string, Wire>> = {}): Lab {
  const dir = folder()
  const nodes = names.map(nodeNamed)
  for (const name of names) mkdirSync(join(dir, name))
  const events: Event[] = []
  const sent: { node: string; text: string }[] = []
  const abort = new AbortController()
  const ssh: Ssh = {
    run: (node, text, onLine, signal) => {
      sent.push({ node: node.name, text })
      let session: Session | undefined
      const run = (hear: (line: string) => void) => {
        const env = { HERE: join(dir, node.name), DIARY: join(dir, 'diary'), ME: node.name }
        session = locally(text, hear, signal, env)
        return session.exit
      }
      return {
        exit: wires[node.name]?.(run, onLine, text) ?? run(onLine),
        say: (line) => session?.say(line),
        hangUp: () => session?.hangUp(),
      }
    },
  }
  const stop = new AbortController()
  const job: Job = {
    config: { clusterName: 'test', nodes, secrets: [] } as unknown as Config,
    phases,
    before: [],
    nodes,
    ssh,
    emit: (event) => events.push(event),
    stop: stop.signal,
    halt: (why) => stop.abort(why),
    signal: abort.signal,
    checkpoints: openCheckpoints(dir, 'run-1'),
    keepSecret: () => {},
  }
  return {
    job,
    events,
    sent,
    at: (node, name) => join(dir, typeof node === 'string' ? node : node.name, name),
    diary: () => (existsSync(join(dir, 'diary')) ? readFileSync(join(dir, 'diary'), 'utf8').trimEnd().split('\n') : []),
    stop: (reason) => stop.abort(reason),
    breakOff: (reason) => {
      stop.abort(reason)
      abort.abort(reason)
    },
  }
}

function locally(
  text: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
  env: Record<string, string>,
): Session {
  // The leader of a process group, as on a node.
  const child = spawn('sh', ['-s'], { env: { ...process.env, ...env }, detached: true })
  signal.addEventListener('abort', () => {
    child.stdin.destroy()
    child.stdout.destroy()
    child.stderr.destroy()
  })
  let rest = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  child.stdin.on('error', () => {})
  child.stdin.write(text)
  return {
    exit: new Promise((done, failed) => {
      child.on('error', failed)
      signal.addEventListener('abort', () => done({ status: undefined, stderr }))
      child.on('close', (code) => {
        if (rest !== '') onLine(rest)
        done({ status: code ?? undefined, stderr })
      })
    }),
    say: (line) => void (child.stdin.writable && child.stdin.write(`${line}\n`)),
    hangUp: () => void child.stdin.end(),
  }
}

/** A file on the node; its apply says so in the diary. */
const made = (name: string, more = ''): Guard => ({
  title: `${name} is made`,
  check: sh`[ -e "$HERE/"${name} ] || { echo "no "${name}; exit 1; }`,
  apply: `${sh`echo "$ME "${name} >>"$DIARY"; : >"$HERE/"${name}`}\n${more}`,
})
const step = (title: string, guards: readonly Guard[] | Step['guards'], more: Partial<Step> = {}): Step => ({
  title,
  on: everyNode,
  guards: typeof guards === 'function' ? guards : () => guards,
  ...more,
})
const phase = (id: string, steps: readonly Step[], more: Partial<Phase> = {}): Phase => ({
  id,
  title: id,
  steps,
  ...more,
})

const go = async (of: Lab, plan = false) => await orchestrate(of.job, { plan, live: false }, show())
const ends = (of: Lab) => of.events.filter((event): event is GuardEnd => event.type === 'guard' && 'output' in event)
/** "node guard: state", in the order in which they ended. */
const told = (of: Lab) => ends(of).map((end) => `${end.node} ${end.guard}: ${end.state}`)
/** Scripts per node since the last call. */
const trips = (of: Lab) => {
  const counts: Record<string, number> = {}
  for (const { node } of of.sent.splice(0)) counts[node] = (counts[node] ?? 0) + 1
  return counts
}
const none: Facts = { get: () => '' }
/** Nothing is known of it yet. */
const untold = { seen: [], fresh: true, made: [] }
async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

const steps = suite('steps')

steps('the second begins when the first has ended on all nodes', async () => {
  // The slow one is at work until the others have ended theirs, which they tell by their files.
  const slow = (_: Config, __: Facts, node: Node) => [
    made(
      'one',
      node.name === 'b'
        ? 'until [ -e "$HERE/../a/one" ] && [ -e "$HERE/../c/one" ]; do sleep 0.01; done; sleep 0.1; echo "b late" >>"$DIARY"'
        : '',
    ),
  ]
  const of = lab([phase('p', [step('first', slow), step('second', [made('two')])])])
  assert.is(await go(of), 'changed')
  const diary = of.diary()
  assert.equal([...diary].sort(), ['a one', 'a two', 'b late', 'b one', 'b two', 'c one', 'c two'])
  assert.equal(
    diary.slice(4).map((line) => line.split(' ')[1]),
    ['two', 'two', 'two'],
  )
})

steps('a node that fails lets the others end the step, and none begins the next', async () => {
  const of = lab([
    phase('p', [
      step('first', (_, __, node) => [made('one', node.name === 'a' ? 'exit 3' : 'sleep 0.1'), made('more')]),
      step('second', [made('two')]),
    ]),
    phase('q', [step('third', [made('three')])]),
  ])
  assert.is(await go(of), 'failed')
  assert.equal([...of.diary()].sort(), ['a one', 'b more', 'b one', 'c more', 'c one'])
  const failed = ends(of).filter(({ state }) => state === 'failed')
  assert.equal(
    failed.map(({ node, step, guard, status }) => [node, step, guard, status]),
    [['a', 'first', 'one is made', 3]],
  )
  assert.ok(told(of).includes('a more is made: skipped'))
  assert.match(failed[0]?.command as string, 'exit 3')
})

steps('all nodes that fail are told together', async () => {
  const of = lab([phase('p', [step('first', [made('one', 'exit 1')])])])
  const error = (await failureOf(runSteps(of.job, of.job.phases[0] as Phase, none, untold))) as NodeFailure
  assert.instance(error, NodeFailure)
  assert.equal(error.ends.map(({ node }) => node).sort(), ['a', 'b', 'c'])
})

steps('one by one: in the order of the nodes, and none after the first that fails', async () => {
  const rollout = (fails: string) =>
    phase('p', [
      step(
        'first',
        (_, __, node) => [made('one', `${node.name === fails ? 'exit 1' : 'sleep 0.05'}\necho "$ME ready" >>"$DIARY"`)],
        {
          oneByOne: () => true,
        },
      ),
    ])
  const well = lab([rollout('')])
  await runSteps(well.job, well.job.phases[0] as Phase, none, untold)
  assert.equal(well.diary(), ['a one', 'a ready', 'b one', 'b ready', 'c one', 'c ready'])
  const ill = lab([rollout('b')])
  assert.is(await go(ill), 'failed')
  assert.equal(ill.diary(), ['a one', 'a ready', 'b one'])
})

steps(
  'around a node that is changed all are prepared before and told after; for one that is right already nobody is',
  async () => {
    const around = (_config: Config, _facts: Facts, node: Node) => ({
      before: [made(`out-${node.name}`, 'echo "$ME ready" >>"$DIARY"')],
      after: [made(`in-${node.name}`)],
    })
    const rollout = (more: string) => phase('p', [step('first', [made('one', more)], { oneByOne: () => true, around })])
    const well = lab([rollout('')], ['a', 'b'])
    writeFileSync(well.at('a', 'one'), '')
    assert.is(await go(well), 'changed')
    const [first, second, ...rest] = well.diary()
    assert.equal([...well.diary()].sort(), ['a in-b', 'a out-b', 'a ready', 'b in-b', 'b one', 'b out-b', 'b ready'])
    assert.ok([first, second].every((line) => line?.endsWith('out-b') || line?.endsWith('ready')))
    assert.ok(rest.indexOf('b one') < rest.indexOf('a in-b'))
    // What is done for the sake of a change is none.
    const changed = well.events.filter((event) => event.type === 'guard' && event.state === 'changed')
    assert.equal(
      changed.map((event) => 'guard' in event && `${'node' in event && event.node} ${event.guard}`),
      ['b one is made'],
    )
    const ill = lab([rollout('exit 1')], ['a', 'b'])
    assert.is(await go(ill), 'failed')
    assert.not(ill.diary().some((line) => / in-|b one/.test(line)))
  },
)

steps('a step on some nodes touches no other; without guards nothing is sent', async () => {
  const of = lab([phase('p', [step('first', [made('one')], { on: firstNode }), step('none', [])])])
  assert.is(await go(of), 'changed')
  assert.equal(of.diary(), ['a one'])
})

steps('only the nodes of --nodes are worked on, though all are asked', async () => {
  const of = lab([phase('p', [step('first', [made('one')])])])
  const some = { ...of.job, nodes: of.job.nodes.slice(1, 2) }
  assert.is(await orchestrate(some, { plan: false, live: false }, show()), 'changed')
  assert.equal(of.diary(), ['b one'])
  assert.ok(of.sent.some(({ node }) => node === 'c'))
  assert.equal(
    [...new Set(of.sent.filter(({ text }) => text.includes('check0() {\n[ -e "$HERE/"one')).map(({ node }) => node))],
    ['b'],
  )
})

steps('tellAll: every problem of a node is told', async () => {
  const wrong = (title: string): Guard => ({ title, check: `echo ${title} is wrong; exit 1` })
  const of = lab([phase('p', [step('first', [wrong('x'), wrong('y')], { tellAll: true })])], ['a'])
  const error = (await failureOf(runSteps(of.job, of.job.phases[0] as Phase, none, untold))) as NodeFailure
  assert.equal(
    error.ends.map(({ guard, output }) => [guard, output]),
    [
      ['x', 'x is wrong'],
      ['y', 'y is wrong'],
    ],
  )
})

steps('a wait tells what it sees, once, and what was seen last is the output of a failure', async () => {
  const waiting: Guard = { title: 'it comes', check: 'echo "1 of 2"; exit 1', wait: 1 }
  const of = lab([phase('p', [step('first', [waiting])])], ['a'])
  const error = (await failureOf(runSteps(of.job, of.job.phases[0] as Phase, none, untold))) as NodeFailure
  assert.equal([error.ends[0]?.output, error.ends[0]?.waited], ['1 of 2', 1])
  const waits = of.events.filter((event) => event.type === 'guard' && event.state === 'wait')
  assert.equal(waits, [
    {
      ...{ type: 'guard', phase: 'p', node: 'a', guard: 'it comes', step: 'first', state: 'wait' },
      ...{ seen: '1 of 2', patience: 1 },
    },
  ])
})

steps.run()

const runs = suite('runs')

const two = (): readonly Phase[] => [
  phase('p', [step('first', [made('one')]), step('second', [made('two')])]),
  phase('q', [step('third', [made('three')])]),
]

runs('a converged run is two scripts for each node, and changes nothing', async () => {
  const of = lab(two())
  assert.is(await go(of), 'changed')
  trips(of)
  const diary = of.diary()
  assert.is(await go(of), 'ok')
  assert.equal(trips(of), { a: 2, b: 2, c: 2 })
  assert.equal(of.diary(), diary)
})

runs('what takes long is asked of the first node alone, once; what it shows is asked of nobody', async () => {
  const shown = (_: Config, facts: Facts, node: Node): readonly Guard[] => [
    { title: 'it is so', check: facts.get(node, 'slow') === 'yes' ? SHOWN : 'echo "not yet"; exit 1' },
  ]
  const late = phase('r', [step('fourth', shown, { on: firstNode })], { slowFacts: () => ({ slow: 'echo yes' }) })
  const of = lab([...two(), late])
  await go(of)
  trips(of)
  of.events.length = 0
  assert.is(await go(of), 'ok')
  assert.equal(trips(of), { a: 3, b: 2, c: 2 })
  assert.ok(told(of).includes('a it is so: ok'))
  const facts = of.events.filter((event) => event.type === 'fact' && event.fact === 'slow')
  assert.equal(
    facts.map((event) => 'node' in event && event.node),
    ['a'],
  )
})

runs('facts that take long may call for more: it is asked for once, and nothing twice', async () => {
  const first = nodeNamed('a', 0)
  const slowFacts = (_: Config, facts: Facts) => ({
    one: 'echo 1',
    ...(facts.get(first, 'one') === '' ? {} : { two: ':' }),
  })
  const of = lab([phase('p', [step('first', [])], { slowFacts })])
  assert.is(await go(of), 'ok')
  const asked = of.events.flatMap((event) => (event.type === 'fact' && /one|two/.test(event.fact) ? [event.fact] : []))
  assert.equal(asked, ['one', 'two'])
})

runs('a text that two guards have in common is sent once in a look, and tells of both', async () => {
  const seen: Guard = { title: 'it is so', check: 'echo "$ME looks" >>"$DIARY"; echo not yet; exit 1', remedy: 'wait' }
  const again = { ...seen, title: 'it is so again', remedy: 'wait more' }
  const of = lab([phase('p', [step('first', [seen])]), phase('q', [step('second', [made('one'), again])])], ['a'])
  assert.is(await go(of, true), 'failed')
  assert.equal(of.diary(), ['a looks'])
  assert.equal(
    ends(of).map(({ phase, guard, state, output, remedy }) => [phase, guard, state, output, remedy]),
    [
      ['p', 'it is so', 'pending', 'not yet', 'wait'],
      ['q', 'one is made', 'pending', 'no one', undefined],
      ['q', 'it is so again', 'pending', 'not yet', 'wait more'],
    ],
  )
})

runs('what the survey has seen is not looked at again, until something has changed', async () => {
  const of = lab([
    phase('p', [step('first', [made('one')]), step('second', [made('two')]), step('third', [made('three')])]),
  ])
  await go(of)
  rmSync(of.at('b', 'two'))
  of.events.length = 0
  assert.is(await go(of), 'changed')
  const looks = (guard: string) =>
    of.events.filter((event) => event.type === 'guard' && event.guard === guard && event.state === 'start').length
  assert.equal([looks('one is made'), looks('two is made'), looks('three is made')], [3, 4, 6])
})

runs('after one change all that held is looked at again in one go, and what it has undone is made again', async () => {
  const of = lab([
    phase('p', [step('first', [made('one')]), step('second', [made('two', 'rm -f "$HERE/four"')])]),
    phase('q', [step('third', [made('three')])]),
    phase('r', [step('fourth', [made('four')])]),
  ])
  await go(of)
  rmSync(of.at('b', 'one'))
  trips(of)
  assert.is(await go(of), 'changed')
  assert.equal(trips(of), { a: 3, b: 4, c: 3 })
  rmSync(of.at('b', 'two'))
  assert.is(await go(of), 'changed')
  assert.equal(of.diary().slice(-2), ['b two', 'b four'])
  assert.is(await go(of), 'ok')
})

runs('facts are asked for again after a change, unless no later step needs what it changes', async () => {
  const scripts = async (more: Partial<Step>) => {
    const of = lab([phase('p', [step('first', [made('one')], more), step('second', [made('two')])])], ['a'])
    await go(of)
    return trips(of)
  }
  assert.equal(await scripts({}), { a: 6 })
  assert.equal(await scripts({ keepsFacts: true }), { a: 5 })
})

/** A step of r that is done beside q, which waits for it. */
const beside = (inQ: Guard, ahead: readonly Guard[]) => [
  phase('p', [step('first', [made('one')])]),
  phase('q', [step('second', [inQ])]),
  phase('r', [step('third', ahead, { after: 'p' }), step('fourth', [made('four')])]),
]
const until = (text: string) =>
  `tries=0; until ${text}; do tries=$((tries + 1)); [ "$tries" -lt 500 ]; sleep 0.02; done`
const waitsFor = (name: string, more = ':') => made('two', `${until(`[ -e "$HERE/${name}" ]`)}; ${more}`)

runs('a step that needs an earlier phase only is done beside those in between, once', async () => {
  const of = lab(beside(waitsFor('three'), [made('three')]), ['a', 'b'])
  assert.is(await go(of), 'changed')
  const lines = of.diary()
  assert.is(lines.filter((line) => line.endsWith(' three')).length, 2)
  assert.equal(
    lines.slice(-2).map((line) => line.slice(2)),
    ['four', 'four'],
  )
  assert.is(told(of).filter((line) => line === 'a three is made: changed').length, 1)
  assert.is(await go(of), 'ok')
})

runs('nothing is done beside others when its phase holds, or is not to be run', async () => {
  const of = lab(beside(made('two'), [made('three')]), ['a'])
  await go(of)
  rmSync(of.at('a', 'one'))
  of.events.length = 0
  assert.is(await go(of), 'changed')
  assert.not(of.events.some((event) => event.type === 'step' && event.phase === 'r'))
  const alone = lab(beside(made('two'), [made('three')]).slice(1), ['a'])
  assert.is(await go(alone), 'changed')
  assert.equal(alone.diary(), ['a two', 'a three', 'a four'])
})

runs('what fails beside others is the failure of its own phase', async () => {
  const of = lab(beside(made('two'), [made('three', 'exit 7')]), ['a', 'b'])
  assert.is(await go(of), 'failed')
  assert.equal([...of.diary()].sort(), ['a one', 'a three', 'a two', 'b one', 'b three', 'b two'])
  const failed = ends(of).filter(({ state }) => state === 'failed')
  assert.equal(failed.map(({ phase, node, status }) => [phase, node, status]).sort(), [
    ['r', 'a', 7],
    ['r', 'b', 7],
  ])
})

runs('a phase that fails ends what is done beside it, and nothing runs on', async () => {
  const atWork = made('begun', `${until('[ -e "$scratch/stop" ]')}; echo "$ME ended" >>"$DIARY"`)
  const of = lab(beside(waitsFor('begun', 'exit 1'), [atWork, made('three')]), ['a'])
  assert.is(await go(of), 'failed')
  assert.equal([...of.diary()].sort(), ['a begun', 'a ended', 'a one', 'a two'])
})

runs('facts that take long are not waited for when a node is lost', async () => {
  const late = phase('r', [step('first', [])], { slowFacts: () => ({ slow: 'sleep 30; echo yes' }) })
  const gone: Wire = async () => ({ status: 255, stderr: 'Connection refused' })
  const of = lab([late], ['a', 'b'], { b: gone })
  assert.is(await go(of), 'unreachable')
  assert.not(of.events.some((event) => event.type === 'fact' && event.fact === 'slow'))
})

runs('a plan is the same two scripts, and neither holds a text that could change anything', async () => {
  const of = lab(two())
  assert.is(await go(of, true), 'pending')
  for (const { text } of of.sent) {
    assert.not.match(text, 'DIARY')
    assert.not.match(text, /^apply\d+\(\)/m)
  }
  assert.equal(trips(of), { a: 2, b: 2, c: 2 })
  assert.equal(of.diary(), [])
  assert.equal(ends(of).filter(({ state }) => state === 'pending').length, 9)
  assert.equal([...new Set(ends(of).map(({ output }) => output))].sort(), ['no one', 'no three', 'no two'])
  await go(of)
  assert.is(await go(of, true), 'ok')
})

runs('a plan fails for a requirement that nothing before it can make true', async () => {
  const required: Guard = { title: 'it is so', check: 'exit 1' }
  assert.is(await go(lab([phase('p', [step('first', [required]), step('second', [made('one')])])]), true), 'failed')
  assert.is(await go(lab([phase('p', [step('first', [made('one')]), step('second', [required])])]), true), 'pending')
})

runs('phases that hold are not run again: a cut-off run goes on at the first that does not', async () => {
  const of = lab(two())
  await go(of)
  for (const node of of.job.nodes) rmSync(of.at(node, 'three'))
  trips(of)
  of.events.length = 0
  assert.is(await go(of), 'changed')
  assert.equal(
    of
      .diary()
      .slice(-3)
      .map((line) => line.slice(2)),
    ['three', 'three', 'three'],
  )
  const applied = of.events.filter((event) => event.type === 'guard' && event.state === 'apply')
  assert.is(applied.length, 3)
  assert.equal([...new Set(of.events.filter((event) => event.type === 'step').map(({ step }) => step))], ['third'])
})

runs('what held is looked at again once something has changed', async () => {
  // Making the first undoes the second, as a new file undoes a running daemon.
  const of = lab([
    phase('p', [step('first', [made('one', 'rm -f "$HERE/two"')])]),
    phase('q', [step('second', [made('two')])]),
    phase('r', [step('third', [made('three')])]),
  ])
  for (const node of of.job.nodes) for (const name of ['two', 'three']) writeFileSync(of.at(node, name), '')
  assert.is(await go(of), 'changed')
  for (const node of of.job.nodes) assert.ok(existsSync(of.at(node, 'two')), node.name)
  assert.equal([...of.diary()].sort(), ['a one', 'a two', 'b one', 'b two', 'c one', 'c two'])
})

runs('facts are read anew after a change, and only then', async () => {
  const asks = { facts: () => ({ one: 'if [ -e "$HERE/one" ]; then echo there; fi' }) }
  const seen: string[] = []
  const look: Step['guards'] = (config, facts, node) => {
    if (node === config.nodes[0]) seen.push(facts.get(node, 'one'))
    return []
  }
  const of = lab([phase('p', [step('look', look), step('make', [made('one')]), step('look again', look)], asks)])
  const begin = await readFacts(of.job, of.job.phases)
  seen.length = 0
  trips(of)
  const open = { phase: 'p', step: 'look again', state: 'pending' } as GuardEnd
  await runSteps(of.job, of.job.phases[0] as Phase, begin, { ...untold, seen: [open] })
  // The rest of the looks is for the checkpoint.
  assert.equal(seen.slice(0, 2), ['', 'there'])
  assert.equal(trips(of), { a: 2, b: 2, c: 2 })
  await runSteps(of.job, of.job.phases[0] as Phase, begin, untold)
  assert.equal(trips(of), { a: 1, b: 1, c: 1 })
})

const refusedOf = (of: Lab) =>
  of.events.flatMap((event) =>
    event.type === 'refused' ? [`${event.phase} on ${event.nodes.join(' ')}: ${event.text}`] : [],
  )

runs(
  'a phase whose predecessors do not hold everywhere is refused, whichever nodes it is for; a plan of it is not',
  async () => {
    const before = phase('p', [step('first', [made('one')])])
    const of = lab([phase('q', [step('second', [made('two')])])])
    const job = { ...of.job, before: [before], nodes: of.job.nodes.slice(0, 1) }
    writeFileSync(of.at('a', 'one'), '')
    assert.is(await orchestrate(job, { plan: true, live: false }, show()), 'pending')
    assert.equal(refusedOf(of), [])
    assert.is(await orchestrate(job, { plan: false, live: false }, show()), 'failed')
    assert.equal(refusedOf(of), ['p on b c: q stands on it, and it does not hold; not true there: one is made'])
    assert.equal(of.diary(), [])
    for (const name of ['b', 'c']) writeFileSync(of.at(name, 'one'), '')
    assert.is(await orchestrate(job, { plan: false, live: false }, show()), 'changed')
    assert.equal(of.diary(), ['a two'])
  },
)

runs('what is one for the cluster is not made on some nodes while others lack it', async () => {
  const of = lab([
    phase('p', [step('first', [made('one')])]),
    phase('q', [step('second', [made('two')])], { together: true }),
  ])
  const job = { ...of.job, nodes: of.job.nodes.slice(0, 2) }
  assert.is(await orchestrate(job, { plan: false, live: false }, show()), 'failed')
  assert.equal(refusedOf(of), [
    'q on c: it is made on all nodes or none, and --nodes leaves some out; not true there: two is made',
  ])
  assert.equal(of.diary(), [])
  writeFileSync(of.at('c', 'two'), '')
  assert.is(await orchestrate(job, { plan: false, live: false }, show()), 'changed')
  assert.equal([...of.diary()].sort(), ['a one', 'a two', 'b one', 'b two'])
})

runs('a clock is off by what the way to the node cannot explain', () => {
  assert.is(skew(105, 100, 110), 0)
  assert.is(skew(97, 100, 110), -3)
  assert.is(skew(112, 100, 110), 2)
})

runs('a secret fact is kept out of what follows; clock-skew comes with the clock', async () => {
  const of = lab([phase('p', [], { facts: () => ({ 'secret.key': 'echo c2VjcmV0' }) })], ['a'])
  const kept: string[] = []
  const facts = await readFacts({ ...of.job, keepSecret: (value: string) => kept.push(value) }, of.job.phases)
  assert.equal(kept, ['c2VjcmV0'])
  const [node] = of.job.nodes as readonly [Node]
  assert.is(facts.get(node, 'secret.key'), 'c2VjcmV0')
  assert.ok(Math.abs(Number(facts.get(node, 'clock-skew'))) < 60)
  assert.not.match(JSON.stringify(of.events), 'c2VjcmV0')
})

const notesOf = (of: Lab) => of.events.splice(0).flatMap((event) => (event.type === 'note' ? [event.text] : []))

runs('drift, new settings and a new machine are told apart from what was never done', async () => {
  const of = lab([phase('p', [step('first', [made('one')])])], ['a'])
  await go(of)
  assert.equal(notesOf(of), [])
  rmSync(of.at('a', 'one'))
  await go(of)
  assert.equal(notesOf(of), ['drifted: not true any more: one is made'])
  const other = { ...of.job, phases: [phase('p', [step('first', [made('one'), made('two')])])] }
  await orchestrate(other, { plan: false, live: false }, show())
  assert.equal(notesOf(of), ['settings changed: not true any more: two is made'])
  rmSync(of.at('a', 'one'))
  const known = other.checkpoints
  const checkpoints = {
    ...known,
    get: (...[id, node]: Parameters<typeof known.get>) => {
      const one = known.get(id, node)
      return one && { ...one, machineId: 'another' }
    },
  }
  await orchestrate({ ...other, checkpoints }, { plan: false, live: false }, show())
  assert.equal(notesOf(of), ['node re-installed: not true any more: one is made'])
})

runs('the run after one that was cut off says what holds from before, and where it goes on', async () => {
  const phases = ['00-p', '01-q', '02-r'].map((id) => phase(id, [step('only', [made(id)])]))
  const of = lab(phases)
  await orchestrate({ ...of.job, phases: phases.slice(0, 2) }, { plan: false, live: false }, show())
  assert.equal(notesOf(of), [])
  await orchestrate(of.job, { plan: true, live: false }, show())
  assert.equal(notesOf(of), [], 'a plan goes on with nothing')
  const shown = show()
  const emit = (event: Event) => {
    of.events.push(event)
    shown.emit(event)
  }
  await orchestrate({ ...of.job, emit }, { plan: false, live: false }, shown)
  const line = /^resumed: 00–01 hold from before \(run run-1, \d s ago\); goes on with 02-r$/
  assert.match(shown.notes().join(), line)
  assert.match(notesOf(of).join(), line)
  await go(of)
  assert.equal(notesOf(of), [], 'all was finished')
})

runs('a record of another node, or of other settings, is never called resumed', async () => {
  const phases = ['00-p', '01-q'].map((id) => phase(id, [step('only', [made(id)])]))
  const of = lab(phases)
  const begin = phases.slice(0, 1)
  await orchestrate({ ...of.job, phases: begin }, { plan: false, live: false }, show())
  const known = of.job.checkpoints
  const other = {
    ...known,
    get: (...where: Parameters<typeof known.get>) => {
      const one = known.get(...where)
      return one && { ...one, machineId: 'another' }
    },
  }
  const only = { ...of.job, phases: [...begin, phase('01-q', [step('only', [{ title: 'never', check: 'exit 1' }])])] }
  await orchestrate({ ...only, checkpoints: other }, { plan: false, live: false }, show())
  assert.equal(notesOf(of), [])
  await orchestrate(
    { ...only, config: { ...of.job.config, token: 5000 } as Config },
    { plan: false, live: false },
    show(),
  )
  assert.equal(notesOf(of), [])
})

runs('what the nodes are like is no setting: a phase whose guards depend on it has drifted or has not', async () => {
  const guards = (_config: Config, facts: Facts, node: Node) =>
    facts.get(node, 'two') === '' ? [made('one')] : [made('one'), made('three')]
  const of = lab(
    [phase('p', [step('first', guards)], { facts: () => ({ two: 'cat "$HERE/two" 2>/dev/null || :' }) })],
    ['a'],
  )
  await go(of)
  writeFileSync(of.at('a', 'two'), 'yes')
  await go(of)
  assert.equal(notesOf(of), [], 'what was never asked of it')
  rmSync(of.at('a', 'one'))
  rmSync(of.at('a', 'two'))
  await go(of)
  assert.equal(notesOf(of), ['drifted: not true any more: one is made'])
})

runs.run()

const lost = suite('nodes that cannot be asked')

const refused: Wire = async () => ({
  status: 255,
  stderr: 'ssh: connect to host 192.0.2.2 port 22: Connection refused',
})

lost('every one of them is told, and nothing is done on the others', async () => {
  const of = lab(two(), ['a', 'b', 'c'], { a: refused, c: refused })
  assert.is(await go(of), 'unreachable')
  const told = of.events.flatMap((event) => (event.type === 'unreachable' ? [event] : []))
  assert.equal(told.map(({ node }) => node).sort(), ['a', 'c'])
  assert.ok(told.every(({ remedy }) => remedy !== ''))
  assert.equal(of.diary(), [])
})

/** A link that breaks in scripts of that kind: nothing is heard after such a line, though the node itself goes on. */
const breaks =
  (mode: 'apply' | 'check', last: RegExp): Wire =>
  async (run, onLine, text) => {
    if (!text.includes(`mode=${mode} `)) return run(onLine)
    let broken = false
    await run((line) => {
      if (!broken) onLine(line)
      broken ||= last.test(line)
    })
    return { status: 255, stderr: 'Timeout, server 192.0.2.2 not responding.' }
  }

lost('a connection that breaks in the middle is "not asked", never "not yet" or "failed"', async () => {
  for (const last of [/ start 0/, / apply 0/, / end 0 /]) {
    const of = lab(two(), ['a', 'b', 'c'], { b: breaks('apply', last) })
    assert.is(await go(of), 'unreachable')
    const open = ends(of).filter(({ node, state }) => node === 'b' && ['failed', 'unsure', 'skipped'].includes(state))
    assert.equal(open, [])
    const one = of.events.find((event) => event.type === 'unreachable')
    assert.match(JSON.stringify(one), 'does not answer')
    assert.equal([...of.diary()].sort(), ['a one', 'b one', 'c one'], 'the others end the step and begin no other')
    assert.is(of.job.checkpoints.get('p', 'a'), undefined)
  }
})

lost('a survey that breaks in the middle changes nothing anywhere', async () => {
  const of = lab(two(), ['a', 'b'], { b: breaks('check', / end 1 /) })
  assert.is(await go(of), 'unreachable')
  assert.equal(of.diary(), [])
  assert.equal([...new Set(of.sent.map(({ text }) => /mode=(\w+)/.exec(text)?.[1]))], ['check'])
})

lost('a kept connection that has died is tried once more; a node that says no is not', async () => {
  let died = 0
  const stale: Wire = async (run, onLine) => {
    if (died++ > 0) return run(onLine)
    return { status: 255, stderr: 'mux_client_request_session: session request failed: Session open refused by peer' }
  }
  const of = lab(two(), ['a', 'b'], { b: stale })
  assert.is(await go(of), 'changed')
  const ill = lab(two(), ['a', 'b'], { b: refused })
  await go(ill)
  assert.equal(trips(ill), { a: 1, b: 1 })
})

lost('a way that ends nowhere, and took its time to say so, is not tried again', async () => {
  const nowhere: Wire = async () => {
    await new Promise((done) => setTimeout(done, 2600))
    return {
      status: 255,
      stderr: 'kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535',
    }
  }
  const of = lab(two(), ['a'], { a: nowhere })
  assert.is(await go(of), 'unreachable')
  assert.equal(trips(of), { a: 1 })
})

lost('a node outside of --nodes that is lost in the middle stops the run too', async () => {
  let asked = 0
  // Answers in the survey, and is gone when the facts are asked again after the first change.
  const gone: Wire = async (run, onLine) =>
    asked++ === 0 ? run(onLine) : { status: 255, stderr: 'ssh: connect to host c port 22: No route to host' }
  const of = lab(
    [
      phase('p', [step('one', [made('one')]), step('two', [made('two')])]),
      phase('q', [step('three', [made('three')])]),
    ],
    ['a', 'b', 'c'],
    { c: gone },
  )
  const some = { ...of.job, nodes: of.job.nodes.slice(0, 2) }
  assert.is(await orchestrate(some, { plan: false, live: false }, show()), 'unreachable')
  assert.equal([...of.diary()].sort(), ['a one', 'b one'])
})

lost('what a login shell says before the script is not taken for an answer', async () => {
  const banner: Wire = (run, onLine) => {
    for (const line of ['Welcome!', '', '@@0123456789ab end 0 ok 0']) onLine(line)
    return run(onLine)
  }
  const of = lab([phase('p', [], { facts: () => ({ one: 'echo 1; echo; echo 2' }) })], ['a'], { a: banner })
  const facts = await readFacts(of.job, of.job.phases)
  assert.is(facts.get(of.job.nodes[0] as Node, 'one'), '1\n\n2')
})

lost('a script that no shell can read is a bug, told as such', async () => {
  const of = lab([phase('p', [step('first', [{ title: 'odd', check: 'if' }])])], ['a'])
  const error = (await failureOf(go(of))) as Error
  assert.match(error.message, 'the shell of a cannot read the script')
  assert.not.instance(error, UnreachableError)
})

/** Goes on when the file `go` is there. */
const UNDER_WAY = 'while [ -d "$HERE" ] && [ ! -e "$HERE/go" ]; do sleep 0.01; done'

/** A run with something done at the first apply. */
async function meanwhile(of: Lab, act: () => void): Promise<string> {
  const emit = of.job.emit
  const job: Job = {
    ...of.job,
    emit: (event) => {
      emit(event)
      if (event.type === 'guard' && event.state === 'apply') act()
    },
  }
  return orchestrate(job, { plan: false, live: false }, show())
}

lost('a first interrupt ends the run after the guards that are under way', async () => {
  const of = lab(
    [phase('p', [step('first', [made('one', UNDER_WAY), made('two')]), step('second', [made('three')])])],
    ['a'],
  )
  const outcome = await meanwhile(of, () => {
    of.stop(new Error('interrupted'))
    setTimeout(() => writeFileSync(of.at('a', 'go'), ''), 300)
  })
  assert.is(outcome, 'interrupted')
  assert.equal(of.diary(), ['a one'])
  assert.equal(
    ends(of)
      .filter(({ state }) => state !== 'pending')
      .map(({ guard, state }) => `${guard}: ${state}`),
    ['one is made: changed', 'two is made: skipped'],
  )
  assert.is(of.job.checkpoints.get('p', 'a'), undefined)
})

lost('an interrupt while the facts are read again gives the lock back', async () => {
  const of = lab([phase('p', [step('first', [made('one')])])], ['a'])
  const file = of.at('a', 'lock')
  // Left behind by a run that did not end cleanly: what was read meanwhile is not believed.
  writeFileSync(file, 'somebody\n')
  let asked = 0
  const ssh: Ssh = {
    run: (node, text, ...rest) => {
      if (++asked === 2) of.stop(new Error('interrupted'))
      return of.job.ssh.run(node, text.replaceAll('/run/quorate/lock', file), ...rest)
    },
  }
  const how = { plan: false, live: false, lock: { owner: 'we', wait: false } }
  assert.is(await orchestrate({ ...of.job, ssh }, how, show()), 'interrupted')
  assert.is(asked, 2)
  assert.equal(of.diary(), [])
  assert.is(readFileSync(file, 'utf8'), '')
})

lost('a first interrupt ends a wait at once, and what has not come is not a failure', async () => {
  const never: Guard = { title: 'it comes', check: 'echo not yet; exit 1', wait: 600 }
  const of = lab([phase('p', [step('first', [made('one'), never, made('two')])])], ['a'])
  const job: Job = {
    ...of.job,
    emit: (event) => {
      of.job.emit(event)
      if (event.type === 'guard' && event.state === 'wait') of.stop(new Error('interrupted'))
    },
  }
  assert.is(await orchestrate(job, { plan: false, live: false }, show()), 'interrupted')
  assert.equal(of.diary(), ['a one'])
  assert.not.ok(ends(of).some(({ state }) => state === 'failed'))
})

lost('a second interrupt ends what runs on the nodes as well', async () => {
  const of = lab(
    [phase('p', [step('first', [made('one', `echo $$ >"$HERE/pid"; ${UNDER_WAY}; echo on >"$HERE/on"`)])])],
    ['a'],
  )
  const outcome = await meanwhile(of, () => setTimeout(() => of.breakOff(new Error('interrupted')), 300))
  assert.is(outcome, 'interrupted')
  assert.not.ok(ends(of).some(({ state }) => state === 'failed'))
  const pid = Number(readFileSync(of.at('a', 'pid'), 'utf8'))
  while (existsSync(`/proc/${pid}`)) await new Promise((done) => setTimeout(done, 50))
  assert.not(existsSync(of.at('a', 'on')))
})

lost.run()
