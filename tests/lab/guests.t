#!/bin/sh
# guests.t: unmodified kernels and systems, with vmm by hand on the lab's KVM.
#
#   LAB_GUESTS=all   the whole list, with what has to be fetched for it (half
#                    a gigabyte, once; root for the system), else a short one
#   GUESTS=PATTERN   only the cases that grep(1) finds by it
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
vmm=$build/bin/vmm
cache=${VMD_CACHE:-build/cache}
lab=${LAB_CACHE:-build/cache/lab}
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
for p in qemu-system-x86_64 mke2fs debugfs cpio busybox; do
	command -v $p > /dev/null || skip "no $p"
done
[ -x "$vmm" ] || skip "no $vmm"
[ -f "$build/guest/x86_64/kernel/vmlinuz" ] || skip "no guest kernel (make guest)"

t=$(mktemp -d "${TMPDIR:-/tmp}/lab-guests.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
d=$t/d
mkdir -p "$d"
cp "$vmm" tests/lab/guest/run "$d"

# kernel NAME DIR: its files there, and an initrd with its modules.
kernel() {
	cp "$2/vmlinux" "$d/$1.elf"
	cp "$2/vmlinuz" "$d/$1.bz"
	mkdir -p "$t/$1/bin" "$t/$1/vmd"
	cp "$(command -v busybox)" "$t/$1/bin/busybox"
	cp tests/lab/guest/init "$t/$1/init"
	[ ! -d "$2/modules" ] || cp -r "$2/modules" "$t/$1/vmd"
	(cd "$t/$1" && find . | cpio -o -H newc --quiet -R 0:0) > "$d/$1.initrd"
}
# fetch NAME PACKAGE PATTERN: a kernel of Debian's that the build has not.
fetch() {
	[ -f "$cache/lab-$1/version" ] || VMD_CACHE=$cache \
	    scripts/guest-kernel x86_64 "$cache/lab-$1" "$2" "$3" &&
	    kernel "$1" "$cache/lab-$1"
}

# installer: Debian's, from the package that has it.
installer() {
	p=$(scripts/guest-fetch amd64 "$cache" debian-installer-12-netboot-amd64) &&
	    dpkg-deb --fsys-tarfile "$p" | tar -C "$t" -xf - \
		--wildcards '*/text/debian-installer/amd64/linux' \
		'*/text/debian-installer/amd64/initrd.gz' || return
	find "$t/usr" -name linux -exec mv {} "$d/installer.bz" \;
	find "$t/usr" -name initrd.gz -exec mv {} "$d/installer.initrd" \;
}
# system: a Debian with systemd, as debootstrap makes it, and its own kernel
# and initrd; kept, since that takes a minute or two.
system() {
	s=$cache/lab-system
	[ -f "$s/disk" ] || (
		mkdir -p "$s" && rm -rf "$s/root" &&
		debootstrap --variant=minbase --include=systemd-sysv,udev,\
kmod,iproute2,procps,login,passwd,initramfs-tools,linux-image-cloud-amd64 \
		    bookworm "$s/root" > "$s/log" 2>&1 || exit
		echo guest > "$s/root/etc/hostname"
		echo /dev/vda / ext4 defaults 0 1 > "$s/root/etc/fstab"
		rm -rf "$s/root/var/cache/apt/archives"/*.deb
		mv "$s/root/boot"/vmlinuz-* "$s/vmlinuz"
		mv "$s/root/boot"/initrd.img-* "$s/initrd"
		mke2fs -q -F -t ext4 -d "$s/root" "$s/disk.new" 700M &&
		    rm -rf "$s/root" && mv "$s/disk.new" "$s/disk"
	) || return
	cp "$s/vmlinuz" "$d/system.bz"
	cp "$s/initrd" "$d/system.initrd"
	cp --sparse=always "$s/disk" "$d/disk"
}

# --- the short list: what is there anyway -------------------------------------

kernel 6.1-cloud "$build/guest/x86_64/kernel"
cat > "$t/cases" <<E
cloud-elf	6.1-cloud.elf 6.1-cloud.initrd 1 256 all
cloud-bz	6.1-cloud.bz 6.1-cloud.initrd 1 256 all
cloud-elf	6.1-cloud.elf 6.1-cloud.initrd 2 512 all
cloud-bz	6.1-cloud.bz 6.1-cloud.initrd 4 128 all
E
# Debian's are too large for 64 MiB.  Ours has no driver that finds a serial
# port by ACPI, and so none for user space: the kernel's last word tells.
own=$build/share/guest/x86_64/own
[ ! -f "$own/vmlinux" ] || {
	mkdir "$t/own.k"
	cp "$own/vmlinux" "$t/own.k/vmlinux"
	cp "$own/vmlinux" "$t/own.k/vmlinuz"
	kernel own "$t/own.k"
	echo "own-elf own.elf own.initrd 1 64 Power_down" >> "$t/cases"
}

# --- the whole ------------------------------------------------------------------

if [ "${LAB_GUESTS:-}" = all ]; then
	for c in "1 2048" "2 256" "4 256" "4 3072" "1 4096" "4 8192"; do
		for k in elf bz; do
			echo "cloud-$k 6.1-cloud.$k 6.1-cloud.initrd $c all"
		done
	done >> "$t/cases"
	fetch 6.1 linux-image-amd64 '^linux-image-[0-9].*-amd64' || exit 1
	fetch 6.12 linux-image-6.12-amd64 '^linux-image-6.12.*-amd64' || exit 1
	fetch 6.12-cloud linux-image-6.12-cloud-amd64 \
	    '^linux-image-6.12.*-cloud-amd64' || exit 1
	for c in "1 256" "2 512" "4 1024"; do
		for v in 6.1 6.12 6.12-cloud; do
			for k in elf bz; do
				echo "$v-$k $v.$k $v.initrd $c all"
			done
		done
	done >> "$t/cases"
	installer || exit 1
	echo "installer installer.bz installer.initrd 1 1024" \
	    "Select_a_language" >> "$t/cases"
	if [ "$(id -u)" -eq 0 ] && command -v debootstrap > /dev/null; then
		system || exit 1
		for c in "1 512" "2 1024"; do
			echo "system system.bz system.initrd $c guest_login:" \
			    "root=/dev/vda --disk=disk"
		done >> "$t/cases"
		cp "$build/bin/viod" "$d"
	else
		echo "# the system: neither root nor debootstrap"
	fi
fi
[ -z "${GUESTS:-}" ] || {
	grep -e "$GUESTS" "$t/cases" > "$t/some"
	mv "$t/some" "$t/cases"
}
cp "$t/cases" "$d/cases"
tests/lab/lab-run x86 -m 3072 -t $((300 + 150 * $(wc -l < "$t/cases"))) \
    -l "$vmm" -l "$build/bin/viod" -d "$d" sh ./run cases
