#!/bin/sh
# cdrom.t: Debian's kernel mounts a CD in vmm's drive, on the lab's KVM: by
# drivers new and old, on shared memory and on copies.
#
#   LAB_GUESTS=all   fetch the kernel that has drivers for it (70 MB, once);
#                    without it nothing is done
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
cache=${VMD_CACHE:-build/cache}
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
[ "${LAB_GUESTS:-}" = all ] || skip "LAB_GUESTS=all fetches a kernel for it"
for p in qemu-system-x86_64 mke2fs debugfs cpio busybox genisoimage; do
	command -v $p > /dev/null || skip "no $p"
done
for p in vmm viod; do
	[ -x "$build/bin/$p" ] || skip "no $build/bin/$p"
done

t=$(mktemp -d "${TMPDIR:-/tmp}/lab-cdrom.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$cache" "$t/d" "$t/cd" "$t/pkg" "$t/initrd/bin" "$t/initrd/m"
p=$(scripts/guest-fetch amd64 "$cache" linux-image-amd64 \
    '^linux-image-[0-9].*-amd64') && dpkg-deb -x "$p" "$t/pkg" ||
    skip "the kernel cannot be fetched"
cp "$t"/pkg/boot/vmlinuz-* "$t/d/vmlinuz"
cp "$build/bin/vmm" "$build/bin/viod" "$t/d"
n=10
for m in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev \
    virtio_pci scsi_common scsi_mod cdrom sr_mod virtio_scsi isofs; do
	n=$((n + 1))
	find "$t/pkg" -name "$m.ko" -exec cp {} "$t/initrd/m/$n.ko" \;
done
cp "$(command -v busybox)" "$t/initrd/bin/busybox"
cp tests/lab/guest/cdrom-init "$t/initrd/init"
(cd "$t/initrd" && find . | cpio -o -H newc --quiet -R 0:0) > "$t/d/initrd"
head -c 3000000 /dev/urandom > "$t/cd/blob"
genisoimage -quiet -R -o "$t/d/cd.iso" "$t/cd" 2> "$t/log" ||
    skip "no image can be made"
sum() { md5sum "$1" | cut -c 1-32; }

n=0 bad=0
run() { # run TEXT OPTION...
	text=$1; shift
	tests/lab/lab-run x86 -m 1024 -t 240 -d "$t/d" -l "$t/d/vmm" \
	    -l "$t/d/viod" ./vmm --kernel vmlinuz --initramfs initrd \
	    --cmdline "console=ttyS0 quiet" --memory 512M --serial tty \
	    --cdrom cd.iso "$@" < /dev/null > "$t/out" 2>&1
	for what in "file $(sum "$t/cd/blob")" "disc $(sum "$t/d/cd.iso")"; do
		n=$((n + 1))
		if grep -q "^$what" "$t/out"; then
			echo "ok $n - $text: ${what%% *}"
		else
			echo "not ok $n - $text: ${what%% *}"
			tail -n 30 "$t/out" | sed 's/^/# /'
			bad=1
		fi
	done
}
run "a driver of virtio 1.0"
run "an older one, on copies" --virtio transitional --memory 512M,shared=off
echo "1..$n"
exit $bad
