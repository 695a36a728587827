/** The proof of a built cluster: links, quorum, resources, the API through the VIP from every node, endpoints, a token. */
import { isScript, main } from '../lib/main.mts'
import { proof } from '../lib/proof.mts'

export const phase = proof

if (isScript(import.meta))
  await main({
    script: 'tasks/verify.mts',
    title: 'Proves the built cluster, and changes nothing.',
    phases: [phase],
    listsAll: true,
  })
