/** The guards of a phase for --help: asked of the phase itself, with the settings of an example and nothing known of its nodes. */
import { factsFrom } from './facts.mts'
import { type Draft, phaseOf } from './guard.mts'
import type { Outline } from './help.mts'
import { parseConfig } from './read-config.mts'

const EXAMPLE = `NODES="
192.168.18.201 node1.test.com node1
192.168.18.202 node2.test.com node2
"
VIP=192.168.18.200/24
FENCING=none
OS_PASSWORD=none
`

/** The steps of a phase in their order, as its first node has them. */
export function outlineOf(draft: Draft): readonly Outline[] {
  const config = parseConfig(EXAMPLE, 'example')
  const facts = factsFrom(new Map())
  return phaseOf(draft, config).steps.map((step) => {
    const [node] = step.on(config, facts)
    const guards = node === undefined ? [] : step.guards(config, facts, node)
    return { step: step.title, guards: guards.map(({ title, apply }) => ({ title, made: apply !== undefined })) }
  })
}
