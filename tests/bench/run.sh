#!/bin/sh
# run.sh: "vmctl run" until the agent is ready, against the same QEMU, board,
# kernel, initrd and disks started by hand to the same point, with QEMU's own
# devices but for vsock, which QEMU has only with a module of the host's.
# CPU time of everything that took part, and wall-clock time.
#
# RUNS: how many pairs (5); of each the least counts, the rest is disturbance.
. tests/boot/lib.sh
[ "$(uname -m)" = x86_64 ] || skip_all "a board of x86-64 by hand"
command -v perl > /dev/null || skip_all "no perl"

start_vmd -o hypervisor=qemu -o accel=tcg || {
	echo "run: vmd did not start" >&2
	exit 1
}
import_hello
options="-m 192M -c 1 busybox:hello"
ours() { # NAME
	# shellcheck disable=SC2086
	perl tests/bench/run.pl ours "$vmd_pid" "$state" "$bin/vmctl" "$1" \
	    $options
}

# What vmd gave to a VM is what the peer gets.  The first run also makes the
# template of the overlay.
ours first > /dev/null || exit 1
vm=$state/vms/$(vmctl ps -q --no-trunc)
kernel=$(jq -r .payload.kernel "$vm/config.json")
cmdline=$(jq -r .payload.cmdline "$vm/config.json")
cp "$vm/initrd" "$t/initrd"
root=$(echo "$state"/images/root/*.sqfs)
overlay=$(echo "$state"/templates/ext4-*)
vmctl rm -f first > /dev/null
tsc=$(awk '/^bogomips/ { printf "%d", $3 * 500; exit }' /proc/cpuinfo)
# One port, as vmm-qemu has: of several the guest learns later, and vminit
# would not find its console.
by_hand() {
	rm -rf "$t/hand"
	mkdir "$t/hand"
	cp --sparse=always "$overlay" "$t/hand/overlay.img"
	perl tests/bench/run.pl hand "$t/hand" "$bin/viod" qemu-system-x86_64 \
	    -nodefaults -no-user-config -display none -accel tcg \
	    -bios qboot.rom \
-machine microvm,acpi=on,rtc=on,pit=off,isa-serial=off,x-option-roms=off,\
pic=on,memory-backend=mem \
	    -cpu max,la57=off,erms=off,fsrm=off -m 192M \
	    -object memory-backend-memfd,id=mem,size=192M,share=on \
	    -global virtio-mmio.force-legacy=false \
	    -kernel "$kernel" -initrd "$t/initrd" \
	    -append "tsc_early_khz=$tsc $cmdline" \
	    -drive "if=none,id=a,file=$root,format=raw,readonly=on" \
	    -device virtio-blk-device,drive=a \
	    -drive "if=none,id=b,file=overlay.img,format=raw" \
	    -device virtio-blk-device,drive=b \
	    -netdev user,id=n \
	    -device virtio-net-device,netdev=n \
	    -chardev socket,id=vsock,path=vsock0.vu \
	    -device vhost-user-vsock-device,chardev=vsock \
	    -object rng-builtin,id=rng -device virtio-rng-device,rng=rng \
	    -chardev file,id=console,path=console.log \
	    -device virtio-serial-device,max_ports=1 \
	    -device virtconsole,chardev=console
}

i=0
while [ $i -lt "${RUNS:-5}" ]; do
	i=$((i + 1))
	ours "r$i" >> "$t/ours" || exit 1
	vmctl rm -f "r$i" > /dev/null
	by_hand >> "$t/hands" || { cat "$t/hand/"*log >&2; exit 1; }
done
sed 's/^/# ours /' "$t/ours" >&2
sed 's/^/# hand /' "$t/hands" >&2
least() { sort -n -k "$2,$2" "$t/$1" | awk -v k="$2" '{ print $k; exit }'; }
line() { # NAME COLUMN
	awk -v n="$1" -v o="$(least ours "$2")" -v v="$(least hands "$2")" \
	    'BEGIN { printf "{\"name\":\"%s\",\"unit\":\"s\",\"ours\":%s," \
	    "\"peer\":\"QEMU by hand\",\"peer_value\":%s,\"ratio\":%.3f," \
	    "\"goal\":\"<= 1.05\"}\n", n, o, v, o / v }'
}
line "run to agent ready, CPU" 1
line "run to agent ready, wall clock" 2
