/** TLS on the VIP: the certificate that HAProxy shows, whom the nodes trust, and plain HTTP that leads to HTTPS. */
import { createHash } from 'node:crypto'
import { canonical } from './address.mts'
import { haproxyReads } from './backend.mts'
import { apiHost, type Config, type Node, vipsOf } from './config.mts'
import type { Problem } from './errors.mts'
import type { Facts } from './facts.mts'
import { type Family, familyOf } from './family.mts'
import { firstNode, type Guard, type Step } from './guard.mts'
import { file, KEPT } from './guards/file.mts'
import { needs } from './guards/require.mts'
import { http, portOn, speaksTls } from './http.mts'
import { BUNDLE, MOVED } from './render/haproxy-cfg.mts'
import { authority } from './services.mts'
import { raw, sh } from './shell.mts'

/** The authority that the nodes have made, with its key, and the certificate that it has issued. */
const OWN = `${KEPT}/tls`
const OWN_FILES = ['ca.key', 'ca.pem', 'vip.pem']
/** The files are gone, and the store is to be made anew: a run may be cut off in between. */
const FORGETTING = `${KEPT}/forgetting`
/** Days before its end in which a certificate is told, or made anew. */
export const SOON = 30
const DAY = 86400
/** Days for which ours are good: browsers take none that is good for longer than 398. */
const AUTHORITY = 7300
const LEAF = 397

/** openssl brings the handshake, ca-certificates the store. */
export const tlsPackages = (config: Config): readonly { readonly name: 'openssl' | 'ca-certificates' }[] =>
  speaksTls(config) || config.cas.length > 0 ? [{ name: 'openssl' }, { name: 'ca-certificates' }] : []

/** All by which clients may call a VIP. */
const namesOf = (config: Config): readonly string[] => [
  ...new Set([apiHost(config), ...vipsOf(config).map(({ address }) => address)]),
]

const makesOwn = ({ tls }: Config): boolean => tls !== undefined && tls.bundle === undefined

/** Shell text that is true where the node has a certificate of our own for the VIP that is good for a while yet. */
const good = (config: Config) =>
  raw(
    [
      ...namesOf(config).map((name) => {
        const who = canonical(name) === undefined ? '-verify_hostname' : '-verify_ip'
        return sh`openssl verify -CAfile ${OWN}/ca.pem ${raw(who)} ${name} ${OWN}/vip.pem >/dev/null 2>&1`
      }),
      sh`openssl x509 -noout -checkend ${SOON * DAY} -in ${OWN}/vip.pem >/dev/null`,
    ].join(' && '),
  )

/** The files of our own authority, a line each: name and content. The certificate is among them while it is good. */
export const ownFacts = (config: Config): Readonly<Record<string, string>> =>
  makesOwn(config)
    ? {
        'secret.tls': sh`
          [ -s ${OWN}/ca.key ] && [ -s ${OWN}/ca.pem ] && command -v openssl >/dev/null || exit 0
          files='ca.key ca.pem'
          if ${good(config)}; then files="$files vip.pem"; fi
          for name in $files; do echo "$name $(base64 <${OWN}/"$name" | tr -d '\\n')"; done`,
      }
    : {}

interface Own {
  readonly node: Node
  /** In base64. */
  readonly files: Readonly<Record<string, string>>
}

/** Of the first node that has it all; `names` alone, where not all is wanted. */
function own(config: Config, facts: Facts, names: readonly string[] = OWN_FILES): Own | undefined {
  for (const node of makesOwn(config) ? config.nodes : []) {
    const pairs = facts
      .get(node, 'secret.tls')
      .split('\n')
      .map((line) => line.split(' '))
    const files = Object.fromEntries(pairs.map(([name = '', content = '']) => [name, content]))
    if (names.every((name) => files[name])) return { node, files }
  }
  return undefined
}

