/** Guards of a node from which the cluster is taken away again: what we brought is gone, and what was there is back. */
import { basename, dirname } from 'node:path'
import { BEFORE } from './before.mts'
import type { Config } from './config.mts'
import { LOCK } from './driver.mts'
import type { Family } from './family.mts'
import type { Guard } from './guard.mts'
import { KEPT } from './guards/file.mts'
import { INI, SETTINGS, settingsBack } from './guards/ini.mts'
import { BROUGHT } from './guards/manager.mts'
import { MANAGERS } from './guards/package.mts'
import { require } from './guards/require.mts'
import { STAMPS } from './guards/service.mts'
import { arbitersPackages, packagesOf } from './packages.mts'
import { raw, sh } from './shell.mts'

/** In the order in which they stop: pacemaker takes the resources away with it. */
const STACK = ['pacemaker', 'corosync-qdevice', 'corosync', 'haproxy']

/** Shell function `built`: whether a ring of ours was ever made here. Without that nothing of a cluster that may be here is ours. */
const BUILT = raw(
  sh`built() { [ -e ${KEPT}/original/etc/corosync/corosync.conf ] || [ -e ${KEPT}/original/etc/corosync/corosync.conf.absent ]; }`,
)

/** What others had made before us, and had in their CIB, would go with what is ours. The example of Debian's package is nobody's. */
export const notAdopted = (): Guard => {
  const before = `${KEPT}/original/etc/corosync/corosync.conf`
  return require('the cluster is of our making', sh`
    [ -e ${before} ] || exit 0
    [ "$(grep -c '^[[:space:]]*node[[:space:]]*{' ${before})" -gt 1 ] || exit 0
    grep -q '^# Written by quorate' ${before} || { echo ${`it was there before us, and was adopted: ${before}`}; exit 1; }`, 'take out what is ours by hand (vip and haproxy-clone, in crm or pcs), then put that file back: the rest belongs to those who made it')
}

/** Nothing of the cluster runs or starts at boot. What did so before us is started again when its files are back. */
export const stopped = (): Guard => ({
  title: 'nothing of the cluster runs',
  check: sh`
    ${BUILT}
    built || exit 0
    for unit in ${STACK}; do
      systemctl cat "$unit" >/dev/null 2>&1 || continue
      if systemctl is-active --quiet "$unit"; then echo "$unit runs"; exit 1; fi
      if systemctl is-enabled --quiet "$unit" 2>/dev/null; then echo "$unit starts at boot"; exit 1; fi
    done`,
  apply: sh`
    for unit in ${STACK}; do
      systemctl cat "$unit" >/dev/null 2>&1 || continue
      systemctl stop "$unit"
      systemctl --quiet disable "$unit"
    done`,
  remedy: 'crm_mon -1rf and journalctl -u pacemaker on that node tell what does not end',
})

/** Cluster state that its daemons have written: none of it is of use to anybody without the cluster. */
const STATE = [
  '/var/lib/pacemaker/cib',
  '/var/lib/pacemaker/pengine',
  '/var/lib/pacemaker/cores',
  '/var/lib/pacemaker/blackbox',
  '/var/lib/corosync',
  '/etc/corosync/qdevice/net/nssdb',
]

/** Before the files are put back: they tell that the state is of our cluster. */
export const stateGone = (): Guard => ({
  title: 'no state of the cluster is left',
  check: sh`
    ${BUILT}
    built || exit 0
    for dir in ${STATE}; do
      if [ -d "$dir" ] && [ -n "$(ls -A "$dir")" ]; then echo "$dir is not empty"; exit 1; fi
    done`,
  apply: sh`
    for dir in ${STATE}; do [ ! -d "$dir" ] || find "$dir" -mindepth 1 -delete; done`,
})

/** Shell function `ours FILE`: whether it has a block of ours, which is in a file of others. */
const OURS = raw(`ours() { [ -e "$1" ] && grep -q '^# BEGIN quorate' "$1" 2>/dev/null; }`)

/** Patterns for sed: who has read a file of ours, by the folder in which it is. */
const READERS = ({ apache, chrony, trust, units }: Family): string =>
  [
    ...apache.files.map((path) => [path.split('/').slice(0, 3).join('/'), units.apache] as const),
    [dirname(chrony.sources), units.chrony] as const,
    ...(chrony.include ? [[chrony.include[0], units.chrony] as const] : []),
    [trust.folder, STORE] as const,
    ['/etc/systemd/timesyncd[.]conf[.]d', 'systemd-timesyncd'] as const,
  ]
    .map(([path, reader]) => sh`-e ${`s|.*${path}\\(/.*\\)*$|${reader}|p`}`)
    .filter((one, index, all) => all.indexOf(one) === index)
    .join(' ')

