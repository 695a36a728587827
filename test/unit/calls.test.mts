/** Where services call each other: what is found on a node, and what it is to be. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { CALLERS, callsFact, edits, otherCalls } from '../../lib/calls.mts'
import type { Config, Node } from '../../lib/config.mts'
import { hostIn, onVip } from '../../lib/old-address.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { suite } from '../suite.mts'
import { folder, SHELLS, shell } from './local-shell.mts'
import { factsOf, twoNodes } from './phase-texts.mts'
import { needing } from './real-tool.mts'

const ENV = twoNodes('keystone glance nova nova-metadata')
const SIX = ENV.replaceAll('192.0.2.', '2001:db8::').replace('/24', '/64')

const FILES: Readonly<Record<string, string>> = {
  '/etc/glance/glance-api.conf': `[DEFAULT]
# auth_url = http://n1:5000
public_endpoint = http://n1.example.org:9292
[keystone_authtoken]
auth_url = http://localhost:5000
www_authenticate_uri=http://192.0.2.11:5000/v3
memcached_servers = n1:11211
password = hush
[cinder]
endpoint_override = http://n2:8776/v3/%(project_id)s
`,
  '/etc/nova/nova.conf': `[glance]
api_servers = http://n1:9292,http://n2:9292
[neutron]
auth_url = http://elsewhere:5000/v3
`,
  '/etc/neutron/metadata_agent.ini': '[DEFAULT]\nnova_metadata_host = 127.0.0.1\n',
  '/etc/openstack-dashboard/local_settings.py':
    'OPENSTACK_HOST = "127.0.0.1"\nOPENSTACK_KEYSTONE_URL = "http://%s:5000/v3" % OPENSTACK_HOST\n',
  '/srv/cinder/shared.conf': '[keystone_authtoken]\nauth_url = http://n2:5000\n',
  '/var/lib/quorate/settings': [
    '/etc/glance/glance-api.conf\t[oslo_middleware]\tenable_proxy_headers_parsing\ttrue\t\tglance-api',
    '/etc/nova/nova.conf\t[glance]\tapi_servers\thttp://n1:9292\t\tnova-api\n',
  ].join('\n'),
  '/root/admin-openrc': 'export OS_AUTH_URL="http://n1:5000/v3"\nexport OS_PASSWORD=hush\n',
}

/** Names under which they are found, and what they lead to. */
const LINKS: Readonly<Record<string, string>> = {
  '/etc/cinder/cinder.conf': '../../srv/cinder/shared.conf',
  '/root/keystonerc_admin': 'admin-openrc',
}

/** What the fact says where these are the files. */
function found(words: readonly string[]): string {
  const top = folder()
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(top, path)), { recursive: true })
    writeFileSync(join(top, path), text)
  }
  for (const [path, to] of Object.entries(LINKS)) {
    mkdirSync(dirname(join(top, path)), { recursive: true })
    symlinkSync(to, join(top, path))
  }
  const script = callsFact.replaceAll(/ (\/(?:etc|root|var)\/)/g, ` ${top}$1`)
  const { stdout, stderr } = shell(words, script, true)
  assert.is(stderr, '')
  return stdout.trimEnd().replaceAll(top, '')
}

const test = suite('call addresses')

const said = found(['sh'])
const wanted = (text: string, listeners = '', all = said) => {
  const config = parseConfig(text, '/env')
  const facts = factsOf(config, () => ({ calls: all, listeners }))
  const [first] = config.nodes as readonly [Node]
  const list = CALLERS.flatMap((caller) => edits(config, facts, first, caller))
  return {
    config,
    facts,
    list: list.map(({ file, section, key, old, value }) => [file, section, key, old, value].join(' ')),
  }
}

for (const [program, words] of SHELLS)
  needing(test, program)(`${program} finds the known keys, and tells no other`, () => {
    assert.is(found(words), said)
    assert.not.match(said, /hush/)
    assert.is(said.split('\n').length, 19)
    assert.match(said, /^ours\t\/etc\/glance\/glance-api\.conf$/m)
  })

test('what names a node names the VIP, and the rest stays to the letter', () => {
  assert.equal(wanted(ENV).list, [
    '/etc/glance/glance-api.conf DEFAULT public_endpoint http://n1.example.org:9292 http://192.0.2.100:9292',
    '/etc/glance/glance-api.conf keystone_authtoken auth_url http://localhost:5000 http://192.0.2.100:5000',
    '/etc/glance/glance-api.conf keystone_authtoken www_authenticate_uri http://192.0.2.11:5000/v3 http://192.0.2.100:5000/v3',
    '/etc/nova/nova.conf glance api_servers http://n1:9292,http://n2:9292 http://192.0.2.100:9292',
    '/etc/neutron/metadata_agent.ini DEFAULT nova_metadata_host 127.0.0.1 192.0.2.100',
    '/srv/cinder/shared.conf keystone_authtoken auth_url http://n2:5000 http://192.0.2.100:5000',
    '/etc/openstack-dashboard/local_settings.py  OPENSTACK_HOST "127.0.0.1" "192.0.2.100"',
    '/root/admin-openrc  export OS_AUTH_URL "http://n1:5000/v3" "http://192.0.2.100:5000/v3"',
  ])
})

