/** What came of a chaos run, as docs/chaos.md. */
export interface Chaos {
  readonly date: string
  readonly seed: number
  readonly minutes: number
  readonly versions: readonly string[]
  readonly machine: string
  readonly faults: readonly { readonly kind: string; readonly title: string }[]
  readonly found: readonly string[]
  /** Seconds until all was well after the last fault. */
  readonly recovery: number
}

export function report({ date, seed, minutes, versions, machine, faults, found, recovery }: Chaos): string {
  const kinds = [...Map.groupBy(faults, ({ kind }) => kind)].sort(([, a], [, b]) => b.length - a.length)
  return `# Chaos

Faults drawn by a seed befall three nodes with fencing by their BMCs: links and networks are cut, nodes lose power or reboot, daemons
are killed, and \`make cluster\` is run, and killed, in the middle of it. All the time it is looked for what must never be: two nodes that
have the VIP and both answer, and two sides that are both quorate. At the end the cluster has to be well by itself, its endpoints where
they belong, and \`make cluster\` has to change nothing. This file is written by \`make test-chaos\`; \`ARGS="--seed ${seed}"\` draws the same
faults again.

${date}; ${versions.join(', ')}; ${machine}; ${minutes} min.

**${faults.length} faults, seed ${seed}: ${found.length === 0 ? `nothing was found; all was well ${recovery} s after the last one` : `${found.length} found`}.**
${found.map((what) => `\n- ${what.split('\n')[0]}`).join('')}

| kind | faults |
|---|---|
${kinds.map(([kind, own]) => `| ${kind} | ${own.length} |`).join('\n')}
`
}
