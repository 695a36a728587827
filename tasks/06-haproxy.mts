/** 06-haproxy: HAProxy runs on every node under pacemaker and answers on the VIP for the APIs behind it. */
import {
  CFG,
  haproxyCurrent,
  haproxyReads,
  haproxyRuns,
  haproxySuits,
  listenersFact,
  portFree,
  tlsPortFree,
  UNIT,
} from '../lib/backend.mts'
import { type Config, type Node, vipsOf } from '../lib/config.mts'
import { noneLeftDrained, rolling } from '../lib/drain.mts'
import type { Facts } from '../lib/facts.mts'
import { type Family, familyOf } from '../lib/family.mts'
import { keyFacts, keysOf, synced } from '../lib/fernet.mts'
import { type Draft, everyNode, firstNode, type Guard, type Step } from '../lib/guard.mts'
import { cib } from '../lib/guards/cib.mts'
import { file } from '../lib/guards/file.mts'
import { brought } from '../lib/guards/require.mts'
import { notAtBoot } from '../lib/guards/service.mts'
import { onOwnAddress, packaging, servedWith, weakestFirst } from '../lib/listener.mts'
import { isScript, main } from '../lib/main.mts'
import { triedAnew, vipHeld } from '../lib/pacemaker.mts'
import { haproxyBeforeVip, haproxyClone, vipWithHaproxy } from '../lib/render/cib.mts'
import { haproxyCfg } from '../lib/render/haproxy-cfg.mts'
import type { Service } from '../lib/services.mts'
import { raw, sh } from '../lib/shell.mts'
import {
  endsSoon,
  movedPorts,
  noneElseTrusted,
  notOver,
  ownCertificate,
  ownFacts,
  trustAndCertificate,
} from '../lib/tls.mts'

/** HAProxy binds the VIP also where it is not (ip-sysctl: ip_nonlocal_bind). */
const nonlocalBind = (config: Config): Guard[] => {
  const keys = vipsOf(config).map(({ family }) => `net.ipv${family}.ip_nonlocal_bind`)
  const path = '/etc/sysctl.d/60-quorate.conf'
  const lines = keys.sort().map((key) => `${key} = 1\n`)
  return [
    file(path, `# Written by quorate: HAProxy binds the VIP on every node.\n${lines.join('')}`),
    ...keys.map((key) => ({
      title: `${key} is on`,
      check: sh`[ "$(sysctl -n ${key})" = 1 ] || { echo ${`${key} is off`}; exit 1; }`,
      apply: sh`sysctl --quiet --load=${path}`,
    })),
  ]
}

/** An API makes room on the VIP before HAProxy takes it, and on all nodes before any HAProxy counts on them. */
const backEnd = (service: Service): Step => ({
  title: service.name,
  on: weakestFirst(service),
  oneByOne: () => true,
  around: (config, facts, node) => rolling(servedWith(config, facts, node, service), node),
  guards: (config, facts, node) => [
    ...onOwnAddress(config, facts, node, service),
    portFree(config, node, service),
    ...tlsPortFree(config, node, service),
  ],
  after: '02-packages',
  keepsFacts: true,
})

/** Ours of HAProxy's unit. */
const unitOf = ({ haproxy }: Family) =>
  [
    '# Written by quorate: a HAProxy that dies is back at once, and not when pacemaker looks at it again.',
    '[Service]',
    'Restart=on-failure',
    'RestartSec=100ms',
    ...haproxy,
    '',
  ].join('\n')

const configured = (config: Config, facts: Facts, node: Node): Guard[] => [
  file(UNIT, unitOf(familyOf(facts, node))),
  ...(config.tls ? [movedPorts(CFG)] : []),
  file(CFG, haproxyCfg(config, config.services, node, familyOf(facts, node).trust.store), {
    test: haproxyReads(raw('"$new"')),
    // HAProxy reads it as root; from the hash of a login a weak password can be guessed.
    mode: config.stats ? '0600' : '0644',
  }),
  notAtBoot('haproxy'),
  {
    title: 'systemd has not given haproxy up',
    // One that failed too often is refused for a while (systemd.unit(5), StartLimitBurst), and pacemaker would count that as failures.
    check: sh`! systemctl is-failed --quiet haproxy || { echo "it has, and starts it no more"; exit 1; }`,
    apply: 'systemctl reset-failed haproxy',
  },
  haproxyCurrent(config),
]

const certificates: Step = {
  title: 'certificates',
  on: everyNode,
  guards: trustAndCertificate,
  after: '02-packages',
  keepsFacts: true,
}

const resources = (config: Config): Guard[] => [
  cib('HAProxy is a clone beside the VIP', [haproxyClone(), vipWithHaproxy(), ...haproxyBeforeVip(config)]),
]

export const phase: Draft = {
  id: '06-haproxy',
  title: 'HAProxy on the VIP',
  makes:
    "HAProxy as a pacemaker clone beside the VIP, its configuration tested before it is installed and reloaded node by node; each API moved off 0.0.0.0 onto its node's own address",
  files: [
    '/etc/haproxy/haproxy.cfg',
    '/etc/haproxy/quorate.pem',
    '/etc/haproxy/quorate-https.lst',
    '/etc/sysctl.d/60-quorate.conf',
    '/etc/systemd/system/haproxy.service.d/60-quorate.conf',
    "what each API's packaging listens by: a drop-in of its unit, its Listen line, or its own file",
    'fernet keys that FERNET_SYNC copies',
    '/var/lib/quorate/tls/*',
    '/usr/local/share/ca-certificates/quorate-*.crt',
    '/etc/pki/ca-trust/source/anchors/quorate-*.crt',
    '/etc/pki/trust/anchors/quorate-*.crt',
    "the CIB, pacemaker's own",
  ],
  needs: notOver,
  warns: endsSoon,
  facts: (config) => ({
    ...keyFacts,
    ...Object.assign({}, ...config.nodes.filter(({ name }) => name === config.fernetSync).map(keysOf)),
    ...ownFacts(config),
    listeners: listenersFact,
    ...Object.fromEntries(config.services.map((one) => [`packaging.${one.name}`, packaging(one, config)])),
  }),
  together: true,
  steps: ({ services, tls, cas }) => [
    {
      title: 'software',
      on: everyNode,
      guards: (config) => [
        brought('haproxy', '02-packages'),
        haproxySuits(),
        brought('socat', '02-packages'),
        ...nonlocalBind(config),
      ],
      after: '02-packages',
      keepsFacts: true,
    },
    // Before a token of one node comes to another.
    { title: 'keys', on: everyNode, guards: synced, after: '02-packages', keepsFacts: true },
    // Before an API is asked that speaks TLS itself.
    ...(tls || cas.length > 0 ? [ownCertificate, certificates] : []),
    ...services.map(backEnd),
    {
      title: 'configure',
      on: everyNode,
      oneByOne: () => true,
      guards: configured,
      after: '02-packages',
      keepsFacts: true,
    },
    { title: 'resource', on: firstNode, guards: resources, keepsFacts: true },
    { title: 'anew', on: firstNode, guards: () => [triedAnew('haproxy')] },
    { title: 'running', on: everyNode, guards: (config) => [...haproxyRuns(config), noneLeftDrained] },
    { title: 'VIP', on: everyNode, guards: (config) => [vipHeld(config)] },
    { title: 'trust', on: everyNode, guards: noneElseTrusted, keepsFacts: true },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/06-haproxy.mts', title: phase.title, phases: [phase] })
