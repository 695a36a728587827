/** TLS_CERT, TLS_CA and VIP_NAME: what is taken, each thing that can be wrong with it, and what follows from it. */
import * as assert from 'uvu/assert'
import { apiHost, type Config } from '../../lib/config.mts'
import { ConfigError } from '../../lib/errors.mts'
import { portOn, schemeOn } from '../../lib/http.mts'
import { onVip } from '../../lib/old-address.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { SERVICES, type Service } from '../../lib/services.mts'
import { endsSoon, notOver, shownEndsSoon } from '../../lib/tls.mts'
import { authority, kept } from '../certificates.mts'
import { suite } from '../suite.mts'
import { folder } from './local-shell.mts'
import { factsOf } from './phase-texts.mts'
import { needing } from './real-tool.mts'

const DIR = folder()
const ENV = `NODES="
192.0.2.11 n1.example.org n1
192.0.2.12 n2.example.org n2
"
VIP=192.0.2.100/24
FENCING=none
`
/** The line of the first key after those. */
const LINE = 7
const VIP = 'IP:192.0.2.100'

const read = (...lines: readonly string[]): Config => parseConfig(`${ENV}${lines.join('\n')}\n`, `${DIR}/env`)
/** All that is said of it: line, key, text and remedy. */
function refused(...lines: readonly string[]): string {
  try {
    read(...lines)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ line, key, text, remedy }) => `${line} ${key}: ${text}; ${remedy}`).join('\n')
  }
  return ''
}

const test = suite('TLS')
const made = needing(test, 'openssl')

test('none, and a certificate that the nodes make', () => {
  assert.is(read().tls, undefined)
  assert.equal(read('TLS_CERT=self-signed').tls, {})
  assert.is(schemeOn(read('TLS_CERT=self-signed'), '192.0.2.100', {}), 'https')
  assert.is(schemeOn(read('TLS_CERT=self-signed'), '192.0.2.11', {}), 'http')
  assert.is(schemeOn(read(), '192.0.2.11', { tls: true }), 'https')
})

made('a bundle with its chain, and an authority that is named', () => {
  const root = authority(DIR, 'root')
  const issuer = root.under('issuer')
  const { cert, key } = issuer.issue('good', { names: VIP, days: 90 })
  const bundle = kept(DIR, 'bundle.pem', cert, issuer.pem, key)
  const config = read(`TLS_CERT=${bundle}`, `TLS_CA=${root.file}`)
  assert.is(Buffer.from(config.tls?.bundle ?? '', 'base64').toString(), cert + issuer.pem + key)
  assert.ok(config.secrets.some((secret) => key.includes(secret)))
  assert.equal(config.cas.length, 1)
  assert.equal([notOver(config), endsSoon(config)], [[], []])

  assert.match(
    refused(`TLS_CERT=${bundle}`),
    new RegExp(`^${LINE} TLS_CERT: nobody knows who has issued TLS_CERT: "CN=root"; give its CA in TLS_CA`),
  )
  const alone = kept(DIR, 'alone.pem', cert, key)
  assert.match(refused(`TLS_CERT=${alone}`, `TLS_CA=${root.file}`), /nobody knows who has issued TLS_CERT: "CN=issuer"/)
  const order = kept(DIR, 'order.pem', cert, root.pem, issuer.pem, key)
  assert.match(
    refused(`TLS_CERT=${order}`, `TLS_CA=${root.file}`),
    /certificate 2 has not issued the one before it, "CN=good"/,
  )
  const first = kept(DIR, 'first.pem', issuer.pem, cert, key)
  assert.match(
    refused(`TLS_CERT=${first}`, `TLS_CA=${root.file}`),
    /the private key of TLS_CERT belongs to certificate 2/,
  )
})

