/** Completion of the scripts' command lines for bash, zsh and fish: pure text, made of the table of flags. */
import { quote } from './shell.mts'

/** What there is to complete. */
export interface Completed {
  readonly scripts: readonly {
    /** `tasks/cluster.mts` */
    readonly path: string
    readonly title: string
    readonly flags: readonly { readonly name: string; readonly text: string }[]
    /** Words that may stand on its line. */
    readonly words: readonly string[]
  }[]
  /** Ids. */
  readonly phases: readonly string[]
}

export const COMPLETED_SHELLS = ['bash', 'fish', 'zsh'] as const
export type CompletedShell = (typeof COMPLETED_SHELLS)[number]

const nameOf = (path: string): string => path.replace(/^.*\//, '')
const about = (shell: CompletedShell): string =>
  `# Completion of quorate's scripts for ${shell}: made by tasks/completion.mts of the table of flags.`

/**
 * Shell text: the short names of NODES in an env file. It guesses where the reader of the env file is strict: a wrong word here is only
 * a bad proposal. 047 is the single quote.
 */
const nodesOf = (file: string): string =>
  `awk '/^NODES=/ { on = 1; sub(/^NODES=/, "") } on { quotes += gsub(/["\\047]/, ""); sub(/#.*/, ""); if (NF > 2) print $3; if (quotes > 1) exit }' ${file} 2>/dev/null`

/** Of a POSIX-like case: scripts that have the same share an arm. */
function arms(
  scripts: Completed['scripts'],
  of: (script: Completed['scripts'][number]) => string,
  pattern: string,
): string {
  return [...Map.groupBy(scripts, of)]
    .map(([text, own]) => `    ${pattern}${own.map(({ path }) => nameOf(path)).join('|')}) ${text} ;;`)
    .join('\n')
}

const bash = ({ scripts, phases }: Completed): string => `${about('bash')}
_quorate() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} script='' env=.env words='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
    tasks/*.mts | */tasks/*.mts) script=\${COMP_WORDS[i]##*/} ;;
    --env) env=\${COMP_WORDS[i + 1]} ;;
    esac
  done
  case $prev in
  --env) return ;;
  --from | --to | --only) words=${quote(phases.join(' '))} ;;
  --nodes)
    words=$(${nodesOf('"$env"')})
    # One after the other, with commas between.
    case $cur in *,*) i=\${cur%,*}, ;; *) i='' ;; esac
    [ -z "$script" ] || mapfile -t COMPREPLY < <(compgen -P "$i" -W "$words" -- "\${cur##*,}")
    return
    ;;
  *)
    case $script in
${arms(scripts, ({ flags, words }) => `words=${quote([...words, ...flags.map(({ name }) => `--${name}`)].join(' '))}`, '')}
    '') [ ! -e tasks/cluster.mts ] || words=${quote(scripts.map(({ path }) => path).join(' '))} ;;
    esac
    ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
# What is not ours is completed as before: by files.
complete -o bashdefault -o default -F _quorate zx npx
`

/** An element of an array for _describe: a colon in the name would end it. */
const described = (name: string, text: string): string => quote(`${name.replaceAll(':', '\\:')}:${text}`)

const zsh = ({ scripts, phases }: Completed): string => `${about('zsh')}
_quorate() {
  local script='' env=.env i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
    (tasks/*.mts|*/tasks/*.mts) script=\${words[i]:t} ;;
    (--env) env=$words[i+1] ;;
    esac
  done
  if [[ -z $script ]]; then
    found=(${scripts.map(({ path, title }) => described(path, title)).join(' ')})
    [[ ! -e tasks/cluster.mts ]] || _describe script found && return
    _files
    return
  fi
  case $words[CURRENT-1] in
  (--env) _files; return ;;
  (--from|--to|--only) found=(${phases.map(quote).join(' ')}); _describe phase found; return ;;
  (--nodes) found=(\${(f)"$(${nodesOf('"$env"')})"}); _values -s , node $found; return ;;
  esac
  case $script in
${arms(scripts, ({ flags, words }) => `found=(${[...words.map(quote), ...flags.map(({ name, text }) => described(`--${name}`, text))].join(' ')})`, '(')}
  esac
  _describe flag found
}
compdef _quorate zx npx
`

/** The words of a fish command line are quoted as those of sh, but for the backslash. */
const fishQuote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function fish({ scripts, phases }: Completed): string {
  const values: Readonly<Record<string, string>> = {
    env: ' -r -F',
    nodes: " -x -a '(__quorate_nodes)'",
    ...Object.fromEntries(['from', 'to', 'only'].map((flag) => [flag, ` -x -a ${fishQuote(phases.join(' '))}`])),
  }
  const flags = new Map(scripts.flatMap((script) => script.flags.map((flag) => [flag.name, flag.text] as const)))
  const having = (name: string) => scripts.filter((script) => script.flags.some((flag) => flag.name === name))
  const where = (own: Completed['scripts']) =>
    fishQuote(`__quorate_in ${own.map(({ path }) => nameOf(path)).join(' ')}`)
  return [
    about('fish'),
    'function __quorate_script',
    "  string match -r 'tasks/[^/]+\\.mts$' -- (commandline -opc) | string replace 'tasks/' ''",
    'end',
    'function __quorate_in',
    '  contains -- (__quorate_script) $argv',
    'end',
    'function __quorate_nodes',
    '  set -l env .env',
    '  set -l line (commandline -opc)',
    '  set -l at (contains -i -- --env $line)',
    '  and set env $line[(math $at + 1)]',
    "  set -l before (commandline -ct | string match -r '.*,')",
    `  for node in (${nodesOf('$env')})`,
    '    echo "$before$node"',
    '  end',
    'end',
    ...scripts.map(
      ({ path, title }) =>
        `complete -c zx -c npx -n 'not __quorate_script >/dev/null; and test -e tasks/cluster.mts' -f -a ${path} -d ${fishQuote(title)}`,
    ),
    ...scripts.flatMap((script) =>
      script.words.length === 0
        ? []
        : [`complete -c zx -c npx -n ${where([script])} -f -a ${fishQuote(script.words.join(' '))}`],
    ),
    ...[...flags].map(
      ([name, text]) =>
        `complete -c zx -c npx -n ${where(having(name))} -l ${name}${values[name] ?? ' -f'} -d ${fishQuote(text)}`,
    ),
    '',
  ].join('\n')
}

/** What a shell reads to complete `zx tasks/…` and `npx zx tasks/…`. */
export const completion = (shell: CompletedShell, completed: Completed): string =>
  ({ bash, zsh, fish })[shell](completed)
