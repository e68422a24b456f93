#!/bin/sh
# platform.t: images of another processor than the host's run by QEMU's
# emulation; vmm does not run them, and says why.
case $(uname -m) in
x86_64)	other=arm64 machine=aarch64 ;;
aarch64) other=amd64 machine=x86_64 ;;
*)	echo "1..0 # SKIP no other processor for $(uname -m)"; exit 0 ;;
esac
. tests/boot/lib.sh

[ "$HYPERVISOR" = qemu ] || skip_all "not with $HYPERVISOR"
[ -f "$build/share/guest/$machine/initrd" ] ||
    skip_all "no guest kernel for $machine (make guest-aarch64)"
make_other() {
	mkdir "$t/busybox"
	package=$(scripts/guest-fetch $other "${VMD_CACHE:-build/cache}" \
	    busybox-static 2> "$t/fetch") ||
	    skip_all "no busybox for $other: $(head -n 1 "$t/fetch")"
	dpkg-deb --fsys-tarfile "$package" |
	    tar -x -C "$t/busybox" ./bin/busybox
	scripts/busybox-image "$t/other.tar" $other "$t/busybox/bin/busybox"
}
# It may have been made already.
if [ -f "$build/tests/other.tar" ]; then
	cp "$build/tests/other.tar" "$t"
else
	make_other || broken "an image for $other"
fi

start_vmd || broken "vmd starts"
ok "an image for $other is imported" \
    vmctl image import --name busybox:other "$t/other.tar"
has "it is listed with its platform" "linux/$other" "$(vmctl images)"
vmctl run -d --name wrong --platform linux/$other --hypervisor vmm \
    busybox:other 2> "$t/err"
is "vmm does not run it" 125 $?
has "and why is said" "it runs guests of the host's architecture only" \
    "$(cat "$t/err")"
# Emulated, with a kernel that is not ours: give it time.
LIMIT=600
ok "qemu does" vmctl run -d --name a -m 192M -c 1 --platform linux/$other \
    busybox:other
ok "it answers" vmctl wait --state Running --timeout 500s a
is "on its own processor" $machine "$(vmctl exec a uname -m)"
is "with the image's user" 1000 "$(vmctl exec a id -u)"
is "its exit codes" 7 "$(vmctl exec a sh -c 'exit 7'; echo $?)"
has "it has an address" "inet 10.0.2.15/24" "$(vmctl exec -u 0 a ip addr)"
ok "stop" vmctl stop -w a
ok "start" vmctl start a
ok "it answers again" vmctl wait --state Running --timeout 500s a
done_testing
