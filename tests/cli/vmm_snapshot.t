#!/bin/sh
# vmm_snapshot.t: snapshots and core files of a guest that counts and does
# nothing else; any KVM will do.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
vmm=$PWD/$build/bin/vmm
case $build in /*) vmm=$build/bin/vmm ;; esac
for p in gdb cc ld curl gzip; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
[ -w /dev/kvm ] || { echo "1..0 # SKIP no /dev/kvm"; exit 0; }
t=$(mktemp -d)
pid=''
trap '[ -z "$pid" ] || kill -9 $pid 2> /dev/null; rm -rf "$t"' EXIT
cd "$t" || exit 1

cat > k.S <<'X'
	.section .note.pvh,"a",@note
	.align 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start
	.text
	.code32
	.globl start, value
start:	incl value
	jmp start
	.align 4
value:	.long 0
X
cc -c k.S -o k.o && ld -n -Ttext 0x100000 -e start -o k k.o 2> /dev/null ||
    { echo "1..0 # SKIP no assembler"; exit 0; }

n=0 bad=0
check() { # check TEXT COMMAND...
	n=$((n + 1))
	text=$1; shift
	if "$@"; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		sed 's/^/# /' vmm.log answer
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
api() { # api CALL [BODY]: the status in $status, the answer in answer
	status=$(curl -s -o answer -w '%{http_code}' --unix-socket api.sock \
	    -X PUT ${2:+-d "$2"} "http://vmm/api/v1/$1")
}
running() {
	curl -s --unix-socket api.sock http://vmm/api/v1/vm.info > answer &&
	    grep -q Running answer
}
start() { # start OPTION...
	rm -f api.sock
	"$vmm" "$@" --memory 64M --serial off --api-socket api.sock \
	    < /dev/null > vmm.log 2>&1 &
	pid=$!
	wait_for running
}
stop() {
	kill -9 $pid
	wait $pid 2> /dev/null
	pid=''
}
value() { # how far it has counted, from a core file
	rm -f core
	api vm.coredump "{\"destination_url\":\"file:$t/core\"}"
	[ "$status" = 204 ] || return 1
	value=$(gdb -batch -nx -ex 'core-file core' \
	    -ex 'print *(unsigned *)&value' k 2> /dev/null |
	    sed -n 's/^\$1 = //p')
	[ -n "$value" ]
}

check "the guest runs" start --kernel k
check "its memory is in a core file" value
first=$value
counts() { value && [ "$value" -gt "$first" ]; }
check "and goes on counting" wait_for counts
api vm.coredump "{\"destination_url\":\"file:$t/core\"}"
check "no core file in the place of another" [ "$status" = 500 ]
api vm.snapshot "{\"destination_url\":\"file:$t/one\"}"
check "no snapshot of a VM that runs" [ "$status" = 405 ]
api vm.pause
api vm.snapshot "{\"destination_url\":\"file:$t/one\"}"
check "a snapshot" [ "$status" = 204 ]
check "has all its files" [ -f one/config.json -a -f one/state.json \
    -a -f one/memory -a ! -e one.new ]
api vm.snapshot "{\"destination_url\":\"file:$t/one\"}"
check "no snapshot in the place of another" [ "$status" = 500 ]
value
first=$value
stop

cp one/memory memory.before
check "it is restored in another process" start --restore one
value
check "where it was or further" [ "$value" -ge "$first" ]
first=$value
check "and goes on counting" wait_for counts
api vm.pause
api vm.snapshot "{\"destination_url\":\"file:$t/two\"}"
check "a snapshot of what was restored" [ "$status" = 204 ]
value
first=$value
stop
check "the first one is as it was" cmp -s one/memory memory.before
start --restore two
check "the second goes on from its own place" wait_for counts

# Which pages it used is recorded, and others have them from the start.
api vm.working-set "{\"destination_url\":\"file:$t/none\"}"
check "no working set where no snapshot is" [ "$status" = 500 ]
api vm.working-set "{\"destination_url\":\"file:two\"}"
check "a working set is recorded" [ "$status" = 204 -a -f two/working-set ]
stop
resident() { # pages of the guest's memory that are mapped
	awk '/two\/memory/ { on = 1 } on && /^Rss:/ { print $2 / 4; exit }' \
	    /proc/$pid/smaps
}
start --restore two,prefetch
check "a VM begins with it" wait_for counts
pages=$(resident)
check "its pages are there ($pages)" [ "$pages" -gt 0 -a "$pages" -lt 1000 ]
cp two/working-set keep
printf '{"format":"vmm working-set","version":1,"memory":1,"ranges":[]}' \
    > two/working-set
stop
"$vmm" --restore two,prefetch --memory 64M --serial off \
    > vmm.log 2>&1 < /dev/null
check "one of another VM is refused" grep -q "working-set: is that of" vmm.log
rm two/working-set
"$vmm" --restore two,prefetch --memory 64M --serial off \
    > vmm.log 2>&1 < /dev/null
check "and none, too" grep -q "working-set: No such file" vmm.log
start --restore two

# Killed while it makes one: there is a whole one or none.
k=0 whole=0
while [ $k -lt 20 ]; do
	api vm.pause
	rm -rf three
	curl -s --unix-socket api.sock -X PUT \
	    -d "{\"destination_url\":\"file:$t/three\"}" \
	    http://vmm/api/v1/vm.snapshot > answer &
	c=$!
	sleep 0.00$((k % 10))
	stop
	wait $c
	[ ! -e three ] || [ -f three/state.json -a -f three/config.json -a \
	    "$(stat -c %s three/memory)" = 67108864 ] || break
	[ ! -e three ] || whole=$((whole + 1))
	if [ -e three ]; then from=three; else from=two; fi
	start --restore $from || break
	k=$((k + 1))
done
check "killed $k times while it made one ($whole were ready)" [ $k = 20 ]
stop

# What was packed is in a snapshot by its file's name, and unpacked again.
gzip -k k
check "a kernel that is packed" start --kernel k.gz
api vm.reboot
check "which a reboot loads again" [ "$status" = 204 ]
api vm.pause
api vm.snapshot "{\"destination_url\":\"file:$t/four\"}"
check "is snapshotted by its name" grep -q '"kernel": *"k.gz"' four/config.json
api vm.shutdown
api vm.boot
check "another boot has it, too" [ "$status" = 204 ]
stop
check "and who restores it" start --restore four
value
first=$value
check "goes on counting" wait_for counts
api vm.reboot
check "begins anew" [ "$status" = 204 ]
first=0
check "and counts" wait_for counts
stop
mv k.gz away.gz
timeout 60 "$vmm" --restore four --memory 64M --serial off > vmm.log 2>&1 \
    < /dev/null
check "a kernel that is gone is named" grep -q "kernel: k.gz: No such" vmm.log

sed 's/"version":1/"version":9/' two/state.json > state &&
    mv state two/state.json
timeout 60 "$vmm" --restore two --memory 64M --serial off > vmm.log 2>&1 < /dev/null
check "another version is refused" grep -q "version 9 is not known" vmm.log
mkdir other
cp one/config.json one/memory other
# The maker's name is behind twelve zeroes and the number of the last leaf.
sed 's/"cpuid":"\(z12\.[0-9a-f]*z3\.[0-9a-f]\{7\}\)./"cpuid":"\1f/' \
    one/state.json > other/state.json
check "(the state is changed)" sh -c '! cmp -s one/state.json other/state.json'
timeout 60 "$vmm" --restore other --memory 64M --serial off > vmm.log 2>&1 \
    < /dev/null
check "a processor of another maker" grep -q "of another maker" vmm.log
sed 's/kvm-x86 1/kvm-x86 0/g' one/state.json > state &&
    mv state one/state.json
timeout 60 "$vmm" --restore one --memory 64M --serial off > vmm.log 2>&1 \
    < /dev/null
check "another state of KVM, too" grep -q "kvm-x86 0" vmm.log
echo "1..$n"
exit $bad
