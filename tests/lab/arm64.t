#!/bin/sh
# arm64.t: vmm's arm64 board, with Debian's kernel as its guest, on the KVM of
# an emulated arm64 machine.
#
#   LAB_GUESTS=all   and Debian's other kernel, which has a driver for the
#                    power button (60 MB are fetched, once)
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
guest=$build/share/guest/aarch64
cc=aarch64-linux-gnu-gcc
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
for p in qemu-system-aarch64 mke2fs debugfs cpio $cc; do
	command -v $p > /dev/null || skip "no $p"
done
for p in vmm viod; do
	[ -x "$build/arm64/bin/$p" ] || skip "no $p for arm64 (make arm64)"
done
[ -f "$guest/vmlinux" ] || skip "no guest kernel (make guest-aarch64)"

t=$(mktemp -d "${TMPDIR:-/tmp}/lab-arm64.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$t/d" "$t/initrd"
cp "$build/arm64/bin/vmm" "$build/arm64/bin/viod" tests/lab/guest/arm64-run \
    "$t/d"
cp "$guest/vmlinux" "$t/d/Image"
$cc -D_GNU_SOURCE -static -O1 -o "$t/initrd/init" tests/lab/guest/arm64-init.c &&
    $cc -static -O1 -o "$t/d/api" tests/lab/guest/api.c || exit 1
# The init of an archive that comes later replaces the first one's.
(cd "$t/initrd" && echo init | cpio -o -H newc --quiet -R 0:0) > "$t/mine"
cat "$guest/initrd" "$t/mine" > "$t/d/initrd"
truncate -s 1M "$t/d/disk"
if [ "${LAB_GUESTS:-}" = all ]; then
	package=$(scripts/guest-fetch arm64 "${VMD_CACHE:-build/cache}" \
	    linux-image-arm64 '^linux-image-6') || exit 1
	dpkg-deb --fsys-tarfile "$package" > "$t/kernel.tar"
	tar -xO -f "$t/kernel.tar" --wildcards './boot/vmlinuz-*' \
	    > "$t/d/generic"
	mkdir -p "$t/initrd/vmd/modules"
	for m in evdev gpio_keys; do
		tar -xO -f "$t/kernel.tar" --wildcards "*/$m.ko" \
		    > "$t/initrd/vmd/modules/$m.ko" || exit 1
		echo $m.ko
	done > "$t/initrd/vmd/modules/list"
	(cd "$t/initrd" && find . | cpio -o -H newc --quiet -R 0:0) \
	    > "$t/d/initrd.generic"
	rm "$t/kernel.tar"
fi
printf 'sixteen letters:' | dd of="$t/d/disk" conv=notrunc 2> /dev/null
# Some snapshots of this machine stop for ever when a guest is entered: a boot
# takes no longer.
tests/lab/lab-run arm64 -c -m 1024 -t "${LAB_SECONDS:-900}" -f 400 \
    -e "GUEST_SECONDS=${GUEST_SECONDS:-600}" -d "$t/d" sh ./arm64-run
