/** What can be wrong with what clients reach: HAProxy, the APIs behind it, and its certificate. */
import { relative } from 'node:path'
import type { Node } from '../config.mts'
import { schemeOn } from '../http.mts'
import { memberName } from '../ring.mts'
import { authority } from '../services.mts'
import { SOON } from '../tls.mts'
import { namesOf } from './finding.mts'
import { witness } from './resources.mts'
import { alike, type Draft, differ, each, linesOf, perText, type Seen } from './seen.mts'
import { down } from './units.mts'

export function haproxy(seen: Seen): readonly Draft[] {
  const at = (name: string) => (node: Node) => linesOf(seen, node, name).join('\n')
  const first = (text: string) => text.split('\n')[0] ?? ''
  // Before 06-haproxy has been there it has nothing to run with; a node in standby runs nothing.
  const ready = seen.built.filter((node) => seen.said(node, 'doctor.haproxy.ours') === 'yes')
  const aside = (witness(seen)?.said.nodes ?? []).filter(({ standby }) => standby === 'true').map(({ name }) => name)
  return [
    ...perText(ready, at('doctor.haproxy.cfg'), (text, nodes) => ({
      id: 'haproxy-cfg-broken',
      nodes,
      text: `HAProxy does not take its file on ${nodes.join(', ')}: ${faultIn(text)}`,
      seen: text.split('\n').slice(0, 8),
      remedy: 'make cluster writes /etc/haproxy/haproxy.cfg anew; make plan shows what was changed by hand',
    })),
    ...perText(ready, at('doctor.ports'), (text, nodes) => ({
      id: 'port-taken',
      nodes,
      text: `HAProxy cannot have its port on the VIP on ${nodes.join(', ')}: ${first(text)}`,
      ...(text.includes('\n') ? { seen: text.split('\n') } : {}),
      remedy:
        "an API has to listen on its node's own address alone (make cluster moves those that it knows); any other program has to be stopped, or to listen elsewhere",
    })),
    ...perText(ready, at('doctor.haproxy.boot'), (text, nodes) => ({
      id: 'haproxy-at-boot',
      nodes,
      text: `systemd starts HAProxy at boot on ${nodes.join(', ')} (${first(text)}): it then runs beside pacemaker, which alone is to start it`,
      remedy: 'systemctl disable haproxy there, or make cluster',
    })),
    ...perText(ready, at('doctor.haproxy.current'), (text, nodes) => ({
      id: 'haproxy-older',
      nodes,
      text: `HAProxy runs with older files than are there on ${nodes.join(', ')}: ${first(text)}`,
      remedy: 'systemctl reload haproxy there, or make cluster, which does it node after node',
    })),
    ...down(
      seen,
      'haproxy',
      ready.filter((node) => !aside.includes(memberName(seen.facts, node))),
    ),
  ]
}

const faultIn = (text: string) =>
  (text.split('\n').find((line) => /ALERT|WARNING/.test(line)) ?? text.split('\n')[0] ?? '').replace(
    /^\[(?:ALERT|WARNING)\]\s*\(\d+\)\s*:\s*/,
    '',
  )

/** What each API says on its node, and through the VIP. */
export function apis(seen: Seen): readonly Draft[] {
  const { config, up } = seen
  const [asker] = up.filter((node) => seen.built.includes(node))
  if (asker === undefined) return []
  const codes = linesOf(seen, asker, 'api').map((line) => line.split(' '))
  return config.services.flatMap((service) =>
    codes
      .filter(([host = '', name, code]) => {
        const here = name === service.name && config.nodes.some((node) => node.name === host)
        return here && !seen.lost.some((one) => one.node === host) && !service.check.expect.includes(Number(code))
      })
      .map(([host = '', , code = '']): Draft => {
        const node = config.nodes.find((one) => one.name === host) as Node
        const url = `${schemeOn(config, node.address, service)}://${authority(node.address, service.port)}${service.check.path}`
        return {
          id: 'api-silent',
          nodes: [host],
          text: `${service.name} on ${host} ${code === '000' ? 'does not answer' : `answers ${code}`} to ${url}`,
          remedy: `systemctl status ${service.units.join(' ')} there, and the log of ${service.name}, tell why`,
        }
      }),
  )
}

