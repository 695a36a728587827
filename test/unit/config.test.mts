/** The env file's meaning: what a Config holds, and each thing that can be wrong with it. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { type Config, vipsOf } from '../../lib/config.mts'
import { ConfigError, type Problem } from '../../lib/errors.mts'
import { KEYS, parseConfig, readConfig } from '../../lib/read-config.mts'
import { SERVICES, type Service, urlOf } from '../../lib/services.mts'
import { suite } from '../suite.mts'

const EXAMPLE = fileURLToPath(new URL('../../env.example', import.meta.url))
const DIR = mkdtempSync(join(tmpdir(), 'quorate-config-'))
const FILE = join(DIR, '.env')
process.on('exit', () => rmSync(DIR, { recursive: true }))
mkdirSync(join(DIR, 'keys'))
writeFileSync(join(DIR, 'keys/mirror.asc'), 'public key')
writeFileSync(join(DIR, 'keys/empty.asc'), '')
writeFileSync(join(DIR, 'id'), 'private key', { mode: 0o600 })

const NODES = `NODES="
192.168.18.201 node1.test.com node1
192.168.18.202 node2.test.com node2
"`
/** The smallest file: NODES in lines 1 to 4, VIP in 5, FENCING in 6; more begins in line 7. */
const SMALLEST = [NODES, 'VIP=192.168.18.200/24', 'FENCING=none']
const MORE = 7

const withMore = (...more: readonly string[]) => `${[...SMALLEST, ...more].join('\n')}\n`
const withNodes = (...nodes: readonly string[]) =>
  `NODES="\n${nodes.join('\n')}\n"\nVIP=192.168.18.200/24\nFENCING=none\n`
const withVip = (vip: string) => `${NODES}\nVIP=${vip}\nFENCING=none\n`
const config = (...more: readonly string[]): Config => parseConfig(withMore(...more), FILE)

