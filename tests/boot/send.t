#!/bin/sh
# send.t: guests go from one daemon to another and back while they write to
# their memory and their disk; what is cut on the way leaves one that runs.
[ "${HYPERVISOR:-qemu}" = vmm ] ||
    { echo "1..0 # SKIP only vmm sends what runs"; exit 0; }
. tests/boot/lib.sh

other=
at_end() {
	[ -z "$other" ] || {
		[ $bad -eq 0 ] ||
		    tail -n 30 "$t/other.log" | sed 's/^/# b: /' >&2
		kill "$other" 2> /dev/null
		wait "$other" 2> /dev/null
	}
}
there() { VMCTL_HOST=unix://$t/b.sock vmctl "$@"; }
start_vmd -o disk_ratio=100 -o memory_ratio=10 || broken "vmd starts"
user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"
# shellcheck disable=SC2086
"$bin/vmd" -d -v -s "$t/state.b" -S "$t/b.sock" $user -o hypervisor=vmm \
    -o disk_ratio=100 -o memory_ratio=10 >> "$t/other.log" 2>&1 &
other=$!
wait_for 30 there version || broken "the other vmd starts"
import_hello
there image import --name busybox:hello "$t/hello.tar" > /dev/null
ok "a VM answers" run_hello a

all() { # all SOCKET: "NAME=STATE" of each
	curl -s --unix-socket "$t/$1" http://vmd/instances |
	    jq -r '[.[] | "\(.name)=\(.state)"] | sort | join(" ")'
}
are() { # are HERE THERE: what there is
	echo "here: $(all vmd.sock), there: $(all b.sock)"
	[ "$(all vmd.sock)" = "$1" ] && [ "$(all b.sock)" = "$2" ]
}
# standing STATE NAME: pages that were left when it stood, of its log
standing() {
	id=$($2 inspect "$3" | jq -r '.[0].id')
	sed -n 's/.*sent [0-9]* pages in [0-9]* rounds, \([0-9]*\) when.*/\1/p' \
	    "$1/vms/$id/vmm.log" | tail -n 1
}
# disk STATE NAME: what its disk was like, in bytes: "while it ran, when it stood"
disk() {
	id=$($2 inspect "$3" | jq -r '.[0].id')
	sed -n 's/.*its disk: \([0-9]*\) bytes while it ran, in [0-9]* rounds, \([0-9]*\) when.*/\1 \2/p' \
	    "$1/vms/$id/control.log" | tail -n 1
}

# --- a quiet one --------------------------------------------------------------

vmctl exec -u root a sh -c 'head -c 4000000 /dev/urandom > /dev/shm/data
    md5sum /dev/shm/data > /etc/sum
    head -c 20000000 /dev/urandom > /large; md5sum /large > /etc/large; sync'
sum=$(vmctl exec -u root a cat /etc/sum)
boot=$(vmctl exec -u root a cat /proc/sys/kernel/random/boot_id)
send() { # send FROM NAME TO NEW: by daemons' names
	host=unix://$t/b.sock
	[ "$3" = there ] || host=unix://$t/vmd.sock
	"$1" send "$2" "$bin/vmctl" -H "$host" receive "$4"
}
ok "a quiet VM is sent" send vmctl a there a
ok "it runs there only" wait_for 5 are "a=Stopped" "a=Running"
ok "it answers" wait_for 60 there exec a true
is "the same boot" "$boot" \
    "$(there exec -u root a cat /proc/sys/kernel/random/boot_id)"
is "the same memory" "$sum" "$(there exec -u root a md5sum /dev/shm/data)"
is "the same disk" "$sum" "$(there exec -u root a cat /etc/sum)"
left=$(standing "$state" vmctl a)
echo "# $left pages were copied while it stood: $((left * 4)) KiB"
ok "no more than 4 MiB are copied while it stands" [ "$left" -le 1024 ]
ok "a large file is there" there exec -u root a md5sum -c /etc/large
# shellcheck disable=SC2046
set -- $(disk "$state" vmctl a)
echo "# of its disk ${1:-no} bytes were sent while it ran, ${2:-no} when it stood"
ok "it was sent while it ran" [ "${1:-0}" -ge 20000000 ]
ok "no more than 2 MiB of the disk when it stood" [ "${2:-9999999}" -le 2097152 ]

# --- a busy one ---------------------------------------------------------------

cat > "$t/work" <<'E2'
#!/bin/sh
# Data that is hashed, on disk and in memory; counts in /dev/shm.
mkdir -p /busy
cd /busy || exit 1
disk() {
	i=0
	while :; do
		i=$((i + 1))
		f=f$((i % 8))
		head -c 50000 /dev/urandom > new
		sum=$(md5sum < new)
		sync new
		mv new $f
		[ "$(md5sum < $f)" = "$sum" ] || echo "$f $i" >> wrong
		echo $i > /dev/shm/disk
	done
}
memory() {
	i=0
	while :; do
		i=$((i + 1))
		f=/dev/shm/m$((i % 4))
		head -c 300000 /dev/urandom > $f
		sum=$(md5sum < $f)
		[ "$(md5sum < $f)" = "$sum" ] || echo "$f $i" >> wrong
		echo $i > /dev/shm/memory
	done
}
disk & memory &
wait
E2
there cp "$t/work" a:/tmp/work
there exec -d -u root a sh /tmp/work
# Each is empty for a moment when it is written anew.
counts() { # counts DAEMON VM
	"$1" exec -u root "$2" sh -c 'set --
	    while [ $# -ne 2 ]; do
		set -- $(cat /dev/shm/disk) $(cat /dev/shm/memory)
	    done
	    echo $*'
}
more() { # more DAEMON VM BEFORE
	now=$(counts "$1" "$2")
	echo "$3 | $now"
	echo "$3 $now" | awk '{ exit NF != 4 || $3 <= $1 || $4 <= $2 }'
}
ok "it works" wait_for 60 more there a "0 0"
before=$(counts there a)
ok "a busy VM is sent back" send there a vmctl b
ok "it runs here only" wait_for 5 are "a=Stopped b=Running" "a=Stopped"
ok "it goes on" wait_for 60 more vmctl b "$before"
is "no data is wrong" "" \
    "$(vmctl exec -u root b sh -c 'cat /busy/wrong 2> /dev/null')"
is "what lay in memory all the time is right" "${sum%% *}" \
    "$(vmctl exec -u root b md5sum /dev/shm/data | cut -d ' ' -f 1)"
ok "the disk is whole" vmctl exec -u root b sh -c \
    'sync; echo 3 > /proc/sys/vm/drop_caches; cat /busy/f* > /dev/null'
echo "# $(standing "$t/state.b" there a) pages were copied while it stood"
echo "# disk, while it ran and stood: $(disk "$t/state.b" there a) bytes"

# --- cut ----------------------------------------------------------------------

# At the header, in memory, behind it: it goes on, and nothing is there.
for cut in 1000 3000000 12000000; do
	before=$(counts vmctl b)
	vmctl send b sh -c "head -c $cut | '$bin/vmctl' -H 'unix://$t/b.sock' \
	    receive c" > "$t/out" 2>&1
	ok "cut after $cut bytes it runs here" \
	    wait_for 5 are "a=Stopped b=Running" "a=Stopped"
	ok "and works" wait_for 60 more vmctl b "$before"
done
before=$(counts vmctl b)
send vmctl b there c > "$t/out" 2>&1 &
job=$!
sleep 1
pkill -9 -P "$other" vmd-control
wait $job
sent=$?
if [ $sent -eq 0 ]; then
	ok "the receiver killed: it was there already" \
	    wait_for 5 are "a=Stopped b=Stopped" "a=Stopped c=Running"
else
	ok "the receiver killed: it goes on here" \
	    wait_for 5 are "a=Stopped b=Running" "a=Stopped"
	ok "and works" wait_for 60 more vmctl b "$before"
fi
VMCTL_HOST=unix://$t/b.sock vmctl rm -f -a > /dev/null 2>&1
done_testing
