# shellcheck shell=bash
# host.sh is the part of `lab` that makes one host: its cables, its disk, power on and off, and entering it.
# Wants LAB_NAME, LAB_DOMAIN, LAB_KEYSTONE, LAB_APIS, LAB_PACKAGES, LAB_BMC, LAB_IPV6, HERE, BASE, OPENSTACK, PACKAGES, RPM,
# RPM_OPENSTACK, RUN, OPERATOR, OPS, PUBLIC, HEARTBEAT and BMC_NET.

# ---- network

in_ops() { nsenter --net="/run/netns/$OPS" -- "$@"; }

six() { echo "fd00:${1//./:}::$2"; } # $1=network, $2=last octet: a.b.c and d are also fd00:a:b:c::d

# A machine keeps its addresses over a restart, and a bridge that has none of its own takes the lowest of its ports: it would have
# another one with each node that goes, and nobody who knew the old one would reach it until their ARP entry is old.
mac() { printf 'address 02:00:00:00:%02x:%02x' "$1" "$2"; } # $1=network (0 public, 1 heartbeat, 2 bmc), $2=last octet

make_bridges() {
    local bridge number=0 bridges=("public $PUBLIC" "heartbeat $HEARTBEAT")
    [ "$LAB_BMC" = no ] || bridges+=("bmc $BMC_NET")
    ip netns add "$OPS"
    ip -n "$OPS" link set lo up
    for bridge in "${bridges[@]}"; do
        # shellcheck disable=SC2046 # two words
        ip -n "$OPS" link add "${bridge% *}" $(mac "$number" 1) type bridge forward_delay 0 mcast_snooping 0
        ip -n "$OPS" addr add "${bridge#* }.1/24" brd + dev "${bridge% *}"
        [ "$LAB_IPV6" = no ] || ip -n "$OPS" addr add "$(six "${bridge#* }" 1)/64" dev "${bridge% *}" nodad
        ip -n "$OPS" link set "${bridge% *}" up
        number=$((number + 1))
    done
}

# shellcheck disable=SC2046 # two words
plug_in() { # $1=host, $2=last octet: its namespace and the cables to the bridges (named p201, h201, b201 at the bridges)
    local ns=$LAB_NAME-$1
    ip netns add "$ns"
    ip -n "$OPS" link add "p$2" type veth peer name eth0 $(mac 0 "$2") netns "$ns"
    ip -n "$OPS" link add "h$2" type veth peer name eth1 $(mac 1 "$2") netns "$ns"
    ip -n "$OPS" link set "p$2" master public up
    ip -n "$OPS" link set "h$2" master heartbeat up
    [ "$LAB_BMC" = yes ] || return 0
    ip -n "$OPS" link add "b$2" type veth peer name eth2 $(mac 2 "$2") netns "$ns"
    ip -n "$OPS" link set "b$2" master bmc up
}

unplug() { # $1=host, $2=last octet: first the cables, so that nothing of it answers from then on
    ip -n "$OPS" link del "p$2" 2>/dev/null || true
    ip -n "$OPS" link del "h$2" 2>/dev/null || true
    ip -n "$OPS" link del "b$2" 2>/dev/null || true
    ip netns del "$LAB_NAME-$1" 2>/dev/null || true
}

# ---- hosts

# The tests enter nodes a thousand times: what that needs asks the shell and /proc, and starts no program.

octet() { # $1=host
    local host at all=
    while read -r host at; do
        [ "$host" != "$1" ] || { echo "$at" && return; }
        all="$all $host"
    done < <(hosts)
    die "no host '$1' in lab '$LAB_NAME'; there are:$all"
}

started_at() { # $1=pid: that and this are one process for ever
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
    read -ra stat <<<"${stat##*) }"
    echo "${stat[19]}"
}

alive() { # $1=record of a process: its pid, if it still runs
    local pid start
    read -r pid start 2>/dev/null <"$1" && [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ] && echo "$pid"
}

supervisor() { alive "$RUN/$1/pid"; } # $1=host: pid of the running shell that holds its disk and its systemd-nspawn

children() { echo "$(<"/proc/$1/task/$1/children")"; } 2>/dev/null # $1=pid (proc(5))

child_of() { # $1=pid, $2=name
    local pid name
    for pid in $(children "$1"); do
        { read -r name <"/proc/$pid/comm"; } 2>/dev/null && [ "$name" = "$2" ] && echo "$pid" && return
    done
    return 1
}

leader() { # $1=host: pid of its init, which changes when the host reboots itself
    local nspawn pid
    nspawn=$(supervisor "$1") && nspawn=$(child_of "$nspawn" systemd-nspawn) || return 1
    for pid in $(children "$nspawn"); do # the child that sets the host up is still in our own pid namespace, and gone in a moment
        [ ! -e "/proc/$pid/ns/pid" ] || [ "/proc/$pid/ns/pid" -ef /proc/self/ns/pid ] || { echo "$pid" && return; }
    done
    return 1
}

make_disk() { # $1=host, $2=last octet: an overlay whose upper layer is the host's own
    local disk=$RUN/$1/disk image=$BASE/rootfs lower flavour=apt
    [ "$1" = db ] || flavour=$(flavour "$2")
    if [ "$LAB_KEYSTONE" = yes ]; then
        lower=$OPENSTACK/controller
        [ "$1" != db ] || lower=${lower%/*}/database
        image=$lower:$image
        [ "$LAB_PACKAGES" = no ] || [ "$1" = db ] || image=$PACKAGES/layer:$image
        [ "$flavour" = apt ] || image=$RPM/$flavour:$RPM_OPENSTACK/userland:$image
    elif [ "$flavour" != apt ]; then
        image=$RPM/$flavour:$RPM/userland:$image
    fi
    mkdir -p "$RUN/$1/overlay" "$RUN/$1/root" "$disk/etc/ssh" "$disk/root/.ssh"
    printf '%s\n' "$image" >"$RUN/$1/lower"
    chmod 700 "$disk/root" "$disk/root/.ssh"
    echo "$1" >"$disk/etc/hostname"
    {
        echo "eth0 $PUBLIC.$2/24 $([ "$LAB_IPV6" = no ] || echo "$(six "$PUBLIC" "$2")/64")"
        echo "eth1 $HEARTBEAT.$2/24 $([ "$LAB_IPV6" = no ] || echo "$(six "$HEARTBEAT" "$2")/64")"
    } >"$disk/etc/lab-network"
    [ "$LAB_BMC" = no ] || printf 'eth2 %s.%s/24\n' "$BMC_NET" "$2" >>"$disk/etc/lab-network"
    ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$disk/etc/ssh/ssh_host_ed25519_key"
    echo "$PUBLIC.$2,$(six "$PUBLIC" "$2"),$1,$1.$LAB_DOMAIN $(cut -d' ' -f1,2 "$disk/etc/ssh/ssh_host_ed25519_key.pub")" >>"$OPERATOR/known_hosts"
    install -m 600 "$OPERATOR/id_ed25519.pub" "$disk/root/.ssh/authorized_keys"
    if [ "$LAB_KEYSTONE" = no ]; then return; fi
    if [ "$1" = db ]; then set_up_database "$disk"; else set_up_controller "$disk" "$lower"; fi
}

set_up_database() { # $1=disk
    mkdir -p "$1/etc/mysql"
    {
        [ "$LAB_APIS" = yes ] || for kind in image placement; do
            echo "DELETE FROM keystone.endpoint WHERE service_id IN (SELECT id FROM keystone.service WHERE type = '$kind');"
            echo "DELETE FROM keystone.service WHERE type = '$kind';"
        done
        echo "UPDATE keystone.endpoint SET url = REPLACE(url, 'node1.invalid', '$PUBLIC.201');"
        [ "$LAB_PACKAGES" = no ] || cat "$PACKAGES/logins.sql"
    } >"$1/etc/mysql/lab-init.sql"
}

set_up_controller() { # $1=disk, $2=the image's layer
    local conf unit confs=(keystone/keystone.conf)
    if [ "$LAB_APIS" = yes ]; then confs+=(glance/glance-api.conf placement/placement.conf); fi
    for conf in "${confs[@]}"; do
        mkdir -p "$1/etc/${conf%/*}"
        cp -a "$2/etc/$conf" "$1/etc/${conf%/*}/"
        chown --reference="$2/etc/${conf%/*}" "$1/etc/${conf%/*}"
        chmod --reference="$2/etc/${conf%/*}" "$1/etc/${conf%/*}"
        sed -i "s|@DATABASE@|$PUBLIC.250|; s|node1[.]invalid|$PUBLIC.201|" "$1/etc/$conf"
    done
    if [ "$LAB_APIS" = no ]; then # what overlayfs takes for a folder that is not there
        mknod "$1/etc/glance" c 0 0
        mknod "$1/etc/placement" c 0 0
        return
    fi
    install -m 600 "$OPERATOR/admin-openrc" "$1/root/admin-openrc"
    mkdir -p "$1/etc/systemd/system/multi-user.target.wants" # of the image's there are others in the layer below
    for unit in glance-api placement-api; do
        ln -sf "/lib/systemd/system/$unit.service" "$1/etc/systemd/system/multi-user.target.wants/$unit.service"
    done
}

images() { # the folder that stands for a store which all controllers share
    install -d "$RUN/images"
    chown --reference="$OPENSTACK/controller/var/lib/glance" "$RUN/images"
}

save_disk() { # $1=host, $2=name: what the host has written becomes a layer that is never written again
    local kept=$RUN/$1/saved/$2
    mkdir -p "$kept"
    mv "$RUN/$1/disk" "$kept/disk"
    cp "$RUN/$1/lower" "$kept/lower"
}

restore_disk() { # $1=host, $2=name: an empty layer on the saved ones
    local kept=$RUN/$1/saved/$2
    rm -rf "$RUN/$1/disk" "$RUN/$1/overlay"
    mkdir "$RUN/$1/disk" "$RUN/$1/overlay"
    printf '%s:%s\n' "$kept/disk" "$(cat "$kept/lower")" >"$RUN/$1/lower"
}

cgroups() { # $1=host: its directory in each hierarchy of the machine, v1 or v2
    local controllers
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        echo "/sys/fs/cgroup/quorate-lab.$LAB_NAME.$1"
        return
    fi
    while IFS=: read -r _ controllers _; do
        case $controllers in
            '') controllers=unified ;;
            cpuset) continue ;; # takes no process before it is configured
        esac
        controllers=${controllers#name=}
        [ ! -d "/sys/fs/cgroup/$controllers" ] || echo "/sys/fs/cgroup/$controllers/quorate-lab.$LAB_NAME.$1"
    done </proc/self/cgroup
}

# What outlives the command keeps nothing that the command, or who called it, has open: a lock would be held as long as the lab is up.
let_go() {
    local fd
    for fd in "/proc/$BASHPID/fd"/*; do
        fd=${fd##*/}
        ((fd < 3 || fd == 255)) || eval "exec $fd>&-" # 255 is bash's own, and ends with it
    done
}

power_on() { # $1=host, $2=last octet
    local dir=$RUN/$1 groups group share=
    plug_in "$1" "$2"
    # Each host in cgroups of its own: else its systemd would share them with the others' and kill their services.
    mapfile -t groups < <(cgroups "$1")
    [ "$LAB_APIS" = no ] || [ "$1" = db ] || share=--bind=$RUN/images:/var/lib/glance/images
    for group in "${groups[@]}"; do mkdir -p "$group"; done
    (
        let_go
        for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
        # The disk is mounted in a mount namespace of its own, so the mount ends with the host.
        # volatile: no syncs, so installing and switching off are much faster. The mark it leaves (incompat) says that the
        # machine may have crashed; here only a node did, and what it wrote is in the page cache.
        # 133 is what nspawn returns when the host reboots itself.
        # shellcheck disable=SC2016
        exec setsid unshare --mount --propagation slave sh -euc '
            rm -rf "$1"/overlay/*/incompat
            disk="lowerdir=$(cat "$1/lower"),upperdir=$1/disk,workdir=$1/overlay"
            mount -t overlay overlay -o "$disk,volatile" "$1/root" || mount -t overlay overlay -o "$disk" "$1/root"
            export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
            code=133
            while [ $code = 133 ]; do
                code=0
                sleep "$(cat "$4" 2>/dev/null || echo 0)"
                systemd-nspawn --quiet --boot --register=no --keep-unit --console=pipe --resolv-conf=off --timezone=off --link-journal=no \
                    --directory="$1/root" --machine="$2" --hostname="$3" --network-namespace-path="/run/netns/$2" \
                    --capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_IPC_LOCK,CAP_SYS_NICE ${5:+"$5"} || code=$?
            done
        ' nspawn "$dir" "$LAB_NAME-$1" "$1" "$RUN/firmware" "$share" </dev/null >>"$dir/console.log" 2>&1
    ) &
    echo "$! $(started_at $!)" >"$dir/pid"
}

power_off() { # $1=host, $2=last octet: as if the plug was pulled
    local init group try
    unplug "$1" "$2"
    # The init takes its whole pid namespace with it; while the firmware is at work there is none.
    if init=$(leader "$1") || init=$(supervisor "$1"); then kill -9 "$init" 2>/dev/null || true; fi
    for ((try = 0; try < 50; try++)); do
        supervisor "$1" >/dev/null || break
        sleep 0.1
    done
    rm -f "$RUN/$1/pid"
    while read -r group; do
        for ((try = 0; try < 20; try++)); do # normally nothing is left but the empty directories
            [ -d "$group" ] || break
            find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null | grep -vx 0 | xargs -r kill -9 2>/dev/null || true
            find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
        done
    done < <(cgroups "$1")
    rmdir "/run/systemd/nspawn/propagate/$LAB_NAME-$1" 2>/dev/null || true # stays when nspawn itself was killed
}

enter() { # $1=host, rest: a command
    local pid
    pid=$(leader "$1") || die "$1 is not running"
    shift
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root TERM="${TERM:-dumb}" \
        nsenter --target "$pid" --mount --uts --ipc --net --pid --cgroup --root --wd -- "$@"
}

# ---- a BMC for each node: it has power also when its node has none

bmc_octet() { echo "$(($1 - 100))"; } # $1=last octet of the node: that of its BMC

start_bmc() { # $1=host, $2=last octet
    local dir=$RUN/$1/bmc address libraries loader
    address=$BMC_NET.$(bmc_octet "$2")
    mkdir -p "$dir/state"
    ip -n "$OPS" addr add "$address/24" dev bmc
    (
        umask 077
        head -c 9 /dev/urandom | base64 | tr '+/' 'ab' >"$dir/password"
        cat >"$dir/lan.conf" <<CONF
name "$1"
set_working_mc 0x20
startlan 1
addr $address 623
priv_limit admin
allowed_auths_admin none md5
guid $(printf '%s' "$LAB_NAME $1" | sha256sum | cut -c1-32)
endlan
chassis_control "$dir/chassis $1"
user 1 false "" "" user 1 none
user 2 true "quorate" "$(cat "$dir/password")" admin 10 none md5
CONF
    )
    printf '%s\n' 'mc_setbmc 0x20' 'mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02' 'mc_enable 0x20' >"$dir/commands"
    printf '#!/bin/sh\nexec env LAB_NAME=%q %q bmc "$@"\n' "$LAB_NAME" "$HERE/lab" >"$dir/chassis"
    chmod +x "$dir/chassis"
    # The image's own libraries: those of this machine may be older, or be none.
    libraries=$(find "$BASE/bmc" "$BASE/rootfs/usr/lib" -maxdepth 4 -type d -name '*-linux-gnu*' | paste -sd:)
    loader=$(find "$BASE/rootfs/usr/lib" "$BASE/rootfs/usr/lib64" -maxdepth 2 -name 'ld-linux*.so.*' | head -n 1)
    (
        let_go
        exec setsid nsenter --net="/run/netns/$OPS" -- "$loader" --library-path "$libraries" "$BASE/bmc/usr/bin/ipmi_sim" \
            -n -c "$dir/lan.conf" -f "$dir/commands" -s "$dir/state" </dev/null >>"$dir/log" 2>&1
    ) &
    echo "$! $(started_at $!)" >"$dir/pid"
}

stop_bmc() { # $1=host
    local pid
    ! pid=$(alive "$RUN/$1/bmc/pid") || kill -9 "$pid" 2>/dev/null || true
    rm -f "$RUN/$1/bmc/pid"
}

# What ipmi_sim calls for chassis control: `get power`, `set power 0`, `set power 1`, `set reset 1`. It waits a little for
# another command on the lab; what it could do later is not wanted any more.
bmc() { # $1=host, $2=last octet, rest: what to do
    local power
    power=$(supervisor "$1" >/dev/null && echo 1 || echo 0)
    case ${*:3} in
        'get power') echo "power:$power" && return ;;
    esac
    exec 9>"$RUNS/.$LAB_NAME.lock"
    flock -w 2 9 || die "another command is at work on lab '$LAB_NAME'"
    case ${*:3} in
        'set power 0') power_off "$1" "$2" ;;
        'set power 1') [ "$power" = 1 ] || power_on "$1" "$2" ;;
        'set reset 1') [ "$power" = 0 ] || { power_off "$1" "$2" && power_on "$1" "$2"; } ;;
        *) die "no such chassis control: ${*:3}" ;;
    esac
}
