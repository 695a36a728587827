/** Guards that are true together or not at all. */
import type { Guard } from '../guard.mts'
import { raw, sh } from '../shell.mts'

/** Seconds for which a part that waits for nothing in particular is waited for. */
const PATIENCE = 60

interface Whole {
  /** What has to be true once the parts are: it is asked after a change alone. */
  readonly proof: Guard
  /** Shell text that takes back what was changed; it runs with -e. */
  readonly back: string
}

/**
 * One guard of several, in their order. Where one of them, or the proof, does not come true in its time, the files that it has replaced
 * are taken back, and the guard has failed. A run that was cut off in the middle goes on with what is left.
 */
export function together(title: string, parts: readonly Guard[], { proof, back }: Whole): Guard {
  const { why, remedy, remedies } = proof
  return {
    title,
    check: parts.map(({ check }) => inside(check)).join('\n'),
    apply: sh`
      rm -f "$scratch/replaced"
      failed() {
        printf '%s\\n' "$1"
        [ -s "$scratch/replaced" ] || exit 1
        said=$${raw(inside(`exec 2>&1\n${back}`))}
        if [ $? = 0 ]; then echo 'what was changed is taken back'; else printf '%s\\n' 'what was changed could not be taken back:' "$said"; fi
        exit 1
      }
      # What follows is in no condition, and -e is for each part alone: what fails is taken back.
      set +e
      ${raw([...parts, proof].map(made).join('\n'))}`,
    ...(why && { why }),
    ...(remedy && { remedy }),
    ...(remedies && { remedies }),
  }
}

/** Shell text of its own shell, which may exit. */
const inside = (text: string) => sh`
  (
    set -eu
    ${raw(text)}
  )`

const made = ({ check, apply, wait = PATIENCE }: Guard) => sh`
  said=$${raw(inside(check))}
  rc=$?
  if [ "$rc" = 1 ]; then
    ${raw(apply === undefined ? ':' : inside(apply))}
    rc=$?
    until=$(($(date +%s) + ${wait}))
    last=
    while [ "$rc" = 0 ]; do
      said=$${raw(inside(check))}
      rc=$?
      # What was done is whole; the next run goes on with it.
      if [ "$rc" != 0 ] && stopped; then exit 75; fi
      if [ "$rc" != 1 ] || [ "$(date +%s)" -ge "$until" ]; then break; fi
      [ "$said" = "$last" ] || waits "\${said:-nothing yet}"
      last=$said
      rc=0
      sleep 0.2 2>/dev/null || sleep 1
    done
  fi
  [ "$rc" = 0 ] || failed "$said"`
