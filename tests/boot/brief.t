#!/bin/sh
# brief.t: all that a hypervisor has to do for a VM, once for each number of
# processors: exec (vsock), disk, network, pause, snapshots, deaths.
#
#	CPUS		how many processors (default "1 2 4")
#	BRIEF_KILLS	how often vmm is killed at any moment of a pause, of
#			standby and restore (default 0), each time
[ "${HYPERVISOR:-qemu}" != qemu ] ||
    { echo "1..0 # SKIP vmm-qemu has no snapshots"; exit 0; }
. tests/boot/lib.sh

start_vmd -o disk_ratio=100 -o memory_ratio=10 || broken "vmd starts"
import_hello
root() { vmctl exec -u root a "$@"; }
state_of() { vmctl inspect a | jq -r '.[0].state'; }
stopped() { [ "$(state_of)" = Stopped ]; }
settled() { case $(state_of) in Running|Stopped|Standby|Paused) ;;
    *) false ;; esac; }
random() { od -An -tu2 -N2 /dev/urandom | tr -d ' '; }

# one_kill N: what vmm is killed in the middle of; then whatever is left of
# the VM goes on, and its disk is whole.
one_kill() {
	case $(($1 % 3)) in
	0)	what=pause
		{ vmctl pause a && vmctl unpause a; } > "$t/out" 2>&1 & ;;
	1)	what=standby
		vmctl standby a > "$t/out" 2>&1 & ;;
	2)	what=restore
		vmctl standby a > "$t/out" 2>&1 || return 1
		vmctl restore a > "$t/out" 2>&1 & ;;
	esac
	job=$!
	sleep "$(awk -v r="$(random)" 'BEGIN { print r / 65536 * 1.5 }')"
	victim=$(vm_pids a vmm 2> /dev/null)
	[ -z "$victim" ] || kill -9 "$victim" 2> /dev/null
	wait $job 2> /dev/null
	wait_for 60 settled || return 1
	left=$(state_of)
	echo "# $1: $what, ${victim:-nobody} killed: $left"
	case $left in
	Stopped) vmctl start a ;;
	Standby) vmctl restore a ;;
	Paused)	vmctl unpause a ;;
	esac > "$t/out" 2>&1 || return 1
	LIMIT=320 vmctl wait --state Running --timeout 300s a > "$t/out" 2>&1 &&
	    wait_for 60 root true &&
	    [ "$(root md5sum -c /kept.sum)" = "/kept: OK" ]
}

for cpus in ${CPUS:-1 2 4}; do
	ok "$cpus: a VM answers" run_hello a -c "$cpus"
	is "$cpus: it has its processors" "$cpus" "$(vmctl exec a nproc)"
	is "$cpus: bytes both ways" "$(seq 20000 | sha256sum)" \
	    "$(seq 20000 | vmctl exec -i a cat | sha256sum)"
	vmctl exec a sh -c 'exit 42'
	is "$cpus: exit code" 42 $?
	has "$cpus: the gateway answers" "1 packets received" \
	    "$(root ping -c 1 -W 20 10.0.2.2)"
	# Something that counts, and something on the disk.
	root sh -c 'seq 100000 > /kept; md5sum /kept > /kept.sum; sync
	    (i=0; while :; do i=$((i + 1)); echo $i > /dev/shm/n; sleep 1
	    done) > /dev/null 2>&1 &'
	ok "$cpus: pause" vmctl pause a
	ok "$cpus: unpause" vmctl unpause a
	ok "$cpus: and it answers" vmctl exec a true
	before=$(root cat /dev/shm/n)
	ok "$cpus: standby" vmctl standby a
	ok "$cpus: restore" vmctl restore a
	ok "$cpus: and it answers" \
	    vmctl wait --state Running --timeout 100s a
	is "$cpus: the disk is as it was" "/kept: OK" \
	    "$(root md5sum -c /kept.sum)"
	sleep 2
	ok "$cpus: what counted goes on" \
	    [ "$(root cat /dev/shm/n)" -ge "${before:-1}" ]
	kill -9 "$(vm_pids a vmm)"
	ok "$cpus: vmm killed: the VM is Stopped" wait_for 20 stopped
	ok "$cpus: start works again" vmctl start a
	ok "$cpus: and it answers" \
	    vmctl wait --state Running --timeout 100s a
	is "$cpus: its disk is there" "/kept: OK" "$(root md5sum -c /kept.sum)"
	i=0 failed=
	while [ $i -lt "${BRIEF_KILLS:-0}" ] && [ -z "$failed" ]; do
		i=$((i + 1))
		one_kill $i && continue
		failed="$i: $what: $(state_of) $(cat "$t/out")"
		vmctl logs a 2>&1 | tail -n 12 | sed 's/^/# guest: /'
	done
	[ $i -eq 0 ] || is "$cpus: $i times killed in the middle" "" "$failed"
	device=$(awk '$1 != "vmm" { print $1; exit }' "$state"/vms/*/pids)
	kill -9 "$(vm_pids a "$device")"
	ok "$cpus: $device killed: the VM is Stopped" wait_for 20 stopped
	ok "$cpus: rm" vmctl rm -f a
done
done_testing
