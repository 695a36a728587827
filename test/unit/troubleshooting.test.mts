/** docs/troubleshooting.md has an entry for each text that a card can begin with, and none for a text that there is not. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import type { GuardEnd } from '../../lib/event.mts'
import type { Job } from '../../lib/exchange.mts'
import { FAULTS } from '../../lib/here.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { KNOWN, reason } from '../../lib/reason.mts'
import { refusals } from '../../lib/refusals.mts'
import { phase as vip } from '../../tasks/05-vip.mts'
import { suite } from '../suite.mts'
import { factsOf, guardsOf, twoNodes } from './phase-texts.mts'

const ROOT = resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

/** The titles of entries, and the texts in a list below one that it is about as well. */
const entries = [...read('docs/troubleshooting.md').matchAll(/^(?:### |- )`([^`]+)`$/gm)].map(([, text = '']) => text)

/** Whether a text is one of these, with something for each of their places that differ. */
const pattern = (text: string) =>
  new RegExp(
    `^${text
      .split('…')
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
    's',
  )
const patterns = entries.map(pattern)
const without = (texts: readonly string[]) =>
  [...new Set(texts)].filter((text) => !patterns.some((one) => one.test(text))).sort()

/** The text of a literal in source that begins here, with … for what is put in; undefined where it is no literal. */
function literalAt(source: string, begin: number): string | undefined {
  const quote = source[begin]
  if (quote !== "'" && quote !== '"' && quote !== '`') return undefined
  let text = ''
  for (let at = begin + 1; at < source.length; at++) {
    if (source[at] === quote) return text
    if (quote === '`' && source.startsWith('${', at)) {
      let depth = 0
      do depth += source[at] === '{' ? 1 : source[at] === '}' ? -1 : 0
      while (source[at++] !== '}' || depth > 0)
      at--
      text += '…'
    } else if (source[at] === '\\') text += source[++at]
    else text += source[at]
  }
  return undefined
}

/** Makers of guards that take the title first, or after the config. */
const MAKERS = 'require|comes|problem|stated|together|cib|answers|answer'
/** What has a title and is no guard: steps, phases, scripts, scenarios, lines of the list. */
const OTHERS = /^,?\s*(?:on|facts|phases|lacks|needs|asks|task)\b/

/** The titles of guards as they stand in the source of lib and tasks. */
const titles = ['lib', 'lib/guards', 'tasks'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.mts') && name !== 'orchestrator.mts')
    .flatMap((name) => {
      const source = read(join(folder, name))
      const places = source.matchAll(
        new RegExp(`(?:\\btitle(?::| =)\\s*|\\b(?:${MAKERS})\\(\\s*(?:config,\\s*)?)(?=['"\`])`, 'g'),
      )
      return [...places].flatMap(({ index, 0: found }) => {
        const begin = index + found.length
        const text = literalAt(source, begin)
        const before = source.slice(Math.max(0, index - 80), index)
        const rest = source.slice(begin + (text?.length ?? 0))
        const end = rest.slice(rest.search(/['"`],/) + 1)
        const isGuard = !OTHERS.test(end) && !/\b(?:id|script|name): [\w'"`./-]+,\s*$/.test(before)
        return text && isGuard ? [text] : []
      })
    }),
)

/** Made of parts: the one is a part of other guards and never on a card, the other is among those that are rendered. */
const MADE = ['… has …', '… runs…']

/** The titles that clusters of every kind have, with what is put in. */
const rendered = () => {
  const services = 'keystone glance placement nova neutron'
  const more = [
    '',
    'TLS_CERT=self-signed\n',
    'FIREWALL=off\nSELINUX=permissive\n',
    'TRANSPORT=udp\nNTP_SERVERS=192.0.2.9\n',
    'REPOS="deb http://mirror.test.com/debian bookworm-backports main"\nSTATS_PASSWORD=x1y2z3\n',
  ]
  const fences = "FENCING=fence_ipmilan\nFENCE_n1='ip=192.0.2.21'\nFENCE_n2='ip=192.0.2.22'"
  const configs = [
    ...more.map((lines) => twoNodes(services) + lines),
    twoNodes(services).replace('VIP=192.0.2.100/24', 'VIP="192.0.2.100/24 2001:db8::100/64"'),
    twoNodes(services).replace('FENCING=none', fences),
  ].map((text) => parseConfig(text, 'env'))
  return configs.flatMap((config) =>
    guardsOf(
      config,
      factsOf(config, (node) => ({ hostname: node.name })),
    ).map(({ guard }) => guard.title),
  )
}

/** What ssh says of each kind that no table has. */
const SAID = [
  '',
  'No ED25519 host key is known for 192.0.2.1 and you have requested strict checking.\nHost key verification failed.',
  'Host key for 192.0.2.1 has changed\nHost key verification failed.',
  'Host key for jump has changed\nHost key verification failed.\nConnection closed by UNKNOWN port 65535',
  'No RSA host key is known for jump and so\nHost key verification failed.\nConnection closed by UNKNOWN port 65535',
  'channel 0: open failed: connect failed: No route to host\nstdio forwarding failed',
  'channel 0: open failed: connect failed: who knows\nstdio forwarding failed',
  'ssh: connect to host jump port 22: Connection refused\nConnection closed by UNKNOWN port 65535',
  'nc: Connection refused\nConnection closed by UNKNOWN port 65535',
  'nothing\nConnection closed by UNKNOWN port 65535',
]
const reasons = [
  ...KNOWN.map(([, text]) => text.replaceAll('$1', '…')),
  ...SAID.map((stderr) => reason({ status: 255, stderr }).text),
  reason({ status: 1, stderr: '' }).text,
]

const refused = () => {
  const config = parseConfig(twoNodes('keystone'), 'env')
  const end = { phase: vip.id, node: 'n2', guard: 'the VIP is a resource', state: 'pending' } as GuardEnd
  const job = { config, phases: [vip], before: [], nodes: config.nodes.slice(0, 1) } as unknown as Job
  return [...refusals(job, [end]), ...refusals({ ...job, before: [vip], nodes: config.nodes }, [end])].map(
    ({ text }) => text,
  )
}

const faults = Object.values(FAULTS).map(([text]) => text)

/** Of texts that stand in no table: as they are in the source, with … for what is put in. */
const SPOKEN = [
  'another run holds the lock',
  'interrupted',
  'This is a bug of quorate, not a mistake of yours; what it says is above.',
  'the log is not whole',
  'there is no trace',
  'what was done is not on record, and will be looked at anew',
  '…: what was done before is not known, all is looked at anew',
  'there is no terminal to answer the question',
  'there is no ssh on this machine',
  '… belongs to another user or is open to others',
  "it lets us in, but no shell of root's answers within … s",
  '--nodes: … is made on all nodes or none: on … alone it would leave the cluster half made',
]

const test = suite('troubleshooting')

test('titles are found in the source', () => {
  assert.ok(titles.length > 100, String(titles.length))
  for (const text of [
    'the ring is quorate, with every node in it',
    '… is in place',
    "keystone's keys are the same on all nodes",
    '… answers on …',
    'the catalogue of keystone can be read',
    ...MADE,
  ])
    assert.ok(titles.includes(text), text)
})

test('each guard has an entry', () => {
  assert.equal(
    titles.filter((text) => !entries.includes(text) && !MADE.includes(text)),
    [],
  )
})

test('each guard of clusters of every kind has an entry', () => {
  assert.ok(rendered().length > 500)
  assert.equal(without(rendered()), [])
})

test('each reason why a node could not be asked has an entry', () => {
  assert.ok(reasons.length > 30)
  assert.equal(without(reasons), [])
})

test('each refusal has an entry', () => {
  assert.is(refused().length, 2)
  assert.equal(without(refused()), [])
})

test('each fault of this machine has an entry', () => {
  assert.ok(faults.length > 10)
  assert.equal(without(faults), [])
})

test('each other end of a run has an entry, in words of the source', () => {
  const source = ['screen', 'launch', 'ssh', 'exchange'].map((name) => read(`lib/${name}.mts`)).join('\n')
  for (const text of SPOKEN) for (const part of text.split('…')) assert.ok(source.includes(part), part)
  assert.equal(without(SPOKEN), [])
})

test('no entry is about a text that there is no more', () => {
  const all = [...titles, ...rendered(), ...reasons, ...refused(), ...faults, ...SPOKEN]
  assert.equal(
    entries.filter((text) => !all.some((one) => one === text || pattern(text).test(one))),
    [],
  )
})

test('no text has two entries', () => {
  assert.equal(
    entries.filter((text, index) => entries.indexOf(text) !== index),
    [],
  )
})

test.run()
