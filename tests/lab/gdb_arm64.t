#!/bin/sh
# gdb_arm64.t: vmm's debugger on arm64, on the KVM of an emulated arm64
# machine: breakpoints, watchpoints, steps, registers, memory behind tables.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
vmm=${LAB_VMM:-$build/arm64/bin/vmm}
cc=aarch64-linux-gnu-gcc
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
for p in qemu-system-aarch64 mke2fs debugfs $cc aarch64-linux-gnu-objcopy; do
	command -v $p > /dev/null || skip "no $p"
done
[ -x "$vmm" ] || skip "no $vmm (make arm64)"

t=$(mktemp -d "${TMPDIR:-/tmp}/lab-gdb.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
mkdir "$t/d"
cp "$vmm" "$t/d/vmm"
cp tests/lab/guest/gdb-run "$t/d"
$cc -static -O1 -o "$t/d/gdb" tests/lab/guest/gdb.c &&
    $cc -nostdlib -static -Wl,-Ttext=0xffffff8040200000 -Wl,--build-id=none \
	-o "$t/count" tests/lab/guest/count_arm64.S &&
    aarch64-linux-gnu-objcopy -O binary "$t/count" "$t/d/count" || exit 1
aarch64-linux-gnu-nm "$t/count" |
    awk '$3 ~ /^(again|here|value)$/ { print $3 "=" $1 }' > "$t/d/symbols"
tests/lab/lab-run arm64 -t "${LAB_SECONDS:-600}" -d "$t/d" sh ./gdb-run
