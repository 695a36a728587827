/** Where nova keeps addresses in its database: its cells, each with a message queue and a database of its own. */
import type { Config } from './config.mts'
import type { Facts } from './facts.mts'
import { onFirst } from './keystone.mts'
import { ofOurs } from './old-address.mts'
import { raw, sh } from './shell.mts'

/** Seconds: nova-manage takes a few just to begin. */
const PATIENCE = 60
/** How a line begins that tells of its failure; what it printed may have a login in it. */
const ENDED = 'nova-manage cell_v2 list_cells ended with'

/**
 * Shell text that prints for each cell its name, what is elsewhere, and the hosts where it is, with tabs between (nova-manage(1),
 * cell_v2 list_cells); nothing where there is no nova. Of a list of hosts it tells all only with --verbose, so the logins are taken
 * out on the node itself.
 */
const cells = sh`
  command -v nova-manage >/dev/null || exit 0
  said=$(timeout ${PATIENCE} runuser -u nova -- nova-manage cell_v2 list_cells --verbose 2>/dev/null </dev/null) ||
    { echo "${raw(ENDED)} $?"; exit 0; }
  printf '%s\\n' "$said" | awk -F ' *[|] *' '
    function hosts(url, login, count, all, i, text) {
      if (!sub("^[^:/]*://", "", url)) return ""
      login = url ~ /@/
      sub("[/?].*", "", url)
      count = split(url, all, ",")
      for (i = 1; i <= count; i++) {
        # Of a login with a comma in it the first part has no "@".
        if (login && !sub(".*@", "", all[i])) continue
        if (sub("^[[]", "", all[i])) sub("[]].*", "", all[i]); else sub(":.*", "", all[i])
        text = text (text == "" ? "" : ",") all[i]
      }
      return text
    }
    NF >= 6 && $3 ~ /^[0-9a-f-]+$/ {
      print $2 "\\tmessage queue\\t" hosts($4)
      print $2 "\\tdatabase\\t" hosts($5)
    }'`

export const cellFacts = (config: Config): Readonly<Record<string, string>> =>
  config.services.some(({ name }) => name === 'nova') ? { cells: onFirst(config, cells) } : {}

/** Cells that find something at one node alone: with that node they are lost, VIP or not. */
export const oldCells = (config: Config, facts: Facts): readonly string[] =>
  config.nodes.slice(0, 1).flatMap((first) =>
    facts
      .get(first, 'cells')
      .split('\n')
      .flatMap((line) => {
        if (line.startsWith(ENDED)) return [`what nova's database has could not be read on ${first.name}: ${line}`]
        const [cell, what, hosts = ''] = line.split('\t')
        const [host = '', ...others] = [...new Set(hosts.toLowerCase().split(','))]
        if (host === '' || others.length > 0 || !ofOurs(config, host)) return []
        const named = cell === '' ? 'a cell without a name' : `the cell ${cell}`
        return [
          `nova's database has the ${what} of ${named} at one node, ${host}: the VIP does not lead there (nova-manage cell_v2 update_cell changes it)`,
        ]
      }),
  )