/** `show stat` of HAProxy (management.txt, 9.1), by the names in its first line. */
export function servers(csv: string): readonly Readonly<Record<string, string>>[] {
  const [head = '', ...rows] = csv.split('\n').filter((line) => line !== '')
  const names = head.replace(/^# /, '').split(',')
  return rows.map((row) => Object.fromEntries(row.split(',').map((value, index) => [names[index] ?? '', value])))
}

export function backEnds(seen: Seen): readonly Draft[] {
  const states = seen.built.flatMap((node) =>
    servers(seen.said(node, 'doctor.back-ends')).map((one) => ({ ...one, seenBy: node }) as Server),
  )
  const nameOf = ({ pxname = '', svname = '' }: Server) => `${pxname} ${svname}`
  const of = (is: (status: string) => boolean) =>
    [
      ...Map.groupBy(
        states.filter(({ status = '' }) => is(status)),
        nameOf,
      ),
    ].map(([name, all]) => {
      const [service = '', server = ''] = name.split(' ')
      return { service, server, all, by: namesOf(all.map(({ seenBy }) => seenBy)) }
    })
  return [
    ...of((status) => status.startsWith('MAINT') || status.startsWith('DRAIN')).map(({ service, server, by, all }) => ({
      id: 'back-end-drained' as const,
      nodes: [server],
      text: `HAProxy on ${by.join(', ')} sends ${server} no new requests for ${service}: it is in the state ${all[0]?.status}`,
      remedy: `make cluster puts back what a run of ours has left so; else, on ${by.join(', ')}: echo "set server ${service}/${server} state ready" | socat - UNIX-CONNECT:/run/haproxy/admin.sock`,
    })),
    ...of((status) => status.startsWith('DOWN')).map(({ service, server, by, all }) => ({
      id: 'back-end-down' as const,
      nodes: [server],
      text: `HAProxy on ${by.join(', ')} has the back end ${server} of ${service} as down: ${checkOf(all[0])}`,
      remedy: `mend ${service} on ${server}: its log, and systemctl status there; HAProxy takes it back by itself`,
    })),
  ]
}

type Server = Readonly<
  Partial<Record<'pxname' | 'svname' | 'status' | 'check_status' | 'check_code' | 'check_desc', string>>
> & {
  readonly seenBy: Node
}

const checkOf = (one: Server | undefined) =>
  // A star is a check that is under way (management.txt, 9.1).
  [one?.check_status?.replace(/^\* /, ''), one?.check_code, one?.check_desc]
    .filter((word) => word !== undefined && word !== '')
    .join(' ')

/** The day, and how many are left. */
export function certificates(seen: Seen, now = Date.now()): readonly Draft[] {
  const { config } = seen
  const nodes = seen.built.filter((node) => seen.said(node, 'doctor.certificate') !== '')
  if (config.tls === undefined || nodes.length === 0) return []
  const print = (node: Node) => linesOf(seen, node, 'doctor.certificate')[1] ?? 'cannot be read'
  const until = (node: Node) => Date.parse(linesOf(seen, node, 'doctor.certificate')[0] ?? '')
  const ending = nodes.filter((node) => until(node) - now < SOON * 86_400_000)
  const renew =
    config.tls.bundle === undefined
      ? 'make cluster makes another one'
      : `put the renewed bundle in place of TLS_CERT in ${relative('.', config.file)}, then make cluster`
  return [
    ...(differ(nodes, print)
      ? [
          {
            id: 'certificate-differs' as const,
            nodes: namesOf(nodes),
            text: `the nodes show different certificates: ${each(nodes, (node) => `${print(node).slice(0, 23)}…`)}`,
            remedy: 'make cluster gives all of them the same one',
          },
        ]
      : []),
    ...alike(ending, (node) => new Date(until(node)).toISOString().slice(0, 10)).map(([day, own]) => ({
      id: 'certificate-ends' as const,
      nodes: namesOf(own),
      text:
        Date.parse(day) < now - 86_400_000
          ? `the certificate on ${namesOf(own).join(', ')} has ended on ${day}: clients refuse it`
          : `the certificate on ${namesOf(own).join(', ')} is good until ${day} only`,
      remedy: renew,
    })),
  ]
}
