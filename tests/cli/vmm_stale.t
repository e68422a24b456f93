#!/bin/sh
# vmm_stale.t: what a vmm that was killed has left is taken over, and what a
# living one has is not; a guest that counts and does nothing else.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
vmm=$PWD/$build/bin/vmm
case $build in /*) vmm=$build/bin/vmm ;; esac
for p in cc ld socat curl; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
[ -w /dev/kvm ] || { echo "1..0 # SKIP no /dev/kvm"; exit 0; }
t=$(mktemp -d)
pids=''
trap '[ -z "$pids" ] || kill -9 $pids 2> /dev/null; rm -rf "$t"' EXIT
cd "$t" || exit 1
mkdir run
export XDG_RUNTIME_DIR="$t/run"

cat > k.S <<'X'
	.section .note.pvh,"a",@note
	.align 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start
	.text
	.code32
	.globl start
start:	incl value
	jmp start
	.align 4
value:	.long 0
X
cc -c k.S -o k.o && ld -n -Ttext 0x100000 -e start -o k k.o 2> /dev/null ||
    { echo "1..0 # SKIP no assembler"; exit 0; }
truncate -s 1M disk

n=0 bad=0
check() { # check TEXT COMMAND...
	n=$((n + 1))
	text=$1; shift
	if "$@"; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		sed 's/^/# /' vmm.log
		bad=1
	fi
}
wait_for() { # wait_for COMMAND...
	i=0
	until "$@"; do
		i=$((i + 1))
		[ $i -lt 200 ] || return 1
		sleep 0.05
	done
}
runs() {
	curl -s --unix-socket api.sock http://vmm/api/v1/vm.info 2> /dev/null |
	    grep -q Running
}
start() {
	"$vmm" --kernel k --memory 16M --serial socket=serial.sock \
	    --gdb gdb.sock --api-socket api.sock --disk disk \
	    < /dev/null > vmm.log 2>&1 &
	pid=$!
	pids="$pids $pid"
	wait_for runs
}
dies() { # with SIGKILL; its disk's process sees that, and ends
	kill -9 $pid
	wait $pid 2> /dev/null
	true
}
dirs() {
	ls -d run/vmm-dev.* 2> /dev/null | wc -l
}
answers() { # answers SOCKET: somebody listens there
	socat -u OPEN:/dev/null UNIX-CONNECT:"$1" 2> /dev/null
}
refused() { # refused WHAT OPTION...
	what=$1; shift
	"$vmm" --kernel k --memory 16M "$@" < /dev/null > other.log 2>&1 &&
	    return 1
	grep -q "$what: another process is listening" other.log
}

check "it runs" start
dies
check "what it had is left" [ -S serial.sock -a -S gdb.sock \
    -a -S api.sock -a "$(dirs)" = 1 ]
check "another has the same names" start
check "its console answers" answers serial.sock
check "so does its socket for gdb" answers gdb.sock
check "the directory of the first is gone" [ "$(dirs)" = 1 ]
check "nobody takes its console" refused serial.sock \
    --serial socket=serial.sock
check "nor its socket for gdb" refused gdb.sock --serial off --gdb gdb.sock
check "nor its API's" refused api.sock --serial off --api-socket api.sock
# One more, beside it: nobody removes what is in use.
mkdir run/vmm-dev.mine
echo mine > run/vmm-dev.mine/file
"$vmm" --kernel /dev/null --memory 16M --serial off --disk disk \
    < /dev/null > other.log 2>&1
check "the directory of one that lives stays" [ -S run/vmm-dev.*/disk0.vu ]
check "and so does what is not ours" [ -f run/vmm-dev.mine/file ]
check "it still runs" runs
kill $pid
wait $pid 2> /dev/null
check "one that ends leaves nothing" [ "$(dirs)" = 1 -a ! -e api.sock ]
echo "1..$n"
exit $bad
