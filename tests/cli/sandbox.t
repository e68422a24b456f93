#!/bin/sh
# sandbox.t - every program that has a row in os/sandbox.c has entered it when
# it serves.  What a row refuses is tests/unit/sandbox.c.

BUILD=$(cd "${BUILD:-build}" && pwd)
bin=$BUILD/bin
for p in socat curl flock; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
for p in viod vmd vmd-control vmd-image vmm-null; do
	[ -x "$bin/$p" ] || { echo "1..0 # SKIP no $bin/$p"; exit 0; }
done
case $BUILD in
*/san) echo "1..0 # SKIP a sanitizer needs what is refused"; exit 0 ;;
esac

d=$(mktemp -d /tmp/sandbox.XXXXXX)
pids=
n=0
cleanup() {
	for p in $pids; do kill -9 "$p" 2>/dev/null; done
	for p in /proc/[0-9]*; do
		case $(readlink "$p/cwd" 2>/dev/null) in
		"$d"/*) kill -9 "${p#/proc/}" 2>/dev/null ;;
		esac
	done
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
is() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf 'got: %s\nwanted: %s\n' "$2" "$3" | sed 's/^/# /'
	fi
}
until_true() {
	tries=0
	until "$@" > /dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || return 1
		sleep 0.02
	done
}
hard=$(ulimit -Hn)
[ "$hard" != unlimited ] || hard=1048576

# inside NAME PID NOFILE: all that a process shows of its sandbox.  The limit
# of descriptors says which row it is.
inside() {
	want=$3
	[ "$want" -le "$hard" ] || want=$hard
	until_true grep -q '^Seccomp:.2' "/proc/$2/status"
	is "$1: system calls are filtered" \
	    "$(sed -n 's/^Seccomp:.//p' "/proc/$2/status")" 2
	is "$1: no new privileges" \
	    "$(sed -n 's/^NoNewPrivs:.//p' "/proc/$2/status")" 1
	is "$1: no capabilities" "$(sed -n 's/^Cap[EIPA][a-z]*:.//p' \
	    "/proc/$2/status" | sort -u)" 0000000000000000
	is "$1: no core file" "$(sed -n 's/^Max core file size *\([0-9a-z]*\) *\([0-9a-z]*\).*/\1 \2/p' \
	    "/proc/$2/limits")" "0 0"
	is "$1: the limit of its row" "$(sed -n 's/^Max open files *[0-9]* *\([0-9]*\).*/\1/p' \
	    "/proc/$2/limits")" "$want"
}

user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"

# --- devices: by the vmd-control of the tests ------------------------------------

mkdir "$d/libexec"
ln -s "$bin/viod" "$bin/vmm-null" "$d/libexec/"
ln -s "$BUILD/tests/double/vmd-control" "$d/libexec/vmd-control"
# shellcheck disable=SC2086
"$bin/vmd" -d -s "$d/state" $user -o "libexec=$d/libexec" 2> "$d/log" &
pids="$pids $!"
ask() {
	printf '%s\n' "$*" |
	    timeout 30 socat -t 30 - "UNIX-CONNECT:$d/state/vmd.sock" 2>&1
}
until_true sh -c "[ -S '$d/state/vmd.sock' ]"
ask make web > /dev/null
truncate -s 1M "$d/disk"
port=$((20000 + $$ % 20000))
ask start web null "disk=$d/disk" "net=$port" vsock=3 > "$d/started"
pid() { sed -n "s/^$1 \([0-9]*\) .*/\1/p" "$d/state/vms/web/pids"; }
inside "viod blk" "$(pid disk0)" 512
inside "viod net" "$(pid net0)" 8192
inside "viod vsock" "$(pid vsock0)" 8192
ask kill web > /dev/null

# --- vmd-control ----------------------------------------------------------------

# shellcheck disable=SC2086
"$bin/vmd" -d -s "$d/state2" $user 2>> "$d/log" &
vmd=$!
pids="$pids $vmd"
until_true curl -s --unix-socket "$d/state2/vmd.sock" http://vmd/health
for p in $(ps -o pid= --ppid "$vmd"); do
	[ "$(cat "/proc/$p/comm" 2>/dev/null)" != vmd-control ] || control=$p
done
inside "vmd-control" "$control" 65536

# --- vmm, by hand: what its guest gets done does not matter -------------------

kernel=$BUILD/share/guest/x86_64/vmlinux
if [ -w /dev/kvm ] && [ -f "$kernel" ] && [ -x "$bin/vmm" ]; then
	mkdir "$d/vm"
	(cd "$d/vm" && exec timeout 60 "$bin/vmm" --kernel "$kernel" \
	    --memory 128M --serial off > "$d/out" 2>&1) &
	pids="$pids $!"
	until_true pgrep -P $! vmm
	vmm=$(pgrep -P $! vmm)
	inside "vmm" "$vmm" 2048
	# The kernel's worker of a VM is among the tasks as soon as a vCPU
	# has run: it has that thread's filters, and a name of its own.  The
	# tasks are looked for again each time: the vCPU's may not be there yet.
	filters() {
		for p in /proc/"$vmm"/task/*; do
			[ "$(cat "$p/comm")" != vmm ] ||
			    sed -n 's/^Seccomp_filters:.//p' "$p/status"
		done
	}
	until_true sh -c "grep -l '^Seccomp_filters:.2' /proc/$vmm/task/*/status"
	is "vmm: a vCPU's thread has a filter of its own" \
	    "$(filters | sort | xargs)" "1 2"
	kill "$vmm"
fi

# --- vmd-image: a job that waits for its input, one for its registry ------------------

mkdir "$d/store"
mkfifo "$d/archive"
"$bin/vmd-image" -s "$d/store" import < "$d/archive" > "$d/out" 2>&1 &
job=$!
pids="$pids $job"
exec 9> "$d/archive"
inside "vmd-image import" $job 4096
exec 9>&-
wait $job
if command -v skopeo > /dev/null; then
	port=$((port + 1))
	socat "TCP-LISTEN:$port,bind=127.0.0.1,fork" EXEC:"sleep 60" &
	pids="$pids $!"
	until_true sh -c "socat -u OPEN:/dev/null TCP:127.0.0.1:$port"
	"$bin/vmd-image" -s "$d/store" pull -i "127.0.0.1:$port/x:1" \
	    > "$d/out" 2>&1 &
	job=$!
	pids="$pids $job"
	inside "vmd-image pull" $job 8192
	kill $job
	wait $job 2>/dev/null
fi
echo "1..$n"