/** No unit: the store of those whom the node trusts, made anew. */
const STORE = 'ca-certificates'

/**
 * Each file that we ever replaced is what it was, each that we brought is gone, and of those that others write too our lines are
 * gone. `original` has them all: lib/guards/file.mts writes no file without it.
 */
export const filesBack = (family: Family): Guard => ({
  title: 'the files are as they were before',
  check: sh`
    [ ! -s ${SETTINGS} ] || { cut -f 1 ${SETTINGS} | sort -u | sed 's|^|settings to be put back: |'; exit 1; }
    [ ! -d ${KEPT}/original ] || {
      find ${KEPT}/original -type f | sed ${`s|^${KEPT}/original||`} | while IFS= read -r path; do
        case $path in *.absent) echo "to be removed: \${path%.absent}" ;; *) echo "to be put back: $path" ;; esac
      done
      exit 1
    }`,
  apply: sh`
    ${OURS}
    ${INI}
    # Who reads them is started anew afterwards; a reboot may have forgotten what we started.
    find ${KEPT}/original -type f | sed -n \
      -e 's|.*/etc/systemd/system/\\([^/]*\\)[.]service[.]d/.*|\\1|p' ${raw(READERS(family))} \
      >${KEPT}/restart.new
    [ ! -e ${SETTINGS} ] || cut -f 6 ${SETTINGS} | tr ' ' '\\n' >>${KEPT}/restart.new
    # Beside those of a run that was cut off when it had put some back already.
    if [ -e ${KEPT}/restart ]; then cat ${KEPT}/restart >>${KEPT}/restart.new; fi
    sort -u -o ${KEPT}/restart.new ${KEPT}/restart.new
    mv ${KEPT}/restart.new ${KEPT}/restart
    [ ! -e ${SETTINGS} ] || cut -f 1 ${SETTINGS} | sort -u | while IFS= read -r path; do
      [ -e "$path" ] || continue
      new="\${path%/*}/.\${path##*/}.quorate-new"
      ${raw(settingsBack)}
    done
    rm -f ${SETTINGS}
    find ${KEPT}/original -type f | while IFS= read -r copy; do
      path=\${copy#${raw(`${KEPT}/original`)}}
      kind=back
      case $path in *.absent) kind=gone path=\${path%.absent} ;; esac
      new="\${path%/*}/.\${path##*/}.quorate-new"
      if ours "$path"; then
        cp -p "$path" "$new"
        awk '/^# BEGIN quorate/ { off = 1 } !off { print } /^# END quorate/ { off = 0 }' "$path" >"$new"
        if [ "$kind" = gone ] && [ ! -s "$new" ]; then rm -f "$new" "$path"; else mv -f "$new" "$path"; fi
      elif [ "$kind" = gone ]; then
        rm -f "$path"
        # A folder that nobody else has anything in, nor a package.
        case $path in /etc/systemd/system/*.d/* | /etc/systemd/timesyncd.conf.d/* | /etc/corosync/*) rmdir "\${path%/*}" 2>/dev/null || : ;; esac
      else
        cp -p "$copy" "$new"
        mv -f "$new" "$path"
      fi
    done
    sync
    rm -rf ${KEPT}/original`,
})

/** What was started with files of ours is started with those that are there now, and what ran before runs. */
export const servicesBack = ({ trust }: Family): Guard => ({
  title: 'other services run as they did before',
  check: sh`[ ! -e ${KEPT}/restart ] || { echo "they still run with files of ours"; exit 1; }`,
  apply: sh`
    systemctl daemon-reload
    while read -r unit; do
      case $unit in
        haproxy) ;;
        ${STORE}) ! command -v ${trust.command[0] as string} >/dev/null || said=$(${trust.command} 2>&1) || { printf '%s\n' "$said"; exit 1; } ;;
        *) ! systemctl is-active --quiet "$unit" || systemctl restart "$unit" ;;
      esac
    done <${KEPT}/restart
    if [ -e ${BEFORE}/units ]; then
      while read -r unit enabled active; do
        case $enabled in enabled) systemctl --quiet enable "$unit" ;; disabled) systemctl --quiet disable "$unit" ;; esac
        case $active in active) systemctl start "$unit" ;; inactive) systemctl stop "$unit" ;; esac
      done <${BEFORE}/units
    fi
    [ ! -e ${BEFORE}/sysctl ] || sysctl --quiet --load=${BEFORE}/sysctl
    rm -f ${KEPT}/restart`,
})

