/** The documents, typed: every command in them that no mark exempts, on a cluster that the first of them builds (CONTRIBUTING.md, "Documents"). */
import * as assert from 'uvu/assert'
import { type Block, blocksOf, type Command, commandsOf, DOCUMENTS, LOOKS } from '../documents.mts'
import { type Done, ended, type Lab, LONG, onLab } from './cluster.mts'

/** It says how to begin; its translation says the same (test/unit/documents.test.mts). */
const FIRST = 'README.md'
const TRANSLATED = 'README.zh-CN.md'
const OPERATIONS = 'docs/operations.md'
const NAME = 't-docs'

const isTyped = ({ marks }: Block) => !['not executed', 'executed by', 'made'].some((mark) => marks.has(mark))

/** Runs it where its prompt says; what is typed on the operator's machine is in the lab's network, as such a machine is. */
async function typed(lab: Lab, { node, text }: Command): Promise<Done> {
  if (node !== undefined) return lab.ask(node, text)
  const line = text.replaceAll('.lab/lab/env', lab.env).replace(/^(npx zx tasks\/\S+)/gm, `$1 --env ${lab.env}`)
  const variables = [`ENV=${lab.env}`, `LAB_NAME=${NAME}`, 'LAB_PACKAGES=yes']
  return lab.type('nsenter', `--net=/run/netns/${NAME}-ops`, '--', 'env', ...variables, 'sh', '-c', line)
}

const squeezed = (line: string) => line.replaceAll(/\s+/g, ' ').trim()
/** A line as it is shown: numbers may be others, and … is anything. */
const pattern = (line: string) =>
  new RegExp(
    `^${squeezed(line)
      .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll(/\d+/g, '\\d+')
      .replaceAll('…', '.*')}$`,
  )

/** The first line that is shown and does not come after those before it. */
function missing(shown: readonly string[], said: string): string | undefined {
  const lines = said.split('\n').map(squeezed)
  let from = 0
  for (const line of shown) {
    if (['', '…'].includes(squeezed(line))) continue
    const at = lines.findIndex((one, index) => index >= from && pattern(line).test(one))
    if (at < 0) return line
    from = at + 1
  }
  return undefined
}

// As env.example has them, so that commands can be typed as they are written.
const options = { prefix: 'node', public: '192.168.18', heartbeat: '10.0.42', apis: true, packages: true }
onLab('documents', NAME, options, (test, lab) => {
  test('a line that is shown and does not come is missed', () => {
    const said = 'one 1\ntwo   22 ms\nthree\n'
    assert.is(missing(['one 7', '…', 'two 3 ms'], said), undefined)
    assert.is(missing(['two … ms', 'three'], said), undefined)
    assert.is(missing(['three', 'one 1'], said), 'one 1')
    assert.is(missing(['two'], said), 'two')
  })

  for (const file of [FIRST, ...DOCUMENTS.filter((one) => one !== FIRST && one !== TRANSLATED)]) {
    const blocks = blocksOf(file).filter((block) => isTyped(block) && commandsOf(block).length > 0)
    if (blocks.length === 0) continue
    // Day two takes as long as all the others.
    if (file === OPERATIONS && !LONG) continue
    test(`${file}: ${blocks.flatMap(commandsOf).length} commands`, async () => {
      for (const block of blocks) {
        for (const command of commandsOf(block)) {
          const { code, stdout, stderr } = await typed(lab, command)
          const where = `${file}, "${block.section}": ${command.text}`
          assert.is(code, Number(block.marks.get('ends with') ?? 0), `${where}\n${stdout}${stderr}`)
          const lacks = missing(command.output, stdout + stderr)
          assert.is(lacks, undefined, `${where}\ndoes not print: ${lacks}\n${stdout}${stderr}`)
        }
      }
      // It leaves the cluster as it found it.
      ended(await lab.run('verify'), 0)
    })
  }

  test(`in sentences: ${LOOKS.length} commands that only look`, async () => {
    const [one, two] = lab.nodes as [string, string]
    const faults: string[] = []
    for (const command of LOOKS) {
      // ping has no end of its own: Ctrl-C is its good end.
      const line = command.replaceAll('NODE', two).replace(/^ping /, 'timeout --signal=INT --preserve-status 3 ping ')
      const { code, stdout, stderr } = await lab.ask(one, `bash <<'END'\n${line}\nEND`)
      if (code !== 0) faults.push(`${command}: ${code}\n${stdout}${stderr}`)
    }
    assert.equal(faults, [])
  })
})
