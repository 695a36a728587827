/** A lab in which one case after the other is run: the ground, the fault, what it left, the same command again. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { changedOn, ended, eventsOf, kill, type LabAlone, type Run, until } from '../lab/cluster.mts'
import { answers, type Case, type Moment, type Seen } from './cases.mts'

/** A row of the table. */
export interface Row {
  readonly name: string
  readonly title: string
  readonly left: string
  readonly did: string
  /** Of the run that finished it. */
  readonly seconds: number
  /** Why it did not converge. */
  readonly wrong?: string
}

export interface Lane {
  readonly run: (one: Case) => Promise<Row>
}

/** What a cut-off run may leave on a node, a line each. */
const LEFT = `
[ ! -s /run/quorate/lock ] || echo 'its lock'
n=$(ps -eo args | grep -c '[q]uorate-watchdog'); [ "$n" = 0 ] || echo "scripts that run: $n"
n=$(find / -xdev -name '*quorate-new*' 2>/dev/null | wc -l); [ "$n" = 0 ] || echo "files half written: $n"
[ -z "$(dpkg --audit)" ] || echo 'packages half installed'
n=$(find /run/systemd/system -lname /dev/null 2>/dev/null | wc -l); [ "$n" = 0 ] || echo "masked units: $n"`
/** What may be there when all is done: nothing. */
const NOTHING = `
${LEFT}
find /run -maxdepth 1 -name 'quorate.*' -printf 'scratch folder %p\\n'
ps -eo args | grep -e '^sh -[s]' -e 'setsid -w sh -[s]' || :`

export async function lane(lab: LabAlone): Promise<Lane> {
  await lab.up()
  const book = join(lab.stateDir, 'checkpoint.json')
  const env = readFileSync(lab.env, 'utf8')
  const grounds = join(lab.stateDir, 'grounds')
  const saved: string[] = []

  /** The ground on which the nodes stand, as long as nothing is done on it. */
  let stands = ''

  const putBack = async (name: string) => {
    if (stands === name) return
    lab.hangUp()
    await lab.lab('restore', name)
    rmSync(book, { force: true })
    if (existsSync(join(grounds, name))) copyFileSync(join(grounds, name), book)
    writeFileSync(lab.env, env)
  }
  const save = async (name: string) => {
    lab.hangUp()
    await lab.lab('save', name)
    mkdirSync(grounds, { recursive: true })
    if (existsSync(book)) copyFileSync(book, join(grounds, name))
    saved.push(name)
    stands = name
  }
  /** Nodes on which the phases before this one are done, and no other: made once from the last ground before it. */
  const ground = async (number: string) => {
    if (saved.length === 0) await save('00')
    if (!saved.includes(number)) {
      await putBack(saved.filter((one) => one < number).at(-1) as string)
      ended(await lab.run('cluster', '--to', `0${Number(number) - 1}`), 0)
      await save(number)
    }
    await putBack(number)
    stands = ''
    // What stands on pacemaker is not to find it at its start: the nodes were off.
    if (number > '04')
      await until('the nodes are online in pacemaker', 120, async () => {
        const { stdout } = await lab.ask(lab.nodes[0] as string, 'crm_mon --one-shot --output-as=xml')
        return [...stdout.matchAll(/<node [^>]*online="true"[^>]* pending="false"/g)].length === lab.nodes.length
      })
  }

  const runs = join(lab.stateDir, 'runs')
  const logs = () => (existsSync(runs) ? readdirSync(runs) : [])

  /** Starts the run, with the moments of it. */
  const begin = () => {
    const known = logs()
    const { child, run } = lab.begin('cluster', '--json')
    let over = false
    void run.then(() => {
      over = true
    })
    const sees = async ({ phase, event, times = 1 }: Moment) => {
      for (;;) {
        const log = logs().find((one) => !known.includes(one))
        const all = log === undefined ? [] : linesOf(join(runs, log))
        // Some of a phase may be done before it begins.
        const begun = all.findIndex((one) => one.type === 'phase' && one.phase === 'survey' && one.state === 'end')
        const seen = begun < 0 ? [] : all.slice(begun).filter((one) => one.phase === phase && event(one))
        if (seen.length >= times) return
        if (over) assert.unreachable(`the run ended before it came to that in ${phase}:\n${(await run).text}`)
        await pause(5)
      }
    }
    return { lab, run, sees, kill: () => kill(child, 'SIGKILL'), over: run.then(({ code }) => code) }
  }

  const lookAt = async (text: string) => {
    const found = lab.nodes.map(async (node) => {
      const { code, stdout } = await lab.ask(node, text)
      const lines = stdout.split('\n').filter(Boolean)
      return (code === 0 || lines.length > 0 ? lines : ['off']).map((line) => `${node}: ${line}`)
    })
    return (await Promise.all(found)).flat()
  }

  const attempt = async (one: Case): Promise<Omit<Row, 'name' | 'title'>> => {
    await ground(one.phase)
    await one.prepare?.(lab)
    const cut = begin()
    await one.fault(cut)
    const first = await cut.run
    assert.is(first.code, one.ends, first.text)
    if (one.ends === 2) assert.match(first.stderr, /✖ .* failed on node2: not true: /)
    const left = await lookAt(LEFT)
    await one.repair?.(lab)
    if (one.ends === 4 || one.strangers) await answers(lab)

    const recorded = existsSync(book) ? (JSON.parse(readFileSync(book, 'utf8')) as Record<string, object>) : {}
    const since = Date.now()
    const again = await lab.run('cluster', '--json')
    const seconds = (Date.now() - since) / 1000
    ended(again, 0)
    const told = toldBy(again, Object.keys(recorded), lab.nodes.length, one)
    const [proof, further] = await Promise.all([lab.run('verify'), lab.run('cluster', '--json')])
    ended(proof, 0)
    ended(further, 0)
    assert.is(further.json().changed, 0, further.text)
    await until('nothing half done is left', 10, async () => {
      const rest = await lookAt(NOTHING)
      if (rest.length > 0) throw new Error(rest.join(', '))
      return true
    })
    return { left: [told.open, ...grouped(left)].filter(Boolean).join('; '), did: told.did, seconds }
  }

  return {
    run: async (one) => {
      const { name, title } = one
      try {
        return { name, title, ...(await attempt(one)) }
      } catch (error) {
        return { name, title, left: '', did: '', seconds: 0, wrong: (error as Error).message }
      }
    },
  }
}

