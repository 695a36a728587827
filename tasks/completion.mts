/** Prints what makes a shell complete the scripts with their flags, phases, nodes and scenarios. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMPLETED_SHELLS, type Completed, completion } from '../lib/completion.mts'
import { NAMES } from '../lib/drill/names.mts'
import { flagsOf } from '../lib/flags.mts'
import { argumentsOf, isScript, ROOT } from '../lib/main.mts'
import { didYouMean } from '../lib/nearest.mts'

const FOLDER = join(ROOT, 'tasks')

/** Each script with the first line of its file; none is loaded for that. */
function completed(): Completed {
  const files = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.mts') && name !== 'completion.mts')
    .sort()
  const titleOf = (name: string) =>
    /^\/\*\* (.*?) \*\/$/m.exec(readFileSync(join(FOLDER, name), 'utf8'))?.[1]?.replace(/^\d\d-\S+: /, '') ?? name
  return {
    phases: files.filter((name) => /^\d\d-/.test(name)).map((name) => name.replace('.mts', '')),
    scripts: files.map((name) => ({
      path: `tasks/${name}`,
      title: titleOf(name),
      flags: flagsOf(`tasks/${name}`).map(([flag, { text }]) => ({ name: flag, text })),
      words: name === 'drill.mts' ? NAMES : [],
    })),
  }
}

const HELP = `npx zx tasks/completion.mts ${COMPLETED_SHELLS.join('|')}

Prints what makes that shell complete npx zx tasks/… with flags, phases, nodes of the env file, and scenarios:

  bash  npx zx tasks/completion.mts bash >>~/.bashrc
  zsh   npx zx tasks/completion.mts zsh >>~/.zshrc      (after compinit)
  fish  npx zx tasks/completion.mts fish >~/.config/fish/conf.d/quorate.fish`

if (isScript(import.meta)) {
  const args = argumentsOf()
  const [said = ''] = args
  const shell = COMPLETED_SHELLS.find((one) => one === said)
  if (shell !== undefined && args.length === 1) process.stdout.write(completion(shell, completed()))
  else if (args.includes('--help')) console.log(HELP)
  else {
    const remedy = didYouMean(said, COMPLETED_SHELLS, `npx zx tasks/completion.mts ${COMPLETED_SHELLS.join(', or ')}`)
    console.log(`${said === '' ? 'which shell?' : `there is no completion for "${args.join(' ')}"`} (${remedy})`)
    process.exitCode = 5
  }
}
