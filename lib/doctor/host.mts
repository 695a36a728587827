/** What can be wrong with a node as a machine: its disks, memory, packages, clock and names; and with the way to it. */
import { family } from '../address.mts'
import { clocks, median } from '../clocks.mts'
import type { Node } from '../config.mts'
import { PATIENCE } from '../driver.mts'
import { addresses, os } from '../facts.mts'
import { namesOf } from './finding.mts'
import { type Draft, differ, each, linesOf, perText, type Seen } from './seen.mts'

export const notReached = ({ lost }: Seen): readonly Draft[] =>
  lost.map(({ node, text, detail, remedy }) => ({
    id: 'node-not-reached',
    nodes: [node],
    text: `${node} could not be asked: ${text}`,
    ...(detail ? { seen: detail.split('\n') } : {}),
    remedy,
  }))

export function notBuilt({ up, built }: Seen): readonly Draft[] {
  const bare = up.filter((node) => !built.includes(node))
  if (bare.length === 0) return []
  return [
    {
      id: 'not-built',
      nodes: namesOf(bare),
      text:
        built.length === 0
          ? 'no node has anything of the cluster yet'
          : `nothing of the cluster is on ${namesOf(bare).join(', ')}, while ${namesOf(built).join(', ')} ${built.length === 1 ? 'has' : 'have'} it`,
      remedy: 'make plan shows what is to be done, make cluster does it',
    },
  ]
}

/** A run that is dead leaves the file of its lock; the next one that takes it empties it. */
export function cutOff({ up, said }: Seen): readonly Draft[] {
  const dead = (node: Node) => {
    const [age = '', owner = ''] = said(node, 'lock').split('\n')
    return owner !== '' && Number(age) > PATIENCE ? owner : ''
  }
  return perText(up, dead, (owner, nodes) => ({
    id: 'run-cut-off',
    nodes,
    text: `a run has ended on ${nodes.join(', ')} without a word, and may have left something half done: ${owner}`,
    remedy: 'type the same command again: it goes on where that one stopped (make cluster)',
  }))
}

/** Of a small disk a twentieth, of a large one a gigabyte: what a day of logs may take. */
const scarce = (total: number, free: number) => free < Math.min(total / 20, 1024 * 1024)

/** Kilobytes or inodes below which a disk counts as full, if they are less than a hundredth of it. */
const FULL = 102_400

export function disks(seen: Seen): readonly Draft[] {
  return seen.up.flatMap((node) =>
    linesOf(seen, node, 'doctor.disks').flatMap((line): Draft[] => {
      const [what = '', mount = '', total = 0, free = 0] = line.split(' ')
      const [all, left] = [Number(total), Number(free)]
      const inodes = what === 'inodes'
      if (inodes ? left >= Math.min(all / 20, 10_000) : !scarce(all, left)) return []
      const amount = inodes ? `${left} of ${all} inodes` : `${megabytes(left)} of ${megabytes(all)} MB`
      return [
        {
          id: 'disk-full',
          nodes: [node.name],
          text: `the disk of ${mount} on ${node.name} is ${left < Math.min(all / 100, FULL) ? 'full' : 'nearly full'}: ${amount} are free`,
          remedy: `make room there; what fills it: du -x${inodes ? ' --inodes' : 'h'} ${mount} | sort -${inodes ? 'n' : 'h'} | tail`,
        },
      ]
    }),
  )
}

const megabytes = (kilobytes: number) => Math.floor(kilobytes / 1024)

export const killed = (seen: Seen): readonly Draft[] =>
  seen.up.flatMap((node) => {
    const lines = linesOf(seen, node, 'doctor.killed')
    if (lines.length === 0) return []
    return [
      {
        id: 'out-of-memory',
        nodes: [node.name],
        text: `the kernel of ${node.name} has killed processes for want of memory within the last day`,
        seen: lines,
        remedy:
          'journalctl -k on that node tells which, and how large they were; give the node more memory, or move what takes it',
      },
    ]
  })

