#!/bin/sh
# shellcheck disable=SC2154,SC2086,SC2016
# (its variables are in front of it, lists of words among them)
# node.sh is the part of check.sh that runs on a node, as root: prints a line for each thing that is wrong, and "right" at the end
# if there was none. $1=light|full $2=name $3=address $4=heartbeat address $5=name of the first node
#
# From settings: vip, prefix, cluster, fqdn_domain, members (count), links (count), names, packages, and full ones also token
# (the body of POST /v3/auth/tokens). From wanted.NAME: files, sums, modes, blocks, cib.
{ # sh reads all of it before it begins, and nothing reads the rest of it as input
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
cd /
part=$1 me=$2 address=$3 heartbeat=$4 first=$5
failed=
wrong() { echo "$*"; failed=1; }
has() { case $1 in *"$2"*) return 0 ;; esac; return 1; } # text, part of it

read -r id </etc/machine-id
read -r hostname </proc/sys/kernel/hostname
echo "$(date +%s) $id $hostname"

# The slow ones run beside the others: an echo of a free address is waited for a second, keystone takes a third of one.
work=$(mktemp -d /run/floor.XXXXXX)
trap 'rm -rf "$work"' EXIT
addresses=$(ip -o -4 addr show)
if has "$addresses" " $vip/"; then mine=yes; else mine=no; fi
[ $mine = yes ] || ping -c 1 -W 1 "$vip" >/dev/null 2>&1 && : >"$work/echo" &
http() { timeout 30 bash -c 'exec 3<>"/dev/tcp/$0/5000" && cat >&3 && cat <&3' "$1"; }
if [ "$part" = full ]; then
    printf 'GET /healthcheck HTTP/1.0\r\nHost: %s:5000\r\n\r\n' "$address" | http "$address" >"$work/health" 2>&1 &
    [ "$me" != "$first" ] || {
        printf 'POST /v3/auth/tokens HTTP/1.0\r\nHost: %s:5000\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' \
            "$vip" "${#token}" "$token" | http "$vip" | tr -d ' ' >"$work/token" 2>&1 &
    }
fi

# ---- 00: the nodes fit together

. /etc/os-release
case $ID:$VERSION_ID in debian:12 | debian:13 | ubuntu:22.04 | ubuntu:24.04) ;; *) wrong "unknown system $PRETTY_NAME" ;; esac
[ -d /run/systemd/system ] || wrong 'systemd does not run'
for tool in bash timeout ip ss awk diff base64 sha256sum stat systemctl; do
    command -v $tool >/dev/null || wrong "no $tool"
done
case $hostname in "$me" | "$me.$fqdn_domain") ;; *) wrong "its name is $hostname" ;; esac
has "$addresses" " $address/$prefix " || wrong "has no $address"
has "$addresses" " $heartbeat/" || wrong "has no $heartbeat"
! grep -qE "^[[:space:]]*(127\.|::1).*[[:space:]]$me(\.|[[:space:]]|\$)" /etc/hosts || wrong 'its name is on 127.x'
df -P -k /usr /var /etc | awk 'NR > 1 && $4 < ($6 == "/etc" ? 10240 : 409600) { bad = 1 } END { exit bad }' || wrong 'a disk is full'
[ ! -e /etc/corosync/corosync.conf ] || grep -qE "cluster_name: (debian|$cluster)\$" /etc/corosync/corosync.conf || wrong 'another cluster'
has "$(awk '/^# BEGIN quorate/,/^# END quorate/ { print FILENAME, $0 }' /etc/hosts /root/.ssh/authorized_keys /etc/ssh/ssh_known_hosts | sha256sum)" \
    "$blocks" || wrong 'hosts, authorized_keys or ssh_known_hosts'
[ -s /root/.ssh/id_ed25519.pub ] || [ -s /root/.ssh/id_ecdsa.pub ] || [ -s /root/.ssh/id_rsa.pub ] || wrong 'root has no key'
sshd=$(sshd -T 2>/dev/null)
case $sshd in *'permitrootlogin no'*) wrong 'root may not log in' ;; *'port 22'*) ;; *) wrong 'sshd is not on port 22' ;; esac
if command -v nft >/dev/null && nft list ruleset | grep -q 'hook input'; then wrong 'nftables is active'; fi
if command -v ufw >/dev/null && ufw status | grep -q '^Status: active'; then wrong 'ufw is active'; fi
if command -v getenforce >/dev/null && [ "$(getenforce)" = Enforcing ]; then wrong 'SELinux is enforcing'; fi

# ---- 01, 02: packages on offer are those that are installed

installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' $packages 2>&1 | grep -c '^.i ')
[ "$installed" = "$(set -- $packages; echo $#)" ] || wrong "$installed packages are installed"
[ -z "$(dpkg --audit)" ] || wrong 'dpkg has to finish'
for unit in corosync pacemaker haproxy chrony; do
    [ ! -L /run/systemd/system/$unit.service ] || wrong "$unit is masked"
done

# ---- files and daemons

