#!/bin/sh
# vmm.sh [-v | -vv]: from the execve of a VMM to the first instruction of its
# guest's user space, in the lab, where the clock counts instructions
#
# The lab's machine runs under QEMU with -icount: one nanosecond is one
# instruction of its kernel, the VMM and the guest together, and two runs
# differ by less than 0.5 %.  All VMMs run in one boot of it, with the same
# guest kernels, initrd, 256 MiB, one vCPU and a serial port.
#
#	KVMTOOL		lkvm-static, when there is one (Debian has no package)
#	OWN_BZIMAGE	our kernel as bzImage, for kvmtool (KERNEL/own has none)
#	RUNS		of each (1), beside one that is traced and one to warm
#			up; 0: the traced one only
#	PEERS		names of those to run (all)
#	RESULTS		where all that was measured is kept (build/bench.vmm)
#
# -v: also exits by reason, port and register, and system calls by number,
# one a line; -vv: and each system call before the guest is entered.  What is compared with what stands at the end.
cd "$(dirname "$0")/../.." || exit 1

build=${BUILD:-build}
bench=$build/tests/bench/lab
share=$build/share/guest/x86_64
own=${OWN:-$share/own}
runs=${RUNS:-1}
results=${RESULTS:-$build/bench.vmm}
kvmtool=${KVMTOOL:-$(command -v lkvm-static || command -v lkvm)}
verbose=
case ${1:-} in
-v | -vv) verbose=$1 ;;
esac
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "vmm.sh: $*" >&2; exit 0; }

for p in qemu-system-x86_64 mke2fs debugfs cpio jq curl; do
	command -v $p > /dev/null || skip "no $p"
done
[ "$(uname -m)" = x86_64 ] || skip "x86-64 only"
[ -x "$bench/observe" ] || skip "no $bench/observe (make bench-programs)"
[ -f "$share/vmlinux" ] || skip "no $share/vmlinux (make guest)"

t=$(mktemp -d "${TMPDIR:-/tmp}/bench-vmm.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' HUP INT TERM

# --- what goes into the lab ----------------------------------------------------

lab=$t/lab
mkdir "$lab"
cp "$bench/observe" "$bench/null" "$bench/floor" "$build/bin/vmm" \
    "$build/bin/viod" "$build/bin/viod-net" "$lab/"
truncate -s 64M "$lab/disk"
initrd() { # FILE INIT
	rm -rf "$t/root"
	mkdir "$t/root"
	cp "$bench/$2" "$t/root/init"
	(cd "$t/root" && echo init | cpio -o -H newc --quiet -R 0:0) \
	    > "$lab/$1"
}
initrd initrd marker
initrd initrd.spin spin
initrd initrd.load load
cp "$(command -v curl)" "$lab/"
cp "$share/vmlinux" "$lab/debian"
[ ! -f "$own/vmlinux" ] || cp "$own/vmlinux" "$lab/own"
for f in qboot.rom pvh.bin linuxboot_dma.bin kvmvapic.bin; do
	cp "/usr/share/qemu/$f" "$lab/" || skip "no /usr/share/qemu/$f"
done
cp "$(command -v qemu-system-x86_64)" "$lab/qemu"
if [ -n "$kvmtool" ]; then
	cp "$kvmtool" "$lab/kvmtool"
	deb=$(find -L "${VMD_CACHE:-build/cache}" -maxdepth 1 \
	    -name 'linux-image-*-cloud-amd64_*.deb' | sort | tail -n 1)
	[ -z "$deb" ] || dpkg-deb --fsys-tarfile "$deb" |
	    tar -xO --wildcards './boot/vmlinuz-*' > "$lab/debian.bz"
	[ -z "${OWN_BZIMAGE:-}" ] || cp "$OWN_BZIMAGE" "$lab/own.bz"
fi

# --- what runs there -------------------------------------------------------------

serial="console=ttyS0 panic=-1 quiet"
cat > "$lab/run.sh" <<X
PEERS="${PEERS:-}"
observe() { # NAME COMMAND...
	case " \${PEERS:-\$1} " in
	*" \$1 "*) ./observe $verbose -n $runs "\$@" || : ;;
	esac
}
qemu() { # NAME KERNEL MACHINE-OPTIONS
	observe "\$1" ./qemu -L . -bios qboot.rom -M "microvm\$3" \
	    -accel kvm -cpu host -m 256 -nodefaults -no-user-config \
	    -display none -no-reboot -serial null \
	    -kernel "\$2" -initrd initrd -append "$serial"
}
min=,acpi=off,x-option-roms=off,pit=off,pic=off,rtc=off
kvmtool() { # NAME KERNEL
	[ -f kvmtool ] && [ -f "\$2" ] || return 0
	# It has no ACPI; of its MP table our kernel makes no I/O APIC.
	HOME=/tmp observe "\$1" ./kvmtool run --nodefaults -c 1 -m 256 \
	    --console serial -k "\$2" -i initrd -p "$serial acpi=off noapic"
}
vmm() { # NAME KERNEL CMDLINE OPTION...
	name=\$1 kernel=\$2 cmdline=\$3
	shift 3
	observe "\$name" ./vmm --kernel "\$kernel" --initramfs initrd \
	    --cmdline "\$cmdline" --memory 256M "\$@"
}
load() { # NAME COMMAND...: the phases of load.c
	case " \${PEERS:-\$1} " in
	*" \$1 "*) ./observe -p -t 8 -n $runs "\$@" || : ;;
	esac
}
ask() { # CALL [BODY]
	./curl -sf -m 60 --unix-socket api -X PUT \
	    "http://vmm/api/v1/\$1" -d "\${2:-{\}}" || echo "no \$1" >&2
}
record() { # the working set of the snapshot that is there
	./vmm --restore snapshot --serial off --api-socket api &
	sleep 0.3
	ask vm.working-set '{"destination_url":"file:snapshot"}'
	ask vmm.shutdown
	kill -9 \$! 2> /dev/null
	wait
	rm -f api
}
restore() { # NAME MEMORY [WORD...]: a guest that spins, from a snapshot
	case " \${PEERS:-\$1} " in *" \$1 "*) ;; *) return ;; esac
	rm -rf api snapshot
	./vmm --kernel own --initramfs initrd.spin --cmdline "\$quiet" \
	    --memory "\$2" --serial off --api-socket api &
	sleep 0.3
	ask vm.pause
	ask vm.snapshot '{"destination_url":"file:snapshot"}'
	ask vmm.shutdown
	# Whatever it answered: a guest that spins would do so for ever.
	kill -9 \$! 2> /dev/null
	wait
	name=\$1 set=
	case \$name in
	*-set) set=,prefetch; record ;;
	esac
	shift 2
	./observe $verbose -n $runs "\$@" "\$name" \
	    ./vmm --restore snapshot\$set --serial off || :
}
mkdir -p /etc
cp /lab/ld.so.cache /etc/
# What all of them read is read once before: no VMM is the first.
cat debian own initrd floor > /dev/null 2>&1
./vmm --probe > /dev/null 2>&1
observe null ./null
for k in own debian; do
	[ -f \$k ] || continue
	observe floor-\$k ./floor \$k initrd "$serial"
	qemu qemu-min-\$k \$k \$min
	qemu qemu-\$k \$k
	kvmtool kvmtool-\$k \$k.bz
	vmm vmm-\$k \$k "$serial" --serial null
