/** Pictures of the terminal: the product at work in a real terminal on a lab of its own, written to docs/pictures. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { labOf, missing, ROOT, until } from '../lab/cluster.mts'
import { noSuite } from '../suite.mts'
import { onTerminal, type Shown, textOf } from './pty.mts'
import { type Caption, type Cell, type Line, picture } from './svg.mts'

const COLUMNS = 100
const ROWS = 40
noSuite()

const why = missing()
if (why !== undefined) {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}

const lab = labOf('pictures', { apis: true, bmc: true })
const [one, two] = lab.nodes as [string, string]
const ENV = `ENV=.lab/${lab.name}/env`

/** What is typed, as it stands on the first line. */
const typed = (command: string): Line =>
  [...`$ ${command}`].map((text): Cell => ({ text, colour: undefined, bold: text !== '$', dim: text === '$' }))

const type = async (command: string, code: number, when?: RegExp): Promise<Shown> => {
  const shown = await onTerminal(command, { columns: COLUMNS, rows: ROWS, cwd: ROOT, ...(when && { when }) })
  if (shown.code === code) return shown
  throw new Error(`${command} ended with ${shown.code}:\n${shown.lines.map(textOf).join('\n')}`)
}

function keep(name: string, command: string, lines: readonly Line[], caption: Caption): void {
  const file = join('docs/pictures', `terminal-${name}.svg`)
  writeFileSync(join(ROOT, file), picture([typed(command), ...lines], COLUMNS, caption))
  process.stdout.write(`${file}\n`)
}

/** From the first line that matches on. */
const from = (lines: readonly Line[], begin: RegExp): readonly Line[] => {
  const at = lines.findIndex((line) => begin.test(textOf(line)))
  if (at < 0) throw new Error(`no line matches ${begin}:\n${lines.map(textOf).join('\n')}`)
  return lines.slice(at)
}

const cluster = `make cluster ${ENV}`
const MAKE_FAILED = 2

async function all(): Promise<void> {
  // Something to be seen: a package is unpacked on a node.
  const build = await type(cluster, 0, /^ .*(Unpacking|Setting up) /)
  if (build.caught === undefined) throw new Error('no drawing of the list showed a package that is unpacked')
  keep('live', cluster, build.caught, {
    title: 'make cluster while it runs',
    text: 'A list of the phases: those that are done have a check mark; under the one that runs there is a line for each node with what it does.',
  })
  keep('done', cluster, build.lines, {
    title: 'The end of make cluster',
    text: 'All eight phases have a check mark. Below, a table with what was changed on each node, and a total.',
  })

  const status = `make status ${ENV}`
  keep('status', status, (await type(status, 0)).lines, {
    title: 'make status',
    text: 'The nodes with state, links and HAProxy; who holds the VIP; fencing, clocks, back ends and endpoints.',
  })

  await lab.on(one, 'crm_resource --resource vip --set-parameter cidr_netmask --parameter-value 25')
  await lab.on(one, 'crm_resource --wait --timeout 60')
  await lab.on(two, "echo '# by hand' >>/etc/haproxy/haproxy.cfg")
  const plan = `make plan ${ENV}`
  keep('plan', plan, from((await type(plan, MAKE_FAILED)).lines, /^05-vip/), {
    title: 'The end of make plan, of a cluster that somebody has changed by hand',
    text: 'For each change that would be made a diff: the netmask of the VIP, and a line too many in haproxy.cfg. Below, a matrix of phases and nodes, and a total: changes are pending.',
  })
  await type(cluster, 0)

  // Another program takes keystone's port on the VIP as soon as HAProxy of one node leaves it.
  const takes =
    'import socket, time\nwhile True:\n  s = socket.socket(); s.setsockopt(1, 2, 1)\n' +
    `  try: s.bind(("${lab.vip}", 5000)); s.listen(); break\n  except OSError: time.sleep(0.01)\ntime.sleep(600)`
  await lab.on(two, `systemd-run --quiet --unit squatter python3 -c '${takes}'; systemctl stop haproxy`)
  await until('pacemaker gives up', 60, async () =>
    /Stopped: \[ node2 \]/.test(await lab.on(one, 'crm_mon --one-shot --inactive')),
  )
  const verify = `make verify ${ENV}`
  const failed = (await type(verify, MAKE_FAILED)).lines
  const card = from(failed, /^✖ verify failed .*HAProxy runs on every/)
  // Each state that is not true has a card: the first of them, and what stands below all.
  const end = card.findIndex((line, at) => at > 0 && textOf(line).startsWith('✖'))
  keep('card', verify, [...(end < 0 ? card : [...card.slice(0, end), ...from(card, /^ {2}log /)])], {
    title: 'A card, at the end of a run that has failed',
    text: 'What is not true and on which nodes, what each node says of it, the remedy, where the log is, and the command to go on with.',
  })

  const doctor = `make doctor ${ENV}`
  keep('doctor', doctor, (await type(doctor, MAKE_FAILED)).lines, {
    title: 'make doctor, of the same cluster',
    text: 'What is wrong, the cause first and its consequences below it, each with what was seen, the remedy and where to read on.',
  })
}

try {
  await lab.up()
  await all()
} finally {
  lab.down()
}
