/** The proof of a built cluster: links, quorum, resources, the API through the VIP from every node, endpoints, a token. */
import { answers } from '../lib/backend.mts'
import type { Config, Node } from '../lib/config.mts'
import { linksConnected, memberCount } from '../lib/corosync.mts'
import type { Facts } from '../lib/facts.mts'
import { everyNode, firstNode, type Guard, type Phase } from '../lib/guard.mts'
import { comes, require } from '../lib/guards/require.mts'
import { catalogueFact, endpointsOnVip, readable, tokenByVip } from '../lib/keystone.mts'
import { isScript, main } from '../lib/main.mts'
import {
  FAILURES,
  fencingDecided,
  membersOnline,
  noStandby,
  notInMaintenance,
  runsEverywhere,
  vipAnswers,
  vipHeld,
} from '../lib/pacemaker.mts'
import { servicesOf } from '../lib/services.mts'
import { sh } from '../lib/shell.mts'

/** Seconds: what is about to come true by itself, right after a failover, is given this long. */
const SOON = 10

const members = (config: Config, facts: Facts): Guard[] => [
  comes(
    'every link to every node is connected',
    SOON,
    linksConnected(config),
    'corosync-cfgtool -s tells which link is down',
  ),
  comes(
    'the ring is quorate, with every node in it',
    SOON,
    memberCount(config),
    'corosync-quorumtool tells who is missing',
  ),
  comes(
    'every node is online in pacemaker',
    SOON,
    membersOnline(config, facts),
    'crm_mon -1 on a node tells its state',
  ),
]

const resources = (config: Config): Guard[] => [
  notInMaintenance,
  noStandby,
  fencingDecided(config),
  { ...vipHeld(config), wait: SOON },
  comes('HAProxy runs on every node', SOON, runsEverywhere('haproxy-clone'), 'crm_mon -1rf tells why not'),
  require('no resource has failed', sh`
    said=$(${{ shell: FAILURES }})
    [ -z "$said" ] || { printf '%s\n' "$said"; exit 1; }`, 'crm resource cleanup, once the cause is mended'),
]

const api = (config: Config, _facts: Facts, node: Node): Guard[] => [
  { ...vipAnswers(config), wait: SOON },
  ...servicesOf(config).flatMap((service) => [
    answers(`${service.name} answers through the VIP`, service, config.vip.address),
    answers(`${service.name} answers on this node`, service, node.address),
  ]),
]

export const phase: Phase = {
  id: 'verify',
  title: 'Proof of the cluster',
  facts: catalogueFact,
  steps: [
    { title: 'members', on: everyNode, guards: members, tellAll: true },
    { title: 'resources', on: everyNode, guards: resources, tellAll: true },
    { title: 'API', on: everyNode, guards: api, tellAll: true },
    {
      title: 'keystone',
      on: firstNode,
      tellAll: true,
      guards: (config, facts) =>
        config.openrc === undefined
          ? []
          : [...readable(config, facts), ...endpointsOnVip(config, facts), ...tokenByVip(config)],
    },
  ],
}

if (isScript(import.meta))
  await main({
    script: 'tasks/verify.mts',
    title: 'Proves the built cluster, and changes nothing.',
    phases: [phase],
    listsAll: true,
  })
