#!/bin/sh
# vmm_qemu_efi.t: UEFI (EDK II as packaged) boots an arm64 disk under vmm-qemu,
# emulated where the host is not arm64: systemd's loader and Linux, a reboot,
# and variables that are kept in between, and for the next time.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
bin=$build/bin
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "1..0 # SKIP $*"; exit 0; }
for p in perl qemu-system-aarch64; do
	command -v $p > /dev/null || skip "no $p"
done
t=$(mktemp -d "${TMPDIR:-/tmp}/vmm-qemu-efi.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
mkdir "$t/disk"
BUILD=$build tests/lab/efi-disk "$t/disk" 2> "$t/log"
case $? in
0)	;;
2)	skip "$(cat "$t/log")" ;;
*)	sed 's/^/# /' "$t/log"; exit 1 ;;
esac
cat > "$t/vm.json" << X
{"payload":{"firmware":"$t/disk/QEMU_EFI.fd","variables":"variables"},
 "cpus":{"boot_vcpus":2},"memory":{"size":268435456},
 "disks":[{"id":"disk0","vhost_user":true,"vhost_socket":"disk0.vu"}],
 "serial":{"mode":"File","file":"console.log"},
 "rng":{"src":"/dev/urandom"},"platform":{"arch":"arm64"}}
X

n=0 bad=0
is() { # is TEXT WANTED GOT
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf 'wanted: %s\ngot: %s\n' "$2" "$3" | sed 's/^/# /'
		for f in out vmm.log console.log; do
			[ ! -f "$t/$f" ] || tail -n 9 "$t/$f" |
			    tr -d '\r\033' | sed 's/^/# /'
		done
		bad=1
	fi
}
said() { tr -d '\r' < "$t/console.log" | grep -c "^$1\$"; }
boot() {
	rm -f "$t/exit.json" "$t/console.log"
	VM_CONFIG=$t/vm.json timeout "${BOOT_LIMIT:-900}" \
	    perl tests/start-vm.pl "$t" "$bin/vmm-qemu" -v \
	    -- disk0 "$bin/viod" blk -d 6 6=disk/disk > "$t/out" 2>&1
	sed -n 's/.*"code":"\([^"]*\)".*/\1/p' "$t/exit.json" 2> "$t/log"
}
is 'the guest powers off' powered_off "$(boot)"
is 'it has booted, and again after a reboot' '1 1' \
    "$(said 'boot: 1') $(said 'boot: 2')"
is 'both times with two processors' 2 "$(said 'cpus: 2')"
is 'the power button is found' 2 "$(said 'button: pl061')"
is 'a variable was kept meanwhile' '1 1' \
    "$(said 'efi: written') $(said 'efi: kept')"
is 'another time it powers off, too' powered_off "$(boot)"
is 'and has its variables still' '1 1' "$(said 'boot: 3') $(said 'efi: kept')"
truncate -s 100M "$t/variables"
boot > "$t/code"
is 'what cannot be its variables is refused' 1 \
    "$(cat "$t/out" "$t/vmm.log" | grep -c 'variables: not a file' | grep -c '[1-9]')"
echo "1..$n"
exit $bad
