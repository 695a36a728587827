/** Settings in INI files of others: exact edits of single lines, so that comments, order and all else stay. */
import type { Guard } from '../guard.mts'
import { raw, sh } from '../shell.mts'
import { beside, changes, GIVE_UP, KEPT, replace } from './file.mts'

/** What a setting is to be. */
export interface Setting {
  readonly section: string
  readonly key: string
  readonly value: string
}

/**
 * A line for each setting that we ever wrote, in that order: path, [section], key, our value, "=" and what was there if anything was,
 * and the units that read the file.
 */
export const SETTINGS = `${KEPT}/settings`

/** A file for each change that a daemon has yet to be started anew for. */
export const PENDING = `${KEPT}/pending`

/**
 * Shell functions over standard input: `setting SECTION KEY VALUE` prints it with this setting, `unset_setting SECTION KEY` without
 * it, and `get_setting SECTION KEY` prints "=" and its value, nothing where it has none. Where a key is given more than once the
 * last one counts, and lines that begin with a blank go on with the value before them (oslo.config, ConfigParser in cfg.py;
 * configparser of Python). What is not there yet comes below the commented default, else below the head of the section, else at the
 * end. Names and values go by the environment: awk reads escapes in what `-v` is given (POSIX, awk).
 */
export const INI = raw(
  `
ini() {
  how=$1 section=$2 key=$3 value=\${4:-} awk '
    function head(text) { if (text !~ /^\\[[^]]*\\]/) return 0; name = substr(text, 2, index(text, "]") - 2); return 1 }
    function is(text, own) {
      if (!match(text, /[ \\t]*[=:]/)) return 0
      own = substr(text, 1, RSTART - 1)
      sub(/^#[ \\t]*/, "", own)
      return own == ENVIRON["key"]
    }
    { line[NR] = $0 }
    END {
      name = ""
      for (i = 1; i <= NR; i++) {
        if (head(line[i])) { if (name == ENVIRON["section"]) top = i; continue }
        if (name != ENVIRON["section"] || !is(line[i])) continue
        if (line[i] ~ /^#/) hint = i; else at = i
      }
      if (at) for (last = at; last < NR && line[last + 1] ~ /^[ \\t]+[^ \\t]/;) last++
      if (at) match(line[at], /[ \\t]*[=:][ \\t]*/)
      was = at ? substr(line[at], RSTART + RLENGTH) : ""
      if (ENVIRON["how"] == "get") {
        if (at) print "=" was
        exit
      }
      new = ENVIRON["key"] " = " ENVIRON["value"]
      if (ENVIRON["how"] == "set" && !at && ENVIRON["section"] == "") { print new; at = NR + 1; last = NR }
      if (ENVIRON["how"] == "unset") { if (at) drop[at] }
      else if (at > 0 && at <= NR && was != ENVIRON["value"]) line[at] = substr(line[at], 1, RSTART + RLENGTH - 1) ENVIRON["value"]
      else if (!at && hint) line[hint] = line[hint] "\\n" new
      else if (!at && top) line[top] = line[top] "\\n" new
      for (i = at + 1; at && i <= last; i++) drop[i]
      for (i = 1; i <= NR; i++) if (!(i in drop)) print line[i]
      if (ENVIRON["how"] == "set" && !at && !hint && !top) printf "%s[%s]\\n%s\\n", NR ? "\\n" : "", ENVIRON["section"], new
    }'
}
setting() { ini set "$@"; }
unset_setting() { ini unset "$@"; }
get_setting() { ini get "$@"; }`.trim(),
)

/** The file, which is there, has these settings, for these units; a plan shows the lines that change, and none of the rest. */
export function ini(path: string, settings: readonly Setting[], units: readonly string[]): Guard {
  const wanted = raw(
    [sh`cat ${path}`, ...settings.map(({ section, key, value }) => sh`setting ${section} ${key} ${value}`)].join(' | '),
  )
  const note = ({ section, key, value }: Setting) => sh`
    was=$(get_setting ${section} ${key} <${path})
    [ "$was" = ${`=${value}`} ] || printf '%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' ${path} ${`[${section}]`} ${key} ${value} "$was" ${units.join(' ')} >>${SETTINGS}`
  return {
    title: `${path} has ${settings.map(({ section, key, value }) => `[${section}] ${key} = ${value}`).join(', ')}`,
    check: sh`
      ${INI}
      [ -e ${path} ] || { echo ${`there is no ${path}`}; exit 1; }
      ${wanted} | ${raw(changes(path))}`,
    apply: sh`
      ${INI}
      new=${beside(path)}
      mkdir -p ${KEPT}
      chmod 0700 ${KEPT}
      cp -p ${path} "$new" || ${GIVE_UP}
      { ${wanted}; } >"$new" || ${GIVE_UP}
      ${raw(settings.map(note).join('\n'))}
      ${raw(replace(path, 'untouched'))}`,
  }
}

/**
 * Shell text, after INI, that gives the file "$path" its settings back, prepared at "$new": each is what it was before we first wrote it,
 * or gone. One that has another value than ours by now is somebody else's, and left alone.
 */
export const settingsBack = sh`
  tab=$(printf '\\t')
  copy=$new.next
  cp -p "$path" "$new"
  awk -F '\\t' -v path="$path" '$1 == path && !seen[$2 FS $3]++ { print $2 "\\t" $3 "\\t" ($5 == "" ? "-" : $5) }' ${SETTINGS} |
    while IFS="$tab" read -r section key was; do
      section=\${section#[} section=\${section%]}
      now=$(get_setting "$section" "$key" <"$new")
      [ -n "$now" ] || continue
      # Not by grep: a value may look like a pattern, or like anything.
      now=$now section=$section key=$key awk -F '\\t' -v path="$path" '
        $1 == path && $2 == "[" ENVIRON["section"] "]" && $3 == ENVIRON["key"] && "=" $4 == ENVIRON["now"] { found = 1 }
        END { exit !found }' ${SETTINGS} || continue
      case $was in
        -) unset_setting "$section" "$key" <"$new" >"$copy" ;;
        *) setting "$section" "$key" "\${was#=}" <"$new" >"$copy" ;;
      esac
      cat "$copy" >"$new"
    done
  rm -f "$copy"
  mv -f "$new" "$path"`
