#!/bin/sh
# vmm_hand.t: what vmm makes by hand outside of its working directory, and
# that nothing of it is left; a guest of a few instructions, any KVM will do.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
vmm=$PWD/$build/bin/vmm
case $build in /*) vmm=$build/bin/vmm ;; esac
for p in cc ld; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
[ -w /dev/kvm ] || { echo "1..0 # SKIP no /dev/kvm"; exit 0; }
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
mkdir "$t/work" "$t/away" "$t/tmp" && cd "$t/work" || exit 1
TMPDIR=$t/tmp; export TMPDIR

# "hi" to COM1, then the port that ends the VM.
cat > k.S <<'X'
	.section .note.pvh,"a",@note
	.align 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start
	.text
	.code32
	.globl start
start:	mov $0x3f8, %dx
	mov $'h', %al
	out %al, %dx
	mov $'i', %al
	out %al, %dx
	mov $0xf4, %dx
	mov $0, %al
	out %al, %dx
	hlt
X
cc -c k.S -o k.o && ld -n -Ttext 0x100000 -e start -o k k.o 2> /dev/null ||
    { echo "1..0 # SKIP no assembler"; exit 0; }

n=0 bad=0
is() { # is TEXT WANTED GOT
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf 'wanted: %s\ngot: %s\n' "$2" "$3" | sed 's/^/# /'
		bad=1
	fi
}
timeout 60 "$vmm" --kernel k --memory 16M --serial file="$t/away/serial" \
    --console socket="$t/away/hvc0" --gdb "$t/away/gdb" \
    --api-socket "$t/away/api" < /dev/null > log 2>&1
is "the guest ends by itself" "0" "$?"
is "without a complaint" "" "$(cat log)"
is "its serial port is a file elsewhere" "hi" "$(cat "$t/away/serial")"
is "the socket of its API is gone" "" "$(ls "$t/away" | grep api)"
is "and nothing among temporary files" "" "$(ls "$t/tmp")"
timeout 60 "$vmm" --kernel k --memory 16M --serial file="$t/none/serial" \
    < /dev/null > log 2>&1
is "a directory that is not there is named" \
    "vmm: serial: $t/none/serial: No such file or directory" "$(cat log)"

# Packed kernels; one that OpenBSD's linker script would make: linked high,
# with symbols and a segment for random bytes. It says "s" if that was asked.
cat > bsd.S <<'X'
	.text
	.code32
	.globl start
start:	mov $0x3f8, %dx
	mov $'b', %al
	testl $2, 4(%esp)
	jz 1f
	mov $'s', %al
1:	out %al, %dx
	mov $0xf4, %dx
	out %al, %dx
	hlt
	.section .openbsd.randomdata,"a",@progbits
	.space 64
X
cat > bsd.lds <<'X'
PHDRS { text PT_LOAD; random 0x65a3dbe6; }
ENTRY(start)
SECTIONS {
	. = 0xffffffff81000000;
	.text : AT(0x1000000) { *(.text) } :text
	.openbsd.randomdata : { *(.openbsd.randomdata) } :text :random
}
X
cc -c bsd.S -o bsd.o && ld -n -T bsd.lds -o bsd bsd.o && gzip -k bsd k
boot() { # boot KERNEL OPTION...
	rm -f out
	timeout 60 "$vmm" --memory 64M --serial file=out --kernel "$@" \
	    < /dev/null > log 2>&1
	echo "$?,$(cat out 2> /dev/null),$(cat log)"
}
is "a kernel packed with gzip" "0,hi," "$(boot k.gz)"
is "OpenBSD's" "0,b," "$(boot bsd)"
is "the same, packed, with a flag" "0,s," "$(boot bsd.gz --cmdline -s)"
is "a flag that there is not" "1,,vmm: command line: \"-x\": an OpenBSD \
kernel takes -a, -c, -d and -s" "$(boot bsd --cmdline -x)"
is "one without a console" "1,,vmm: serial: the console of an OpenBSD \
kernel is the serial port, and there is none" \
    "$(boot bsd --serial off --console null --cmdline -s)"
is "one without a timer" "1,,vmm: irqchip: an OpenBSD kernel waits for the \
timer that only \"kernel\" has" "$(boot bsd --irqchip split)"
head -c 100 bsd.gz > cut.gz
is "a packed kernel that is cut" "1,,1" \
    "$(boot cut.gz | sed -n '1s/,.*//p'),,$(grep -c 'cannot unpack it' log)"
echo "1..$n"
exit $bad
