/** The lines of /etc/hosts, and chrony's sources. */
import * as assert from 'uvu/assert'
import { chronySources } from '../../lib/render/chrony.mts'
import { hostsLines } from '../../lib/render/hosts.mts'
import { suite } from '../suite.mts'
import { golden } from './golden.mts'

const test = suite('hosts and chrony')

test('two nodes', () =>
  golden(
    'hosts-two-nodes',
    hostsLines({
      nodes: [
        { address: '192.168.18.11', fqdn: 'node1.example.org', name: 'node1' },
        { address: '192.168.18.12', fqdn: 'node2.example.org', name: 'node2' },
      ],
    }),
  ))

test('IPv6, and a name without a domain stands once', () =>
  golden(
    'hosts-ipv6',
    hostsLines({
      nodes: [
        { address: '2001:db8::11', fqdn: '0-db', name: '0-db' },
        { address: '2001:db8::12', fqdn: 'a.example.org', name: 'a' },
        { address: '2001:db8::13', fqdn: 'c.example.org', name: 'c' },
      ],
    }),
  ))

test('each line ends, so that what follows stands on one of its own', () => {
  assert.is(hostsLines({ nodes: [] }), '')
  assert.match(hostsLines({ nodes: [{ address: '10.0.0.1', fqdn: 'a.b', name: 'a' }] }), /^[^\n]+\n$/)
})

test('chrony: servers, and pools by their name', () =>
  golden(
    'quorate.sources',
    chronySources(['10.0.0.1', '2001:db8::1', 'ntp.example.org', '2.debian.pool.ntp.org', 'spool.example.org']),
  ))

test.run()
