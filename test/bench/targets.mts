/** What the figures are to be, as ratios within one run. */
import type { Spread } from './stats.mts'

/** One runner in one figure. */
export interface Measured {
  readonly figure: string
  readonly runner: string
  /** Whether its connections were there from the run before. */
  readonly warm: boolean
  /** Seconds. */
  readonly wall: Spread
  /** Seconds of processor time of this machine. */
  readonly cpu: Spread
  readonly rounds: number
  /** From one more run, whose time is not looked at. */
  readonly counted?: Counted
}

export interface Counted {
  /** The most that was in use at once. */
  readonly megabytes: number
  /** Of the node that was asked most. */
  readonly logins: number
  readonly commands: number
  /** Round trips on the wire, at most: see wire.mts. */
  readonly turns: number
}

export interface Target {
  readonly title: string
  /** What was measured of it, and whether that is enough; undefined where it was not measured. */
  readonly is: (all: readonly Measured[]) => { readonly value: number; readonly met: boolean } | undefined
  /** How a value is written. */
  readonly unit: string
  /** The figure whose profile tells why it was missed. */
  readonly figure: string
  /** The same in words. */
  readonly why: (all: readonly Measured[]) => string
}

const find = (all: readonly Measured[], figure: string, runner: string, warm = true) =>
  all.find((one) => one.figure === figure && one.runner === runner && one.warm === warm)

/** How many times as long as another one takes. */
function ratio(
  title: string,
  [figure, runner, against, other]: readonly [string, string, string, string],
  limit: { readonly least: number } | { readonly most: number },
  warm = true,
  reason = '',
): Target {
  const least = 'least' in limit
  /** What was asked for, in seconds, beside what the floor takes. */
  const asked = (all: readonly Measured[]) => {
    const one = find(all, figure, runner, warm)
    const floor = find(all, against, 'floor', warm)
    if (!least || one === undefined || floor === undefined) return ''
    return `${limit.least} times faster than ${one.wall.median.toFixed(1)} s is ${(one.wall.median / limit.least).toFixed(2)} s; the floor takes ${floor.wall.median.toFixed(2)} s. `
  }
  return {
    title: `${title} (${least ? 'at least' : 'at most'} ${least ? limit.least : limit.most})`,
    is: (all) => {
      const [one, two] = [find(all, figure, runner, warm), find(all, against, other, warm)]
      if (one === undefined || two === undefined) return undefined
      const value = one.wall.median / two.wall.median
      return { value, met: least ? value >= limit.least : value <= limit.most }
    },
    unit: '×',
    figure: least ? against : figure,
    why: (all) => `${asked(all)}${reason}`,
  }
}

function most(
  title: string,
  figure: string,
  limit: number,
  unit: string,
  of: (one: Measured) => number | undefined,
  reason = '',
): Target {
  return {
    title: `${title} (at most ${limit}${unit})`,
    is: (all) => {
      const one = find(all, figure, 'quorate')
      const value = one && of(one)
      return value === undefined ? undefined : { value, met: value <= limit }
    },
    unit,
    figure,
    why: () => reason,
  }
}

/** What the profiles show, in words. */
const LOOKS =
  'Nodes and control machine share the processors here, which are busy all the time: with the programs that the checks start on ' +
  'each node, with keystone at a login, and with Node.js.'
const WAITS =
  'The floor waits for nothing. quorate waits for a second to hear that nobody has the VIP, for the links, for the election of a ' +
  'coordinator, for the VIP, and for the API on each node in turn, and proves the API at the end with three logins.'
const CROWD =
  "A look at a node costs twice the floor's there (two sessions, the lock, a watchdog that ends what is left behind, what differs " +
  'instead of a sum), and all nodes share the processors of one machine here.'
const CLIENTS = 'Each node has an ssh connection that is kept, a client that holds the lock, and one that looks.'

const SIZES = [2, 3, 8]
const each = (target: (nodes: number) => Target) => SIZES.map(target)

export const TARGETS: readonly Target[] = [
  ...each((n) =>
    ratio(
      `second run, ${n} nodes: the peer takes times as long`,
      [`second-${n}`, 'peer', `second-${n}`, 'quorate'],
      {
        least: 20,
      },
      true,
      LOOKS,
    ),
  ),
  ...each((n) =>
    ratio(
      `second run, ${n} nodes: times the floor`,
      [`second-${n}`, 'quorate', `second-${n}`, 'floor'],
      { most: 2 },
      true,
      LOOKS,
    ),
  ),
  ...each((n) =>
    most(
      `second run, ${n} nodes: round trips per node, by commands sent`,
      `second-${n}`,
      3,
      '',
      ({ counted }) => counted?.commands,
    ),
  ),
  ...each((n) =>
    ratio(
      `first run, ${n} nodes: the peer takes times as long`,
      [`first-${n}`, 'peer', `first-${n}`, 'quorate'],
      { least: 1.8 },
      false,
      WAITS,
    ),
  ),
  ...each((n) =>
    ratio(
      `first run, ${n} nodes: times the floor`,
      [`first-${n}`, 'quorate', `first-${n}`, 'floor'],
      { most: 1.2 },
      false,
      WAITS,
    ),
  ),
  ...each((n) =>
    ratio(
      `one drifted file, ${n} nodes: times a second run`,
      [`drift-${n}`, 'quorate', `second-${n}`, 'quorate'],
      {
        most: 1.5,
      },
      true,
      "All that held is looked at once more after the change, keystone's login among it.",
    ),
  ),
  ratio('64 light nodes: times the floor', ['light-64', 'quorate', 'light-64', 'floor'], { most: 1.5 }, true, CROWD),
  ratio(
    '64 light nodes: the peer takes times as long',
    ['light-64', 'peer', 'light-64', 'quorate'],
    { least: 10 },
    true,
    CROWD,
  ),
  most(
    '64 light nodes: memory of the control machine',
    'light-64',
    200,
    ' MB',
    ({ counted }) => counted?.megabytes,
    CLIENTS,
  ),
  most('start: --help of a phase', 'start', 0.4, ' s', ({ wall }) => wall.median),
]
