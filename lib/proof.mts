/** The proof of a built cluster: links, quorum, resources, the API through the VIP from every node, endpoints, a token. */
import { answers, haproxyRuns } from './backend.mts'
import { type Config, type Node, titleOf, vipsOf } from './config.mts'
import { LINK_REMEDY, linksConnected, memberCount, QUORUM_REMEDY } from './corosync.mts'
import { doorFacts, doorNotes } from './doors.mts'
import { noneLeftDrained } from './drain.mts'
import type { Facts } from './facts.mts'
import { deviceAnswersNow, devicesRun, fencingDecided } from './fencing.mts'
import { keyFacts, keysAgree } from './fernet.mts'
import { everyNode, firstNode, type Guard, type Phase } from './guard.mts'
import { comes, require } from './guards/require.mts'
import { catalogueFact, endpointsOnVip, leftOver, readable, tokenByVip } from './keystone.mts'
import { cellFacts, oldCells } from './nova.mts'
import { membersOnline, noFailures, noStandby, notInMaintenance, vipAnswers, vipHeld } from './pacemaker.mts'
import { arbiterVotes } from './qdevice.mts'
import { shownEndsSoon, shownFact } from './tls.mts'

/** Seconds: what is about to come true by itself, right after a failover, is given this long. */
const SOON = 10
/** An API that has just been started needs a little longer. */
const API = 20

const members = (config: Config, facts: Facts): Guard[] => [
  comes('every link to every node is connected', SOON, linksConnected(config), LINK_REMEDY),
  comes('the ring is quorate, with every node in it', SOON, memberCount(config), QUORUM_REMEDY),
  ...arbiterVotes(config).map((guard) => ({ ...guard, wait: SOON })),
  comes(
    'every node is online in pacemaker',
    SOON,
    membersOnline(config, facts),
    'systemctl status pacemaker on the node that is not online; journalctl -u pacemaker there tells why',
  ),
]

const resources = (config: Config, facts: Facts, node: Node): Guard[] => [
  notInMaintenance,
  noStandby,
  fencingDecided(config),
  ...devicesRun(config, facts).map((guard) => ({ ...guard, wait: SOON })),
  ...deviceAnswersNow(config, facts, node),
  { ...vipHeld(config), wait: SOON },
  ...haproxyRuns(config).map((guard) => ({ ...guard, wait: SOON })),
  require(noneLeftDrained.title, noneLeftDrained.check, 'make cluster puts it back when its check passes'),
  noFailures,
]

const api = (config: Config, _facts: Facts, node: Node): Guard[] => [
  { ...vipAnswers(config), wait: SOON },
  ...config.services.flatMap((service) => [
    ...vipsOf(config).map((vip) => ({
      ...answers(config, `${service.name} answers through ${titleOf(config, vip)}`, service, vip.address),
      wait: API,
    })),
    { ...answers(config, `${service.name} answers on this node`, service, node.address), wait: API },
  ]),
]

export const proof: Phase = {
  id: 'verify',
  title: 'Proof of the cluster',
  facts: (config) => ({
    ...catalogueFact(config),
    ...keyFacts,
    ...shownFact(config),
    ...cellFacts(config),
    ...doorFacts(config),
  }),
  notes: (config, facts) => [
    ...leftOver(config, facts),
    ...oldCells(config, facts),
    ...shownEndsSoon(config, facts),
    ...doorNotes(config, facts),
  ],
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
          : [...readable(config, facts), ...endpointsOnVip(config, facts), ...tokenByVip(config, facts)],
    },
    {
      title: 'keys',
      on: firstNode,
      tellAll: true,
      guards: (config, facts) => keysAgree(config, facts),
    },
  ],
}

/** What of it can be asked again and again: without the login to keystone, which takes a while. */
export const health: Phase = {
  ...proof,
  facts: () => keyFacts,
  notes: () => [],
  steps: proof.steps.filter(({ title }) => title !== 'keystone'),
}
