#!/bin/sh
# gdb_hvf.t: vmm's debugger on its accelerator for macOS, as it is, on a double
# of Hypervisor.framework (tests/double/hv); gdb_arm64.t has what is asked.
cd "$(dirname "$0")/../.." || exit 1
LAB_VMM=${BUILD:-build}/arm64/tests/double/vmm-hvf
export LAB_VMM
exec tests/lab/gdb_arm64.t
