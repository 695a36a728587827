/** The back ends of HAProxy: who has their ports, whether they answer, and HAProxy before them. */
import { type Config, type Node, vipsOf } from './config.mts'
import type { Facts } from './facts.mts'
import { FAMILIES } from './family.mts'
import type { Guard } from './guard.mts'
import { comes, require } from './guards/require.mts'
import { journal, service as unit } from './guards/service.mts'
import { http, portOn, schemeOn, statusOf } from './http.mts'
import { runsEverywhere } from './pacemaker.mts'
import { BUNDLE, MOVED } from './render/haproxy-cfg.mts'
import { authority, portsOf, type Service, STATS_PORT } from './services.mts'
import { raw, type Shell, sh } from './shell.mts'

/**
 * Shell function `listeners PORT`: address, program, pid and unit of each TCP listener of this node, a line each (ss(8)). The
 * last is empty for what no unit of systemd started.
 */
export const LISTENERS = raw(
  `
listeners() {
  ss -H -l -t -n -p "sport = :$1" | while read -r _ _ _ local _ holder; do
    program=\${holder#*\\"} pid=\${holder#*pid=}
    pid=\${pid%%,*}
    unit=$(sed -n 's|.*/\\([^/]*[.]service\\)$|\\1|p' "/proc/\${pid:-0}/cgroup" 2>/dev/null | tail -n 1)
    echo "$local \${program%%\\"*} \${pid:-0} $unit"
  done
}`.trim(),
)

/** The addresses on which a node listens, as `ss` writes them: for `listensOn`. */
export const listenersFact = `ss -H -l -t -n | awk '{ print $4 }'`

/** Whether a node listens on a port of its own address, alone or with all others. */
export const listensOn = (facts: Facts, node: Node, port: number): boolean =>
  [authority(node.address, port), `0.0.0.0:${port}`, `[::]:${port}`, `*:${port}`].some((one) =>
    facts.get(node, 'listeners').split('\n').includes(one),
  )

/** Nothing listens on the port of every address. `unless`: shell text that lets the API's own server pass. */
export const portFree = (config: Config, node: Node, service: Service, unless = 'false'): Guard => {
  const own = raw(
    [...service.units, ...new Set(FAMILIES.map(({ units }) => units.apache))]
      .map((unit) => `${unit}.service`)
      .join(' | '),
  )
  const vips = vipsOf(config).map(({ address }) => `'${authority(address, service.port)}'`)
  return require(`port ${service.port} is free for HAProxy on the VIP`, sh`
      ${LISTENERS}
      listeners ${service.port} | while read -r local program pid unit; do
        case $local in
          0.0.0.0:* | '[::]:'* | '*:'*) case $unit in ${own}) if ${raw(unless)}; then continue; fi ;; esac ;;
          ${raw(vips.join(' | '))}) [ "$program" != haproxy ] || continue ;;
          *) continue ;;
        esac
        echo "$local is taken by $program (pid $pid\${unit:+, $unit})"
        exit 1
      done`, `${service.name} has to listen on the node's own address alone, ${authority(node.address, service.port)}; another program has to be stopped or to listen elsewhere`)
}

/** The same for the port that it has on the VIP for TLS alone. */
export const tlsPortFree = (config: Config, node: Node, service: Service): readonly Guard[] =>
  config.tls && service.tlsPort !== undefined ? [portFree(config, node, { ...service, port: service.tlsPort })] : []

/** The configuration of HAProxy, and what is ours of its unit. */
export const CFG = '/etc/haproxy/haproxy.cfg'
/** Its name comes after 50-pacemaker.conf, with which pacemaker says that it alone restarts the daemon (lib/services/systemd.c). */
export const UNIT = '/etc/systemd/system/haproxy.service.d/60-quorate.conf'

/** Shell text: HAProxy reads this file without a warning, or says what is wrong, and "$new" is given up; it binds nothing for that. */
export const haproxyReads = (path: Shell): string => sh`
  said=$(haproxy -c -dW -f ${path} 2>&1) || {
    printf '%s\\n' "$said" | grep -v '^.NOTICE'
    rm -f "$new"
    exit 1
  }`

