/** Faults of this machine, an operator's to mend: a full disk, a folder that may not be written, no ssh. */
import { dirname } from 'node:path'
import { ConfigError } from './errors.mts'

/** What the system says (errno(3)), in words, and what to do. */
export const FAULTS: Readonly<Record<string, readonly [text: string, remedy: (path: string) => string]>> = {
  ENOSPC: ['the disk of this machine is full', (path) => `make room: df -h ${dirname(path)}; df -i tells of inodes`],
  EDQUOT: ['your disk quota on this machine is used up', () => 'make room: quota -s'],
  EROFS: ['the disk of this machine is mounted read-only', () => 'mount it for writing, or use a clone elsewhere'],
  EACCES: ['this user may not write or read it', (path) => `be the user who ran it before, or: chown -R you ${path}`],
  EPERM: ['this user may not write or read it', (path) => `be the user who ran it before, or: chown -R you ${path}`],
  ENOTDIR: ['a part of this path is a file and no folder', () => 'move that file away'],
  EEXIST: ['there is a file where a folder belongs', (path) => `move it away: mv ${path} ${path}.old`],
  EISDIR: ['there is a folder where a file belongs', (path) => `move it away: mv ${path} ${path}.old`],
  EMFILE: ['too many files are open here', () => 'raise the limit: ulimit -n 4096'],
  ENFILE: ['too many files are open here', () => 'end what holds them; lsof tells'],
  EAGAIN: ['this machine cannot start another process', () => 'raise the limit: ulimit -u'],
  ENOMEM: ['this machine has no memory left', () => 'make room; free -h tells'],
}

/** The fault in an operator's words; undefined for an error that is not this machine's. */
export function faultHere(thrown: unknown): { readonly text: string; readonly remedy: string } | undefined {
  if (!(thrown instanceof Error)) return undefined
  const { code = '', path = '', syscall } = thrown as NodeJS.ErrnoException
  // mkdir with its parents says ENOENT of a disk that is read-only.
  const fault = FAULTS[code === 'ENOENT' && syscall === 'mkdir' ? 'EROFS' : code]
  if (fault === undefined) return undefined
  const [text, remedy] = fault
  return { text: path === '' ? text : `${path}: ${text}`, remedy: remedy(path) }
}

/** The same as an error for the operator; anything else as it is. */
export function asOperators(thrown: unknown): unknown {
  const fault = faultHere(thrown)
  return fault === undefined ? thrown : new ConfigError('', [fault])
}
