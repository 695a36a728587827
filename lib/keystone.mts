/** The catalogue of keystone: read and changed by its v3 API, with bash on a node; secrets go by standard input only. */
import { createHash } from 'node:crypto'
import { relative } from 'node:path'
import { answers } from './backend.mts'
import { apiHost, type Config, type Openrc, vipsOf } from './config.mts'
import type { Facts } from './facts.mts'
import { type Guard, type Remedies, SHOWN } from './guard.mts'
import { file, KEPT } from './guards/file.mts'
import { problem } from './guards/require.mts'
import { http, schemeOn } from './http.mts'
import { API, ASK, getToken } from './keystone-api.mts'
import { hostIn, ofOurs } from './old-address.mts'
import { authority, INTERFACES, type Interface, SERVICES, type Service, urlOf } from './services.mts'
import { raw, type Shell, sh } from './shell.mts'

/** Where keystone may answer: the VIP before the nodes. */
const doors = ({ vip, nodes }: Config): readonly string[] => [vip, ...nodes].map(({ address }) => address)

/**
 * Shell text: logged in, at the first of these addresses where keystone answers. The token serves the
 * texts after it in the same script, in memory and for root alone: a login takes a third of a second.
 */
const LOGIN = (config: Config, openrc: Openrc, addresses: readonly string[]) =>
  raw(sh`
    ${http(config)}
    ${ASK}
    ${API}
    ${raw(getToken(openrc, addresses))}
    printf '%s\\n' "$address" "$token" >"$scratch/token"`)

/** The same with a token that there is already, or else where the last one came from. */
const LOGGED_IN = (config: Config, facts: Facts, openrc: Openrc) => {
  const [known = ''] = saidOf(config, facts).split('\n')
  const addresses = doors(config)
  return raw(sh`
    if [ -s "$scratch/token" ]; then
      { read -r address; read -r token; } <"$scratch/token"
      ${http(config)}
      ${ASK}
      ${API}
    else
      ${LOGIN(config, openrc, addresses.includes(known) ? [known, ...addresses.filter((one) => one !== known)] : addresses)}
    fi`)
}

/** What the first node has said of the catalogue. */
const saidOf = ({ nodes: [first] }: Config, facts: Facts): string =>
  first === undefined ? '' : facts.get(first, 'catalogue')

const NOT_BUILT = 'the cluster is not built yet'

/** Shell text for the first node, since keystone takes a good while for a login (bcrypt), and nova-manage to begin. */
export const onFirst = (config: Config, text: string): string => sh`
  ip -o addr show | grep -qF ${` ${config.nodes[0]?.address}/`} || exit 0
  # Nothing can be true of the VIP before there is a ring; a keystone that was never asked takes many seconds.
  [ -e /etc/corosync/corosync.conf ] || { echo ${NOT_BUILT}; exit 0; }
  ${raw(text)}`

/** The catalogue as it comes with a token, after the address that gave it: all that one who uses the services sees. */
export const catalogueFact = (config: Config): Readonly<Record<string, string>> =>
  config.openrc === undefined
    ? {}
    : {
        catalogue: onFirst(
          config,
          sh`
            ${LOGIN(config, config.openrc, doors(config))}
            echo "$address"
            printf '%s\\n' "$answer" | sed '1,/^$/d' | tr -d '\\n'`,
        ),
      }

/** Also the endpoints as they are kept, with their place holders, where the catalogue has some that are to be moved. */
export function endpointFacts(config: Config, facts: Facts): Readonly<Record<string, string>> {
  const { unknown, moves, problems } = inventory(config, facts)
  if (config.openrc === undefined || unknown !== undefined || moves.length + problems.length === 0)
    return catalogueFact(config)
  const endpoints = onFirst(
    config,
    sh`
      ${LOGGED_IN(config, facts, config.openrc)}
      api GET /v3/services
      api GET /v3/endpoints`,
  )
  return { ...catalogueFact(config), endpoints }
}

