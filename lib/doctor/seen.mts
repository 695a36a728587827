/** What the doctor looks at: the nodes that answered, what they said, and small questions to that. */
import type { Config, Node } from '../config.mts'
import type { Lost } from '../errors.mts'
import type { Facts } from '../facts.mts'
import type { Finding } from './finding.mts'

/** A finding before it is known what explains it. */
export type Draft = Omit<Finding, 'doc'>

export interface Seen {
  readonly config: Config
  readonly facts: Facts
  readonly lost: readonly Lost[]
  /** The nodes that answered. */
  readonly up: readonly Node[]
  /** Those of them on which something of the cluster is. */
  readonly built: readonly Node[]
  /** What a node said; '' where it said nothing. */
  readonly said: (node: Node, name: string) => string
}

export function seenOf(config: Config, facts: Facts, lost: readonly Lost[]): Seen {
  const up = config.nodes.filter((node) => !lost.some((one) => one.node === node.name))
  const said = (node: Node, name: string) => facts.get(node, name)
  return { config, facts, lost, up, built: up.filter((node) => said(node, 'doctor.built') === 'yes'), said }
}

/** The lines of what a node said, without empty ones. */
export const linesOf = ({ said }: Pick<Seen, 'said'>, node: Node, name: string): readonly string[] =>
  said(node, name)
    .split('\n')
    .filter((line) => line.trim() !== '')

/** `node1 this, node2 that`. */
export const each = (nodes: readonly Node[], what: (node: Node) => string): string =>
  nodes.map((node) => `${node.name} ${what(node)}`).join(', ')

/** The nodes by what is said of them, those of which the same is said together; what is empty is left out. */
export const alike = (
  nodes: readonly Node[],
  what: (node: Node) => string,
): readonly (readonly [string, readonly Node[]])[] => [...Map.groupBy(nodes, what)].filter(([text]) => text !== '')

/** A finding for each thing that was said, with the nodes that said it. */
export const perText = (
  nodes: readonly Node[],
  what: (node: Node) => string,
  finding: (text: string, names: readonly string[]) => Draft,
): readonly Draft[] =>
  alike(nodes, what).map(([text, own]) =>
    finding(
      text,
      own.map(({ name }) => name),
    ),
  )

/** Whether the nodes say different things. */
export const differ = (nodes: readonly Node[], what: (node: Node) => string): boolean =>
  new Set(nodes.map(what)).size > 1
