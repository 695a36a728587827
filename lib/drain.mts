/** A back end that gets no new requests while its service is restarted: each HAProxy is told so by its admin socket. */
import type { Node } from './config.mts'
import type { Guard } from './guard.mts'
import type { Service } from './services.mts'
import { raw, sh } from './shell.mts'

/** Of the packages; in haproxy.cfg it is `stats socket`. */
export const SOCKET = '/run/haproxy/admin.sock'
/** A file for each server that we have drained: its back end, "@", its name. Gone with a reboot, as the drain is. */
const DRAINED = '/run/quorate/drained'

/** Seconds for which requests under way may take their time. */
const REQUESTS = 60
/** Seconds for another server to come up, and for the check of one that was restarted to pass. */
const OTHERS = 30
const CHECKED = 60

/**
 * Shell functions. `haproxy_says COMMAND` asks HAProxy here (management.txt, 9.3). `server BACKEND NAME` sets `up` (its checks pass),
 * `drained`, `sessions` and `others` (that are up and not drained), and fails where HAProxy has no such server. Of
 * `show servers state` srv_op_state is 2 for one that is up, and of srv_admin_state bit 3 is a drain and bits 0 to 2 are
 * maintenance (server-t.h, SRV_ADMF_*).
 */
const SERVER = raw(
  `
haproxy_says() { echo "$1" | socat -t 5 - UNIX-CONNECT:${SOCKET}; }
server() {
  [ -S ${SOCKET} ] && state=$(haproxy_says "show servers state $1" 2>/dev/null) || return 1
  state=$(printf '%s\\n' "$state" | awk -v name="$2" '
    NF < 7 || /^#/ { next }
    { clear = $7 % 16 < 8 && $7 % 8 == 0 }
    $4 == name { found = 1; up = $6 == 2; drained = $7 % 16 >= 8; next }
    $6 == 2 && clear { others++ }
    END { if (!found) exit 1; print up + 0, drained + 0, others + 0 }') || return 1
  up=\${state%% *} drained=\${state#* } others=\${state##* }
  drained=\${drained% *}
  sessions=$(haproxy_says 'show stat -1 4 -1' | awk -F , -v backend="$1" -v name="$2" '$1 == backend && $2 == name { print $5 }')
}`.trim(),
)

/** HAProxy here sends it nothing new, and what it had sent has ended. One that is down, or that HAProxy does not know, is left alone. */
const drained = (service: Service, node: Node): Guard => ({
  title: `HAProxy sends ${node.name} no new requests for ${service.name}`,
  check: sh`
    ${SERVER}
    server ${service.name} ${node.name} || exit 0
    [ "$up" = 1 ] && [ "$drained" = 0 ] || exit 0
    echo "it is in use, with $sessions sessions"
    exit 1`,
  apply: sh`
    ${SERVER}
    until=$(($(date +%s) + ${OTHERS}))
    ! server ${service.name} ${node.name} || [ "$others" -gt 0 ] || waits ${`for another back end of ${service.name} to be up`}
    while server ${service.name} ${node.name} && [ "$others" = 0 ]; do
      if [ "$(date +%s)" -ge "$until" ] || stopped; then echo ${`no other back end of ${service.name} is up`}; exit 1; fi
      sleep 0.2 2>/dev/null || sleep 1
    done
    mkdir -p ${DRAINED}
    : >${`${DRAINED}/${service.name}@${node.name}`}
    haproxy_says ${`set server ${service.name}/${node.name} state drain`}
    until=$(($(date +%s) + ${REQUESTS}))
    told=
    while server ${service.name} ${node.name} && [ "$sessions" -gt 0 ] && ! stopped; do
      [ "$(date +%s)" -lt "$until" ] || { echo "$sessions sessions have not ended in ${raw(String(REQUESTS))} s: the restart ends them"; break; }
      [ "$told" = "$sessions" ] || waits "for $sessions sessions to end"
      told=$sessions
      sleep 0.2 2>/dev/null || sleep 1
    done`,
  remedy: `mend ${service.name} on another node first: the log of HAProxy and of the service there tell why it is down; or stop it on ${node.name} yourself`,
})

/** Shell function `back SERVICE NODE`, after SERVER: HAProxy sends it requests again; not before its own check has passed. */
const BACK = raw(
  `
back() {
  until=$(($(date +%s) + ${CHECKED}))
  ! server "$1" "$2" || [ "$up" = 1 ] || waits "for the check of $1 on $2 to pass"
  while server "$1" "$2" && [ "$up" = 0 ]; do
    if [ "$(date +%s)" -ge "$until" ] || stopped; then echo "the check of $1 on $2 does not pass"; return 1; fi
    sleep 0.2 2>/dev/null || sleep 1
  done
  ! server "$1" "$2" || haproxy_says "set server $1/$2 state ready"
  rm -f "${DRAINED}/$1@$2"
}`.trim(),
)

const REMEDY = 'its check has to pass first: see the log of that service on its node'

/** It gets requests again where we took it out. */
const inUse = (service: string, node: string): Guard => ({
  title: `HAProxy sends ${node} requests for ${service} again`,
  check: sh`
    ${SERVER}
    [ -e ${`${DRAINED}/${service}@${node}`} ] || exit 0
    if server ${service} ${node} && [ "$drained" = 1 ]; then echo "it is drained"; exit 1; fi`,
  apply: sh`
    ${SERVER}
    ${BACK}
    back ${service} ${node}`,
  remedy: REMEDY,
})

/** What is done on all nodes around a change of services on one of them. */
export const rolling = (services: readonly Service[], node: Node) => ({
  before: services.map((service) => drained(service, node)),
  after: services.map((service) => inUse(service.name, node.name)),
})

/** What a run that was cut off has drained is in use again. */
export const noneLeftDrained: Guard = {
  title: 'HAProxy leaves out no back end for our sake',
  check: sh`
    ${SERVER}
    for file in ${raw(DRAINED)}/*; do
      [ -e "$file" ] || exit 0
      one=\${file##*/}
      if server "\${one%@*}" "\${one##*@}" && [ "$drained" = 1 ]; then echo "$one is drained"; exit 1; fi
    done`,
  apply: sh`
    ${SERVER}
    ${BACK}
    for file in ${raw(DRAINED)}/*; do
      one=\${file##*/}
      back "\${one%@*}" "\${one##*@}"
    done`,
  remedy: REMEDY,
}
