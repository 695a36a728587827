/** Fingerprints of the keys in a file that gpg has exported. */
import { createHash } from 'node:crypto'

/** The bytes of an armoured text, or what came (RFC 9580, 6). What has no armour is taken for binary. */
function bytesOf(file: Buffer): Buffer {
  const text = file.toString('latin1')
  const blocks = [
    ...text.matchAll(/-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g),
  ]
  if (blocks.length === 0) return file
  return Buffer.concat(
    blocks.map(([, block = '']) => {
      const lines = block.split(/\r?\n/)
      // Headers end with an empty line; the checksum begins with "=".
      const body = lines
        .slice(lines.findIndex((line) => line.trim() === '') + 1)
        .filter((line) => !line.startsWith('='))
      return Buffer.from(body.join(''), 'base64')
    }),
  )
}

const PUBLIC_KEY = 6

/** The packets of a file, by their tags (RFC 9580, 4.2); up to the first one that makes no sense. */
function* packetsOf(bytes: Buffer): Generator<{ readonly tag: number; readonly body: Buffer }> {
  let at = 0
  while (at + 2 <= bytes.length) {
    const first = bytes[at] as number
    if ((first & 0x80) === 0) return
    const newForm = (first & 0x40) !== 0
    const tag = newForm ? first & 0x3f : (first >> 2) & 0x0f
    const [head, length] = newForm ? newLength(bytes, at + 1) : oldLength(bytes, at + 1, first & 3)
    const start = at + 1 + head
    if (length === undefined || start + length > bytes.length) return
    yield { tag, body: bytes.subarray(start, start + length) }
    at = start + length
  }
}

/** How many bytes tell the length, and the length. Parts of unknown length are for data alone. */
function newLength(bytes: Buffer, at: number): readonly [number, number | undefined] {
  const one = bytes[at] as number
  if (one < 192) return [1, one]
  if (one < 224 && at + 1 < bytes.length) return [2, ((one - 192) << 8) + (bytes[at + 1] as number) + 192]
  if (one === 255 && at + 5 <= bytes.length) return [5, bytes.readUInt32BE(at + 1)]
  return [1, undefined]
}

function oldLength(bytes: Buffer, at: number, kind: number): readonly [number, number | undefined] {
  const size = [1, 2, 4][kind]
  return size === undefined || at + size > bytes.length ? [0, undefined] : [size, bytes.readUIntBE(at, size)]
}

/** Of each primary key, in hexadecimal capitals; empty where the file holds none (RFC 9580, 5.5.4). */
export function fingerprints(file: Buffer): readonly string[] {
  const prints: string[] = []
  for (const { tag, body } of packetsOf(bytesOf(file))) {
    if (tag !== PUBLIC_KEY) continue
    const version = body[0]
    const hash = (name: string, head: number, size: 2 | 4) => {
      const prefix = Buffer.alloc(1 + size)
      prefix[0] = head
      prefix.writeUIntBE(body.length, 1, size)
      return createHash(name).update(prefix).update(body).digest('hex').toUpperCase()
    }
    if (version === 4) prints.push(hash('sha1', 0x99, 2))
    if (version === 6) prints.push(hash('sha256', 0x9b, 4))
  }
  return prints
}

/** CRC-24 of RFC 9580, 6.1.1: rpm wants it. */
function checksum(bytes: Buffer): Buffer {
  let crc = 0xb704ce
  for (const byte of bytes) {
    crc ^= byte << 16
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1
      if (crc & 0x1000000) crc ^= 0x1864cfb
    }
  }
  return Buffer.from([(crc >> 16) & 0xff, (crc >> 8) & 0xff, crc & 0xff])
}

/** The keys of a file as text, as rpm wants them; text stays as it is. */
export function armoured(file: Buffer): string {
  if (file.toString('latin1').trimStart().startsWith('-----BEGIN')) return file.toString('latin1')
  const lines = file.toString('base64').match(/.{1,64}/g) ?? []
  const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} PGP PUBLIC KEY BLOCK-----`)
  return [begin, '', ...lines, `=${checksum(file).toString('base64')}`, end, ''].join('\n')
}
