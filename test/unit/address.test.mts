/** IP addresses and networks in canonical form. */
import * as assert from 'uvu/assert'
import {
  canonical,
  cidrText,
  contains,
  kind,
  lastAddress,
  network,
  overlap,
  parseCidr,
  reserved,
  sameNetwork,
} from '../../lib/address.mts'
import type { Cidr } from '../../lib/config.mts'
import { suite } from '../suite.mts'

const cidr = (text: string): Cidr => {
  const found = parseCidr(text)
  if (found === undefined) throw new Error(`${text} is no CIDR`)
  return found
}

const test = suite('address')

test('an address has one way to be written', () => {
  assert.is(canonical('192.168.18.201'), '192.168.18.201')
  assert.is(canonical('2001:DB8:0:0:0:0:0:1'), '2001:db8::1')
  assert.is(canonical('2001:db8:0:1:0:0:0:1'), '2001:db8:0:1::1')
  assert.is(canonical('2001:db8:0:0:1:0:0:1'), '2001:db8::1:0:0:1')
  assert.is(canonical('::'), '::')
  assert.is(canonical('::ffff:10.0.0.1'), '::ffff:a00:1')
})

test('what is no literal is refused', () => {
  for (const text of [
    '',
    '1',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.1 ',
    'node1',
    '::1::',
    'fe80::1%eth0',
    '[::1]',
  ]) {
    assert.is(canonical(text), undefined, text)
  }
})

test('a CIDR needs a prefix that its family has', () => {
  assert.equal(parseCidr('10.0.42.0/24'), { address: '10.0.42.0', prefix: 24, family: 4 })
  assert.equal(parseCidr('2001:DB8::1/64'), { address: '2001:db8::1', prefix: 64, family: 6 })
  assert.equal(parseCidr('::/0'), { address: '::', prefix: 0, family: 6 })
  for (const text of [
    '10.0.0.1',
    '10.0.0.1/',
    '10.0.0.1/33',
    '10.0.0.1/024',
    '::1/129',
    '10.0.0.1/24/8',
    '10.0.0.1/-1',
    '/24',
  ]) {
    assert.is(parseCidr(text), undefined, text)
  }
})

test('the network of an address, and its last address', () => {
  assert.is(cidrText(network(cidr('10.0.42.77/24'))), '10.0.42.0/24')
  assert.is(cidrText(network(cidr('10.0.42.77/20'))), '10.0.32.0/20')
  assert.is(cidrText(network(cidr('10.0.42.77/32'))), '10.0.42.77/32')
  assert.is(cidrText(network(cidr('255.255.255.255/0'))), '0.0.0.0/0')
  assert.is(cidrText(network(cidr('2001:db8:1:2:3:4:5:6/64'))), '2001:db8:1:2::/64')
  assert.is(lastAddress(cidr('10.0.42.77/20')), '10.0.47.255')
  assert.is(lastAddress(cidr('2001:db8::/126')), '2001:db8::3')
})

test('what lies in a network', () => {
  assert.ok(contains(cidr('10.0.42.200/24'), '10.0.42.1'))
  assert.not.ok(contains(cidr('10.0.42.200/24'), '10.0.43.1'))
  assert.ok(contains(cidr('2001:db8::/32'), '2001:db8:ffff::1'))
  assert.not.ok(contains(cidr('::/0'), '10.0.0.1'))
  assert.ok(sameNetwork(cidr('10.0.42.1/24'), cidr('10.0.42.2/24')))
  assert.not.ok(sameNetwork(cidr('10.0.42.1/24'), cidr('10.0.42.2/25')))
})

test('networks overlap when one holds the other', () => {
  assert.ok(overlap(cidr('10.0.0.0/16'), cidr('10.0.42.0/24')))
  assert.ok(overlap(cidr('10.0.42.0/24'), cidr('10.0.0.0/16')))
  assert.not.ok(overlap(cidr('10.0.42.0/24'), cidr('10.0.43.0/24')))
  assert.not.ok(overlap(cidr('0.0.0.0/0'), cidr('::/0')))
})

test('the addresses that no host can have', () => {
  assert.is(reserved(cidr('10.0.42.1/24'), '10.0.42.0'), 'network')
  assert.is(reserved(cidr('10.0.42.1/24'), '10.0.42.255'), 'broadcast')
  assert.is(reserved(cidr('10.0.42.1/24'), '10.0.42.254'), undefined)
  assert.is(reserved(cidr('10.0.42.0/31'), '10.0.42.0'), undefined)
  assert.is(reserved(cidr('2001:db8::/64'), '2001:db8::'), 'network')
  assert.is(reserved(cidr('2001:db8::/64'), '2001:db8::ffff:ffff:ffff:ffff'), undefined)
})

test('the kinds of addresses', () => {
  const kinds = {
    '192.168.18.201': 'unicast',
    '2001:db8::1': 'unicast',
    'fd00::1': 'unicast',
    '127.0.0.1': 'loopback',
    '::1': 'loopback',
    '0.0.0.0': 'unspecified',
    '::': 'unspecified',
    '239.255.42.2': 'multicast',
    'ff15::42:2': 'multicast',
    '169.254.1.1': 'link-local',
    'fe80::1': 'link-local',
    '255.255.255.255': 'reserved',
    '::ffff:a00:1': 'reserved',
  }
  for (const [address, expected] of Object.entries(kinds)) assert.is(kind(address), expected, address)
})

test.run()