/** It runs with all of its files as they are. */
export const haproxyCurrent = ({ tls }: Config): Guard =>
  unit('haproxy', { loads: [CFG, UNIT, ...(tls ? [BUNDLE, MOVED] : [])], by: 'reload', managed: true })

/** What haproxy.cfg says is understood since this version (lib/render/haproxy-cfg.mts); RHEL 8 has 1.8. */
const LEAST = '2.4'

export const haproxySuits = (): Guard =>
  require(`HAProxy is ${LEAST} or later`, sh`
      version=$(haproxy -v 2>/dev/null | sed -n 's/^HA-\\{0,1\\}Proxy version \\([0-9.]*\\).*/\\1/p')
      [ "$(printf '%s\\n' ${LEAST} "$version" | sort -V | head -n 1)" = ${LEAST} ] || { echo "it is \${version:-of no known version}"; exit 1; }`, 'name a repository that has a later one in REPOS, and its version as PACKAGES_haproxy')

/** Nobody else has the port of the statistics on the node's own address. */
export const statsPortFree = (node: Node): Guard =>
  require(`port ${STATS_PORT} is free for HAProxy's statistics`, sh`
      ${LISTENERS}
      listeners ${STATS_PORT} | while read -r local program pid unit; do
        case $local in 0.0.0.0:* | '[::]:'* | '*:'* | ${raw(`'${authority(node.address, STATS_PORT)}'`)}) ;; *) continue ;; esac
        [ "$program" != haproxy ] || continue
        echo "$local is taken by $program (pid $pid\${unit:+, $unit})"
        exit 1
      done`, 'stop that program or let it listen elsewhere, or take STATS_PASSWORD out of the env file')

/** HAProxy runs on each node that is to run something; where it does not, its own words and who has its ports. */
export const haproxyRuns = (config: Config): readonly Guard[] => [
  {
    ...comes(
      'HAProxy runs on every node',
      60,
      runsEverywhere('haproxy-clone'),
      'mend what pacemaker and the journal give as the reason, then go on; crm_mon -1rf on a node shows it too',
    ),
    why: sh`
      ${raw(journal('haproxy'))}
      ${LISTENERS}
      systemctl is-active --quiet haproxy || for port in ${portsOf(config)}; do
        listeners "$port" | while read -r local program pid unit; do
          echo "here $local is taken by $program (pid $pid\${unit:+, $unit})"
        done
      done`,
    remedies: [
      [
        /cannot bind socket \(?Address already in use\)? for \[([^\]]*)\]/,
        'another program has $1 there, see above: stop it, or let it listen elsewhere, then go on',
      ],
    ],
  },
]

/** The health check of HAProxy, made from here; passed by any of these hosts. */
export const answers = (config: Config, title: string, service: Service, ...hosts: readonly string[]): Guard => {
  const { name, check, port, units } = service
  const asked = (host: string) => {
    const at = portOn(config, host, service)
    return sh`
    code=$(${raw(statusOf(host, at, check.path, 3))})
    case " "${check.expect.join(' ')}" " in *" $code "*) exit 0 ;; esac
    case $code in
      000)
        echo ${`no answer from ${authority(host, at)}`}
        distrust ${host} ${at} ;;
      *) echo ${`GET ${schemeOn(config, host, service)}://${authority(host, at)}${check.path} says`} "$code" ;;
    esac`
  }
  return {
    ...comes(
      title,
      60,
      sh`
        ${http(config)}
        ${raw(hosts.map(asked).join('\n'))}
        exit 1`,
      `the log of ${name} on that node tells why; where it is right to answer so, say it: SERVICE_${name.replaceAll('-', '_')}="port= check= expect="`,
    ),
    why: sh`
      ${LISTENERS}
      who=$(listeners ${port} | sort -u)
      printf '%s\\n' ${`who listens on port ${port} here:`} "\${who:-nobody}"
      ${raw(units.map(journal).join('\n'))}`,
    remedies: [[/says 503/, `HAProxy has no back end that answers: see why ${name} does not on its nodes`]],
  }
}