interface CatalogueService {
  readonly id: string
  readonly type: string
}
interface CatalogueEndpoint {
  readonly id: string
  readonly service_id: string
  readonly interface: Interface
  readonly region_id: string
  readonly url: string
}

/** An endpoint that is to be moved. */
export interface Move {
  readonly id: string
  readonly service: string
  readonly interface: Interface
  readonly region: string
  readonly old: string
  readonly new: string
}

/** What the catalogue says of the services behind the VIP. */
export interface Inventory {
  /** Why there is none. */
  readonly unknown?: string
  readonly problems: readonly string[]
  readonly moves: readonly Move[]
  /** The address where keystone answered. */
  readonly address?: string
}

/** A list of objects in a line of JSON; undefined when the line is anything else, as the rest of an answer that broke off is. */
function listIn<Item>(line: string | undefined, ...path: readonly string[]): readonly Item[] | undefined {
  try {
    const list: unknown = path.reduce((inside, name) => inside?.[name], JSON.parse(line ?? ''))
    const whole = Array.isArray(list) && list.every((one) => typeof one === 'object' && one !== null)
    return whole ? (list as readonly Item[]) : undefined
  } catch {
    return undefined
  }
}

export function inventory(config: Config, facts: Facts): Inventory {
  const [first] = config.nodes
  const said = saidOf(config, facts)
  const [address, token = ''] = said.split('\n')
  const catalog = catalogIn(token)
  if (catalog === undefined)
    return { unknown: said.slice(0, 1000) || 'keystone was not asked', problems: [], moves: [] }
  const endpoints = catalog.flatMap((one) =>
    one.endpoints.map((endpoint) => ({ ...endpoint, url: asKept(endpoint.url, token), service_id: one.id })),
  )
  const used = ofCatalogue(config, { services: catalog, endpoints })
  const from = address === undefined ? {} : { address }
  if (used.moves.length + used.problems.length === 0) return { ...used, ...from }
  const [kept, places] = (first === undefined ? '' : facts.get(first, 'endpoints')).split('\n')
  const known = {
    services: listIn<CatalogueService>(kept, 'services'),
    endpoints: listIn<CatalogueEndpoint>(places, 'endpoints'),
  }
  // Until they are known the catalogue tells enough for a look.
  return { ...(known.services && known.endpoints ? ofCatalogue(config, known as Known) : used), ...from }
}

/** The catalogue of a token; undefined where the text has none. */
function catalogIn(token: string) {
  const list = listIn<CatalogueService & { readonly endpoints: readonly CatalogueEndpoint[] }>(
    token,
    'token',
    'catalog',
  )
  const whole = list?.every(
    ({ endpoints }) => Array.isArray(endpoints) && endpoints.every((one) => typeof one?.url === 'string'),
  )
  return whole === true ? list : undefined
}

/** The catalogue of a token has its project where an endpoint has the place holder. */
function asKept(url: string, token: string): string {
  const id: unknown = JSON.parse(token).token?.project?.id
  return typeof id === 'string' && id !== '' ? url.replaceAll(id, '%(project_id)s') : url
}

interface Known {
  readonly services: readonly CatalogueService[]
  readonly endpoints: readonly CatalogueEndpoint[]
}

function ofCatalogue(config: Config, known: Known): Inventory {
  const region = config.openrc?.regionName ?? ''
  const found = config.services
    .filter(({ types }) => types.length > 0)
    .map((service) => ofService(config, known, region, service))
  return { problems: found.flatMap((one) => one.problems), moves: found.flatMap((one) => one.moves) }
}

