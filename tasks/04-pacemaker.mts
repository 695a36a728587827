/** 04-pacemaker: it runs on every node, and its properties fit the number of nodes and the fencing that there is. */
import type { Config, Node } from '../lib/config.mts'
import type { Facts } from '../lib/facts.mts'
import { everyNode, firstNode, type Guard, type Phase } from '../lib/guard.mts'
import { cib } from '../lib/guards/cib.mts'
import { brought, comes, require } from '../lib/guards/require.mts'
import { service } from '../lib/guards/service.mts'
import { isScript, main } from '../lib/main.mts'
import { cibFact, FIRST_START, firstStart, membersOnline } from '../lib/pacemaker.mts'
import { fenceKey } from '../lib/read-fencing.mts'
import { clusterProperties, fenceId, fencePrimitives, resourceDefaults } from '../lib/render/cib.mts'
import { asMembers } from '../lib/ring.mts'
import { sh } from '../lib/shell.mts'

const online = (config: Config, facts: Facts): Guard[] => [
  comes(
    'every node is online in pacemaker',
    120,
    membersOnline(config, facts),
    'journalctl -u pacemaker on the node that is missing',
  ),
]

const agent = ({ fencing, fence, nodes }: Config): Guard[] =>
  fencing === 'none'
    ? []
    : [
        require(`the fence agent ${fencing} is installed`, sh`stonith_admin --list-installed 2>/dev/null | grep -qx ${fencing} || { echo ${`no such agent: ${fencing}`}; exit 1; }`, 'install its package, or correct FENCING'),
        ...nodes.map((node) => knownParameters(fencing, node, Object.keys(fence[node.name] ?? {}))),
      ]

/**
 * An agent writes a parameter that it does not know to the system's log, with its value (fencing.py, "Ignoring unknown
 * option"). The name is not told: after a space too many it may be a part of a password.
 */
const knownParameters = (agent: string, node: Node, names: readonly string[]): Guard =>
  require(`${agent} knows the parameters of ${fenceKey(node)}`, sh`
      known=$(stonith_admin --metadata --agent ${agent} 2>/dev/null | sed -n 's/.*<parameter name="\\([^"]*\\)".*/\\1/p' | tr '\\n' ' ')
      [ -n "$known" ] || { echo ${`${agent} does not say which parameters it has`}; exit 1; }
      word=0 unknown=
      for name in ${names}; do
        word=$((word + 1))
        case $name in pcmk_* | provides | priority | stonith-timeout) continue ;; esac
        case " $known" in *" $name "*) ;; *) unknown="$unknown $word" ;; esac
      done
      [ -z "$unknown" ] || { echo ${`${agent} has no such parameter: word`}"$unknown of "${fenceKey(node)}; exit 1; }`, `${agent} -o metadata on a node lists its parameters; correct the name in ${fenceKey(node)}`)

/** Fence devices of an earlier run, when FENCING says none now: first what refers to them, or the schema forbids it. */
const unfenced = ({ fencing, nodes }: Config): readonly string[] =>
  fencing === 'none' ? nodes.flatMap(({ name }) => [`${fenceId(name)}-elsewhere`, fenceId(name)]) : []

const properties = (config: Config, facts: Facts): Guard[] => {
  const members = asMembers(config, facts)
  return [
    cib(
      'the properties and defaults are set',
      [...fencePrimitives(members), clusterProperties(members), resourceDefaults()],
      [FIRST_START, ...unfenced(members)],
    ),
  ]
}

export const phase: Phase = {
  id: '04-pacemaker',
  title: 'Pacemaker',
  facts: () => ({ cib: cibFact }),
  together: true,
  steps: [
    { title: 'software', on: everyNode, guards: () => [brought('pacemakerd', '02-packages')] },
    { title: 'start', on: everyNode, guards: (config, facts) => [...firstStart(config, facts), service('pacemaker')] },
    { title: 'online', on: everyNode, guards: online },
    { title: 'fence agent', on: everyNode, guards: agent },
    { title: 'properties', on: firstNode, guards: properties },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/04-pacemaker.mts', title: phase.title, phases: [phase] })