function refusal(text: string): ConfigError {
  try {
    parseConfig(text, FILE)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('nothing was refused')
}
const told = ({ text, remedy }: Problem) => `${text}; ${remedy}`

const holds = suite('what a Config holds')

holds('the smallest file and its defaults', () => {
  assert.equal(config(), {
    file: FILE,
    clusterName: 'openstack',
    nodes: [
      { name: 'node1', fqdn: 'node1.test.com', address: '192.168.18.201' },
      { name: 'node2', fqdn: 'node2.test.com', address: '192.168.18.202' },
    ],
    vip: { address: '192.168.18.200', prefix: 24, family: 4 },
    vip2: undefined,
    links: [],
    linkMode: 'passive',
    transport: 'knet',
    mcastAddr: '239.255.42.2',
    mcastPort: 5405,
    token: undefined,
    arbiter: undefined,
    fencing: 'none',
    fence: {},
    fencing2: 'none',
    fence2: {},
    clusterProperties: {},
    services: [SERVICES[0]],
    vipName: undefined,
    tls: undefined,
    cas: [],
    stats: undefined,
    fernetSync: undefined,
    ssh: { user: undefined, port: undefined, key: undefined, config: undefined },
    ntpServers: [],
    firewall: 'open',
    selinux: 'keep',
    repos: [],
    versions: {},
    openrc: undefined,
    drill: { asks: true, limits: {} },
    secrets: [],
  })
})

holds('every key', () => {
  const text = `
    CLUSTER_NAME=blue.prod-1
    NODES="
      # the first rack
      192.168.18.201 node1.test.com node1   # where it began

      192.168.18.202 ctl-2.test.com ctl-2
      192.168.18.203 3rd.test.com 3rd
    "
    VIP=192.168.18.200/24
    LINKS=192.168.18.0/24,10.0.42.0/24
    LINK_MODE=active
    TOKEN=10000
    FENCING=fence_ipmilan
    FENCE_node1='ip=192.168.18.211 username=admin password="with spaces # and \\"quotes\\"" lanplus=1'
    FENCE_CTL_2=ip=192.168.18.212 username=admin passwd=short
    export FENCE_3rd="
      ip=192.168.18.213
      password='it is \\ 3'"
    CLUSTER_PROPERTIES="no-quorum-policy=ignore pe-warn-series-max=1000 pe-input-series-max=1000
      pe-error-series-max=1000 cluster-recheck-interval='5min' stonith-enabled=true"
    SERVICES=keystone
    SSH_USER=ubuntu
    SSH_PORT=2222
    SSH_KEY=id
    SSH_CONFIG=${join(DIR, 'id')}
    NTP_SERVERS="0.pool.ntp.org, 192.168.18.1 2001:db8::1"
    FIREWALL=keep
    SELINUX=permissive
    REPOS="
      deb http://mirror.test.com/debian bookworm-backports main contrib key=keys/mirror.asc
      deb [arch=amd64 trusted=yes] https://me:hidden@mirror.test.com/flat ./
    "
    OS_USERNAME=root
    OS_PASSWORD='p#w'
    OS_PROJECT_NAME=ops
    OS_USER_DOMAIN_NAME=users
    OS_PROJECT_DOMAIN_NAME=projects
    OS_REGION_NAME=north
`
  const { nodes, fence, secrets, ...found } = parseConfig(text, FILE)
  assert.equal(
    nodes.map(({ name }) => name),
    ['node1', 'ctl-2', '3rd'],
  )
  assert.equal(fence, {
    node1: { ip: '192.168.18.211', username: 'admin', password: 'with spaces # and "quotes"', lanplus: '1' },
    'ctl-2': { ip: '192.168.18.212', username: 'admin', passwd: 'short' },
    '3rd': { ip: '192.168.18.213', password: 'it is \\ 3' },
  })
  assert.equal([...secrets].sort(), ['hidden', 'it is \\ 3', 'p#w', 'short', 'with spaces # and "quotes"'])
  assert.equal(found.clusterName, 'blue.prod-1')
  assert.equal(found.links, [
    { address: '192.168.18.0', prefix: 24, family: 4 },
    { address: '10.0.42.0', prefix: 24, family: 4 },
  ])
  assert.equal([found.linkMode, found.token, found.fencing], ['active', 10000, 'fence_ipmilan'])
  assert.equal(found.clusterProperties, {
    'no-quorum-policy': 'ignore',
    'pe-warn-series-max': '1000',
    'pe-input-series-max': '1000',
    'pe-error-series-max': '1000',
    'cluster-recheck-interval': '5min',
    'stonith-enabled': 'true',
  })
  assert.equal(found.ssh, { user: 'ubuntu', port: 2222, key: join(DIR, 'id'), config: join(DIR, 'id') })
  assert.equal(found.ntpServers, ['0.pool.ntp.org', '192.168.18.1', '2001:db8::1'])
  assert.equal([found.firewall, found.selinux], ['keep', 'permissive'])
  const rest = { form: 'deb', keyUrl: undefined, fingerprints: [] }
  assert.equal(found.repos, [
    {
      ...rest,
      uri: 'http://mirror.test.com/debian',
      options: [],
      suite: 'bookworm-backports',
      components: ['main', 'contrib'],
      name: 'quorate-0',
      login: undefined,
      key: Buffer.from('public key').toString('base64'),
    },
    {
      ...rest,
      uri: 'https://mirror.test.com/flat',
      options: [
        ['arch', 'amd64'],
        ['trusted', 'yes'],
      ],
      suite: './',
      components: [],
      name: 'quorate-1',
      login: { machine: 'https://mirror.test.com/flat', name: 'me', password: 'hidden' },
      key: undefined,
    },
  ])
  assert.equal(found.openrc, {
    username: 'root',
    password: 'p#w',
    projectName: 'ops',
    userDomainName: 'users',
    projectDomainName: 'projects',
    regionName: 'north',
  })
})

holds('a secret whose name is mistyped for a secret no less, and a login as it is sent and as it is meant', () => {
  const found = config(
    'FENCE_node1="ip=a pasword=one secure=1 method=onoff passwrod=two community=three pwd=four"',
    'REPOS="deb https://me:p%25w%26@host/x ./"',
  )
  assert.equal([...found.secrets].sort(), ['four', 'one', 'p%25w%26', 'p%w&', 'three', 'two'])
})

holds("the seed's own form", () => {
  const found = config('TRANSPORT=udp', 'MCAST_ADDR=239.255.42.2', 'MCAST_PORT=5405', 'LINKS=10.0.42.0/24')
  assert.equal([found.transport, found.mcastAddr, found.mcastPort], ['udp', '239.255.42.2', 5405])
})

holds('IPv6, in canonical form', () => {
  const text = `NODES="
2001:DB8:0:0::11 a.test.com a
2001:db8::12 b.test.com b
"
VIP=2001:db8::0010/64
FENCING=none
LINKS=2001:DB8::/64 10.0.42.0/24
`
  const found = parseConfig(text, FILE)
  assert.equal(
    found.nodes.map(({ address }) => address),
    ['2001:db8::11', '2001:db8::12'],
  )
  assert.equal(found.vip, { address: '2001:db8::10', prefix: 64, family: 6 })
  assert.is(found.links[0]?.address, '2001:db8::')
})

holds('a VIP of each family, the first one first, over one line or two', () => {
  const four = { address: '192.168.18.200', prefix: 24, family: 4 }
  const six = { address: '2001:db8:18::200', prefix: 64, family: 6 }
  const vips = (value: string) => vipsOf(parseConfig(withVip(value), FILE))
  assert.equal(vips('"192.168.18.200/24 2001:DB8:18::0200/64"'), [four, six])
  assert.equal(vips('"\n2001:db8:18::200/64  # clients of IPv6\n192.168.18.200/24\n"'), [six, four])
  assert.equal(vips('192.168.18.200/24'), [four])
})

holds('a service on port 8404 where there are no statistics', () =>
  assert.is(config('SERVICES="keystone demo"', 'SERVICE_demo=port=8404').services[1]?.port, 8404),
)

holds('odd but legal names', () => {
  const long = `${'x'.repeat(63)}`
  const found = parseConfig(
    withNodes('192.168.18.201 0a.Test.COM 0a', `192.168.18.202 ${long}.test.com ${long}`, '192.168.18.203 c c'),
    FILE,
  )
  assert.equal(
    found.nodes.map(({ fqdn, name }) => [fqdn, name]),
    [
      ['0a.Test.COM', '0a'],
      [`${long}.test.com`, long],
      ['c', 'c'],
    ],
  )
})

holds('services of the table, what is said of them otherwise, and one of the operator', () => {
  const { services } = parseConfig(
    withMore(
      'SERVICES="demo-x, glance keystone"',
      'SERVICE_glance="port=9393 expect=200,300"',
      'SERVICE_demo_x="port=8099 type=demo,demo2 check=/up path=/v1/%(project_id)s"',
    ),
    FILE,
  )
  assert.equal(
    services.map(({ name, port }) => `${name} ${port}`),
    ['keystone 5000', 'glance 9393', 'demo-x 8099'],
  )
  const [, glance, demo] = services
  assert.equal(glance?.check, { path: '/healthcheck', expect: [200, 300] })
  assert.is(glance?.silence, 1800)
  assert.equal(demo?.types, ['demo', 'demo2'])
  assert.equal(demo?.check, { path: '/up', expect: [200] })
  assert.is(
    urlOf(demo as Service, '192.168.18.200', 'admin', 'http://old/v9'),
    'http://192.168.18.200:8099/v1/%(project_id)s',
  )
})

holds('limits of services, and what is said twice of none', () => {
  const { services } = config(
    'SERVICES="keystone heat-cfn glance"',
    'RATE_LIMIT_heat_cfn=100/10s',
    'RATE_LIMIT_GLANCE=" 5/1s "',
  )
  assert.equal(
    services.map(({ limit }) => limit),
    [undefined, { requests: 5, seconds: 1 }, { requests: 100, seconds: 10 }],
  )
})

holds(
  'the login to the statistics as a hash alone, as `printf %s "Basic $(printf %s u:p | base64)" | sha256sum` has it',
  () => {
    const login = 'C8A7807D24604DE080888E352F937E572FB0FC21FF3E136644C9A16D03577A70'
    const { stats, secrets } = config("STATS_PASSWORD='s3cret#w'")
    assert.equal(stats, { login })
    assert.equal([...secrets].sort(), [login, 's3cret#w'].sort())
    assert.equal(config("STATS_PASSWORD='s3cret#w'", 'STATS_USER=quorate').stats, stats)
    assert.not.equal(config("STATS_PASSWORD='s3cret#w'", 'STATS_USER=ops').stats, stats)
  },
)

holds('services by the names of their packages', () => {
  const { services } = parseConfig(withMore('SERVICES="keystone heat-api-cfn nova-api nova"'), FILE)
  assert.equal(
    services.map(({ name }) => name),
    ['keystone', 'nova', 'heat-cfn'],
  )
})

holds('the path of an endpoint stays where nothing is said of it', () => {
  const { services } = parseConfig(withMore('SERVICES="keystone demo"', 'SERVICE_demo=port=8099'), FILE)
  assert.is(
    urlOf(services[1] as Service, '2001:db8::1', 'public', 'https://old:1/a/$(tenant_id)s'),
    'http://[2001:db8::1]:8099/a/$(tenant_id)s',
  )
})

holds('an arbiter by its address, by its name, or by its line of /etc/hosts', () => {
  const arbiter = (value: string) => parseConfig(withMore(`QDEVICE=${value}`), FILE).arbiter
  assert.equal(arbiter('2001:DB8::9'), { address: '2001:db8::9', fqdn: '2001:db8::9', name: '2001:db8::9' })
  assert.equal(arbiter('Q.test.com'), { address: 'Q.test.com', fqdn: 'Q.test.com', name: 'Q' })
  assert.equal(arbiter('"192.0.2.9 q.test.com q"'), { address: '192.0.2.9', fqdn: 'q.test.com', name: 'q' })
  assert.is(arbiter('"# none yet"'), undefined)
})

holds('a second device for some of the nodes, by another agent or the same', () => {
  const both = withMore(
    `FENCE_node1='ip=a password=x1'\nFENCE_node2='ip=b password=x2'\nFENCE2_node2='ip=c password=x3'`,
  )
  const fenced = (more: string) => parseConfig(both.replace('=none', '=fence_ipmilan') + more, FILE)
  const found = fenced('')
  assert.equal([found.fencing2, found.fence2], ['fence_ipmilan', { node2: { ip: 'c', password: 'x3' } }])
  assert.ok(found.secrets.includes('x3'))
  assert.is(fenced('\nFENCING2=fence_apc\n').fencing2, 'fence_apc')
})

holds('fence parameters for FENCING=none, for the day it changes', () => {
  assert.equal(config('FENCE_node1=ip=1.2.3.4 password=x').fence, { node1: { ip: '1.2.3.4', password: 'x' } })
})

holds('empty values as their defaults', () => {
  const empty = KEYS.filter((key) => !['NODES', 'VIP', 'FENCING'].includes(key)).map((key) => `${key}=`)
  assert.equal(config(...empty), config())
})

holds('~/ as the home that the system knows', () => {
  const { problems } = refusal(withMore('SSH_KEY=~/no-such-key'))
  assert.match(problems[0]?.text as string, join(userInfo().homedir, 'no-such-key'))
  assert.ok(homedir())
})

holds('nothing of the shell', () => {
  const before = { ...process.env }
  Object.assign(process.env, {
    VIP: '10.9.9.9/24',
    TOKEN: '5',
    OS_PASSWORD: 'shell',
    HOME: '/nowhere',
    DOTENV_FAST: 'true',
  })
  try {
    const found = config()
    assert.equal([found.vip.address, found.token, found.openrc], ['192.168.18.200', undefined, undefined])
    assert.not.match(refusal(withMore('SSH_KEY=~/no-such-key')).message, '/nowhere')
  } finally {
    process.env = before
  }
})

holds('frozen all the way down', () => {
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen))
  assert.ok(frozen(config('LINKS=10.0.42.0/24', 'OS_PASSWORD=x', 'FENCE_node1=ip=1')))
})
holds.run()

