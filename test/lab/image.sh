#!/usr/bin/env bash
# image.sh builds the lab's root file systems; `lab` runs it in mount and pid namespaces of its own, so that a cut-off build leaves nothing behind.
#
#   image.sh key  base|openstack|packages          the name of the image that this script would build
#   image.sh make base|openstack|packages CACHE    builds CACHE/<key>, unless it is there
#
# base       a minimal Debian server with sshd, every .deb that a cluster node may want, as a file: repository, and beside it ipmi_sim
# openstack  two overlay layers on base: a controller with keystone, glance and placement already set up, and its database host
# packages   a layer on the controller: what a cluster is made of is installed, and of it only chrony runs; logins cost next to nothing
set -euo pipefail
umask 022

SUITE=${LAB_SUITE:-bookworm}
# The server that this machine's own packages come from, if it is a Debian.
# shellcheck disable=SC2016 # apt-get fills it in
MIRROR=${LAB_MIRROR:-$(apt-get indextargets --no-release-info --format '$(SITE)' | sed -n 's,/debian/*$,,p' | head -n 1)}
[ -n "$MIRROR" ] || { echo "image: no Debian mirror in this machine's apt sources: name one in LAB_MIRROR" >&2; exit 1; }
ARCH=$(dpkg --print-architecture)
# A server as its installer leaves it: no python, nothing of a cluster.
SERVER=(systemd systemd-sysv dbus openssh-server iproute2 iputils-ping procps sudo)
# On offer to the nodes, not installed: installing them is the product's job.
OFFER=(corosync pacemaker pacemaker-cli-utils crmsh resource-agents resource-agents-base fence-agents haproxy socat chrony curl iputils-arping
    python3-apt corosync-qdevice corosync-qnetd ipmitool nftables iptables firewalld ufw)
# What of it the product installs on each node of a cluster with BMCs, for who wants it there before.
INSTALLED=(corosync pacemaker pacemaker-cli-utils crmsh resource-agents resource-agents-base fence-agents ipmitool haproxy socat chrony
    iputils-arping)
# For the machine that the lab is on, not for the nodes: ipmi_sim is the BMC of each node.
BMC=(openipmi)
CONTROLLER=(keystone glance-api placement-api python3-openstackclient python3-pymysql)
DATABASE=(mariadb-server)
LOCAL_REPO=/var/cache/lab-repo # on the nodes
# Stands for node 1's own address, which is known only when a lab comes up.
NODE1=node1.invalid
# What else there is: database, type in the catalogue, port, file.
APIS=("glance image 9292 glance-api.conf" "placement placement 8778 placement.conf")

say() { echo "image: $*" >&2; }
random() { head -c 18 /dev/urandom | base64 | tr '+/' 'ab'; }

key() { # $1=base|openstack|packages: changes with every package list and every line of this file
    printf '%s-%s\n' "$1" "$({ cat "${BASH_SOURCE[0]}"; echo "$SUITE $MIRROR $ARCH"; } | sha256sum | cut -c1-12)"
}

sources() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keyring] $MIRROR/debian $SUITE main"
    echo "deb [signed-by=$keyring] $MIRROR/debian $SUITE-updates main"
    echo "deb [signed-by=$keyring] $MIRROR/debian-security $SUITE-security main"
}

in_root() { # $1=root, rest: a command
    local root=$1
    shift
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}

# ---- base

