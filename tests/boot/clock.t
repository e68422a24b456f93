#!/bin/sh
# clock.t: the host's clock is set, forth and back, and the host sleeps: guests
# have its time soon, without anybody who asks them for anything.
#
#	CLOCK_MAY_BE_SET  1: this host is a test's own; tests/lab/boot.t
[ "${CLOCK_MAY_BE_SET:-}" = 1 ] ||
    { echo "1..0 # SKIP the host's clock is not for tests (tests/lab/boot.t)"; exit 0; }
. tests/boot/lib.sh

start_vmd -o disk_ratio=100 -o memory_ratio=10 || broken "vmd starts"
import_hello
# What the guest believes is in its console's record: to ask its agent would
# set its clock.
# shellcheck disable=SC2016
vmctl run -d --name a -m 192M -c 1 --entrypoint sh busybox:hello \
    -c 'while :; do echo "now $(date +%s)"; sleep 1; done' > /dev/null
ok "a VM answers" vmctl wait --state Running --timeout 100s a
dir_of() { echo "$state/vms/$(vmctl inspect "$1" | jq -r '.[0].id')"; }
record=$(dir_of a)/console.log
# How often a VMM was told.
ok "and one without a guest" vmctl run -d --name b -m 64M --hypervisor null \
    busybox:hello
api=$(dir_of b)/api.sock
told() {
	[ "$(curl -s --unix-socket "$api" http://vmm/api/v1/vm.info |
	    jq .vmd.clocks)" -ge "$1" ]
}
guest_now() { sed -n 's/.*now \([0-9]*\).*/\1/p' "$record" | tail -n 1; }
off() { # more than ten seconds
	now=$(guest_now)
	[ -n "$now" ] || return 0
	diff=$(($(date +%s) - now))
	[ $diff -gt 10 ] || [ $diff -lt -10 ]
}
right() { ! off; }
ok "its clock is the host's" wait_for 30 right

date -s "@$(($(date +%s) + 86400))" > /dev/null
ok "a day on: the guest follows" wait_for 30 right
date -s "@$(($(date +%s) - 86400))" > /dev/null
ok "a day back: it follows" wait_for 30 right
ok "VMMs were told" wait_for 30 told 2
ok "and the log" sh -c \
    "[ \$(grep -c 'its clock was set by -*86[34]' '$t/vmd.log') = 2 ]"

# One whose agent sleeps too does not hold the others up.
vmctl pause a > /dev/null 2>&1
date -s "@$(($(date +%s) + 3600))" > /dev/null
ok "a VM that stands still" vmctl unpause a
ok "has the time when it goes on" wait_for 30 right

# The end of a sleep, without the sleep of the machine's processors.
if [ -w /sys/power/pm_test ] && echo core > /sys/power/pm_test &&
    echo mem > /sys/power/state; then
	slept() { grep -q 'the host slept for [1-9]' "$t/vmd.log"; }
	ok "the host sleeps, and vmd knows" wait_for 30 slept
	ok "the guest has the time" wait_for 30 right
	echo none > /sys/power/pm_test
else
	n=$((n + 1))
	echo "ok $n # SKIP this host has no sleep to test"
fi
done_testing
