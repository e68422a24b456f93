#!/bin/sh
# disk.t: a Debian on a disk, raw and qcow2, with vmd: firmware and GRUB start
# it, a local interface gives it an address, another VM reaches it by its
# name, and it is stopped with its file system clean
#
#   LAB_GUESTS=all   do it (half a gigabyte is fetched, once; some minutes)
#   DISK_FORMATS     raw, qcow2 or both, which is the default
cd "$(dirname "$0")/../.." || exit 1
skip() { echo "1..0 # SKIP $*"; exit 0; }
[ "${LAB_GUESTS:-}" = all ] || skip "LAB_GUESTS=all fetches a Debian for it"
[ "$(id -u)" -eq 0 ] || skip "not root"
PATH=$PATH:/usr/sbin:/sbin
for p in dumpe2fs e2fsck ip jq nft qemu-img unshare; do
	command -v $p > /dev/null || skip "no $p"
done
[ -f /usr/share/seabios/bios-256k.bin ] || skip "no SeaBIOS (seabios)"
if [ "$1" != inside ]; then
	unshare -n -m sh -c 'ip tuntap add tap0 mode tap && nft -f -' \
	    2> /dev/null << 'END' || skip "no right to make taps and rules"
table inet try {
	chain try {
		type nat hook postrouting priority srcnat
		masquerade
	}
}
END
	exec unshare -n -m sh "$0" inside
fi
. tests/boot/lib.sh
cache=${VMD_CACHE:-build/cache}
[ -f "$cache/lab-debian/disk" ] ||
    [ -f /usr/lib/grub/i386-pc/boot.img ] ||
    skip_all "no GRUB for a BIOS (grub-pc-bin)"
tests/lab/debian-disk "$cache/lab-debian" || broken "a Debian is installed"

formats=${DISK_FORMATS:-raw qcow2}
ip link set lo up
cp --sparse=always "$cache/lab-debian/disk" "$t/disk.raw"
"$bin/vmctl" create -i "$t/disk.raw" "$t/disk.qcow2" > "$t/log" 2>&1 ||
    broken "a qcow2 image is made"
for format in $formats; do
	cat <<- END
	vm debian-$format {
		disable
		memory 512M
		cpus 1
		disk "disk.$format" format $format
		boot device disk
		local interface
	}
	END
done > "$t/vm.conf"
cat >> "$t/vm.conf" << END
vm peer {
	disable
	image "busybox:hello"
	memory 192M
	cpus 1
	local interface
}
END
start_vmd -f "$t/vm.conf" || broken "vmd starts"
import_hello
ok "a VM that asks" vmctl start peer
ok "whose agent answers" \
    wait_for "${BOOT_LIMIT:-300}" "$bin/vmctl" exec peer true

state_of() { vmctl inspect "$1" | jq -r '.[0].state'; }
console() {
	id=$(vmctl inspect "$1" | jq -r '.[0].id')
	tr -d '\r' < "$state/vms/$id/console.log"
}
says() { console "$1" | grep -q "$2"; }
prompt_or_end() { says "$1" 'guest login:' || [ "$(state_of "$1")" != Running ]; }
# What it says to who connects to it by name.
named() {
	[ "$(vmctl exec peer sh -c "nc -w 20 $1.vmd.internal 80 < /dev/null")" \
	    = guest ]
}
is_stopped() { [ "$(state_of "$1")" = Stopped ]; }
clean() { # IMAGE: the file system behind its first MiB
	dd if="$1" of="$t/part" bs=1M skip=1 conv=sparse status=none &&
	    e2fsck -fn "$t/part" && dumpe2fs -h "$t/part" > "$t/log" 2>&1 &&
	    grep -q '^Filesystem state: *clean' "$t/log" &&
	    ! grep -q needs_recovery "$t/log"
}
for format in $formats; do
	vm=debian-$format image=$t/disk.$format
	ok "Debian from $format" vmctl start $vm
	wait_for "${DEBIAN_LIMIT:-1500}" prompt_or_end $vm
	ok "$format: its login prompt" says $vm 'guest login:'
	ok "$format: from another VM, by its name" wait_for 120 named $vm
	# Emulated processors take their time, which is not what is tried.
	LIMIT=1000 vmctl stop -w -t 900s $vm > "$t/stop" 2>&1
	ok "$format: it stops" wait_for 60 is_stopped $vm
	ok "$format: by itself" says $vm 'Power down\|Powering off'
	is "$format: without a fault" 0 \
	    "$(vmctl inspect $vm | jq -r '.[0].exit_code')"
	[ $format = raw ] || {
		ok "$format: the image is whole" qemu-img check -q "$image"
		qemu-img convert -O raw "$image" "$t/whole"
		image=$t/whole
	}
	ok "$format: its file system is clean" clean "$image"
done
done_testing
