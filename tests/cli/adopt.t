#!/bin/sh
# adopt.t - vmd-control dies at the worst moments of a start and of an
# adoption: nothing is stuck, what was not acknowledged is gone, and its name
# can be used the moment the daemon answers.

BUILD=$(cd "${BUILD:-build}" && pwd)
for p in curl perl jq pgrep; do
	command -v $p >/dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
d=$(mktemp -d /tmp/adopt.XXXXXX)
state=$d/state
lib=$d/libexec
VMCTL_HOST=unix://$state/vmd.sock
export VMCTL_HOST
vmd=
n=0
user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"

leftovers() {
	for p in /proc/[0-9]*; do
		case $(readlink "$p/cwd" 2>/dev/null) in
		"$d"/*) echo "${p#/proc/}" ;;
		esac
	done
}
cleanup() {
	[ -z "$vmd" ] || kill -9 "$vmd" 2>/dev/null
	for p in $(leftovers); do kill -9 "$p" 2>/dev/null; done
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

ok() {
	n=$((n + 1)); text=$1; shift
	if "$@" > "$d/out" 2>&1; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		tail -n 5 "$d/out" "$d/log" | sed 's/^/# /'
	fi
}
is() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '# wanted: %s\n# got:    %s\n' "$2" "$3"
	fi
}
until_true() {
	tries=0
	until "$@" > /dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 500 ] || return 1
		sleep 0.02
	done
}
vmctl() { timeout 60 "$BUILD/bin/vmctl" "$@"; }
field() {
	vmctl inspect --format json a |
	    jq -r "(if type == \"array\" then .[0] else . end) | .$1 // \"\""
}
in_state() { [ "$(field state)" = "$1" ]; }
kill_control() { pkill -9 -P "$vmd" vmd-control; }
# No image is asked for, as vmctl run would.
run() {
	curl -sf -m 60 --unix-socket "$state/vmd.sock" \
	    -H 'Content-Type: application/json' -d '{"name":"a",
	    "image":"none","hypervisor":"null","size":"64MB"}' \
	    http://localhost/instances
}

# A VMM that notes what it is asked in "calls", and does not do what "mode"
# names: report, vm.create, vm.boot; with "end" vm.info is its end, and with
# "hold" a child keeps that connection, and nothing else of the VM.
mkdir "$lib"
cat > "$lib/vmm-null" <<EOF
#!/usr/bin/perl
use strict;
my \$d = '$d';
sub note { open my \$f, '>>', "\$d/calls"; syswrite \$f, "\$_[0]\n" }
sub mode { open my \$f, '<', "\$d/mode"; my \$m = <\$f>; chomp \$m; \$m }
note('report');
sleep 1000 if mode() eq 'report';
open my \$report, '>&=', 3;
syswrite \$report, "ok\n";
close \$report;
open my \$api, '+<&=', 5;
my (@kept, \$booted);
while (accept my \$c, \$api) {
	sysread \$c, my \$text, 65536;
	my (\$call) = \$text =~ m{^\S+ /api/v1/(\S+)};
	note(\$call);
	push @kept, \$c;
	next if mode() eq \$call;
	if (\$call eq 'vm.info' && mode() =~ /^(end|hold)\$/) {
		pipe my \$r, my \$w;
		if (\$1 eq 'hold' && fork() == 0) {
			require POSIX;
			POSIX::setsid();
			POSIX::close(\$_) for grep { \$_ != fileno \$c } 3 .. 63;
			sleep 1000;
		}
		close \$w;
		sysread \$r, \$text, 1;	# the child has let go
		open my \$f, '>', 'exit.json';
		syswrite \$f, '{"reason":"it had enough","code":"powered_off"}';
		exit;
	}
	\$booted = 1 if \$call eq 'vm.boot';
	my \$body = \$call eq 'vm.info' ?
	    '{"state":"' . (\$booted ? 'Running' : 'Created') . '"}' : '';
	syswrite \$c, sprintf "HTTP/1.1 200 OK\r\n" .
	    "Connection: close\r\nContent-Length: %d\r\n\r\n%s",
	    length \$body, \$body;
	shutdown \$c, 1;
}
EOF
chmod +x "$lib/vmm-null"
for p in vmd-control vmd-image viod vmm-qemu; do
	ln -s "$BUILD/bin/$p" "$lib/$p"
done
mode() { echo "$1" > "$d/mode"; : > "$d/calls"; }
asked() { grep -qx "$1" "$d/calls"; }

mode none
# shellcheck disable=SC2086
"$BUILD/bin/vmd" -d -v -s "$state" -o "libexec=$lib" $user 2> "$d/log" &
vmd=$!
ok "the daemon answers" until_true vmctl version

for at in report vm.create vm.boot; do
	mode $at
	run > /dev/null 2>&1 &
	runner=$!
	ok "a VM's start hangs at $at" until_true asked $at
	kill_control
	wait $runner
	mode none
	ok "its name is free when vmd-control was killed" run
	is "one VM" 1 "$(ls -A "$state/vms" | wc -l)"
	is "one VMM" 1 "$(leftovers | xargs -r ps -o comm= -p | grep -c vmm)"
	ok "removed" vmctl rm -f a
done

run > "$d/out" 2>&1
for at in report vm.create vm.boot; do
	ok "stop" vmctl stop -f a
	mode $at
	vmctl start a > /dev/null 2>&1 &
	starter=$!
	ok "a later start hangs at $at" until_true asked $at
	kill_control
	wait $starter
	mode none
	ok "it is Stopped in the end" until_true in_state Stopped
	ok "and can be started" vmctl start a
done

for how in end hold; do
	mode $how
	kill_control
	ok "a VM that ends while it is adopted: $how" until_true in_state \
	    Stopped
	is "its VMM's last words are heard" "it had enough" \
	    "$(field exit_reason)"
	mode none
	ok "it can be started" vmctl start a
done
is "the daemon is never waited for in vain" 0 \
    "$(grep -c 'did not answer within' "$d/log")"
# The one that held the connection.
leftovers | while read -r p; do
	grep -qx "vmm $p .*" "$state"/vms/*/pids || kill -9 "$p"
done

vmm=$(cut -d " " -f 2 "$state"/vms/*/pids)
mode vm.info
kill_control
ok "a VM whose VMM answers too late is kept" until_true in_state Running
ok "the same one" kill -0 "$vmm"
mode none

# Seven doublings of a second would be two minutes.
for i in 1 2 3 4 5 6 7; do
	kill_control
	vmctl version > "$d/out" 2>&1 || vmctl version > "$d/out" 2>&1
done
is "killed again and again, it is back soon" 0 $?
ok "the VM goes on" in_state Running
ok "remove" vmctl rm -f a
is "nothing is left" "" "$(ls -A "$state/vms")"
kill "$vmd"
wait "$vmd"
is "the daemon ends" 0 $?
vmd=
# What was killed may take a moment to give its memory back.
tries=200
until [ -z "$(leftovers)" ] || [ $tries -eq 0 ]; do
	tries=$((tries - 1))
	sleep 0.1
done
is "no process is left" "" "$(leftovers)"
echo "1..$n"
