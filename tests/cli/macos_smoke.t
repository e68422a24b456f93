#!/bin/sh
# macos_smoke.t: what a Mac's owner runs first says on other systems that they
# are none, and goes to its end where programs of macOS are stood in for
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
for p in vmd vmctl vmm-null; do
	[ -x "$build/bin/$p" ] || { echo "1..0 # SKIP no $build/bin/$p"; exit 0; }
done
d=$(mktemp -d "${TMPDIR:-/tmp}/smoke.XXXXXX")
trap 'rm -rf "$d"' EXIT
trap 'exit 1' INT TERM HUP
n=0 bad=0
ok() { # TEXT: of what $? says
	# shellcheck disable=SC2181
	[ $? -eq 0 ] && r=ok || { r="not ok"; bad=1; }
	n=$((n + 1))
	echo "$r $n - $1"
}
scripts/macos-smoke > "$d/out" 2>&1
[ $? -eq 1 ] && [ "$(cat "$d/out")" = "macos-smoke: this is no Mac" ]
ok "on this system: one sentence"

# A "Mac" of these programs, without a guest's kernel.
mkdir -p "$d/path" "$d/build/bin"
tool() { printf '#!/bin/sh\n%s\n' "$2" > "$d/path/$1"; chmod +x "$d/path/$1"; }
tool uname '[ "$*" = -s ] && echo Darwin || echo arm64'
tool sw_vers 'echo 15.0'
tool sysctl 'echo 1'
tool otool 'printf "      cmd LC_BUILD_VERSION\n    minos 13.0\n      sdk 15.0\n"'
tool codesign 'echo com.apple.security.hypervisor'
ln -s "$build"/bin/* "$d/build/bin"
user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"
# As root a vmd wants to be told so, which a Mac's owner is not.
rm "$d/build/bin/vmd"
printf '#!/bin/sh\nexec %s %s "$@"\n' "$build/bin/vmd" "$user" \
    > "$d/build/bin/vmd"
chmod +x "$d/build/bin/vmd"
ln -s "$build/tests/double/vmm-vz" "$d/build/bin/vmm-vz"
mkdir "$d/sdk" && ln -s "$build/bin/vmctl" "$d/sdk"
PATH=$d/path:$PATH BUILD=$d/build SMOKE_DARWIN_BIN=$d/sdk timeout 120 \
    scripts/macos-smoke > "$d/out" 2> "$d/err"
sed 's/^/# /' "$d/err" | head -n 20
grep -q "^1\.\.$(grep -c -e '^ok' -e '^not ok' "$d/out")\$" "$d/out"
ok "on a made-up Mac it goes to its end"
for q in sdk fixups entitlements; do
	grep -q "^# $q: " "$d/out"
	ok "$q: it prints what it saw"
done
for q in guest gic wfi restore openbsd; do
	grep -q "^ok [0-9]* # SKIP .*$q" "$d/out"
	ok "$q: it says what is missing"
done
grep -q "^ok [0-9]* - vmd serves" "$d/out"
ok "a daemon was started"
# Whether this host's KVM serves is no matter.
! grep "^not ok" "$d/out" | grep -v -e "vmm may run guests"
ok "nothing failed"
echo "1..$n"
exit $bad
