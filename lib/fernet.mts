/** Keystone's fernet and credential keys: the same on all nodes, copied from one where they are not, and rotated on all. */
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import { type Guard, SHOWN } from './guard.mts'
import { absent, file, KEPT } from './guards/file.mts'
import { INI } from './guards/ini.mts'
import { comes, problem } from './guards/require.mts'
import { http } from './http.mts'
import { API, ASK, getToken } from './keystone-api.mts'
import { raw, sh } from './shell.mts'

type Kind = 'fernet' | 'credential'
const KINDS: readonly Kind[] = ['fernet', 'credential']
/** Where keystone.conf says where the keys are, and where they are if it does not (keystone/conf/fernet_tokens.py, credential.py). */
const SECTION: Readonly<Record<Kind, string>> = { fernet: 'fernet_tokens', credential: 'credential' }

/** On the first node: what the fernet keys were before a rotation that is under way. */
const ROTATING = `${KEPT}/rotating`

/** Shell text that goes to the folder of the keys, and sets `dir` and `names`; it exits 0 where there are none. */
const inRepository = (kind: Kind) =>
  raw(sh`
    ${INI}
    dir=$(get_setting ${SECTION[kind]} key_repository 2>/dev/null </etc/keystone/keystone.conf) || dir=
    dir=\${dir#=}
    dir=\${dir:-/etc/keystone/${raw(kind)}-keys}
    dir=\${dir%/}
    cd "$dir" 2>/dev/null || exit 0
    names=$(ls | grep -x '[0-9][0-9]*' | sort -n | tr '\\n' ' ')
    [ -n "$names" ] || exit 0`)

/** Shell text that sets `sum`, after inRepository. A key is 256 random bits: its hash tells nothing of it. */
const SUM = raw('sum=$(sha256sum $names | sha256sum)\nsum=${sum%% *}')

/** Folder, owner, fingerprint and names of the keys of a node; nothing where it has none. */
export const keyFacts: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    KINDS.map((kind) => [
      `keys.${kind}`,
      sh`
        ${inRepository(kind)}
        ${SUM}
        echo "$dir $(stat -c %U:%G .) $sum $names"`,
    ]),
  ),
  'keys.rotating': sh`[ ! -e ${ROTATING} ] || echo yes`,
}

/** The keys themselves, of this node alone: a name and a key a line, as they are to appear elsewhere. */
export const keysOf = ({ address }: Node): Readonly<Record<string, string>> =>
  Object.fromEntries(
    KINDS.map((kind) => [
      `secret.keys.${kind}`,
      sh`
        ip -o addr show | grep -qF ${` ${address}/`} || exit 0
        ${inRepository(kind)}
        # The primary key first, so that whoever encrypts with it is understood; the staged one, 0, last.
        for name in $names; do echo "$name $(base64 <"$name" | tr -d '\\n')"; done | sort -rn`,
    ]),
  )

interface Repository {
  readonly dir: string
  readonly owner: string
  readonly sum: string
  readonly names: readonly string[]
}

function repository(facts: Facts, node: Node, kind: Kind): Repository | undefined {
  const [dir = '', owner = '', sum, ...names] = facts.get(node, `keys.${kind}`).trim().split(' ')
  return sum === undefined ? undefined : { dir, owner, sum, names }
}

const sumOf = (facts: Facts, node: Node, kind: Kind): string => repository(facts, node, kind)?.sum ?? ''

/** The first node has begun a rotation, and not ended it. */
export const rotating = ({ nodes: [first] }: Config, facts: Facts): boolean =>
  first !== undefined && facts.get(first, 'keys.rotating') !== ''

const differing = ({ nodes }: Config, facts: Facts): readonly Kind[] =>
  KINDS.filter((kind) => new Set(nodes.map((node) => sumOf(facts, node, kind))).size > 1)

/** A line for each kind of keys and node, where the nodes have different ones. */
export const keysDiffer = (config: Config, facts: Facts): readonly string[] =>
  differing(config, facts).flatMap((kind) =>
    config.nodes.map((node) => {
      const sum = sumOf(facts, node, kind)
      return `${kind} keys of ${node.name}: ${sum === '' ? 'none' : `SHA-256 ${sum.slice(0, 16)}…`}`
    }),
  )

/**
 * Nodes whose keys differ cannot read each other's tokens (fernet) and stored credentials: a run stops before it spreads the
 * API over them. `ends`: a rotation that has not ended is no fault, as this run ends it.
 */
export function keysAgree(config: Config, facts: Facts, ends = false): readonly Guard[] {
  const differ = differing(config, facts)
  const open = rotating(config, facts)
  const title = "keystone's keys are the same on all nodes"
  if (open && ends) return [{ title, check: SHOWN }]
  if (differ.length > 0 && open)
    return [
      problem(
        title,
        [...keysDiffer(config, facts), 'a rotation has not ended'].join('\n'),
        'make rotate-fernet ends it',
      ),
    ]
  // A rotation has nothing to do with FERNET_SYNC: it wants the same keys everywhere.
  const source = ends ? undefined : config.nodes.find(({ name }) => name === config.fernetSync)
  const lacks = source === undefined ? [] : differ.filter((kind) => sumOf(facts, source, kind) === '')
  if (differ.length === 0 || (source !== undefined && lacks.length === 0)) return [{ title, check: SHOWN }]
  const remedy =
    source === undefined
      ? 'FERNET_SYNC=<node> in the env file copies those of that node to the others: tokens that the others have given out end, and what they have encrypted cannot be read; take the one that is in use'
      : `${source.name} has no ${lacks.join(' and no ')} keys: name another node in FERNET_SYNC`
  return [problem(title, keysDiffer(config, facts).join('\n'), remedy)]
}

