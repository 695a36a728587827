/** Takes away the lock of another run, after a question. */
import { everyNode } from '../lib/guard.mts'
import { unlocked } from '../lib/lock.mts'
import { isScript, main } from '../lib/main.mts'

if (isScript(import.meta))
  await main({
    script: 'tasks/unlock.mts',
    title:
      "Takes away the lock of a run: one that is at work stops, a dead one's is gone by itself after half a minute.",
    phases: [{ id: 'unlock', title: 'The lock', steps: [{ title: 'lock', on: everyNode, guards: () => [unlocked] }] }],
    asks: 'Take this lock away?',
  })
