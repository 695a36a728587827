/** What can be wrong with keystone: its keys, its catalogue, its endpoints. */
import { relative } from 'node:path'
import { keysDiffer, rotating } from '../fernet.mts'
import { inventory } from '../keystone.mts'
import { hostIn } from '../old-address.mts'
import { namesOf } from './finding.mts'
import type { Draft, Seen } from './seen.mts'

export function keystoneKeys(seen: Seen): readonly Draft[] {
  const { config, facts, lost } = seen
  if (lost.length > 0) return []
  const open = rotating(config, facts)
  const lines = keysDiffer(config, facts)
  return [
    ...(lines.length === 0
      ? []
      : [
          {
            id: 'keystone-keys-differ' as const,
            nodes: namesOf(seen.config.nodes),
            text: `keystone's keys are not the same on all nodes: ${lines.join(', ')}`,
            remedy: open
              ? 'a rotation has not ended: make rotate-fernet ends it'
              : 'find out which node has the ones in use, set FERNET_SYNC to it in the env file, then make cluster',
          },
        ]),
    ...(open
      ? [
          {
            id: 'rotation-not-over' as const,
            nodes: namesOf(seen.config.nodes),
            text: "a rotation of keystone's fernet keys has begun and not ended: runs refuse until it has",
            remedy: 'make rotate-fernet ends it, and does not begin it anew',
          },
        ]
      : []),
  ]
}

/** Only of a cluster that has a VIP for them: before that they are where they have to be. */
export function endpoints(seen: Seen): readonly Draft[] {
  const { config, facts } = seen
  const [first] = config.nodes
  if (config.openrc === undefined || first === undefined || !seen.built.includes(first)) return []
  const { unknown, moves, problems } = inventory(config, facts)
  if (unknown !== undefined)
    return [
      {
        id: 'catalogue-unreadable',
        nodes: [],
        text: `keystone's catalogue cannot be read: ${unknown.split('\n')[0]}`,
        remedy: `see that keystone answers (systemctl status keystone apache2 on a node), and check the OS_* lines of ${relative('.', config.file)}`,
      },
    ]
  const lines = [
    ...problems,
    ...moves.map((move) => `${move.service} ${move.interface}: ${move.old}${local(move.old)}`),
  ]
  if (lines.length === 0) return []
  return [
    {
      id: 'endpoints-elsewhere',
      nodes: [],
      text: `endpoints are not on the VIP: ${lines[0]}${lines.length > 1 ? `, and ${lines.length - 1} more` : ''}`,
      ...(lines.length > 1 ? { seen: lines } : {}),
      remedy: 'make cluster moves them (07-keystone-endpoints), and keeps an undo file; make plan shows old and new',
    },
  ]
}

const local = (url: string) =>
  ['localhost', '127.0.0.1', '::1'].includes(hostIn(url)) ? ' (each client asks itself)' : ''
