/** Certificates for tests, made by openssl: what an operator gets from an authority. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

function openssl(...words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync('openssl', words, { encoding: 'utf8' })
  if (status !== 0) throw error ?? new Error(`openssl ${words.join(' ')}: ${stderr}`)
  return stdout
}

interface Wish {
  /** As openssl writes it: `IP:192.0.2.1,DNS:api.test.com`. */
  readonly names?: string
  /** For which it is good. */
  readonly days?: number
  readonly usage?: string
  readonly rsa?: number
  /** The hash that is signed. */
  readonly hash?: string
}

export interface Authority {
  /** Its certificate, in PEM. */
  readonly file: string
  readonly pem: string
  /** Issues a certificate for a server, and gives it and its key. */
  readonly issue: (name: string, wish: Wish) => { readonly cert: string; readonly key: string }
  readonly under: (name: string) => Authority
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** An authority whose files are in this folder. */
export function authority(
  dir: string,
  name: string,
  above?: { readonly file: string; readonly key: string },
): Authority {
  const [file, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)]
  const issued = (above?: { readonly file: string; readonly key: string }) =>
    above ? ['-CA', above.file, '-CAkey', above.key] : []
  openssl(
    ...['req', '-x509', ...KEY, '-days', '3650', '-subj', `/CN=${name}`, '-keyout', key, '-out', file],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', ...issued(above)],
  )
  return {
    file,
    pem: readFileSync(file, 'utf8'),
    issue: (leaf, { names = '', days = 90, usage = 'serverAuth', rsa, hash = 'sha256' }) => {
      const [own, cert] = [join(dir, `${leaf}.key`), join(dir, `${leaf}.pem`)]
      const how = rsa === undefined ? KEY : ['-newkey', `rsa:${rsa}`, '-nodes']
      const alternatives = names === '' ? [] : ['-addext', `subjectAltName=${names}`]
      openssl(
        ...[
          'req',
          '-x509',
          ...how,
          '-subj',
          `/CN=${leaf}`,
          '-keyout',
          own,
          '-out',
          cert,
          '-days',
          String(days),
          `-${hash}`,
        ],
        ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', `extendedKeyUsage=${usage}`, ...alternatives],
        ...issued({ file, key }),
      )
      return { cert: readFileSync(cert, 'utf8'), key: readFileSync(own, 'utf8') }
    },
    under: (leaf) => authority(dir, leaf, { file, key }),
  }
}

/** Writes a file, and gives its path. */
export function kept(dir: string, name: string, ...parts: readonly string[]): string {
  const path = join(dir, name)
  writeFileSync(path, parts.join(''), { mode: 0o600 })
  return path
}
