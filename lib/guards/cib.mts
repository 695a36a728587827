/** The CIB, changed on one path: by difference and as a whole, with pacemaker's own tools (cibadmin(8), crm_diff(8)). */
import type { Guard } from '../guard.mts'
import type { Fragment, Section } from '../render/cib-xml.mts'
import { raw, sh } from '../shell.mts'

/** Sets that pacemaker and others write to as well: ours is merged in. Any other object of ours is replaced as a whole. */
const SHARED: readonly Section[] = ['crm_config', 'rsc_defaults']

/** Seconds for a pacemaker that just became active to answer. */
const PATIENCE = 60

/** Where pacemaker keeps the CIB of a node. */
export const CIB = '/var/lib/pacemaker/cib/cib.xml'

/** The header of a diff without dates and paths, which differ from node to node. */
const HEADER = raw(`sed -e '1s|.*|--- CIB|' -e '2s|.*|+++ CIB (wanted)|'`)

/**
 * Shell function `unsecret`: masks what looks like a password. One that stands in the CIB but not in the env file is known to nobody who
 * could mask it later. It comes after diff, so that a password which changes is seen to change.
 */
export const UNSECRET_CIB = raw(
  `
unsecret() {
  awk '{ low = tolower($0) }
    low ~ / name="[^"]*(pass|pwd|secret|token|key|credential|community|private)[^"]*"/ &&
      low !~ / name="[^"]*(script|file|path)"/ { sub(/ value="[^"]*"/, " value=\\"********\\"") }
    { print }'
}`.trim(),
)

/**
 * Shell functions, and `unsecret`. `shown` is the part that people write, as pacemaker prints it: without the status and the counters of
 * versions. `flat` is the live one on a single line.
 * `foreseen` tells what pacemaker would do (crm_simulate(8)). Without --save-output it writes beside the live CIB.
 */
const VIEW = raw(
  `
${UNSECRET_CIB.shell}
flat() { tr -d '\\n' <"$live" | sed 's/>  *</></g'; }
shown() { CIB_file=$1 cibadmin --query --scope configuration; }
foreseen() {
  command -v crm_simulate >/dev/null || { echo "crm_simulate is not installed: what pacemaker would do is not known"; return 0; }
  crm_simulate --simulate --xml-file "$new" --save-output "$work/after.xml" >"$work/said" 2>&1 || {
    echo "crm_simulate cannot tell what pacemaker would do: $(tail -n 1 "$work/said")"
    return 0
  }
  awk '/^Transition Summary:/ { on = 1; next }
    on && /^ *\\* / { if (!told++) print "pacemaker would:"; gsub(/  +/, " "); print " " $0; next }
    on { exit }
    END { if (!told) print "pacemaker would start, move and stop nothing" }' "$work/said"
}`.trim(),
)

/** What must be found in a flat CIB: an object of ours as it is, or each pair of a set that others write to as well. */
function partsOf({ section, xml }: Fragment): readonly string[] {
  const lines = xml.split('\n').map((line) => line.trim())
  return SHARED.includes(section) ? lines.filter((line) => line.startsWith('<nvpair ')) : [lines.join('')]
}

/** Shell text that prints them, a line each. */
const lines = (objects: readonly Fragment[]) =>
  raw(
    sh`printf %s ${objects
      .flatMap(partsOf)
      .map((part) => `${part}\n`)
      .join('')}`,
  )

/**
 * Shell text: a command that is true where the CIB holds these objects letter by letter as we write them. Where there is no CIB it is
 * not.
 */
export const registered = (objects: readonly Fragment[]) =>
  raw(sh`(
    ${VIEW}
    live=$scratch/cib/live.xml
    mkdir -p "$scratch/cib"
    { [ "\${mode:-}" = check ] && [ -s "$live" ]; } || cibadmin --query >"$live" 2>/dev/null || { rm -f "$live"; exit 1; }
    all=$(flat)
    ${lines(objects)} >"$scratch/cib/ours"
    while IFS= read -r part; do case $all in *"$part"*) ;; *) exit 1 ;; esac; done <"$scratch/cib/ours"
  )`)