test('a file is changed where it is, and once, whatever leads there', () => {
  assert.not.match(said, /cinder[.]conf|keystonerc/)
})

test('once it is so there is nothing to change', () => {
  const { config, facts } = wanted(ENV)
  const [first] = config.nodes as readonly [Node]
  const after = CALLERS.flatMap((caller) => edits(config, facts, first, caller)).reduce(
    (text, { key, old, value }) => text.replace(`${key}\t${old}`, `${key}\t${value}`),
    said,
  )
  assert.is.not(after, said)
  assert.equal(wanted(ENV, '', after).list, [])
})

test('an IPv6 VIP stands in brackets in a URL, and without where a host is asked for', () => {
  const { list } = wanted(SIX, '', said.replace('192.0.2.11', '[2001:db8::11]'))
  assert.ok(
    list.some((line) => line.endsWith('http://[2001:db8::11]:5000/v3 http://[2001:db8::100]:5000/v3')),
    list.join('\n'),
  )
  assert.ok(
    list.some((line) => line.endsWith('nova_metadata_host 127.0.0.1 2001:db8::100')),
    list.join('\n'),
  )
})

test('with TLS on the VIP they call it by HTTPS, and APIs believe HAProxy that their clients did', () => {
  const { list } = wanted(`${ENV}TLS_CERT=self-signed\nVIP_NAME=api.example.org\n`)
  assert.equal(
    list.filter((line) => !line.includes(' http://')),
    [
      '/etc/glance/glance-api.conf oslo_middleware enable_proxy_headers_parsing  true',
      '/etc/nova/nova.conf oslo_middleware enable_proxy_headers_parsing  true',
      '/etc/neutron/metadata_agent.ini DEFAULT nova_metadata_host 127.0.0.1 api.example.org',
      '/etc/neutron/metadata_agent.ini DEFAULT nova_metadata_protocol  https',
      '/etc/openstack-dashboard/local_settings.py  OPENSTACK_HOST "127.0.0.1" "api.example.org"',
      '/root/admin-openrc  export OS_AUTH_URL "http://n1:5000/v3" "https://api.example.org:5000/v3"',
    ],
  )
})

test('without TLS again what we made them believe is believed no more, and what others did stays', () => {
  const believes = 'glance\t/etc/glance/glance-api.conf\t[oslo_middleware]\tenable_proxy_headers_parsing\ttrue'
  const other = 'nova\t/etc/nova/nova.conf\t[oslo_middleware]\tenable_proxy_headers_parsing\ttrue'
  const off = (env: string, more: string) =>
    wanted(env, '', [said.replace(/^ours.*$/m, more), believes, other].join('\n')).list.filter((line) =>
      line.includes('oslo_middleware'),
    )
  assert.equal(off(ENV, 'ours\t/etc/glance/glance-api.conf'), [
    '/etc/glance/glance-api.conf oslo_middleware enable_proxy_headers_parsing true false',
  ])
  assert.equal(off(ENV, ''), [])
  assert.equal(off(`${ENV}TLS_CERT=self-signed\n`, 'ours\t/etc/glance/glance-api.conf'), [])
})

test('all memcacheds are named where each node has one, and none where they have not', () => {
  const servers = (listeners: string) => wanted(ENV, listeners).list.filter((line) => line.includes('memcached'))
  assert.equal(servers('127.0.0.1:11211'), [])
  assert.equal(servers('0.0.0.0:11211'), [
    '/etc/glance/glance-api.conf keystone_authtoken memcached_servers n1:11211 192.0.2.11:11211,192.0.2.12:11211',
  ])
})

test('a node in the address of an API that is not behind the VIP is told', () => {
  const { config, facts } = wanted(ENV)
  assert.equal(
    otherCalls(config, facts).filter((line) => line.startsWith('n1')),
    [
      'n1: /etc/glance/glance-api.conf [cinder] endpoint_override names a node, of an API that is not behind the VIP: http://n2:8776/v3/%(project_id)s',
    ],
  )
})

test('hosts of URLs', () => {
  const config: Config = parseConfig(SIX, '/env')
  assert.is(hostIn('http://[2001:DB8::11]:5000'), '2001:db8::11')
  assert.is(hostIn('mysql://n1/x'), '')
  assert.is(hostIn('http://user@n1:5000'), '')
  assert.is(onVip(config, 'http://n1:5000'), 'http://[2001:db8::100]:5000')
  assert.is(onVip(config, 'http://n1'), undefined)
  assert.is(onVip(config, 'http://n10:5000'), undefined)
})

test.run()
