/** Breaks things on purpose, one after the other, and measures what the API's users would have noticed. */
import { SCENARIOS } from '../lib/drill/scenarios.mts'
import { isScript, main } from '../lib/main.mts'
import { health } from '../lib/proof.mts'

if (isScript(import.meta))
  await main({
    script: 'tasks/drill.mts',
    title: 'Breaks things on purpose and reports the outage of the API: all of these, or those that are named.',
    phases: [{ id: 'drill', title: 'Drill', steps: [] }],
    operands: SCENARIOS.map(({ name, title }) => ({ name, title })),
    work: async (job, names, talk) => {
      const { drill } = await import('../lib/drill/drill.mts')
      const { drillTable } = await import('../lib/drill/report.mts')
      const chosen = SCENARIOS.filter(({ name }) => names.length === 0 || names.includes(name))
      if (talk.plan) {
        for (const { name, title, lacks } of chosen)
          talk.say(`${name.padEnd(10)} ${title}${lacks?.(job.config) ? `: left out, ${lacks(job.config)}` : ''}`)
        return { outcome: 'ok', more: {} }
      }
      const { outcome, drilled, skipped } = await drill(job, health, chosen, talk)
      drillTable(talk.say, drilled, skipped)
      return { outcome, more: { drill: drilled, skipped } }
    },
  })
