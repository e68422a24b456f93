#!/bin/sh
# probe.t - a KVM on hardware virtualization is taken, one that interprets is
# not: the lab has the one, the machine it runs on may have the other.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
vmm=$build/bin/vmm-qemu
[ -x "$vmm" ] || { echo "1..0 # SKIP no $vmm"; exit 0; }
for p in qemu-system-x86_64 mke2fs debugfs cpio; do
	PATH=$PATH:/usr/sbin:/sbin command -v $p > /dev/null ||
	    { echo "1..0 # SKIP no $p"; exit 0; }
done

echo 1..3
answer=$(tests/lab/lab-run x86 -l "$vmm" "$vmm" -p 2> /dev/null)
if [ "$answer" = kvm ]; then
	echo "ok 1 - KVM on (nested) hardware is used"
else
	echo "not ok 1 - KVM on (nested) hardware is used"
	echo "# $answer"
fi

first=$("$vmm" -p)
second=$("$vmm" -p)
if [ "${first%%:*}" = "${second%%:*}" ]; then
	echo "ok 2 - the answer for this machine stays the same"
else
	echo "not ok 2 - the answer for this machine stays the same"
	printf '# %s\n' "$first" "$second"
fi
case $first in
kvm)	echo "ok 3 - # SKIP this machine has a good KVM" ;;
tcg:*[a-z]*)
	echo "ok 3 - a refusal says why ($first)" ;;
*)	echo "not ok 3 - a refusal says why ($first)" ;;
esac
