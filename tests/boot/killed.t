#!/bin/sh
# killed.t: each process of a VM is killed in turn.  The VM ends Stopped with
# a reason that names the process, nothing of it is left, and start works.
. tests/boot/lib.sh

start_vmd || broken "vmd starts"
import_hello
ok "a VM answers" run_hello a
vmctl exec -u root a sh -c 'echo kept > /etc/kept && sync'

field() { vmctl inspect --format json a |
    jq -r "(if type == \"array\" then .[0] else . end) | .$1 // \"\""; }
stopped() { [ "$(field state)" = Stopped ]; }
id=$(field id)
dir=$state/vms/$id

names=$(cut -d' ' -f1 "$dir/pids")
has "its processes are listed" vmm "$names"
[ "$HYPERVISOR" != qemu ] || names="$names qemu"
for name in $names; do
	if [ "$name" = qemu ]; then
		vmm=$(awk '$1 == "vmm" { print $2 }' "$dir/pids")
		pid=$(pgrep -P "$vmm" qemu)
	else
		pid=$(awk -v n="$name" '$1 == n { print $2 }' "$dir/pids")
	fi
	kill -9 "$pid"
	ok "$name killed: the VM is Stopped" wait_for 20 stopped
	has "the reason names $name" "$name" \
	    "$(field exit_reason | tr 'A-Z' 'a-z')"
	gone() { ! leftovers | grep -v -e vmd-control -e /vmd | grep -q .; }
	ok "nothing of it runs" wait_for 10 gone
	ok "start works again" vmctl start a
	ok "and it answers" vmctl wait --state Running --timeout 100s a
done
is "its disk is as it was" kept "$(vmctl exec a cat /etc/kept)"
ok "stop" vmctl stop -w a
is "state" Stopped "$(field state)"
done_testing