function ofService(config: Config, known: Known, region: string, service: Service): Inventory {
  const kinds = known.services.filter(({ type }) => service.types.includes(type))
  const own = known.endpoints.filter(({ service_id }) => kinds.some(({ id }) => id === service_id))
  const here = own.filter(({ region_id }) => region_id === region)
  const [type = service.name] = service.types
  if (here.length === 0) {
    const others = [...new Set(own.map(({ region_id }) => region_id))].join(', ')
    return {
      problems: [`no ${type} endpoint in region ${region}; there are some in: ${others || 'none'}`],
      moves: [],
    }
  }
  const typeOf = ({ service_id }: CatalogueEndpoint) => kinds.find(({ id }) => id === service_id)?.type ?? type
  const problems = service.types.flatMap((one) =>
    INTERFACES.flatMap((iface) => {
      const same = here.filter((endpoint) => endpoint.interface === iface && typeOf(endpoint) === one)
      if (same.length < 2) return []
      return [`${same.length} ${iface} endpoints of ${one}: ${same.map(({ id, url }) => `${url} (${id})`).join(', ')}`]
    }),
  )
  const moves = here
    .map((one) => ({
      id: one.id,
      service: typeOf(one),
      interface: one.interface,
      region,
      old: one.url,
      new: urlOf(service, apiHost(config), one.interface, one.url, schemeOn(config, config.vip.address, service)),
    }))
    .filter((move) => move.old !== move.new)
  return { problems, moves }
}

/** What keystone says of failures that are known, in `getToken` and `api`. */
const remedies = ({ openrc, file: env }: Config): Remedies => [
  [
    / 401 /,
    `the login in ${relative('.', env)} is not the one that keystone knows: check OS_PASSWORD, OS_USERNAME=${openrc?.username} in OS_USER_DOMAIN_NAME=${openrc?.userDomainName}, and OS_PROJECT_NAME=${openrc?.projectName} in OS_PROJECT_DOMAIN_NAME=${openrc?.projectDomainName}; the admin's openrc has them`,
  ],
  [/ 403 /, `OS_USERNAME=${openrc?.username} has to have the role admin in OS_PROJECT_NAME=${openrc?.projectName}`],
  [
    /answers neither/,
    'start keystone on a node (systemctl status keystone apache2); its log and journalctl tell why it ended',
  ],
  [/ 50[0-9] /, 'keystone has a fault of its own: see its log (/var/log/keystone) and that it reaches its database'],
  [/gives no token: *$/m, 'keystone does not answer in time: see its log (/var/log/keystone) and its load'],
  [/not built yet/, 'run the phases before first: npx zx tasks/cluster.mts'],
]

const REMEDY = 'openstack endpoint list shows them; openstack endpoint delete takes the wrong one away'

/** The catalogue can be read, and says one thing only about each interface. */
export function readable(config: Config, facts: Facts): readonly Guard[] {
  const { unknown, problems } = inventory(config, facts)
  if (unknown !== undefined)
    return [
      {
        ...problem(
          'the catalogue of keystone can be read',
          unknown,
          'check the OS_* lines of the env file, and that keystone runs',
        ),
        remedies: remedies(config),
      },
    ]
  return problems.length === 0 ? [] : [problem('each interface has one endpoint', problems.join('\n'), REMEDY)]
}

/** The way back: what the endpoints were, on every node, before the first of them is changed. */
export function undo(config: Config, facts: Facts): readonly Guard[] {
  const { moves } = inventory(config, facts)
  if (moves.length === 0) return []
  const text = `${JSON.stringify({ region: config.openrc?.regionName, endpoints: moves }, null, 2)}\n`
  const name = createHash('sha256').update(text).digest('hex').slice(0, 8)
  return [
    { ...file(`${KEPT}/undo/endpoints-${name}.json`, text, { mode: '0600' }), title: 'the old endpoints are kept' },
  ]
}

/** The endpoints that are elsewhere, old and new: service after service, each when its API answers where they are to lead. */
export function moved(config: Config, facts: Facts): readonly Guard[] {
  const { moves, problems } = inventory(config, facts)
  const { openrc } = config
  if (openrc === undefined || moves.length === 0 || problems.length > 0) return []
  return config.services.flatMap((service) => {
    const own = moves.filter((move) => service.types.includes(move.service))
    return own.length === 0
      ? []
      : [
          answers(config, `${service.name} answers through the VIP`, service, config.vip.address),
          movedOf(service, own, LOGGED_IN(config, facts, openrc)),
        ]
  })
}

