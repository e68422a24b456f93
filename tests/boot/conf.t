#!/bin/sh
# conf.t: a VM of vm.conf with a kernel and disks of its own, and no image
#
# Its guest is vminit, told by its initramfs to run one program of the raw
# disk /dev/vda, with the file system of /dev/vdb above it, which is a qcow2
# image with a base; /dev/vdc is written as it is.
cd "$(dirname "$0")/../.." || exit 1
. tests/boot/lib.sh
PATH=$PATH:/usr/sbin:/sbin
for p in mksquashfs mke2fs cpio debugfs qemu-img; do
	command -v $p > /dev/null || skip_all "no $p"
done
[ -x /bin/busybox ] || skip_all "no /bin/busybox (busybox-static)"
share=$build/share/guest/x86_64

mkdir -p "$t/root/bin" "$t/root/etc" "$t/cpio/vmd"
cp /bin/busybox "$t/root/bin/busybox"
echo "what vda says" > "$t/root/etc/said"
mksquashfs "$t/root" "$t/root.sqfs" -comp lz4 -all-root -quiet -noappend \
    -no-progress > /dev/null 2>&1 || broken "mksquashfs makes a disk"
truncate -s 64M "$t/base.img"
mke2fs -q -t ext4 -E nodiscard "$t/base.img" > /dev/null 2>&1
echo "what the base says" > "$t/said"
printf '%s\n' "mkdir upper" "mkdir upper/data" \
    "write $t/said upper/data/said" > "$t/commands"
debugfs -w -f "$t/commands" "$t/base.img" > /dev/null 2>&1
"$bin/vmctl" create -i "$t/base.img" "$t/base.qcow2" 2> /dev/null
(cd "$t" && "$bin/vmctl" create -b base.qcow2 top.qcow2) 2> /dev/null
"$bin/vmctl" create -s 8M "$t/plain.img" 2> /dev/null
cat > "$t/script" << 'END'
b=/bin/busybox
$b cat /etc/said /data/said
echo "vdb has $($b cat /sys/block/vdb/size) sectors"
[ ! -f /data/times ] || $b cat /data/times
echo "written by the guest" >> /data/times
echo "on the plain disk" | $b dd of=/dev/vdc bs=512 seek=100 conv=sync,notrunc
$b sync
END
printf '%s\0' version=1 root=/dev/vda rootfs=squashfs overlay=/dev/vdb \
    hostname=disks arg=/bin/busybox arg=sh arg=-c "arg=$(cat "$t/script")" \
    > "$t/cpio/vmd/config"
{
	cat "$share/initrd"
	(cd "$t/cpio" && find vmd | cpio -o -H newc --quiet -R 0:0)
} > "$t/initrd"
# What vmd's kernel wants, but a console that is the serial port.
words=$(sed 's/console=hvc0/console=ttyS0/; s/8250.nr_uarts=0/8250.nr_uarts=1/' \
    "$share/cmdline")

cat > "$t/vm.conf" << END
vm disks {
	disable
	kernel "$share/vmlinux"
	initramfs "$t/initrd"
	cmdline "$words"
	memory 192M
	disk "root.sqfs"
	disk "top.qcow2" format qcow2
	disk "plain.img"
	interfaces 0
}
vm bios {
	disable
	memory 64M
	disk "sector.img"
	cdrom "plain.img"
	boot device disk
	interfaces 0
}
vm disc {
	disable
	memory 64M
	disk "plain.img"
	cdrom "cd.iso"
	boot device cdrom
	interfaces 0
}
vm lan {
	disable
	memory 64M
	netboot "tftp/loader"
	boot device net
}
vm lan2 {
	disable
	memory 64M
	disk "plain.img"
	netboot "tftp/loader"
}
vm lan3 {
	disable
	memory 64M
	netboot "tftp/none"
	boot device net
}
END
# A boot sector that writes 5 (off) to ACPI's sleep register, or 0 (off) to a
# PIIX4's PM1 control, and halts.
printf '\260\064\272\000\006\356\270\000\040\272\004\006\357\364\353\375' \
    > "$t/sector.img"
