/** Files on a node: written beside and renamed, never without a copy of what was there. */
import type { Guard } from '../guard.mts'
import { raw, type Shell, sh } from '../shell.mts'

/** What the node keeps of our work: the originals, and the versions before the last. */
export const KEPT = '/var/lib/quorate'

interface FileOptions {
  /** Octal, as chmod takes it. */
  readonly mode?: string
  readonly owner?: string
  /** Shell text that must succeed with the new file at "$new" before it is put in place. */
  readonly test?: string
  /** `content` is base64 of a secret: neither it nor a diff of it is ever shown. */
  readonly secret?: boolean
  /** As `replace` has it. */
  readonly first?: 'original' | 'untouched'
  /** Where it is prepared, on the same file system: for one in a folder whose reader opens whatever it finds there. */
  readonly folder?: string
}

/**
 * Shell text that puts "$new" in the place of `path`. Kept under /var/lib/quorate: what was there before we ever wrote
 * (`original`; `<path>.absent` if nothing was), and what this replaces (`previous`). What is `original` is put back as a whole one
 * day, so a file that others go on to write is kept as `untouched`. A path that
 * only the node knows is given as a quoted variable.
 */
export const replace = (path: string | Shell, first: 'original' | 'untouched' = 'original'): string => sh`
  (
    trap 'rm -f "$new"' EXIT
    kept=${KEPT}
    mkdir -p "$kept"
    chmod 0700 "$kept"
    for age in ${first} previous; do
      copy=$kept/$age${path}
      [ "$age" = previous ] || { [ ! -e "$copy" ] && [ ! -e "$copy.absent" ]; } || continue
      mkdir -p "\${copy%/*}"
      # A copy that a full disk or a power cut left half made is none.
      if [ -e ${path} ]; then
        cp -p ${path} "$copy.new" || { rm -f "$copy.new"; exit 1; }
        mv -f "$copy.new" "$copy"
      elif [ "$age" != previous ]; then : >"$copy.absent"
      else rm -f "$copy"; fi
    done
    sync -f "$new" 2>/dev/null || sync
    printf '%s\\n' ${path} >>"$scratch/replaced"
    mv -f "$new" ${path}
  )`

/** Shell text that takes back what this script has replaced: what was there before is there again, or nothing where nothing was. */
export const takenBack = (path: string): string => sh`
  if grep -qsxF ${path} "$scratch/replaced"; then
    new=${beside(path)}
    if [ -e ${`${KEPT}/previous${path}`} ]; then
      cp -p ${`${KEPT}/previous${path}`} "$new"
      mv -f "$new" ${path}
    else rm -f ${path}; fi
  fi`

/**
 * Masks what looks like a password: of a file that was there before we came nobody knows the secrets, nor of one that we wrote
 * with other settings. It comes after diff, so that a password which changes is seen to change. Logins in URLs; passwords of
 * haproxy.cfg (`stats auth`, `user … password`) and the hash of a login there; a key that stands in corosync.conf itself
 * (corosync.conf(5), key).
 */
export const UNSECRET = raw(
  `sed -E -e 's|(://)[^/@ ]+@|\\1********@|g' -e 's/(stats +auth|password|passwd|secret)([ \t=:]+)[^ \t]+/\\1\\2********/g' -e 's/(authorization\\),sha2\\(256\\),hex -m str ).*/\\1********/' -e 's/^([-+ ][ \t]*key:).*/\\1 ********/'`,
)

/**
 * Shell text that prints how standard input differs from a file and exits with diff's status: 0 the same, 1 not. The dates
 * in diff's own header would differ from node to node.
 */
const difference = (shown: string, current: string, context = 3): string => sh`
  { seen=$(diff -U ${context} ${current} -) && exit 0 || status=$?
  printf '%s\\n' "$seen" | sed -e ${`1s|.*|--- ${shown}|`} -e ${`2s|.*|+++ ${shown} (wanted)|`} | ${UNSECRET}
  exit "$status"; }`

/** The same with the lines alone that differ: of a file of others the rest is not for a screen. */
export const changes = (path: string): string => difference(path, path, 0)