/** An authority once, and a certificate of it whenever one is needed; nothing of it leaves the nodes but what clients are shown. */
const made = (config: Config): Guard => {
  const names = namesOf(config)
  const alternatives = names.map((name) => `${canonical(name) === undefined ? 'DNS' : 'IP'}:${name}`)
  const key = raw('-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes')
  return {
    title: 'the nodes have a certificate for the VIP',
    check: sh`
      ${needs('openssl')}
      ${good(config)} || { echo ${`there is none for ${names.join(' and ')} that is good for ${SOON} days`}; exit 1; }`,
    apply: sh`
      umask 077
      mkdir -p ${OWN}
      cd ${OWN}
      if [ ! -s ca.key ] || [ ! -s ca.pem ]; then
        openssl req -x509 -new ${key} -days ${AUTHORITY} -subj ${`/O=quorate/CN=CA of ${config.clusterName}`} \
          -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key.new -out ca.pem.new 2>"$scratch/said" ||
          { cat "$scratch/said"; exit 1; }
        mv -f ca.key.new ca.key
        mv -f ca.pem.new ca.pem
      fi
      printf '%s\\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth \
        ${`subjectAltName=${alternatives.join()}`} >"$scratch/extensions"
      {
        openssl req -new ${key} -subj ${`/O=quorate/CN=${config.clusterName}`} -keyout "$scratch/key.pem" -out "$scratch/request.pem" &&
          openssl x509 -req -in "$scratch/request.pem" -CA ca.pem -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" \
            -days ${LEAF} -extfile "$scratch/extensions" -out "$scratch/cert.pem"
      } 2>"$scratch/said" || { cat "$scratch/said"; exit 1; }
      cat "$scratch/cert.pem" "$scratch/key.pem" >vip.pem.new
      sync -f vip.pem.new 2>/dev/null || sync
      mv -f vip.pem.new vip.pem`,
  }
}

/** One node makes what is missing, with the authority that there is; the others get it with the step after it. */
export const ownCertificate: Step = {
  title: 'certificate',
  on: (config, facts) => {
    const has = own(config, facts) ?? own(config, facts, ['ca.key'])
    return has ? [has.node] : firstNode(config)
  },
  guards: (config) => (makesOwn(config) ? [made(config)] : []),
  after: '02-packages',
}

/** Shell text: HAProxy takes it, before it has it. */
const TAKEN = sh`
  printf 'listen test\\n  mode tcp\\n  timeout client 1s\\n  timeout connect 1s\\n  timeout server 1s\\n  bind 127.0.0.1:1 ssl crt %s\\n' "$new" >"$scratch/test.cfg"
  ${raw(haproxyReads(raw('"$scratch/test.cfg"')))}`

const text = (base64: string) => Buffer.from(base64, 'base64').toString('latin1')

/** Each node trusts whom it is to trust, and has what HAProxy shows. */
export function trustAndCertificate(config: Config, facts: Facts, node: Node): readonly Guard[] {
  const ours = own(config, facts)
  const bundle = config.tls?.bundle ?? ours?.files['vip.pem']
  if (makesOwn(config) && ours === undefined)
    return [
      {
        title: `${BUNDLE} is in place`,
        check: sh`
          echo "the nodes have made no certificate yet"
          exit 1`,
      },
    ]
  return [
    ...(ours
      ? OWN_FILES.map((name) =>
          file(`${OWN}/${name}`, ours.files[name] as string, { mode: '0600', secret: true, first: 'untouched' }),
        )
      : []),
    ...trusted(familyOf(facts, node), trustees(config, facts)),
    ...(bundle === undefined
      ? []
      : [
          {
            ...file(BUNDLE, bundle, { mode: '0600', secret: true, test: TAKEN }),
            remedy: 'HAProxy does not take it, for the reason above: have another one made; what was in use still is',
          },
        ]),
  ]
}

/** Whom the nodes are to trust: who is named, and who has issued a certificate that they have made. */
const trustees = (config: Config, facts: Facts): readonly string[] => {
  const ours = own(config, facts)?.files['ca.pem']
  return [...config.cas, ...(ours === undefined ? [] : [text(ours)])]
}

/** Each has a file of its own, so that one that comes takes no other one's place. */
const storedAt = ({ trust }: Family, pem: string): string =>
  `${trust.folder}/quorate-${createHash('sha256').update(pem).digest('hex').slice(0, 8)}.crt`

/** Shell text: the store is made of what is there now. */
const stored = ({ trust }: Family) =>
  raw(sh`whole ${trust.command} >"$scratch/said" 2>&1 || { cat "$scratch/said"; exit 1; }`)

