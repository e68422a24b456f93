#!/bin/sh
# accel.t - tiny guests on the lab's KVM: the same program as in `make unit`,
# which runs on this machine's KVM, if it has one.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
t=$build/tests/unit/accel_kvm.t
[ -x "$t" ] || { echo "1..0 # SKIP no $t"; exit 0; }
for p in qemu-system-x86_64 mke2fs debugfs cpio; do
	PATH=$PATH:/usr/sbin:/sbin command -v $p > /dev/null ||
	    { echo "1..0 # SKIP no $p"; exit 0; }
done
exec tests/lab/lab-run x86 -l "$t" "$t"