/** The last line may be half written. */
function linesOf(file: string): readonly Seen[] {
  const text = readFileSync(file, 'utf8')
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

/** The same of several nodes is said once. */
const grouped = (lines: readonly string[]) =>
  [...Map.groupBy(lines, (line) => line.replace(/^\S+: /, ''))].map(
    ([text, own]) => `${own.map((line) => line.replace(/:.*/, '')).join(' ')}: ${text}`,
  )

const short = (phase: string) => phase.slice(0, 2)

/** What the next run found and did; throws when its report is not what the checkpoints and its own survey say. */
function toldBy(run: Run, recorded: readonly string[], nodes: number, one: Case) {
  const { log, phases } = run.json()
  const events = eventsOf(log)
  const begun = events.findIndex(({ type, phase }) => type === 'phase' && phase !== 'survey')
  const ends = events.slice(0, begun).filter(({ type, status }) => type === 'guard' && status !== undefined)
  const open = ends.filter(({ state }) => state !== 'ok')
  const notes = events.filter(({ type }) => type === 'note').map(({ text }) => String(text))
  const resumed = notes.filter((text) => text.startsWith('resumed: '))

  const all = phases.map(({ id }) => id)
  const held = recorded.filter((phase) => !open.some((end) => end.phase === phase))
  if (one.strangers) {
    assert.equal(resumed, [], run.text)
    assert.match(notes.join('\n'), one.strangers)
  } else {
    const unfinished = all.some((phase) => !recorded.includes(phase))
    assert.is(resumed.length, held.length > 0 && unfinished ? 1 : 0, `${resumed} for ${recorded}\n${run.text}`)
    if (resumed.length > 0) {
      const next = all.find((phase) => !held.includes(phase))
      const runs =
        held.length === 1 ? short(held[0] as string) : `${short(held[0] as string)}–${short(held.at(-1) as string)}`
      const inOneGo =
        all
          .slice(all.indexOf(held[0] as string))
          .slice(0, held.length)
          .join() === held.join()
      assert.match(
        resumed[0] as string,
        new RegExp(
          `^resumed: ${inOneGo ? runs : '[0-9–, ]+'} holds? from before \\(run \\S+, .* ago\\); goes on with ${next}$`,
        ),
      )
      assert.match(run.stderr, resumed[0] as string)
    }
    for (const phase of held)
      for (const [node, { changed }] of Object.entries(phases.find(({ id }) => id === phase)?.nodes ?? {}))
        assert.is(changed, 0, `${phase} was resumed, and has changed something on ${node}`)
    const drifted = notes.filter((text) => text.startsWith('drifted: ') || text.startsWith('settings '))
    if (one.ends === null) assert.equal(drifted, [], 'nothing has drifted')
  }
  const changed = phases
    .filter(({ nodes }) => Object.values(nodes).some((node) => node.changed > 0))
    .map(({ id }) => id)
  const count = Object.keys(phases[0]?.nodes ?? {}).reduce((sum, node) => sum + changedOn(run, node), 0)
  const counted = [
    ...Map.groupBy(
      open.filter(({ phase }) => short(String(phase)) === one.phase),
      ({ node }) => node,
    ),
  ]
  return {
    open:
      counted.length === 0
        ? `all of ${one.phase} is true`
        : `not true in ${one.phase}: ${[...counted].map(([node, own]) => `${own.length} on ${node}`).join(', ')}`,
    did: [
      ...notes.map((text) => text.replace(/ \(run .* ago\)/, '')),
      changed.length === 0
        ? 'nothing to change'
        : `changed ${count} in ${short(changed[0] as string)}${changed.length > 1 ? `–${short(changed.at(-1) as string)}` : ''}`,
    ].join('; '),
    nodes,
  }
}
