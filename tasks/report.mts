/** One HTML file to look at and to attach: the cluster, its last runs, its drills, and what is wrong. */
import { isScript, main } from '../lib/main.mts'
import { statusFacts } from '../lib/status.mts'

if (isScript(import.meta))
  await main({
    script: 'tasks/report.mts',
    title: 'Writes one HTML file on the cluster, its runs and its drills, to look at and to attach. Changes nothing.',
    phases: [{ id: 'report', title: 'What the nodes say', facts: statusFacts, steps: [] }],
    work: async (job, _words, talk) => (await import('../lib/report/report.mts')).report(job, talk),
  })
