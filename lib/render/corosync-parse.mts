/** The format of corosync.conf, read as corosync reads it (exec/coroparse.c, parse_section). */

export interface Entry {
  readonly key: string
  readonly value: string
  /** Counted from 1. */
  readonly line: number
}

export interface Section {
  readonly name: string
  /** Where it is opened; 0 for the file itself. */
  readonly line: number
  readonly entries: Entry[]
  readonly sections: Section[]
}

export interface Parsed {
  readonly file: Section
  /** Lines that are neither a key, nor the beginning or the end of a section, told in a sentence each. */
  readonly problems: readonly string[]
}

/** Goes on after a bad line, unlike corosync, so that all of them are told at once. */
export function parseCorosync(conf: string): Parsed {
  const file: Section = { name: '', line: 0, entries: [], sections: [] }
  const open: [Section, ...Section[]] = [file]
  const problems: string[] = []
  for (const [index, raw] of conf.split('\n').entries()) {
    const line = index + 1
    const text = raw.trim()
    // The order of the tests is corosync's: a brace in a value opens a section.
    const [, name = '', rest = ''] = /^([^{]*)\{(.*)$/.exec(text) ?? []
    const [, key = '', value = ''] = /^([^:]*):(.*)$/.exec(text) ?? []
    if (text === '' || text.startsWith('#')) continue
    if (text.includes('{')) {
      if (name.trim() === '') problems.push(`line ${line}: a section without a name`)
      if (rest.trim() !== '') problems.push(`line ${line}: only a line's end may follow "{"`)
      const section: Section = { name: name.trim(), line, entries: [], sections: [] }
      open[0].sections.push(section)
      open.unshift(section)
    } else if (text.includes(':')) {
      open[0].entries.push({ key: key.trim(), value: value.trim(), line })
    } else if (text.includes('}')) {
      if (text !== '}') problems.push(`line ${line}: "}" must stand on a line of its own`)
      if (open[0] === file) problems.push(`line ${line}: "}" closes nothing`)
      else open.shift()
    } else {
      problems.push(`line ${line}: "${text}" is neither a key with a value nor the beginning or the end of a section`)
    }
  }
  for (const { name, line } of open) if (line > 0) problems.push(`line ${line}: ${name} is never closed by "}"`)
  return { file, problems }
}

/** The value of a key; the last one counts. */
export const settingOf = (section: Section | undefined, key: string): string | undefined =>
  section?.entries.findLast((entry) => entry.key === key)?.value

export const sectionsOf = (section: Section | undefined, name: string): readonly Section[] =>
  section?.sections.filter((one) => one.name === name) ?? []
