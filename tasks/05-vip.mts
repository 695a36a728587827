/** 05-vip: pacemaker holds the virtual IP on exactly one node. */
import { noOtherVip } from '../lib/foreign.mts'
import { everyNode, firstNode, type Phase } from '../lib/guard.mts'
import { cib } from '../lib/guards/cib.mts'
import { isScript, main } from '../lib/main.mts'
import { cardsOf, triedAnew, unlessBesideHaproxy, vipAnswers, vipHeld } from '../lib/pacemaker.mts'
import { goneVip, vipFragments, vipResources } from '../lib/render/cib.mts'
import { vipsFree } from '../lib/requirements.mts'

export const phase: Phase = {
  id: '05-vip',
  title: 'Virtual IP',
  makes:
    'the virtual IP (or one of IPv4 and one of IPv6), free before, held by exactly one node after, and by none whose network card has no link',
  files: ["the CIB, pacemaker's own"],
  together: true,
  steps: [
    { title: 'free', on: everyNode, guards: vipsFree, after: '03-corosync' },
    {
      title: 'resource',
      on: firstNode,
      guards: (config, facts) => [
        noOtherVip(config),
        cib('the VIP is a resource', vipFragments(config, cardsOf(config, facts)), goneVip(config)),
      ],
      keepsFacts: true,
    },
    { title: 'anew', on: firstNode, guards: (config) => vipResources(config).map(([id]) => triedAnew(id)) },
    { title: 'held', on: everyNode, guards: (config) => [unlessBesideHaproxy(vipHeld(config))] },
    { title: 'reachable', on: everyNode, guards: (config) => [unlessBesideHaproxy(vipAnswers(config))] },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/05-vip.mts', title: phase.title, phases: [phase] })
