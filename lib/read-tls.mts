/** TLS_CERT, TLS_CA and VIP_NAME of the env file: the certificate is looked at before anybody relies on it. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { getCACertificates } from 'node:tls'
import type { Config, Node, Tls } from './config.mts'
import type { Entry } from './env-file.mts'
import { located, unreadable } from './read-access.mts'
import { isHostName } from './read-nodes.mts'
import { shown } from './shown.mts'
import type { Source } from './source.mts'

/** The word for a certificate that the nodes make themselves. */
const OWN = 'self-signed'
const BUNDLE = 'put certificate, chain and key into one file: cat cert.pem chain.pem key.pem >bundle.pem'
/** Bits of RSA that OpenSSL takes where distributions build it (SSL_CTX_set_security_level(3), level 2). */
const RSA = 2048
/** serverAuth (RFC 5280, 4.2.1.12). */
const SERVER = '1.3.6.1.5.5.7.3.1'

type Wrong = (text: string, remedy: string) => void

/** `vips` are addresses, without those that are wrong already. */
export function readTls(
  source: Source,
  nodes: readonly Node[],
  vips: readonly string[],
): Pick<Config, 'tls' | 'cas' | 'vipName'> {
  const vipName = readVipName(source, nodes)
  const cas = readCas(source)
  const hosts = vipName === undefined ? vips : [vipName]
  return { vipName, cas: cas.map((one) => one.toString()), tls: readCert(source, hosts, cas) }
}

function readVipName(source: Source, nodes: readonly Node[]): string | undefined {
  const entry = source.get('VIP_NAME')
  if (entry === undefined) return undefined
  const name = entry.value.trim().toLowerCase()
  const wrong = wrongIn(source, entry, 'VIP_NAME')
  if (!isHostName(name) || !name.includes('.'))
    wrong(`VIP_NAME "${shown(entry.value)}" is no full host name`, 'write it like VIP_NAME=api.example.com')
  const same = nodes.find((node) => [node.name, node.fqdn].some((one) => one.toLowerCase() === name))
  if (same) wrong(`VIP_NAME is the name of ${shown(same.name)}`, 'give the VIP a name of its own')
  return name
}

const wrongIn =
  (source: Source, { line }: Entry, key: string): Wrong =>
  (text, remedy) =>
    source.report({ line, key, text, remedy })

/** The blocks of a PEM file (RFC 7468) by what they say they are; undefined where it cannot be read, which is told. */
function blocksOf(source: Source, entry: Entry, wrong: Wrong, remedy: string) {
  const path = located(source, entry.value.trim())
  const problem = unreadable(path)
  if (problem !== undefined) {
    wrong(`${entry.key}: ${problem}`, remedy)
    return undefined
  }
  const blocks = [
    ...readFileSync(path, 'latin1').matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\r?\n([\s\S]*?)-----END \1-----/g),
  ]
  const of = (what: RegExp) => blocks.filter(([, label = '']) => what.test(label))
  return { certs: of(/^(?:X509 |TRUSTED )?CERTIFICATE$/), keys: of(/PRIVATE KEY$/) }
}

function certificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function readCas(source: Source): readonly X509Certificate[] {
  const entry = source.get('TLS_CA')
  if (entry === undefined) return []
  const wrong = wrongIn(source, entry, 'TLS_CA')
  const blocks = blocksOf(source, entry, wrong, 'write the path of a CA certificate in PEM, relative to this file')
  if (blocks === undefined) return []
  if (blocks.keys.length > 0)
    wrong('TLS_CA holds a private key', 'give the certificate alone: no node needs the key of a CA')
  const all = blocks.certs.map(([pem]) => certificate(pem))
  if (all.length === 0 || all.includes(undefined))
    wrong(
      `TLS_CA has ${all.length === 0 ? 'no certificate' : 'a certificate that cannot be read'}`,
      'give certificates in PEM, which begin with -----BEGIN CERTIFICATE-----',
    )
  return all.filter((one) => one !== undefined)
}

function readCert(source: Source, hosts: readonly string[], cas: readonly X509Certificate[]): Tls | undefined {
  const entry = source.get('TLS_CERT')
  if (entry === undefined) return undefined
  if (entry.value.trim() === OWN) return {}
  const wrong = wrongIn(source, entry, 'TLS_CERT')
  const blocks = blocksOf(source, entry, wrong, `write the path of a bundle, relative to this file, or ${OWN}`)
  if (blocks === undefined) return {}
  for (const [, , body = ''] of blocks.keys) source.secret(body.trim())
  const certs = blocks.certs.map(([pem]) => certificate(pem))
  const [leaf, ...chain] = certs
  if (certs.length === 0) wrong('TLS_CERT has no certificate', BUNDLE)
  else if (leaf === undefined || chain.includes(undefined))
    wrong('TLS_CERT has a certificate that cannot be read', 'look at it: openssl x509 -noout -text -in bundle.pem')
  else {
    for (const host of hosts) named(leaf, host, wrong)
    fits(leaf, wrong)
    chained(leaf, chain as X509Certificate[], cas, wrong)
  }
  const fault = keyFault(blocks.keys, certs)
  if (fault) wrong(...fault)
  return {
    // Parts that were put together without a line break, or written on Windows, are none to OpenSSL.
    bundle: btoa([...blocks.certs, ...blocks.keys].map(([pem]) => `${pem.replaceAll('\r', '')}\n`).join('')),
    ...(leaf === undefined ? {} : { until: leaf.validToDate.getTime() }),
  }
}

