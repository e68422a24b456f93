#!/bin/sh
# hvf_darwin.t: the accelerator for macOS compiles for it, without a warning,
# and what is newer than macOS 13 is bound weakly.
cd "$(dirname "$0")/../.." || exit 1
sdk=${VMD_CACHE:-build/cache}/darwin-sdk
skip() { echo "1..0 # SKIP $*"; exit 0; }
command -v clang > /dev/null || skip "no clang"
for nm in llvm-nm llvm-nm-14 ''; do
	command -v "${nm:-none}" > /dev/null && break
done
[ -n "$nm" ] || skip "no llvm-nm"
[ -f "$sdk/complete" ] || skip "no headers of macOS (make darwin)"

t=$(mktemp -d "${TMPDIR:-/tmp}/hvf-darwin.XXXXXX")
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM HUP
n=0 status=0
result() { # result STATUS TEXT
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else
		echo "not ok $n - $2"; status=1; fi
}

bad=0
for f in src/accel/hvf*.c; do
	clang --target=arm64-apple-macos13.0 -isysroot "$sdk/arm64" \
	    -isystem "$sdk/arm64/brew/include" -std=gnu17 -D_GNU_SOURCE \
	    -Isrc -Os -Wall -Wextra -Wshadow -Wpointer-arith \
	    -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes \
	    -Wundef -Wvla -Wimplicit-fallthrough -Wformat=2 -Werror \
	    -c -o "$t/$(basename "$f" .c).o" "$f" 2> "$t/err" && continue
	sed 's/^/# /' "$t/err"
	bad=1
done
result $bad 'each file compiles'

"$nm" -m "$t"/*.o 2> "$t/err" | grep -o '(undefined).* _hv_.*' |
    sort -u > "$t/calls"
[ "$(grep -c . "$t/calls")" -ge 30 ]
result $? 'they call the framework'
! grep '_hv_gic_' "$t/calls" | grep -qv weak
result $? 'what macOS 15 brought is weak'
! grep weak "$t/calls" | grep -qv '_hv_gic_'
result $? 'and nothing else is'
echo "1..$n"
exit $status