done
[ ! -f own ] || {
	quiet="$(cat "$own/cmdline" 2> /dev/null)"
	observe floor-quiet ./floor own initrd \
	    "\$quiet noapic pci=off acpi=off"
	vmm vmm-quiet own "\$quiet" --serial off
	observe qemu-devices ./qemu -L . -bios qboot.rom -M microvm\$min \
	    -global virtio-mmio.force-legacy=false \
	    -accel kvm -cpu host -m 256 -nodefaults -no-user-config \
	    -display none -no-reboot -kernel own -initrd initrd \
	    -append "\$quiet" \
	    -drive if=none,id=d,file=disk,format=raw \
	    -device virtio-blk-device,drive=d \
	    -netdev user,id=n -device virtio-net-device,netdev=n \
	    -device vhost-vsock-device,guest-cid=4 \
	    -device virtio-rng-device -device virtio-balloon-device \
	    -device virtio-serial-device -chardev null,id=c \
	    -device virtconsole,chardev=c
	vmm vmm-devices own "\$quiet" --serial off --disk disk --net user \
	    --vsock cid=3,socket=vsock --rng --balloon --console null
	restore restore 256M -k 20
	restore restore-1g 1G
	restore restore-set 256M
	load vmm-load ./vmm --kernel own --initramfs initrd.load \
	    --cmdline "\$quiet" --memory 256M --serial off --disk disk \
	    --net user,port=5000:5000
	load qemu-load ./qemu -L . -bios qboot.rom -M microvm\$min \
	    -global virtio-mmio.force-legacy=false \
	    -accel kvm -cpu host -m 256 -nodefaults -no-user-config \
	    -display none -no-reboot -kernel own -initrd initrd.load \
	    -append "\$quiet" \
	    -drive if=none,id=d,file=disk,format=raw \
	    -device virtio-blk-device,drive=d \
	    -netdev user,id=n,hostfwd=tcp::5000-:5000 \
	    -device virtio-net-device,netdev=n
}
X
# A system has a cache of its libraries; without it each is searched for.
lib=/lib/x86_64-linux-gnu
for f in "$lab/qemu" "$lab/vmm" "$lab/viod" "$lab/viod-net" \
    "$lab/curl"; do
	ldd "$f" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p'
