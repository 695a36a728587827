/** The answers to a drill's questions over time, in few numbers. */
import type { Series } from '../event.mts'
import type { Seen } from './figures.mts'

/** Milliseconds of a stretch, where they are not too many. */
const STEP = 100
/** Stretches: a node may take a quarter of an hour to boot. */
const MOST = 600
/** Milliseconds before the fault that are shown, so that one sees how it was. */
const BEFORE = 1000

/** From shortly before the fault, `since`, to `to`; all are milliseconds of this machine's clock. */
export function series(all: readonly Seen[], since: number, to: number, good: readonly number[]): Series {
  const from = since - BEFORE
  const step = STEP * Math.max(1, Math.ceil((to - from) / STEP / MOST))
  const count = Math.max(1, Math.ceil((to - from) / step))
  const counts = { good: new Array<number>(count).fill(0), bad: new Array<number>(count).fill(0) }
  for (const { at, status } of all.flatMap(({ answers }) => answers)) {
    const index = Math.floor((at - from) / step)
    const own = good.includes(status) ? counts.good : counts.bad
    if (index >= 0 && index < count) own[index] = (own[index] as number) + 1
  }
  return { from: -BEFORE, step, ...counts }
}
