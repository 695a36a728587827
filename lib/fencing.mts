/** Guards of fencing: the agents, what they are told of their devices, and that the devices answer. */
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { registered } from './guards/cib.mts'
import { comes, needs, require } from './guards/require.mts'
import { MON } from './pacemaker.mts'
import { fenceKey } from './read-fencing.mts'
import { clusterProperties, type FenceDevice, fenceDevices, fencePrimitives } from './render/cib.mts'
import { asMembers, memberName } from './ring.mts'
import { raw, sh } from './shell.mts'

/** Where pacemaker looks for fence agents (RH_STONITH_DIR). */
export const agentFile = (agent: string): string => `/usr/sbin/${agent}`

const agentsOf = (config: Config): readonly string[] => [...new Set(fenceDevices(config).map(({ agent }) => agent))]

/** What FENCING=none means, in one sentence for every place where it is said. */
export const UNFENCED =
  'FENCING=none: nobody switches off a node that hangs or is cut off, and a split network can have two VIPs'

export const agentsInstalled = (config: Config): Guard[] =>
  agentsOf(config).map((agent) =>
    require(`the fence agent ${agent} is installed`, sh`[ -x ${agentFile(agent)} ] || { echo ${`there is no ${agentFile(agent)}`}; exit 1; }`, 'install its package, or correct FENCING'),
  )

/** Once pacemaker has the devices as they are in the env file, it looks after them: they were tried before they went in. */
const known = (config: Config) => registered([...fencePrimitives(config), clusterProperties(config)])

/** What pacemaker takes for itself from a device's parameters (pacemaker-fenced(7)). */
const isPacemakers = (name: string) =>
  name.startsWith('pcmk_') || ['provides', 'priority', 'stonith-timeout'].includes(name)

/** Shell text: sets `said` to the name of the file with the agent's own description of its parameters; asked for once. */
const described = (agent: string) =>
  raw(sh`
    said=$scratch/metadata-${raw(agent)}
    [ -s "$said" ] || ${agentFile(agent)} -o metadata >"$said" 2>/dev/null </dev/null || :
    grep -q '<parameter ' "$said" || { echo ${`${agent} does not tell its parameters (${agent} -o metadata)`}; exit 1; }`)

/** awk: reads what the agent says, then `name=value` lines; prints what does not suit, without a word of a value. */
const SUITS = raw(
  `
function attr(key) { return match($0, key "=\\"[^\\"]*\\"") ? substr($0, RSTART + length(key) + 2, RLENGTH - length(key) - 3) : "" }
NR == FNR {
  if (/^parameter /) { name = attr(" name"); known[name] }
  else if (/^content /) type[name] = attr(" type")
  else if (/^option /) options[name] = options[name] " " attr(" value")
  next
}
{ word++; at = index($0, "="); name = substr($0, 1, at - 1); value = tolower(substr($0, at + 1)) }
name ~ /^pcmk_/ || name == "provides" || name == "priority" || name == "stonith-timeout" { next }
!(name in known) { print "no such parameter: word " word " of " key; bad = 1; next }
type[name] == "integer" && value !~ /^-?[0-9]+$/ { print name " in " key " is not a whole number"; bad = 1 }
type[name] == "boolean" && value !~ /^(1|0|true|false|yes|no|on|off)$/ { print name " in " key " is neither true nor false"; bad = 1 }
type[name] == "select" && index(tolower(options[name]) " ", " " value " ") == 0 { print name " in " key " is none of:" options[name]; bad = 1 }
END { exit bad }`.trim(),
)

/**
 * An agent that is there already is asked before anything is changed; else 02-packages brings it. An agent itself writes a parameter
 * that it does not know to the system's log, with its value (fencing.py, "Ignoring unknown option"). Such a name is not told: after
 * a space too many it may be a part of a password.
 */
export const devicesSuit = (config: Config, facts: Facts): Guard[] => {
  const devices = fenceDevices(config)
  if (devices.length === 0) return []
  const suits = devices.map(({ node, level, agent, params }) => {
    const pairs = Object.entries(params).map(([name, value]) => `${name}=${value}\n`)
    return sh`
      if [ -x ${agentFile(agent)} ]; then
        ${described(agent)}
        printf %s ${pairs.join('')} | awk -v key=${fenceKey(node, level)} '${SUITS}' RS='<' "$said" RS='\\n' - || bad=1
      fi`
  })
  return [
    require('the fence agents know the parameters of every FENCE_<short>', sh`
      ! ${known(asMembers(config, facts))} || exit 0
      bad=
      ${raw(suits.join('\n'))}
      [ -z "$bad" ] || exit 1`, `correct them in the env file; ${agentsOf(config).join(' or ')} -o metadata on a node lists what there is`),
  ]
}

/** Seconds for a device to say whether its node is on; a BMC that is far away or slow takes some. */
const PATIENCE = 30

/**
 * Shell text: this node's agent asks the device whether its node is on, by the action that pacemaker uses too. It is told what
 * pacemaker tells it: its own parameters, and which plug is the node's. A device that calls a node off which answers to us is
 * another machine's.
 */
