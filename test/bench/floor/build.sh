#!/bin/sh
# build.sh is the floor under a first run: the packages are installed, and corosync, pacemaker and HAProxy started with as little
# configuration as they start with at all; in one ssh per node, all nodes at once.
#
#     test/bench/floor/build.sh FOLDER        FOLDER as for check.sh: ssh_config and nodes
#
# Keystone is restarted, since quorate has to. It leaves out everything else: names, keys, firewalls, where keystone listens, the
# VIP, every look before and after. It does not wait for the nodes to find one another either.
set -eu

dir=$1
out=$(mktemp -d /tmp/floor.XXXXXX)
trap 'rm -rf "$out"' EXIT

conf='totem {
  version: 2
  cluster_name: floor
  transport: knet
  crypto_cipher: aes256
  crypto_hash: sha256
}
quorum {
  provider: corosync_votequorum
}
logging {
  to_syslog: yes
}
nodelist {'
id=0
while read -r address _ name heartbeat; do
    id=$((id + 1))
    conf="$conf
  node {
    nodeid: $id
    name: $name
    ring0_addr: $address
    ring1_addr: $heartbeat
  }"
done <"$dir/nodes"
conf="$conf
}"
key=$(head -c 256 /dev/urandom | base64 -w 0)

build() { # $1=name
    {
        echo "conf='$conf' key='$key'"
        cat <<'NODE'
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
. /etc/os-release
# The agents moved to a package of their own.
case $ID:$VERSION_ID in debian:12 | ubuntu:22.04) agents=resource-agents ;; *) agents=resource-agents-base ;; esac
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends install corosync pacemaker pacemaker-cli-utils $agents haproxy chrony crmsh </dev/null
rm /usr/sbin/policy-rc.d
printf '%s\n' "$conf" >/etc/corosync/corosync.conf
(umask 077 && echo "$key" | base64 -d >/etc/corosync/authkey)
printf 'listen floor\n bind 127.0.0.1:5001\n' >/etc/haproxy/haproxy.cfg
systemctl start chrony corosync pacemaker haproxy
systemctl restart keystone
NODE
    } | ssh -F "$dir/ssh_config" "$1" sh -s >"$out/$1" 2>&1 || echo "$1: $(tail -n 3 "$out/$1")"
}

while read -r _ _ name _; do build "$name" & done <"$dir/nodes" >"$out/.failed"
wait
[ ! -s "$out/.failed" ] || { cat "$out/.failed" && exit 1; }
