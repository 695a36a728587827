/** The CIB, changed on one path: by difference and as a whole, with pacemaker's own tools (cibadmin(8), crm_diff(8)). */
import type { Guard } from '../guard.mts'
import type { Fragment, Section } from '../render/cib-xml.mts'
import { raw, sh } from '../shell.mts'

/** Sets that pacemaker and others write to as well: ours is merged in. Any other object of ours is replaced as a whole. */
const SHARED: readonly Section[] = ['crm_config', 'rsc_defaults']

/** Seconds for a pacemaker that just became active to answer. */
const PATIENCE = 60

/**
 * Shell text: live.xml, and new.xml with our objects put in. With CIB_file set, the tools work on a copy instead of the
 * live CIB, so that a look changes nothing. The XML goes in by standard input: it may hold a fence password.
 */
const prepare = (objects: readonly Fragment[], gone: readonly string[]) =>
  raw(
    [
      `work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; live=$work/live.xml new=$work/new.xml`,
      `cibadmin --query >"$live" 2>"$work/said" || { echo "pacemaker does not answer: $(cat "$work/said")"; exit 1; }`,
      'cp "$live" "$new"',
      'there() { CIB_file=$new cibadmin --query --xpath "/cib/configuration//*[@id=\'$1\']" >/dev/null 2>&1; }',
      'put() { CIB_file=$new cibadmin "$1" --scope "$2" --xml-pipe; }',
      ...objects.map((object) =>
        SHARED.includes(object.section)
          ? sh`printf %s ${object.xml} | CIB_file=$new cibadmin --modify --allow-create --scope ${object.section} --xml-pipe`
          : sh`
          if there ${object.id}; then how=--replace; else how=--create; fi
          printf %s ${object.xml} | put "$how" ${object.section}`,
      ),
      ...gone.map(
        (id) => sh`
          ! there ${id} || CIB_file=$new cibadmin --delete --xpath ${`/cib/configuration//*[@id='${id}']`}`,
      ),
    ].join('\n'),
  )

/** The CIB holds these objects, and none with the ids that are gone. */
export const cib = (title: string, objects: readonly Fragment[], gone: readonly string[] = []): Guard => ({
  title,
  check: sh`
    ${prepare(objects, gone)}
    # 0 no difference, 1 a difference (crm_diff(8)).
    crm_diff --no-version --original "$live" --new "$new" || { [ $? -eq 1 ] && exit 1; exit 2; }`,
  apply: sh`
    ${prepare(objects, gone)}
    # Status 78 says warnings and errors alike: the text tells them apart.
    crm_verify --xml-file "$new" --verbose >"$work/verdict" 2>&1 || ! grep -i error "$work/verdict" || exit 1
    crm_diff --no-version --original "$live" --new "$new" >"$work/patch" || [ $? -eq 1 ]
    cibadmin --patch --xml-file "$work/patch"`,
  wait: PATIENCE,
})
