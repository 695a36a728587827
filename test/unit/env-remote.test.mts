/** What accepted env files become: files that the real daemons take, and scripts in which no value is anything but a value. */
import { join } from 'node:path'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Config, Node } from '../../lib/config.mts'
import { ConfigError } from '../../lib/errors.mts'
import type { Facts } from '../../lib/facts.mts'
import { type Draft, phaseOf, type Step } from '../../lib/guard.mts'
import { KEYS, parseConfig } from '../../lib/read-config.mts'
import { aptSources } from '../../lib/render/apt.mts'
import { clusterFragments, clusterProperties, fencePrimitives } from '../../lib/render/cib.mts'
import { cibOf } from '../../lib/render/cib-xml.mts'
import { corosyncProblems } from '../../lib/render/corosync-problems.mts'
import { asMembers } from '../../lib/ring.mts'
import { compile } from '../../lib/script.mts'
import { phase as corosync } from '../../tasks/03-corosync.mts'
import { phase as haproxy } from '../../tasks/06-haproxy.mts'
import { suite } from '../suite.mts'
import { canBeWritten, type EnvFile, rightFile, textOf } from './env-files.mts'
import { harmless } from './harmless.mts'
import { folder, SHELLS, shell } from './local-shell.mts'
import { factsOf, textsOf } from './phase-texts.mts'
import { always, alwaysAsync } from './property.mts'
import { corosyncTest, needing, runTool, withFile } from './real-tool.mts'

const FILE = join(folder(), 'env')
const place = harmless()
const CANARY = 'canary'

/** What keystone says with a token, and what it keeps. */
const service = { id: 's1', type: 'identity' }
const catalogue = (id: string, url: string, region: string) => {
  const endpoint = { id, interface: 'public', region_id: region, url }
  return `192.0.2.1\n${JSON.stringify({ token: { catalog: [{ ...service, endpoints: [endpoint] }] } })}`
}
const endpoints = (id: string, url: string, region: string) => {
  const endpoint = { id, service_id: 's1', interface: 'public', region_id: region, url }
  return `${JSON.stringify({ services: [service] })}\n${JSON.stringify({ endpoints: [endpoint] })}`
}

/** What nodes of these addresses say that were built before; `more` comes on top. */
const factsFor = (config: Config, links: EnvFile['meant']['links'], more = (_: Node, __: number) => ({})): Facts =>
  factsOf(config, (node, index) => {
    const own = [`${node.address}/${config.vip.prefix}`]
    const all = [...own, ...links.map(({ addresses, network }) => `${addresses[index]}/${network.split('/')[1]}`)]
    return {
      os: 'ID=debian\nVERSION_ID="12"',
      hostname: node.name,
      'machine-id': `${index}`.repeat(32),
      addresses: [...new Set(all)]
        .map((cidr, at) => `${at + 2}: eth${at}    inet${cidr.includes(':') ? '6' : ''} ${cidr} scope global eth${at}`)
        .join('\n'),
      'clock-skew': '0.1',
      chrony: 'yes',
      'ssh.key': `ssh-ed25519 AAAAkey${index} root@x`,
      'ssh.host-keys': `ssh-ed25519 AAAAhost${index} root@x`,
      'ssh.settings': 'port 22\npermitrootlogin yes',
      'secret.corosync.key': Buffer.from('k'.repeat(128)).toString('base64'),
      'packaging.keystone': 'apache /etc/apache2/sites-available/keystone.conf',
      catalogue: catalogue('e1', 'http://192.0.2.1:5000/v3', config.openrc?.regionName ?? 'RegionOne'),
      ...more(node, index),
    }
  })

const rendered = suite('files of accepted env files')
const checked = (title: string, tool: string, handler: () => unknown) => needing(rendered, tool)(title, handler)

/** The file as the script of its phase leaves it on the first node. */
function written(phase: Draft, path: string, { assignments, meant }: EnvFile): [string, Config, Facts] {
  const config = parseConfig(textOf(assignments), FILE)
  const facts = factsFor(config, meant.links)
  const step = phaseOf(phase, config).steps.find(({ title }) => title === 'configure') as Step
  const guards = step.guards(config, facts, config.nodes[0] as Node)
  const texts = guards.map(({ apply, check }) => apply ?? check)
  place.clear()
  const said = place.run('sh', texts)
  const text = place.file(path)
  if (text === undefined) throw new Error(`there is no ${path}: ${said}`)
  return [text, config, facts]
}

