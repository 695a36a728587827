/** The faults: what goes wrong, in which phase and at which moment of it. */
import { type Lab, until } from '../lab/cluster.mts'

export type Seen = Readonly<Record<string, unknown>>

/** A run that is under way, and what can be done to it. */
export interface Going {
  readonly lab: Lab
  /** Kills the run and all that it has started itself, as a power cut of this machine would. */
  readonly kill: () => void
  /** Resolves when such an event is in its log. */
  readonly sees: (moment: Moment) => Promise<void>
  /** How the run ended. */
  readonly over: Promise<number | null>
}

export interface Moment {
  readonly phase: string
  readonly event: (event: Seen) => boolean
  /** How often it has to be seen. */
  readonly times?: number
}

export interface Case {
  readonly name: string
  /** The first phase that the ground lacks, and the one in which it happens. */
  readonly phase: string
  readonly title: string
  /** Before the run. */
  readonly prepare?: (lab: Lab) => Promise<unknown>
  readonly fault: (run: Going) => Promise<unknown>
  /** How the run ends: with a code, or null for one that was killed. */
  readonly ends: number | null
  /** What is put right before the same command is typed again. */
  readonly repair?: (lab: Lab) => Promise<unknown>
  /** The records are of another node or of other settings: nothing of them may be called resumed. */
  readonly strangers?: RegExp
}

/** What stands for the middle of a phase, and for its end: the last guard that it looks at, before it is on record. */
interface Points {
  readonly id: string
  readonly middle: Moment['event']
  readonly last: string
  /** On how many nodes. */
  readonly on: number
}
const applies = (guard: string) => (event: Seen) => event.state === 'apply' && event.guard === guard

const PHASES: readonly Points[] = [
  {
    id: '00-prereqs',
    middle: applies('root has an ssh key'),
    last: 'root can log in to the other nodes by name',
    on: 2,
  },
  {
    id: '01-repos',
    middle: applies('every package to be installed has a candidate'),
    last: 'every package to be installed has a candidate',
    on: 2,
  },
  {
    id: '02-packages',
    middle: (event) => event.type === 'output' && /^Unpacking pacemaker /.test(String(event.line)),
    last: 'chrony keeps the time, or the host of this container does',
    on: 2,
  },
  {
    id: '03-corosync',
    middle: applies('corosync runs with its current configuration'),
    last: 'the ring is quorate, with every node in it',
    on: 2,
  },
  { id: '04-pacemaker', middle: applies('pacemaker runs'), last: 'the properties and defaults are set', on: 1 },
  { id: '05-vip', middle: applies('the VIP is a resource'), last: 'the VIP answers to this node', on: 2 },
  {
    id: '06-haproxy',
    middle: applies("keystone listens on its node's own address alone"),
    last: 'the VIP is held by exactly one node',
    on: 2,
  },
  {
    id: '07-keystone-endpoints',
    middle: applies('the endpoints of keystone name the VIP'),
    last: 'the endpoints of keystone name the VIP',
    on: 1,
  },
]

const pointsOf = (number: string) => PHASES.find(({ id }) => id.startsWith(number)) as Points
const at = (number: string): { readonly start: Moment; readonly middle: Moment; readonly end: Moment } => {
  const { id, middle, last, on } = pointsOf(number)
  const isLast = (event: Seen) => event.guard === last && (event.state === 'ok' || event.state === 'changed')
  return {
    start: { phase: id, event: ({ type, state }) => type === 'phase' && state === 'start' },
    middle: { phase: id, event: middle },
    end: { phase: id, event: isLast, times: on },
  }
}

const killed = (number: string): readonly Case[] =>
  (['start', 'middle', 'end'] as const).map((point) => ({
    name: `${number}-kill-${point}`,
    phase: number,
    title: `kill -9 at the ${point} of ${pointsOf(number).id}`,
    // In the lab this phase has nothing to do but what is taken away here.
    ...(number === '01' ? { prepare: (lab: Lab) => lab.onAll('rm -rf /var/lib/apt/lists/*') } : {}),
    fault: async (run) => {
      await run.sees(at(number)[point])
      run.kill()
    },
    ends: null,
  }))

const second = (lab: Lab) => lab.nodes[1] as string
const port = (lab: Lab) => `p${lab.address(second(lab)).split('.')[3]}`

/** The ssh connection of the second node is cut here: its process is killed. */
const dropped = (number: string): Case => ({
  name: `${number}-ssh-dropped`,
  phase: number,
  title: `the ssh connection to node2 is killed in the middle of ${pointsOf(number).id}`,
  fault: async ({ lab, sees }) => {
    await sees(at(number).middle)
    await lab.type(
      'sh',
      '-c',
      `kill -9 "$(ssh -F '${lab.stateDir}/ssh_config' -O check '${lab.address(second(lab))}' 2>&1 | tr -dc 0-9)"`,
    )
  },
  ends: 4,
})

