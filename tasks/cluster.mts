/** The whole cluster: all phases, in their order. */
import { isScript, main } from '../lib/main.mts'
import { phase as prereqs } from './00-prereqs.mts'
import { phase as repos } from './01-repos.mts'
import { phase as packages } from './02-packages.mts'
import { phase as corosync } from './03-corosync.mts'
import { phase as pacemaker } from './04-pacemaker.mts'
import { phase as vip } from './05-vip.mts'
import { phase as haproxy } from './06-haproxy.mts'
import { phase as endpoints } from './07-keystone-endpoints.mts'

const phases = [prereqs, repos, packages, corosync, pacemaker, vip, haproxy, endpoints]

if (isScript(import.meta))
  await main({
    script: 'tasks/cluster.mts',
    title: 'From controllers to a highly available API.',
    phases,
    next: [
      ['make verify', 'proves it: links, quorum, resources, the API from every node'],
      ['make status', 'shows it on one screen'],
      ['make drill', 'breaks one thing after the other, and measures the outage'],
      ['make report', 'writes all of it on one page'],
    ],
  })
