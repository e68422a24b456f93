#!/bin/sh
# firmware.t: SeaBIOS boots disks, with vmm by hand on the lab's KVM: sectors
# of our own, raw and qcow2, on a CD, from a network, every way to reset, a
# snapshot; GRUB and a Linux.
#
#   LAB_GUESTS=all   a Debian, too, to its login prompt, DHCP and power button,
#                    raw and qcow2 (half a gigabyte is fetched, once; as root)
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
cache=${VMD_CACHE:-build/cache}
bios=${BIOS:-/usr/share/seabios/bios-256k.bin}
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
for p in qemu-system-x86_64 mke2fs debugfs busybox curl cc ld; do
	command -v $p > /dev/null || skip "no $p"
done
for p in vmm viod viod-net vmctl; do
	[ -x "$build/bin/$p" ] || skip "no $build/bin/$p"
done
[ -f "$bios" ] || skip "no $bios (seabios)"

t=$(mktemp -d "${TMPDIR:-/tmp}/lab-firmware.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
d=$t/d
mkdir "$d"
cp "$build/bin/vmm" "$build/bin/viod" "$build/bin/viod-net" "$bios" \
    tests/lab/guest/firmware-run "$d"
mv "$d/${bios##*/}" "$d/bios"
cp "$(command -v busybox)" "$(command -v curl)" "$d"
cc -m32 -c -o "$t/sector.o" tests/lab/guest/sector.S &&
    ld -m elf_i386 -Ttext 0x7c00 --oformat binary -e _start \
	-o "$t/sector" "$t/sector.o" || skip "no assembler for x86"
truncate -s 1M "$t/sector"
for way in c a k v t w o; do
	cp "$t/sector" "$d/disk-$way"
	printf %s $way | dd of="$d/disk-$way" bs=1 seek=1024 conv=notrunc \
	    2> "$t/log"
done
truncate -s 1M "$d/none"
# A CD: El Torito's boot record, its catalog, and the sector; the second is
# where a disk has it, block 1.  put BLOCK BYTE TEXT
put() { printf "$3" | dd of="$d/cd" bs=1 seek=$(($1 * 2048 + $2)) \
    conv=notrunc 2> "$t/log"; }
truncate -s 64K "$d/cd"
put 17 0 '\000CD001\001EL TORITO SPECIFICATION'
put 17 71 '\022'			# the catalog is block 18,
put 18 0 '\001'
put 18 30 '\125\252\210\000\000\000\000\000\001\000\023'	# 19 boots
dd if="$d/disk-o" of="$d/cd" bs=512 count=1 seek=76 conv=notrunc 2> "$t/log"
dd if="$d/disk-o" of="$d/cd" bs=512 count=2 skip=1 seek=4 conv=notrunc \
    2> "$t/log"
qcow2() { # qcow2 NAME: a copy of it
	"$build/bin/vmctl" create -i "$d/$1" "$d/$1.qcow2" > "$t/log" 2>&1 || {
		sed 's/^/# /' "$t/log"
		exit 1
	}
}
qcow2 disk-o
head -c 512 "$d/disk-o" > "$d/loader"
rom=/usr/lib/ipxe/qemu/pxe-virtio.rom
if [ -f $rom ]; then
	mkdir -p "$d${rom%/*}"
	cp $rom "$d$rom"
else
	echo "# no $rom (ipxe-qemu)"
fi

# Our guest's kernel, with an initrd that says what it found.
kernel=$build/guest/x86_64/kernel
grub() {
	mkdir -p "$t/initrd/bin" "$t/initrd/vmd" "$t/root/boot"
	cp "$(command -v busybox)" "$t/initrd/bin"
	cp tests/lab/guest/init "$t/initrd/init"
	cp -r "$kernel/modules" "$t/initrd/vmd"
	(cd "$t/initrd" && find . | cpio -o -H newc --quiet -R 0:0) \
	    > "$t/root/boot/initrd"
	cp "$kernel/vmlinuz" "$t/root/boot/vmlinuz"
	tests/lab/grub-disk "$t/root" "$d/grub.raw" 128 \
	    "console=ttyS0 panic=-1 quiet"
}
mem=1024 free=64 limit=1800
if [ ! -f /usr/lib/grub/i386-pc/boot.img ]; then
	echo "# no GRUB for a BIOS (grub-pc-bin)"
elif [ ! -f "$kernel/vmlinuz" ]; then
	echo "# no guest kernel (make guest)"
else
	grub || exit 1
	[ "${LAB_GUESTS:-}" != all ] || {
		tests/lab/debian-disk "$cache/lab-debian" || exit 1
		cp --sparse=always "$cache/lab-debian/disk" "$d/debian.raw"
		qcow2 debian.raw
		mem=1536 free=400 limit=3600
	}
fi

tests/lab/lab-run x86 -m $mem -f $free -t "${LAB_SECONDS:-$limit}" \
    -l "$build/bin/vmm" -l "$build/bin/viod" -l "$build/bin/viod-net" \
    -l "$(command -v curl)" -d "$d" sh ./firmware-run
