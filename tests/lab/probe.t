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

echo 1..5
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

own=$build/bin/vmm
answer=$(tests/lab/lab-run x86 -l "$own" "$own" --probe 2> /dev/null)
rc=$?
if [ $rc = 0 ] && [ "${answer%%
*}" = "usable: kvm" ]; then
	echo "ok 4 - our VMM takes it, too"
else
	echo "not ok 4 - our VMM takes it, too"
	echo "# status $rc: $answer"
fi
answer=$("$own" --probe)
rc=$?
case $first,$rc,$answer in
kvm,0,"usable: kvm"*)	echo "ok 5 - both say the same here" ;;
tcg:*,1,"unusable: /dev/kvm"*)	echo "ok 5 - both say the same here" ;;
*)	echo "not ok 5 - both say the same here"
	echo "# $first, $rc, $answer" ;;
esac
