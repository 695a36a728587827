/** Guards of what pacemaker holds: its members, and where resources run. */
import { type Cidr, type Config, vipsOf } from './config.mts'
import { addresses, type Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { CIB } from './guards/cib.mts'
import { absent, file } from './guards/file.mts'
import { comes, needs, require } from './guards/require.mts'
import { service } from './guards/service.mts'
import { type Cards, vipResources } from './render/cib.mts'
import { missedAfter } from './render/corosync-conf.mts'
import { linkAddress, memberName } from './ring.mts'
import { raw, sh } from './shell.mts'

/** awk: drops fencings that failed and were done after all by a later attempt: crm_mon tells them for ever. */
const NO_HISTORY = raw(`awk '
  /a later attempt .*succeeded/ { next }
  /^Failed Fencing Actions:/ { head = $0; next }
  head != "" { if (/^ *[*]/) print head; head = "" }
  { print }'`)

/** Shell text: what pacemaker says went wrong, for people, of one resource also where it stands; nothing when nothing did. */
const complaints = (resource?: string) =>
  raw(sh`
    crm_mon --one-shot --inactive --exclude all ${resource === undefined ? ['--include', 'failures,fencing-failed'] : ['--include', 'resources,failures,fencing-failed', '--resource', resource]} 2>/dev/null |
      grep -v -e '^ *$' -e pacemakerd -e 'List of Resources' | ${NO_HISTORY} || :`)

/** Shell text: fencings that failed and were not done by a later attempt, a line each. */
export const failedFencings = sh`
  ! command -v crm_mon >/dev/null ||
    crm_mon --one-shot --exclude all --include fencing-failed 2>/dev/null | ${NO_HISTORY} | sed -n 's/^ *[*] //p' || :`

/**
 * Shell function `mon`: what pacemaker says of its members and resources, as XML (crm_mon(8)); a look asks once for all of its
 * guards. In vain it prints what crm_mon said.
 */
export const MON = raw(
  `
mon() {
  if [ "\${mode:-}" = check ] && [ -e "$scratch/mon.xml" ]; then cat "$scratch/mon.xml"; return 0; fi
  said=$(crm_mon --one-shot --output-as=xml 2>&1) || {
    why=$(printf '%s\\n' "$said" | sed -n 's|.*<error>\\(.*\\)</error>.*|\\1|p')
    printf '%s\\n' "\${why:-$said}"
    return 1
  }
  printf '%s\\n' "$said" >"$scratch/mon.xml"
  printf '%s\\n' "$said"
}`.trim(),
)

/** Pacemaker has nothing to complain of: asked of a pacemaker that answers. */
export const noFailures: Guard = require('no resource has failed', sh`
    ${needs('crm_mon')}
    crm_mon --one-shot >/dev/null 2>&1 || { echo "pacemaker does not answer"; exit 1; }
    said=$(${complaints()})
    [ -z "$said" ] || { printf '%s\\n' "$said"; exit 1; }`, 'mend the cause, journalctl on that node tells it; then, on any node: crm_resource --cleanup')

/**
 * A resource that failed to start as often as is allowed is left alone until its failure times out (Pacemaker Explained,
 * migration-threshold and failure-timeout). A run that is typed again after the cause was mended does not wait for that.
 */
export const triedAnew = (resource: string): Guard => ({
  title: `pacemaker tries ${resource} on every node`,
  check: sh`
    # Without pacemaker nothing has been given up on.
    command -v crm_mon >/dev/null || exit 0
    ${MON}
    given=$(mon | awk -F '"' -v id=${resource} '
      /<node name=/ { node = $2 }
      /<resource_history / { for (i = 1; i < NF; i += 2) { sub(/.* /, "", $i); of[$i] = $(i + 1) }
        if (of["id="] == id && of["fail-count="] + 0 >= of["migration-threshold="] + 0) printf " %s", node
        split("", of) }')
    [ -z "$given" ] || { echo "it has failed and was given up on$given"; ${complaints(resource)}; exit 1; }`,
  apply: sh`crm_resource --cleanup --resource ${resource}`,
  wait: 10,
})

/** Every node of the env file is an online member, and none is pending or unclean (crm_mon(8)). */
export const membersOnline = (config: Config, facts: Facts): string => sh`
  ${needs('crm_mon')}
  ${MON}
  said=$(mon) || { echo "pacemaker does not answer: $said" | head -n 3; exit 1; }
  missing=$(printf '%s\\n' "$said" | awk -F '"' -v names=${config.nodes.map((node) => memberName(facts, node)).join(' ')} '
    /<node name=/ { for (i = 1; i < NF; i += 2) { sub(/.* /, "", $i); of[$i] = $(i + 1) }
      if (of["online="] of["unclean="] of["pending="] == "truefalsefalse") online[of["name="]]
      split("", of) }
    END { count = split(names, want, " "); for (i = 1; i <= count; i++) if (!(want[i] in online)) printf " %s", want[i] }')
  [ -z "$missing" ] || { echo "not online:$missing"; exit 1; }`

/** The id of our property in the CIB of a first start: by it we find it again. */
export const FIRST_START = 'quorate-first-start'

/** The nodes that pacemaker has in its CIB. */
export const cibNodesFact = sh`sed -n 's/.*<node [^>]*uname="\\([^"]*\\)".*/\\1/p' ${CIB} 2>/dev/null | sort -u`

/** Those of them that are no longer in NODES, or have another name now. */
export function strangers(config: Config, facts: Facts): readonly string[] {
  const names = config.nodes.map((node) => memberName(facts, node))
  const known = config.nodes.flatMap((node) => facts.get(node, 'cib.nodes').split('\n'))
  return [...new Set(known)].filter((name) => name !== '' && !names.includes(name))
}

/**
 * A node that has left is forgotten: pacemaker would list it as lost for ever, and a new coordinator put it back into the CIB.
 * `crm_node --remove` (crm_node(8)) is asked again: it goes without waiting for an answer, and the controller may drop what it was told
 * (2.1.5). By the number it asks more of them, which another node may have by now, with a new name.
 */
export const forgotten = (config: Config, facts: Facts): readonly Guard[] =>
  strangers(config, facts).map((name) => {
    const check = sh`
      ${needs('crm_node')}
      if crm_node --list 2>/dev/null | awk -v name=${name} '$2 == name { found = 1 } END { exit !found }' ||
        cibadmin --query --scope nodes 2>/dev/null | grep -qF ${`uname="${name}"`}; then echo "it knows it still"; exit 1; fi`
    return {
      title: `pacemaker has forgotten ${name}`,
      check,
      apply: sh`
        tries=0
        while :; do
          crm_node --force --remove ${name} || :
          ids=$(crm_node --list | awk -v name=${name} '$2 == name { print $1 }')
          for id in $ids; do
            crm_node --list | awk -v id="$id" -v name=${name} '$1 == id && $2 != name { found = 1 } END { exit !found }' ||
              crm_node --force --remove "$id" || :
          done
          tries=$((tries + 1))
          said=$( ${raw(check)} ) && break
          [ "$tries" -lt 40 ] || { echo "$said"; exit 1; }
          sleep 0.5
        done`,
    }
  })

export const cibFact = sh`[ ! -e ${CIB} ] || echo yes`

/**
 * A cluster that starts for the first time waits 20 s for a coordinator that nobody can be yet (dc-deadtime, Pacemaker
 * Explained). So the nodes of one that has no CIB anywhere begin with one that says 1 s; 04-pacemaker takes it out again.
 */
export function firstStart(config: Config, facts: Facts): readonly Guard[] {
  if (config.nodes.some((node) => facts.get(node, 'cib') === 'yes')) return []
  const set = `<crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="${FIRST_START}" name="dc-deadtime" value="1s"/></cluster_property_set></crm_config>`
  return [
    {
      title: 'pacemaker elects at once at its first start',
      check: sh`[ -e ${CIB} ] || systemctl is-active --quiet pacemaker || { echo "there is no CIB yet"; exit 1; }`,
      apply: sh`
        new=${`${CIB}.quorate-new`}
        cibadmin --empty | sed ${`s|<crm_config/>|${set}|`} >"$new"
        chown hacluster:haclient "$new"
        chmod 0600 "$new"
        mv -f "$new" ${CIB}`,
    },
  ]
}

/** Its name comes after 50-…: what a package brings there. */
const BOOT_UNIT = '/etc/systemd/system/pacemaker.service.d/60-quorate.conf'

/** Seconds that a fence agent may look whether the node is on again, before it says that it has done what it was asked. */
const AGENT = 5
/** Seconds, well below those after which systemd gives a start up (DefaultTimeoutStartSec, 90). */
const MOST = 60

/**
 * A node that was fenced must not be in the cluster again before the others have heard that the agent is done: pacemaker would hear it
 * with them ("We were allegedly just fenced", pacemaker's controld_fencing.c) and stay down for good. What boots within seconds, as a
 * virtual machine does, waits: as long as the agent needs, and then the ring to tell it while it forms anew (corosync.conf(5), token and
 * consensus). A server has taken longer than that to come so far, and does not wait at all.
 */
function bootDelay(config: Config): Guard {
  if (config.fencing === 'none') return absent(BOOT_UNIT)
  const seconds = Math.min(MOST, AGENT + Math.ceil(missedAfter(config) / 1000))
  return file(
    BOOT_UNIT,
    `# Written by quorate: a node that was fenced joins only when the others know that it was.
[Service]
ExecStartPre=/bin/sh -c 'up=$$(ps -o etimes= -p 1); [ "$$up" -ge ${seconds} ] || sleep "$$((${seconds} - up))"'
`,
  )
}

export const pacemakerRuns = (config: Config): readonly Guard[] => [
  bootDelay(config),
  service('pacemaker', config.fencing === 'none' ? {} : { dropIns: [BOOT_UNIT] }),
]

/** Shell text that sets `where`: the nodes on which a resource or a clone runs, each followed by a space. */
const locate = (resource: string): string => sh`
  ${needs('crm_mon')}
  ${MON}
  where=$(mon | awk -F '"' -v id=${resource} '
    !tag && $2 == id && /<(resource|clone) id=/ && !/\\/>/ { tag = /<clone/ ? "clone" : "resource" }
    tag && /<node name=/ { print $2 }
    tag && index($0, "</" tag ">") { tag = "" }' | sort | tr '\\n' ' ')`

/** A clone runs on each node that is not in standby: where an operator has put one aside, it stays aside. */
export const runsEverywhere = (clone: string): string => sh`
  ${{ shell: locate(clone) }}
  ready=$(mon | sed -n 's/^ *<node name="\\([^"]*\\)" .*standby="false".*/\\1/p' | sort | tr '\\n' ' ')
  [ -n "$ready" ] && [ "$where" = "$ready" ] || { echo ${`${clone} runs on:`} "${raw('${where:-no node }')}of:" "$ready"; ${complaints(clone)}; exit 1; }`

/** Nodes in standby run nothing. */
export const noStandby: Guard = require('no node is in standby', sh`
    ${needs('crm_mon')}
    ${MON}
    aside=$(mon | sed -n 's/^ *<node name="\\([^"]*\\)" .*standby="true".*/\\1/p' | tr '\\n' ' ')
    [ -z "$aside" ] || { echo "in standby: $aside"; exit 1; }`, 'crm node online NODE, or crm_standby --node NODE --delete')

/** Each node's card in a VIP's network; none at all where one is not known. */
export const cardsOf =
  (config: Config, facts: Facts) =>
  (vip: Cidr): Cards => {
    const cards = config.nodes.flatMap((node) => {
      const own = linkAddress(config, facts, node, vip)
      const card = addresses(facts, node).find(({ address }) => address === own)?.device
      return card === undefined ? [] : [[memberName(facts, node), card] as const]
    })
    return new Map(cards.length === config.nodes.length ? cards : [])
  }

/**
 * The VIP is where pacemaker says, and nowhere else: asked on every node, so that two holders cannot be. A second one is with the
 * first.
 */
export const vipHeld = (config: Config): Guard =>
  comes(
    config.vip2 === undefined ? 'the VIP is held by exactly one node' : 'both VIPs are held by exactly one node',
    60,
    vipResources(config)
      .map(
        ([id, { address }]) => sh`
      ${{ shell: locate(id) }}
      case $where in *' '*' ' | '') echo ${id === 'vip' ? 'the VIP' : `the VIP ${address}`}" runs on: ${raw('${where:-no node}')}"; ${complaints(id)}; exit 1 ;; esac
      ${raw(id === 'vip' ? ':' : `[ "$where" = "$first" ] || { echo "the VIPs run on: $first$where"; exit 1; }`)}
      if ip -o addr show | grep -qF ${` ${address}/`}; then mine=yes; else mine=no; fi
      here=no; [ "$where" != "$(uname -n) " ] || here=yes
      [ "$mine" = "$here" ] || { echo "pacemaker has it on $where; configured here: $mine"; exit 1; }`,
      )
      .join('\nfirst=$where\n'),
    'mend what pacemaker gives as the reason, then go on; crm_mon -1rf on a node shows it too',
  )

/** That it is there is enough, by ICMP or as a neighbour: what answers behind the VIP is for 06-haproxy. */
export const vipAnswers = (config: Config): Guard =>
  comes(
    config.vip2 === undefined ? 'the VIP answers to this node' : 'both VIPs answer to this node',
    20,
    sh`
      command -v ping >/dev/null || exit 0
      # A firewall may turn ICMP away; that the kernel has just heard of the neighbour says as much (ip-neighbour(8)).
      hears() { ping -c 1 -W 1 "$1" >/dev/null || ip neigh show to "$1" | grep -q REACHABLE; }
      for vip in ${vipsOf(config).map(({ address }) => address)}; do
        # What it knows may be old, and is only looked into after a while.
        hears "$vip" || { ip neigh flush to "$vip"; hears "$vip"; } || { echo "no answer from $vip"; exit 1; }
      done`,
    'check the switch, and that nothing filters ARP or neighbour discovery between the nodes',
  )

/**
 * Once HAProxy is there, the VIP stands beside it and cannot be without it: where HAProxy is broken on every node, that is for
 * its phase to mend, which comes after this guard's.
 */
export const unlessBesideHaproxy = (guard: Guard): Guard => ({
  ...guard,
  check: sh`
    ${raw(locate('vip'))}
    if [ -z "$where" ] && crm_resource --resource haproxy-clone --query-xml >/dev/null 2>&1; then exit 0; fi
    ${raw(guard.check)}`,
})

/** A cluster in maintenance mode heals nothing (Pacemaker Explained, maintenance-mode). */
export const notInMaintenance: Guard = require('the cluster is not in maintenance mode', sh`
    ${needs('crm_attribute')}
    mode=$(crm_attribute --type crm_config --name maintenance-mode --query --quiet --default false 2>&1)
    [ "$mode" = false ] || { echo "maintenance-mode is $mode"; exit 1; }`, 'crm_attribute --name maintenance-mode --delete, when the work that it was set for is done')
