/** Tables of a document, for tests that hold them against what is. */

/** The rows of the first table below a heading, cell by cell, without the marks of code. */
export function rowsOf(document: string, heading: string): readonly (readonly string[])[] {
  const [, below = ''] = document.split(new RegExp(`^#+ ${heading}$`, 'm'))
  const [, table = ''] = /^\|.*\n\|[-|]+\n((?:\|.*\n)+)/m.exec(below) ?? []
  return table
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    )
}
