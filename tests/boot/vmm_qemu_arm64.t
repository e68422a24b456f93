#!/bin/sh
# vmm_qemu_arm64.t: an arm64 guest under vmm-qemu, emulated where the host is
# not arm64: the board comes up, its disks are in order, power-off ends it.
build=$(cd "${BUILD:-build}" && pwd)
bin=$build/bin
guest=$build/share/guest/aarch64
PATH=$PATH:/usr/sbin:/sbin

skip_all() { echo "1..0 # SKIP $*"; exit 0; }
for p in perl mksquashfs mke2fs cpio qemu-system-aarch64; do
	command -v $p > /dev/null || skip_all "no $p"
done
[ -f "$guest/initrd" ] || skip_all "no guest kernel (make guest-aarch64)"
cc=cc
[ "$(uname -m)" = aarch64 ] || cc=aarch64-linux-gnu-gcc
command -v $cc > /dev/null || skip_all "no $cc"

t=$(mktemp -d "${TMPDIR:-/tmp}/vmm-qemu.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$t/root/proc" "$t/root/dev" "$t/root/sys" "$t/root/tmp" \
    "$t/root/etc" "$t/config/vmd"
cat > "$t/up.c" <<'X'
#include <sys/utsname.h>
#include <stdio.h>
int main(void) { struct utsname u; uname(&u); printf("up %s\n", u.machine);
	return 3; }
X
$cc -static -O2 -o "$t/root/up" "$t/up.c"
mksquashfs "$t/root" "$t/root.sqfs" -quiet -no-progress -comp lz4 \
    -all-root > /dev/null
truncate -s 64M "$t/overlay.img"
mke2fs -q -t ext4 -F "$t/overlay.img"
printf '%s\0' version=1 hostname=h root=/dev/vda rootfs=squashfs \
    overlay=/dev/vdb arg=/up cwd=/ user=0 tty=0 mode=exec \
    > "$t/config/vmd/config"
chmod 600 "$t/config/vmd/config"
cp "$guest/initrd" "$t/initrd"
(cd "$t/config" && find vmd | cpio -o -H newc -R 0:0 2> /dev/null) \
    >> "$t/initrd"

dev='"vhost_user":true,"vhost_socket"'
cat > "$t/vm.json" <<X
{"payload":{"kernel":"$guest/vmlinux","initramfs":"initrd",
 "cmdline":"$(cat "$guest/cmdline")"},
 "cpus":{"boot_vcpus":1},"memory":{"size":268435456},
 "disks":[{"id":"disk0",$dev:"disk0.vu","readonly":true},
          {"id":"disk1",$dev:"disk1.vu"}],
 "console":{"mode":"File","file":"console.log"},
 "rng":{"src":"/dev/urandom"},"platform":{"arch":"arm64"}}
X
VM_CONFIG=$t/vm.json timeout 300 perl tests/start-vm.pl "$t" \
    "$bin/vmm-qemu" -v \
    -- disk0 "$bin/viod" blk -r -d 6 '6<root.sqfs' \
    -- disk1 "$bin/viod" blk -d 6 6=overlay.img > "$t/out" 2>&1

n=0 bad=0
has() { # TEXT FILE PATTERN
	n=$((n + 1))
	if tr -d '\r' < "$t/$2" 2> /dev/null | grep -q -e "$3"; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		for f in out vmm.log console.log; do
			[ ! -f "$t/$f" ] || tail -n 9 "$t/$f" | sed 's/^/# /'
		done
		bad=1
	fi
}
has 'the image runs, from the first disk' console.log '^up aarch64$'
has 'its exit code is told' console.log '^vmd: exit code=3 '
has 'the guest powers off' exit.json '"code":"powered_off"'
echo "1..$n"
exit $bad
