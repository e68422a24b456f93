#!/bin/sh
# users.t: a daemon of root's, with vmd-control and each VM as users of their
# own: everything that works for one user works, and nobody has more.
. tests/boot/lib.sh

[ "$(id -u)" -eq 0 ] || skip_all "not root"
command -v setpriv > /dev/null || skip_all "no setpriv"
chmod 755 "$t"
passable ||
    skip_all "other users may not read the build tree"

# The last -o user= counts.
start_vmd -o user=nobody || broken "vmd starts"
import_hello
ok "a VM answers" run_hello a
ok "another" run_hello b
has "exec" Linux "$(vmctl exec a uname)"
ok "its console's record can be read" vmctl logs a
ok "and the log of its processes" vmctl logs --source vmm a
has "cp" hello "$(echo hello > "$t/file"
    vmctl cp "$t/file" a:/tmp/file && vmctl exec a cat /tmp/file)"

field() { vmctl inspect --format json "$1" |
    jq -r "(if type == \"array\" then .[0] else . end) | .$2 // \"\""; }
a=$state/vms/$(field a id)
b=$state/vms/$(field b id)
ua=$(stat -c %u "$a")
ub=$(stat -c %u "$b")
ok "each has a user" [ "$ua" -ne "$ub" ]
as_a() { setpriv --reuid "$ua" --regid "$ua" --clear-groups "$@"; }

# What every process of a VM is.
for p in $(cut -d ' ' -f 2 "$a/pids") $(pgrep -U "$ua" qemu); do
	name=$(cat "/proc/$p/comm")
	status=$(tr -s '\t' ' ' < "/proc/$p/status")
	is "$name: user" "Uid: $ua $ua $ua $ua" \
	    "$(echo "$status" | grep ^Uid)"
	is "$name: no capability" "CapEff: 0000000000000000" \
	    "$(echo "$status" | grep ^CapEff)"
	is "$name: no new privileges" "NoNewPrivs: 1" \
	    "$(echo "$status" | grep ^NoNewPrivs)"
	is "$name: system calls are filtered" "Seccomp: 2" \
	    "$(echo "$status" | grep ^Seccomp:)"
done
control=$(pgrep -U nobody -P "$vmd_pid" vmd-control)
is "vmd-control: system calls are filtered" "Seccomp: 2" \
    "$(tr -s '\t' ' ' < "/proc/$control/status" | grep ^Seccomp:)"

no() { ! "$@"; }
ok "a's user does not get to b's disk" no as_a cat "$b/overlay.img"
ok "nor to its own by name" no as_a ls "$a"
ok "nor to the database" no as_a cat "$state/vmd.db"
ok "nor signals b" no as_a kill -0 "$(sed -n 's/^vmm //p' "$b/pids" |
    cut -d ' ' -f 1)"
ok "nor b's memory" no as_a cat "/proc/$(sed -n 's/^vmm //p' "$b/pids" |
    cut -d ' ' -f 1)/maps"

kill -9 "$vmd_pid"
wait "$vmd_pid" 2> /dev/null
start_vmd -o user=nobody
has "the VMs outlive vmd" Linux "$(vmctl exec a uname)"
ok "stop" vmctl stop -w a
ok "it left a reason" [ -n "$(field a exit_reason)" ]
ok "start again" vmctl start a
ok "it answers" vmctl wait --state Running --timeout 100s a
ok "remove" vmctl rm -f a
ok "remove the other" vmctl rm -f b
is "no directory is left" "" "$(ls -A "$state/vms")"
# An adopted process that has ended is reaped by init, in its own time.
living() {
	pgrep -U "$ua,$ub" | xargs -r ps -o stat=,args= -p | grep -v '^[ZX]'
}
gone() { [ -z "$(living)" ]; }
wait_for 20 gone
is "no process is left" "" "$(living)"
done_testing
