/** Extra apt sources, and lists that were fetched since. */
import type { Guard } from '../guard.mts'
import { sh } from '../shell.mts'
import { file } from './file.mts'
import { FUNCTIONS, REMEDIES } from './package.mts'

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
      ${FUNCTIONS}
      # apt-get calls a repository that does not answer a warning.
      patiently apt-get -q -o APT::Update::Error-Mode=any update
      mkdir -p /var/lib/quorate
      touch /var/lib/quorate/lists`,
    remedy: 'see which repository did not answer; REPOS names it',
    remedies: REMEDIES,
  },
]
