/** A verb for output.test.mts: what a run can look like, on nodes that are shells on this machine. DIR holds its files. */
import { everyNode, type Guard, type Phase } from '../../lib/guard.mts'
import { comes } from '../../lib/guards/require.mts'
import { isScript, main } from '../../lib/main.mts'
import { sh } from '../../lib/shell.mts'

const step = (title: string, guards: readonly Guard[]) => ({ title, on: everyNode, guards: () => guards })

/** Its apply says a line, and the next one when there is a sign that the first has been read (or after 10 s). */
const long: Guard = {
  title: 'the software is there',
  check: sh`[ -e "$DIR/$ME-there" ] || { echo "it is missing"; exit 1; }`,
  apply: sh`
    echo "unpacking the first half"
    tries=0
    until [ -e "$DIR/sign" ] || [ "$tries" -ge "\${PATIENCE:-0}" ]; do sleep 0.1; tries=$((tries + 1)); done
    [ -e "$DIR/sign" ] && echo "the sign was seen" || echo "there was no sign"
    : >"$DIR/$ME-there"`,
}
/** It answers when it has been asked three times: a busy machine asks more slowly, so that the list has time to say what it waits for. */
const slow: Guard = {
  title: 'the service answers',
  check: sh`
    [ -e "$DIR/$ME-started" ] && [ "$(wc -l <"$DIR/$ME-started")" -ge 3 ] && exit 0
    [ ! -e "$DIR/$ME-started" ] || echo >>"$DIR/$ME-started"
    echo "it does not answer yet"; exit 1`,
  apply: sh`: >"$DIR/$ME-started"`,
  wait: 20,
}
const never = comes('the moon is full', 1, sh`[ -e "$DIR/moon" ] || { echo "it is new"; exit 1; }`, 'wait for it')

export const phases: readonly Phase[] = [
  { id: '01-software', title: 'Software', steps: [step('install', [long])] },
  { id: '02-service', title: 'Service', steps: [step('start', [slow])] },
  { id: '03-moon', title: 'Moon', steps: [step('look', [never])] },
]

if (isScript(import.meta))
  await main({ script: 'tasks/any.mts', title: 'For a test.', phases, next: [['make more', 'does more']] })
