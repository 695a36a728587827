/** The three kinds of failure that are an operator's to mend; whatever else is thrown is a bug. */
import type { GuardEnd } from './event.mts'

/** One thing wrong with the env file or the flags. */
export interface Problem {
  /** Counted from 1. */
  readonly line?: number | undefined
  readonly key?: string | undefined
  /** A sentence, without a full stop. It never holds a secret's value. */
  readonly text: string
  /** What to do about it. */
  readonly remedy?: string | undefined
}

/** A node that could not be asked, or not to the end. */
export interface Lost {
  readonly node: string
  readonly text: string
  /** Lines that go with it: what ssh said, the fingerprints of two keys. */
  readonly detail?: string
  readonly remedy: string
}

/** Who holds the lock of a node. */
export interface Holder {
  readonly node: string
  /** A line on the run: who, where, since when, which command. Empty when the lock was taken away from us. */
  readonly owner: string
  /** Seconds since its last sign of life. */
  readonly age: number | undefined
}

/** The env file or the flags are wrong. All that is wrong is told at once, in the order of the lines. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly exitCode = 5
  readonly file: string
  readonly problems: readonly Problem[]

  constructor(file: string, problems: readonly Problem[]) {
    const ordered = [...problems].sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || 0)
    super(
      [`${file}: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}`, ...ordered.map(told)].join(
        '\n',
      ),
    )
    this.file = file
    this.problems = ordered
  }
}

function told({ line, text, remedy }: Problem): string {
  const where = line === undefined ? '' : `line ${line}: `
  return `  ${where}${text}${remedy === undefined ? '' : `\n      ${remedy}`}`
}

/** Something is to be done that nobody has agreed to yet. */
export class UnconfirmedError extends Error {
  override readonly name = 'UnconfirmedError'
  /** Sentences. */
  readonly questions: readonly string[]

  constructor(questions: readonly string[]) {
    super(questions.join('; '))
    this.questions = questions
  }
}

/** Nodes could not be reached, or the connection ended before the answer was whole. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
  readonly exitCode = 4
  readonly lost: readonly Lost[]

  constructor(lost: readonly Lost[]) {
    super(lost.map(({ node, text, remedy }) => `${node}: ${text}\n      ${remedy}`).join('\n'))
    this.lost = lost
  }
}

/** Guards that do not hold after all that could be done. */
export class NodeFailure extends Error {
  override readonly name = 'NodeFailure'
  readonly exitCode = 2
  readonly ends: readonly GuardEnd[]

  constructor(ends: readonly GuardEnd[]) {
    super(ends.map((end) => `${end.node}: ${end.guard} (${end.phase}, ${end.step})`).join('\n'))
    this.ends = ends
  }
}

/** Another run works on the cluster. */
export class LockedError extends Error {
  override readonly name = 'LockedError'
  readonly exitCode = 6
  readonly holders: readonly Holder[]

  constructor(holders: readonly Holder[]) {
    super(holders.map(({ node, owner }) => `${node}: ${owner}`).join('\n'))
    this.holders = holders
  }
}
