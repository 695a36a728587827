/** What crm_mon says of a cluster, as far as the doctor looks at it (crm_mon(8), --output-as=xml, api-version 2). */
import { crmMon } from '../crm-mon.mts'

type Attributes<Name extends string> = Readonly<Partial<Record<Name, string>>>

export interface MonitoredNode
  extends Attributes<'online' | 'standby' | 'maintenance' | 'pending' | 'unclean' | 'type'> {
  readonly name: string
}

export interface MonitoredResource extends Attributes<'role' | 'target_role' | 'managed' | 'failed' | 'blocked'> {
  readonly id: string
  readonly node?: readonly { readonly name: string }[]
}

export interface Failure extends Attributes<'node' | 'task' | 'exitstatus' | 'exitreason' | 'last-rc-change'> {
  readonly op_key: string
}

export interface Monitored {
  readonly nodes: readonly MonitoredNode[]
  /** Each instance of a clone for itself. */
  readonly resources: readonly MonitoredResource[]
  /** Of clones and groups as a whole: what was set for them. */
  readonly groups: readonly MonitoredResource[]
  readonly failures: readonly Failure[]
  readonly options: Attributes<'stonith-enabled' | 'maintenance-mode'>
}

const NODE_LISTS = ['node', 'resource', 'clone', 'group', 'bundle', 'failure']

type Tag = Readonly<Record<string, unknown>>

const list = <One,>(tag: unknown, name: string): readonly One[] =>
  ((tag as Tag | undefined)?.[name] ?? []) as readonly One[]

/** Undefined where pacemaker did not answer. */
export function monitored(xml: string): Monitored | undefined {
  const top = crmMon(xml, NODE_LISTS) as Tag | undefined
  const summary = top?.summary as Tag | undefined
  if (summary === undefined) return undefined
  const groups = ['clone', 'group', 'bundle'].flatMap((kind) => [
    ...list<MonitoredResource>(top?.resources, kind),
    ...list(top?.resources, 'clone').flatMap((clone) => list<MonitoredResource>(clone, kind)),
  ])
  return {
    nodes: list<MonitoredNode>(top?.nodes, 'node'),
    resources: [top?.resources, ...groups].flatMap((one) => list<MonitoredResource>(one, 'resource')),
    groups,
    failures: list<Failure>(top?.failures, 'failure'),
    options: (summary.cluster_options ?? {}) as Monitored['options'],
  }
}