made('what does not fit is told, all at once', () => {
  const root = authority(DIR, 'other')
  const ca = `TLS_CA=${root.file}`
  const of = (name: string, wish: Parameters<typeof root.issue>[1]) => {
    const { cert, key } = root.issue(name, wish)
    return { cert, key, line: `TLS_CERT=${kept(DIR, `${name}-bundle.pem`, cert, key)}` }
  }
  const good = of('good', { names: VIP })
  assert.is(refused(good.line, ca), '')
  assert.match(
    refused(of('name', { names: 'DNS:api.example.org' }).line, ca),
    /is not for 192\.0\.2\.100: it is for api\.example\.org; write VIP_NAME=api\.example\.org/,
  )
  assert.match(
    refused(of('none', {}).line, ca),
    /it is for no name at all; have one made with the subjectAltName IP:192\.0\.2\.100/,
  )
  assert.match(
    refused(good.line, ca, 'VIP_NAME=api.example.org'),
    /is not for api\.example\.org: .*subjectAltName DNS:api\.example\.org/,
  )
  assert.is(refused(of('wild', { names: 'DNS:*.example.org' }).line, ca, 'VIP_NAME=api.example.org'), '')
  assert.match(refused(of('client', { names: VIP, usage: 'clientAuth' }).line, ca), /is for no server/)
  assert.match(refused(of('weak', { names: VIP, rsa: 1024 }).line, ca), /has 1024 bits/)

  const bundle = (...parts: readonly string[]) => `TLS_CERT=${kept(DIR, 'parts.pem', ...parts)}`
  assert.match(
    refused(bundle(good.cert), ca),
    /TLS_CERT has no private key; put certificate, chain and key into one file/,
  )
  assert.match(refused(bundle(good.key), ca), /TLS_CERT has no certificate/)
  assert.match(refused(bundle(good.cert, of('b', { names: VIP }).key), ca), /does not belong to its certificate/)
  assert.match(refused(bundle(good.cert, good.key, good.key), ca), /two private keys/)
  assert.match(
    refused(bundle(good.cert, good.key.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE')), ca),
    /is encrypted.*openssl pkey -in key\.pem/,
  )
  assert.match(
    refused(bundle(good.cert.replace('\nM', '\nX'), good.key), ca),
    /TLS_CERT has a certificate that cannot be read/,
  )
  assert.match(
    refused('TLS_CERT=nowhere.pem', 'TLS_CA=nowhere'),
    /^7 TLS_CERT: .*there is no file .*\n8 TLS_CA: .*there is no file|^8 TLS_CA: .*\n7 TLS_CERT: /,
  )
  assert.match(refused(good.line, `TLS_CA=${kept(DIR, 'empty', '')}`), /TLS_CA has no certificate/)
  assert.match(refused(good.line, `TLS_CA=${kept(DIR, 'with-key', root.pem, good.key)}`), /TLS_CA holds a private key/)
  const both = refused(of('two', { names: 'DNS:x.org', usage: 'clientAuth' }).line)
  assert.match(both, /is not for/)
  assert.match(both, /is for no server/)
  assert.match(both, /nobody knows/)
})

made('parts without a line break between them, and those of Windows, are put right', () => {
  const root = authority(DIR, 'windows')
  const { cert, key } = root.issue('odd', { names: VIP })
  const odd = kept(DIR, 'odd-bundle.pem', cert.trimEnd(), key.replaceAll('\n', '\r\n'))
  const config = read(`TLS_CERT=${odd}`, `TLS_CA=${root.file}`)
  assert.is(Buffer.from(config.tls?.bundle ?? '', 'base64').toString(), cert + key)
})

made('of two VIPs each is to be in it, unless there is a name', () => {
  const root = authority(DIR, 'both')
  const { cert, key } = root.issue('first', { names: `${VIP},DNS:api.example.org` })
  const lines = [`TLS_CERT=${kept(DIR, 'first-bundle.pem', cert, key)}`, `TLS_CA=${root.file}`]
  const both = ENV.replace(/^VIP=.*/m, 'VIP="192.0.2.100/24 2001:db8::100/64"')
  const of = (...more: readonly string[]) => parseConfig(`${both}${[...lines, ...more].join('\n')}\n`, `${DIR}/env`)
  assert.throws(() => of(), /TLS_CERT is not for 2001:db8::100/)
  assert.is(of('VIP_NAME=api.example.org').vipName, 'api.example.org')
})

test('one with a port of its own for TLS has it on the VIP alone, and with TLS alone', () => {
  const horizon = SERVICES.find(({ name }) => name === 'horizon') as Service
  const secure = read('TLS_CERT=self-signed')
  assert.is(portOn(secure, '192.0.2.100', horizon), 443)
  assert.is(portOn(secure, '192.0.2.11', horizon), 80)
  assert.is(portOn(read(), '192.0.2.100', horizon), 80)
})

test('a name is a full one of its own', () => {
  assert.is(apiHost(read('VIP_NAME=API.Example.org')), 'api.example.org')
  for (const wrong of ['api', '192.0.2.1', 'a_b.org', 'https://x.org'])
    assert.match(refused(`VIP_NAME=${wrong}`), /is no full host name/)
  assert.match(refused('VIP_NAME=n1.example.org'), /VIP_NAME is the name of n1/)
})

made('one that has ended is no fault for a look, and none for a run; one that ends soon is told', () => {
  const root = authority(DIR, 'clock')
  const config = (days: number) => {
    const { cert, key } = root.issue('soon', { names: VIP, days })
    return read(`TLS_CERT=${kept(DIR, 'soon-bundle.pem', cert, key)}`, `TLS_CA=${root.file}`)
  }
  assert.match(endsSoon(config(3)).join(), /^TLS_CERT is good until \d{4}-\d\d-\d\d, 2 days more: have it renewed/)
  assert.equal(endsSoon(config(31)), [])
  const over = config(3)
  const past: Config = { ...over, tls: { ...over.tls, until: Date.parse('2020-01-02') } }
  assert.equal(
    notOver(past).map(({ key, text }) => [key, text]),
    [['TLS_CERT', 'TLS_CERT was good until 2020-01-02']],
  )
  const shown = (when: string) =>
    shownEndsSoon(
      over,
      factsOf(over, () => ({ certificate: when })),
    )
  assert.match(
    shown(new Date(Date.now() + 5.5 * 86400000).toUTCString()).join(),
    /the certificate of the VIP is good until .*, 5 days more/,
  )
  assert.equal([shown(''), shown(new Date(Date.now() + 40 * 86400000).toUTCString())], [[], []])
})

test('what names the VIP follows it from HTTP to HTTPS and back, and to its name', () => {
  const secure = read('TLS_CERT=self-signed', 'VIP_NAME=api.example.org')
  for (const host of ['192.0.2.100', 'n1', 'localhost', 'api.example.org'])
    assert.is(onVip(secure, `http://${host}:5000/v3`), 'https://api.example.org:5000/v3')
  assert.is(onVip(read(), 'https://192.0.2.100:5000'), 'http://192.0.2.100:5000')
  assert.is(onVip(secure, 'http://elsewhere:5000'), undefined)
})

test('SERVICE_<name> says which API speaks TLS itself', () => {
  const [keystone] = read('SERVICE_keystone="tls=yes"').services as [Service]
  assert.is(keystone.tls, true)
  assert.match(refused('SERVICE_keystone="tls=on"'), /tls of SERVICE_keystone is not yes or no/)
})

test.run()
