#!/bin/sh
# daemon.sh: a thousand VMs on the null hypervisor: durable creates a second,
# the time of a list, the memory of vmd and vmd-control.
#
# Peers in the same run: the same number of VMMs started by hand, which is
# the least a create must do; a file of the list's bytes through the same
# curl and socket machinery; for memory the goal itself.
set -u
build=${BUILD:-build}
bin=$build/bin
vms=${VMS:-1000}
for p in curl jq; do
	command -v $p > /dev/null || { echo "daemon: no $p" >&2; exit 0; }
done
[ -x "$bin/vmd-control" ] || exit 0
# Each VM is a process and a few descriptors.
ulimit -n "$(ulimit -Hn)"

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-bench.XXXXXX")
sock=$d/sock
opts="-o cpu_ratio=1000 -o memory_ratio=100 -o disk_ratio=100"
[ "$(id -u)" -ne 0 ] || opts="$opts -o user=root"
pid=
cleanup() {
	curl -s --unix-socket "$sock" http://vmd/instances |
	    jq -r '.[] | "url=http://vmd/instances/\(.id)\nrequest=DELETE"' |
	    curl -s --no-progress-meter -Z --parallel-max 16 --unix-socket "$sock" -K - \
	    > /dev/null 2>&1
	[ -z "$pid" ] || kill "$pid" 2> /dev/null
	wait 2> /dev/null
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

now() { date +%s%N; }
line() { # line NAME UNIT OURS PEER PEER_VALUE RATIO GOAL
	jq -cn --arg n "$1" --arg u "$2" --argjson o "$3" --arg p "$4" \
	    --argjson v "$5" --argjson r "$6" --arg g "$7" \
	    '{name:$n,unit:$u,ours:$o,peer:$p,peer_value:$v,ratio:$r,goal:$g}'
}
calc() { echo "$1" | bc -l | sed 's/^\./0./; s/^-\./-0./'; }

# shellcheck disable=SC2086
"$bin/vmd" -d -s "$d/state" -S "$sock" $opts 2> "$d/log" &
pid=$!
i=0
until curl -sf --unix-socket "$sock" http://vmd/health > /dev/null; do
	i=$((i + 1))
	[ $i -lt 100 ] || { echo "daemon: vmd does not serve" >&2; exit 1; }
	sleep 0.1
done

# --- creates, 16 at a time as a busy host has them
i=0
while [ $i -lt "$vms" ]; do
	i=$((i + 1))
	[ $i -eq 1 ] || echo next
	echo 'url = "http://vmd/instances"'
	echo "unix-socket = $sock"
	echo "data = \"{\\\"name\\\":\\\"vm-$i\\\",\\\"image\\\":\\\"none\\\",\\\"hypervisor\\\":\\\"null\\\",\\\"size\\\":\\\"32MB\\\",\\\"vcpus\\\":1,\\\"overlay_size\\\":\\\"16MB\\\"}\""
	echo 'output = /dev/null'
	echo 'write-out = "%{http_code}\n"'
done > "$d/config"
from=$(now)
made=$(curl -s --no-progress-meter -Z --parallel-max 16 -K "$d/config" | grep -c 201)
ns=$(($(now) - from))
ours=$(calc "scale=1; $made * 1000000000 / $ns")
[ "$made" -eq "$vms" ] || echo "daemon: $made of $vms were made" >&2

# The peer: the same processes, by hand, with a durable file each.
mkdir "$d/peer"
from=$(now)
i=0
while [ $i -lt 200 ]; do
	i=$((i + 1))
	mkdir "$d/peer/$i"
	"$bin/vmm-null" --no-such-option > /dev/null 2>&1
	echo x > "$d/peer/$i/record"
	sync "$d/peer/$i/record"
done
ns=$(($(now) - from))
peer=$(calc "scale=1; 200 * 1000000000 / $ns")
line daemon-create "1/s" "$ours" "exec and fsync by hand" "$peer" \
    "$(calc "scale=3; $ours / $peer")" "200/s"

# --- list: the daemon's own time, best of five
get() {
	best=
	for i in 1 2 3 4 5; do
		t=$(curl -s -o "$d/list" -w '%{time_starttransfer}' "$@")
		best=$(printf '%s\n%s\n' "$best" "$t" | grep . | sort -n |
		    head -n 1)
	done
	calc "scale=2; $best * 1000"
}
ours=$(get --unix-socket "$sock" http://vmd/instances)
bytes=$(wc -c < "$d/list")
peer=$(get --unix-socket "$sock" http://vmd/health)
echo "daemon: the list has $bytes bytes" >&2
line daemon-list ms "$ours" "GET /health" "$peer" \
    "$(calc "scale=1; $ours / ($peer + 0.001)")" "50 ms"

# --- memory
control=$(pgrep -P "$pid" -x vmd-control)
rss=$(awk '/^VmRSS/ { s += $2 } END { print s }' "/proc/$pid/status" \
    "/proc/$control/status")
ours=$(calc "scale=2; $rss / 1024")
line daemon-memory MiB "$ours" "the goal" 32 \
    "$(calc "scale=3; $ours / 32")" "32 MiB"
