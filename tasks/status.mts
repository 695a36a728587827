/** One screen: nodes, links, quorum, fencing, VIP holder, back ends, endpoints. */
import { isScript, main } from '../lib/main.mts'
import { statusFacts, statusOf } from '../lib/status.mts'
import { statusScreen } from '../lib/status-screen.mts'

if (isScript(import.meta))
  await main({
    script: 'tasks/status.mts',
    title: 'Shows the cluster on one screen, and changes nothing.',
    phases: [{ id: 'status', title: 'What the nodes say', facts: statusFacts, steps: [] }],
    screen: (config, facts, lost) => {
      const status = statusOf(config, facts, lost, Date.now())
      return { text: statusScreen(status), more: { status } }
    },
  })
