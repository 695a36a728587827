/** Rotates keystone's fernet keys on the first node, and gives them to the others in the right order. */
import type { Config } from '../lib/config.mts'
import {
  distributed,
  keyFacts,
  keysAgree,
  keysOf,
  keysThere,
  rotated,
  rotationOver,
  tokensGoOn,
} from '../lib/fernet.mts'
import { everyNode, firstNode, type Phase } from '../lib/guard.mts'
import { isScript, main } from '../lib/main.mts'

const others = ({ nodes }: Config) => nodes.slice(1)

const rotation: Phase = {
  id: 'rotate',
  title: 'Fernet keys rotated',
  facts: ({ nodes: [first] }) => ({ ...keyFacts, ...(first && keysOf(first)) }),
  together: true,
  steps: [
    {
      title: 'agree',
      on: firstNode,
      guards: (config, facts) => [...keysThere(config, facts), ...keysAgree(config, facts, true)],
    },
    { title: 'rotate', on: firstNode, guards: () => [rotated] },
    { title: 'distribute', on: others, guards: distributed },
    { title: 'proof', on: everyNode, guards: tokensGoOn },
    { title: 'over', on: firstNode, guards: () => [rotationOver] },
  ],
}

if (isScript(import.meta))
  await main({
    script: 'tasks/rotate-fernet.mts',
    title: "Rotates keystone's fernet keys on one node and gives them to the others; tokens stay good throughout.",
    phases: [rotation],
  })