function movedOf({ name }: Service, moves: readonly Move[], begin: Shell): Guard {
  const table = moves.map((move) => `${move.service} ${move.interface} ${move.region}: ${move.old} -> ${move.new}`)
  // That they are elsewhere was seen just now: keystone is asked again when they were moved.
  const done = raw(`"$scratch/moved-${name}"`)
  return {
    title: `the endpoints of ${name} name the VIP`,
    check: [
      sh`
        [ -e ${done} ] || { printf '%s\\n' ${table}; exit 1; }
        ${begin}`,
      ...moves.map(
        (move) => sh`
          api GET ${`/v3/endpoints/${move.id}`} | tr -d ' ' | grep -qF ${`"url":"${move.new}"`} ||
            { printf '%s\\n' ${table}; exit 1; }`,
      ),
    ].join('\n'),
    apply: [
      sh`
        ${begin}`,
      ...moves.map((move) => {
        const body = JSON.stringify({ endpoint: { url: move.new } })
        return sh`
          length=${Buffer.byteLength(body)}
          said=$(printf %s ${body} | api PATCH ${`/v3/endpoints/${move.id}`}) || { echo "$said"; exit 1; }
          length=0`
      }),
      sh`: >${done}`,
    ].join('\n'),
  }
}

/** Endpoints of other services, or of another region, that name a node: they are not moved, and lost when that node is. */
export function leftOver(config: Config, facts: Facts): readonly string[] {
  const [, token = ''] = saidOf(config, facts).split('\n')
  const region = config.openrc?.regionName ?? ''
  return (catalogIn(token) ?? []).flatMap(({ type, endpoints }) =>
    endpoints
      .filter(({ url }) => ofOurs(config, hostIn(url)))
      .filter((one) => one.region_id !== region || !config.services.some(({ types }) => types.includes(type)))
      .map((one) => {
        const known = SERVICES.find(({ types }) => types.includes(type))
        const why = one.region_id === region ? `${known?.name ?? type} is not in SERVICES` : 'it is in another region'
        return `the ${one.interface} endpoint of ${type} in ${one.region_id} names a node and is left there, as ${why}: ${one.url}`
      }),
  )
}

/** What the undo files on the nodes say, the oldest word on each endpoint first: where it was before we ever came. */
export const undoFact = sh`ls -tr ${KEPT}/undo/endpoints-*.json 2>/dev/null | while read -r path; do tr -d '\\n' <"$path"; echo; done`

/** Where each endpoint was first, and all that it has been since by us: hosts and ports. */
function original(config: Config, facts: Facts): readonly (Move & { readonly ours: readonly string[] })[] {
  const all = config.nodes.flatMap((node) =>
    facts
      .get(node, 'undo')
      .split('\n')
      .flatMap((line) => listIn<Move>(line, 'endpoints') ?? []),
  )
  const door = (url: string) => /^\w+:\/\/([\w.:[\]-]+)(?=\/|$)/.exec(url)?.[1] ?? ''
  return all
    .filter((one, index) => all.findIndex(({ id }) => id === one.id) === index)
    .map((one) => ({ ...one, ours: [...new Set(all.filter(({ id }) => id === one.id).map((each) => door(each.new)))] }))
}

