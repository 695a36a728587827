/** What is wrong with the cluster: everything that goes wrong with this stack, asked in one go, cause first, with the remedy. */
import { join } from 'node:path'
import { doctorFacts } from '../lib/doctor/facts.mts'
import type { Phase } from '../lib/guard.mts'
import { isScript, main, ROOT } from '../lib/main.mts'
import { proof } from '../lib/proof.mts'
import { drilledUntil } from '../lib/run-logs.mts'
import { statusFacts } from '../lib/status.mts'

const asking = (drilled?: number): Phase => ({
  id: 'doctor',
  title: 'What the nodes say of what can be wrong',
  facts: (config) => ({ ...statusFacts(config), ...doctorFacts(config, drilled) }),
  steps: [],
})
export const phase = asking()

if (isScript(import.meta))
  await main({
    script: 'tasks/doctor.mts',
    title: 'Asks for everything that goes wrong with this stack, and tells the cause, the remedy and where to read on.',
    phases: [phase],
    looksAtAll: true,
    work: async (job, _, talk) => {
      const { doctor } = await import('../lib/doctor/doctor.mts')
      const drilled = drilledUntil(join(ROOT, '.state', job.config.clusterName))
      return doctor(job, asking(drilled), proof, talk)
    },
  })