/** All programs of the node trust these: what lies in a folder of its own goes into the store (update-ca-certificates(8), update-ca-trust(8)). */
function trusted(family: Family, cas: readonly string[]): readonly Guard[] {
  if (cas.length === 0) return []
  const { store } = family.trust
  // The last full line of a certificate is a part of its signature.
  const lines = cas.map((pem) => pem.trim().split('\n').at(-3)?.trim() ?? '')
  return [
    ...cas.map((pem) => file(storedAt(family, pem), pem)),
    {
      title: 'the node trusts who has issued the certificates',
      check: sh`
        for line in ${lines}; do grep -qxF -e "$line" ${store} 2>/dev/null || { echo ${`${store} does not have it`}; exit 1; }; done`,
      apply: stored(family).shell,
    },
  ]
}

/** Who is not to be trusted any more is forgotten last: until HAProxy shows another certificate on all nodes, his is in use. */
export function noneElseTrusted(config: Config, facts: Facts, node: Node): readonly Guard[] {
  if (makesOwn(config) && own(config, facts) === undefined) return []
  const family = familyOf(facts, node)
  const { folder } = family.trust
  const paths = trustees(config, facts)
    .map((pem) => storedAt(family, pem))
    .join(' ')
  return [
    {
      title: 'the node trusts nobody for our sake who is not needed',
      check: sh`
        [ ! -e ${FORGETTING} ] || { echo "he is about to be forgotten"; exit 1; }
        for file in ${raw(folder)}/quorate-*.crt; do
          [ -e "$file" ] || continue
          case " "${paths}" " in *" $file "*) ;; *) echo "it trusts $file"; exit 1 ;; esac
        done`,
      apply: sh`
        mkdir -p ${KEPT}
        : >${FORGETTING}
        for file in ${raw(folder)}/quorate-*.crt; do
          case " "${paths}" " in *" $file "*) ;; *) rm -f "$file" ;; esac
        done
        ${stored(family)}
        rm -f ${FORGETTING}`,
    },
  ]
}

/** Where HAProxy has no TLS yet no port leads to HTTPS, whatever was so in former times. */
export const movedPorts = (cfg: string): Guard => ({
  title: `${MOVED} is there`,
  check: sh`[ -e ${MOVED} ] && { [ ! -s ${MOVED} ] || grep -qF ${BUNDLE} ${cfg}; } || { echo "no port leads to HTTPS yet"; exit 1; }`,
  apply: file(MOVED, '').apply as string,
})

/** Plain HTTP leads to HTTPS on each port, since nobody is to need it any more. */
export const allMoved = ({ services }: Config): Guard => ({
  ...file(MOVED, services.map(({ port }) => `${port}\n`).join('')),
  title: 'plain HTTP leads to HTTPS',
})

const day = (when: number) => new Date(when).toISOString().slice(0, 10)

/** HAProxy would show it to clients that have to refuse it. */
export function notOver({ tls }: Config): readonly Problem[] {
  if (tls?.until === undefined || tls.until > Date.now()) return []
  return [
    {
      key: 'TLS_CERT',
      text: `TLS_CERT was good until ${day(tls.until)}`,
      remedy: 'put the renewed bundle in its place',
    },
  ]
}

const ending = (until: number, what: string, remedy: string): readonly string[] => {
  const days = Math.floor((until - Date.now()) / (DAY * 1000))
  return days >= SOON
    ? []
    : [`${what} is good until ${day(until)}, ${days} ${days === 1 ? 'day' : 'days'} more: ${remedy}`]
}

export const endsSoon = ({ tls }: Config): readonly string[] =>
  tls?.until === undefined ? [] : ending(tls.until, 'TLS_CERT', 'have it renewed, put it in place, and run this again')

/** When the certificate ends that clients of the VIP are shown. */
export const shownFact = (config: Config): Readonly<Record<string, string>> => {
  const [service] = config.services
  if (config.tls === undefined || service === undefined) return {}
  const { address } = config.vip
  const port = portOn(config, address, service)
  return {
    certificate: sh`
      ${http(config)}
      speaks_tls ${address} ${port}
      timeout 3 openssl s_client $how -connect ${authority(address, port)} </dev/null 2>/dev/null | openssl x509 -noout -enddate 2>/dev/null | sed 's/^notAfter=//' || :`,
  }
}

export const shownEndsSoon = (config: Config, facts: Facts): readonly string[] => {
  const [said] = config.nodes.map((node) => facts.get(node, 'certificate')).filter((one) => one !== '')
  const until = Date.parse(said ?? '')
  if (Number.isNaN(until)) return []
  const remedy = makesOwn(config)
    ? 'make cluster makes another one'
    : 'put the renewed bundle in place of TLS_CERT, and run make cluster'
  return ending(until, 'the certificate of the VIP', remedy)
}
