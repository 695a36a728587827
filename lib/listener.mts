/** Where an API listens: moved from every address of a node to its own alone, since HAProxy takes the port on the VIP. */
import { answers, LISTENERS, listensOn } from './backend.mts'
import type { Config, Node } from './config.mts'
import type { Facts } from './facts.mts'
import { FAMILIES, type Family, familyOf } from './family.mts'
import type { Guard } from './guard.mts'
import { file, KEPT, replace, takenBack } from './guards/file.mts'
import { ini, SETTINGS } from './guards/ini.mts'
import { service } from './guards/service.mts'
import { together } from './guards/together.mts'
import { authority, type Bind, type Service } from './services.mts'
import { raw, sh } from './shell.mts'

const FOLDERS = ['/etc/systemd/system', '/lib/systemd/system', '/usr/lib/systemd/system']

/**
 * Shell function `uwsgi UNIT PORT`: true where Debian's packaging serves that port with uwsgi, and its unit does so by the init
 * script, which knows the command line (openstack-pkg-tools, init-script-template). Some scripts know it and their unit does without.
 */
const UWSGI = raw(
  `
uwsgi() {
  grep -qsx "UWSGI_PORT=$2" "/etc/init.d/$1" || return 1
  for folder in ${FOLDERS.join(' ')}; do ! grep -qs "^ExecStart=.*/etc/init.d/$1 " "$folder/$1.service" || return 0; done
  return 1
}`.trim(),
)

/** Shell function `serves UNIT`: somebody wants it to run. */
const SERVES = raw(
  `
serves() {
  for link in /etc/systemd/system/*.wants/"$1.service"; do [ ! -e "$link" ] || return 0; done
  systemctl is-active --quiet "$1"
}`.trim(),
)

/** Apache's files that listen on the port of every address (mpm_common, Listen). */
const LISTEN = (port: number) => `^[[:space:]]*Listen[[:space:]]+(\\*:|0\\.0\\.0\\.0:|\\[::\\]:)?${port}([[:space:]]|$)`
/** The same, or an address of a node: what we have changed already. */
const LISTENS = (port: number, { nodes }: Config) => {
  const own = nodes.map(({ address }) => (address.includes(':') ? `[${address}]` : address).replace(/[.[\]]/g, '\\$&'))
  return `^[[:space:]]*Listen[[:space:]]+((\\*|0\\.0\\.0\\.0|\\[::\\]|${own.join('|')}):)?${port}([[:space:]]|$)`
}
const apache = ({ port }: Service, config: Config) =>
  sh`grep -lsE ${LISTENS(port, config)} ${raw([...new Set(FAMILIES.flatMap(({ apache: { files } }) => files))].join(' '))}`

/**
 * How the listener of a service is moved on a node: `uwsgi UNIT`, `apache` and the files with a Listen line to be changed, `ini UNIT`
 * and the file for the setting of its row; nothing where we do not know.
 */
export const packaging = (service: Service, config: Config): string => sh`
  ${UWSGI}
  for unit in ${service.units}; do
    if uwsgi "$unit" ${service.port}; then echo "uwsgi $unit"; exit 0; fi
  done
  # grep says 2 for a folder that is empty, also when it found what it looked for elsewhere.
  files=$(${raw(apache(service, config))} || :)
  if [ -n "$files" ]; then echo apache $(readlink -f $files); exit 0; fi
  ${raw(service.bind === undefined ? ':' : ofIni(service, service.bind.file))}`

const ofIni = ({ units }: Service, path: string) => sh`
  [ -e ${path} ] || exit 0
  ${SERVES}
  for unit in ${units}; do
    if serves "$unit"; then echo "ini $unit $(readlink -f ${path})"; exit 0; fi
  done`

/** The nodes in the order in which they are changed: one whose service is down may be mended by it, and no other one can wait for that. */
export const weakestFirst =
  ({ port }: Service) =>
  (config: Config, facts: Facts): readonly Node[] => {
    const up = (node: Node) => listensOn(facts, node, port)
    return config.nodes.toSorted((one, other) => Number(up(one)) - Number(up(other)))
  }

/** Shell text that is true where we know how to move the listener. */
export const movable = (service: Service, config: Config): string => sh`
  [ -n "$( ${raw(packaging(service, config))} )" ]`

/** The API listens on the node's own address, now and after a restart; where we cannot see to that it has to be so. */
export function onOwnAddress(config: Config, facts: Facts, node: Node, service: Service): readonly Guard[] {
  const own = authority(node.address, service.port)
  const [kind = '', ...words] = facts.get(node, `packaging.${service.name}`).split(' ')
  const green = answers(config, `${service.name} answers on ${own}`, service, node.address)
  const move = moveOf(kind, words, service, node, familyOf(facts, node))
  if (move === undefined) return [green]
  const runs: Guard = { ...green, apply: sh`systemctl is-active --quiet ${move.unit} || systemctl start ${move.unit}` }
  return [
    {
      ...runs,
      title: `${service.name} answers on ${own} before it is moved`,
      wait: 30,
      // What does not answer then would not do so afterwards, and nothing has been touched. One that takes every address may mean those
      // of IPv4 alone.
      check: sh`
        if ${raw(move.ours)}; then exit 0; fi
        ${raw(answers(config, '', service, node.address, ...(node.address.includes(':') ? ['127.0.0.1'] : [])).check)}`,
    },
    together(`${service.name} listens on its node's own address alone`, move.guards, { proof: green, back: move.back }),
    runs,
  ]
}

