#!/bin/sh
# boot.t: the boot tests with our own VMM, on the lab's KVM.
#
#   LAB_ARCH     x86 (default), or arm64: boot_arm64.t
#   BOOT_TESTS   which of them (default: a part; with LAB_FULL all)
#   HYPERVISOR   vmm (default), or qemu if LAB_TOOLS brings one
#   LAB_FULL     set: as often and as much as outside the lab, not a part
#   LAB_GUESTS   all: a Debian on a disk, too (half a gigabyte is fetched, once)
#   LAB_LIMIT    seconds for one of them (default 900)
#   LIMIT        seconds for one vmctl of it (default 120)
#
# platform wants QEMU for the other processor: on arm64, by name in BOOT_TESTS,
# it has that of Debian's packages, and LAB_OTHER is the directory of the other
# guest kernel.
#
# Everything they need is put there, so a test that skips as a whole failed:
# but for those that want registries and other image tools (LAB_TOOLS).
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
PATH=$PATH:/usr/sbin:/sbin
lab=${LAB_ARCH:-x86}
case $lab in
x86)	arch=x86_64 bin=bin need='socat curl jq perl tmux' ;;
arm64)	arch=aarch64 bin=arm64/bin
	need='aarch64-linux-gnu-gcc aarch64-linux-gnu-strip' ;;
*)	echo "boot.t: LAB_ARCH=$lab: x86 or arm64" >&2; exit 2 ;;
esac
for p in qemu-system-$arch mke2fs debugfs cpio $need; do
	command -v "$p" > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
for f in $bin/vmd $bin/vmm share/guest/$arch/initrd; do
	[ -e "$build/$f" ] || { echo "1..0 # SKIP no $build/$f"; exit 0; }
done
part="null clock rdomain conf killed users exec net vmctl snapshot fork share send"
full="vmm refused image survive disk_full storm"
[ "${LAB_GUESTS:-}" != all ] || full="$full disk"
[ -z "${OPENBSD_KERNEL:-}" ] || full="$full openbsd"
tests=${BOOT_TESTS:-$part${LAB_FULL:+ $full}}
[ -n "${LAB_FULL:-}" ] || {
	EXEC_BIG_MIB=${EXEC_BIG_MIB:-64} EXEC_COUNT=${EXEC_COUNT:-20}
	SURVIVE_KILLS=${SURVIVE_KILLS:-5} FORKS=${FORKS:-2}
	SNAPSHOT_ROUNDS=${SNAPSHOT_ROUNDS:-2} SNAPSHOT_KILLS=${SNAPSHOT_KILLS:-1}
}
# What the tests read of the environment.
set --
for v in EXEC_BIG_MIB EXEC_COUNT SURVIVE_KILLS SNAPSHOT_ROUNDS SNAPSHOT_KILLS \
    BRIEF_KILLS CPUS FORKS STORM_ROUNDS LAB_GUESTS DISK_FORMATS LIMIT; do
	eval "set -- \"\$@\" -e $v=\"\${$v:-}\""
done

t=$(mktemp -d "${TMPDIR:-/tmp}/lab-boot.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
case "$lab: $tests " in "arm64: "*"platform "*)
	LAB_PACKAGES="${LAB_PACKAGES:-} qemu-system-x86"
	export LAB_PACKAGES ;;
esac
BUILD=$build tests/lab/lab-tree "$t/tree" "$lab" > "$t/log" 2>&1 || {
	sed 's/^/# /' "$t/log"
	echo "not ok 1 - the programs are put together"
	echo 1..1
	exit 1
}

case "$lab: $tests " in "arm64: "*"platform "*)
	other=$t/tree/src/build/share/guest/x86_64
	for g in "${LAB_OTHER:-$build/share/guest/x86_64/own}" \
	    "$build/share/guest/x86_64"; do
		[ -f "$other/initrd" ] || [ ! -f "$g/initrd" ] || {
			mkdir -p "$other"
			cp "$g/vmlinux" "$g/initrd" "$g/cmdline" "$other"
		}
	done
	scripts/busybox-image "$t/tree/src/build/tests/other.tar" ;;
esac

case " $tests " in *" disk "*)
	debian=${VMD_CACHE:-build/cache}/lab-debian
	tests/lab/debian-disk "$debian" || exit 1
	mkdir -p "$t/tree/src/build/cache/lab-debian" "$t/tree/src/tests/lab"
	cp --sparse=always "$debian/disk" "$t/tree/src/build/cache/lab-debian"
	cp tests/lab/debian-disk "$t/tree/src/tests/lab" ;;
esac
# A kernel and a disk that the caller has.
for v in OPENBSD_KERNEL OPENBSD_DISK; do
	eval "f=\${$v:-}"
	[ -z "$f" ] || {
		cp --sparse=always "$f" "$t/tree/src/build/$v"
		set -- "$@" -e "$v=/src/build/$v"
	}
done

# each NAME OPTION...: run it there; its lines with numbers of ours, and $n
# and $bad.
n=0 bad=0
each() {
	name=$1 hypervisor=${HYPERVISOR:-vmm}; shift
	[ "$name" != platform ] || hypervisor=qemu
	tests/lab/lab-run "$lab" -m 3072 -f 14000 -t "${LAB_LIMIT:-900}" \
	    -d "$t/tree" -e HYPERVISOR="$hypervisor" "$@" \
	    ./enter sh "tests/boot/$name.t" > "$t/out" 2> "$t/err"
	rc=$?
	awk -v name="$name" -v n="$n" -v rc="$rc" -v to="$t/end" '
	/^1\.\.0/	{ sub(/^1\.\.0 */, ""); plan = 1
			  if (name !~ /^(image|disk_full)$/) {
				bad = 1
				sub(/^# SKIP/, "skipped:")
				print "not ok " ++n " - " name " " $0
			  } else
				print "ok " ++n " - " name " " $0
			  next }
	/^1\.\./	{ plan = 1; next }
	/^ok /		{ sub(/^ok [0-9]+ -? */, ""); good++
			  print "ok " ++n " - " name ": " $0; next }
	/^not ok /	{ sub(/^not ok [0-9]+ -? */, ""); bad = 1
			  print "not ok " ++n " - " name ": " $0; next }
			{ print }
	END {
		if (!plan || (rc && !bad)) {
			print "not ok " ++n " - " name " runs to its end" \
			    " (status " rc ")"
			bad = 1
		}
		print n, bad + 0 > to
	}' "$t/out"
	read -r n one < "$t/end"
	[ "$one" -eq 0 ] || {
		bad=1
		{ grep -A 5 '^not ok' "$t/out"; tail -n 80 "$t/err"; } |
		    sed "s/^/# $name: /" >&2
	}
}
for name in $tests; do each "$name" -e CLOCK_MAY_BE_SET=1 "$@"; done
echo "1..$n"
exit $bad
