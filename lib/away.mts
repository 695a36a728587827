/** Guards of a node from which the cluster is taken away again: what we brought is gone, and what was there is back. */
import { BEFORE, WAS } from './before.mts'
import type { Config } from './config.mts'
import type { Guard } from './guard.mts'
import { KEPT } from './guards/file.mts'
import { FUNCTIONS } from './guards/package.mts'
import { ARBITERS_PACKAGES, packagesOf } from './packages.mts'
import { raw, sh } from './shell.mts'

/** In the order in which they stop: pacemaker takes the resources away with it. */
const STACK = ['pacemaker', 'corosync-qdevice', 'corosync', 'haproxy', 'corosync-qnetd']

/** Nothing of the cluster runs or starts at boot, but what did so before. */
export const stopped = (): Guard => ({
  title: 'nothing of the cluster runs',
  check: sh`
    ${WAS}
    for unit in ${STACK}; do
      systemctl cat "$unit" >/dev/null 2>&1 || continue
      if [ "$(was "$unit" active)" != active ] && systemctl is-active --quiet "$unit"; then echo "$unit runs"; exit 1; fi
      if [ "$(was "$unit" enabled)" != enabled ] && systemctl is-enabled --quiet "$unit" 2>/dev/null; then echo "$unit starts at boot"; exit 1; fi
    done`,
  apply: sh`
    ${WAS}
    for unit in ${STACK}; do
      systemctl cat "$unit" >/dev/null 2>&1 || continue
      [ "$(was "$unit" active)" = active ] || systemctl stop "$unit"
      [ "$(was "$unit" enabled)" = enabled ] || systemctl --quiet disable "$unit"
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
  '/etc/corosync/qnetd/nssdb',
]

/** Shell function `ours FILE`: whether it has a block of ours, which is in a file of others. */
const OURS = raw(`ours() { [ -e "$1" ] && grep -q '^# BEGIN quorate' "$1" 2>/dev/null; }`)

/**
 * Each file that we ever replaced is what it was, each that we brought is gone, and of those that others write too our lines are
 * gone. `original` has them all: lib/guards/file.mts writes no file without it.
 */
export const filesBack = (): Guard => ({
  title: 'the files are as they were before',
  check: sh`
    [ ! -d ${KEPT}/original ] || {
      find ${KEPT}/original -type f | sed ${`s|^${KEPT}/original||`} | while IFS= read -r path; do
        case $path in *.absent) echo "to be removed: \${path%.absent}" ;; *) echo "to be put back: $path" ;; esac
      done
      exit 1
    }`,
  apply: sh`
    ${OURS}
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
        case $path in /etc/systemd/system/*.d/* | /etc/corosync/*) rmdir "\${path%/*}" 2>/dev/null || : ;; esac
      else
        cp -p "$copy" "$new"
        mv -f "$new" "$path"
      fi
    done
    sync
    rm -rf ${KEPT}/original`,
})

/** What was started with files of ours is started with those that are there now. */
export const servicesBack = (): Guard => ({
  title: 'other services run as they did before',
  check: sh`[ ! -d /run/quorate ] || { echo "they still run with files of ours"; exit 1; }`,
  apply: sh`
    ${WAS}
    systemctl daemon-reload
    for stamp in /run/quorate/*; do
      unit=\${stamp##*/}
      case $unit in '*' | lock | corosync | pacemaker | haproxy | corosync-q*) continue ;; esac
      systemctl is-active --quiet "$unit" && systemctl restart "$unit" || :
    done
    while read -r unit enabled active; do
      [ "$enabled" != enabled ] || systemctl --quiet enable "$unit" 2>/dev/null || :
      [ "$active" != active ] || systemctl is-active --quiet "$unit" || systemctl start "$unit"
    done <${BEFORE}/units
    sysctl --quiet --load=${BEFORE}/sysctl
    find /run/quorate -mindepth 1 ! -name lock -delete
    rmdir /run/quorate 2>/dev/null || :`,
})

/** Rules that we have added say so. */
export const firewallBack = (): Guard => ({
  title: 'the firewall has no rules of ours',
  check: sh`
    if command -v ufw >/dev/null && ufw show added 2>/dev/null | grep -q "comment 'quorate'"; then echo "ufw has some"; exit 1; fi
    if command -v nft >/dev/null && nft list ruleset 2>/dev/null | grep -q 'comment "quorate-'; then echo "nftables has some"; exit 1; fi`,
  apply: sh`
    if command -v ufw >/dev/null; then
      ufw show added | sed -n "s/^ufw \\(allow .*\\) comment 'quorate'$/\\1/p" | while read -r rule; do ufw delete $rule; done
    fi
    if command -v nft >/dev/null; then
      nft --handle list ruleset | awk '
        /^table/ { table = $2 " " $3 }
        /^\\tchain/ { chain = $2 }
        /comment "quorate-/ { print "delete rule " table " " chain " handle " $NF }' | nft -f -
    fi`,
})

/** The daemons' own state, and the keys that were made for the cluster. */
export const stateGone = (): Guard => ({
  title: 'no state of the cluster is left',
  check: sh`
    for dir in ${STATE}; do
      if [ -d "$dir" ] && [ -n "$(ls -A "$dir")" ]; then echo "$dir is not empty"; exit 1; fi
    done
    [ -e ${BEFORE}/ssh-key ] || [ ! -d ${BEFORE} ] || ! ls /root/.ssh/id_* >/dev/null 2>&1 || { echo "root has the key that was made for the cluster"; exit 1; }`,
  apply: sh`
    for dir in ${STATE}; do [ ! -d "$dir" ] || find "$dir" -mindepth 1 -delete; done
    [ -e ${BEFORE}/ssh-key ] || [ ! -d ${BEFORE} ] || rm -f /root/.ssh/id_*`,
})

/** Packages that came with the cluster are gone, with what came for their sake; those that were there before stay. */
export const packagesGone = (config: Config): Guard => ({
  title: 'the packages of the cluster are gone',
  check: sh`
    [ -e ${BEFORE}/packages ] || exit 0
    for name in ${namesOf(config)}; do
      if grep -qx "$name" ${BEFORE}/packages; then continue; fi
      case $(dpkg-query -W -f '\${db:Status-Abbrev}' "$name" 2>/dev/null) in ?n* | '') ;; *) echo "$name is installed"; exit 1 ;; esac
    done`,
  apply: sh`
    ${FUNCTIONS}
    new() { while read -r name; do grep -qx "$name" ${BEFORE}/packages || printf ' %s' "$name"; done; }
    away=$(printf '%s\\n' ${namesOf(config)} | while read -r name; do
      case $(dpkg-query -W -f '\${db:Status-Abbrev}' "$name" 2>/dev/null) in ?n* | '') ;; *) echo "$name" ;; esac
    done | new)
    [ -z "$away" ] || apt purge $away
    # What was installed for their sake, and nothing that was there before.
    left=$(apt-get -s autoremove | sed -n 's/^Remv \\([^ ]*\\).*/\\1/p' | new)
    [ -z "$left" ] || apt purge $left`,
})

const namesOf = (config: Config): readonly string[] =>
  [...packagesOf(config), ...ARBITERS_PACKAGES].flatMap(({ name }) => name.split('|'))

/** The record is the last to go: until then a run that was cut off can be finished. */
export const recordGone = (): Guard => ({
  title: 'nothing of quorate is left',
  check: sh`[ ! -e ${KEPT} ] || { echo ${`${KEPT} is there`}; exit 1; }`,
  apply: sh`rm -rf ${KEPT}`,
})
