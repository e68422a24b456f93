#!/bin/sh
# openbsd.t: a kernel of OpenBSD/amd64, which you bring: its drivers find their
# devices, by hand and with vmd, which stops it by vmmci(4)
#
#   OPENBSD_KERNEL   the file: bsd.rd, or another, packed or not
#   OPENBSD_DISK     a raw disk with its root (default: an empty one)
#   OPENBSD_SAYS     what its console says when it is up, as grep has it
#                    (default: what bsd.rd asks)
#   OPENBSD_LIMIT    seconds until then (default 300)
cd "$(dirname "$0")/../.." || exit 1
[ -f "${OPENBSD_KERNEL:-}" ] ||
    { echo "1..0 # SKIP OPENBSD_KERNEL is no kernel of OpenBSD's"; exit 0; }
HYPERVISOR=vmm
. tests/boot/lib.sh
says=${OPENBSD_SAYS:-(I)nstall}
limit=${OPENBSD_LIMIT:-300}
cp "$OPENBSD_KERNEL" "$t/bsd"
if [ -n "${OPENBSD_DISK:-}" ]; then
	cp --sparse=always "$OPENBSD_DISK" "$t/disk"
else
	truncate -s 1G "$t/disk"
fi

# found FILE: each driver that should be there, in what the kernel said.
found() {
	while read -r what; do
		grep -q "$what" "$1" || { echo "nothing says: $what"; return 1; }
	done << 'END'
^com0: console
^pvbus0 at mainbus0: KVM
^viornd0 at virtio
^vmmci0 at virtio
^vioblk0 at virtio
^sd0 at scsibus
^vio0 at virtio.*: address
END
}

# --- by hand ------------------------------------------------------------------

# by_hand TEXT OPTION...: until it is up.
by_hand() {
	how=$1; shift
	rm -f "$t/said"
	(cd "$t" && exec timeout -s KILL "$limit" "$bin/vmm" --kernel bsd \
	    --memory 256M --serial file=out --rng --vmmci --disk disk \
	    --net user "$@") > "$t/hand.log" 2>&1 &
	hand=$!
	up() { tr -d '\r' < "$t/out" > "$t/said" && grep -q "$says" "$t/said"; }
	up_or_gone() { up || ! kill -0 $hand; }
	wait_for "$limit" up_or_gone
	ok "$how: it is up" up
	ok "$how: its drivers are there" found "$t/said"
	kill $hand 2> /dev/null
	wait $hand 2> /dev/null
	rm -f "$t/out"
}
by_hand "by hand"
by_hand "old devices" --virtio transitional
by_hand "two processors" --cpus 2
ok "which it has" grep -q "^cpu1 at mainbus0" "$t/said"

# --- with vmd -----------------------------------------------------------------

cat > "$t/vm.conf" << END
vm bsd {
	disable
	boot "$t/bsd"
	memory 256M
	cpus 1
	disk "$t/disk" format raw
	publish 18022:22
}
END
start_vmd -f "$t/vm.conf" || broken "vmd starts"
state_of() { vmctl inspect bsd | jq -r '.[0].state'; }
console() {
	id=$(vmctl inspect bsd | jq -r '.[0].id')
	tr -d '\r' < "$state/vms/$id/console.log" > "$t/said"
}
up_or_end() {
	console
	grep -q "$says" "$t/said" || [ "$(state_of)" != Running ]
}
for n_th in first second; do
	ok "vmd starts it, the $n_th time" vmctl start bsd
	wait_for "$limit" up_or_end
	ok "it is up" grep -q "$says" "$t/said"
	ok "its drivers are there" found "$t/said"
	ok "vmctl stop" vmctl stop -w -t 100s bsd
	is "it has stopped" Stopped "$(state_of)"
	console
	ok "as vmmci asked it to" grep -q "request from vmmci0 host" "$t/said"
	is "without a fault" 0 "$(vmctl inspect bsd | jq -r '.[0].exit_code')"
done
done_testing
