/**
 * A way that takes its time: a TCP proxy that hands on each piece so many milliseconds late, in either direction. A round trip
 * takes twice that, and bandwidth stays as it is: pieces travel beside each other, in order. tc-netem(8), without the kernel's
 * help.
 *
 *     node test/ssh/delay.mts MILLISECONDS HOST PORT      joins standard input and output to HOST, for a ProxyCommand
 */
import { connect, createServer, type Server } from 'node:net'
import type { Duplex, Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** Timers that are due at the same time fire in the order in which they were set. */
function late(from: Readable, to: Writable, ms: number): void {
  const now = (what: () => void) => void (to.destroyed || what())
  // A timer of 0 ms takes one.
  const later = ms === 0 ? now : (what: () => void) => void setTimeout(() => now(what), ms)
  from.on('data', (piece) => later(() => to.write(piece)))
  from.on('end', () => later(() => to.end()))
  from.on('error', () => later(() => to.destroy()))
  from.on('close', () => later(() => to.end()))
}

/** Joins two ends. A connection, too, is made late: its first round trip is TCP's own. */
export function join(near: { readonly in: Readable; readonly out: Writable }, far: Duplex, ms: number): void {
  late(near.in, far, ms)
  late(far, near.out, ms)
}

/** Listens on a port of 127.0.0.1 for one elsewhere. */
export const delayed = (port: number, ms: number): Promise<{ readonly port: number; readonly server: Server }> =>
  new Promise((done, failed) => {
    const server = createServer((near) => {
      // A kept connection must not keep the process.
      near.setNoDelay(true).unref()
      const far = connect({ port, host: '127.0.0.1', noDelay: true }).unref()
      setTimeout(() => join({ in: near, out: near }, far, ms), 2 * ms)
    })
    server.on('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (typeof address === 'object' && address) done({ port: address.port, server })
    })
  })

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [ms = '0', host = '', port = ''] = process.argv.slice(2)
  const far = connect({ host, port: Number(port), noDelay: true })
  setTimeout(() => join({ in: process.stdin, out: process.stdout }, far, Number(ms)), 2 * Number(ms))
  far.on('close', () => setTimeout(() => process.exit(), 2 * Number(ms)))
}
