#!/bin/sh
# board.t: the board as Debian's kernel meets it, on the lab's KVM: processors
# that come and go, lines in the place of messages, messages alone, devices
# that are plugged in and go.
#
#   CASES="cpus irqs split plug"   only some of them
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
kernel=$build/guest/x86_64/kernel
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
for p in qemu-system-x86_64 mke2fs debugfs cpio busybox curl; do
	command -v $p > /dev/null || skip "no $p"
done
for p in vmm viod viod-net; do
	[ -x "$build/bin/$p" ] || skip "no $build/bin/$p"
done
[ -f "$kernel/vmlinux" ] || skip "no guest kernel (make guest)"

t=$(mktemp -d "${TMPDIR:-/tmp}/lab-board.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$t/d" "$t/initrd/bin" "$t/initrd/vmd"
for p in vmm viod viod-net; do cp "$build/bin/$p" "$t/d"; done
cp "$(command -v busybox)" "$(command -v curl)" tests/lab/guest/board-run \
    "$t/d"
cp "$kernel/vmlinux" "$t/d/kernel"
cp "$(command -v busybox)" "$t/initrd/bin"
cp tests/lab/guest/board-init "$t/initrd/init"
cp -r "$kernel/modules" "$t/initrd/vmd"
(cd "$t/initrd" && find . | cpio -o -H newc --quiet -R 0:0) > "$t/d/initrd"
tests/lab/lab-run x86 -m 1024 -t "${LAB_SECONDS:-1200}" -f 256 \
    -l "$build/bin/vmm" -l "$build/bin/viod" -l "$build/bin/viod-net" \
    -l "$(command -v curl)" -e "CASES=${CASES:-all}" -d "$t/d" sh ./board-run