/** Resources that constraints among these objects name, and that are not among them. */
function needed(objects: readonly Fragment[]): readonly string[] {
  const constraints = objects.filter(({ section }) => section === 'constraints').map(({ xml }) => xml)
  const named = constraints.flatMap((xml) => [...xml.matchAll(/ (?:rsc|with-rsc|first|then)="([^"]*)"/g)])
  const own = objects.filter(({ section }) => section === 'resources').map(({ xml }) => xml)
  const all = new Set(named.map(([, id = '']) => id))
  return [...all].filter((id) => !own.some((xml) => xml.includes(` id="${id}"`)))
}

/**
 * Shell text: live.xml, and new.xml with our objects put in. With CIB_file set, the tools work on a copy instead of the
 * live CIB, so that a look changes nothing. It exits 0 where there is nothing to put in. The XML goes in by standard input and stays in memory (`$scratch`): it may hold a
 * fence password.
 */
const prepare = (objects: readonly Fragment[], gone: readonly string[]) =>
  raw(
    [
      VIEW.shell,
      'work=$scratch/cib live=$scratch/cib/live.xml new=$scratch/cib/new.xml',
      'mkdir -p "$work"',
      sh`
        # A look needs one CIB for all of its guards.
        { [ "\${mode:-}" = check ] && [ -s "$live" ]; } || cibadmin --query >"$live" 2>"$work/said" || {
          rm -f "$live"
          if [ -e ${CIB} ]; then echo "pacemaker does not answer: $(cat "$work/said")"; exit 1; fi
          echo "there is no CIB yet"
          printf %s ${objects.map(({ xml }) => `${xml}\n`).join('')} | diff -u /dev/null - | ${HEADER} | unsecret
          exit 1
        }`,
      // The tools take a while for each object: not needed where all stand letter by letter as we write them.
      sh`
        all=$(flat) same=1
        ${lines(objects)} >"$work/ours"
        while IFS= read -r part; do case $all in *"$part"*) ;; *) same= ;; esac; done <"$work/ours"
        for id in ${gone}; do case $all in *" id=\\"$id\\""*) same= ;; esac; done
        if [ -n "$same" ]; then exit 0; fi
        # With what is not there a constraint is against the schema, and cibadmin would show the CIB by a file in /tmp.
        for id in ${needed(objects)}; do
          case $all in *" id=\\"$id\\""*) ;; *) echo "there is no resource $id yet"; exit 1 ;; esac
        done`,
      'cp "$live" "$new"',
      'there() { CIB_file=$new cibadmin --query --xpath "/cib/configuration//*[@id=\'$1\']" >/dev/null 2>&1; }',
      'put() { CIB_file=$new cibadmin "$@" --xml-pipe; }',
      ...objects.map((object) =>
        SHARED.includes(object.section)
          ? sh`printf %s ${object.xml} | CIB_file=$new cibadmin --modify --allow-create --scope ${object.section} --xml-pipe`
          : sh`
          # --create would want the section to be there.
          if there ${object.id}; then set -- --replace; else set -- --modify --allow-create; fi
          printf %s ${object.xml} | put "$@" --scope ${object.section}`,
      ),
      ...gone.map(
        (id) => sh`
          ! there ${id} || CIB_file=$new cibadmin --delete --xpath ${`/cib/configuration//*[@id='${id}']`}`,
      ),
    ].join('\n'),
  )

/** The CIB holds these objects, and none with the ids that are gone. What differs is told with what pacemaker would do. */
export const cib = (title: string, objects: readonly Fragment[], gone: readonly string[] = []): Guard => ({
  title,
  check: sh`
    ${prepare(objects, gone)}
    # 0 no difference, 1 a difference (crm_diff(8)).
    crm_diff --no-version --original "$live" --new "$new" >/dev/null && exit 0 || status=$?
    [ "$status" -eq 1 ] || exit 2
    shown "$live" >"$work/live.txt"
    shown "$new" >"$work/new.txt"
    diff -u "$work/live.txt" "$work/new.txt" | ${HEADER} | unsecret
    foreseen
    exit 1`,
  apply: sh`
    ${prepare(objects, gone)}
    # Status 78 says warnings and errors alike: the text tells them apart.
    crm_verify --xml-file "$new" --verbose >"$work/verdict" 2>&1 || ! grep -i error "$work/verdict" || exit 1
    crm_diff --no-version --original "$live" --new "$new" >"$work/patch" || [ $? -eq 1 ]
    whole cibadmin --patch --xml-file "$work/patch"`,
  wait: PATIENCE,
})