/** A node has the keys of another one, and no other ones: each file has its owner and mode before it has its name. */
function copied(facts: Facts, source: Node, node: Node, kind: Kind): readonly Guard[] {
  const from = repository(facts, source, kind)
  if (from === undefined || node === source) return []
  const own = repository(facts, node, kind)
  const dir = own?.dir ?? from.dir
  const keys = facts
    .get(source, `secret.keys.${kind}`)
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([name = '', key]) => (key === undefined ? [] : [{ name, key }]))
  const extra = (own?.names ?? []).filter((name) => !keys.some((one) => one.name === name))
  if (keys.length === 0) return []
  return [
    {
      title: `${dir} is keystone's alone`,
      check: sh`
        now=$(stat -c '%a %U:%G' ${dir} 2>/dev/null) || now='not there'
        case $now in "700 "${from.owner} | "750 "${from.owner}) ;; *) echo "it is $now"; exit 1 ;; esac`,
      apply: sh`
        [ -d ${dir} ] || mkdir -p -m 0700 ${dir}
        chown ${from.owner} ${dir}
        chmod 0700 ${dir}`,
    },
    ...keys.map(({ name, key }) =>
      file(`${dir}/${name}`, key, {
        secret: true,
        mode: '0600',
        owner: from.owner,
        first: 'untouched',
        // keystone opens every file there is, whatever its name (fernet_utils.py, _get_key_files): one that is root's still is an error to it.
        folder: dir.replace(/\/[^/]+$/, ''),
      }),
    ),
    ...extra.map((name) => absent(`${dir}/${name}`)),
  ]
}

/** What FERNET_SYNC asks for. */
export function synced(config: Config, facts: Facts, node: Node): readonly Guard[] {
  const source = config.nodes.find(({ name }) => name === config.fernetSync)
  return source === undefined ? [] : KINDS.flatMap((kind) => copied(facts, source, node, kind))
}

/**
 * The staged key becomes the primary one, which the other nodes know already (keystone: doc/source/admin/fernet-token-faq.rst). It is
 * on record what they were before, so that a run which was cut off does not rotate again what nobody else has yet.
 */
export const rotated: Guard = {
  title: 'the fernet keys are rotated',
  check: sh`
    ${inRepository('fernet')}
    ${SUM}
    [ -s ${ROTATING} ] && [ "$(cat ${ROTATING})" != "$sum" ] || { echo "the primary key is $(echo $names | awk '{ print $NF }')"; exit 1; }`,
  apply: sh`
    command -v keystone-manage >/dev/null || { echo "there is no keystone-manage on this node"; exit 1; }
    ${inRepository('fernet')}
    ${SUM}
    mkdir -p ${KEPT}
    chmod 0700 ${KEPT}
    echo "$sum" >${`${ROTATING}.new`}
    mv -f ${`${ROTATING}.new`} ${ROTATING}
    owner=$(stat -c %U .) group=$(stat -c %G .)
    whole keystone-manage fernet_rotate --keystone-user "$owner" --keystone-group "$group"`,
  remedy: "keystone's log on that node tells why",
}

/** There is something to rotate. */
export function keysThere(config: Config, facts: Facts): readonly Guard[] {
  const [first] = config.nodes
  const title = 'keystone has fernet keys'
  if (first === undefined || sumOf(facts, first, 'fernet') !== '') return [{ title, check: SHOWN }]
  return [problem(title, 'it has none here', 'keystone-manage fernet_setup makes the first ones')]
}

/** The other nodes have what the first one has now. */
export function distributed(config: Config, facts: Facts, node: Node): readonly Guard[] {
  const [first] = config.nodes
  return first === undefined ? [] : copied(facts, first, node, 'fernet')
}

/** A token that this node gives is good on each node. */
export function tokensGoOn(config: Config, _: Facts, node: Node): readonly Guard[] {
  if (config.openrc === undefined) return []
  return [
    comes(
      'each node takes a token of this one',
      10,
      sh`
        ${http(config)}
        ${ASK}
        ${API}
        ${raw(getToken(config.openrc, [node.address]))}
        for address in ${config.nodes.map(({ address }) => address)}; do
          api GET /v3/auth/projects >/dev/null || { echo "$address does not take it"; exit 1; }
        done`,
      'make cluster compares the keys, and tells where they differ',
    ),
  ]
}

export const rotationOver: Guard = {
  title: 'the rotation is over',
  check: sh`[ ! -e ${ROTATING} ] || { echo "it is under way"; exit 1; }`,
  apply: sh`rm -f ${ROTATING}`,
}
