/** Completion, as real shells have it: each is asked what it would propose. */
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { CompletedShell } from '../../lib/completion.mts'
import { COMPLETED_SHELLS } from '../../lib/completion.mts'
import { NAMES } from '../../lib/drill/names.mts'
import { flagsOf } from '../../lib/flags.mts'
import { suite } from '../suite.mts'
import { folder } from './local-shell.mts'
import { needing } from './real-tool.mts'

const ROOT = join(import.meta.dirname, '../..')
const dir = folder()
const envFile = join(dir, 'env')
writeFileSync(
  envFile,
  `# NODES="1 2 three"\nNODES="\n192.0.2.1 node1.test.com node1 # the first\n192.0.2.2 node2.test.com node2\n\n192.0.2.3 other.test.com other\n"\nVIP="a b c"\n`,
)

const script = (...args: readonly string[]) =>
  spawnSync(process.execPath, [...process.execArgv, 'tasks/completion.mts', ...args], { cwd: ROOT, encoding: 'utf8' })

/** Programs of these shells: each prints what it proposes for the last word of LINE, having read FILE. */
const ASK: Readonly<Record<CompletedShell, string>> = {
  bash: `
    source "$FILE"
    read -ra COMP_WORDS <<<"$LINE"
    case $LINE in *' ') COMP_WORDS+=('') ;; esac
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    complete -p npx zx | grep -q _quorate || exit 1
    _quorate
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  fish: `
    source "$FILE"
    complete -C "$LINE" | string replace -r '\\t.*' ''`,
  // A shell of its own at a terminal, whose list of proposals goes to a file instead (compadd -A, zshcompwid(1)).
  zsh: `
    zmodload zsh/zpty
    zpty z zsh -f -i
    zpty -w z 'PROMPT=; autoload -U compinit; compinit -u -D; source "$FILE"; bindkey "^I" complete-word'
    zpty -w z 'compadd() { [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]] && { builtin compadd "$@"; return }; local -a hits; builtin compadd -A hits "$@"; print -rl -- $hits >>"$OUT" }'
    zpty -w z 'over() { print END >>"$OUT" }; comppostfuncs=(over); print READY >>"$OUT"'
    heard() { zpty -rt z said; sleep 0.05 }
    until [[ -e $OUT ]]; do heard; done
    zpty -w -n z "$LINE"$'\\t'
    until [[ "$(tail -n 1 "$OUT")" == END ]]; do heard; done
    zpty -d z
    grep -vx -e READY -e END -e '' "$OUT"`,
}

let count = 0
function proposals(shell: CompletedShell, line: string): readonly string[] {
  const file = join(dir, shell)
  writeFileSync(file, script(shell).stdout)
  const { stdout, stderr } = spawnSync(
    shell,
    [...(shell === 'bash' ? ['--norc'] : shell === 'zsh' ? ['-f'] : []), '-c', ASK[shell]],
    {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 60_000,
      env: {
        PATH: process.env.PATH,
        HOME: dir,
        TERM: 'xterm',
        FILE: file,
        LINE: line,
        OUT: join(dir, `out-${count++}`),
      },
    },
  )
  assert.is(stderr, '')
  return [...new Set(stdout.split('\n').filter((word) => word !== ''))].sort()
}

const test = suite('completion')

for (const shell of COMPLETED_SHELLS) {
  const asks = needing(test, shell)
  const cluster = (rest: string) => proposals(shell, `npx zx tasks/cluster.mts ${rest}`)

  asks(`${shell}: the scripts`, () => {
    const scripts = readdirSync(join(ROOT, 'tasks')).map((name) => `tasks/${name}`)
    const own = scripts.filter((name) => name !== 'tasks/completion.mts').sort()
    assert.equal(proposals(shell, 'npx zx tasks/'), own)
    assert.equal(proposals(shell, 'zx tasks/clu'), ['tasks/cluster.mts'])
  })

  asks(`${shell}: the flags of that script, and no others`, () => {
    const flags = flagsOf('tasks/destroy.mts').map(([name]) => `--${name}`)
    assert.equal(proposals(shell, 'npx zx tasks/destroy.mts --'), flags.toSorted())
    assert.equal(cluster('--plan --pa'), [])
    assert.equal(cluster('--fr'), ['--from'])
  })

  asks(`${shell}: the phases`, () => {
    for (const flag of ['--from', '--to', '--only']) assert.equal(cluster(`${flag} 03`), ['03-corosync'])
  })

  asks(`${shell}: the scenarios of the drill`, () => {
    assert.equal(proposals(shell, 'npx zx tasks/drill.mts h'), NAMES.filter((name) => name.startsWith('h')).sort())
  })

  asks(`${shell}: the nodes of the env file, one after the other`, () => {
    assert.equal(cluster(`--env ${envFile} --nodes no`), ['node1', 'node2'])
    const more = cluster(`--env ${envFile} --nodes node1,o`)
    // zsh proposes the word after the comma, the others all of it.
    assert.equal(more, shell === 'zsh' ? ['other'] : ['node1,other'])
    assert.equal(cluster('--env /nowhere/env --nodes no'), [])
  })
}

test('another shell: which there are, and exit code 5', () => {
  assert.equal(
    [script('fsh').status, script('fsh').stdout],
    [5, 'there is no completion for "fsh" (did you mean fish?)\n'],
  )
  assert.is(script().status, 5)
  assert.match(script('--help').stdout, /zsh {3}npx zx tasks\/completion\.mts zsh >>~\/\.zshrc/)
})

test.run()