base() { # $1=where it is made
    local out=$1 root=$1/rootfs
    say "$SUITE with ${SERVER[*]}"
    # shellcheck disable=SC2016 # $1 is mmdebstrap's
    sources | mmdebstrap --quiet --mode=root --variant=minbase --architectures="$ARCH" \
        --include="$(IFS=, && echo "${SERVER[*]}")" \
        --customize-hook='rm -f "$1"/etc/ssh/ssh_host_*' "$SUITE" "$root" -

    say "packages on offer: ${OFFER[*]}"
    online "$root"
    local offer name
    mapfile -t offer < <(known "$root" "${OFFER[@]}")
    in_root "$root" apt-get install -y -qq --download-only --no-install-recommends "${BMC[@]}" >/dev/null
    # Only unpacked: installed, it would start a daemon that looks for a BMC. It runs with the libraries of the image.
    for name in "$root"/var/cache/apt/archives/*.deb; do dpkg-deb -x "$name" "$out/bmc"; done
    rm "$root"/var/cache/apt/archives/*.deb
    in_root "$root" apt-get install -y -qq --download-only --no-install-recommends "${offer[@]}" >/dev/null
    mkdir -p "$root$LOCAL_REPO"
    mv "$root"/var/cache/apt/archives/*.deb "$root$LOCAL_REPO/"
    (
        cd "$root$LOCAL_REPO"
        apt-ftparchive packages . >Packages
        apt-ftparchive -o APT::FTPArchive::Release::Origin=Debian -o APT::FTPArchive::Release::Label=Debian \
            -o APT::FTPArchive::Release::Suite="$SUITE" -o APT::FTPArchive::Release::Codename="$SUITE" release . >Release.new
        mv Release.new Release
    )
    offline "$root"
    in_root "$root" apt-get update -qq
    node_files "$root"
    du -sh "$out" | sed 's/^/image: base: /' >&2
}

known() { # $1=root, rest: packages; a release may lack one (resource-agents-base came with Debian 13)
    local name
    for name in "${@:2}"; do [ -z "$(in_root "$1" apt-cache madison "$name")" ] || echo "$name"; done
}

no_daemon() { # $1=root: starts while packages are installed
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod +x "$1/usr/sbin/policy-rc.d"
}

online() { # $1=root: real sources, the builder's resolver, and no daemon starts
    sources >"$1/etc/apt/sources.list"
    cat /etc/resolv.conf >"$1/etc/resolv.conf"
    no_daemon "$1"
    in_root "$1" apt-get update -qq
}

offline() { # $1=root: apt knows the local repository alone
    rm -f "$1/usr/sbin/policy-rc.d" "$1"/var/cache/apt/archives/*.deb
    find "$1/var/lib/apt/lists" "$1/var/cache/apt" -maxdepth 1 -type f -delete
    echo "deb [trusted=yes] file:$LOCAL_REPO ./" >"$1/etc/apt/sources.list"
    # A network source that somebody adds later must fail quickly.
    printf 'Acquire::Retries "0";\nAcquire::http::Timeout "2";\nAcquire::https::Timeout "2";\n' >"$1/etc/apt/apt.conf.d/90lab"
    : >"$1/etc/resolv.conf" # an unreachable name server would cost 30 s per look-up
    rm -rf "$1"/tmp/* "$1"/var/log/apt/*
}

node_files() { # $1=root: what makes a root file system a lab node
    local root=$1 unit
    : >"$root/etc/machine-id"
    echo '127.0.0.1 localhost' >"$root/etc/hosts"
    for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer console-getty.service getty@tty1.service; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done

    # chronyd can't set the clock in a container. This outlives the package's installation.
    mkdir -p "$root/etc/systemd/system/chrony.service.d"
    cat >"$root/etc/systemd/system/chrony.service.d/lab.conf" <<'UNIT'
[Unit]
ConditionCapability=
[Service]
EnvironmentFile=
Environment=DAEMON_OPTS=-x
UNIT

    # A boot starts from the configured addresses, whatever was left on the interfaces before (a VIP, say).
    cat >"$root/etc/systemd/system/lab-network.service" <<'UNIT'
[Unit]
Description=Addresses of /etc/lab-network
DefaultDependencies=no
After=local-fs.target
Before=network.target shutdown.target
Wants=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'ip link set lo up; while read -r dev addrs; do ip link set "$dev" down; ip addr flush dev "$dev"; for addr in $addrs; do case $addr in *:*) ip addr add "$addr" dev "$dev" nodad ;; *) ip addr add "$addr" brd + dev "$dev" ;; esac; done; ip link set "$dev" up; done </etc/lab-network'
[Install]
WantedBy=multi-user.target
UNIT
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -sf ../lab-network.service "$root/etc/systemd/system/multi-user.target.wants/lab-network.service"
}

# ---- openstack

openstack() { # $1=where it is made, $2=the base image
    local out=$1 base=$2 admin db layer api name
    admin=$(random) db=$(random)
    mkdir -p /run/lab-build
    for layer in controller database; do
        mkdir -p "$out/$layer" "$out/.work-$layer" "/run/lab-build/$layer"
        mount -t overlay overlay -o "lowerdir=$base/rootfs,upperdir=$out/$layer,workdir=$out/.work-$layer" "/run/lab-build/$layer"
        mount -t proc proc "/run/lab-build/$layer/proc"
        mount --rbind /dev "/run/lab-build/$layer/dev"
    done
    local controller=/run/lab-build/controller database=/run/lab-build/database

    say "controller: ${CONTROLLER[*]}; database: ${DATABASE[*]}"
    (
        online "$database"
        install_on "$database" "${DATABASE[@]}"
    ) &
    local pid=$!
    online "$controller"
    install_on "$controller" "${CONTROLLER[@]}"
    wait "$pid"

    say "tables, users and the catalogue"
    start_database "$database"
    mkdir -p "$controller/run/mysqld"
    mount --bind "$database/run/mysqld" "$controller/run/mysqld"
    for name in keystone "${APIS[@]%% *}"; do
        in_root "$database" mariadb <<SQL
CREATE DATABASE $name CHARACTER SET utf8;
CREATE USER $name@localhost IDENTIFIED BY '$db';
CREATE USER $name@'%' IDENTIFIED BY '$db';
GRANT ALL ON $name.* TO $name@localhost, $name@'%';
SQL
    done
    { set_up_keystone "$controller" "$admin" "$db" && set_up_apis "$controller" "$admin" "$db"; } >>"$controller/var/log/lab-install.log" 2>&1 ||
        { tail -20 "$controller/var/log/lab-install.log" >&2; return 1; }
    for api in 'keystone - - keystone.conf' "${APIS[@]}"; do
        sed -i "s|@localhost/\([a-z]*\)?unix_socket=.*|@@DATABASE@/\1|" "$controller/etc/${api%% *}/${api##* }"
        rm -f "$controller/var/log/${api%% *}"/*
    done
    in_root "$database" mariadb-admin shutdown
    wait

    # The address of node 1 goes in at the first start in a lab; later starts find nothing to replace.
    cat >"$database/etc/mysql/mariadb.conf.d/99-lab.cnf" <<'CNF'
[mariadbd]
bind-address = 0.0.0.0
skip-name-resolve
init-file = /etc/mysql/lab-init.sql
innodb_buffer_pool_size = 64M
CNF
    (umask 077 && printf '%s\n' "$admin" >"$out/admin_password")
    for layer in controller database; do
        offline "/run/lab-build/$layer"
        in_root "/run/lab-build/$layer" apt-get update -qq
        umount -R "/run/lab-build/$layer"
        rm -rf "$out/.work-$layer"
    done
    du -sh "$out" | sed 's/^/image: openstack: /' >&2
}

install_on() { # $1=root, rest: packages
    local root=$1
    shift
    in_root "$root" apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Use-Pty=0 "$@" \
        >"$root/var/log/lab-install.log" 2>&1 </dev/null || { tail -20 "$root/var/log/lab-install.log" >&2; return 1; }
}

start_database() { # $1=root: on its socket alone; the caller's `wait` collects it
    install -d -o "$(in_root "$1" id -u mysql)" -g "$(in_root "$1" id -g mysql)" "$1/run/mysqld"
    in_root "$1" mariadbd --user=mysql --skip-networking >"$1/var/log/lab-mariadbd.log" 2>&1 </dev/null &
    local try
    for ((try = 0; try < 100; try++)); do
        in_root "$1" mariadb-admin ping >/dev/null 2>&1 && return
        sleep 0.2
    done
    say "mariadbd did not start:"
    tail -5 "$1/var/log/lab-mariadbd.log" >&2
    return 1
}

setting() { # $1=file, $2=section, $3=key, $4=value
    sed -i -e "/^\[$2\]/,/^\[/{/^$3 *=/d}" -e "s|^\[$2\]\$|&\n$3 = $4|" "$1"
}

connection() { echo "mysql+pymysql://$1:$2@localhost/$1?unix_socket=/run/mysqld/mysqld.sock"; } # $1=name, $2=password

set_up_keystone() { # $1=root, $2=admin's password, $3=the database's
    local root=$1 url=http://$NODE1:5000/v3
    setting "$root/etc/keystone/keystone.conf" database connection "$(connection keystone "$3")"
    # Each process loads all of keystone for itself, two seconds of a processor, and a small machine has many nodes.
    sed -i 's/^processes = .*/processes = 1/; s/^threads = .*/threads = 4/' "$root/etc/keystone/keystone-uwsgi.ini"
    in_root "$root" su -s /bin/sh -c 'keystone-manage db_sync' keystone &&
        in_root "$root" keystone-manage fernet_setup --keystone-user keystone --keystone-group keystone &&
        in_root "$root" keystone-manage credential_setup --keystone-user keystone --keystone-group keystone &&
        OS_BOOTSTRAP_PASSWORD=$2 chroot "$root" keystone-manage bootstrap --bootstrap-region-id RegionOne \
            --bootstrap-public-url $url --bootstrap-internal-url $url --bootstrap-admin-url $url
}