checked('corosync -t takes each corosync.conf, and our linter too', 'corosync', () =>
  alwaysAsync(rightFile(), 40, async (file) => {
    const [conf, { nodes }] = written(corosync, '/etc/corosync/corosync.conf', file)
    assert.equal(corosyncProblems(conf), [])
    const { code, output } = await corosyncTest(conf, nodes[0]?.name ?? '')
    assert.is(code, 0, output)
    assert.not.match(output, /warning|error/)
  }),
)
checked('haproxy -c takes each haproxy.cfg without a warning', 'haproxy', () =>
  alwaysAsync(rightFile(), 30, async (file) => {
    const [cfg] = written(haproxy, '/etc/haproxy/haproxy.cfg', file)
    const { code, output } = await withFile('haproxy.cfg', cfg, (path) => runTool('haproxy', ['-c', '-dW', '-f', path]))
    assert.is(code, 0, output)
  }),
)
checked('crm_verify takes each CIB', 'crm_verify', () =>
  alwaysAsync(rightFile(), 40, async ({ assignments, meant }) => {
    const config = parseConfig(textOf(assignments), FILE)
    const xml = cibOf(clusterFragments(asMembers(config, factsFor(config, meant.links)), () => new Map()))
    const { code, output } = await withFile('cib.xml', xml, (path) =>
      runTool('crm_verify', ['-VV', '--xml-file', path]),
    )
    assert.is(code, 0, output)
    assert.not.match(output, /error/)
  }),
)
rendered.run()

/** Pieces that would leave a file behind, or break a script, wherever a shell took one for more than text. */
const PIECES = [
  ...[
    `$(>${CANARY})`,
    `\`>${CANARY}\``,
    `;>${CANARY};`,
    `' >${CANARY} '`,
    `" >${CANARY} "`,
    `'$(>${CANARY})'`,
    `"$(>${CANARY})"`,
  ],
  ...[
    `|>${CANARY}`,
    `&& >${CANARY} &`,
    `\${x:-$(>${CANARY})}`,
    `') >${CANARY} ('`,
    `}; >${CANARY}; {`,
    `\\' >${CANARY} \\'`,
  ],
  ...[
    `touch ${CANARY}`,
    '$',
    '${',
    '$((',
    '`',
    "'",
    '"',
    '\\',
    '\\n',
    '%s',
    '%n',
    '%',
    '*',
    '?',
    '~',
    '-n',
    '--',
    '-',
    '#',
    '!',
    '&',
    '<',
    '<<EOF',
  ],
  ...[
    ' ',
    '  ',
    '=',
    'a',
    'x y',
    'ä',
    '密码',
    '🔑',
    'e\u0301',
    '\u202e',
    '</nvpair>',
    ']]>',
    '{}',
    '{"a":1}',
    '/etc/passwd',
    '$HOME',
    '$0',
    '$1',
  ],
]
const pieces = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 }).map((some) => some.join(''))
const hostile = fc
  .oneof(
    { weight: 5, arbitrary: pieces },
    {
      weight: 1,
      arbitrary: pieces.map((one) =>
        one
          .repeat(Math.ceil(4096 / one.length))
          .slice(0, 4096)
          .toWellFormed(),
      ),
    },
  )
  .filter((value) => value.trim() !== '')
const inOneLine = hostile.filter(canBeWritten)

const quoted = (value: string) => {
  const quote = ['"', "'", '`'].find(
    (one) => !value.includes(one) && !value.endsWith('\\') && !(one === '"' && /\\[nr]/.test(value)),
  )
  return `${quote}${value}${quote}`
}
const inPair = (value: string) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`
/** A word of an apt source. */
const bare = hostile
  .map((value) => value.replaceAll(/[\s#[\]]/g, ''))
  .filter((value) => value !== '' && canBeWritten(value))

const BASE = [
  'NODES="\n192.0.2.1 node1.test.com node1\n192.0.2.2 node2.test.com node2\n"',
  'VIP=192.0.2.99/24',
  'FENCING=fence_ipmilan',
]
const FENCE = 'FENCE_node1="ip=a password=b"'

/** Files in which everything is hostile that can be. */
const hostileFile = fc
  .record({
    openrc: fc.tuple(
      ...KEYS.filter((key) => key.startsWith('OS_')).map((key) => inOneLine.map((value) => `${key}=${quoted(value)}`)),
    ),
    fence: inOneLine
      .map(inPair)
      .filter(canBeWritten)
      .map((value) => `FENCE_node1=${quoted(`ip=${value} password=${value}`)}`),
    name: inOneLine
      .map(inPair)
      .filter(canBeWritten)
      .map((value) => `CLUSTER_PROPERTIES=${quoted(`cluster-name=${value}`)}`),
    repo: fc
      .tuple(bare, bare, bare)
      .map(([path, suite, component]) => `deb http://m.test.com/${path} ${suite.replace(/\/+$/, '')}x ${component}`)
      .filter((text) => canBeWritten(text) && !/\skey=/.test(text))
      .map((text) => `REPOS=${quoted(text)}`),
  })
  .map(
    ({ openrc, fence, name, repo }) =>
      `${[...BASE, fence, 'FENCE_node2="ip=a password=b"', name, repo, ...openrc].join('\n')}\n`,
  )

const scripts = suite('scripts of accepted env files')

/** What the nodes of a file get in which nothing is hostile. */
const plain = (() => {
  const config = parseConfig(`${[...BASE, FENCE, FENCE.replace('1', '2'), 'OS_PASSWORD=x'].join('\n')}\n`, FILE)
  return { config, texts: new Set(textsOf(config, factsFor(config, [])).map(([, text]) => text)) }
})()

