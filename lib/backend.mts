/** The back ends of HAProxy: APIs that must listen on the node's own address, since HAProxy takes the port on the VIP. */
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import type { Guard } from './guard.mts'
import { file, KEPT, replace } from './guards/file.mts'
import { comes, require } from './guards/require.mts'
import { journal, service as unit } from './guards/service.mts'
import { HTTP, statusOf } from './http.mts'
import { runsEverywhere } from './pacemaker.mts'
import { authority, type Service } from './services.mts'
import { raw, sh } from './shell.mts'

/** Shell text: true where Debian's uwsgi packaging serves the API (openstack-pkg-tools, init-script-template). */
const uwsgi = ({ name }: Service) => sh`grep -qs '^UWSGI_PORT=' ${`/etc/init.d/${name}`}`

/** Apache's files that listen on the port of every address (mpm_common, Listen). */
const LISTEN = (port: number) => `^[[:space:]]*Listen[[:space:]]+(\\*:|0\\.0\\.0\\.0:|\\[::\\]:)?${port}([[:space:]]|$)`
/** The same, or an address of a node: what we have changed already. */
const LISTENS = (port: number, { nodes }: Config) => {
  const own = nodes.map(({ address }) => (address.includes(':') ? `[${address}]` : address).replace(/[.[\]]/g, '\\$&'))
  return `^[[:space:]]*Listen[[:space:]]+((\\*|0\\.0\\.0\\.0|\\[::\\]|${own.join('|')}):)?${port}([[:space:]]|$)`
}
const apache = ({ port }: Service, config: Config) =>
  sh`grep -lsE ${LISTENS(port, config)} /etc/apache2/ports.conf /etc/apache2/sites-enabled/*.conf /etc/apache2/conf-enabled/*.conf`

/** What serves the API: `uwsgi`, or `apache` and the files with a Listen line to be changed. */
export const packaging = (service: Service, config: Config): string => sh`
  if ${raw(uwsgi(service))}; then echo uwsgi; exit 0; fi
  # grep says 2 for a folder that is empty, also when it found what it looked for elsewhere.
  files=$(${raw(apache(service, config))} || :)
  [ -n "$files" ] || exit 0
  echo apache $(readlink -f $files)`

/** Shell text that is true where we know how to move the listener. */
export const movable = (service: Service, config: Config): string =>
  `{ ${uwsgi(service)} || ${apache(service, config)} | grep -q .; }`

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

/** Nothing listens on the port of every address. `unless`: shell text that lets the API's own server pass. */
export const portFree = (config: Config, node: Node, service: Service, unless = 'false'): Guard =>
  require(`port ${service.port} is free for HAProxy on the VIP`, sh`
      ${LISTENERS}
      listeners ${service.port} | while read -r local program pid unit; do
        case $local in
          0.0.0.0:* | '[::]:'* | '*:'*) case $program in uwsgi* | apache2) if ${raw(unless)}; then continue; fi ;; esac ;;
          ${raw(`'${authority(config.vip.address, service.port)}'`)}) [ "$program" != haproxy ] || continue ;;
          *) continue ;;
        esac
        echo "$local is taken by $program (pid $pid\${unit:+, $unit})"
        exit 1
      done`, `${service.name} has to listen on the node's own address alone, ${authority(node.address, service.port)}; another program has to be stopped or to listen elsewhere`)

/** The API listens on the node's own address, now and after a restart. */
export function backEnd(config: Config, facts: Facts, node: Node, service: Service): readonly Guard[] {
  const own = authority(node.address, service.port)
  const [kind = '', ...files] = facts.get(node, `packaging.${service.name}`).split(' ')
  const moved = kind === 'uwsgi' ? ofUwsgi(service, own) : ofApache(files, service.port, own)
  return [
    ...moved,
    portFree(config, node, service),
    ...(kind === '' ? [] : [answers(`${service.name} answers on ${own}`, service, node.address)]),
  ]
}

/** The init script builds the command line; only the address is put in. */
function ofUwsgi({ name, port }: Service, own: string): readonly Guard[] {
  const path = `/etc/systemd/system/${name}.service.d/quorate.conf`
  const text = [
    '# Written by quorate: HAProxy has this port on the VIP, so the API listens on its own address alone.',
    '[Service]',
    'ExecStart=',
    `ExecStart=/bin/sh -c 'exec $$(/etc/init.d/${name} show-args | sed "s/-socket [^ ]*:${port}/-socket ${own}/")'`,
    '',
  ].join('\n')
  return [file(path, text), unit(name, { loads: [path] })]
}

/** That Apache runs with the changed files is a guard of its own: a run may be cut off before the restart. */
const ofApache = (files: readonly string[], port: number, own: string): readonly Guard[] =>
  files.length === 0
    ? []
    : [
        ...files.map((path) => listensOnOwn(path, port, own)),
        // A graceful reload cannot bind an address while the old sockets hold all of them.
        unit('apache2', { loads: files, by: 'restart', managed: true }),
      ]

const listensOnOwn = (path: string, port: number, own: string): Guard => ({
  title: `${path} listens on ${own}`,
  check: sh`! grep -E ${LISTEN(port)} ${path}`,
  apply: sh`
    new=${`${path}.quorate-new`}
    cp -p ${path} "$new"
    sed -E ${`s/${LISTEN(port)}/Listen ${own}\\2/`} ${path} >"$new"
    ${raw(replace(path))}
    apache2ctl configtest || { cp -p ${`${KEPT}/previous${path}`} ${path}; exit 1; }`,
})

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
      systemctl is-active --quiet haproxy || for port in ${config.services.map(({ port }) => port)}; do
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

/** The health check of HAProxy, made from here. */
export const answers = (title: string, { name, check, port }: Service, host: string): Guard => ({
  ...comes(
    title,
    60,
    sh`
      ${HTTP}
      code=$(${raw(statusOf(host, port, check.path, 3))})
      [ "$code" != 000 ] || { echo ${`no answer from ${authority(host, port)}`}; exit 1; }
      case " "${check.expect.join(' ')}" " in *" $code "*) ;; *) echo ${`GET http://${authority(host, port)}${check.path} says`} "$code"; exit 1 ;; esac`,
    `the log of ${name} on that node tells why`,
  ),
  why: sh`
    ${LISTENERS}
    echo ${`who listens on port ${port} here:`}
    listeners ${port} | sort -u
    ${raw(journal(name))}`,
  remedies: [[/says 503/, `HAProxy has no back end that answers: see why ${name} does not on its nodes`]],
})