truncate -s 510 "$t/sector.img"
printf '\125\252' >> "$t/sector.img"
truncate -s 1M "$t/sector.img"
mkdir "$t/tftp"
head -c 512 "$t/sector.img" > "$t/tftp/loader"
# A CD that boots it: El Torito's record in block 17, and its catalog in the
# next, which says 19.  put BLOCK BYTE TEXT
# shellcheck disable=SC2059
put() { printf "$3" | dd of="$t/cd.iso" bs=1 seek=$(($1 * 2048 + $2)) \
    conv=notrunc 2> /dev/null; }
truncate -s 64K "$t/cd.iso"
put 17 0 '\000CD001\001EL TORITO SPECIFICATION'
put 17 71 '\022'
put 18 0 '\001'
put 18 30 '\125\252\210\000\000\000\000\000\001\000\023'
dd if="$t/sector.img" of="$t/cd.iso" bs=512 count=1 seek=76 conv=notrunc \
    2> /dev/null
start_vmd -f "$t/vm.conf"

ended() { [ "$("$bin/vmctl" status disks | awk 'NR > 1 { print $8 }')" = stopped ]; }
console() {
	id=$(vmctl inspect disks | jq -r '.[0].id')
	tr -d '\r' < "$state/vms/$id/console.log"
}
# run_once TEXT: from its start to its own power off.
run_once() {
	vmctl start disks > "$t/started" 2>&1
	wait_for "${BOOT_LIMIT:-300}" ended
	reason=$(vmctl inspect disks | jq -r '.[0] |
	    "\(.exit_code) \(.exit_reason)"')
	case $reason in
	"0 "*) ok "$1" true ;;
	*)	ok "$1" false
		echo "# $reason"
		cat "$t/started"
		console | tail -n 20 | sed 's/^/# /' ;;
	esac
}
says() { console | grep -qxF "$1"; }

run_once "it boots its kernel and powers itself off"
ok "vda is the raw disk" says "what vda says"
ok "vdb is the qcow2 image with what its base has" says "what the base says"
ok "of the base's size" says "vdb has 131072 sectors"
ok "nothing was written before" sh -c "! grep -q 'written by the guest' \
    '$state'/vms/*/console.log"
run_once "again"
ok "what was written is there" says "written by the guest"
ok "the qcow2 image is clean" qemu-img check -q "$t/top.qcow2"
ok "and so is its base" qemu-img check -q "$t/base.qcow2"
ok "which was not written to" qemu-img compare -q "$t/base.img" \
    "$t/base.qcow2"
ok "the plain disk was written where it was told to" \
    sh -c "dd if='$t/plain.img' bs=512 skip=100 count=1 2> /dev/null |
    grep -qa 'on the plain disk'"
qemu-img convert -O raw "$t/top.qcow2" "$t/whole.img"
ok "QEMU reads the same file from the image" sh -c \
    "debugfs -R 'cat upper/data/times' '$t/whole.img' 2> /dev/null |
    grep -c 'written by the guest' | grep -qx 2"

# Without a kernel: firmware, and the boot sector of a disk or a CD.
bios=/usr/share/seabios/bios-256k.bin
off() { [ "$(vmctl inspect "$1" | jq -r '.[0] |
    "\(.exit_code) \(.state)"')" = "0 Stopped" ]; }
if [ -f $bios ]; then
	for vm in bios disc; do
		vmctl start $vm > "$t/$vm" 2>&1
		wait_for "${BOOT_LIMIT:-300}" off $vm
		ok "firmware boots what vm.conf says: $vm" off $vm
	done
	# The same from the network, by vm.conf or for one start.
	vmctl start lan > "$t/lan" 2>&1
	wait_for "${BOOT_LIMIT:-300}" off lan
	ok "and by DHCP and TFTP: lan" off lan
	vmctl start -B net lan2 > "$t/lan2" 2>&1
	wait_for "${BOOT_LIMIT:-300}" off lan2
	ok "for one start: lan2" off lan2
	vmctl start lan3 > "$t/lan3" 2>&1
	ok "a file that is not there" grep -qx "vmctl: start vm command \
failed: netboot $t/tftp/none: No such file or directory" "$t/lan3"
else
	echo "# no $bios (seabios)"
fi
done_testing