/** A service, and those that end with it where its listener is moved: Apache serves many, and nova-api two. */
export function servedWith(config: Config, facts: Facts, node: Node, service: Service): readonly Service[] {
  const unitOf = ({ name }: Service) => {
    const [kind, unit] = facts.get(node, `packaging.${name}`).split(' ')
    return kind === 'apache' ? familyOf(facts, node).units.apache : unit
  }
  const unit = unitOf(service)
  return config.services.filter((one) => one === service || (unit !== undefined && unitOf(one) === unit))
}

function moveOf(
  kind: string,
  words: readonly string[],
  service: Service,
  node: Node,
  family: Family,
): Move | undefined {
  const [unit = ''] = words
  const own = authority(node.address, service.port)
  if (kind === 'uwsgi') return ofUwsgi(unit, service.port, own)
  if (kind === 'apache') return ofApache(words, service.port, own, family)
  if (kind === 'ini' && service.bind) return ofSetting(words, service, service.bind, node)
  return undefined
}

interface Move {
  readonly unit: string
  /** Shell text that is true where we have moved it before. */
  readonly ours: string
  readonly guards: readonly Guard[]
  /** Shell text that takes it back. */
  readonly back: string
}

/** Shell text: true where all of these files were written by us before. */
const written = (paths: readonly string[]): string =>
  paths
    .map((path) => sh`{ [ -e ${`${KEPT}/original${path}`} ] || [ -e ${`${KEPT}/original${path}.absent`} ]; }`)
    .join(' && ')

/** The init script builds the command line; only the address is put in. */
function ofUwsgi(name: string, port: number, own: string): Move {
  const path = `/etc/systemd/system/${name}.service.d/quorate.conf`
  const text = [
    '# Written by quorate: HAProxy has this port on the VIP, so the API listens on its own address alone.',
    '[Service]',
    'ExecStart=',
    `ExecStart=/bin/sh -c 'exec $$(/etc/init.d/${name} show-args | sed "s/-socket [^ ]*:${port}/-socket ${own}/")'`,
    '',
  ].join('\n')
  return {
    unit: name,
    ours: written([path]),
    guards: [file(path, text), service(name, { loads: [path] })],
    back: sh`
      ${raw(takenBack(path))}
      systemctl daemon-reload
      systemctl restart ${name}`,
  }
}

/** That Apache runs with the changed files is a guard of its own: a run may be cut off before the restart. */
const ofApache = (files: readonly string[], port: number, own: string, { units, apache }: Family): Move => ({
  unit: units.apache,
  ours: written(files),
  guards: [
    ...files.map((path) => listensOnOwn(path, port, own, apache.test)),
    // A graceful reload cannot bind an address while the old sockets hold all of them.
    service(units.apache, { loads: files, by: 'restart', managed: true }),
  ],
  back: sh`
    ${raw(files.map(takenBack).join('\n'))}
    systemctl restart ${units.apache}`,
})

const listensOnOwn = (path: string, port: number, own: string, test: string): Guard => ({
  title: `${path} listens on ${own}`,
  check: sh`! grep -E ${LISTEN(port)} ${path}`,
  apply: sh`
    new=${`${path}.quorate-new`}
    cp -p ${path} "$new"
    sed -E ${`s/${LISTEN(port)}/Listen ${own}\\2/`} ${path} >"$new"
    ${raw(replace(path))}
    ${raw(test)}`,
})

/** What runs with the setting shows it, so that nobody has to remember a restart. */
function ofSetting(
  [name = '', ...words]: readonly string[],
  { port }: Service,
  { section, key, withPort }: Bind,
  node: Node,
): Move {
  const own = authority(node.address, port)
  const path = words.join(' ')
  return {
    unit: name,
    ours: sh`cut -f 1,3 ${SETTINGS} 2>/dev/null | grep -qxF ${`${path}\t${key}`}`,
    guards: [
      ini(path, [{ section, key, value: withPort ? own : node.address }], [name]),
      {
        title: `${name} listens on ${own} alone`,
        check: sh`
          ${LISTENERS}
          listeners ${port} | while read -r local program pid unit; do
            [ "$unit" != ${`${name}.service`} ] || [ "$local" = ${own} ] || { echo "$local is taken by $program (pid $pid, $unit)"; exit 1; }
          done`,
        apply: sh`systemctl restart ${name}`,
      },
    ],
    back: sh`
      ${raw(takenBack(path))}
      systemctl restart ${name}`,
  }
}
