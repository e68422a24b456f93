#!/bin/sh
# snapshot.t: a guest with many processes that writes its disk and talks over
# its network is put to standby and restored, each time as other processes
# of the host; it goes on with the right data and a clock that never went
# back.  Then snapshots by name, and a kill in the middle of one.
#
#	SNAPSHOT_ROUNDS   how often (default 3)
#	SNAPSHOT_KILLS    how often it is killed meanwhile (default 3)
[ "${HYPERVISOR:-qemu}" != qemu ] ||
    { echo "1..0 # SKIP vmm-qemu has no snapshots"; exit 0; }
. tests/boot/lib.sh

rounds=${SNAPSHOT_ROUNDS:-3} kills=${SNAPSHOT_KILLS:-3}
start_vmd -o disk_ratio=100 -o memory_ratio=10 || broken "vmd starts"
import_hello
ok "a VM answers" run_hello a
root() { vmctl exec -u root a "$@"; }
state_of() { vmctl inspect "$1" | jq -r '.[0].state'; }

# --- what it is busy with -------------------------------------------------------

cat > "$t/work" <<'E'
#!/bin/sh
# Five kinds of work, each with a count in /dev/shm that only grows.
mkdir -p /busy
cd /busy
disk() { # write, hash, read again: "wrong" is what came back otherwise
	i=0
	while :; do
		i=$((i + 1))
		f=f$((i % 16))
		head -c 100000 /dev/urandom > new
		sum=$(md5sum < new)
		sync new
		mv new $f
		[ "$(md5sum < $f)" = "$sum" ] || echo "$f $i" >> wrong
		echo "$sum" | sed "s/-/$f/" > sum.$f
		echo $i > /dev/shm/disk
		sleep 1
	done
}
clock() {
	last=0 i=0
	while :; do
		read -r now _ < /proc/uptime
		now=${now%.*}${now#*.}
		[ "$now" -ge "$last" ] || echo "$last then $now" >> /busy/back
		last=$now i=$((i + 1))
		echo $i > /dev/shm/clock
		[ $((i % 10)) -ne 0 ] || sleep 1
	done
}
net() { # the answers of the gateway
	i=0
	while :; do
		ping -c 1 -W 5 10.0.2.2 > /dev/null && i=$((i + 1))
		echo $i > /dev/shm/net
		sleep 1
	done
}
memory() { # 1 MiB that must stay as they are
	head -c 1048576 /dev/urandom > /dev/shm/random
	sum=$(md5sum < /dev/shm/random)
	i=0
	while :; do
		[ "$(md5sum < /dev/shm/random)" = "$sum" ] ||
		    echo "$i" >> /busy/memory-wrong
		i=$((i + 1))
		echo $i > /dev/shm/memory
		sleep 2
	done
}
many() {
	i=0
	while :; do
		true | cat & sleep 4
		i=$((i + 1))
		echo $i > "/dev/shm/many.$1"
	done
}
disk & clock & net & memory &
for n in 1 2 3 4 5 6 7 8; do many $n & done
wait
E
vmctl cp "$t/work" a:/tmp/work
vmctl exec -d -u root a sh /tmp/work
kinds="disk clock net memory many.1 many.8"
# counts: them all in one line; one that is being written is empty
counts() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		# shellcheck disable=SC2086
		all=$(root sh -c 'cd /dev/shm && cat "$@"' sh $kinds | xargs)
		[ "$(echo "$all" | wc -w)" -ne 6 ] || break
	done
	echo "$all"
}
# grown BEFORE: each is more now
grown() {
	now=$(counts)
	echo "$1 | $now"
	echo "$1 $now" | awk '{ for (i = 1; i <= NF / 2; i++)
	    if ($(i + NF / 2) + 0 <= $i + 0) exit 1; exit NF != 12 }'
}
ok "it works" wait_for 60 grown "0 0 0 0 0 0"
boot=$(root cat /proc/sys/kernel/random/boot_id)
wrong() { root sh -c 'cat /busy/wrong /busy/back /busy/memory-wrong 2>/dev/null'; }
right() { # by the disk, not by what the guest remembers of it
	root sh -c 'sync; echo 3 > /proc/sys/vm/drop_caches; cd /busy &&
	    sleep 0.3; bad=0; for f in f*; do
		for try in 1 2 3 4 5; do
			md5sum -c sum.$f > /dev/null 2>&1 && continue 2
			sleep 0.3
		done; bad=1; done; exit $bad'
}
alone() { # no process of VM a is there
	for p in $1; do ! kill -0 "$p" 2> /dev/null || return 1; done
}

