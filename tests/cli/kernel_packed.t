#!/bin/sh
# kernel_packed.t: a kernel that is packed with gzip is unpacked for the VM, by
# a process of its own; what cannot be unpacked is an error of the start. It
# does not matter what QEMU makes of these kernels.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
bin=$build/bin
for p in "$bin/vmd" "$bin/vmd-control" "$bin/vmd-conf" "$bin/vmm-qemu"; do
	[ -x "$p" ] || { echo "1..0 # SKIP no $p"; exit 0; }
done
for p in jq gzip qemu-system-x86_64; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-packed.XXXXXX")
chmod 755 "$d"
VMCTL_HOST=unix://$d/sock
export VMCTL_HOST
[ "$(id -u)" -ne 0 ] || user="-o user=root"
cleanup() {
	"$bin/vmctl" rm -af > /dev/null 2>&1
	[ -z "$pid" ] || kill "$pid" 2> /dev/null
	wait 2> /dev/null
	rm -rf "$d"
}
pid=
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

head -c 300000 "$bin/vmd-control" > "$d/whole"
gzip -k "$d/whole"
head -c 50000 "$d/whole.gz" > "$d/cut.gz"
head -c 400000000 /dev/zero | gzip > "$d/bomb.gz"
for k in whole.gz cut.gz bomb.gz; do
	echo "vm ${k%.gz} { boot \"$k\", memory 64M, disable }"
done > "$d/vm.conf"
# shellcheck disable=SC2086
"$bin/vmd" -d -f "$d/vm.conf" -s "$d/state" -S "$d/sock" -o hypervisor=qemu \
    $user 2> "$d/log" &
pid=$!
i=0
until "$bin/vmctl" inspect whole cut bomb > /dev/null 2>&1; do
	i=$((i + 1))
	[ $i -lt 1200 ] && kill -0 $pid || {
		sed 's/^/# /' "$d/log"
		exit 1
	}
	sleep 0.05
done

n=0 bad=0
is() { # is TEXT WANTED FOUND
	n=$((n + 1))
	[ "$2" = "$3" ] && echo "ok $n - $1" || {
		echo "not ok $n - $1"
		printf 'wanted: %s\nfound:  %s\n' "$2" "$3" | sed 's/^/# /'
		sed 's/^/# /' "$d/log" "$d/said"
		bad=1
	}
}
kernel() { # kernel NAME: where the VM has it
	id=$("$bin/vmctl" inspect "$1" | jq -r 'if type == "array" then .[0]
	    else . end | .id')
	echo "$d/state/vms/$id/kernel"
}
start() { timeout 120 "$bin/vmctl" start "$1" 2>&1; }
start whole > "$d/said"
is "unpacked" same "$(cmp "$d/whole" "$(kernel whole)" && echo same)"
is "one that is cut" 1 "$(start cut | grep -c 'kernel: cannot be unpacked')"
is "one that is too large" 1 \
    "$(start bomb | grep -c 'kernel: cannot be unpacked')"
is "leaves no more than may be" 268435456 \
    "$(stat -c %s "$(kernel bomb)" 2> /dev/null || echo 268435456)"
echo "1..$n"
exit $bad