/** Shell function `ours`, after those of the manager: the packages that we have brought and that are installed. */
const OURS_INSTALLED = raw(
  sh`
ours() {
  [ -e ${BROUGHT} ] || return 0
  came | grep -vxFf ${BEFORE}/packages | while read -r name; do ! there "$name" || printf ' %s' "$name"; done
}`.trim(),
)

/** Ours that have to stay, because something that came later needs them. */
const STAY = `${BEFORE}/stay`

/** Folders that daemons of these packages fill, and that a purge leaves behind. */
const LEFT_BEHIND = ['/var/lib/haproxy', '/var/lib/heartbeat', '/var/lib/pacemaker', '/var/lib/corosync']

/** Packages that came with the cluster are gone, with what came for their sake; those that were there before stay. */
export const packagesGone = (config: Config, family: Family): Guard => ({
  title: 'the packages of the cluster are gone',
  check: sh`
    [ -e ${BEFORE}/packages ] || exit 0
    ${MANAGERS[family.manager].functions}
    ${OURS_INSTALLED}
    for name in $(ours); do
      grep -qxF "$name" ${STAY} 2>/dev/null || { echo "$name is installed, with others"; exit 1; }
    done`,
  apply: sh`
    ${MANAGERS[family.manager].functions}
    ${OURS_INSTALLED}
    away=$(ours)
    [ -z "$away" ] || away=$(can_go $away)
    away=$(echo $away)
    # The links of a unit that we have enabled are no package's.
    for unit in ${unitsOf(config, family)}; do
      file=$(systemctl show --property FragmentPath --value "$unit" 2>/dev/null) || file=
      [ -n "$file" ] || continue
      own=$(owner "$file") || continue
      case " $away " in *" $own "*) systemctl --quiet disable "$unit" ;; esac
    done
    [ -z "$away" ] || remove $away
    for dir in ${LEFT_BEHIND}; do
      [ -z "$away" ] || [ ! -d "$dir" ] || owner "$dir" >/dev/null || rm -rf "$dir"
    done
    ours | tr -s ' ' '\\n' >${STAY}`,
})

const unitsOf = (config: Config, family: Family): readonly string[] =>
  [...packagesOf(config, family), ...arbitersPackages(config, family)].flatMap(({ units = [] }) => units)

/** Only what was put back needs no record any more. */
export const putBack = (): Guard =>
  require('everything is put back', sh`
    if [ -d ${KEPT}/original ] || [ -e ${KEPT}/restart ]; then echo "what was there before is not back yet"; exit 1; fi`, 'run the whole: make destroy')

/**
 * An arbiter may serve other clusters: of it only what is ours goes, and the daemon only if we have brought it and nobody else has a
 * certificate of it.
 */
export const arbiterLeft = ({ clusterName }: Config): Guard => {
  const all = '/etc/corosync/qnetd/nssdb/cluster-*.crt'
  // As lib/qdevice.mts names them: another cluster's name may begin like this one's.
  const own = `/etc/corosync/qnetd/nssdb/cluster-${clusterName}-${'[0-9a-f]'.repeat(16)}.crt`
  const alone = sh`[ -e ${BEFORE}/packages ] && ! grep -qx corosync-qnetd ${BEFORE}/packages && systemctl cat corosync-qnetd >/dev/null 2>&1`
  return {
    title: 'the arbiter knows nothing of the cluster',
    check: sh`
      for file in ${raw(own)}; do [ ! -e "$file" ] || { echo "it has certificates of it"; exit 1; }; done
      for file in ${raw(all)}; do [ ! -e "$file" ] || exit 0; done
      if ${raw(alone)} && { systemctl is-active --quiet corosync-qnetd || systemctl is-enabled --quiet corosync-qnetd; }; then
        echo "corosync-qnetd runs for nobody"
        exit 1
      fi`,
    apply: sh`
      rm -f ${raw(own)}
      for file in ${raw(all)}; do [ ! -e "$file" ] || exit 0; done
      if ${raw(alone)}; then systemctl --quiet disable --now corosync-qnetd; fi`,
  }
}

/** The record is the last to go: until then a run that was cut off can be finished. */
export const recordGone = (): Guard => ({
  title: 'nothing of quorate is left',
  check: sh`[ ! -e ${KEPT} ] || { echo ${`${KEPT} is there`}; exit 1; }`,
  apply: sh`
    # In the same folder is the lock, which this run holds.
    find ${STAMPS} -maxdepth 1 -type f ! -name ${basename(LOCK)} -delete
    rm -rf ${KEPT}`,
})
