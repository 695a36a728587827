/** What a terminal shows: a small one that knows the sequences that our list uses, with what has scrolled out of it. */

/** Lines as they stand in the end, the ones that have scrolled away first. Throws on a sequence that it does not know. */
export function shownOn(text: string, columns: number, rows: number): readonly string[] {
  const lines: string[][] = [[]]
  /** The cursor; `top` is the first line that is still on the screen. */
  let [row, column, top] = [0, 0, 0]
  const down = () => {
    row++
    lines[row] ??= []
    top = Math.max(top, row - rows + 1)
  }
  for (const [piece, , arguments_ = '', command = ''] of text.matchAll(/(\x1b\[([?\d;]*)([A-Za-z]))|[^\x1b]/gsu)) {
    const count = Number(arguments_) || 1
    const line = lines[row] as string[]
    if (command === '') {
      if (piece === '\n') down()
      else if (piece === '\r') column = 0
      else {
        if (column >= columns) {
          down()
          column = 0
        }
        const here = lines[row] as string[]
        while (here.length < column) here.push(' ')
        here[column++] = piece
      }
    } else if (command === 'A') row = Math.max(top, row - count)
    else if (command === 'B') row = Math.min(top + rows - 1, lines.length - 1, row + count)
    else if (command === 'G') column = count - 1
    else if (command === 'C') column += count
    else if (command === 'K') {
      if (arguments_ === '2') line.splice(0)
      else if (arguments_ === '' || arguments_ === '0') line.splice(column)
      else throw new Error(`unknown: ${JSON.stringify(piece)}`)
    } else if (command === 'J') {
      line.splice(column)
      for (const below of lines.slice(row + 1)) below.splice(0)
    } else if (!'mhl'.includes(command)) throw new Error(`unknown: ${JSON.stringify(piece)}`)
  }
  return lines.map((line) => line.join('').trimEnd())
}

/** What it shows after each drawing of the list (DEC mode 2026 ends there), and at the end. */
export function framesOn(text: string, columns: number, rows: number): readonly string[] {
  const parts = text.split('\x1b[?2026l')
  return parts.map((_, index) => shownOn(parts.slice(0, index + 1).join(''), columns, rows).join('\n'))
}
