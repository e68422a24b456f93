#!/bin/sh
# hv_contract.t: the double of Hypervisor.framework (tests/double/hv) ends a
# program that breaks a contract of it, with the sentence that says which: each
# is broken here, on the KVM of an emulated arm64 machine.
cd "$(dirname "$0")/../.." || exit 1
program=${BUILD:-build}/arm64/tests/double/hv-contract
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
for p in qemu-system-aarch64 mke2fs debugfs cpio; do
	command -v $p > /dev/null || skip "no $p"
done
[ -x "$program" ] || skip "no $program (make arm64)"
# A boot each time, as in arm64.t.
exec tests/lab/lab-run arm64 -c -t "${LAB_SECONDS:-300}" "$program"
