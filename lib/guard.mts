/** The nouns that the runner knows: Guard, Step, Phase. */
import type { Config, Node } from './config.mts'
import type { Problem } from './errors.mts'
import type { Facts } from './facts.mts'

/**
 * One piece of desired state, as POSIX shell text that runs on a node as root.
 *
 * `check` exits 0 when the state holds and 1 when it does not yet; any other status means that it could not tell.
 * What it prints then is what differs: a plan shows it as the change to come.
 * `apply` makes it so; the runner checks again afterwards. Without `apply` it is a requirement that only people can meet.
 */
export interface Guard {
  /** The state, as a sentence: "the ring is quorate". */
  readonly title: string
  readonly check: string
  readonly apply?: string
  /** Seconds for which a state that is not there yet (after `apply`, if there is one) is waited for. */
  readonly wait?: number
  /** Shell text that runs after it has failed for good: what it prints helps to see why. It changes nothing. */
  readonly why?: string
  /** What the operator can do when it does not hold. */
  readonly remedy?: string
  /** For failures that are known, by a pattern in the output: what to do instead. `$1` is the pattern's first group. */
  readonly remedies?: Remedies
}

/** The check of a state that the facts have shown already: nobody needs to be asked. */
export const SHOWN = ':'

export type Remedies = readonly (readonly [pattern: RegExp, remedy: string])[]

export type GuardMaker = (config: Config, facts: Facts, node: Node) => readonly Guard[]

/** Guards on some nodes. The next step begins when this one has ended on all of them. */
export interface Step {
  readonly title: string
  readonly on: (config: Config, facts: Facts) => readonly Node[]
  readonly guards: GuardMaker
  /** Node after node instead of all at once. */
  readonly oneByOne?: (config: Config, facts: Facts) => boolean
  /** With that: what is done on every node before one of them is changed, and after it. */
  readonly around?: (config: Config, facts: Facts, node: Node) => Readonly<Record<'before' | 'after', readonly Guard[]>>
  /** Goes on to the last guard after a failed one, so that all problems are told at once. */
  readonly tellAll?: boolean
  /** Id of the phase that it needs, and none after it: where both are run it is done beside those in between. */
  readonly after?: string
  /** No later step of its phase needs a fact that it changes: they are not asked for again after it. */
  readonly keepsFacts?: boolean
}

export interface Phase {
  readonly id: string
  readonly title: string
  /** For --help: what is true when it is done, and the files on the nodes that it may write, with `*` where names differ. */
  readonly makes?: string
  readonly files?: readonly string[]
  /** Keys of the env file that this phase cannot do without. */
  readonly needs?: (config: Config) => readonly Problem[]
  /** What is not done before somebody has said yes. */
  readonly asks?: (config: Config, facts: Facts) => readonly string[]
  /** What is no fault of the cluster and should be known all the same. */
  readonly notes?: (config: Config, facts: Facts) => readonly string[]
  /** What the operator has decided and should be reminded of each time. */
  readonly warns?: (config: Config) => readonly string[]
  /**
   * What must be known of a node to make the guards: shell text by name, whose output is the fact. One whose name begins
   * with `secret.` is kept out of every output.
   */
  readonly facts?: (config: Config) => Readonly<Record<string, string>>
  /**
   * The same, of the first node alone, for what takes long: a survey asks for them beside the checks of the other phases. What
   * they tell may call for more: it is asked for as long as names come that were not asked for.
   */
  readonly slowFacts?: (config: Config, known: Facts) => Readonly<Record<string, string>>
  /** What it makes is one for the whole cluster: it is made on all nodes or none. */
  readonly together?: boolean
  readonly steps: readonly Step[]
}

/** A phase whose steps are known when the settings are. */
export type Draft = Omit<Phase, 'steps'> & { readonly steps: Phase['steps'] | ((config: Config) => Phase['steps']) }

export const phaseOf = ({ steps, ...rest }: Draft, config: Config): Phase => ({
  ...rest,
  steps: typeof steps === 'function' ? steps(config) : steps,
})

export const everyNode = (config: Config): readonly Node[] => config.nodes
/** The node that does what is done once for the cluster. */
export const firstNode = (config: Config): readonly Node[] => config.nodes.slice(0, 1)
