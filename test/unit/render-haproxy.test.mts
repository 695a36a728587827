/** haproxy.cfg as rendered, and as HAProxy reads it; the table of services with it. */
import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import { family } from '../../lib/address.mts'
import type { Cidr, Node } from '../../lib/config.mts'
import { haproxyCfg } from '../../lib/render/haproxy-cfg.mts'
import { authority, INTERFACES, SERVICES, type Service, urlOf } from '../../lib/services.mts'
import { authority as issuing, kept } from '../certificates.mts'
import { suite } from '../suite.mts'
import { golden } from './golden.mts'
import { folder } from './local-shell.mts'
import { needing, runTool, withFile } from './real-tool.mts'

const node = (name: string, address: string): Node => ({ name, fqdn: `${name}.example.org`, address })
const vip = (address: string): Cidr => ({ address, prefix: 24, family: family(address) })
const keystone = SERVICES.find(({ name }) => name === 'keystone') as Service
const glance = SERVICES.find(({ name }) => name === 'glance') as Service

type Wanted = Parameters<typeof haproxyCfg>[0]
/** As the first node has it. */
const cfg = (config: Wanted, services: readonly Service[]) => haproxyCfg(config, services, config.nodes[0] as Node)
const two = { vip: vip('192.168.18.100'), nodes: [node('node1', '192.168.18.11'), node('node2', '192.168.18.12')] }
const six = { vip: vip('2001:db8::100'), nodes: [node('node1', '2001:db8::11'), node('node2', '2001:db8::12')] }
const limit = { requests: 100, seconds: 10 }
const stats = { login: createHash('sha256').update('Basic x').digest('hex').toUpperCase() }

const FILES: Readonly<Record<string, string>> = {
  'two-nodes': cfg(two, [keystone]),
  'both-families': cfg({ ...two, vip2: vip('2001:db8::100') }, [keystone, glance]),
  ipv6: cfg(six, [keystone]),
  'odd-names-two-services': cfg(
    {
      vip: vip('10.0.0.100'),
      nodes: [node('0-db', '10.0.0.1'), node('a', '10.0.0.2'), node(`${'long-'.repeat(12)}nam`, '10.0.0.3')],
    },
    [keystone, glance],
  ),
  'tls-whole-table': cfg(
    { ...six, tls: {} },
    SERVICES.map((one) => (one.name === 'glance' ? { ...one, tls: true } : one)),
  ),
  'whole-table': cfg(two, SERVICES),
  'stats-and-limits': cfg({ ...two, stats }, [{ ...keystone, limit }, glance]),
  'stats-and-limits-ipv6': cfg({ ...six, stats }, [{ ...keystone, limit }]),
}

const test = suite('haproxy.cfg')
const dir = folder()
const { cert, key } = issuing(dir, 'any').issue('vip', { names: 'IP:2001:db8::100' })
const bundle = kept(dir, 'bundle.pem', cert, key)
const checked = needing(test, 'haproxy')
/** -dW: warnings are errors. Binds nothing. */
const haproxyCheck = (text: string) =>
  withFile(
    'haproxy.cfg',
    text.replaceAll(/(?<= )(crt|-f) \S+/g, (_, word) => `${word} ${word === 'crt' ? bundle : '/dev/null'}`),
    (file) => runTool('haproxy', ['-c', '-dW', '-f', file]),
  )

for (const [name, text] of Object.entries(FILES)) {
  test(`${name}: as its golden file`, () => golden(`haproxy-${name}.cfg`, text))
  checked(`${name}: haproxy -c takes it without a warning`, async () => {
    const { code, output } = await haproxyCheck(text)
    assert.is(code, 0, output)
  })
}

checked('haproxy -c refuses what it should, so that the tests above mean something', async () => {
  const { code } = await haproxyCheck((FILES.ipv6 as string).replace('balance leastconn', 'balance leastcon'))
  assert.is.not(code, 0)
})

checked('a limit with the addresses of 32 nodes is a line that HAProxy can read', async () => {
  const address = (last: number) => `2001:db8:1111:2222:3333:4444:5555:${last.toString(16).padStart(4, '1')}`
  const nodes = Array.from({ length: 32 }, (_, index) => node(`node${index}`, address(index)))
  const { code, output } = await haproxyCheck(cfg({ vip: vip(address(100)), nodes }, [{ ...keystone, limit }]))
  assert.is(code, 0, output)
})

test('the statistics are on the address of the node and nowhere else, and the rest is the same everywhere', () => {
  const [one, other] = two.nodes.map((node) => haproxyCfg({ ...two, stats }, [keystone], node))
  assert.equal((one as string).match(/bind .*:8404/g), ['bind 192.168.18.11:8404'])
  assert.is(other, (one as string).replace('bind 192.168.18.11:8404', 'bind 192.168.18.12:8404'))
  assert.is(haproxyCfg(two, [keystone], two.nodes[1] as Node), FILES['two-nodes'])
})

test('a name in the host part of an endpoint stays as it is', () => {
  assert.is(urlOf(keystone, 'api.example.org', 'public'), 'http://api.example.org:5000/v3')
  assert.is(authority('api.example.org', 80), 'api.example.org:80')
})

test('every endpoint of every service is a URL of its host and port', () => {
  for (const service of SERVICES) {
    for (const host of ['192.168.18.100', '2001:db8::100']) {
      for (const iface of INTERFACES) {
        const url = new URL(urlOf(service, host, iface))
        assert.is(url.hostname.replace(/^\[|\]$/g, ''), host)
        assert.is(url.port || '80', String(service.port))
      }
    }
  }
})

test('no two services share a name, a type or a port', () => {
  const none = (values: readonly (string | number)[]) => assert.is(new Set(values).size, values.length)
  none(SERVICES.map(({ name }) => name))
  none(SERVICES.map(({ port }) => port))
  none(SERVICES.flatMap(({ types }) => types))
})

test('an endpoint keeps a path that is as good, place holder and all, and gets the right one for any other', () => {
  const at = (name: string, old: string) =>
    urlOf(SERVICES.find((one) => one.name === name) as Service, '192.168.18.100', 'public', old)
  const vip = 'http://192.168.18.100'
  for (const [name, old, wanted] of [
    ['keystone', 'http://old:35357/v2.0', `${vip}:5000/v3`],
    ['nova', 'https://old:8774/v2.1/%(tenant_id)s', `${vip}:8774/v2.1/%(tenant_id)s`],
    ['nova', 'http://[2001:db8::1]:8774/v2.1', `${vip}:8774/v2.1`],
    ['nova', 'http://old:8774/v1.1', `${vip}:8774/v2.1`],
    ['cinder', 'http://old:8776/v2/$(project_id)s', `${vip}:8776/v2/$(project_id)s`],
    ['cinder', 'http://old/volume', `${vip}:8776/v3/%(project_id)s`],
    ['placement', 'http://old/placement', `${vip}:8778`],
    ['placement', 'http://old:8778/', `${vip}:8778/`],
    ['glance', 'http://old:9292', `${vip}:9292`],
    ['swift-proxy', 'http://old:8080/v1/AUTH_%(tenant_id)s', `${vip}:8080/v1/AUTH_%(tenant_id)s`],
  ] as const)
    assert.is(at(name, old), wanted)
})

test.run()