function asking({ node, level, agent, params }: FenceDevice, member: string): string {
  const lines = Object.entries(params)
    .filter(([name]) => !isPacemakers(name) && name !== 'action')
    .map(([name, value]) => `${name}=${value}\n`)
  const given = 'plug' in params || 'port' in params || params.pcmk_host_argument === 'none'
  const mapped = (params.pcmk_host_map ?? '').split(/[; ]+/).find((one) => one.startsWith(`${member}:`))
  const plug = mapped?.slice(member.length + 1) ?? member
  const name = `${node.name} (${fenceKey(node, level)})`
  return sh`
    ${described(agent)}
    plug=
    ${raw(given ? ':' : sh`for one in port plug; do ! grep -q "<parameter name=\\"$one\\"" "$said" || plug=$one=${plug}; done`)}
    status=0
    answer=$({ printf %s ${['action=status\n', ...lines].join('')}; [ -z "$plug" ] || printf '%s\\n' "$plug"; } |
      PYTHONWARNINGS=ignore timeout ${PATIENCE} ${agentFile(agent)} 2>&1) || status=$?
    case $status in
      0) ;;
      2) echo ${`${name}: its device says that it is off, but it answers: that is another machine's device`}; bad=1 ;;
      124) echo ${`${name}: no answer from its device within ${PATIENCE} s`}; bad=1 ;;
      *) printf '%s\\n' "$answer" | sed '/^ *$/d' | tail -n 2 | while IFS= read -r line; do echo ${`${name}: `}"$line"; done; bad=1 ;;
    esac`
}

const answer = (title: string, config: Config, facts: Facts, targets: readonly Node[], first: string): Guard[] => {
  const all = fenceDevices(config)
  const devices = targets.flatMap((target) => all.filter(({ node }) => node === target))
  if (devices.length === 0) return []
  const agents = [...new Set(devices.map(({ agent }) => agent))]
  return [
    {
      ...require(title, sh`
        ${raw(first)}
        for agent in ${agents.map(agentFile)}; do [ -x "$agent" ] || { echo "there is no $agent on this node yet"; exit 1; }; done
        bad=
        ${raw(devices.map((device) => asking(device, memberName(facts, device.node))).join('\n'))}
        [ -z "$bad" ] || exit 1`, 'correct its parameters in the env file, or let this node reach it: fencing is not relied on before it works'),
      remedies: [
        [/missing or not executable/, 'install the program that the agent needs on every node, then go on'],
        [
          /Unable to connect\/login|Unable to establish|Unable to obtain correct plug status|[Pp]assword|[Aa]uthenti|Login timed out/,
          'look at its address, user and password, and whether this node reaches it; a BMC may want lanplus=1, or a cipher (cipher=3)',
        ],
      ],
    },
  ]
}

/** A BMC has a handful of sessions: of many nodes not all ask each one. */
const MOST = 7

/** The nodes after this one, in a ring: so that not all ask the same device at once. */
function others(config: Config, node: Node): readonly Node[] {
  const at = config.nodes.findIndex(({ name }) => name === node.name)
  return [...config.nodes.slice(at + 1), ...config.nodes.slice(0, at)]
}

/** Before fencing is relied on, each node asks the devices of the others: any of them may have to. */
export const devicesAnswer = (config: Config, facts: Facts, node: Node): Guard[] =>
  answer(
    "the other nodes' fence devices answer to this one",
    config,
    facts,
    others(config, node).slice(0, MOST),
    sh`! ${known(asMembers(config, facts))} || exit 0`,
  )

/** For a proof each device is asked now, by the node before its own. */
export const deviceAnswersNow = (config: Config, facts: Facts, node: Node): Guard[] => {
  const [next] = others(config, node) as [Node]
  return answer(`the fence device of ${next.name} answers to this node`, config, facts, [next], ':')
}

/** Pacemaker has started each device, on another node than its own, and what it asked of it went well. */
export const devicesRun = (config: Config, facts: Facts): Guard[] => {
  const ids = fenceDevices(asMembers(config, facts)).map(({ id }) => id)
  return ids.length === 0
    ? []
    : [
        comes(
          'pacemaker watches every fence device',
          60,
          sh`
          ${needs('crm_mon')}
          ${MON}
          idle=$(mon | awk -F '"' -v ids=${ids.join(' ')} '
            /<resource / { for (i = 1; i < NF; i += 2) { sub(/.* /, "", $i); of[$i] = $(i + 1) }
              if (of["role="] of["failed="] == "Startedfalse") runs[of["id="]]
              split("", of) }
            END { count = split(ids, want, " "); for (i = 1; i <= count; i++) if (!(want[i] in runs)) printf " %s", want[i] }')
          [ -z "$idle" ] || { echo "not running:$idle"; exit 1; }`,
          'crm_mon -1rf on a node tells what went wrong; when it is mended: crm_resource --cleanup',
        ),
      ]
}

/** Fencing is on or off as FENCING says: off is a decision, and it is said each time. */
export const fencingDecided = ({ fencing }: Config): Guard => {
  const wanted = String(fencing !== 'none')
  return require(fencing === 'none' ? `fencing is off, as ${UNFENCED}` : `nodes are fenced by ${fencing}`, sh`
      ${needs('crm_attribute')}
      enabled=$(crm_attribute --type crm_config --name stonith-enabled --query --quiet --default true 2>&1)
      [ "$enabled" = ${wanted} ] || { echo "stonith-enabled is $enabled"; exit 1; }`, 'make cluster sets it as FENCING says')
}
