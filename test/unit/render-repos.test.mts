/** REPOS as apt, dnf and zypper read it: no login in what everybody may read, and no check that is off. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Repo } from '../../lib/config.mts'
import { armoured, fingerprints } from '../../lib/openpgp.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { aptAuth, aptSources } from '../../lib/render/apt.mts'
import { rpmRepos } from '../../lib/render/rpm-repo.mts'
import { suite } from '../suite.mts'
import { folder } from './local-shell.mts'
import { twoNodes } from './phase-texts.mts'

/** Made for this test; nothing is signed with it. */
const KEY = join(import.meta.dirname, 'fixtures/packages-key.asc')
const PRINT = 'A7B0E5DD02922CE29850D85E9EA50F8847D675B3'

const reposOf = (...lines: readonly string[]): readonly Repo[] =>
  parseConfig(`${twoNodes('keystone')}REPOS="\n${lines.join('\n')}\n"\n`, join(folder(), 'env')).repos

const ALL = [
  'deb [arch=amd64,arm64 trusted=yes by-hash=force lang+=de] https://me:one@host/debian bookworm main contrib',
  `https://open.test.com/debian ./ key=${KEY}`,
  `https://me:t%25wo@host/el9 key=${KEY} name=extra`,
  `https://plain.test.com/el9?a=b key=https://plain.test.com/key.asc fingerprint=${PRINT.toLowerCase()}`,
  'crb',
  'deb https://me:three@host/debian-more ./',
]

const test = suite('repositories')

test('apt: a paragraph each, and a keyring of its own for each key', () => {
  assert.is(
    aptSources(reposOf(...ALL)),
    `# Written by quorate from REPOS.

Types: deb
URIs: https://host/debian
Suites: bookworm
Components: main contrib
Architectures: amd64 arm64
Trusted: yes
By-Hash: force
Languages-Add: de

Types: deb
URIs: https://open.test.com/debian
Suites: ./
Signed-By: /etc/apt/keyrings/quorate-1.asc

Types: deb
URIs: https://host/debian-more
Suites: ./
`,
  )
})

test('apt: logins have a file of their own, the longest path first', () => {
  assert.is(
    aptAuth(reposOf(...ALL)),
    'machine https://host/debian-more login me password three\nmachine https://host/debian login me password one\n',
  )
  assert.is(aptAuth([]), '')
})

test('dnf: signatures are looked at, and a login is beside the address', () => {
  assert.is(
    rpmRepos(reposOf(...ALL), 'dnf'),
    `# Written by quorate from REPOS.

[extra]
name=extra
baseurl=https://host/el9
enabled=1
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/quorate-2
username=me
password=t%wo

[quorate-3]
name=quorate-3
baseurl=https://plain.test.com/el9?a=b
enabled=1
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/quorate-3
`,
  )
})

test('zypper: the same, and the login in a file of its own', () => {
  const text = rpmRepos(reposOf(...ALL), 'zypper')
  assert.not.match(text, /t%wo|password/)
  assert.match(text, 'baseurl=https://host/el9?credentials=extra\nenabled=1\ngpgcheck=1\npkg_gpgcheck=1\n')
})

test('the fingerprint of a key is that which gpg tells, armoured or not', () => {
  const [repo] = reposOf(`https://host/el9 key=${KEY} fingerprint=${PRINT}`)
  assert.equal(repo?.fingerprints, [PRINT])
  const text = Buffer.from(repo?.key ?? '', 'base64').toString()
  const binary = Buffer.from(text.split('\n\n')[1]?.replace(/\n=[\s\S]*/, '') ?? '', 'base64')
  assert.equal(fingerprints(binary), [PRINT])
  assert.is(armoured(binary), text)
})

test('a wrong fingerprint is told with the right one, of one key or of several', () => {
  const wrong = PRINT.replace('A', 'B')
  assert.throws(() => reposOf(`https://host/el9 key=${KEY} fingerprint=${wrong}`), new RegExp(`${PRINT}.*${wrong}`))
  const two = join(folder(), 'two.asc')
  const text = Buffer.from(reposOf(`https://host/el9 key=${KEY}`)[0]?.key ?? '', 'base64').toString()
  writeFileSync(two, text + text)
  assert.throws(() => reposOf(`https://host/el9 key=${two} fingerprint=${PRINT}`), /PGP|another one/)
})

test.run()
