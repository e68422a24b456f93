#!/bin/sh
# firmware.t: SeaBIOS boots disks, with vmm by hand on the lab's KVM: sectors
# of our own, raw and qcow2, on a CD, every way to reset, a snapshot.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
bios=${BIOS:-/usr/share/seabios/bios-256k.bin}
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
for p in qemu-system-x86_64 mke2fs debugfs busybox curl cc ld; do
	command -v $p > /dev/null || skip "no $p"
done
for p in vmm viod vmctl; do
	[ -x "$build/bin/$p" ] || skip "no $build/bin/$p"
done
[ -f "$bios" ] || skip "no $bios (seabios)"

t=$(mktemp -d "${TMPDIR:-/tmp}/lab-firmware.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
d=$t/d
mkdir "$d"
cp "$build/bin/vmm" "$build/bin/viod" "$bios" tests/lab/guest/firmware-run "$d"
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
"$build/bin/vmctl" create -i "$d/disk-o" "$d/disk-o.qcow2" > "$t/log" 2>&1 || {
	sed 's/^/# /' "$t/log"
	exit 1
}

tests/lab/lab-run x86 -t "${LAB_SECONDS:-900}" \
    -l "$build/bin/vmm" -l "$build/bin/viod" -l "$(command -v curl)" \
    -d "$d" sh ./firmware-run
