#!/bin/sh
# kernel.sh: guest instructions to the first instruction of user space
#
# QEMU counts instructions (-icount): the numbers are the same on an idle and
# a busy machine.  Ours is the kernel of "make kernel", its peers Debian's
# cloud kernel as Debian boots it (goal: 20 times more) and with the command
# line vmd gives it.
cd "$(dirname "$0")/../.." || exit 1

build=${BUILD:-build}
share=$build/share/guest/x86_64
own=${OWN:-$share/own}
cc=build/guest/x86_64/cc
skip() { echo "kernel.sh: $*" >&2; exit 0; }

[ -f "$share/vmlinux" ] && [ -x $cc ] || skip "no $share/vmlinux (make guest)"
[ -f "$own/vmlinux" ] || skip "no $own/vmlinux (make kernel)"
command -v qemu-system-x86_64 > /dev/null || skip "no qemu-system-x86_64"

t=$(mktemp -d "${TMPDIR:-/tmp}/vmd-kernel.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' HUP INT TERM

mkdir "$t/root"
$cc -O1 -static -s -o "$t/root/init" tests/bench/kernel/init.c || exit 1
(cd "$t/root" && find . | cpio -o -H newc --quiet -R 0:0) > "$t/initrd"

# instructions KERNEL COMMAND-LINE: of a boot to its /init
#
# rep movsb has no fast form here: it would count once a byte.  The kernel is
# told of a clock fifty times slower than it is: what it spins away waiting
# (100 ms to measure the APIC's timer) is time, not work, and so hardly counts.
instructions() {
	rm -f "$t/debug"
	timeout 300 qemu-system-x86_64 \
	    -M microvm,rtc=on,pit=off,isa-serial=off \
	    -accel tcg -icount shift=0,sleep=off -cpu max,-erms,-fsrm -m 256 \
	    -nodefaults -no-user-config -display none -no-reboot \
	    -kernel "$1" -initrd "$t/initrd" \
	    -append "$2 tsc_early_khz=20000" \
	    -chardev "file,id=debug,path=$t/debug" \
	    -device isa-debugcon,iobase=0xe9,chardev=debug \
	    < /dev/null > "$t/qemu.log" 2>&1
	[ -s "$t/debug" ] || {
		echo "kernel.sh: $1 did not come to user space" >&2
		cat "$t/qemu.log" >&2
		exit 1
	}
	cat "$t/debug"
}
# result NAME PEER VALUE GOAL
result() {
	awk -v ours="$ours" -v peer="$3" -v name="$1" -v text="$2" \
	    -v goal="$4" 'BEGIN {
		printf "{\"name\":\"%s\",\"unit\":\"Minsn\",\"ours\":%.1f," \
		    "\"peer\":\"%s\",\"peer_value\":%.1f,\"ratio\":%.2f," \
		    "\"goal\":\"%s\"}\n", name, ours / 1e6, text, peer / 1e6,
		    peer / ours, goal }'
}

ours=$(instructions "$own/vmlinux" "$(cat "$own/cmdline")") || exit 1
plain=$(instructions "$share/vmlinux" "console=hvc0 quiet panic=-1") || exit 1
tuned=$(instructions "$share/vmlinux" "$(cat "$share/cmdline")") || exit 1
result "kernel to user space" "Debian's kernel" "$plain" ">= 20"
result "kernel to user space, our options" "Debian's kernel, our options" \
    "$tuned" ">= 5"
