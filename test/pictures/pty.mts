/** A program in a real terminal of so many columns and rows, and what stands on its screen, with colours. */
import { spawn } from 'node:child_process'
import xterm from '@xterm/headless'
import type { Cell, Line } from './svg.mts'

/** Lines that have scrolled away and are kept. */
const KEPT = 2000

export interface Shown {
  readonly code: number | null
  /** The whole story, the lines that have scrolled away first. */
  readonly lines: readonly Line[]
  /** The screen when it first showed what was looked for, if it did. */
  readonly caught: readonly Line[] | undefined
}

/**
 * Runs a command line in a pseudo terminal made by script(1). `caught` is the screen at the end of the first drawing on which `when`
 * matches.
 */
export async function onTerminal(
  command: string,
  { columns, rows, cwd, when }: { columns: number; rows: number; cwd: string; when?: RegExp },
): Promise<Shown> {
  const terminal = new xterm.Terminal({ cols: columns, rows, scrollback: KEPT, allowProposedApi: true })
  const child = spawn('script', ['-qefc', `stty cols ${columns} rows ${rows}; ${command}`, '/dev/null'], {
    cwd,
    // Where it is told to be plain there is nothing to be seen.
    env: { ...process.env, CI: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined, TERM: 'xterm-256color' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let caught: readonly Line[] | undefined
  child.stdout.setEncoding('utf8')
  for await (const piece of child.stdout as AsyncIterable<string>) {
    // The list is drawn between two marks (DEC mode 2026): only after the second one is a screen whole.
    for (const part of piece.split(/(?<=\x1b\[\?2026l)/)) {
      await new Promise<void>((done) => terminal.write(part, done))
      if (caught !== undefined || when === undefined || !part.endsWith('\x1b[?2026l')) continue
      const screen = linesOf(terminal, terminal.buffer.active.baseY)
      if (screen.some((line) => when.test(textOf(line)))) caught = screen
    }
  }
  const code = child.exitCode ?? (await new Promise<number | null>((done) => child.on('exit', done)))
  return { code, lines: linesOf(terminal, 0), caught }
}

export const textOf = (line: Line): string => line.map(({ text }) => text).join('')

/** The lines of a terminal from this one on, without the empty ones at the end. */
function linesOf(terminal: xterm.Terminal, first: number): readonly Line[] {
  const { active } = terminal.buffer
  const lines: Cell[][] = []
  for (let at = first; at < active.length; at++) {
    const row = active.getLine(at)
    const line: Cell[] = []
    for (let column = 0; column < terminal.cols; column++) {
      const cell = row?.getCell(column)
      if (cell === undefined || cell.getWidth() === 0) continue
      line.push({
        text: cell.getChars() || ' ',
        colour: cell.isFgPalette() ? cell.getFgColor() : undefined,
        bold: cell.isBold() !== 0,
        dim: cell.isDim() !== 0,
      })
    }
    while (line.at(-1)?.text === ' ') line.pop()
    lines.push(line)
  }
  while (lines.at(-1)?.length === 0) lines.pop()
  return lines
}