const refuses = suite('what is refused')

const ONE = '192.168.18.201 node1.test.com node1'
const TWO = '192.168.18.202 node2.test.com node2'

const REFUSED: readonly (readonly [string, string, number | undefined, RegExp])[] = [
  ['no NODES', 'VIP=192.168.18.200/24\nFENCING=none\n', undefined, /NODES is missing.*a line for each/],
  ['no VIP', `${NODES}\nFENCING=none\n`, undefined, /VIP is missing.*VIP=192/],
  [
    'no FENCING',
    `${NODES}\nVIP=192.168.18.200/24\n`,
    undefined,
    /FENCING is missing.*FENCING=fence_ipmilan.*FENCING=none/,
  ],
  ['FENCING left open', `${NODES}\nVIP=192.168.18.200/24\nFENCING=\n`, 6, /FENCING is empty.*not decide.*FENCING=none/],
  ['an unknown key', withMore('COLOUR=blue'), MORE, /there is no key COLOUR; remove the line/],
  ['a key that is nearly one', withMore('LINKMODE=active'), MORE, /there is no key LINKMODE; did you mean LINK_MODE\?/],
  ['a key in lower case', withMore('token=1000'), MORE, /did you mean TOKEN\?/],
  ['letters swapped', withMore('TRANSPROT=udp'), MORE, /did you mean TRANSPORT\?/],
  [
    'a key of openrc that is none here',
    withMore('OS_AUTH_URL=http://192.168.18.200:5000'),
    MORE,
    /no key OS_AUTH_URL; remove/,
  ],
  ['an unknown key that cannot be read', withMore('COLOUR=blue#'), MORE, /there is no key COLOUR/],
  ['a fence key in lower case', withMore('fence_node1=ip=1'), MORE, /did you mean FENCE_node1\?/],
  ['a second fence key in lower case', withMore('fence2_node1=ip=1'), MORE, /did you mean FENCE2_node1\?/],
  [
    'a second device for nobody',
    withMore('FENCE2_node7=ip=1'),
    MORE,
    /FENCE2_node7 is for no node of NODES.*FENCE2_node1, FENCE2_node2/,
  ],
  ['no second agent', withMore('FENCING2=none'), MORE, /FENCING2 cannot be "none"; .*FENCING2=fence_ipmilan/],
  [
    'a second agent without a device',
    withMore('FENCING2=fence_apc'),
    MORE,
    /FENCING2 names an agent, but no node has a second device; write FENCE2_node1=.*or remove FENCING2/,
  ],
  ['an arbiter that is two hosts', withMore('QDEVICE="192.168.18.9 192.168.18.10"'), MORE, /QDEVICE is not one host/],
  ['an arbiter with a wrong name', withMore('QDEVICE=q_net'), MORE, /QDEVICE is not a host/],
  [
    'an arbiter at home',
    withMore('QDEVICE=127.0.0.1'),
    MORE,
    /QDEVICE 127.0.0.1 is no address at which the nodes reach it/,
  ],
  [
    'keys of a node that is none',
    withMore('FERNET_SYNC=node9'),
    MORE,
    /FERNET_SYNC names no node of NODES: "node9"; write one of node1, node2/,
  ],
  ['an arbiter that is a node', withMore('QDEVICE=NODE1'), MORE, /QDEVICE is the node node1: .*not in NODES/],
  ['an arbiter that is the VIP', withMore('QDEVICE=192.168.18.200'), MORE, /QDEVICE is the VIP/],

  ['one node', withNodes(ONE), 1, /two nodes at least, NODES has 1/],
  ['two fields', withNodes(ONE, '192.168.18.202 node2'), 3, /has three fields, this one has 2; write address/],
  ['four fields', withNodes(ONE, `${TWO} n2`), 3, /three fields, this one has 4/],
  ['a field line after a comment', withNodes('# rack', ONE, '', TWO, 'x'), 6, /three fields, this one has 1/],
  [
    'an impossible address',
    withNodes(ONE, '192.168.18.256 b.test.com b', TWO),
    3,
    /"192.168.18.256" is not an IP address/,
  ],
  ['a name for an address', withNodes(ONE, TWO, 'node3 node3.test.com node3'), 4, /"node3" is not an IP address/],
  ['a loopback address', withNodes(ONE, TWO, '127.0.0.1 c.test.com c'), 4, /127.0.0.1 is a loopback address/],
  [
    'one address twice',
    withNodes(ONE, '192.168.18.201 b.test.com b'),
    3,
    /192.168.18.201 stands for two nodes.*line 2/,
  ],
  ['one full name twice', withNodes(ONE, '192.168.18.202 NODE1.test.com b'), 3, /node1.test.com stands for two nodes/],
  ['one short name twice', withNodes(ONE, '192.168.18.202 b.test.com Node1'), 3, /node1 stands for two nodes/],
  [
    "a short name that is another's full name",
    withNodes(ONE, '192.168.18.202 node1 b'),
    3,
    /node1 stands for two nodes/,
  ],
  ['both families', withNodes(ONE, TWO, '2001:db8::1 c.test.com c'), 1, /mixes IPv4 and IPv6/],
  ['an underscore', withNodes(ONE, '192.168.18.202 node_2.test.com node2'), 3, /"node_2.test.com" is not a host name/],
  ['a hyphen at the end', withNodes(ONE, '192.168.18.202 b-.test.com b'), 3, /"b-.test.com" is not a host name/],
  ['a long label', withNodes(ONE, `192.168.18.202 b.test.com ${'b'.repeat(64)}`), 3, /is not a host name.*at most 63/],
  ['a number for a name', withNodes(ONE, '192.168.18.202 b.test.com 12'), 3, /"12" is not a host name/],
  [
    'names in the wrong order',
    withNodes(ONE, '192.168.18.202 node2 node2.test.com'),
    3,
    /short name "node2.test.com" has a dot/,
  ],
  ['localhost', withNodes(ONE, '192.168.18.202 localhost.localdomain b'), 3, /every machine is localhost/],

  ['no prefix', withVip('192.168.18.200'), 5, /VIP has no prefix length; write VIP=192.168.18.200\/24/],
  ['an impossible VIP', withVip('192.168.18.300/24'), 5, /VIP "192.168.18.300\/24" is not address\/prefix/],
  ['an impossible prefix', withVip('192.168.18.200/33'), 5, /is not address\/prefix/],
  ['a name for a VIP', withVip('api.test.com'), 5, /is not address\/prefix/],
  ["a node's address", withVip('192.168.18.202/24'), 5, /VIP 192.168.18.202 is the address of node2/],
  ['the network address', withVip('192.168.18.0/24'), 5, /is the network address of 192.168.18.0\/24/],
  ['the broadcast address', withVip('192.168.18.255/24'), 5, /is the broadcast address/],
  [
    'another network',
    withVip('10.0.0.5/24'),
    5,
    /outside the network of the VIP, 10.0.0.0\/24: node1 \(192.168.18.201\), node2/,
  ],
  ['too long a prefix', withVip('192.168.18.200/32'), 5, /outside the network of the VIP/],
  ['another family', withVip('2001:db8::1/64'), 5, /outside the network of the VIP/],
  ['loopback', withVip('127.0.0.1/8'), 5, /VIP 127.0.0.1 is a loopback address/],
  ['multicast', withVip('239.255.42.2/24'), 5, /is a multicast address/],
  ['unspecified', withVip('0.0.0.0/24'), 5, /VIP 0.0.0.0 is an unspecified address/],
  ['link-local', withVip('fe80::1/64'), 5, /is a link-local address/],
  [
    'a node at the broadcast address',
    withVip('192.168.18.206/29').replace('.202', '.207'),
    5,
    /node2 has the broadcast address/,
  ],

  [
    'three VIPs',
    withVip('"192.168.18.200/24 2001:db8::1/64 2001:db8::2/64"'),
    5,
    /VIP has 3 addresses; write one, or one of IPv4 and one of IPv6/,
  ],
  [
    'two VIPs of one family',
    withVip('"192.168.18.200/24\n192.168.18.199/24"'),
    6,
    /VIP 192.168.18.200 and VIP 192.168.18.199 are both of IPv4/,
  ],
  ['two VIPs of the family that the nodes lack', withVip('"2001:db8::1/64 2001:db8::2/64"'), 5, /are both of IPv6/],
  ['one VIP twice', withVip('"192.168.18.200/24 192.168.18.200/25"'), 5, /VIP 192.168.18.200 stands there twice/],
  ['a second VIP that is none', withVip('"192.168.18.200/24\n2001:db8::/129"'), 6, /"2001:db8::\/129" is not address/],
  ['a second VIP without a prefix', withVip('"192.168.18.200/24\n2001:db8::1"'), 6, /write VIP=2001:db8::1\/64/],
  ['a second VIP that is link-local', withVip('"192.168.18.200/24\nfe80::1/64"'), 6, /is a link-local address/],
  ['a second VIP that is a network', withVip('"192.168.18.200/24\n2001:db8::/64"'), 6, /is the network address of/],
  ["a second VIP that is a node's", withVip('"2001:db8::1/64\n192.168.18.202/24"'), 6, /is the address of node2/],
  ['a second VIP elsewhere', withVip('"2001:db8::1/64\n10.0.0.5/24"'), 6, /outside the network of the VIP, 10.0.0.0/],
  [
    'an arbiter that is the second VIP',
    `${withVip('"192.168.18.200/24 2001:db8::1/64"')}QDEVICE=2001:db8::1\n`,
    MORE,
    /QDEVICE is the VIP/,
  ],

  [
    'a link that is no network',
    withMore('LINKS="192.168.18.0/24 heartbeat"'),
    MORE,
    /"heartbeat" in LINKS is not a network/,
  ],
  ['a link without a prefix', withMore('LINKS=10.0.42.0'), MORE, /"10.0.42.0" in LINKS is not a network/],
  [
    'an address for a link',
    withMore('LINKS=10.0.42.7/24'),
    MORE,
    /10.0.42.7\/24 in LINKS is an address.*write 10.0.42.0\/24/,
  ],
  ['a link twice', withMore('LINKS="10.0.42.0/24\n10.0.42.0/24"'), MORE + 1, /10.0.42.0\/24 is in LINKS twice/],
  [
    'links that overlap',
    withMore('LINKS="10.0.0.0/16 10.0.42.0/24"'),
    MORE,
    /10.0.0.0\/16 and 10.0.42.0\/24 in LINKS overlap/,
  ],
  ['a multicast link', withMore('LINKS=239.0.0.0/24'), MORE, /239.0.0.0\/24 in LINKS is a multicast network/],
  [
    'nine links',
    withMore(`LINKS=${Array.from({ length: 9 }, (_, index) => `10.0.${index}.0/24`).join(',')}`),
    MORE,
    /LINKS has 9 networks, corosync has 8 links/,
  ],
  [
    'two links for udpu',
    withMore('LINKS=10.0.1.0/24 10.0.2.0/24', 'TRANSPORT=udpu'),
    MORE,
    /TRANSPORT=udpu has one link/,
  ],
  ['a link mode', withMore('LINK_MODE=pasive'), MORE, /LINK_MODE cannot be "pasive"; write LINK_MODE=passive or/],
  ['a transport', withMore('TRANSPORT=tcp'), MORE, /TRANSPORT cannot be "tcp"/],
  ['a firewall', withMore('FIREWALL=on'), MORE, /FIREWALL cannot be "on"/],
  ['selinux', withMore('SELINUX=enforcing'), MORE, /SELINUX cannot be "enforcing"; write SELINUX=keep or/],
  [
    'multicast that is none',
    withMore('TRANSPORT=udp', 'MCAST_ADDR=10.0.0.1'),
    MORE + 1,
    /"10.0.0.1" is not a multicast address/,
  ],
  [
    'multicast for knet',
    withMore('MCAST_ADDR=239.255.42.2'),
    MORE,
    /TRANSPORT=knet has no multicast address; remove MCAST_ADDR/,
  ],
  [
    'a multicast port for knet',
    withMore('MCAST_PORT=5405'),
    MORE,
    /TRANSPORT=knet has no multicast port; remove MCAST_PORT/,
  ],
  [
    'multicast of another family',
    withMore('TRANSPORT=udp', 'MCAST_ADDR=ff15::1'),
    MORE + 1,
    /the link is IPv4, MCAST_ADDR/,
  ],
  ['no port', withMore('TRANSPORT=udp', 'MCAST_PORT=0'), MORE + 1, /MCAST_PORT is not a whole number from 1 to 65535/],
  ['too high a port', withMore('SSH_PORT=65536'), MORE, /SSH_PORT is not a whole number from 1 to 65535/],
  ['a token with a unit', withMore('TOKEN=10s'), MORE, /TOKEN is not a whole number from 126 to 600000/],
  ['a token that corosync refuses', withMore('TOKEN=125'), MORE, /TOKEN is not a whole number/],
  ['a path for a name', withMore('CLUSTER_NAME=../etc'), MORE, /CLUSTER_NAME is not a name/],
  ['two dots in a name', withMore('CLUSTER_NAME=a..b'), MORE, /CLUSTER_NAME is not a name/],
  ['too long a name', withMore(`CLUSTER_NAME=${'x'.repeat(33)}`), MORE, /at most 32/],

  [
    'no fence agent',
    withMore().replace('=none', '=ipmilan'),
    6,
    /FENCING cannot be "ipmilan"; .*FENCING=fence_ipmilan/,
  ],
  [
    'a node without parameters',
    withMore('FENCE_node1=ip=1').replace('=none', '=fence_ipmilan'),
    6,
    /node2 has no parameters for fence_ipmilan: FENCE_node2 is missing; write FENCE_node2='ip=/,
  ],
  [
    'parameters for nobody',
    withMore('FENCE_node3=ip=1'),
    MORE,
    /FENCE_node3 is for no node of NODES; there are FENCE_node1, FENCE_node2/,
  ],
  [
    'parameters twice',
    withMore('FENCE_node1=ip=1', 'FENCE_NODE1=ip=2'),
    MORE + 1,
    /fence parameters of node1 are set twice/,
  ],
  ['a parameter twice', withMore('FENCE_node1="ip=1\nip=2"'), MORE + 1, /FENCE_node1 sets ip twice/],
  [
    'a parameter without =',
    withMore('FENCE_node1=ip=1 password hunter2'),
    MORE,
    /word 2 of FENCE_node1 is not name=value/,
  ],
  ['a parameter without value', withMore('FENCE_node1=ip=1 password='), MORE, /word 2 of FENCE_node1 has no value/],
  [
    'an unclosed inner quote',
    withMore(`FENCE_node1='ip=1 password="a b'`),
    MORE,
    /quote that is not closed in its line \(word 2\)/,
  ],
  ['a bare backslash', withMore('FENCE_node1=password=a\\b'), MORE, /a backslash outside quotes/],

  ['an unknown property', withMore('CLUSTER_PROPERTIES=colour=blue'), MORE, /no cluster property colour; remove it/],
  [
    'a misspelt property',
    withMore('CLUSTER_PROPERTIES=no-quorum-polcy=ignore'),
    MORE,
    /did you mean no-quorum-policy\?/,
  ],
  [
    'a misspelt policy',
    withMore('CLUSTER_PROPERTIES=no-quorum-policy=ingore'),
    MORE,
    /cannot be "ingore"; it is one of stop, freeze/,
  ],
  [
    'a time that is none',
    withMore('CLUSTER_PROPERTIES=cluster-recheck-interval=soon'),
    MORE,
    /a time with its unit, like 5min/,
  ],
  [
    'a property twice',
    withMore('CLUSTER_PROPERTIES="batch-limit=1\nbatch-limit=2"'),
    MORE + 1,
    /sets batch-limit twice/,
  ],
  [
    'a property under both names',
    withMore('CLUSTER_PROPERTIES=stonith-timeout=1 fencing-timeout=2'),
    MORE,
    /stonith-timeout and fencing-timeout are two names of one property/,
  ],
  [
    'a property of the cluster',
    withMore('CLUSTER_PROPERTIES=dc-version=3'),
    MORE,
    /dc-version is written by the cluster itself/,
  ],
  [
    'half a duration',
    withMore('CLUSTER_PROPERTIES=cluster-recheck-interval=P.'),
    MORE,
    /a time with its unit, like 5min/,
  ],
  ['a colour for a score', withMore('CLUSTER_PROPERTIES=node-health-red=red'), MORE, /it is a score/],
  [
    'a policy that needs fencing',
    withMore('CLUSTER_PROPERTIES=no-quorum-policy=suicide'),
    MORE,
    /no-quorum-policy=suicide contradicts FENCING=none/,
  ],
  ['fencing against FENCING', withMore('CLUSTER_PROPERTIES=stonith-enabled=true'), MORE, /contradicts FENCING=none/],
  [
    'maintenance mode',
    withMore('CLUSTER_PROPERTIES=maintenance-mode=true'),
    MORE,
    /in maintenance mode the cluster would never/,
  ],
  [
    'a property that is none',
    withMore('CLUSTER_PROPERTIES=no-quorum-policy ignore'),
    MORE,
    /word 1 of CLUSTER_PROPERTIES is not name=value/,
  ],

  ['a service', withMore('SERVICES="keystone glanse"'), MORE, /there is no service "glanse".*did you mean glance\?/],
  ['services without keystone', withMore('SERVICES=glance'), MORE, /SERVICES lacks keystone/],
  [
    'a service of nobody',
    withMore('SERVICE_demo="port=1"'),
    MORE,
    /SERVICE_demo is for no service of SERVICES.*write demo in SERVICES/,
  ],
  [
    'a service of its own without a port',
    withMore('SERVICES="keystone demo"', 'SERVICE_demo="type=demo"'),
    MORE + 1,
    /SERVICE_demo has no port/,
  ],
  [
    'a port that another service has',
    withMore('SERVICES="keystone demo"', 'SERVICE_demo="port=5000"'),
    MORE + 1,
    /keystone and demo have one port, 5000/,
  ],
  [
    'a type that another service has',
    withMore('SERVICES="keystone demo"', 'SERVICE_demo="port=5001 type=identity"'),
    MORE + 1,
    /keystone and demo have one type in the catalogue, identity/,
  ],
  ...[
    ['port', '70000', /port of SERVICE_demo is not a port from 1 to 65535/],
    ['check', "'/ #'", /check of SERVICE_demo is not a path/],
    ['expect', 'ok', /expect of SERVICE_demo is not a status of HTTP/],
    ['type', 'A', /type of SERVICE_demo is not a type/],
    ['path', 'v1', /path of SERVICE_demo is not a path/],
    ['pth', '/v1', /SERVICE_demo sets pth.*did you mean path\?/],
    ['constructor', 'x', /SERVICE_demo sets constructor.*there are port, type/],
  ].map(
    ([name, value, says]) =>
      [
        `a service whose ${name} is wrong`,
        withMore('SERVICES="keystone demo"', `SERVICE_demo="port=1 ${name}=${value}"`.replace(/port=1 (port=)/, '$1')),
        MORE + 1,
        says as RegExp,
      ] as const,
  ),
  [
    'a limit for nobody',
    withMore('SERVICES="keystone glance"', 'RATE_LIMIT_glanse=1/1s'),
    MORE + 1,
    /RATE_LIMIT_glanse is for no service of SERVICES; did you mean RATE_LIMIT_glance\?/,
  ],
  [
    'two limits for one service',
    withMore('RATE_LIMIT_keystone=1/1s', 'RATE_LIMIT_KEYSTONE=1/1s'),
    MORE + 1,
    /the limit of keystone is set twice; keep one RATE_LIMIT_keystone/,
  ],
  ...['100', '100/10', '0/10s', '100/0s', '100/1m', '1000000/1s', '1/1s 2/2s', '-1/1s', '1.5/1s'].map(
    (value) =>
      [
        `a limit of ${value}`,
        withMore(`RATE_LIMIT_keystone="${value}"`),
        MORE,
        /RATE_LIMIT_keystone is not requests\/seconds; write it like RATE_LIMIT_keystone=100\/10s/,
      ] as const,
  ),
  ['a limit by a wrong key', withMore('rate_limit_keystone=1/1s'), MORE, /did you mean RATE_LIMIT_keystone\?/],
  [
    'a user of the statistics without a password',
    withMore('STATS_USER=ops'),
    MORE,
    /there is no STATS_PASSWORD; write a/,
  ],
  ['a user with a colon', withMore('STATS_USER=a:b', 'STATS_PASSWORD=x'), MORE, /STATS_USER is not a name of letters/],
  [
    'a service on the port of the statistics',
    withMore('STATS_PASSWORD=x', 'SERVICES="keystone demo"', 'SERVICE_demo="port=8404"'),
    MORE + 2,
    /demo has port 8404, which is that of HAProxy's statistics; give it another port, or remove STATS_PASSWORD/,
  ],
  ['an ssh option for a user', withMore('SSH_USER=-oProxyCommand=x'), MORE, /SSH_USER is not a user name/],
  ['a user with a space', withMore('SSH_USER="a b"'), MORE, /SSH_USER is not a user name/],
  ['no such key', withMore('SSH_KEY=keys/none'), MORE, new RegExp(`SSH_KEY: there is no file ${DIR}/keys/none`)],
  ['a folder for a key', withMore('SSH_KEY=keys'), MORE, /SSH_KEY: .*keys is not a file/],
  ['too long a path', withMore(`SSH_KEY=${'x'.repeat(4096)}`), MORE, /SSH_KEY: .*x… cannot be read \(ENAMETOOLONG\)/],
  ['no such ssh_config', withMore('SSH_CONFIG=none/ssh_config'), MORE, /SSH_CONFIG: there is no file/],
  [
    'a time server',
    withMore('NTP_SERVERS="a.test.com\nb_c!"'),
    MORE + 1,
    /"b_c!" in NTP_SERVERS is no host name or address/,
  ],
  ['a login that apt cannot take', withMore('REPOS="deb https://me:p%20w@h.test.com/x ./"'), MORE, /holds a space/],
  ['a ppa', withMore('REPOS=ppa:me/x'), MORE, /a line of REPOS is not a repository; write it like deb/],
  ['deb-src', withMore('REPOS="\ndeb-src http://m.test.com/d x main"'), MORE + 1, /not a repository/],
  ['a word that is none', withMore('REPOS=highavailabilty'), MORE, /or one word of .*highavailability/],
  ['a key of RPMs that is none', withMore('REPOS=http://m.test.com/el9 key=id'), MORE, /holds no OpenPGP key/],
  ['a key from afar', withMore('REPOS=http://m.test.com/el9 key=http://m.test.com/k'), MORE, /has no fingerprint=/],
  [
    'a key behind a login',
    withMore(`REPOS=http://m.test.com/el9 key=http://me:pw@m.test.com/k fingerprint=${'A'.repeat(40)}`),
    MORE,
    /address of a key in REPOS holds a login/,
  ],
  ['half a fingerprint', withMore('REPOS=http://m.test.com/el9 key=id fingerprint=AB12'), MORE, /not 40 or 64/],
  ['a fingerprint alone', withMore(`REPOS=http://m.test.com/el9 fingerprint=${'A'.repeat(40)}`), MORE, /and no key=/],
  ['a name for apt', withMore('REPOS=deb http://m.test.com/d x main name=a'), MORE, /is for apt has a name=/],
  ['a name that is none', withMore('REPOS=http://m.test.com/el9 name=a/b'), MORE, /"a\/b" in REPOS is no name/],
  [
    'a name twice',
    withMore('REPOS="\nhttp://m.test.com/a name=a\nhttp://m.test.com/b name=a\n"'),
    MORE,
    /two repositories of REPOS have the name a/,
  ],
  ['a version of nothing', withMore('PACKAGES_corosink=1'), MORE, /for no package.*did you mean PACKAGES_corosync/],
  ['a version that is none', withMore('PACKAGES_corosync=newest'), MORE, /PACKAGES_corosync is not a version/],
  ['a version twice', withMore('PACKAGES_corosync=1\nPACKAGES_Corosync=2'), MORE + 1, /is set twice/],
  [
    'no component',
    withMore('REPOS=deb http://m.test.com/d bookworm'),
    MORE,
    /the suite bookworm in REPOS has no component/,
  ],
  [
    'no such repository key',
    withMore('REPOS=deb http://m.test.com/d x main key=none.asc'),
    MORE,
    /there is no file .*none.asc/,
  ],
  ['an empty key', withMore('REPOS=deb http://m.test.com/d x main key=keys/empty.asc'), MORE, /empty.asc is empty/],
  ['two keys', withMore('REPOS=deb [signed-by=/x] http://m.test.com/d x main key=id'), MORE, /has key= and signed-by=/],
  ['an openrc value of two lines', withMore('OS_USERNAME="a\nb"'), MORE, /OS_USERNAME is not one line/],
]
for (const [title, text, line, words] of REFUSED) {
  refuses(title, () => {
    const { problems } = refusal(text)
    const found = problems.filter((problem) => words.test(told(problem)))
    assert.is(found.length, 1, problems.map(told).join('\n'))
    assert.is(found[0]?.line, line)
  })
}
refuses('one fault alone, where it is alone', () => {
  const several = [
    'an unknown key that cannot be read',
    'both families',
    'a parameter without =',
    'a property that is none',
  ]
  for (const [title, text] of REFUSED.filter(([name]) => !several.includes(name))) {
    assert.is(refusal(text).problems.length, 1, `${title}: ${refusal(text).message}`)
  }
})
refuses('nothing of a line that lost its line break before it', () => {
  const lost = [
    'LINK_MODE=active',
    'VIP=192.168.18.200/24',
    'FENCING=none',
    'SERVICES=keystone',
    'NTP_SERVERS=a',
    'SSH_KEY=id',
  ]
  for (const line of lost) assert.not.match(refusal(withMore(`${line}OS_PASSWORD=hunter2`)).message, 'hunter2', line)
  for (const line of ['LINKS=', 'SERVICES=keystone', 'NTP_SERVERS=a'])
    assert.not.match(refusal(withMore(`${line}OS_PASSWORD='my hunter2'`)).message, 'hunter2', line)
  assert.not.match(refusal(withNodes(ONE, TWO, "x OS_PASSWORD='my hunter2'")).message, 'hunter2')
  assert.not.match(refusal(withMore("FENCE_node1='password= hunter2='")).message, 'hunter2')
})
refuses('a mistake in each line of one value, quotes that are not closed too', () => {
  const { problems } = refusal(withMore(`FENCE_node1='`, 'ip="1', 'password', 'x=a\\b', "lanplus='"))
  assert.equal(
    problems.map(({ line }) => line),
    [MORE + 1, MORE + 2, MORE + 3, MORE + 4],
  )
})
refuses('every problem says what to do', () => {
  for (const [title, text] of REFUSED) {
    for (const { remedy } of refusal(text).problems) assert.ok(remedy, title)
  }
})
refuses('with the file and the lines', () => {
  const error = refusal(withMore('TOKEN=x', 'COLOUR=blue'))
  assert.is(error.file, FILE)
  assert.match(error.message, `${FILE}: 2 problems\n  line 7: TOKEN is`)
  assert.match(error.message, '\n  line 8: there is no key COLOUR\n      remove')
})
refuses('all at once, in the order of the lines, and without a secret', () => {
  const text = [
    'CLUSTER_NAME=a b',
    'NODES="',
    '192.168.18.201 node1.test.com node1',
    '192.168.18.201 node2.test.com',
    '192.168.18.203 node1.test.com node3"',
    'VIP 192.168.18.200/24',
    'FENCING=fence_ipmilan',
    `FENCE_node1='ip=1 password="hunter2'`,
    'FENCE_node9=ip=1 password=hunter2',
    'LINKMODE=active',
    'TOKEN=soon',
    'TOKEN=10000',
    'CLUSTER_PROPERTIES=no-quorum-polcy=ignore batch-limit=x',
    'OS_PASSWORD=hunter2#x',
    'QDEVICE=here there',
    'SELINUX="off',
  ].join('\n')
  const { problems, message } = refusal(text)
  assert.equal(
    problems.map(({ line }) => line),
    [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 13, 14, 15, 16, 16, undefined],
  )
  assert.not.match(message, 'hunter2')
  assert.match(problems.at(-1)?.text as string, 'VIP is missing')
})
refuses.run()

