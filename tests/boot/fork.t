#!/bin/sh
# fork.t: many VMs out of one that runs: the same memory, and yet each has
# its own identity, disk, random numbers and fate.
#
#	FORKS   how many (default 3)
[ "${HYPERVISOR:-qemu}" != qemu ] ||
    { echo "1..0 # SKIP vmm-qemu has no snapshots"; exit 0; }
. tests/boot/lib.sh

forks=${FORKS:-3}
names=
i=0
while [ $i -lt "$forks" ]; do i=$((i + 1)); names="$names f$i"; done

start_vmd -o disk_ratio=100 -o memory_ratio=10 -o cpu_ratio=100 ||
    broken "vmd starts"
import_hello
ok "the parent answers" run_hello parent
in_vm() { vm=$1; shift; vmctl exec -u root "$vm" "$@"; }
in_vm parent sh -c 'echo inherited > /dev/shm/mark; echo disk > /etc/mark
    echo 0123456789abcdef0123456789abcdef > /etc/machine-id; sync'
# It waits without a program: a sleep(1) of each of twenty guests, every
# second, is all that the lab's processor can do.
vmctl exec -d -u root parent sh -c 'mkfifo /dev/shm/never
    exec 3<> /dev/shm/never
    i=0; while :; do i=$((i + 1)); echo $i > /dev/shm/count
    read -t 1 x <&3; done'
boot=$(in_vm parent cat /proc/sys/kernel/random/boot_id)

failed=
for f in $names; do
	vmctl fork parent "$f" > "$t/out" 2>&1 || {
		failed="$failed $f: $(tail -n 1 "$t/out")"; break; }
done
is "$forks forks" "" "$failed"
failed=
for f in $names; do
	vmctl wait --state Running --timeout 100s "$f" > /dev/null 2>&1 &&
	    wait_for 30 in_vm "$f" true || failed="$failed $f"
done
is "all of them answer" "" "$failed"

# ask SCRIPT: it in each VM, one exec each; what it says, lines of a word and
# an answer, is read by told WORD as "NAME ANSWER".
ask() {
	for f in parent $names; do
		in_vm "$f" sh -c "$1" 2>&1 | sed "s/^/$f /"
	done > "$t/told"
}
told() { sed -n "s/^\([a-z0-9]*\) $1 /\1 /p" "$t/told"; }
each_own() { # each_own TEXT WORD: all have one, and no two the same
	is "each has $1 of its own" "$((forks + 1))" \
	    "$(told "$2" | cut -d ' ' -f 2- | grep . | sort -u | wc -l)"
}
same() { # same TEXT WORD WANTED
	is "$1" "$(for f in parent $names; do echo "$f $3"; done)" \
	    "$(told "$2")"
}
ask 'echo boot $(cat /proc/sys/kernel/random/boot_id)
    echo mark $(cat /dev/shm/mark /etc/mark)
    echo host $(hostname)
    echo mac $(cat /sys/class/net/eth0/address)
    echo id $(cat /etc/machine-id)
    echo random $(head -c 16 /dev/urandom | od -An -tx1)
    ping -c 1 -W 20 10.0.2.2 > /dev/null && echo net yes
    until a=$(cat /dev/shm/count); [ -n "$a" ]; do :; done
    for i in 1 2 3 4 5 6 7 8 9 10; do
	sleep 1
	# It may be empty, just then.
	[ "$(cat /dev/shm/count)" -gt "$a" ] && { echo count yes; break; }
    done 2> /dev/null'
same "all are of one boot" boot "$boot"
same "with its memory and disk" mark "inherited disk"
is "each knows its name" "$(for f in parent $names; do echo "$f $f"; done)" \
    "$(told host)"
each_own "a MAC address" mac
is "which is the one the API tells" "" "$(for f in $names; do
	api=$(vmctl inspect "$f" | jq -r '.[0].network.mac')
	[ "$(told mac | sed -n "s/^$f //p")" = "$api" ] || echo "$f: $api"
    done)"
each_own "a machine-id" id
each_own "random numbers" random
same "each has a network" net yes
same "what ran goes on in each" count yes
[ "$bad" -eq 0 ] || sed 's/^/# /' "$t/told"

# What one does is its own.
for f in parent $names; do
	in_vm "$f" sh -c "echo $f > /etc/mark; echo $f > /dev/shm/mark; sync"
done
ask 'echo own $(cat /etc/mark /dev/shm/mark)'
is "each has a disk and memory of its own" \
    "$(for f in parent $names; do echo "$f $f $f"; done)" "$(told own)"

# A copy takes little memory: what it did not touch is the snapshot's.
private() {
	awk '/^Private_Dirty/ { s += $2 } END { print int(s / 1024) }' \
	    "/proc/$(vm_pids "$1" vmm)/smaps_rollup"
}
for f in $names; do private "$f"; done | sort -n | xargs |
    sed 's/^/# MiB private to each VMM: /'

ok "the parent goes" vmctl rm -f parent
set -- $names
is "which is nothing to the others" $# "$(for f; do
    in_vm "$f" cat /etc/mark; done | wc -l)"
# shellcheck disable=SC2086
ok "one stops" vmctl stop -w $1
ok "and starts from its disk" vmctl start -w $1
is "which is its own" $1 "$(in_vm $1 cat /etc/mark)"
ok "all go" vmctl rm -f -a
is "no directory of a VM is left" "" "$(ls -A "$state/vms")"
gone() { [ -z "$(leftovers | grep -v -e vmd-control -e /vmd)" ]; }
ok "no process either" wait_for 30 gone
done_testing
