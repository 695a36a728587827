/** The part of the page on the cluster as it is: how it stands in a few words, the picture, and the same as tables. */

import { cutOff, type LinkStatus, type NodeStatus, type Status } from '../status.mts'
import { type Html, html } from './html.mts'
import { badge, type Level, said, section, sentence, table } from './parts.mts'
import { picture } from './picture.mts'
import { stateText } from './picture-node.mts'
import { list } from './svg.mts'
import { say } from './words.mts'

const yes = (well: boolean): Level => (well ? 'well' : 'ill')
const names = (all: readonly string[]) => all.join(', ')

/** How the cluster stands, one word for each thing that matters. */
function facts(status: Status): Html {
  const { fencing, endpoints, links, arbiter, nodes } = status
  const moved = endpoints.problems.length + endpoints.elsewhere.length
  const down = links.filter((link) => link.down.length > 0)
  const rows: readonly (readonly [Html, Html])[] = [
    [
      say('quorum'),
      badge(
        yes(status.quorate),
        html`${say(status.quorate ? 'quorate' : 'notQuorate')} (${say('votes', status.votes, status.expectedVotes)})`,
      ),
    ],
    ...status.vips.map(({ address, holders }): readonly [Html, Html] => [
      html`${say('vip')} <code>${address}</code>`,
      badge(yes(holders.length === 1), say('heldBy', holders.length === 0 ? say('nobody') : said(holders.join(' + ')))),
    ]),
    [
      say('links'),
      links.length === 0
        ? badge('ill', say('noRing'))
        : down.length === 0
          ? badge('well', say('linksUp'))
          : badge('ill', list(down.map((link) => html`${link.network} ${stateOf(link, nodes)}`))),
    ],
    [
      say('fencing'),
      fencing.on
        ? badge('well', html`${say('fencingOn')} <code>${fencing.agent}</code>`)
        : badge('half', fencing.agent === 'none' ? say('noFencing') : say('fencingOff')),
    ],
    ...(arbiter
      ? [
          [
            say('arbiter'),
            badge(
              yes(arbiter.votes > 0),
              html`${said(arbiter.host)} ${say('arbiterVotes', arbiter.votes)}${arbiter.lost ? html` – ${sentence(arbiter.lost)}` : html``}`,
            ),
          ] as const,
        ]
      : []),
    [
      say('endpoints'),
      !endpoints.asked
        ? badge('plain', say('endpointsNotAsked'))
        : endpoints.unknown !== undefined
          ? badge('ill', html`${say('endpointsUnknown')}: ${sentence(endpoints.unknown)}`)
          : moved === 0
            ? badge('well', say('endpointsOnVip'))
            : badge('ill', say('endpointsElsewhere', moved)),
    ],
    ...(status.maintenance ? [[say('maintenance'), badge('ill', say('maintenanceOn'))] as const] : []),
    ...(status.atWork === undefined ? [] : [[say('atWork'), badge('plain', said(status.atWork))] as const]),
  ]
  return html`<dl class="facts">${rows.map(([name, text]) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>`
}

/** A link that is down: to whom, and who says so. */
function stateOf(link: LinkStatus, nodes: readonly NodeStatus[]): Html {
  const to = cutOff(link, nodes)
  const by = said(names(link.down))
  return to.length === 0 ? say('linkDown', by) : say('linkDownTo', by, said(names(to)))
}

function linksOf({ ring, misses }: NodeStatus, nodes: readonly NodeStatus[]): Html {
  if (!ring) return badge('ill', say('noRing'))
  if (misses.length === 0) return badge('well', say('ok'))
  const told = [...Map.groupBy(misses, ({ nodes: to }) => names(cutOff({ to }, nodes)))].map(
    ([to, all]) =>
      html`${to === '' ? say('down') : say('downTo', said(to))}: <code>${names(all.map(({ network }) => network))}</code>`,
  )
  return badge(misses.some(({ nodes: to }) => cutOff({ to }, nodes).length === 0) ? 'ill' : 'half', list(told))
}