/** The endpoints are where they were; one that does not name a VIP is somebody else's by now, and left alone. */
export function movedBack(config: Config, facts: Facts): readonly Guard[] {
  const moves = original(config, facts)
  if (moves.length === 0) return []
  const title = 'the endpoints are where they were'
  if (config.openrc === undefined)
    return [
      problem(
        title,
        'the env file has no OS_PASSWORD to log in with',
        "write the OS_* lines of the admin's openrc, or begin with --from stop and leave the endpoints as they are",
      ),
    ]
  const byUs = ({ ours, new: url }: (typeof moves)[number]) => {
    const port = new URL(url).port
    const all = new Set([...ours, ...vipsOf(config).map(({ address }) => authority(address, Number(port)))])
    return [...all].map((one) => `*'//${one}' | *'//${one}/'*`).join(' | ')
  }
  // One that keystone does not know any more is nobody's; any other fault is one.
  const at = ({ id }: Move) => sh`
    said=$(api GET ${`/v3/endpoints/${id}`} 2>&1) || case $said in *' 404 '*) said= ;; *) echo "$said"; exit 2 ;; esac
    url=$(printf '%s\\n' "$said" | tr -d ' ' | sed -n 's/.*"url":"\\([^"]*\\)".*/\\1/p')`
  return [
    {
      title,
      check: [
        sh`
          ${LOGIN(config, config.openrc, doors(config))}
          left=`,
        ...moves.map(
          (move) => sh`
            ${raw(at(move))}
            case $url in ${raw(byUs(move))}) echo ${`${move.service} ${move.interface} ${move.region}: `}"$url -> "${move.old}; left=1 ;; esac`,
        ),
        '[ -z "$left" ] || exit 1',
      ].join('\n'),
      apply: [
        sh`
          ${LOGIN(config, config.openrc, doors(config))}`,
        ...moves.map((move) => {
          const body = JSON.stringify({ endpoint: { url: move.old } })
          return sh`
            ${raw(at(move))}
            case $url in ${raw(byUs(move))})
              length=${Buffer.byteLength(body)}
              said=$(printf %s ${body} | api PATCH ${`/v3/endpoints/${move.id}`}) || { echo "$said"; exit 1; }
              length=0 ;;
            esac`
        }),
      ].join('\n'),
      remedy: 'let keystone run on a node, or begin with --from stop and leave the endpoints as they are',
      remedies: remedies(config),
    },
  ]
}

/** Nothing is left to be moved. */
export const endpointsOnVip = (config: Config, facts: Facts): readonly Guard[] =>
  inventory(config, facts).moves.map((move) =>
    problem(
      `the ${move.interface} endpoint of ${move.service} names the VIP`,
      `it is ${move.old}`,
      'make cluster moves it',
    ),
  )

/** How the endpoints of each service begin that the catalogue has. */
const inCatalogue = (config: Config) =>
  config.services
    .filter(({ types }) => types.length > 0)
    .map((service) => `${schemeOn(config, config.vip.address, service)}://${authority(apiHost(config), service.port)}`)

/**
 * The proof: keystone gives a token through the VIP, and its catalogue leads back to the VIP. Facts that were read with such a
 * token, and have nothing to move, are that proof: a login more would be half of what a second run takes.
 */
export function tokenByVip(config: Config, facts: Facts): readonly Guard[] {
  const rc = config.openrc
  if (rc === undefined) return []
  const title = 'keystone gives a token through the VIP'
  const { unknown, address, moves, problems } = inventory(config, facts)
  if (unknown === NOT_BUILT) return [problem(title, unknown, 'run the phases before first: npx zx tasks/cluster.mts')]
  if (address === config.vip.address && moves.length === 0 && problems.length === 0) return [{ title, check: SHOWN }]
  const seen =
    unknown ??
    (address === config.vip.address
      ? 'the catalogue does not lead to the VIP yet'
      : `keystone answers at ${address}, and not through the VIP`)
  return [
    {
      title,
      check: sh`
        # For a look it was asked just now.
        if [ "\${mode:-}" = check ]; then echo ${seen}; exit 1; fi
        ${http(config)}
        ${ASK}
        ${raw(getToken(rc, [config.vip.address]))}
        for url in ${inCatalogue(config)}; do
          printf '%s\\n' "$answer" | tr -d ' ' | grep -qF -e "\\"url\\":\\"$url\\"" -e "\\"url\\":\\"$url/" || { echo "the catalogue does not name $url"; exit 1; }
        done`,
      // A login that was refused already is not waited for.
      ...(/ 401 /.test(unknown ?? '') ? {} : { wait: 30 }),
      remedy: 'see the log of keystone on the nodes, and of HAProxy on the holder of the VIP',
      remedies: remedies(config),
    },
  ]
}
