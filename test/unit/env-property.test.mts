/** 10,000 env files from broken to right, made up by fast-check: the reader never fails on one, tells all that is wrong, and where. */
import { join } from 'node:path'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { cidrText } from '../../lib/address.mts'
import { type Config, vipsOf } from '../../lib/config.mts'
import { ConfigError } from '../../lib/errors.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { suite } from '../suite.mts'
import { type Assignment, change, type EnvFile, junk, junkLines, rightFile, SECRET, textOf } from './env-files.mts'
import { folder } from './local-shell.mts'
import { always } from './property.mts'

const FILE = join(folder(), 'env')
let files = 0

/** What the reader makes of a text: a Config or the error that an operator can mend. Anything else is thrown on. */
function read(text: string): Config | ConfigError {
  files++
  try {
    return parseConfig(text, FILE)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

function accepted(text: string): Config {
  const found = read(text)
  if (found instanceof ConfigError) throw found
  return found
}

function refused(text: string): ConfigError {
  const found = read(text)
  if (found instanceof ConfigError) return found
  throw new Error('nothing was refused')
}

/** Each problem says what to do, where, and no secret; only of what stands nowhere there is no line to tell. */
function wellTold(text: string): void {
  const found = read(text)
  if (!(found instanceof ConfigError)) return
  const { problems, message } = found
  const last = text.replace(/\n$/, '').split('\n').length
  assert.ok(problems.length > 0)
  for (const { line, key, text, remedy } of problems) {
    assert.ok(remedy, text)
    if (line === undefined) assert.match(text, /^(NODES|VIP|FENCING) is missing: /)
    else assert.ok(Number.isInteger(line) && line >= 1 && line <= last, `${key}: line ${line} of ${last}: ${text}`)
    assert.ok(text.length + remedy.length < 1000, `${text.length} characters`)
    assert.not.match(text + remedy, /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/)
  }
  assert.not.match(message, SECRET)
}

const small = rightFile(4)

const broken = suite('env files, broken')
broken('of any characters', () => always(fc.string({ unit: 'binary', maxLength: 200 }), 1000, wellTold))
broken('of lines of any kind', () => always(junkLines, 2500, wellTold))
broken('right ones with changes', () =>
  always(
    fc
      .tuple(small, fc.array(change, { minLength: 1, maxLength: 4 }))
      .map(([{ assignments }, changes]) => changes.reduce((text, one) => one(text), textOf(assignments))),
    2000,
    wellTold,
  ),
)
broken('right ones that lost a line break, so that one value holds the next line', () =>
  always(
    fc.tuple(small, fc.nat()).map(([{ assignments }, number]) => {
      const lines = textOf(assignments).split('\n')
      const at = number % (lines.length - 1)
      return lines.toSpliced(at, 2, `${lines[at]}${lines[at + 1]}`).join('\n')
    }),
    1000,
    wellTold,
  ),
)
broken('right ones with another value for a key, or lines that nobody wants', () =>
  always(fc.tuple(small, fc.nat(), junk, junkLines), 1000, ([{ assignments }, number, value, lines]) => {
    const at = number % assignments.length
    const { key } = assignments[at] as Assignment
    wellTold(textOf(assignments.with(at, { key, text: `${key}=${value}` })))
    wellTold(lines + textOf(assignments))
  }),
)
broken.run()

/** Mistakes that are told where they are, whatever else stands in the file: one line each, by the key that they take the place of. */
const MISTAKES: Readonly<Record<string, readonly string[]>> = {
  CLUSTER_NAME: ['CLUSTER_NAME=a b', 'CLUSTER_NAME=../x', `CLUSTER_NAME=${'x'.repeat(33)}`, 'CLUSTER_NAME="x'],
  VIP: [
    'VIP=192.0.2.256/24',
    'VIP=10.0.0.1',
    'VIP=none',
    'VIP="x',
    'VIP=a#b',
    'VIP=127.0.0.1/8',
    'VIP="10.0.0.1/8 ::1/0"',
    'VIP="2001:db8::1/64 2001:db8::2/64"',
    'VIP="10.0.0.1/8 10.0.0.1/8"',
  ],
  FENCING: ['FENCING=', 'FENCING=ipmi', "FENCING='none", 'FENCING="none"x', 'FENCING=fence_A'],
  LINKS: [
    'LINKS=heartbeat',
    'LINKS=10.0.0.7/24',
    'LINKS=239.0.0.0/24',
    'LINKS="10.9.0.0/24 10.9.0.0/24"',
    "LINKS=10's",
  ],
  LINK_MODE: ['LINK_MODE=pasive', 'LINK_MODE=Active', 'LINK_MODE="active" rr'],
  TRANSPORT: ['TRANSPORT=tcp', 'TRANSPORT=knet#'],
  MCAST_ADDR: ['MCAST_ADDR=10.0.0.1', 'MCAST_ADDR=x', 'MCAST_ADDR=ff15::1%eth0'],
  MCAST_PORT: ['MCAST_PORT=0', 'MCAST_PORT=65536', 'MCAST_PORT=x'],
  TOKEN: ['TOKEN=125', 'TOKEN=1s', 'TOKEN=600001', 'TOKEN=-5', 'TOKEN=1e3', 'TOKEN=`5'],
  QDEVICE: ['QDEVICE=a_b', 'QDEVICE="a b"', 'QDEVICE=127.0.0.1', 'QDEVICE="1 2 3 4"'],
  CLUSTER_PROPERTIES: [
    'CLUSTER_PROPERTIES=colour=blue',
    'CLUSTER_PROPERTIES=batch-limit=many',
    'CLUSTER_PROPERTIES=batch-limit',
    'CLUSTER_PROPERTIES=dc-version=1',
    `CLUSTER_PROPERTIES='batch-limit="1'`,
    'CLUSTER_PROPERTIES=maintenance-mode=true',
    'CLUSTER_PROPERTIES=cluster-recheck-interval=P.',
    'CLUSTER_PROPERTIES=node-health-red=red',
  ],
  SERVICES: ['SERVICES=glance', 'SERVICES="keystone nowa"'],
  SSH_USER: ['SSH_USER=-x', 'SSH_USER=a b'],
  SSH_PORT: ['SSH_PORT=0', 'SSH_PORT=ssh'],
  SSH_KEY: ['SSH_KEY=nothing', 'SSH_KEY=.', `SSH_KEY=${'x'.repeat(4096)}`],
  SSH_CONFIG: ['SSH_CONFIG=nothing/there', 'SSH_CONFIG=/'],
  NTP_SERVERS: ['NTP_SERVERS=a_b', 'NTP_SERVERS="0.pool.ntp.org 1.2.3.4.5"'],
  FIREWALL: ['FIREWALL=on', 'FIREWALL=Open'],
  SELINUX: ['SELINUX=enforcing'],
  REPOS: ['REPOS=ppa:me/x', 'REPOS=deb http://h/d x', 'REPOS=deb http://h/d x main key=nothing'],
  OS_USERNAME: ['OS_USERNAME=a#b', "OS_USERNAME='a"],
  OS_PASSWORD: [
    `OS_PASSWORD=${SECRET}#`,
    `OS_PASSWORD="${SECRET}`,
    `OS_PASSWORD="\\n${SECRET}"`,
    `OS_PASSWORD="a\\"${SECRET}"`,
  ],
  OS_PROJECT_NAME: ['OS_PROJECT_NAME="a"b', 'OS_PROJECT_NAME=\u0007'],
  OS_REGION_NAME: ['OS_REGION_NAME="a\\"', "OS_REGION_NAME=it's"],
  STATS_USER: ['STATS_USER=a:b', 'STATS_USER="a b"', "STATS_USER='a"],
  STATS_PASSWORD: [`STATS_PASSWORD=${SECRET}#`, `STATS_PASSWORD="${SECRET}`, `STATS_PASSWORD="\\n${SECRET}"`],
  RATE_LIMIT_keystone: [
    'RATE_LIMIT_keystone=100',
    'RATE_LIMIT_keystone=0/10s',
    'RATE_LIMIT_keystone=100/10',
    'RATE_LIMIT_keystone="10/1s 20/2s"',
    'RATE_LIMIT_keystone="1/1s',
  ],
  RATE_LIMIT_nobody: ['RATE_LIMIT_nobody=1/1s', 'RATE_LIMIT_nobody=x', 'RATE_LIMIT_nobody=1/1s#'],
  FENCE_nobody: ['FENCE_nobody=ip=1', 'FENCE_nobody=ip', 'FENCE_nobody=ip=1#'],
  COLOUR: [
    'COLOUR=blue',
    'COLOUR blue',
    'COLOUR="blue',
    'COLOUR=blue#',
    'MY COLOUR=blue',
    'COLOUR: blue',
    '=blue',
    'COLOUR=\0',
  ],
}

/** A right file in which some keys have a mistake instead, and which lines those are. */
const withMistakes = fc
  .tuple(small, fc.subarray(Object.keys(MISTAKES), { minLength: 1 }), fc.infiniteStream(fc.nat()))
  .map(([{ assignments }, keys, numbers]) => {
    const pick = () => numbers.next().value as number
    const wrong = keys.map((key): Assignment => {
      const some = MISTAKES[key] as readonly string[]
      return { key: `!${key}`, text: some[pick() % some.length] as string }
    })
    const all = assignments.filter(({ key }) => !keys.includes(key))
    for (const one of wrong) {
      // Below a quote that is not closed, what looks like no key would belong to its value.
      const at = /^[A-Z_a-z]+=/.test(one.text) ? pick() % (all.length + 1) : 0
      all.splice(at, 0, one)
    }
    const lines: number[] = []
    let line = 1
    for (const { key, text } of all) {
      if (key.startsWith('!')) lines.push(line)
      line += text.split('\n').length
    }
    return { text: textOf(all), lines }
  })

const told = suite('env files with several mistakes')
told('each of them is told at once, with its line', () =>
  always(withMistakes, 700, ({ text, lines }) => {
    const found = new Set(refused(text).problems.map(({ line }) => line))
    assert.equal(
      lines.filter((line) => !found.has(line)),
      [],
    )
    wellTold(text)
  }),
)
told('also those in the lines of one value', () => {
  const lines = fc.shuffledSubarray([
    'batch-limit=x',
    'colour=blue',
    '"a',
    'pe-warn-series-max=',
    'x',
    'dc-version=1',
    'b\\c',
  ])
  always(lines, 200, (some) => {
    const found = read(`CLUSTER_PROPERTIES='\n${some.join('\n')}\n'\n`)
    assert.ok(found instanceof ConfigError)
    const at = found.problems.flatMap(({ line, key }) => (key === 'CLUSTER_PROPERTIES' ? [line] : []))
    assert.equal(
      at,
      some.map((_, index) => index + 2),
    )
  })
})
told('a key that is there twice, whatever the first one is', () =>
  always(fc.constantFrom(...Object.values(MISTAKES).flat()), 100, (first) => {
    const key = /^(\w+)=/.exec(first)?.[1]
    if (key === undefined || first.includes('\0')) return
    const { problems } = refused(`${first}\n${key}=x\n`)
    assert.ok(
      problems.some(({ line, text }) => line === 2 && text === `${key} is set twice: it is already in line 1`),
      problems.map(({ text }) => text).join('\n'),
    )
  }),
)
told.run()

const right = suite('env files that are right')

const decorated = (assignments: EnvFile['assignments'], comments: readonly string[], crlf: boolean) => {
  const text = assignments.map(({ text }, index) => `${comments[index % comments.length] ?? ''}${text}\n`).join('')
  return crlf ? `\uFEFF${text.replaceAll('\n', '\r\n')}` : text
}
const comment = fc.constantFrom('', '\n', '# a comment: "x=1\n', "  # it's\n\n", ' \t\n', '#VIP=1\n')

right('say what was meant, however they are written', () =>
  always(rightFile(), 300, ({ assignments, meant }) => {
    const found = accepted(textOf(assignments))
    assert.equal(found.nodes, meant.nodes)
    assert.equal(found.fence, meant.fence)
    assert.equal(vipsOf(found).map(cidrText), meant.vips)
    assert.equal(
      found.links.map(({ address, prefix }) => `${address}/${prefix}`),
      meant.links.map(({ network }) => network),
    )
    const { OS_PASSWORD, OS_USERNAME, OS_REGION_NAME } = meant.openrc
    const { password, username, regionName } = found.openrc ?? {}
    assert.equal([password, username, regionName], [OS_PASSWORD, OS_USERNAME, OS_REGION_NAME])
    const secrets = Object.values(meant.fence).map(({ password }) => password)
    for (const secret of [...secrets, ...(password === undefined ? [] : [password])])
      assert.ok(found.secrets.includes(secret as string))
  }),
)
right('stay the same with comments, blank lines, CRLF and in another order, and on every call', () =>
  always(
    fc.tuple(small, fc.array(comment, { minLength: 1, maxLength: 5 }), fc.boolean(), fc.nat()),
    400,
    ([{ assignments }, comments, crlf, turn]) => {
      const found = accepted(textOf(assignments))
      const at = turn % assignments.length
      const { fence, ...rest } = accepted(
        decorated([...assignments.slice(at), ...assignments.slice(0, at)], comments, crlf),
      )
      const { fence: before, ...others } = found
      assert.equal({ ...rest, secrets: [...rest.secrets].sort() }, { ...others, secrets: [...others.secrets].sort() })
      assert.equal(Object.entries(fence).sort(), Object.entries(before).sort())
      assert.equal(accepted(textOf(assignments)), found)
    },
  ),
)
right('and a broken one is refused in the same words on every call', () =>
  always(junkLines, 200, (text) => {
    const [one, two] = [read(text), read(text)]
    assert.equal(
      [one, two].map((found) => (found instanceof ConfigError ? found.message : JSON.stringify(found))),
      Array(2).fill(one instanceof ConfigError ? one.message : JSON.stringify(one)),
    )
  }),
)
right('10,000 files were read', () => assert.ok(files >= 10_000, `only ${files}`))
right.run()