const files = suite('the file itself')

function refusalOf(path: string): ConfigError {
  try {
    readConfig(path)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

files('is read, and paths in it are relative to it', () => {
  writeFileSync(FILE, withMore('SSH_KEY=id'))
  assert.is(readConfig(FILE).ssh.key, join(DIR, 'id'))
})
files('is missing', () => {
  const { problems } = refusalOf('.env-that-is-not-there')
  assert.is(problems.length, 1)
  assert.match(told(problems[0] as Problem), /there is no such file; cp env.example .env-that-is-not-there/)
  const here = process.cwd()
  process.chdir(join(DIR, 'keys'))
  try {
    assert.match(told(refusalOf('.env').problems[0] as Problem), /; cp env\.example \.env,/)
    assert.match(told(refusalOf(join(process.cwd(), '.env')).problems[0] as Problem), /; cp env\.example \.env,/)
  } finally {
    process.chdir(here)
  }
})
files('is a folder', () => {
  assert.match(refusalOf(DIR).message, /this is a folder/)
})
files('is not plain text', () => {
  const path = join(DIR, 'binary')
  writeFileSync(path, Buffer.from(withMore(), 'utf16le'))
  assert.match(refusalOf(path).message, /line 1: this line is not plain text in UTF-8/)
  writeFileSync(path, Buffer.concat([Buffer.from(withMore()), Buffer.from([0x23, 0xe4, 0x0a])]))
  assert.match(refusalOf(path).message, /line 7: .*UTF-8/)
})
files('begins with a byte order mark and has CRLF', () => {
  const path = join(DIR, 'windows')
  writeFileSync(path, `\uFEFF${withMore().replaceAll('\n', '\r\n')}`)
  assert.is(readConfig(path).nodes.length, 2)
})
files('is not readable', () => {
  // Root reads every file, so that nobody has to try.
  const root = process.geteuid?.() === 0
  if (root) process.seteuid?.(65534)
  else chmodSync(FILE, 0)
  try {
    assert.match(refusalOf(FILE).message, /this file is not readable\n.*chmod u\+r/)
  } finally {
    if (root) process.seteuid?.(0)
    else chmodSync(FILE, 0o600)
  }
})
files('env.example lacks nothing but the decision on fencing', () => {
  const { problems } = refusalOf(EXAMPLE)
  assert.is(problems.length, 1)
  assert.match(told(problems[0] as Problem), /FENCING is empty/)
})
files('env.example names every key', () => {
  const text = readFileSync(EXAMPLE, 'utf8')
  for (const key of KEYS) assert.match(text, new RegExp(`^#?${key}=`, 'm'), key)
})
files('env.example is right in every line, also in those that are comments', () => {
  const text = readFileSync(EXAMPLE, 'utf8')
    .replace('FENCING=\n', 'FENCING=none\n')
    .replaceAll(/^#(?=[A-Z_]+=)(?!SSH_|MCAST_)/gm, '')
  const found = parseConfig(text, FILE)
  assert.equal([found.token, found.links.length, found.clusterProperties['pe-warn-series-max']], [10000, 2, '1000'])
})
files.run()
