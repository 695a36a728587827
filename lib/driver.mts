/** The shell text around the guards: how a script runs on a node, is told to stop, and ends when nobody listens any more. */
import { quote } from './shell.mts'

/** Seconds between two signs of life of the one who sent the script, and how long the node goes without any. */
export const BEAT = 5
export const PATIENCE = 30

/** Whose run it is that works on a node; gone with a reboot, as the run is. */
export const LOCK = '/run/quorate/lock'

/** Its third line: nobody listens any more, and the node finishes what is atomic. */
export const OVER = 'over'

/**
 * Killing an ssh client ends nothing on the node, and a link that died tells sshd nothing for hours. So each script has a
 * watchdog in a session of its own, which reads the rest of its standard input: a line every few seconds as long as
 * somebody listens. When that ends, the script's whole process group does; an atomic step (`whole`, below) is waited for,
 * by the watchdog of the lock each one on the node.
 * $1 is the process group, $2 the scratch folder.
 */
const WATCHDOG = `
group=$1 scratch=$2
busy() {
  all=$scratch/busy
  [ ! -e "$scratch/lock" ] || all="$all /run/quorate.*/busy"
  for one in $all; do
    if [ -e "$one" ] && kill -0 "$(cat "$one")" 2>/dev/null; then return 0; fi
  done
  return 1
}
while line=$(timeout --foreground ${PATIENCE} sh -c 'IFS= read -r line && echo "$line"'); do
  [ ! -e "$scratch/lock" ] || touch -c ${LOCK}
  case $line in
    stop) : >"$scratch/stop" ;;
    release) : >"$scratch/released"; exit 0 ;;
  esac
done
: >"$scratch/stop"
# The run is over, though its lock is kept as long as this node is busy: who comes next need not give up.
if [ -e "$scratch/lock" ] && [ "$(sed -n 2p ${LOCK})" = "$group" ]; then echo ${OVER} >>${LOCK}; fi
while busy; do sleep 0.1; done
kill -TERM "-$group"
tries=0
while kill -0 "-$group" && [ "$tries" -lt 30 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -KILL "-$group"
rm -rf "$scratch"`

/**
 * The scratch folder is in memory, for root alone, and gone with the script however that ends. The shell must lead its
 * process group (setsid(1)), for the watchdog.
 */
export const BEGIN = `
scratch=$(mktemp -d /run/quorate.XXXXXX 2>/dev/null || mktemp -d) || exit
setsid sh -c ${quote(WATCHDOG.trim())} quorate-watchdog "$$" "$scratch" <&3 3<&- >/dev/null 2>&1 &
watchdog=$!
exec 3<&-
frame hello`.trim()

/**
 * Each text runs in a subshell of its own with -e and -u, never in a condition: there POSIX switches -e off. A check that
 * waits tells what it sees only when that changes. A text may use `whole`, `stopped`, `waits`, `$scratch`.
 */
export const DRIVER = `
stopped() { [ -e "$scratch/stop" ] || [ ! -d "$scratch" ]; }
# Runs a program to its end, also when the connection dies meanwhile; not at all once a stop is asked for.
whole() {
  echo "$$" >"$scratch/busy"
  if stopped; then
    rm -f "$scratch/busy"
    echo "stopped before: $1"
    return 75
  fi
  "$@" || { set -- $?; rm -f "$scratch/busy"; return "$1"; }
  rm -f "$scratch/busy"
}
# For an apply that waits for others: what it sees.
waits() { frame wait "$index"; printf '%s\\n' "$1"; }
state() { set -eu; "check$1" 2>&1; }
look() {
  seen=$(exec 9>&-; state "$1"); rc=$?; last=-
  if [ "$rc" -ne 0 ] && [ "$2" -gt 0 ]; then
    until=$(($(date +%s) + $2))
    while [ "$rc" -eq 1 ] && [ "$(date +%s)" -lt "$until" ] && ! stopped; do
      [ "$seen" = "$last" ] || { frame wait "$1"; printf '%s\\n' "\${seen:-nothing yet}"; last=$seen; }
      sleep 0.1 2>/dev/null || sleep 1
      seen=$(exec 9>&-; state "$1"); rc=$?
    done
  fi
  [ -z "$seen" ] || [ "$seen" = "$last" ] || printf '%s\\n' "$seen"
  return "$rc"
}
bad=
end() {
  frame end "$1" "$2" "$3"
  case $2 in failed|unsure) [ "$mode" = check ] || [ -n "$tellall" ] || bad=1 ;; esac
}
# What helps to see why is told before the end, and changes no status.
lost() { [ "$mode" = check ] || { ( set +e; "why$1" ) 2>&1 9>&-; full; }; end "$1" "$2" "$3"; }
# What a stop has broken off is neither done nor failed.
short() { if stopped; then end "$1" skipped 0; else lost "$1" failed "$2"; fi; }
guard() {
  index=$1
  if [ -n "$bad" ] || stopped; then end "$1" skipped 0; return; fi
  frame start "$1"
  patience=$3
  if [ "$mode" = check ] || [ "$2" = apply ]; then patience=0; fi
  look "$1" "$patience"; rc=$?
  case $rc in
    0) end "$1" ok 0; return ;;
    1) ;;
    *) lost "$1" unsure "$rc"; return ;;
  esac
  if [ "$mode" = check ]; then end "$1" pending 1; return; fi
  if [ "$2" != apply ] || stopped; then short "$1" 1; return; fi
  frame apply "$1"
  ( set -eu; "apply$1" ); rc=$?
  if [ "$rc" -ne 0 ]; then short "$1" "$rc"; return; fi
  frame verify "$1"
  look "$1" "$3"; rc=$?
  if [ "$rc" -eq 0 ]; then end "$1" changed 0; else short "$1" "$rc"; fi
}
# Takes in all output: when the connection is gone, what still runs must not die of it.
relay() { trap '' PIPE; cat 2>/dev/null || cat >/dev/null; }`.trim()

/**
 * Takes the lock of the node for its owner, a line of text, and keeps it as long as somebody listens (flock(1)): a dead
 * owner's lock is free by itself, and what it leaves in the file tells of it. Frames: taken or held, and how many seconds
 * ago the file was last touched; then the lines that were in it.
 */
export const take = (owner: string): string =>
  `
mkdir -p ${LOCK.replace(/\/[^/]+$/, '')}
before=
[ ! -e ${LOCK} ] || before=$(stat -c %.9Y ${LOCK})
exec 9>>${LOCK}
if flock -n 9; then
  frame lock taken "$(date +%s.%N)" "$before"
  cat ${LOCK}
  printf '%s\\n' ${quote(owner)} "$$" >${LOCK}
  : >"$scratch/lock"
else
  frame lock held "$(date +%s.%N)" "$before"
  cat ${LOCK}
  bad=1
fi`.trim()

/** The watchdog may have begun to end this very shell: then it is not to go before the folder has. */
export const END = `
trap '' TERM
{ kill -TERM "-$watchdog" || kill -TERM "$watchdog"; } 2>/dev/null
rm -rf "$scratch"
frame bye
exit 0`.trim()

/** The lock is kept after the last guard, until its owner lets it go or is gone. */
export const HOLD = `
if [ -e "$scratch/lock" ]; then
  frame bye
  wait "$watchdog"
  [ ! -e "$scratch/released" ] || : >${LOCK}
  rm -rf "$scratch"
  exit 0
fi`.trim()