done | sort -u | while read -r f; do
	mkdir -p "$lab${f%/*}"
	cp -L "$f" "$lab$f"
done
ldconfig -r "$lab" -f /dev/null -C /ld.so.cache $lib /usr$lib 2> /dev/null
# Its TSC runs at 1 GHz, as the clock that counts.  rep movsb has no fast form
# there: it would count once a byte.
LAB_CPU=max,+svm,+npt,-la57,-erms,-fsrm LAB_APPEND=tsc_early_khz=1000000 \
    tests/lab/lab-run x86 -c -m 3072 -t "${SECONDS_MAX:-800}" \
    -f 160 -q -icount -q shift=0,sleep=off -l "$lab/qemu" -l "$lab/viod-net" \
    -d "$lab" sh run.sh > "$t/out" 2> "$t/err"
cat "$t/out" "$t/err" | grep -v '^{' >&2
grep '^{' "$t/out" > "$results" || skip "the lab gave nothing"

# --- ratios -----------------------------------------------------------------------

# line NAME UNIT OURS PEER EXPRESSION GOAL: EXPRESSION of both, in jq, where
# null is the bare KVM of this run.
line() {
	jq -cn --slurpfile r "$results" --arg name "$1" --arg unit "$2" \
	    --arg ours "$3" --arg peer "$4" --arg goal "$6" '
	    def of($n): $r[] | select(.name == $n);
	    of("null") as $null | def value($n): of($n) | '"$5"';
	    value($ours) as $o | value($peer) as $p |
	    { name: $name, unit: $unit, ours: $o, peer: $peer,
	      peer_value: $p, ratio: ($o / ([$p, 0.001] | max)), goal: $goal }'
}
# all OURS PEER: every number of the two
all() {
	line "boot $1" Minsn "$1" "$2" '.user / 1000' "$3"
	line "set-up $1" Minsn "$1" "$2" '(.entry - $null.entry) / 1000' \
	    '<= 1.5 Minsn'
	line "set-up calls $1" calls "$1" "$2" '.syscalls' '<= 60'
	line "exits $1" exits "$1" "$2" '.exits' '<= 1100'
	line "user exits $1" exits "$1" "$2" '.user_exits' '<= 60'
	line "page faults $1" faults "$1" "$2" '.npf' '<= 40'
	line "rss $1" KiB "$1" "$2" '.rss' '<= 1500 KiB'
	line "anon $1" KiB "$1" "$2" '.anon' '<= 400 KiB'
	line "threads $1" threads "$1" "$2" '.threads' -
	line "fds $1" fds "$1" "$2" '.fds' -
}
for k in own debian; do
	all vmm-$k qemu-min-$k '<= 0.6 of QEMU'
	line "boot vmm-$k" Minsn vmm-$k floor-$k '.user / 1000' '<= 1.03'
	line "boot vmm-$k" Minsn vmm-$k qemu-$k '.user / 1000' -
	line "boot vmm-$k" Minsn vmm-$k kvmtool-$k '.user / 1000' -
done
all vmm-quiet floor-quiet '<= 75 Minsn'
all vmm-devices qemu-devices '<= 0.6 of QEMU'
line "rss viods" KiB vmm-devices qemu-devices '(.devices_rss // 0)' \
    '<= 1000 KiB each'
line "anon viods" KiB vmm-devices qemu-devices '(.devices_anon // 0)' \
    '<= 300 KiB each'
line restore Minsn restore null '.user / 1000' '<= 4 Minsn'
line "restore, with a working set" Minsn restore-set null '.user / 1000' \
    '<= 4 Minsn'
line "restore, private memory" KiB restore vmm-quiet '.guest_private' \
    '<= 1024 KiB'
line "restore 1 GiB : 256 MiB" Minsn restore-1g restore '.user / 1000' \
    '<= 1.05'
line "20 restored together, each" Minsn restore-together restore \
    '.user / 1000' -
line "20 restored together, private memory" KiB restore-together restore \
    '.guest_private + .anon' '<= 1024 KiB each'
# phase N NAME PER: phase N of load.c, by PER requests or MiB
phase() {
	p=".phases[$1 - 1]"
	line "$2: instructions" kinsn vmm-load qemu-load "$p.us / $3" \
	    '<= 0.6 of QEMU'
	line "$2: exits" exits vmm-load qemu-load "$p.exits / $3" -
	line "$2: interrupts" irqs vmm-load qemu-load "$p.irqs / $3" -
	line "$2: calls" calls vmm-load qemu-load "$p.syscalls / $3" -
}
phase 1 "disk 4k one by one, each" 256
phase 2 "disk 4k 32 at once, each" 1024
phase 3 "disk 1m, each MiB" 32
phase 4 "net to host, each MiB" 8
phase 5 "net from host, each MiB" 8
