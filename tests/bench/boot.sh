#!/bin/sh
# boot.sh: from the start of the first process until the image's command has
# run and the guest has powered off: vmm-qemu with its devices in viod
# processes, against the same QEMU, board, kernel and initrd started by hand
# with QEMU's own devices.  CPU time of all processes; wall time beside it.
#
# Also what one VM costs beside QEMU: PSS of vmm-qemu and three viods.
# RUNS: how many pairs (5); of each the least counts, the rest is disturbance.
build=$(cd "${BUILD:-build}" && pwd)
bin=$build/bin
guest=$build/share/guest/x86_64
PATH=$PATH:/usr/sbin:/sbin
for p in perl mksquashfs mke2fs cpio busybox qemu-system-x86_64; do
	command -v $p > /dev/null || { echo "boot: no $p" >&2; exit 1; }
done
[ -f "$guest/initrd" ] || { echo "boot: no guest kernel" >&2; exit 1; }

t=$(mktemp -d "${TMPDIR:-/tmp}/bench-boot.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP

# --- the guest: says one word and ends ---------------------------------------------

mkdir -p "$t/root/bin" "$t/root/proc" "$t/root/dev" "$t/root/sys" \
    "$t/root/tmp" "$t/root/etc" "$t/config/vmd"
cp "$(command -v busybox)" "$t/root/bin/busybox"
ln -s busybox "$t/root/bin/sh"
ln -s busybox "$t/root/bin/sleep"
mksquashfs "$t/root" "$t/root.sqfs" -quiet -no-progress -comp lz4 \
    -all-root > /dev/null
truncate -s 64M "$t/empty.img"
mke2fs -q -t ext4 -F "$t/empty.img"

initrd() { # FILE COMMAND: our initrd with the guest's configuration
	printf '%s\0' version=1 hostname=h root=/dev/vda rootfs=squashfs \
	    overlay=/dev/vdb arg=/bin/sh arg=-c "arg=$2" env=PATH=/bin cwd=/ \
	    user=0 tty=0 mode=exec > "$t/config/vmd/config"
	chmod 600 "$t/config/vmd/config"
	cp "$guest/initrd" "$1"
	(cd "$t/config" && find vmd | cpio -o -H newc -R 0:0 2> /dev/null) \
	    >> "$1"
}
initrd "$t/initrd" 'echo up'
initrd "$t/initrd.stay" 'echo up; sleep 1000'

# --- the two ways --------------------------------------------------------------------

cmdline=$(cat "$guest/cmdline")
vm_config() { # INITRD
	dev='"vhost_user":true,"vhost_socket"'
	cat <<X
{"payload":{"kernel":"$guest/vmlinux","initramfs":"$1","cmdline":"$cmdline"},
 "cpus":{"boot_vcpus":1},"memory":{"size":268435456},
 "disks":[{"id":"disk0",$dev:"disk0.vu","readonly":true},
          {"id":"disk1",$dev:"disk1.vu"}],
 "net":[{"id":"net0",$dev:"net0.vu","mac":"02:00:00:00:00:01"}],
 "vsock":{"cid":3,"socket":"vsock.sock","vhost_socket":"vsock0.vu"},
 "console":{"mode":"File","file":"console.log"},
 "rng":{"src":"/dev/urandom"},"platform":{"arch":"amd64"}}
X
}
ours() { # DIRECTORY INITRD
	vm_config "$2" > "$1/vm.json"
	VM_CONFIG=$1/vm.json timeout 120 perl tests/start-vm.pl "$1" \
	    "$bin/vmm-qemu" -A tcg \
	    -- disk0 "$bin/viod" blk -r -d 6 "6<$t/root.sqfs" \
	    -- disk1 "$bin/viod" blk -d 6 "6=overlay.img" \
	    -- net0 "$bin/viod" net -m 02:00:00:00:00:01 \
	    -- vsock0 "$bin/viod" vsock -c 3 -l 6 -d 7 6@vsock.sock "7<."
}
tsc=$(awk '/^bogomips/ { printf "%d", $3 * 500; exit }' /proc/cpuinfo)
by_hand() { # DIRECTORY
	timeout 120 perl tests/start-vm.pl "$1" - qemu-system-x86_64 \
	    -nodefaults -no-user-config -display none -accel tcg \
	    -bios qboot.rom \
    -machine microvm,acpi=on,rtc=on,pit=off,isa-serial=off,x-option-roms=off,pic=on \
	    -cpu max,la57=off,erms=off,fsrm=off -m 256M \
	    -global virtio-mmio.force-legacy=false \
	    -kernel "$guest/vmlinux" -initrd "$t/initrd" \
	    -append "tsc_early_khz=$tsc $cmdline" \
	    -drive "if=none,id=a,file=$t/root.sqfs,format=raw,readonly=on" \
	    -device virtio-blk-device,drive=a \
	    -drive "if=none,id=b,file=overlay.img,format=raw" \
	    -device virtio-blk-device,drive=b \
	    -netdev user,id=n -device virtio-net-device,netdev=n \
	    -object rng-builtin,id=rng -device virtio-rng-device,rng=rng \
	    -chardev file,id=console,path=console.log \
	    -device virtio-serial-device,max_ports=1 \
	    -device virtconsole,chardev=console
}

# "CPU WALL" of one boot that came up, else nothing.
one() { # WAY
	rm -rf "$t/vm"
	mkdir "$t/vm"
	cp --sparse=always "$t/empty.img" "$t/vm/overlay.img"
	"$1" "$t/vm" "$t/initrd" | sed -n 's/^used //p' > "$t/used"
	grep -q '^up' "$t/vm/console.log" && cat "$t/used"
}
i=0
while [ $i -lt "${RUNS:-5}" ]; do
	one ours >> "$t/ours"
	one by_hand >> "$t/hand"
	i=$((i + 1))
done
least() { sort -n -k "$2,$2" "$t/$1" | awk -v k="$2" '{ print $k; exit }'; }
line() { # NAME UNIT OURS PEER PEER_VALUE GOAL
	awk -v n="$1" -v u="$2" -v o="$3" -v p="$4" -v v="$5" -v g="$6" 'BEGIN {
		printf "{\"name\":\"%s\",\"unit\":\"%s\",\"ours\":%s," \
		    "\"peer\":\"%s\",\"peer_value\":%s,\"ratio\":%.3f," \
		    "\"goal\":\"%s\"}\n", n, u, o, p, v, o / v, g }'
}
line boot-cpu s "$(least ours 1)" 'QEMU by hand' "$(least hand 1)" '<= 1.05'
line boot-wall s "$(least ours 2)" 'QEMU by hand' "$(least hand 2)" '<= 1.05'

# --- memory ----------------------------------------------------------------------------

rm -rf "$t/vm"
mkdir "$t/vm"
cp --sparse=always "$t/empty.img" "$t/vm/overlay.img"
ours "$t/vm" "$t/initrd.stay" > "$t/pids" 2> /dev/null &
tries=600
until grep -q '^up' "$t/vm/console.log" 2> /dev/null || [ $tries -eq 0 ]; do
	sleep 0.1
	tries=$((tries - 1))
done
pss() { # NAME...: KiB
	for p; do
		cat "/proc/$(sed -n "s/^$p //p" "$t/pids")/smaps_rollup"
	done | awk '/^Pss:/ { s += $2 } END { print s }'
}
q=$(pgrep -P "$(sed -n 's/^vmm //p' "$t/pids")" qemu)
qemu=$(awk '/^Pss_Anon:|^Pss_File:/ { s += $2 } END { print s }' \
    "/proc/$q/smaps_rollup")
line vm-pss KiB "$(pss vmm disk0 net0 vsock0)" \
    'QEMU without guest memory' "$qemu" '< 4096 KiB'
kill "$(sed -n 's/^vmm //p' "$t/pids")"
wait
