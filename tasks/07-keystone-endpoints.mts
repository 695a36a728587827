/** 07-keystone-endpoints: the catalogue names the VIP, and keystone gives a token through it. */
import { haproxyCurrent, listenersFact } from '../lib/backend.mts'
import { callSteps, callsFact, otherCalls } from '../lib/calls.mts'
import type { Config } from '../lib/config.mts'
import { type Draft, everyNode, firstNode } from '../lib/guard.mts'
import { endpointFacts, leftOver, moved, readable, tokenByVip, undo } from '../lib/keystone.mts'
import { isScript, main } from '../lib/main.mts'
import { cellFacts, oldCells } from '../lib/nova.mts'
import { allMoved } from '../lib/tls.mts'

const needs = (config: Config) =>
  config.openrc === undefined
    ? [
        {
          key: 'OS_PASSWORD',
          text: 'OS_PASSWORD is missing: phase 07-keystone-endpoints logs in to keystone',
          remedy: "write the OS_* lines of the admin's openrc, or end with --to 06",
        },
      ]
    : []

export const phase: Draft = {
  id: '07-keystone-endpoints',
  title: 'Keystone endpoints',
  makes:
    "the catalogue's endpoints on the VIP, the old ones kept in an undo file on each node; the addresses by which services call each other, too; a token through the VIP as proof",
  files: [
    '/var/lib/quorate/undo/endpoints-*.json',
    "the files of the services that name keystone's or one another's address",
  ],
  needs,
  facts: () => ({ calls: callsFact, listeners: listenersFact }),
  slowFacts: (config, facts) => {
    const ofKeystone = endpointFacts(config, facts)
    // A second run has no seconds to wait for nova: what its database has was told when the endpoints were moved, and verify tells it.
    return 'endpoints' in ofKeystone ? { ...ofKeystone, ...cellFacts(config) } : ofKeystone
  },
  notes: (config, facts) => [...leftOver(config, facts), ...otherCalls(config, facts), ...oldCells(config, facts)],
  together: true,
  steps: (config) => [
    { title: 'inventory', on: firstNode, guards: readable },
    { title: 'undo', on: everyNode, guards: undo, keepsFacts: true },
    { title: 'endpoints', on: firstNode, guards: moved },
    ...callSteps(config),
    { title: 'token', on: firstNode, guards: tokenByVip },
    ...(config.tls
      ? [
          {
            title: 'plain HTTP',
            on: everyNode,
            oneByOne: () => true,
            guards: () => [allMoved(config), haproxyCurrent(config)],
            keepsFacts: true,
          },
        ]
      : []),
  ],
}

if (isScript(import.meta))
  await main({ script: 'tasks/07-keystone-endpoints.mts', title: phase.title, phases: [phase] })