/** The cable of the second node is pulled, and put back when the run has given up. */
const pulled = (number: string): Case => ({
  name: `${number}-link-down`,
  phase: number,
  title: `the public link of node2 goes down in the middle of ${pointsOf(number).id}`,
  fault: async ({ lab, sees }) => {
    await sees(at(number).middle)
    await lab.type('ip', '-n', `${lab.name}-ops`, 'link', 'set', port(lab), 'down')
  },
  ends: 4,
  repair: (lab) => lab.type('ip', '-n', `${lab.name}-ops`, 'link', 'set', port(lab), 'up'),
})

const rebooted = (number: string): Case => ({
  name: `${number}-reboot`,
  phase: number,
  title: `node2 loses power in the middle of ${pointsOf(number).id}, and starts again`,
  fault: async ({ lab, sees }) => {
    await sees(at(number).middle)
    await lab.lab('kill', second(lab))
  },
  ends: 4,
  repair: (lab) => lab.lab('start', second(lab)),
})

/** A small file system that is full hides the folder. */
const full = (number: string, folder: string): Case => ({
  name: `${number}-disk-full`,
  phase: number,
  title: `no room for ${folder} on node2 in ${pointsOf(number).id}`,
  prepare: (lab) =>
    lab.on(
      second(lab),
      `mkdir -p ${folder}; mount -t tmpfs -o size=16k,mode=755 tmpfs ${folder}; cat /dev/zero >${folder}/full 2>/dev/null || :`,
    ),
  fault: async () => {},
  ends: 2,
  repair: (lab) => lab.on(second(lab), `umount ${folder}`),
})

/** Holds dpkg's lock as apt does (fcntl(2), F_SETLK), until it is killed by its process id. Waits until it has it. */
const HOLD = `
mkdir -p /run/faults
setsid perl -e 'open(F, ">>", "/var/lib/dpkg/lock-frontend"); $lock = pack("ssx4qqix4", 1, 0, 0, 0, 0); fcntl(F, 6, $lock) or die "$!";
  open(H, ">", "/run/faults/held"); sleep 600' >/dev/null 2>/run/faults/said </dev/null &
echo $! >/run/faults/pid
until [ -e /run/faults/held ]; do kill -0 $! || { cat /run/faults/said; exit 1; }; sleep 0.1; done`
const letGo = (lab: Lab) => lab.on(second(lab), 'kill -9 "$(cat /run/faults/pid)"; rm -r /run/faults')
const waitsForLock: Moment = { phase: '02-packages', event: ({ state }) => state === 'wait' }

const locks: readonly Case[] = [
  {
    name: '02-package-lock',
    phase: '02',
    title: "another process holds node2's package lock, and lets go",
    prepare: (lab) => lab.on(second(lab), HOLD),
    fault: async ({ lab, sees }) => {
      await sees(waitsForLock)
      await letGo(lab)
    },
    ends: 0,
  },
  {
    name: '02-package-lock-kill',
    phase: '02',
    title: "kill -9 while the run waits for node2's package lock",
    prepare: (lab) => lab.on(second(lab), HOLD),
    fault: async ({ sees, kill }) => {
      await sees(waitsForLock)
      kill()
    },
    ends: null,
    repair: letGo,
  },
]

/** Records of a run that was cut off, and what they are worth on another node or with another env file. */
const strange: readonly Case[] = [
  {
    name: '03-reinstalled',
    phase: '03',
    title: 'kill -9 in the middle of 03-corosync, and node2 is another machine by its machine-id then',
    fault: async ({ sees, kill }) => {
      await sees(at('03').middle)
      kill()
    },
    ends: null,
    repair: async (lab) => {
      // What a fresh node lacks, and its new name for itself (machine-id(5)); it is read at each start.
      await lab.on(
        second(lab),
        "tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id; sed -i '/^# BEGIN quorate/,/^# END quorate/d' /etc/hosts",
      )
      await lab.lab('kill', second(lab))
      await lab.lab('start', second(lab))
    },
    strangers: /node re-installed: not true any more: \/etc\/hosts has the block/,
  },
  {
    name: '03-other-env',
    phase: '03',
    title: 'kill -9 in the middle of 03-corosync, and the env file says another TOKEN then',
    fault: async ({ sees, kill }) => {
      await sees(at('03').middle)
      kill()
    },
    ends: null,
    repair: async (lab) => {
      await lab.onAll("sed -i '/^# BEGIN quorate/,/^# END quorate/d' /etc/hosts")
      await lab.type('sh', '-c', `echo TOKEN=4000 >>'${lab.env}'`)
    },
    strangers: /settings changed: not true any more: \/etc\/hosts has the block/,
  },
]

export const CASES: readonly Case[] = [
  ...killed('00'),
  ...killed('01'),
  ...killed('02'),
  dropped('02'),
  rebooted('02'),
  full('02', '/usr/lib/ocf'),
  ...locks,
  ...killed('03'),
  dropped('03'),
  rebooted('03'),
  full('03', '/var/lib/quorate'),
  ...strange,
  ...killed('04'),
  pulled('04'),
  ...killed('05'),
  ...killed('06'),
  dropped('06'),
  rebooted('06'),
  full('06', '/etc/haproxy'),
  ...killed('07'),
]

/** A node that was off lets one in again, and the product can ask it. */
export const answers = (lab: Lab) =>
  until('all nodes let one in again', 60, async () => (await lab.run('status')).code === 0)
