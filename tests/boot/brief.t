#!/bin/sh
# brief.t: all that a hypervisor has to do for a VM, once for each number of
# processors: exec (vsock), disk, network, pause, snapshots, deaths.
#
#	CPUS	how many processors (default "1 2 4")
[ "${HYPERVISOR:-qemu}" != qemu ] ||
    { echo "1..0 # SKIP vmm-qemu has no snapshots"; exit 0; }
. tests/boot/lib.sh

start_vmd -o disk_ratio=100 -o memory_ratio=10 || broken "vmd starts"
import_hello
root() { vmctl exec -u root a "$@"; }
stopped() { [ "$(vmctl inspect a | jq -r '.[0].state')" = Stopped ]; }

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
	device=$(awk '$1 != "vmm" { print $1; exit }' "$state"/vms/*/pids)
	kill -9 "$(vm_pids a "$device")"
	ok "$cpus: $device killed: the VM is Stopped" wait_for 20 stopped
	ok "$cpus: rm" vmctl rm -f a
done
done_testing
