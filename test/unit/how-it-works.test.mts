/** The blocks of docs/how-it-works.md are what the code makes: a guard is followed from the env file to the checkpoint. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { openCheckpoints } from '../../lib/checkpoint.mts'
import { type Node, vipsOf } from '../../lib/config.mts'
import { FULL } from '../../lib/disk.mts'
import { DRIVER, END } from '../../lib/driver.mts'
import type { Event } from '../../lib/event.mts'
import type { Job } from '../../lib/exchange.mts'
import { work } from '../../lib/exchange.mts'
import { everyNode, type Guard, type Phase, phaseOf } from '../../lib/guard.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { compile } from '../../lib/script.mts'
import { phase as haproxy } from '../../tasks/06-haproxy.mts'
import { suite } from '../suite.mts'
import { folder, shell } from './local-shell.mts'
import { factsOf } from './phase-texts.mts'

const ROOT = resolve(import.meta.dirname, '../..')
const FILE = join(ROOT, 'docs/how-it-works.md')
const PATH = '/etc/sysctl.d/60-quorate.conf'
const document = readFileSync(FILE, 'utf8')

/** A block of the document that has to be what it is here. */
const BLOCK = /^<!-- made: (\w+) -->\n(```\w+\n)[\s\S]*?^```$/gm

const config = parseConfig(/```ini\n([\s\S]*?)```/.exec(document)?.[1] ?? '', 'env')
const node = config.nodes[0] as Node
const facts = factsOf(config, ({ name }) => ({ hostname: name, os: 'ID=debian\nVERSION_ID="12"' }))
const step = phaseOf(haproxy, config).steps.find(({ title }) => title === 'software') as Phase['steps'][number]
const guard = step.guards(config, facts, node).find(({ title }) => title === `${PATH} is in place`) as Guard
const phase: Phase = { ...phaseOf(haproxy, config), steps: [{ ...step, on: everyNode, guards: () => [guard] }] }

/** Text without what stands before each of its lines. */
const outdented = (text: string) => {
  const lines = text.replace(/^\n+|\s+$/g, '').split('\n')
  const by = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)))
  return lines.map((line) => line.slice(by)).join('\n')
}

/** A number of a frame differs from script to script. */
const marked = (text: string) => text.replaceAll(/@@[0-9a-f]{12}/g, '@@5d0c3b7e91a4')

/** What the node's files are here. */
const dir = folder()
const moved = (text: string) =>
  text.replaceAll('/etc/sysctl.d', `${dir}/etc/sysctl.d`).replaceAll('/var/lib/quorate', `${dir}/var/lib/quorate`)
const back = (text: string) => marked(text.replaceAll(dir, ''))

/** The script, with what is the same in each of them named and left out. */
function abridged(): string {
  const { text } = compile([guard], 'apply')
  const cut = text
    .replace(DRIVER, '# … the driver, the same for all: guard, look, frame, whole, waits (lib/driver.mts)')
    .replace(`${FULL}\n`, '')
    .replace(END, '# … the watchdog is sent away, and the last frame is:\nframe bye')
    .replace(/^scratch=[\s\S]*?^frame hello$/m, '# … a scratch folder in memory, and the watchdog\nframe hello')
    .replace(guard.check, '  # … its check, as above')
    .replace(guard.apply as string, '  # … its apply, as above')
  return marked(cut).trimEnd()
}

/** Sends it to a shell here, whose files are in a folder of its own. */
async function told(): Promise<{ readonly wire: string; readonly events: readonly Event[] }> {
  const wire: string[] = []
  const events: Event[] = []
  const job = {
    config,
    ssh: {
      run: (_node, script, onLine) => {
        const { stdout, stderr, status } = shell(['sh'], moved(script))
        for (const line of stdout.trimEnd().split('\n')) {
          wire.push(line)
          onLine(back(line).replace('@@5d0c3b7e91a4', /@@[0-9a-f]{12}/.exec(line)?.[0] ?? ''))
        }
        return { exit: Promise.resolve({ status: status ?? undefined, stderr }), say: () => {}, hangUp: () => {} }
      },
    },
    emit: (event: Event) => events.push(event),
    stop: new AbortController().signal,
    signal: new AbortController().signal,
  } as Pick<Job, 'config' | 'ssh' | 'emit' | 'stop' | 'signal'> as Job
  const lost = await work(job, node, [{ phase, step, guard }], 'apply', false, [])
  assert.is(lost, undefined)
  return { wire: back(wire.join('\n')), events }
}

/** Lines of a run's log, with times that do not differ. */
const logged = (events: readonly Event[]) =>
  events
    .filter(({ type }) => type === 'guard')
    .map((event) =>
      JSON.stringify({ time: '2026-11-26T01:15:52.480Z', ...event, ...('ms' in event ? { ms: 14 } : {}) }),
    )
    .join('\n')

function checkpoint(): string {
  const own = folder()
  const book = openCheckpoints(own, '20261126T011533Z-5024')
  const fingerprint = '9f2c…'
  book.set(phase.id, node.name, { fingerprint, guards: [guard.title], machineId: '4c1d…' })
  book.save()
  return readFileSync(join(own, 'checkpoint.json'), 'utf8')
    .trimEnd()
    .replace(/"time": "[^"]*"/, '"time": "2026-11-26T01:16:55.012Z"')
}

const test = suite('how it works')

test('the blocks are what the code makes', async () => {
  const source = readFileSync(join(ROOT, 'tasks/06-haproxy.mts'), 'utf8')
  const first = await told()
  const second = await told()
  assert.match(first.wire, / end 0 changed 0$/m)
  assert.match(second.wire, / end 0 ok 0$/m)
  const blocks: Readonly<Record<string, string>> = {
    config: JSON.stringify(vipsOf(config)[0]),
    source: /^\/\*\* HAProxy binds the VIP also[\s\S]*?^}$/m.exec(source)?.[0] ?? '',
    check: outdented(guard.check),
    apply: outdented(guard.apply as string),
    script: abridged(),
    wire: first.wire,
    events: logged(first.events),
    again: second.wire,
    checkpoint: checkpoint(),
  }
  const seen: string[] = []
  const now = document.replaceAll(BLOCK, (_, name: string, head: string) => {
    seen.push(name)
    return `<!-- made: ${name} -->\n${head}${blocks[name]}\n\`\`\``
  })
  assert.equal(seen, Object.keys(blocks))
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(FILE, now)
  assert.fixture(
    now,
    readFileSync(FILE, 'utf8'),
    'docs/how-it-works.md is not what the code makes; if it should differ: UPDATE_GOLDEN=1',
  )
})

test.run()