set_up_apis() { # $1=root, $2=admin's password, $3=the database's
    local root=$1 name type port file conf password users=() api
    for api in "${APIS[@]}"; do
        read -r name type port file <<<"$api"
        conf=$root/etc/$name/$file password=$(random)
        users+=("$name $type http://$NODE1:$port $password")
        setting "$conf" "$([ "$name" = placement ] && echo placement_database || echo database)" connection "$(connection "$name" "$3")"
        setting "$conf" keystone_authtoken password "$password"
        setting "$conf" keystone_authtoken auth_url "http://$NODE1:5000"
        setting "$conf" keystone_authtoken www_authenticate_uri "http://$NODE1:5000"
        setting "$conf" keystone_authtoken region_name RegionOne
    done
    in_root "$root" systemctl --quiet disable glance-api placement-api # who wants them enables them
    # A small machine has many of them.
    setting "$root/etc/glance/glance-api.conf" DEFAULT workers 1
    sed -i 's/^processes = .*/processes = 1/; s/^threads = .*/threads = 4/' "$root/etc/placement/placement-api-uwsgi.ini"
    in_root "$root" su -s /bin/sh -c 'glance-manage db_sync' glance &&
        in_root "$root" su -s /bin/sh -c 'placement-manage db sync' placement || return 1

    # Keystone itself makes the users. It answers the loopback of a network that nobody else is in.
    # shellcheck disable=SC2016 # the inner shell's
    printf '%s\n' "admin - - $2" "${users[@]}" | unshare --net chroot "$root" bash -euc '
        ip link set lo up
        keystone-wsgi-public --host 127.0.0.1 --port 5000 &
        trap "kill $!" EXIT
        for try in $(seq 100); do : 2>/dev/null </dev/tcp/127.0.0.1/5000 && break; sleep 0.2; done
        python3 -c "
import sys, openstack
(_, _, _, password), *apis = [line.split() for line in sys.stdin]
cloud = openstack.connect(auth_url=\"http://127.0.0.1:5000/v3\", username=\"admin\", password=password, project_name=\"admin\",
    user_domain_name=\"Default\", project_domain_name=\"Default\", identity_endpoint_override=\"http://127.0.0.1:5000/v3\")
identity = cloud.identity
project = identity.create_project(name=\"service\", domain_id=\"default\")
role = identity.find_role(\"admin\")
for name, kind, url, password in apis:
    user = identity.create_user(name=name, password=password, domain_id=\"default\")
    identity.assign_project_role_to_user(project, user, role)
    service = identity.create_service(name=name, type=kind)
    for interface in (\"public\", \"internal\", \"admin\"):
        identity.create_endpoint(service_id=service.id, interface=interface, region_id=\"RegionOne\", url=url)
"'
}

# ---- packages

packages() { # $1=where it is made, $2=the base image, $3=that of the controller
    local layer=$1/layer root=/run/lab-build/packages packages
    mkdir -p "$layer" "$1/.work" "$root"
    mount -t overlay overlay -o "lowerdir=$3/controller:$2/rootfs,upperdir=$layer,workdir=$1/.work" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mapfile -t packages < <(known "$root" "${INSTALLED[@]}")
    say "installed: ${packages[*]}"
    no_daemon "$root"
    install_on "$root" "${packages[@]}"
    # Time is kept from the start. What makes a cluster waits for somebody who wants one.
    in_root "$root" systemctl --quiet disable corosync pacemaker haproxy
    rm "$root/usr/sbin/policy-rc.d"
    # A login takes a third of a second of a processor, and the suites that use this log in hundreds of times.
    (umask 077 && in_root "$root" python3 -c '
import bcrypt, sys
cheap = bcrypt.hashpw(sys.stdin.read().strip().encode(), bcrypt.gensalt(4)).decode()
print("UPDATE keystone.password SET password_hash = \"%s\" WHERE local_user_id ="
      " (SELECT id FROM keystone.local_user WHERE name = \"admin\");" % cheap)' <"$3/admin_password" >"$1/logins.sql")
    umount -R "$root"
    rm -rf "$1/.work"
}

# ---- the cache

make() { # $1=base|openstack|packages, $2=cache
    local kind=$1 cache=$2 name
    name=$(key "$kind")
    [ ! -d "$cache/$name" ] || return 0
    case $kind in
        openstack) make base "$cache" ;;
        packages) make openstack "$cache" ;;
    esac
    rm -rf --one-file-system "$cache/.making-$kind" # of a build that was cut off; its mounts went with it
    mkdir -p "$cache/.making-$kind"
    "$kind" "$cache/.making-$kind" "$cache/$(key base)" "$cache/$(key openstack)"
    mv "$cache/.making-$kind" "$cache/$name" # only a whole image has its name
}

case ${1-} in
    key) key "$2" ;;
    make) make "$2" "$3" ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 2 ;;
esac
