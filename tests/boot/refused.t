#!/bin/sh
# refused.t: bad input, each with its message; nothing changes by it.
. tests/boot/lib.sh

start_vmd || broken "vmd starts"
import_hello
no() { # no TEXT PATTERN COMMAND...: fails, and says PATTERN.
	text=$1 pattern=$2; shift 2
	out=$("$@" 2>&1)
	rc=$?
	n=$((n + 1))
	# shellcheck disable=SC2254
	case $rc:$out in
	0:*)	echo "not ok $n - $text"; echo "# succeeded: $out"; bad=1 ;;
	*$pattern*) echo "ok $n - $text" ;;
	*)	echo "not ok $n - $text"; bad=1
		printf 'wanted: *%s*\ngot: %s\n' "$pattern" "$out" |
		    sed 's/^/# /' ;;
	esac
}
run() { LIMIT=60 vmctl run -d --hypervisor null "$@"; }

no "unknown image" nosuch \
    run --name x 127.0.0.1:1/nosuch:latest
ok "a VM is made" run --name taken -m 64M busybox:hello
no "name taken" taken run --name taken busybox:hello
no "bad name" "Bad_Name" run --name Bad_Name busybox:hello
no "memory 0" memory run --name x -m 0 busybox:hello
no "memory beyond the host" memory run --name x -m 900T busybox:hello
no "no such hypervisor" bhyve run --name x --hypervisor bhyve busybox:hello
no "image for another architecture" arm64 \
    run --name x --platform linux/arm64 busybox:hello
no "no such VM" nosuchvm vmctl start nosuchvm
no "a typo" "start" vmctl strat
no "an unknown option" "--nonesuch" vmctl run --nonesuch busybox:hello
no "a bad size" "1Q" run --name x -m 1Q busybox:hello
no "a bad port" "99999" run --name x -p 99999:80 busybox:hello

# A port somebody has.
socat TCP-LISTEN:0,fork,reuseaddr,bind=127.0.0.1 SYSTEM:true &
soc=$!
port=
find_port() {
	port=$(ss -Hltnp 2>/dev/null | grep "pid=$soc," |
	    sed 's/.*127.0.0.1:\([0-9]*\).*/\1/' | head -n 1)
	[ -n "$port" ]
}
if wait_for 5 find_port; then
	no "port in use" "$port" \
	    env LIMIT=60 "$bin/vmctl" run -d --name porty -m 192M \
	    -p "127.0.0.1:$port:80" busybox:hello
fi
kill $soc 2>/dev/null

is "nothing was made by all this" "taken" \
    "$(vmctl ps -a --format json |
	jq -r '(if type == "array" then .[] else . end) | .name' |
	grep -v -x porty | tr '\n' ' ' | sed 's/ $//')"
vmctl rm -f -a > /dev/null 2>&1

# 10,000 random bytes on every socket of a running VM and of the daemon.
ok "a VM answers" run_hello a
dir=$(echo "$state"/vms/*)
for s in "$t/vmd.sock" "$dir/api.sock" "$dir/vsock.sock" "$dir/console.sock"; do
	[ -S "$s" ] || continue
	head -c 10000 /dev/urandom |
	    timeout 5 socat -t 1 - "UNIX-CONNECT:$s" > /dev/null 2>&1
	is "random bytes on ${s##*/}: the VM goes on" Linux \
	    "$(vmctl exec a uname -s)"
done

# Ctrl-O and a letter: what the kernel would obey, if it were let.
boot=$(vmctl exec a cat /proc/sys/kernel/random/boot_id)
printf '\017b\017c' |
    timeout 5 socat -t 1 - "UNIX-CONNECT:$dir/console.sock" > /dev/null 2>&1
is "a reset typed on the console is not obeyed" "$boot" \
    "$(vmctl exec a cat /proc/sys/kernel/random/boot_id)"

# A database that is none.
vmctl rm -f -a > /dev/null 2>&1
stop_vmd
head -c 8192 /dev/urandom > "$state/vmd.db"
rm -f "$state/vmd.db-wal" "$state/vmd.db-shm"
user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"
# shellcheck disable=SC2086
no "a corrupt database: refuses to start, says what to do" "vmd.db" \
    timeout 20 "$bin/vmd" -d -s "$state" -S "$t/vmd.sock" $user
done_testing
