#!/bin/sh
# hostile.t: a guest throws random bytes at its machine for some seconds, in
# the lab, against programs with sanitizers. The programs live on, and so
# do the devices that were spared.
#
#   HOSTILE_SECONDS   how long, in each of two modes (default 5)
#   HOSTILE_SEED      what it begins with (default 1)
#   HOSTILE_GUEST     a directory of the guest's vmlinux and cmdline
#                     (default: our own kernel if it is built, else Debian's)
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
san=$build/san
seconds=${HOSTILE_SECONDS:-5} seed=${HOSTILE_SEED:-1}
PATH=$PATH:/usr/sbin:/sbin
for p in qemu-system-x86_64 mke2fs debugfs cpio cc; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
for f in "$san/bin/vmm" "$san/bin/viod"; do
	[ -x "$f" ] || { echo "1..0 # SKIP no $f (make SAN=1)"; exit 0; }
done
guest=${HOSTILE_GUEST:-$build/share/guest/x86_64/own}
[ -f "$guest/vmlinux" ] || guest=$build/share/guest/x86_64
modules=$build/guest/x86_64/kernel/modules
[ -f "$guest/vmlinux" ] || { echo "1..0 # SKIP no guest (make guest)"; exit 0; }
# By memory is how the guest reaches PCI's configuration; see vmm(8).
cmdline=$(sed 's/ pci=noearly.*reserve=[^ ]*//' "$guest/cmdline")

t=$(mktemp -d "${TMPDIR:-/tmp}/hostile.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
mkdir "$t/lab" "$t/root"
cc -O2 -static -D_GNU_SOURCE -o "$t/root/init" tests/lab/hostile.c ||
    { echo "1..0 # SKIP no static programs can be made"; exit 0; }
! grep -q ^debian "$guest/version" || {
	mkdir "$t/root/vmd"
	cp -r "$modules" "$t/root/vmd"
}
(cd "$t/root" && find . | cpio -o -H newc --quiet -R 0:0) > "$t/lab/initrd"
cp "$guest/vmlinux" "$t/lab/vmlinux"
cp "$san/bin/vmm" "$san/bin/viod" "$t/lab/"
head -c 1048576 /dev/zero > "$t/lab/victim.img"
{ printf spared; head -c 1048570 /dev/zero; } > "$t/lab/spared.img"

# run NAME WORDS OPTION...: with these words for the guest's kernel, options
# for vmm.
n=0 bad=0
run() {
	name=$1 words=$2; shift 2
	tests/lab/lab-run x86 -m 2048 -t $((seconds * 10 + 240)) -d "$t/lab" \
	    -l "$t/lab/vmm" -l "$t/lab/viod" \
	    -e ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 \
	    -e UBSAN_OPTIONS=print_stacktrace=1 \
	    ./vmm --kernel vmlinux --initramfs initrd --cmdline \
	    "$cmdline hostile=$seconds,$seed $words" \
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
