/** Opens a file as the desktop does, where there is one. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What came of it, as a sentence that names the file where nothing was opened. */
export async function open(file: string): Promise<string> {
  const { DISPLAY, WAYLAND_DISPLAY, PATH = '' } = process.env
  const isMac = process.platform === 'darwin'
  const program = isMac ? 'open' : 'xdg-open'
  if (!isMac && !DISPLAY && !WAYLAND_DISPLAY)
    return `there is no desktop here (neither DISPLAY nor WAYLAND_DISPLAY is set): the file is ${file}`
  if (!PATH.split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program))))
    return `${program} is not installed here: the file is ${file}`
  // It ends when it likes, and so do we.
  const child = spawn(program, [file], { stdio: 'ignore', detached: true })
  return new Promise((tell) => {
    child.on('spawn', () => {
      child.unref()
      tell(`opened by ${program}`)
    })
    child.on('error', (error) => tell(`${program} does not start (${error.message}): the file is ${file}`))
  })
}