/** The certificate is for clients of this host (RFC 9525: the subject's common name does not count). */
function named(leaf: X509Certificate, host: string, wrong: Wrong): void {
  if (isHostName(host) ? leaf.checkHost(host, { subject: 'never' }) : leaf.checkIP(host)) return
  const names = leaf.subjectAltName?.replaceAll(/(?:DNS|IP Address):/g, '') ?? 'no name at all'
  const [name] = [...(leaf.subjectAltName?.matchAll(/DNS:([^,*]+)(?:,|$)/g) ?? [])].map(([, one]) => one)
  wrong(
    `TLS_CERT is not for ${host}: it is for ${shown(names)}`,
    name === undefined || isHostName(host)
      ? `have one made with the subjectAltName ${isHostName(host) ? 'DNS' : 'IP'}:${host}`
      : `write VIP_NAME=${shown(name)}, if clients are to call the VIP by that name`,
  )
}

/** It is for a server, its key is one that OpenSSL takes, and it is good already. */
function fits(leaf: X509Certificate, wrong: Wrong): void {
  if (leaf.keyUsage !== undefined && !leaf.keyUsage.includes(SERVER))
    wrong('TLS_CERT is for no server: its extended key usage lacks serverAuth', 'have one made for a TLS server')
  const bits = leaf.publicKey.asymmetricKeyDetails?.modulusLength
  if (leaf.publicKey.asymmetricKeyType === 'rsa' && bits !== undefined && bits < RSA)
    wrong(`the key of TLS_CERT has ${bits} bits, which OpenSSL refuses`, `have one made with RSA of ${RSA} or with EC`)
  if (new Date(leaf.validFrom).getTime() > Date.now())
    wrong(`TLS_CERT is not valid before ${leaf.validFrom}`, 'take one that is valid now, or set the clock right')
}

const issued = (one: X509Certificate, by: X509Certificate): boolean => one.checkIssued(by) && one.verify(by.publicKey)

/** Each certificate is issued by the next, and the last one by somebody whom clients know. */
function chained(leaf: X509Certificate, chain: X509Certificate[], cas: readonly X509Certificate[], wrong: Wrong): void {
  const all = [leaf, ...chain]
  for (const [index, one] of all.slice(0, -1).entries()) {
    if (issued(one, all[index + 1] as X509Certificate)) continue
    wrong(
      `in TLS_CERT, certificate ${index + 2} has not issued the one before it, ${nameOf(one.subject)}`,
      "the server's own certificate is the first, then the one that has issued it, and so on",
    )
    return
  }
  const last = all.at(-1) as X509Certificate
  const known = [...cas, ...getCACertificates('default'), ...getCACertificates('system')]
    .map((one) => (typeof one === 'string' ? certificate(one) : one))
    .filter((one) => one !== undefined)
  if (known.some((one) => one.fingerprint256 === last.fingerprint256 || issued(last, one))) return
  wrong(
    `nobody knows who has issued TLS_CERT: ${nameOf(last.issuer)}`,
    'give its CA in TLS_CA, or add the intermediate certificate that is missing in the bundle',
  )
}

/** A distinguished name on one line, with nothing that a terminal would take for a command. */
const nameOf = (name: string) => JSON.stringify(name.replaceAll('\n', ', '))

/** What is wrong with the private key, and what to do. */
function keyFault(
  keys: readonly (readonly string[])[],
  certs: readonly (X509Certificate | undefined)[],
): readonly [string, string] | undefined {
  const [block, second] = keys
  if (block === undefined) return ['TLS_CERT has no private key', BUNDLE]
  if (second) return ['TLS_CERT has two private keys', "keep the one of the server's certificate"]
  const [pem = '', label = '', body = ''] = block
  if (label.startsWith('ENCRYPTED') || body.includes('ENCRYPTED'))
    return [
      'the private key of TLS_CERT is encrypted, and a node that starts has nobody to ask',
      'write it without a passphrase: openssl pkey -in key.pem -out plain.pem',
    ]
  let key: ReturnType<typeof createPrivateKey>
  try {
    key = createPrivateKey(pem)
  } catch {
    return ['the private key of TLS_CERT cannot be read', 'look at it: openssl pkey -noout -check -in bundle.pem']
  }
  const at = certs.findIndex((one) => one?.checkPrivateKey(key))
  if (at === 0 || certs.includes(undefined) || certs.length === 0) return undefined
  if (at > 0)
    return [
      `the private key of TLS_CERT belongs to certificate ${at + 1} of the bundle`,
      "put the server's own certificate first",
    ]
  return [
    'the private key of TLS_CERT does not belong to its certificate',
    'put the two together that were made together',
  ]
}
