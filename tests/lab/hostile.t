#!/bin/sh
# hostile.t: a guest throws random bytes at its machine for some seconds, in
# the lab, against programs with sanitizers. The programs live on, and so
# do the devices that were spared.
#
#   HOSTILE_SECONDS   how long (default 10)
#   HOSTILE_SEED      what it begins with (default 1)
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
san=$build/san
seconds=${HOSTILE_SECONDS:-10} seed=${HOSTILE_SEED:-1}
PATH=$PATH:/usr/sbin:/sbin
for p in qemu-system-x86_64 mke2fs debugfs cpio cc; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
for f in "$san/bin/vmm" "$san/bin/viod"; do
	[ -x "$f" ] || { echo "1..0 # SKIP no $f (make SAN=1)"; exit 0; }
done
kernel=${HOSTILE_KERNEL:-$build/share/guest/x86_64/own/vmlinux}
[ -f "$kernel" ] || { echo "1..0 # SKIP no $kernel"; exit 0; }

t=$(mktemp -d "${TMPDIR:-/tmp}/hostile.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
mkdir "$t/lab" "$t/root"
cc -O2 -static -D_GNU_SOURCE -o "$t/root/init" tests/lab/hostile.c ||
    { echo "1..0 # SKIP no static programs can be made"; exit 0; }
(cd "$t/root" && echo init | cpio -o -H newc 2> /dev/null) > "$t/lab/initrd"
cp "$kernel" "$t/lab/vmlinux"
cp "$san/bin/vmm" "$san/bin/viod" "$t/lab/"
head -c 1048576 /dev/zero > "$t/lab/victim.img"
{ printf spared; head -c 1048570 /dev/zero; } > "$t/lab/spared.img"

# run NAME CMDLINE WORDS: with these words for the guest's kernel and vmm.
n=0 bad=0
run() {
	name=$1 cmdline=$2; shift 2
	tests/lab/lab-run x86 -m 2048 -t $((seconds * 10 + 240)) -d "$t/lab" \
	    -l "$t/lab/vmm" -l "$t/lab/viod" \
	    -e ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 \
	    -e UBSAN_OPTIONS=print_stacktrace=1 \
	    ./vmm --kernel vmlinux --initramfs initrd --cmdline \
	    "console=hvc0 quiet panic=-1 random.trust_cpu=on no_timer_check 8250.nr_uarts=0 hostile=$seconds,$seed $cmdline" \
	    --memory 256M --console tty --serial null --rng \
	    --balloon=free_page_reporting --disk victim.img --disk spared.img \
	    "$@" > "$t/out" 2> "$t/err" < /dev/null
	rc=$?
	for what in "vmm ends well" "the guest survived" \
	    "the spared disk works"; do
		n=$((n + 1)) r=ok
		case $what in
		vmm*)	[ $rc -eq 0 ] ;;
		*guest*) grep -q "^hostile: survived" "$t/out" ;;
		*disk*)	grep -q "^hostile: the spared disk works" "$t/out" ;;
		esac || { r="not ok" bad=1; }
		echo "$r $n - $name: $what"
	done
	grep "^hostile: [0-9]* attacks" "$t/out" | sed 's/^/# /'
	[ $bad -eq 0 ] || tail -n 60 "$t/out" "$t/err" | cut -c 1-160 |
	    sed 's/^/# /'
}
run "by memory" "pci=noearly reserve=0xcf8,8"
run "by ports, old" "" --virtio transitional
echo "1..$n"
exit $bad
