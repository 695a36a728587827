/** What nova keeps in its database: read from what nova-manage prints, and told where it is one node's. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Node } from '../../lib/config.mts'
import { cellFacts, oldCells } from '../../lib/nova.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { suite } from '../suite.mts'
import { folder, SHELLS, shell } from './local-shell.mts'
import { factsOf, twoNodes } from './phase-texts.mts'
import { needing } from './real-tool.mts'

const ENV = twoNodes('keystone nova')
const PASSWORD = 'hush,h@sh:x'
const CELLS: readonly (readonly [string, string, string])[] = [
  ['cell0', 'none:///', `mysql+pymysql://nova:${PASSWORD}@N1/nova_cell0?charset=utf8`],
  ['cell1', `rabbit://nova:${PASSWORD}@192.0.2.11:5672/`, 'mysql+pymysql://nova@db.example.org:3306/nova'],
  ['all', 'rabbit://nova:one@192.0.2.11:5672,nova:two@[2001:db8::12]:5672//', 'mysql+pymysql://localhost/nova'],
  ['', 'rabbit://192.0.2.12', '{scheme}://{username}:{password}@{hostname}/nova?{query}'],
]

/** The fact, on a node whose nova-manage prints this; and what it was called with. */
function asked(words: readonly string[], output: string, status = 0) {
  const top = folder()
  mkdirSync(join(top, 'bin'))
  const program = (name: string, text: string) => {
    writeFileSync(join(top, 'bin', name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(top, 'bin', name), 0o755)
  }
  writeFileSync(join(top, 'output'), output)
  program('ip', "echo '2: eth0    inet 192.0.2.11/24 brd 192.0.2.255 scope global eth0'")
  program('runuser', `echo "$*" >>${top}/called; shift 3; exec "$@"`)
  program('nova-manage', `echo "$*" >>${top}/called; cat ${top}/output; exit ${status}`)
  writeFileSync(join(top, 'corosync.conf'), '')
  const text = (cellFacts(parseConfig(ENV, '/env')).cells as string).replaceAll(
    '/etc/corosync/corosync.conf',
    join(top, 'corosync.conf'),
  )
  const { stdout, stderr } = shell(words, `PATH=${top}/bin:$PATH\n${text}`, true)
  assert.is(stderr, '')
  return { said: stdout.trimEnd(), called: () => readFileSync(join(top, 'called'), 'utf8') }
}

/** As PrettyTable draws it. */
const table = (rows: readonly (readonly string[])[]) => {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.padEnd(12)).join(' | ')} |\n`
  const rule = '+--------------+\n'
  return `${rule}${line(['Name', 'UUID', 'Transport URL', 'Database Connection', 'Disabled'])}${rule}${rows.map(line).join('')}${rule}`
}
const printed = table(
  CELLS.map(([name, queue, db], index) => [name, `0000000${index}-ab12-4f8e-9c57-1f34a2b96c44`, queue, db, 'False']),
)

const test = suite('nova')

for (const [program, words] of SHELLS)
  needing(test, program)(`${program}: hosts of each cell, and nothing of a login`, () => {
    const { said, called } = asked(words, printed)
    assert.equal(said.split('\n'), [
      'cell0\tmessage queue\t',
      'cell0\tdatabase\tN1',
      'cell1\tmessage queue\t192.0.2.11',
      'cell1\tdatabase\tdb.example.org',
      'all\tmessage queue\t192.0.2.11,2001:db8::12',
      'all\tdatabase\tlocalhost',
      '\tmessage queue\t192.0.2.12',
      '\tdatabase\t{hostname}',
    ])
    assert.is(called(), '-u nova -- nova-manage cell_v2 list_cells --verbose\ncell_v2 list_cells --verbose\n')
  })

test('what is at one node is told, and where it is changed; what is at all of them is not', () => {
  const config = parseConfig(ENV, '/env')
  const { said } = asked(['sh'], printed)
  const told = oldCells(
    config,
    factsOf(config, (node: Node) => (node.name === 'n1' ? { cells: said } : {})),
  )
  const hosts = (text: string) => /the (.*) at one node, (\S+): .*nova-manage cell_v2 update_cell/.exec(text)?.slice(1)
  assert.equal(told.map(hosts), [
    ['database of the cell cell0', 'n1'],
    ['message queue of the cell cell1', '192.0.2.11'],
    ['database of the cell all', 'localhost'],
    ['message queue of a cell without a name', '192.0.2.12'],
  ])
})

test('one that cannot tell is told, without its words; a cluster without nova is not asked', () => {
  const config = parseConfig(ENV, '/env')
  const { said } = asked(['sh'], `An error has occurred: ${PASSWORD}\n`, 3)
  assert.equal(
    oldCells(
      config,
      factsOf(config, () => ({ cells: said })),
    ),
    ["what nova's database has could not be read on n1: nova-manage cell_v2 list_cells ended with 3"],
  )
  assert.equal(cellFacts(parseConfig(ENV.replace(' nova', ''), '/env')), {})
})

test.run()
