#!/bin/sh
# guest.t: the guest kernel and vminit under QEMU's emulation, without vmd
#
# An image without a shell or a C library: its one program is busybox, called
# by the names it is to have.  Every boot ends by itself; what is checked is
# the console.
cd "$(dirname "$0")/../.." || exit 1

build=${BUILD:-build}
share=${SHARE:-$build/share/guest/x86_64}
qemu=qemu-system-x86_64

skip_all() { echo "1..0 # SKIP $*"; exit 0; }
# What should work here and does not is a failure, never a skip.
broken() { echo "not ok 1 - $*"; echo 1..1; exit 1; }
for p in $qemu mksquashfs mke2fs cpio timeout; do
	command -v $p > /dev/null || PATH=$PATH:/usr/sbin:/sbin
	command -v $p > /dev/null || skip_all "no $p"
done
[ -x /bin/busybox ] || skip_all "no /bin/busybox (busybox-static)"
[ -f "$share/initrd" ] || skip_all "no $share/initrd (make guest)"

t=$(mktemp -d "${TMPDIR:-/tmp}/vmd-guest.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' HUP INT TERM
n=0 bad=0 net=

# --- an image ----------------------------------------------------------------

mkdir -p "$t/root/bin" "$t/root/etc"
cp /bin/busybox "$t/root/bin/busybox"
ln "$t/root/bin/busybox" "$t/root/bin/init"
printf 'root:x:0:0::/root:\nweb:x:1000:1001::/srv/web:\n' \
    > "$t/root/etc/passwd"
printf 'web:x:1001:\naudio:x:29:web\ndisk:x:6:other\n' > "$t/root/etc/group"
# What mode init runs: says who it is and ends the machine.
echo '::sysinit:/bin/busybox sh /etc/boot' > "$t/root/etc/inittab"
cat > "$t/root/etc/boot" <<-'X'
	b=/bin/busybox
	echo "pid1 $($b cat /proc/1/comm)"
	procs=/sys/fs/cgroup/vmd/cgroup.procs
	until $b grep -q . $procs; do $b sleep 0.1; done
	echo "agent $($b grep -c . $procs)"
	echo "run $($b grep -c ' /run ' /proc/mounts)"
	$b poweroff -f
X
mksquashfs "$t/root" "$t/root.sqfs" -comp lz4 -all-root -quiet -noappend \
    -no-progress > /dev/null 2>&1 || broken "mksquashfs makes an image"
truncate -s 16M "$t/overlay.img" "$t/volume.img"
mke2fs -q -t ext4 -E nodiscard "$t/overlay.img" > /dev/null 2>&1
mke2fs -q -t ext4 -E nodiscard "$t/volume.img" > /dev/null 2>&1

# --- a boot ------------------------------------------------------------------

# The clock of QEMU's small boards cannot be measured when the host is busy:
# say what it is (half the bogomips, in kHz).
khz=$(awk '/^bogomips/ { print int($3 * 500); exit }' /proc/cpuinfo)

# boot RECORD...: the console of a boot with this configuration, in $t/console
boot() {
	rm -rf "$t/cpio"
	mkdir -p "$t/cpio/vmd"
	printf '%s\0' version=1 root=/dev/vda rootfs=squashfs "$@" \
	    > "$t/cpio/vmd/config"
	{
		cat "$share/initrd"
		(cd "$t/cpio" && find vmd | cpio -o -H newc --quiet -R 0:0)
	} > "$t/initrd"
	timeout 120 $qemu -M microvm,rtc=on -accel tcg -cpu max -m 192 \
	    -nodefaults -no-user-config -display none -no-reboot \
	    -global virtio-mmio.force-legacy=false \
	    -chardev "file,id=console,path=$t/console" \
	    -device virtio-serial-device,max_ports=1 -device virtconsole,chardev=console \
	    -kernel "$share/vmlinux" -initrd "$t/initrd" \
	    -append "$(cat "$share/cmdline") tsc_early_khz=$khz" \
	    -drive "if=none,id=c,format=raw,file=$t/volume.img" \
	    -drive "if=none,id=b,format=raw,file=$t/overlay.img" \
	    -drive "if=none,id=a,format=raw,file=$t/root.sqfs,readonly=on" \
	    -device virtio-blk-device,drive=a \
	    -device virtio-blk-device,drive=b \
	    -device virtio-blk-device,drive=c \
	    $net < /dev/null > "$t/qemu.log" 2>&1 ||
		echo "qemu ended with $?" >> "$t/console"
	tr -d '\r' < "$t/console" > "$t/out"
}
# has TEXT LINE: the console has this line.
has() {
	n=$((n + 1))
	if grep -qxF "$2" "$t/out"; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# wanted: $2"
		tail -n 15 "$t/out" "$t/qemu.log" | sed 's/^/# /'
		bad=1
	fi
}
# ends TEXT LINE: its last line of vmd's.
ends() {
	grep '^vmd: exit' "$t/out" | tail -n 1 > "$t/last"
	cat "$t/out" >> "$t/all"
	mv "$t/last" "$t/out.last"
	n=$((n + 1))
	if [ "$(cat "$t/out.last")" = "vmd: exit $2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# wanted: vmd: exit $2"
		tail -n 15 "$t/out" "$t/qemu.log" | sed 's/^/# /'
		bad=1
	fi
}

# --- what is promised --------------------------------------------------------

boot hostname=web1 arg=/bin/busybox arg=env env=A=1 env=B= \
    "env=C=x y" user=web
has "environment" "A=1"
has "an empty variable" "B="
has "HOME of the user" "HOME=/srv/web"
has "PATH where there is none" \
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ends "a program without a shell or libc" "code=0 signal=- message=success"

# One boot asks many things: the shell is busybox's, by its full name.
cat > "$t/script" <<-'X'
	b=/bin/busybox
	echo "id $($b id -u) $($b id -g) $($b id -G)"
	echo "cwd $PWD"
	echo "hostname $($b hostname) $($b cat /etc/hostname)"
	$b grep '	web1$' /etc/hosts
	echo "tty $($b test -t 0 && echo yes || echo no)"
	for d in /proc /sys /dev /dev/pts /dev/shm /sys/fs/cgroup /data; do
		$b grep -q " $d " /proc/mounts && echo "mounted $d"
	done
	echo written > /dev/stdout
	echo volume > /data/new && $b cat /data/new
	echo "secret $($b ls /vmd 2>&1 | $b head -n 1)"
	exit 7
X
boot hostname=web1 overlay=/dev/vdb mount=/dev/vdc,/data,rw user=0:29 \
    cwd=/made/for/it arg=/bin/busybox arg=sh arg=-c "arg=$(cat "$t/script")"
has "user and group" "id 0 29 29"
has "a working directory is made" "cwd /made/for/it"
has "host name" "hostname web1 web1"
has "standard input is no terminal" "tty no"
for d in /proc /sys /dev /dev/pts /dev/shm /sys/fs/cgroup /data; do
	has "$d is mounted" "mounted $d"
done
has "/dev/stdout can be opened" "written"
has "a volume is written" "volume"
has "nothing of the configuration is left" \
    "secret ls: /vmd: No such file or directory"
ends "exit code" "code=7 signal=- message=exit code 7"

boot overlay=/dev/vdb mount=/dev/vdc,/data,ro user=web \
    arg=/bin/busybox arg=sh arg=-c 'arg=b=/bin/busybox; $b cat /data/new
    echo "groups $($b id -G)"; $b test -d /made/for/it && echo kept
    echo x 2>&1 > /data/x || echo "ro $?"; kill -9 $$'
has "a volume keeps what was written" "volume"
has "the writable layer keeps what was written" "kept"
has "supplementary groups of the user" "groups 1001 29"
has "a read-only volume" "ro 1"
ends "a signal" "code=137 signal=KILL message=killed by signal 9 (KILL)"

boot tty=1 arg=/bin/busybox arg=sh arg=-c \
    'arg=/bin/busybox test -t 0 && echo a terminal > /dev/tty'
has "a controlling terminal" "a terminal"

# The card, not dummy0 or another interface the kernel makes by itself.
net="-netdev user,id=n -device virtio-net-device,netdev=n"
boot net=dhcp arg=/bin/busybox arg=ip arg=-o arg=-4 arg=addr arg=show \
    arg=eth0
sed -n 's/.*inet \([0-9./]*\) .*/address \1/p' "$t/out" > "$t/address"
mv "$t/address" "$t/out"
has "an address by DHCP" "address 10.0.2.15/24"
net=

boot arg=/no/such
ends "a program that is not there" \
    "code=127 signal=- message=/no/such: No such file or directory"
boot arg=/etc/passwd
ends "a program that cannot be executed" \
    "code=126 signal=- message=/etc/passwd: Permission denied"
boot user=nobody arg=/bin/busybox
ends "a user who is not there" \
    "code=125 signal=- message=no user 'nobody' in /etc/passwd"
boot mount=/dev/vdz,/x,rw nonsense=1 arg=/bin/busybox
ends "a configuration that is wrong" \
    "code=125 signal=- message=configuration: unknown record 'nonsense'"

boot mode=init overlay=/dev/vdb arg=/bin/init
has "the image's init is process 1" "pid1 init"
has "the agent is beside it, in a control group of its own" "agent 1"
has "/run is empty for it" "run 1"

echo "1..$n"
exit $bad
