#!/bin/sh
# gdb.t: a real gdb stops, looks into, steps and leaves a guest of ours, which
# counts and does nothing else; any KVM will do.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
vmm=$PWD/$build/bin/vmm
case $build in /*) vmm=$build/bin/vmm ;; esac
for p in gdb cc ld; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
[ -w /dev/kvm ] || { echo "1..0 # SKIP no /dev/kvm"; exit 0; }
t=$(mktemp -d)
pid=''
trap '[ -z "$pid" ] || kill $pid 2> /dev/null; rm -rf "$t"' EXIT
cd "$t" || exit 1

cat > k.S <<'X'
	.section .note.pvh,"a",@note
	.align 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start
	.text
	.code32
	.globl start, here, value
start:	xor %ecx, %ecx
again:	inc %ecx
	mov %ecx, value
here:	nop
	jmp again
	.align 4
value:	.long 0
X
cc -c k.S -o k.o && ld -n -Ttext 0x100000 -e start -o k k.o 2> /dev/null ||
    { echo "1..0 # SKIP no assembler"; exit 0; }
cat > commands <<'X'
set confirm off
set pagination off
target remote gdb.sock
break *&here
continue
set $first = *(int *)&value
continue
print *(int *)&value - $first
stepi
print (long)$rip - (long)&here
delete
set var $rcx = 1000
print $rcx
print $cr0 & 1
info threads
set var *(int *)&value = 77
print *(int *)&value
set can-use-hw-watchpoints 1
watch *(int *)&value
break *&here
continue
info breakpoints
delete
print *(int *)0x7fffffff0000
X
"$vmm" --kernel k --memory 16M --cpus 2 --serial off --gdb gdb.sock \
    < /dev/null > vmm.log 2>&1 &
pid=$!
n=0
while [ ! -S gdb.sock ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
timeout 60 gdb -batch -x commands k > out 2>&1

n=0 bad=0
has() { # has TEXT PATTERN
	n=$((n + 1))
	if grep -q -e "$2" out; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' out vmm.log
		bad=1
	fi
}
has "a breakpoint is met" "hit Breakpoint 1, .* in here"
has "once each time round" '^\$1 = 1$'
has "one instruction is stepped" '^\$2 = 1$'
has "registers are set" '^\$3 = 1000$'
has "control registers" '^\$4 = 1$'
has "vCPUs are threads" "Thread 2 (vCPU 1)"
has "memory is written" '^\$5 = 77$'
has "what is not mapped is not there" "Cannot access memory"
# An interpreting KVM takes a watchpoint, but does not look at it.
has "a watchpoint is taken" "hw watchpoint .* \*(int \*)&value"
has "and the guest stops there or behind" "Old value = 77\|hit Breakpoint 3"
# It runs on, and another debugger may come.
timeout 60 gdb -batch -ex "target remote gdb.sock" -ex "print 6 * 7" k \
    > out 2>&1
has "after one debugger another" '^\$1 = 42$'
kill -0 $pid 2> /dev/null && echo 'alive' > out
has "the VM outlives them" alive
echo "1..$n"
exit $bad
