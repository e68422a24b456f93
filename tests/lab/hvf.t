#!/bin/sh
# hvf.t: vmm's accelerator for macOS, as it is, on a double of
# Hypervisor.framework (tests/double/hv), with Debian's kernel as its guest, on
# the KVM of an emulated arm64 machine.
#
#   LAB_GUESTS=all  run it: six boots take half an hour of the lab
#   CPUS="1 2 4"    how many processors the guests have
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
guest=$build/share/guest/aarch64
vmm=$build/arm64/tests/double/vmm-hvf
cc=aarch64-linux-gnu-gcc
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
[ "${LAB_GUESTS:-}" = all ] || skip "LAB_GUESTS=all boots guests for it"
for p in qemu-system-aarch64 mke2fs debugfs cpio $cc; do
	command -v "$p" > /dev/null || skip "no $p"
done
for p in "$vmm" "$build/arm64/bin/viod"; do
	[ -x "$p" ] || skip "no $p (make arm64)"
done
[ -f "$guest/vmlinux" ] || skip "no guest kernel (make guest-aarch64)"

t=$(mktemp -d "${TMPDIR:-/tmp}/lab-hvf.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$t/d" "$t/initrd"
cp "$vmm" "$t/d/vmm"
cp "$build/arm64/bin/viod" tests/lab/guest/hvf-run "$t/d"
cp "$guest/vmlinux" "$t/d/Image"
# Messages are not those of an ITS here.
sed 's/"ITS-"/"MSI"/' tests/lab/guest/arm64-init.c > "$t/init.c"
$cc -D_GNU_SOURCE -static -O1 -o "$t/initrd/init" "$t/init.c" || exit 1
# The init of an archive that comes later replaces the first one's.
(cd "$t/initrd" && echo init | cpio -o -H newc --quiet -R 0:0) > "$t/mine"
cat "$guest/initrd" "$t/mine" > "$t/d/initrd"
truncate -s 1M "$t/d/disk"
printf 'sixteen letters:' | dd of="$t/d/disk" conv=notrunc 2> /dev/null
# A boot each time, as in arm64.t.
tests/lab/lab-run arm64 -c -m 1024 -t "${LAB_SECONDS:-1800}" -f 64 \
    -e "GUEST_SECONDS=${GUEST_SECONDS:-600}" -e "CPUS=${CPUS:-1 2 4}" \
    -d "$t/d" sh ./hvf-run
