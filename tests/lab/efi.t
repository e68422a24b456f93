#!/bin/sh
# efi.t: UEFI (EDK II as packaged) boots a disk on vmm's arm64 board: systemd's
# loader and Linux, on the KVM of an emulated arm64 machine.
#
#   LAB_GUESTS=all   a Debian, too: GRUB, systemd, its login prompt, its end by
#                    the power button (half a gigabyte is fetched, once; as root)
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
for p in qemu-system-aarch64 mke2fs debugfs aarch64-linux-gnu-gcc; do
	command -v $p > /dev/null || skip "no $p"
done
for p in vmm viod; do
	[ -x "$build/arm64/bin/$p" ] || skip "no $p for arm64 (make arm64)"
done

t=$(mktemp -d "${TMPDIR:-/tmp}/lab-efi.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
mkdir "$t/d"
BUILD=$build tests/lab/efi-disk "$t/d" 2> "$t/log"
case $? in
0)	;;
2)	skip "$(cat "$t/log")" ;;
*)	sed 's/^/# /' "$t/log"; exit 1 ;;
esac
cp "$build/arm64/bin/vmm" "$build/arm64/bin/viod" tests/lab/guest/efi-run "$t/d"
aarch64-linux-gnu-gcc -static -O1 -o "$t/d/api" tests/lab/guest/api.c || exit 1
mem=1024 limit=1800
[ "${LAB_GUESTS:-}" != all ] || {
	debian=${VMD_CACHE:-build/cache}/lab-debian-arm64
	tests/lab/debian-disk "$debian" arm64 || exit 1
	cp --sparse=always "$debian/disk" "$t/d/debian"
	mem=1536 limit=5400
}
tests/lab/lab-run arm64 -c -m $mem -t "${LAB_SECONDS:-$limit}" -f 400 \
    -e "GUEST_SECONDS=${GUEST_SECONDS:-600}" -d "$t/d" sh ./efi-run
