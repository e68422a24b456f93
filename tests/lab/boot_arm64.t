#!/bin/sh
# boot_arm64.t: the boot tests with vmm on arm64, on the KVM of an emulated
# arm64 machine; boot.t says what may be set.
cd "$(dirname "$0")/../.." || exit 1
LAB_ARCH=arm64
BOOT_TESTS=${BOOT_TESTS:-null killed exec net vmctl snapshot brief efi}
# Its guests take longer.
LAB_LIMIT=${LAB_LIMIT:-1800} LIMIT=${LIMIT:-600}
CPUS=${CPUS:-2}
export CPUS LAB_ARCH BOOT_TESTS LAB_LIMIT LIMIT
exec tests/lab/boot.t
