/** Extra apt sources, and lists that were fetched since. */
import type { Guard } from '../guard.mts'
import { sh } from '../shell.mts'
import { apt } from './apt.mts'
import { file } from './file.mts'

const PATH = '/etc/apt/sources.list.d/quorate.list'

/** The sources are there and their lists are newer. The stamp is set after the lists came, so that a cut-off run asks again. */
export const repositories = (text: string): readonly Guard[] => [
  file(PATH, text),
  {
    title: 'the lists of the extra repositories are fetched',
    check: sh`
      stamp=/var/lib/quorate/lists
      [ -e "$stamp" ] && [ ! ${PATH} -nt "$stamp" ] || { echo "not fetched since "${PATH}" was changed"; exit 1; }`,
    apply: sh`
      ${apt.functions}
      refresh
      mkdir -p /var/lib/quorate
      touch /var/lib/quorate/lists`,
    remedy: 'see which repository did not answer; REPOS names it',
    remedies: apt.remedies,
  },
]
