#!/bin/sh
# accel.t - tiny guests on the lab's KVM: the same programs as in `make unit`,
# which run on this machine's KVM, if it has one.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
programs="accel_kvm snapshot_kvm vmm_entry vmm_pci_kvm"
for p in $programs; do
	[ -x "$build/tests/unit/$p.t" ] ||
	    { echo "1..0 # SKIP no $build/tests/unit/$p.t"; exit 0; }
done
for p in qemu-system-x86_64 mke2fs debugfs cpio; do
	PATH=$PATH:/usr/sbin:/sbin command -v $p > /dev/null ||
	    { echo "1..0 # SKIP no $p"; exit 0; }
done

n=0 bad=0
for p in $programs; do
	n=$((n + 1))
	t=$build/tests/unit/$p.t
	if out=$(tests/lab/lab-run x86 -l "$t" "$t" 2>&1) &&
	    ! echo "$out" | grep -q SKIP; then
		echo "ok $n - $p"
	else
		echo "not ok $n - $p"
		bad=1
	fi
	echo "$out" | sed 's/^/# /'
done
echo "1..$n"
exit $bad
