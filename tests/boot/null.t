#!/bin/sh
# null.t: the life of a VM that runs nothing, on a real daemon: what can be
# said without a hypervisor.
HYPERVISOR=null
. tests/boot/lib.sh

start_vmd || broken "vmd starts"
ok "import" import_hello
ok "run" vmctl run -d --name a -m 64M busybox:hello
is "it is listed" a "$(vmctl ps -a --format json | jq -r .name)"
dir=$(echo "$state"/vms/*)
is "its processes" vmm "$(cut -d ' ' -f 1 "$dir/pids" | xargs)"
vmm=$(vm_pids a vmm)
kill -9 "$vmd_pid"
wait "$vmd_pid" 2> /dev/null
ok "another vmd" start_vmd
is "finds the same VM" "$vmm" "$(vm_pids a vmm)"
ok "stop" vmctl stop -f -w a
is "state" Stopped "$(vmctl inspect a | jq -r '.[0].state')"
ok "start" vmctl start a
ok "remove" vmctl rm -f a
is "no directory is left" "" "$(ls -A "$state/vms")"
gone() { [ -z "$(leftovers | grep -v -e vmd-control -e /vmd)" ]; }
ok "no process either" wait_for 20 gone
done_testing
