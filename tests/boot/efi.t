#!/bin/sh
# efi.t: on arm64 a VM without image and kernel boots its disk by UEFI, whose
# variables it keeps: through vmd, with vmm.  boot_arm64.t has the disk made.
. tests/boot/lib.sh

[ "$(uname -m)" = aarch64 ] || skip_all "no arm64 host"
[ "$HYPERVISOR" = vmm ] || skip_all "vmm only"
[ -f "$build/tests/efi/disk" ] || skip_all "no disk (tests/lab/efi-disk)"
firmware=/usr/share/qemu-efi-aarch64/QEMU_EFI.fd
cp "$build/tests/efi/disk" "$t/disk"
cat > "$t/vm.conf" <<X
vm "efi" {
	disable
	memory 256M
	disk "$t/disk"
}
X
start_vmd -f "$t/vm.conf" || broken "vmd starts"
start() { vmctl start efi; }
field() { vmctl inspect efi | jq -r ".[0].$1 // \"\""; }
said() { tr -d '\r' < "$log" | grep -c "^$1\$"; }
if [ ! -f $firmware ]; then
	start 2> "$t/err"
	has "without firmware it is said what to install" qemu-efi-aarch64 \
	    "$(cat "$t/err")"
	mkdir -p "${firmware%/*}"
	cp "$build/tests/efi/QEMU_EFI.fd" $firmware
fi
ok "a VM with a disk starts" start
log=$state/vms/$(field id)/console.log
LIMIT=1500 vmctl wait efi > "$t/code" 2>&1
is "Linux has booted, and again after a reboot" "1 1" \
    "$(said 'boot: 1') $(said 'boot: 2')"
is "a variable was kept meanwhile" "1 1" \
    "$(said 'efi: written') $(said 'efi: kept')"
is "it powered off" "powered_off" \
    "$(jq -r .code "${log%/*}/exit.json")"
ok "it starts again" start
LIMIT=1500 vmctl wait efi > "$t/code" 2>&1
is "and boots" 1 "$(said 'boot: 3')"
is "with the same variables" 1 "$(said 'efi: kept')"
done_testing
