#!/bin/sh
# survive.t: vmd and vmd-control are killed at random moments while VMs are
# made, exec'd into, stopped and removed.  A running VM never notices, every
# acknowledged change is there, and nothing is left over.
. tests/boot/lib.sh

kills=${SURVIVE_KILLS:-100}
start_vmd || broken "vmd starts"
import_hello
ok "a VM that counts answers" run_hello counter
vmctl exec -d counter sh -c \
    'i=0; while :; do i=$((i + 1)); echo $i > /dev/shm/count; sleep 0.2; done'
count() { vmctl exec counter cat /dev/shm/count 2>/dev/null; }
wait_for 10 count
before=$(count)
boot=$(vmctl exec counter cat /proc/sys/kernel/random/boot_id)
qemu=$(vm_pids counter | sort | tr '\n' ' ')

# A worker makes, stops and removes VMs that cost nothing, and notes in
# "acked" what was acknowledged: "+name" made, "!name" stopped, "=name"
# removed, where "-name" was asked for.
: > "$t/acked"
work() {
	i=0
	while [ ! -e "$t/enough" ]; do
		i=$((i + 1))
		"$bin/vmctl" run -d --name "w$i" --hypervisor null -m 64M \
		    busybox:hello > /dev/null 2>&1 && echo "+w$i" >> "$t/acked"
		"$bin/vmctl" exec counter true > /dev/null 2>&1
		"$bin/vmctl" stop -f "w$i" > /dev/null 2>&1 &&
		    echo "!w$i" >> "$t/acked"
		if [ $((i % 2)) -eq 0 ]; then
			echo "-w$i" >> "$t/acked"
			"$bin/vmctl" rm -f "w$i" > /dev/null 2>&1 &&
			    echo "=w$i" >> "$t/acked"
		fi
	done
}
# Another makes real ones, which are gone before they have booted.
work_real() {
	i=0
	while [ ! -e "$t/enough" ]; do
		i=$((i + 1))
		"$bin/vmctl" run -d --name "q$i" -m 128M -c 1 busybox:hello \
		    > /dev/null 2>&1 && echo "+q$i" >> "$t/acked"
		echo "-q$i" >> "$t/acked"
		"$bin/vmctl" rm -f "q$i" > /dev/null 2>&1 &&
		    echo "=q$i" >> "$t/acked"
	done
}
work &
worker=$!
work_real &
worker_real=$!

# One of the two at a time, after 20 to 620 ms; who restarts vmd is us.
random() { od -An -tu2 -N2 /dev/urandom | tr -d ' '; }
killed=0
while [ $killed -lt "$kills" ]; do
	sleep "$(awk -v r="$(random)" 'BEGIN { print 0.02 + r / 65536 * 0.6 }')"
	if [ $(($(random) % 2)) -eq 0 ]; then
		kill -9 "$vmd_pid" 2>/dev/null
		wait "$vmd_pid" 2>/dev/null
		start_vmd || break
	else
		# vmd-control: the child of vmd with that name.
		pkill -9 -P "$vmd_pid" vmd-control 2>/dev/null || continue
	fi
	killed=$((killed + 1))
done
is "$kills times killed and back" "$kills" "$killed"
: > "$t/enough"
wait $worker $worker_real
ok "the daemon answers" wait_for 30 "$bin/vmctl" version

is "the VM is the same processes" "$qemu" \
    "$(vm_pids counter | sort | tr '\n' ' ')"
is "and the same boot" "$boot" \
    "$(vmctl exec counter cat /proc/sys/kernel/random/boot_id)"
after=$(count)
ok "its counter went on ($before to $after)" test "$after" -gt "$before"

vmctl ps -a --format json | jq -r '(if type == "array" then .[] else . end) |
    .name + " " + .state' | sort > "$t/states"
cut -d ' ' -f 1 "$t/states" > "$t/there"
lost=$(sed -n 's/^+//p' "$t/acked" | while read -r v; do
	grep -qx -e "-$v" "$t/acked" || grep -qx "$v" "$t/there" || echo "$v"
    done)
is "every VM acknowledged is there ($(grep -c '^+' "$t/acked") made)" "" "$lost"
undead=$(sed -n 's/^=//p' "$t/acked" | while read -r v; do
	! grep -qx "$v" "$t/there" || echo "$v"
    done)
is "every removal acknowledged is done" "" "$undead"
alive=$(sed -n 's/^!//p' "$t/acked" | while read -r v; do
	grep -qx -e "-$v" "$t/acked" || grep -x "$v Stopped" "$t/states" \
	    > /dev/null || grep "^$v " "$t/states"
    done)
is "every stop acknowledged is done" "" "$alive"
# A real one may still boot.
is "no VM is stuck" "" "$(grep -v -e ' Running$' -e ' Stopped$' \
    -e '^q[0-9]* Initializing$' "$t/states")"

ok "all can be removed" vmctl rm -f -a
ended() { [ -z "$(leftovers | grep -v -e vmd-control -e /vmd)" ]; }
wait_for 20 ended
is "no process is left" "" "$(leftovers | grep -v -e vmd-control -e /vmd)"
is "no directory of a VM is left" "" "$(ls -A "$state/vms")"
is "no file of a job is left" "" "$(ls -A "$state/images/tmp")"
is "no mount is left" "" "$(grep -F "$t" /proc/mounts)"
stop_vmd
ended() { [ -z "$(leftovers)" ]; }
wait_for 20 ended
is "no process after the daemon's end" "" "$(leftovers)"
done_testing
