#!/bin/sh
# boot_hvf.t: a VM that vmd runs on vmm's accelerator for macOS, as it is, on
# a double of Hypervisor.framework (tests/double/hv), on the KVM of an emulated
# arm64 machine: exec, disk, network, pause, snapshots, deaths.
#
#   CPUS   how many processors the VM has, one VM after the other (default 2)
#   BRIEF_KILLS   how often vmm is killed at any moment (default 0)
cd "$(dirname "$0")/../.." || exit 1
LAB_VMM=${BUILD:-build}/arm64/tests/double/vmm-hvf
[ -x "$LAB_VMM" ] || { echo "1..0 # SKIP no $LAB_VMM (make arm64)"; exit 0; }
LAB_ARCH=arm64
BOOT_TESTS=brief
LAB_LIMIT=${LAB_LIMIT:-2400}
CPUS=${CPUS:-2}
export BOOT_TESTS CPUS LAB_ARCH LAB_LIMIT LAB_VMM
exec tests/lab/boot.t
