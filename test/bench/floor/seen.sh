#!/bin/sh
# seen.sh prints what check.sh takes for right: run it on a node that is.
#
#     ssh node1 sh -s LIGHT|FULL < seen.sh > wanted.node1
#
# Sums, modes and owners of files that are ours as a whole, the sum of our parts in files of others, and that of the CIB.
set -eu
cd /
files=
for file in /etc/corosync/corosync.conf /etc/corosync/authkey /etc/haproxy/haproxy.cfg /etc/sysctl.d/60-quorate.conf \
    /etc/systemd/system/keystone.service.d/quorate.conf /var/lib/quorate/trust; do
    case $1:$file in light:/var/* | full:*) files="$files $file" ;; esac
done
echo "files='$files'"
# shellcheck disable=SC2086 # lists of words
{
    echo "sums='$(sha256sum $files)'"
    echo "modes='$(stat -c '%a %U:%G %n' $files)'"
}
echo "blocks='$(awk '/^# BEGIN quorate/,/^# END quorate/ { print FILENAME, $0 }' /etc/hosts /root/.ssh/authorized_keys /etc/ssh/ssh_known_hosts | sha256sum)'"
# Without what pacemaker itself writes there.
[ "$1" = light ] ||
    echo "cib='$(cibadmin --query --scope configuration | sed '/"cib-bootstrap-options-\(dc-version\|have-watchdog\|cluster-infrastructure\|cluster-name\|last-lrm-refresh\)"/d' | sha256sum)'"
