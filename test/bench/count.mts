/** How often a node was logged in to and given a command, by its own journal: sshd with LogLevel VERBOSE tells each. */
import type { Stage } from './stage.mts'

export interface Counts {
  readonly logins: number
  /** Sessions: each is a command or a script that was sent. */
  readonly commands: number
}

const LEVEL = '/etc/ssh/sshd_config.d/bench.conf'

/** From now on, and on the disk as it is saved. */
export const tellLogins = (stage: Stage): Promise<unknown> =>
  stage.lab.onAll(`echo 'LogLevel VERBOSE' >${LEVEL}; systemctl reload ssh`)

/** In lines of a journal, what came from one address: nodes log in to one another, too. */
export function countsIn(journal: string, from: string): Counts {
  const lines = journal.split('\n').filter((line) => line.includes(` from ${from} `))
  const begin = (words: string) => lines.filter((line) => line.startsWith(words)).length
  return { logins: begin('Accepted '), commands: begin('Starting session: ') }
}

/** What each node has counted since it booted. */
export async function counts(stage: Stage): Promise<ReadonlyMap<string, Counts>> {
  const journal =
    "journalctl --sync; journalctl --quiet --boot --output cat --identifier sshd --grep '^(Accepted|Starting session:) '"
  const from = `${stage.lab.vip.replace(/\d+$/, '')}1`
  const each = stage.nodes.map(
    async (node) => [node, countsIn((await stage.lab.ask(node, journal)).stdout, from)] as const,
  )
  return new Map(await Promise.all(each))
}

/** The node that was asked most. */
export function most(after: ReadonlyMap<string, Counts>, before: ReadonlyMap<string, Counts>): Counts {
  const grown = [...after].map(([node, now]) => ({
    logins: now.logins - (before.get(node)?.logins ?? 0),
    commands: now.commands - (before.get(node)?.commands ?? 0),
  }))
  return {
    logins: Math.max(...grown.map(({ logins }) => logins)),
    commands: Math.max(...grown.map(({ commands }) => commands)),
  }
}
