#!/bin/sh
# guest-own.t: what guest.t promises, on the kernel of "make kernel"
cd "$(dirname "$0")/../.." || exit 1

SHARE=${BUILD:-build}/share/guest/x86_64/own
export SHARE
[ -f "$SHARE/initrd" ] || {
	echo "1..0 # SKIP no $SHARE/initrd (make kernel)"
	exit 0
}
exec tests/boot/guest.t
