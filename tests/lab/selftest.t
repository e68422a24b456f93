#!/bin/sh
# selftest.t: the lab keeps its promises: output, status, time-out, a real KVM.
# LAB_ARCH: x86 (default) or arm64.
here=$(cd "$(dirname "$0")" && pwd)
arch=${LAB_ARCH:-x86}
for p in qemu-system-x86_64 mke2fs debugfs cpio; do
	PATH=$PATH:/usr/sbin:/sbin command -v $p > /dev/null ||
	    { echo "1..0 # SKIP no $p"; exit 0; }
done
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
lab() { "$here/lab-run" "$arch" "$@"; }

n=0 bad=0
check() { # check TEXT WANTED GOT
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# wanted '$2', got '$3'"
		bad=1
	fi
}

mkdir -p "$t/d/sub"
echo data > "$t/d/sub/f"
cat > "$t/d/run.sh" <<'X'
#!/bin/sh
echo "args:$# $1 env:$FOO cwd:$(pwd) file:$(cat sub/f)"
mkdir out; echo result > out/r
exit 42
X
chmod +x "$t/d/run.sh"
o=$(lab -d "$t/d" -e FOO=bar -o "$t/o" ./run.sh "a b" 2>"$t/err"); rc=$?
[ $rc -ne 125 ] || sed 's/^/# /' "$t/err"
check "exit status" 42 $rc
check "arguments, environment, directory" \
    "args:1 a b env:bar cwd:/lab file:data" "$o"
check "files come back" result "$(cat "$t/o/r")"
lab -d "$t/d" sh -c 'kill -9 $$'
check "a signal is 128+n" 137 $?
lab -d "$t/d" nonesuch > /dev/null 2>&1
check "a missing command is 127" 127 $?
lab -t 5 -d "$t/d" sleep 100 2>/dev/null
check "a time-out is 124" 124 $?
check "3 MB of output" 3000000 \
    "$(lab -d "$t/d" head -c 3000000 /dev/zero | wc -c)"
check "room on its disk" yes "$(lab -f 2000 -d "$t/d" sh -c \
    '[ $(df -m /lab | awk "NR == 2 { print \$4 }") -gt 1800 ] && echo yes')"
lab -d "$t/d" sh -c 'echo c > /proc/sysrq-trigger' > "$t/x" 2>&1
check "a panic is 125" 125 $?
check "/dev/kvm is there" yes \
    "$(lab -d "$t/d" sh -c '[ -c /dev/kvm ] && echo yes')"
echo "1..$n"
exit $bad