{
    sha256sum --check --quiet - <<SUMS || wrong 'files differ'
$sums
SUMS
    stats=$(stat -c '%a %U:%G %n %Y' $files)
}
[ "$(printf '%s\n' "$stats" | sed 's/ [0-9]*$//')" = "$modes" ] || wrong 'modes or owners differ'
units=chrony
[ "$part" = light ] || units='chrony corosync pacemaker haproxy keystone'
# A daemon must have been started or reloaded since its files were written.
{
    printf '%s\n' "$stats"
    systemctl show --timestamp=unix -p Id,ActiveState,UnitFileState,NeedDaemonReload,StateChangeTimestamp $units firewalld
} | awk -v part="$part" '
    $3 ~ /^\// { written[$3] = $4; next }
    /=/ { at = index($0, "="); is[substr($0, 1, at - 1)] = substr($0, at + 1); next }
    { unit() }
    END { unit(); exit bad }
    function unit() {
        if (!("Id" in is)) return
        name = is["Id"]; sub(/\.service$/, "", name)
        since = substr(is["StateChangeTimestamp"], 2) + 0
        if (name == "firewalld") { if (is["ActiveState"] == "active") no("is active") }
        else {
            if (is["ActiveState"] != "active") no("is " is["ActiveState"])
            if (is["UnitFileState"] != (name == "haproxy" ? "disabled" : "enabled")) no("is " is["UnitFileState"])
            if (is["NeedDaemonReload"] != "no") no("has another unit file")
            if (name == "corosync") { newer("/etc/corosync/corosync.conf"); newer("/etc/corosync/authkey") }
            if (name == "haproxy") newer("/etc/haproxy/haproxy.cfg")
            if (name == "keystone") newer("/etc/systemd/system/keystone.service.d/quorate.conf")
        }
        split("", is)
    }
    function newer(file) { if (written[file] > since) no("is older than " file) }
    function no(why) { print name " " why; bad = 1 }' || failed=1

# ---- 03 to 07

if [ "$part" = full ]; then
    corosync-cfgtool -s | awk -v want=$((members * links)) '
        /nodeid: / && ($NF == "connected" || $NF == "localhost") { up++ } END { exit up != want }' || wrong 'links are down'
    corosync-quorumtool -s | awk -v want="$members" '
        /^Nodes:/ { nodes = $2 } /^Quorate:/ { quorate = $2 } END { exit quorate != "Yes" || nodes != want }' || wrong 'not quorate'
    # Who is online, where the VIP and HAProxy are, and what was given up on, from one answer of pacemaker.
    crm_mon --one-shot --output-as=xml | awk -F '"' -v names="$names" -v me="$hostname" -v mine=$mine '
        function of(key,   i) { for (i = 1; i < NF; i += 2) if ($i ~ (" " key "=$")) return $(i + 1) }
        /<node .*online=/ && of("online") == "true" && of("unclean") == "false" && of("pending") == "false" {
            online[of("name")]; if (of("standby") == "false") ready++ }
        /<resource / { id = of("id"); started = of("role") == "Started" && of("failed") == "false" }
        /<node .*cached=/ && started { if (id == "vip") { held++; holder = of("name") } if (id == "haproxy") runs++ }
        /<resource_history / && of("fail-count") + 0 >= of("migration-threshold") + 0 && of("fail-count") != "" { print "given up on " of("id"); bad = 1 }
        END {
            count = split(names, all, " ")
            for (i = 1; i <= count; i++) if (!(all[i] in online)) { print all[i] " is not online"; bad = 1 }
            if (held != 1 || (holder == me) != (mine == "yes")) { print "the VIP: " held + 0 " times, " holder; bad = 1 }
            if (runs != ready || !runs) { print "HAProxy runs " runs + 0 " times"; bad = 1 }
            exit bad
        }' || failed=1
    read -r bind </proc/sys/net/ipv4/ip_nonlocal_bind
    [ "$bind" = 1 ] || wrong 'ip_nonlocal_bind is off'
    if [ "$me" = "$first" ]; then
        has "$(cibadmin --query --scope configuration | sed '/"cib-bootstrap-options-\(dc-version\|have-watchdog\|cluster-infrastructure\|cluster-name\|last-lrm-refresh\)"/d' | sha256sum)" \
            "$cib" || wrong 'the CIB differs'
    fi
fi
# HAProxy needs the port on the VIP, the API has it on the node's own address.
ss -H -l -t -n 'sport = :5000' | awk -v own="$address:5000" -v vip="$vip:5000" -v part="$part" '
    $4 == own || $4 == vip { seen++; next } { bad = 1 } END { exit bad || (part == "full" && seen < 2) }' || wrong 'listeners on port 5000'

wait
if [ $mine = yes ]; then
    systemctl is-active --quiet pacemaker || wrong 'the VIP is here without pacemaker'
elif [ "$part" = full ]; then
    [ -e "$work/echo" ] || wrong 'the VIP does not answer'
elif [ -e "$work/echo" ] || ip neigh show to "$vip" | grep -q REACHABLE; then
    wrong 'the VIP is in use'
fi
if [ "$part" = full ]; then
    read -r _ status _ <"$work/health"
    [ "$status" = 200 ] || wrong "keystone says ${status:-nothing}"
    [ "$me" != "$first" ] || awk -v url="\"url\":\"http://$vip:5000/v3\"" '
        NR == 1 && !/201/ { bad = 1 } { right += gsub(url, ""); other += gsub(/"url":"[^"]*:5000\//, "") }
        END { exit bad || right != 3 || other }' "$work/token" || wrong 'no token by the VIP, or endpoints elsewhere'
fi
[ -n "$failed" ] || echo right
exit
} </dev/null
