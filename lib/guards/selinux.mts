/** SELinux, where there is one (selinux(8)): a node without it has nothing to do here. */
import type { Guard } from '../guard.mts'
import { raw, type Shell, sh } from '../shell.mts'
import { beside, GIVE_UP, KEPT, replace } from './file.mts'

const CONF = '/etc/selinux/config'

/** A line for each thing that we changed and have to take back: `boolean NAME`, `port udp NUMBER`, `mode Enforcing`. */
const RECORD = `${KEPT}/selinux`

const noted = (line: string | Shell) =>
  raw(sh`
    mkdir -p ${KEPT}
    chmod 0700 ${KEPT}
    grep -qsxF ${line} ${RECORD} || printf '%s\\n' ${line} >>${RECORD}
    sync -f ${RECORD} 2>/dev/null || sync`)

/** Shell text: a command that is true where policy is enforced. */
const ENFORCING = raw('command -v getenforce >/dev/null && [ "$(getenforce)" = Enforcing ]')

/** haproxy(8) may bind and connect to the ports of all APIs with this one alone (haproxy_selinux(8)). */
const BOOLEAN = 'haproxy_connect_any'

/** What corosync may bind: cluster_selinux(8). The first two ports are netsupport's in the reference policy, and asking takes a second. */
const TYPES = ['cluster_port_t', 'netsupport_port_t']
const KNOWN = [5404, 5405]

/** Shell text that sets `type` to what policy calls a UDP port, or to nothing (semanage-port(8)). */
const typeOf = raw(
  `
type=$(semanage port -l | awk -v port="$port" '
  $2 != "udp" { next }
  { name = $1; $1 = $2 = ""; many = split($0, all, ","); for (i = 1; i <= many; i++) {
      if (split(all[i], ends, "-") == 1) ends[2] = ends[1]
      # What belongs to nobody is in one of these.
      if (port + 0 >= ends[1] + 0 && port + 0 <= ends[2] + 0 && name !~ /^(unreserved|ephemeral|hi_reserved|reserved)_port_t$/) { print name; exit }
  } }')`.trim(),
)

const allowed = raw(`case " ${TYPES.join(' ')} " in *" $type "*) [ -n "$type" ] ;; *) false ;; esac`)

/** HAProxy and corosync get what they need of a policy that is enforced. `ring`: the first and the last UDP port of corosync. */
export const selinuxKept = ([first, last]: readonly [number, number]): Guard[] => {
  const ports = Array.from({ length: last - first + 1 }, (_, index) => first + index).filter(
    (port) => !KNOWN.includes(port),
  )
  return [
    {
      title: 'SELinux lets HAProxy bind and connect',
      check: sh`
        ${ENFORCING} || exit 0
        getsebool ${BOOLEAN} | grep -q 'on$' || { echo ${`${BOOLEAN} is off`}; exit 1; }`,
      apply: sh`
        ${noted(`boolean ${BOOLEAN}`)}
        setsebool -P ${BOOLEAN} 1`,
    },
    ...(ports.length === 0
      ? []
      : [
          {
            title: 'SELinux lets corosync have its ports',
            check: sh`
              ${ENFORCING} || exit 0
              command -v semanage >/dev/null || { echo ${`whether policy knows UDP ${ports.join(', ')} as ports of a cluster only semanage can tell, and it is not there`}; exit 1; }
              for port in ${ports}; do
                ${typeOf}
                ${allowed} || { echo "UDP $port is \${type:-of no type}, to be "${TYPES[0] as string}; exit 1; }
              done`,
            apply: sh`
              command -v semanage >/dev/null || exit 1
              for port in ${ports}; do
                ${typeOf}
                ! ${allowed} || continue
                [ -z "$type" ] || { echo "policy has UDP $port for another service: $type"; exit 1; }
                ${noted(raw('"port udp $port"'))}
                semanage port -a -t ${TYPES[0] as string} -p udp "$port"
              done`,
            remedy: 'journalctl -t setroubleshoot and ausearch -m avc on the node tell what is refused',
            remedies: [
              [
                /semanage can tell/,
                'install policycoreutils-python-utils on the node (openSUSE, SLES: policycoreutils-python-utils as well; before RHEL 8 policycoreutils-python)',
              ],
              [
                /for another service: (\S+)/,
                'take other ports: MCAST_PORT with TRANSPORT=udp; or, if nobody needs the type $1 there, semanage port -m -t cluster_port_t -p udp and the port',
              ],
            ] as const,
          },
        ]),
  ]
}

/** Shell text that reads a configuration and prints it with this mode: the first such line counts (selinux_config(5)). */
const edited = (mode: string) =>
  raw(
    sh`awk -v line=${`SELINUX=${mode}`} '/^SELINUX=/ && !done { print line; done = 1; next } { print } END { if (!done) print line }' ${CONF}`,
  )

/** What the file says is true at the next boot; until then nothing is enforced. */
export const selinuxMode = (mode: 'permissive' | 'disabled'): Guard => ({
  title: `SELinux is ${mode}`,
  check: sh`
    [ -e ${CONF} ] || exit 0
    now=$(sed -n '/^SELINUX=/ { p; q; }' ${CONF})
    [ "$now" = ${`SELINUX=${mode}`} ] || { echo "\${now:-no SELINUX=} in "${CONF}${`, to be SELINUX=${mode}`}; exit 1; }
    ! { ${ENFORCING}; } || { echo "it is enforcing now"; exit 1; }`,
  apply: sh`
    new=${beside(CONF)}
    cp -p ${CONF} "$new" || ${GIVE_UP}
    ${edited(mode)} >"$new" || ${GIVE_UP}
    ${raw(replace(CONF))}
    if ${ENFORCING}; then
      ${noted('mode Enforcing')}
      setenforce 0
    fi`,
})

/** What was changed of SELinux as it runs is as it was; its files are put back with the others. */
export const selinuxBack = (): Guard => ({
  title: 'SELinux has nothing of ours',
  check: sh`[ ! -s ${RECORD} ] || { sed 's/^/to be taken back: /' ${RECORD}; exit 1; }`,
  apply: sh`
    if command -v getenforce >/dev/null && [ "$(getenforce)" != Disabled ]; then
      while read -r what one two; do
        case $what in
          boolean) setsebool -P "$one" 0 ;;
          port) ! semanage port -l -C | grep -q "$one  *\\(.*[ ,]\\)\\{0,1\\}$two\\(,\\|$\\)" || semanage port -d -t ${TYPES[0] as string} -p "$one" "$two" ;;
          mode) setenforce 1 ;;
        esac
      done <${RECORD}
    fi
    rm -f ${RECORD}`,
})

/** What `getenforce` says; nothing where there is no SELinux. */
export const selinuxFact = sh`if command -v getenforce >/dev/null && [ -e ${CONF} ]; then getenforce; fi`