export const halfInstalled = (seen: Seen): readonly Draft[] =>
  seen.up.flatMap((node) => {
    const names = linesOf(seen, node, 'doctor.half')
    if (names.length === 0) return []
    return [
      {
        id: 'packages-half-installed',
        nodes: [node.name],
        text: `packages are half installed on ${node.name}: ${names.join(', ')}`,
        remedy: `on ${node.name}: dpkg --configure -a, then apt-get --fix-broken install; dpkg --audit tells what is left`,
      },
    ]
  })

/** Those of other systems have other versions. */
export function packages({ up, facts, said }: Seen): readonly Draft[] {
  const versions = new Map(
    up.map((node) => {
      const all = said(node, 'doctor.packages').matchAll(/(\S+)=.i +(\S+)/g)
      return [node, new Map([...all].map(([, name = '', version = '']) => [name, version]))] as const
    }),
  )
  const systems = [...Map.groupBy(up, (node) => `${os(facts, node).id} ${os(facts, node).version}`).values()]
  return systems.flatMap((nodes) => {
    const names = new Set(nodes.flatMap((node) => [...(versions.get(node)?.keys() ?? [])]))
    return [...names].flatMap((name): Draft[] => {
      const own = nodes.filter((node) => versions.get(node)?.has(name))
      const of = (node: Node) => versions.get(node)?.get(name) ?? ''
      if (!differ(own, of)) return []
      return [
        {
          id: 'packages-differ',
          nodes: namesOf(own),
          text: `${name} has different versions: ${each(own, of)}`,
          remedy: `upgrade it on the nodes that are behind, one after the other (crm node standby NODE before, crm node online NODE after)`,
        },
      ]
    })
  })
}

/** Milliseconds: a run refuses from two seconds on, and logs of nodes that are less apart than this can be read side by side. */
const APART = 500

/** Only what the way to the nodes cannot explain. */
export function skewed({ up, facts }: Seen): readonly Draft[] {
  const skew = (node: Node) => Number(facts.get(node, 'clock-skew')) * 1000
  const middle = median(up.map(skew))
  const off = up.filter((node) => Math.abs(skew(node) - middle) > APART)
  if (off.length === 0) return []
  const all = clocks(facts, up).map(([name, ahead]) => `${name} ${ahead > 0 ? '+' : ''}${ahead} ms`)
  return [
    {
      id: 'clock-skew',
      nodes: namesOf(off),
      text: `the clocks differ: ${all.join(', ')}`,
      remedy:
        'set the clock that is wrong (chronyc makestep, or date --set), and see why its time service does not: chronyc sources',
    },
  ]
}

export function timeless(seen: Seen): readonly Draft[] {
  const none = seen.built.filter((node) => seen.said(node, 'doctor.time') === '')
  if (none.length === 0) return []
  return [
    {
      id: 'no-time-service',
      nodes: namesOf(none),
      text: `no time service runs on ${namesOf(none).join(', ')}: the clocks will drift apart`,
      remedy: 'make cluster starts chrony; journalctl -u chrony (or chronyd) there tells why it stopped',
    },
  ]
}

/** Where a name is not known at all 00-prereqs has not been there, or its block was taken out: that is told as a drift. */
export function namesElsewhere(seen: Seen): readonly Draft[] {
  const wrong = (node: Node) =>
    linesOf(seen, node, 'doctor.names')
      .flatMap((line) => {
        const [name = '', ...found] = line.trim().split(/\s+/)
        const own = seen.config.nodes.find((one) => [one.name, one.fqdn].includes(name))
        if (own === undefined) return []
        const theirs = [own.address, ...addresses(seen.facts, own).map(({ address }) => address)]
        const others = found.filter((one) => family(one) === family(own.address) && !theirs.includes(one))
        return others.length === 0 ? [] : [`${name} is ${others.join(' ')} instead of ${own.address}`]
      })
      .join(', ')
  return perText(seen.built, wrong, (text, nodes) => ({
    id: 'name-elsewhere',
    nodes,
    text: `on ${nodes.join(', ')} ${text}`,
    remedy:
      'getent ahosts NAME there; /etc/hosts comes first, so look for an old line in it, then in DNS; make cluster puts its own lines back',
  }))
}
