#!/bin/sh
# exec.sh: the round trip of "vmctl exec VM true", from the start of vmctl to
# its end, beside its floor: one message to the agent and back over viod's
# vsock.  vsock_echo has the same without a guest.
#
# RUNS: how many of each (200), in turn; the median of each is taken.
. tests/boot/lib.sh
command -v perl > /dev/null || skip_all "no perl"

start_vmd || { echo "exec: vmd did not start" >&2; exit 1; }
import_hello
run_hello a || exit 1
id=$(vmctl ps -q --no-trunc)
perl tests/bench/exec.pl "${RUNS:-200}" "$state/vms/$id/vsock.sock" \
    "$bin/vmctl" exec a true > "$t/medians" || exit 1
awk '{ printf "{\"name\":\"exec round trip\",\"unit\":\"ms\",\"ours\":%s," \
    "\"peer\":\"vsock round trip to the agent\",\"peer_value\":%s," \
    "\"ratio\":%.1f,\"goal\":\"both shown\"}\n", $1, $2, $1 / $2 }' \
    "$t/medians"