/** Where a file is prepared: the same folder, so that the rename cannot be half done. */
export const beside = (path: string): string => path.replace(/([^/]+)$/, '.$1.quorate-new')

/** Shell text: what could not be written whole is not left behind, where a disk is full least of all. */
export const GIVE_UP = raw('{ status=$?; rm -f "$new"; exit "$status"; }')

/** The file has exactly this content, owner and mode. */
export function file(path: string, content: string, options: FileOptions = {}): Guard {
  const { mode = '0644', owner = 'root:root', test, secret = false, first, folder } = options
  const wanted = raw(secret ? sh`printf %s ${content} | base64 -d` : sh`printf %s ${content}`)
  const compare = secret
    ? sh`${wanted} | cmp -s ${path} - || { echo "its content is another one (secret, not shown)"; exit 1; }`
    : sh`${wanted} | ${raw(difference(path, path))}`
  return {
    title: `${path} is in place`,
    check: sh`
      if [ ! -e ${path} ]; then
        ${raw(secret ? 'echo "it does not exist"' : sh`${wanted} | ${raw(difference(path, '/dev/null'))}`)}
        exit 1
      fi
      ${raw(compare)}
      now=$(stat -c '%a %U:%G' ${path})
      [ "$now" = ${`${mode.replace(/^0+/, '')} ${owner}`} ] || { printf 'mode and owner are %s, to be %s\\n' "$now" ${`${mode} ${owner}`}; exit 1; }`,
    apply: sh`
      new=${folder === undefined ? beside(path) : `${folder}/.${path.slice(1).replaceAll('/', '-')}.quorate-new`}
      mkdir -p ${path.replace(/\/[^/]+$/, '') || '/'}
      ( umask 077; ${wanted} >"$new" ) || ${GIVE_UP}
      ${raw(test ?? ':')}
      chown ${owner} "$new"
      chmod ${mode} "$new"
      ${raw(replace(path, first))}`,
  }
}

/** The file is not there. */
export const absent = (path: string): Guard => ({
  title: `${path} is not there`,
  check: sh`[ ! -e ${path} ] || { echo ${`it is there: ${path}`}; exit 1; }`,
  apply: sh`
    copy=${`${KEPT}/previous${path}`}
    mkdir -p "\${copy%/*}"
    chmod 0700 ${KEPT}
    mv -f ${path} "$copy"`,
})

/**
 * Part of a file that others write too: the lines between our two marker lines are exactly these; the rest is not touched.
 * `text` ends with a newline.
 */
export function block(path: string, name: string, text: string, mode = '0644'): Guard {
  const begin = `# BEGIN ${name}`
  const end = `# END ${name}`
  const whole = `${begin}\n${text}${end}\n`
  // Where the end marker is lost nobody knows how far the block went: then only the begin marker is taken for ours.
  const rest = raw(
    sh`awk -v b=${begin} -v e=${end} '
      $0 == b { printf "%s", held; held = ""; on = 1; next }
      on && $0 == e { held = ""; on = 0; next }
      on { held = held $0 "\\n"; next }
      { print }
      END { printf "%s", held }' ${path}`,
  )
  return {
    title: `${path} has the block "${name}"`,
    check: sh`
      now=/dev/null
      [ ! -e ${path} ] || now=${path}
      awk -v b=${begin} -v e=${end} '
        $0 == b { if (on) print b; on = 1; held = "" }
        on { held = held $0 "\\n" }
        on && $0 == e { printf "%s", held; on = 0 }
        END { if (on) print b }' "$now" |
        { printf %s ${whole} | ${raw(difference(path, '/dev/fd/3'))}; } 3<&0`,
    apply: sh`
      new=${beside(path)}
      mkdir -p ${path.replace(/\/[^/]+$/, '') || '/'}
      if [ -e ${path} ]; then cp -p ${path} "$new" || ${GIVE_UP}; else : >"$new"; chmod ${mode} "$new"; fi
      { { [ ! -e ${path} ] || ${rest}; } && printf %s ${whole}; } >"$new" || ${GIVE_UP}
      ${raw(replace(path))}`,
  }
}
