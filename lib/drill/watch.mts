/** What is watched on the nodes while something is broken: who has the VIP, and what the API answers through it. */
import type { Config } from '../config.mts'
import { http, statusOf } from '../http.mts'
import { authority } from '../services.mts'
import { raw, sh } from '../shell.mts'

const DIR = '/run/quorate-drill'
/** Seconds after which a watch that nobody ends is over by itself. */
const LONGEST = 900
/** Seconds between two questions, also where each is a handshake of TLS, which takes ten times as much of a processor; and for an answer. */
const EVERY = '0.05'
const EVERY_TLS = '0.1'
const PATIENCE = 3

/** Shell text that says when: nanoseconds by the node's own clock. */
const NOW = raw('date +%s%N')

/** In bash, which opens a connection by itself (bash(1), /dev/tcp): `when status when` for each question and its answer, 000 for none in time. */
const prober = (config: Config): string => {
  const [service] = config.services
  const host = authority(config.vip.address, service?.port ?? 0)
  const request = `GET ${service?.check.path} HTTP/1.0\r\nHost: ${host}\r\nUser-Agent: quorate\r\nConnection: close\r\n\r\n`
  const ask = sh`exec 3<>${raw(`/dev/tcp/${config.vip.address}/${service?.port ?? 0}`)} && printf %s ${request} >&3 && read -r _ code _ <&3 && echo "$code"`
  const answer = config.tls
    ? statusOf(config.vip.address, service?.port ?? 0, service?.check.path ?? '/', PATIENCE)
    : sh`timeout ${PATIENCE} bash -c ${ask} 2>/dev/null`
  return sh`
    ${http(config)}
    ask() {
      at=$EPOCHREALTIME
      code=$(${raw(answer)})
      echo "$at \${code:-000} $EPOCHREALTIME" >>${DIR}/answers
    }
    end=$((SECONDS + ${LONGEST}))
    while [ -d ${DIR} ] && [ "$SECONDS" -lt "$end" ]; do
      ask 2>/dev/null &
      sleep ${config.tls ? EVERY_TLS : EVERY}
    done`
}

/** Each time the address comes or goes: `when 1` or `when 0`. */
const holding = (config: Config): string => sh`
  {
    ip -o monitor address &
    # What is there before the monitor listens is told by it, or here.
    sleep 0.1
    ip -o addr show
    wait
  } | while [ -d ${DIR} ] && read -r line; do
    case $line in *${` ${config.vip.address}/`}*) ;; *) continue ;; esac
    case $line in Deleted*) held=0 ;; *) held=1 ;; esac
    echo "$(${NOW}) $held" >>${DIR}/vip
  done`

/** Each time that a fencing is under way, or is not any more: `when 1` or `when 0`. */
const fencing = sh`
  was=0
  while [ -d ${DIR} ]; do
    now=$(crm_mon --one-shot --output-as=xml --include=none,fencing 2>/dev/null | grep -c 'status="pending"')
    [ "$now" -lt 2 ] || now=1
    [ "$now" = "$was" ] || echo "$(${NOW}) $now" >>${DIR}/fencing
    was=$now
    sleep 0.2
  done`

/** Shell text: begins to watch on this node, in sessions of their own, so that it goes on when nobody can ask any more. */
export const begins = (config: Config, asks: boolean): string => sh`
  ${raw(ends)}
  mkdir -m 700 ${DIR}
  : >${DIR}/vip
  : >${DIR}/answers
  : >${DIR}/fencing
  setsid sh -c ${holding(config)} </dev/null >/dev/null 2>&1 &
  echo "$!" >>${DIR}/pids
  ${raw(config.fencing === 'none' || !asks ? ':' : sh`setsid sh -c ${fencing} </dev/null >/dev/null 2>&1 &\n echo "$!" >>${DIR}/pids`)}
  ${raw(asks ? sh`setsid bash -c ${prober(config)} </dev/null >/dev/null 2>&1 &\n echo "$!" >>${DIR}/pids` : ':')}`

/** Shell text: what was seen so far: the node's clock, and the lines of both. */
export const tells = sh`
  echo "now $(${NOW})"
  [ ! -d ${DIR} ] || { sed 's/^/vip /' ${DIR}/vip; sed 's/^/answer /' ${DIR}/answers; sed 's/^/fencing /' ${DIR}/fencing; }`

/** Shell text: nothing is watched any more, and nothing is left of it. */
export const ends = sh`
  if [ -e ${DIR}/pids ]; then
    while read -r pid; do kill -TERM "-$pid" 2>/dev/null || :; done <${DIR}/pids
  fi
  rm -rf ${DIR}`
