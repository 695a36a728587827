/** Pieces of pacemaker's CIB as XML, with the ids that crmsh gives. Source: Pacemaker Explained, and xml/*.rng of pacemaker. */

export type Section = 'crm_config' | 'rsc_defaults' | 'resources' | 'constraints' | 'fencing-topology'

/** One object that stands right below a section of the CIB. */
export interface Fragment {
  readonly section: Section
  readonly id: string
  readonly xml: string
}

export type Pairs = Readonly<Record<string, string | number>>

export interface Operation extends Pairs {
  readonly name: string
  readonly interval: string
  readonly timeout: string
}

export interface Primitive {
  /** As crmsh writes it: `ocf:heartbeat:IPaddr2`, `systemd:haproxy`, `stonith:fence_ipmilan`. */
  readonly agent: string
  readonly params?: Pairs
  /** Parameters that hold on some nodes alone, by the names that pacemaker has for these (Pacemaker Explained, rules). */
  readonly paramsOn?: readonly { readonly nodes: readonly string[]; readonly params: Pairs }[]
  readonly meta?: Pairs
  readonly operations: readonly Operation[]
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** An attribute's value. Line breaks and tabs become references: a parser would turn them into spaces (XML 1.0, 3.3.3). */
const attribute = (value: string | number): string =>
  String(value).replace(/[&<>"\t\n\r]/g, (char) => ESCAPES[char] ?? `&#${char.charCodeAt(0)};`)

/** An element on lines of its own; what is inside is indented by two. */
export function element(name: string, attributes: Pairs, children: readonly string[] = []): string {
  const open = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${attribute(value)}"`)].join(' ')
  if (children.length === 0) return `<${open}/>`
  return [`<${open}>`, ...children.map((child) => child.replace(/^/gm, '  ')), `</${name}>`].join('\n')
}

/** An id must be an NCName: what cannot stand in one becomes an underscore. */
const idOf = (...parts: readonly string[]): string => parts.join('-').replace(/[^\w.-]/g, '_')

/** A set of name and value: instance_attributes, meta_attributes, cluster_property_set. */
export const nvpairs = (tag: string, id: string, pairs: Pairs): string =>
  element(
    tag,
    { id },
    Object.entries(pairs).map(([name, value]) => element('nvpair', { name, value, id: idOf(id, name) })),
  )

/** True on a node that has one of these names. */
const onNodes = (id: string, nodes: readonly string[]): string =>
  element(
    'rule',
    { id, score: 0, 'boolean-op': 'or' },
    nodes.map((node) =>
      element('expression', { id: idOf(id, node), attribute: '#uname', operation: 'eq', value: node }),
    ),
  )

export function primitive(id: string, { agent, params, paramsOn = [], meta, operations }: Primitive): Fragment {
  const [kind = '', provider = '', type = provider] = agent.split(':')
  const attributes: Pairs = type === provider ? { id, class: kind, type } : { id, class: kind, provider, type }
  const xml = element('primitive', attributes, [
    ...(params === undefined ? [] : [nvpairs('instance_attributes', idOf(id, 'instance_attributes'), params)]),
    ...paramsOn.map(({ nodes, params: own }) => {
      const set = idOf(id, 'on', nodes[0] ?? '')
      return element('instance_attributes', { id: set }, [
        onNodes(idOf(set, 'rule'), nodes),
        ...Object.entries(own).map(([name, value]) => element('nvpair', { name, value, id: idOf(set, name) })),
      ])
    }),
    ...(meta === undefined ? [] : [nvpairs('meta_attributes', idOf(id, 'meta_attributes'), meta)]),
    element(
      'operations',
      {},
      operations.map((operation) => element('op', { ...operation, id: idOf(id, operation.name, operation.interval) })),
    ),
  ])
  return { section: 'resources', id, xml }
}

/** A primitive that runs on every node. */
export const clone = (id: string, of: Fragment, meta: Pairs): Fragment => ({
  section: 'resources',
  id,
  xml: element('clone', { id }, [nvpairs('meta_attributes', idOf(id, 'meta_attributes'), meta), of.xml]),
})

const constraint = (tag: string, id: string, attributes: Pairs): Fragment => ({
  section: 'constraints',
  id,
  xml: element(tag, { id, ...attributes }),
})

/** `rsc` runs where `withRsc` does. */
export const colocation = (id: string, score: string, rsc: string, withRsc: string): Fragment =>
  constraint('rsc_colocation', id, { score, rsc, 'with-rsc': withRsc })

export const order = (
  id: string,
  kind: 'Mandatory' | 'Optional' | 'Serialize',
  first: string,
  then: string,
): Fragment => constraint('rsc_order', id, { kind, first, then })

export const location = (id: string, rsc: string, score: string, node: string): Fragment =>
  constraint('rsc_location', id, { rsc, score, node })

/** `rsc` is not where a node's attribute has this value. */
export const notWhere = (id: string, rsc: string, attributeName: string, value: string): Fragment => ({
  section: 'constraints',
  id,
  xml: element('rsc_location', { id, rsc }, [
    element('rule', { id: idOf(id, 'rule'), score: '-INFINITY' }, [
      element('expression', { id: idOf(id, 'expression'), attribute: attributeName, operation: 'eq', value }),
    ]),
  ]),
})

/** The devices of a level are used together; the next level is for when one of them fails. */
export const fencingLevel = (id: string, target: string, index: number, devices: readonly string[]): Fragment => ({
  section: 'fencing-topology',
  id,
  xml: element('fencing-level', { id, target, index, devices: devices.join() }),
})

/** Fragments in a whole CIB, as crm_verify --xml-file and crm_simulate --xml-file read it. No nodes, no status. */
export function cibOf(fragments: readonly Fragment[]): string {
  const inside = (section: Section) =>
    fragments.filter((fragment) => fragment.section === section).map(({ xml }) => xml)
  return element('cib', { 'validate-with': 'pacemaker-3.0', epoch: 0, num_updates: 0, admin_epoch: 0 }, [
    element('configuration', {}, [
      element('crm_config', {}, inside('crm_config')),
      element('nodes', {}),
      element('resources', {}, inside('resources')),
      element('constraints', {}, inside('constraints')),
      element('fencing-topology', {}, inside('fencing-topology')),
      element('rsc_defaults', {}, inside('rsc_defaults')),
    ]),
    element('status', {}),
  ])
}
