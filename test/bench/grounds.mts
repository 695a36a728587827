/** The labs on which figures are measured: brought up, built, and taken down again whatever happens. */
import { type LabAlone, labOf } from '../lab/cluster.mts'
import { tellLogins } from './count.mts'
import type { Figure, Kind } from './figures.mts'
import { type Command, calm, type Took } from './meter.mts'
import { seconds } from './report.mts'
import { type Book, good, measure, note } from './rounds.mts'
import { RUNNERS, type Runner, seen } from './runners.mts'
import { NETWORKS, type Stage, stageOf } from './stage.mts'
import { spread } from './stats.mts'
import { wires } from './wire.mts'

const LAB = 't-bench'

async function withLab(book: Book, nodes: number, keystone: boolean, work: (lab: LabAlone) => Promise<void>) {
  const lab = labOf(LAB, { nodes, keystone, ...NETWORKS })
  book.say(`lab of ${nodes}${keystone ? '' : ' light'} nodes`)
  try {
    await lab.up()
    await work(lab)
  } finally {
    for (const runner of book.runners) await book.meter(runner).hangUp()
    lab.down()
  }
}

/**
 * The nodes are as they are to be, and stay so whoever looks after them: quorate makes it so, and the peer brings what it needs
 * itself.
 */
async function build(book: Book, stage: Stage, kind: 'second' | 'light'): Promise<void> {
  book.say(kind === 'light' ? `phases 00 to 02 on ${stage.nodes.length} nodes` : 'building the cluster')
  for (const runner of book.runners) await runner.prepare(stage)
  const quorate = RUNNERS.filter(({ name }) => name === 'quorate')
  const makers = [...quorate, ...book.runners.filter(({ name }) => name === 'peer')]
  if (kind === 'light') await installed(book, stage)
  for (let tries = 0; ; tries++) {
    const wrong: string[] = []
    for (const runner of makers) {
      const took = await good(book, runner, runner.command(stage, kind) as Command)
      const why = runner.fault(took, kind)
      if (why !== undefined) wrong.push(`${runner.name}: ${why}`)
    }
    if (wrong.length === 0) break
    if (tries === 2) throw new Error(`the nodes do not settle: ${wrong.join('; ')}`)
  }
  if (book.runners.some(({ name }) => name === 'floor')) await seen(stage, kind === 'light' ? 'light' : 'full')
}

/** Nodes that install packages at once share this machine's processors. */
const AT_ONCE = 8

async function installed(book: Book, stage: Stage): Promise<void> {
  const [quorate] = RUNNERS.filter(({ name }) => name === 'quorate') as [Runner]
  const { words, ...rest } = quorate.command(stage, 'second') as Command
  await good(book, quorate, { ...rest, words: [...words, '--to', '00'] })
  for (let at = 0; at < stage.nodes.length; at += AT_ONCE) {
    const some = stage.nodes.slice(at, at + AT_ONCE)
    await good(book, quorate, { ...rest, words: [...words, '--from', '01', '--to', '02', '--nodes', some.join()] })
    book.say(`${at + some.length} of ${stage.nodes.length} nodes have their packages`)
  }
}

/** All figures of so many full nodes; `tell` hears what runs on them. */
export async function fullNodes(book: Book, figures: readonly Figure[], tell: (versions: readonly string[]) => void) {
  const of = (kind: Kind) => figures.filter((figure) => figure.kind === kind)
  const [{ nodes }] = figures as readonly [Figure]
  await withLab(book, nodes, true, async (lab) => {
    const stage = stageOf(lab, nodes)
    const trials = (kind: Kind) => of(kind).map((figure) => ({ figure, stage }))
    await tellLogins(stage)
    for (const trial of trials('first')) {
      await lab.lab('save', 'fresh')
      await measure(book, [trial], 'cold', async (runner) => {
        await book.meter(runner).hangUp()
        await lab.lab('restore', 'fresh')
        await runner.prepare(stage)
      })
      await lab.lab('restore', 'fresh')
    }
    if (of('first').length === figures.length) return
    await build(book, stage, 'second')
    tell(await versionsOn(stage))
    for (const trial of trials('second')) await measure(book, [trial], 'both')
    const byHand = () => lab.on(stage.nodes.at(-1) as string, "echo '# by hand' >>/etc/haproxy/haproxy.cfg")
    for (const trial of trials('drift')) await measure(book, [trial], 'warm', async () => void (await byHand()))
    for (const trial of [...trials('phase'), ...trials('plan')]) await measure(book, [trial], 'warm')
    if (of('latency').length > 0) await latencies(book, lab, stage, of('latency'))
  })
}

/** Side by side, each by a wire of its own. */
async function latencies(book: Book, lab: LabAlone, built: Stage, figures: readonly Figure[]): Promise<void> {
  const trials = figures.map((figure) => ({ figure, stage: stageOf(lab, figure.nodes) }))
  const all = await Promise.all(trials.map(({ figure, stage }) => wires(stage, figure.delay)))
  for (const [index, { stage }] of trials.entries()) {
    stage.goBy(all[index]?.ports)
    for (const runner of book.runners) if (runner.name !== 'quorate') await runner.prepare(stage)
    await seen(stage, 'full')
  }
  await measure(book, trials, 'again')
  await Promise.all(all.map((wire) => wire.cut()))
  built.goBy()
}

/** One lab for all sizes: the first so many of its nodes, fewest first. */
export async function lightNodes(book: Book, figures: readonly Figure[]): Promise<void> {
  const largest = figures.at(-1) as Figure
  await withLab(book, largest.nodes, false, async (lab) => {
    await tellLogins(stageOf(lab, largest.nodes))
    for (const figure of figures) {
      const stage = stageOf(lab, figure.nodes)
      await build(book, stage, 'light')
      // The VIP is free there, and who asks for it right after another is told so at once.
      const forget = async () => void (await lab.onAll(`ip neigh flush to ${lab.vip}`))
      await measure(book, [{ figure, stage }], 'warm', forget)
      for (const runner of book.runners) await book.meter(runner).hangUp()
    }
  })
}

/** Without any node; beside it, what of it is not ours. */
export async function start(book: Book, figure: Figure, quorate: Runner): Promise<void> {
  const none = {} as Stage
  const command = quorate.command(none, figure.kind) as Command
  const run = async (words: readonly string[]): Promise<readonly Took[]> => {
    const all: Took[] = []
    for (let round = 0; round < 2 * book.rounds; round++) {
      book.busy.push(await calm())
      all.push(await good(book, quorate, { ...command, words }))
    }
    return all
  }
  const parts = { 'Node.js, doing nothing': ['node', '-e', '0'], 'zx, doing nothing': ['zx', '--version'] }
  const lines: string[] = []
  for (const [title, words] of Object.entries(parts))
    lines.push(`${seconds(spread((await run(words)).map(({ wallMs }) => wallMs / 1000)).median)} s  ${title}`)
  book.profiles[figure.name] = lines.join('\n')
  note(book, figure, quorate, true, await run(command.words))
}

async function versionsOn({ lab, nodes }: Stage): Promise<readonly string[]> {
  const asked =
    'dpkg-query -W -f \'${Package} ${Version}\\n\' corosync pacemaker haproxy keystone; . /etc/os-release; echo "nodes: $PRETTY_NAME"'
  return (await lab.on(nodes[0] as string, asked)).trim().split('\n')
}