# --- standby and restore ----------------------------------------------------------

i=0 failed=
while [ $i -lt "$rounds" ]; do
	i=$((i + 1))
	before=$(counts)
	pids=$(vm_pids a)
	echo "# round $i: $before"
	vmctl standby a > "$t/out" 2>&1 || { failed="standby $i"; break; }
	[ "$(state_of a)" = Standby ] || { failed="state $i"; break; }
	wait_for 20 alone "$pids" || { failed="processes $i"; break; }
	vmctl restore a > "$t/out" 2>&1 || { failed="restore $i"; break; }
	echo "# restored"
	wait_for 20 root true || { failed="answer $i"; break; }
	wait_for 20 grown "$before" || { failed="work $i: $before, $(counts)"
	    break; }
done
is "$rounds times standby and restore" "" "$failed"
[ -z "$failed" ] || sed 's/^/# /' "$t/out"
is "the same boot" "$boot" "$(root cat /proc/sys/kernel/random/boot_id)"
is "no data is wrong, no clock went back" "" "$(wrong)"
ok "what is on the disk is what was written" right
now=$(root date +%s)
here=$(date +%s)
ok "its date is ours ($((here - now)) s)" \
    [ $((here - now)) -lt 10 -a $((now - here)) -lt 10 ]

# --- by name ------------------------------------------------------------------------

root sh -c 'echo first > /etc/what; sync'
ok "a snapshot of one that runs" vmctl snapshot create --name one a
before=$(counts)
ok "which goes on" wait_for 60 grown "$before"
root sh -c 'echo second > /etc/what; sync'
ok "stop" vmctl stop -f -w a
ok "back to the snapshot" vmctl snapshot restore a one
ok "it answers" wait_for 60 root true
is "the disk is that of then" first "$(root cat /etc/what)"
is "and the boot" "$boot" "$(root cat /proc/sys/kernel/random/boot_id)"
ok "and the work" wait_for 60 grown "$before"
is "still nothing is wrong" "" "$(wrong)"

# --- killed in the middle -----------------------------------------------------------

# The VMM, vmd-control or vmd at a random moment of it: the VM goes on, or its
# older snapshot does.
random() { od -An -tu2 -N2 /dev/urandom | tr -d ' '; }
i=0 failed=
while [ $i -lt "$kills" ]; do
	i=$((i + 1))
	case $((i % 3)) in
	1)	victim=$(vm_pids a vmm) ;;
	2)	victim=$(pgrep -P "$vmd_pid" vmd-control) ;;
	0)	victim=$vmd_pid ;;
	esac
	vmctl snapshot create --name "k$i" a > "$t/out" 2>&1 &
	job=$!
	sleep "$(awk -v r="$(random)" 'BEGIN { print r / 65536 * 1.5 }')"
	kill -9 "$victim"
	wait $job 2> /dev/null
	if [ "$victim" = "$vmd_pid" ]; then
		wait "$vmd_pid" 2> /dev/null
		start_vmd -o disk_ratio=100 -o memory_ratio=10
	fi
	wait_for 60 "$bin/vmctl" version || { failed="vmd $i"; break; }
	settled() { case $(state_of a) in Running|Stopped|Standby) ;;
	    *) false ;; esac; }
	wait_for 60 settled || { failed="state $i: $(state_of a)"; break; }
	case $(state_of a) in
	Standby) vmctl restore a > "$t/out" 2>&1 ;;
	Stopped) vmctl snapshot restore a one > "$t/out" 2>&1 ;;
	esac || { failed="restore $i"; break; }
	wait_for 60 root true || { failed="answer $i"; break; }
done
is "$kills times killed while it is made" "" "$failed"
[ -z "$failed" ] || sed 's/^/# /' "$t/out"
is "the boot is the same" "$boot" \
    "$(root cat /proc/sys/kernel/random/boot_id)"
is "nothing is wrong" "" "$(wrong)"
# Those that are listed are whole.
for s in $(vmctl snapshot list --format json a |
    jq -r '.name // empty' | sort); do
	vmctl stop -f -w a > /dev/null 2>&1
	ok "snapshot $s can be restored" vmctl snapshot restore a "$s"
	ok "and answers" wait_for 60 root true
done
ok "all goes" vmctl rm -f a
for s in $(vmctl snapshot list -q); do
	vmctl snapshot delete "$s" > /dev/null
done
is "no directory of a VM is left" "" "$(ls -A "$state/vms")"
done_testing