/** Runs each text in which anything is hostile, and looks that nothing of it became a command. */
function runs(shell: string, texts: readonly (readonly [string, string])[]): string {
  place.clear()
  const before = place.names()
  const said = place.run(
    shell,
    [...new Set(texts.map(([, text]) => text))].filter((text) => !plain.texts.has(text)),
  )
  assert.equal(
    place.names().filter((name) => !before.includes(name)),
    [],
  )
  assert.not.match(said, /not found|[Ss]yntax error|unexpected|bad substitution|parameter not set|unbound variable/)
  return said
}

for (const [program, words] of SHELLS) {
  needing(scripts, program)(`${program} can read them, whatever stands in the file`, () =>
    always(hostileFile, 10, (text) => {
      const config = parseConfig(text, FILE)
      const guards = textsOf(config, factsFor(config, [])).map(([title, check]) => ({ title, check }))
      assert.is(shell([...words, '-n'], compile(guards, 'check').text, true).stderr, '')
    }),
  )
}

for (const program of ['dash', 'bash']) {
  needing(scripts, program)(`${program} takes values for nothing but values, and hands them on whole`, () =>
    always(hostileFile, 8, (text) => {
      const config = parseConfig(text, FILE)
      runs(program, textsOf(config, factsFor(config, [])))
      assert.is(place.file('/etc/apt/sources.list.d/quorate.sources'), aptSources(config.repos))
      const given = place.given()
      for (const { xml } of [...fencePrimitives(config), clusterProperties(config)]) assert.ok(given.includes(xml), xml)
      const bodies = given.split('\n').filter((line) => line.startsWith('{"auth":'))
      assert.ok(bodies.length > 0)
      for (const body of bodies) {
        const { identity, scope } = JSON.parse(body).auth
        const { user } = identity.password
        const { project } = scope
        assert.equal(
          { ...config.openrc, regionName: '' },
          {
            username: user.name,
            password: user.password,
            userDomainName: user.domain.name,
            projectName: project.name,
            projectDomainName: project.domain.name,
            regionName: '',
          },
        )
      }
    }),
  )
}

/** How a value begins in which any text may follow. */
const BEGINNINGS: Readonly<Record<string, string>> = {
  FENCE_node1: 'ip=1 password=',
  CLUSTER_PROPERTIES: 'cluster-name=',
  REPOS: 'deb http://m.test.com/d x ',
}

for (const key of [...KEYS, 'FENCE_node1']) {
  scripts(`a value of ${key} is refused, or harms no script`, () => {
    const before = BEGINNINGS[key] ?? ''
    const base = [...BASE, FENCE, FENCE.replace('1', '2'), 'OS_PASSWORD=x'].filter((one) => !one.startsWith(`${key}=`))
    let taken = 0
    always(before.includes('=') ? bare : inOneLine, 5, (value) => {
      const config = accepted(`${[...base, `${key}=${quoted(before + value)}`].join('\n')}\n`)
      if (config === undefined) return
      taken++
      runs('sh', textsOf(config, factsFor(config, [])))
    })
    const free = key.startsWith('OS_') || key === 'REPOS'
    assert.ok(taken > 0 || !free, 'each was refused')
  })
}

function accepted(text: string): Config | undefined {
  try {
    return parseConfig(text, FILE)
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}

/** Facts are what a node prints: any text, in one line or in several. */
const said = fc.array(hostile, { minLength: 1, maxLength: 3 }).map((lines) => lines.join('\n'))
const plainFacts = ['hostname', 'machine-id', 'addresses', 'clock-skew', 'chrony', 'ssh.key', 'ssh.host-keys']
const hostileFacts = fc.record({
  ...Object.fromEntries(plainFacts.map((name) => [name, said])),
  os: said.map((text) => `ID=debian\nPRETTY_NAME="${text}"`),
  'ssh.settings': said.map((text) => `port ${text}`),
  'corosync.conf': said,
  'packaging.keystone': hostile.map((text) => `apache /etc/${text}`),
  catalogue: fc.oneof(
    said,
    said.map((text) => `${text}\n{${text}`),
    fc.constantFrom('\n{}', '\n{"token":1}', '\n{"token":{"catalog":[null]}}', '\n{"token":{"catalog":[{}]}}', '\n{'),
    fc.tuple(hostile, hostile).map(([id, url]) => catalogue(id, url, 'RegionOne')),
  ),
  endpoints: fc.oneof(
    said,
    fc.constantFrom('{}\n{}', '{"services":1}\n{"endpoints":[null]}', '{"services":[null]}\n{"endpoints":[]}', '{\n{'),
    fc.tuple(hostile, hostile).map(([id, url]) => endpoints(id, url, 'RegionOne')),
  ),
})

scripts('what a node says harms no script either', () =>
  always(hostileFacts, 12, (more) => {
    const { config } = plain
    runs(
      'sh',
      textsOf(
        config,
        factsFor(config, [], (_, index) => (index === 0 ? more : {})),
      ),
    )
  }),
)
scripts('and a script that does not quote would be caught', () => {
  place.clear()
  place.run('sh', [`echo '' >${CANARY} ''`])
  assert.ok(place.names().includes(CANARY))
})
scripts.run()
