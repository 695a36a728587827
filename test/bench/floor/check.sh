#!/bin/sh
# check.sh is the floor under a second run: what one would write by hand, for one known cluster, to see that everything is as it
# was built. One ssh per node, all nodes at once.
#
#     test/bench/floor/check.sh [--light] FOLDER        exits 0 when all is right; else 1, having said what is not
#
# --light checks what phases 00 to 02 make, and no more. FOLDER holds what its author knows of the cluster:
#   ssh_config    for `ssh -F`
#   nodes         a line for each: address fqdn name heartbeat-address
#   settings      shell variables, see node.sh
#   wanted.NAME   of each node, as seen.sh prints it on a node that is right
#
# It makes the same checks as a second run of all phases, on the same nodes. It leaves out: the lock, facts that are asked only
# to render files, what differs and how to mend it, waiting for what is about to come, masking, a log, checkpoints; systems,
# firewalls, transports and packagings other than those of the lab; IPv6.
set -eu

part=full
[ "$1" != --light ] || { part=light && shift; }
dir=$1
here=${0%/*}
out=$(mktemp -d /tmp/floor.XXXXXX)
trap 'rm -rf "$out"' EXIT

ask() { # $1=name: the node's first line is its clock, to which ours is put at once
    cat "$dir/settings" "$dir/wanted.$1" "$here/node.sh" |
        ssh -F "$dir/ssh_config" "$1" sh -s "$part" "$1" "$2" "$3" "$first" 2>&1 | {
        IFS= read -r line || line='no answer'
        echo "$line $(date +%s)"
        cat
    } >"$out/$1"
}

asked=$(date +%s)
first=
while read -r address _ name heartbeat; do
    first=${first:-$name}
    ask "$name" "$address" "$heartbeat" &
done <"$dir/nodes"
wait

# Each begins with "clock machine-id hostname our-clock" and ends with "right"; what is between is wrong. Names, ids and clocks
# can only be compared here.
cd "$out"
awk -v asked="$asked" '
    FNR == 1 {
        if (last != "") end()
        nodes++
        where = substr(FILENAME, 3)
        if (NF != 4) print where ": " $0
        else {
            if (ids[$2]++) print where ": its machine-id is that of another node"
            if (names[$3]++) print where ": its name is that of another node"
            # It said so some time between our question and its answer.
            if ($1 - $4 > 2 || asked - $1 > 2) { print where ": its clock is off"; wrong = 1 }
        }
        last = "nothing"
        next
    }
    { if (last != "nothing") print where ": " last; last = $0 }
    function end() { if (last != "right") { print where ": " last; wrong = 1 } }
    END { end(); for (id in ids) if (ids[id] > 1) wrong = 1; exit wrong || length(ids) != nodes || length(names) != nodes }' ./*
