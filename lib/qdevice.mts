/** The arbiter: corosync-qnetd on its host, corosync-qdevice on the nodes, and the certificates by which they trust one another. */
import { createHash } from 'node:crypto'
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { closed, opened } from './guards/firewall.mts'
import { comes, needs } from './guards/require.mts'
import { service } from './guards/service.mts'
import { voteOfDevice } from './render/corosync-conf.mts'
import { raw, sh } from './shell.mts'

/** Of corosync-qnetd(8) and corosync-qdevice(8). */
const PORT = 5403
const AUTHORITY = '/etc/corosync/qnetd/nssdb'
const STORE = '/etc/corosync/qdevice/net/nssdb'
const REQUEST = `${STORE}/qdevice-net-node.crq`
const [CA, CERT] = ['QNet CA', 'Cluster Cert']

export const arbiter = (config: Config): readonly Node[] => (config.arbiter === undefined ? [] : [config.arbiter])

/** Shell text that prints a certificate of a store in one line, nothing if there is none (certutil(1)). */
const inOneLine = (store: string, name: string) =>
  raw(sh`certutil -L -d ${store} -n ${name} -a 2>/dev/null | tr -d '\\r' | sed '/^-/d' | tr -d '\\n'`)

/** What the hosts have of each other's: none of it is secret, the keys stay where they were made. */
export const arbiterFacts = (config: Config): Readonly<Record<string, string>> =>
  config.arbiter === undefined
    ? {}
    : {
        'qnetd.ca': sh`${inOneLine(AUTHORITY, CA)} || :`,
        'qnetd.signed': sh`cd ${AUTHORITY} 2>/dev/null && for file in ${raw(`cluster-${config.clusterName}-*.crt`)}; do [ ! -e "$file" ] || echo "$file $(base64 <"$file" | tr -d '\\n')"; done || :`,
        'qdevice.request': sh`[ ! -e ${REQUEST} ] || base64 <${REQUEST} | tr -d '\\n'`,
      }

/** The name under which a certificate is signed (`-n` of corosync-qnetd-certutil is a part of it): another one for each request. */
const signedAs = (config: Config, request: string): string =>
  `${config.clusterName}-${createHash('sha256').update(request).digest('hex').slice(0, 16)}`

const signedFor = (config: Config, facts: Facts, request: string): string | undefined =>
  arbiter(config)
    .flatMap((host) => facts.get(host, 'qnetd.signed').split('\n'))
    .map((line) => line.split(' '))
    .find(([file]) => file === `cluster-${signedAs(config, request)}.crt`)?.[1]

const authorityOf = (config: Config, facts: Facts): string =>
  arbiter(config)
    .map((host) => facts.get(host, 'qnetd.ca'))
    .join('')

/** The arbiter runs, lets the nodes in, and has what it signs with; its package makes that on Debian. */
export const arbiterRuns = (config: Config): Guard[] => [
  {
    title: 'the arbiter has a certificate authority',
    check: sh`
      ${needs('corosync-qnetd-certutil')}
      for name in ${CA} 'QNetd Cert'; do
        certutil -L -d ${AUTHORITY} -n "$name" >/dev/null 2>&1 || { echo "no $name in "${AUTHORITY}; exit 1; }
      done`,
    // A store that was cut off half way is not taken up again by the tool.
    apply: sh`
      [ ! -e ${AUTHORITY} ] || mv ${AUTHORITY} ${AUTHORITY}.quorate-"$(date +%Y%m%dT%H%M%S)"
      whole corosync-qnetd-certutil -i
      if id coroqnetd >/dev/null 2>&1; then chgrp -R coroqnetd ${AUTHORITY}; fi
      # One that runs has opened the old one.
      systemctl try-restart corosync-qnetd`,
  },
  ...(config.firewall === 'open'
    ? [opened(config, [{ protocol: 'tcp', ports: [PORT, PORT], from: config.nodes.map(({ address }) => address) }])]
    : [closed(config)]),
  service('corosync-qnetd'),
]

/** Shell text: a command that is true where this node can show a certificate that this authority has signed, for this cluster. */
const trusted = (config: Config, authority: string) =>
  raw(sh`{
    [ "$(${inOneLine(STORE, CA)})" = ${authority} ] &&
      certutil -V -d ${STORE} -u C -n ${CERT} >/dev/null 2>&1 &&
      certutil -L -d ${STORE} -n ${CERT} | grep -q ${`^ *Subject: "CN=${config.clusterName}"`}
  }`)

const noAuthority: Guard = {
  title: 'this node has a certificate of the arbiter',
  check: 'echo "the arbiter has no certificate authority yet"; exit 1',
}

