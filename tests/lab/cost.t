#!/bin/sh
# cost.t - what a start of vmm costs, in instructions of the lab's machine:
# the same on every run, so that a change that makes it dearer is seen.
#
# Peers are the bare KVM and the least a VMM can do, in the same boot of the
# lab.  The guest's kernel is our own (make kernel), or else Debian's, whose
# boot is 17 times longer: it runs once, cold and traced, which says nothing
# of the few instructions of set-up.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
case $build in
*/san) echo "1..0 # SKIP sanitizers cost what is measured"; exit 0 ;;
esac
own=${OWN:-$build/share/guest/x86_64/own}
kernel=own runs=1 exits=0.75 user_exits=310 faults=40
[ -f "$own/vmlinux" ] ||
    kernel=debian runs=0 exits=0.65 user_exits=330 faults=45
command -v jq > /dev/null || { echo "1..0 # SKIP no jq"; exit 0; }

t=$(mktemp -d "${TMPDIR:-/tmp}/cost.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' HUP INT TERM
RESULTS=$t/results PEERS="null floor-$kernel vmm-$kernel" RUNS=$runs \
    tests/bench/vmm.sh > /dev/null 2> "$t/log"
[ -s "$t/results" ] || {
	echo "1..0 # SKIP $(tail -n 1 "$t/log")"
	exit 0
}

n=0
# at_most NAME EXPRESSION BOUND: in jq, with $vmm, $floor and $null
at_most() {
	n=$((n + 1))
	v=$(jq -s --arg kernel $kernel '(map({ (.name): . }) | add) as $r |
	    $r["vmm-" + $kernel] as $vmm | $r["floor-" + $kernel] as $floor |
	    $r.null as $null | '"$2" "$t/results")
	if jq -en "$v <= $3" > /dev/null 2>&1; then
		echo "ok $n - $1: $v, at most $3"
	else
		echo "not ok $n - $1: $v, at most $3"
	fi
}
at_most "instructions to user space : those of the least VMM" \
    '($vmm.user / $floor.user * 1000 | round) / 1000' 1.03
[ $kernel != own ] || at_most "Minsn of set-up above the least VMM's" \
    '($vmm.entry - $floor.entry) / 1000' 1.5
at_most "system calls of set-up" '$vmm.syscalls' 96
at_most "exits : those of the least VMM" \
    '($vmm.exits / $floor.exits * 1000 | round) / 1000' $exits
at_most "exits to user space" '$vmm.user_exits' $user_exits
at_most "nested page faults" '$vmm.npf' $faults
at_most "anonymous memory, KiB" '$vmm.anon' 300
at_most "resident memory, KiB" '$vmm.rss' 1600
echo "1..$n"