const levelOf = ({ state }: NodeStatus): Level =>
  state === 'online' ? 'well' : state === 'standby' || state === 'pending' ? 'half' : 'ill'

function nodes({ nodes: all }: Status): Html {
  const rows = all.map((node) => {
    const state = badge(levelOf(node), stateText(node.state))
    if (node.state === 'not reached')
      return [
        html`${node.name}`,
        html`${state} <small>${sentence(node.lost ?? '')}</small>`,
        html``,
        html``,
        html``,
        html``,
      ]
    return [
      html`${node.name}`,
      state,
      html`${node.addresses.map((one) => html`<code class="line">${one}</code>`)}`,
      linksOf(node, all),
      badge(yes(node.haproxy === 'active'), said(node.haproxy)),
      html`${[...node.vips.map((vip) => `VIP ${vip}`), ...(node.dc ? ['DC'] : [])].join(', ')}`,
    ]
  })
  const heads = [say('node'), say('state'), say('addresses'), say('links'), html`HAProxy`, say('role')]
  return table('t-nodes', say('nodesTable'), heads, rows)
}

function apis({ services }: Status): Html {
  if (services.length === 0) return html``
  const hosts = [...new Set(services.flatMap(({ answers }) => answers.map(({ host }) => host)))]
  const rows = hosts.map((host) => [
    html`${host}`,
    ...services.map(({ answers }) => {
      const one = answers.find((answer) => answer.host === host)
      if (one === undefined) return say('nothingAsked')
      return badge(yes(one.ok), one.code === 0 ? say('noAnswer') : html`HTTP ${one.code}`)
    }),
  ])
  const heads = [say('node'), ...services.map(({ name, port }) => html`${name} <small>:${port}</small>`)]
  return table('t-apis', say('apiTable'), heads, rows)
}

function links({ links, nodes }: Status): Html {
  const rows = links.map((link, index) => [
    say('link', index),
    html`<code>${link.network}</code>`,
    link.down.length === 0 ? badge('well', say('ok')) : badge('ill', stateOf(link, nodes)),
  ])
  return rows.length === 0
    ? html``
    : table('t-links', say('linksTable'), [say('links'), say('network'), say('state')], rows)
}

function devices({ fencing }: Status): Html {
  if (fencing.devices.length === 0) return html``
  const rows = fencing.devices.map(({ node, level, agent, from, works }) => [
    html`${node}${level > 1 ? ` (${level})` : ''}`,
    html`<code>${agent}</code>`,
    works ? badge('well', say('watched', said(names(from)))) : badge('ill', say('notWatched')),
  ])
  return table('t-fencing', say('fencingTable'), [say('node'), say('device'), say('state')], rows)
}

function elsewhere({ endpoints }: Status): Html {
  const rows = [
    ...endpoints.elsewhere.map((one) => [html`${one.service} ${one.interface}`, html`<code>${one.url}</code>`]),
    ...endpoints.problems.map((text) => [html`–`, said(text)]),
  ]
  return rows.length === 0
    ? html``
    : table('t-endpoints', say('endpointsTable'), [say('service'), say('endpoints')], rows)
}

export const clusterPart = (status: Status): Html =>
  section(
    'cluster',
    'cluster',
    html`${facts(status)}${picture('p-cluster', status)}${nodes(status)}${apis(status)}${links(status)}${devices(status)}${elsewhere(status)}`,
  )

export function versionsPart({ nodes }: Status): Html {
  const rows = nodes.map(({ name, system, versions, aheadMs }) => [
    html`${name}`,
    system === '' ? say('unknown') : said(system),
    ...[versions.corosync, versions.pacemaker, versions.haproxy].map((one) => (one ? html`${one}` : say('unknown'))),
    aheadMs === undefined ? say('unknown') : html`${aheadMs > 0 ? '+' : ''}${aheadMs} ms`,
  ])
  const heads = [say('node'), say('system'), html`corosync`, html`pacemaker`, html`HAProxy`, say('clock')]
  return section('versions', 'versions', table('t-versions', say('versionsTable'), heads, rows))
}