/** Each node makes a key of its own and asks for a certificate: no key leaves the node where it was made. */
export const asksForCertificate = (config: Config, facts: Facts): Guard[] => {
  const authority = authorityOf(config, facts)
  if (authority === '') return [noAuthority]
  return [
    {
      title: 'this node has a certificate of the arbiter, or asks for one',
      check: sh`
        ${needs('corosync-qdevice-net-certutil')}
        ! ${trusted(config, authority)} || exit 0
        { [ -s ${REQUEST} ] && [ "$(${inOneLine(STORE, CA)})" = ${authority} ]; } || { echo "it has neither"; exit 1; }`,
      apply: sh`
        if [ "$(${inOneLine(STORE, CA)})" != ${authority} ]; then
          [ ! -e ${STORE} ] || mv ${STORE} ${STORE}.quorate-"$(date +%Y%m%dT%H%M%S)"
          { echo '-----BEGIN CERTIFICATE-----'; printf '%s\\n' ${authority} | fold -w 64; echo '-----END CERTIFICATE-----'; } >"$scratch/ca.crt"
          whole corosync-qdevice-net-certutil -i -c "$scratch/ca.crt"
        fi
        rm -f ${REQUEST}
        whole corosync-qdevice-net-certutil -r -n ${config.clusterName}
        sync -f ${STORE} 2>/dev/null || sync`,
    },
  ]
}

/** The arbiter signs what the nodes ask for. */
export const signs = (config: Config, facts: Facts): Guard[] =>
  config.nodes.flatMap((node): Guard[] => {
    const request = facts.get(node, 'qdevice.request')
    if (request === '') return []
    const name = signedAs(config, request)
    return [
      {
        title: `the certificate of ${node.name} is signed`,
        check: sh`[ -s ${`${AUTHORITY}/cluster-${name}.crt`} ] || { echo "not yet"; exit 1; }`,
        apply: sh`
          printf %s ${request} | base64 -d >"$scratch/node.crq"
          whole corosync-qnetd-certutil -s -c "$scratch/node.crq" -n ${name}`,
      },
    ]
  })

export const hasCertificate = (config: Config, facts: Facts, node: Node): Guard[] => {
  const authority = authorityOf(config, facts)
  if (authority === '') return [noAuthority]
  const signed = signedFor(config, facts, facts.get(node, 'qdevice.request'))
  const check = sh`
    ${needs('certutil')}
    ${trusted(config, authority)} || { echo "it has none that is valid"; exit 1; }`
  if (signed === undefined) return [{ title: noAuthority.title, check, remedy: 'begin with --from 03' }]
  return [
    {
      title: noAuthority.title,
      check,
      apply: sh`
        printf %s ${signed} | base64 -d >"$scratch/node.crt"
        whole certutil -A -d ${STORE} -t u,u,u -n ${CERT} -i "$scratch/node.crt"
        ${trusted(config, authority)} || exit 1
        rm -f ${REQUEST}`,
    },
  ]
}

/** `conf` is corosync.conf: the daemon reads there where its arbiter is, when it starts. */
export const deviceRuns = (conf: string): Guard[] => [
  service('corosync-qdevice', { loads: [conf, `${STORE}/cert9.db`] }),
]

/** The ring counts the arbiter's vote, as this node sees it (corosync-quorumtool(8), -s). */
export const arbiterVotes = (config: Config): Guard[] =>
  config.arbiter === undefined
    ? []
    : [
        comes(
          'the arbiter gives its vote',
          60,
          sh`
          ${needs('corosync-quorumtool')}
          said=$(corosync-quorumtool -s 2>&1) || :
          printf '%s\\n' "$said" | awk -v want=${config.nodes.length + voteOfDevice(config.nodes.length)} '
            /^Expected votes:/ { expected = $3 } /^Total votes:/ { total = $3 } /^Flags:/ { device = /Qdevice/ }
            END {
              if (device && expected == want && total == want) exit 0
              print "votes: " total + 0 " of " want (device ? "" : ", and none of an arbiter"); exit 1
            }' || { corosync-qdevice-tool -s 2>&1 | sed -n -e '/^State:/p' -e '/Failed to connect/p'; exit 1; }`,
          `corosync-qdevice-tool -sv on a node tells how it stands with the arbiter; TCP ${PORT} must be open there`,
        ),
      ]

/** What is left of an arbiter that there was: its votes may not be counted on any more. */
export const noDevice = (config: Config, facts: Facts, node: Node): Guard[] =>
  config.arbiter === undefined && /^\s*device\s*\{/m.test(facts.get(node, 'corosync.conf'))
    ? [
        {
          title: 'no arbiter is asked any more',
          check: sh`
            if systemctl is-active --quiet corosync-qdevice; then echo "corosync-qdevice runs"; exit 1; fi
            if systemctl is-enabled --quiet corosync-qdevice 2>/dev/null; then echo "it starts at boot"; exit 1; fi`,
          apply: 'systemctl --quiet disable --now corosync-qdevice',
        },
      ]
    : []
