#!/bin/sh
# darwin.t - programs for macOS: what they are, what they need of which macOS
#
# make darwin builds them; nothing here runs them.

command -v llvm-objdump > /dev/null && command -v llvm-nm > /dev/null ||
    { echo "1..0 # SKIP no llvm"; exit 0; }
sdk=${VMD_CACHE:-build/cache}/darwin-sdk
[ -f "$sdk/complete" ] && [ -x build/darwin-arm64/bin/vmctl ] ||
    { echo "1..0 # SKIP not built: make darwin"; exit 0; }

n=0 bad=0
ok() { # TEXT: of what $? says
	# shellcheck disable=SC2181
	[ $? -eq 0 ] && r=ok || { r="not ok"; bad=1; }
	n=$((n + 1))
	echo "$r $n - $1"
}
d=$(mktemp -d /tmp/darwin.XXXXXX)
trap 'rm -rf "$d"' EXIT

min=13.0
# What each macOS's C library has, a name a line.
for v in 11 12 13; do
	tr ',[]' '\n\n\n' < "$sdk/versions/libSystem.$v.tbd" | tr -d " '" |
	    grep '^_' | sort -u > "$d/$v"
done
# newer FILE: what it binds strongly that is newer than the oldest macOS we
# build for; tests/darwin-since has names (or their beginnings) and versions.
newer() {
	llvm-nm -um "$1" | sed -n '/weak external/d
	    s/.*external \([^ ]*\).*/\1/p' | while read -r s; do
		while read -r name v; do
			case $name in \#*) continue ;; esac
			# shellcheck disable=SC2254
			case $s in
			$name)	[ "$(printf '%s\n%s\n' $min "$v" | sort -V |
				    tail -n 1)" = $min ] || echo "$s" ;;
			esac
		done < tests/darwin-since
	done | xargs
}
for weak in "" "__attribute__((weak_import))"; do
	printf 'extern int hv_gic_create(void *) %s;\nextern int hv_vm_map(void);
	int f(void) { return hv_gic_create(0) + hv_vm_map(); }\n' "$weak" |
	    clang --target=arm64-apple-macos$min -x c -c -o "$d/since.o" - &&
	    newer "$d/since.o"
done > "$d/found"
printf '_hv_gic_create\n\n' | cmp -s - "$d/found"
ok "a call that is newer is found, and not a weak one"

for arch in arm64 x86_64; do
	cpu=ARM64
	[ $arch = arm64 ] || cpu=X86_64
	for p in build/darwin-$arch/bin/*; do
		name=$arch/${p##*/}
		llvm-objdump --macho --private-headers "$p" > "$d/headers"
		grep -q "$cpu.*EXECUTE.*TWOLEVEL PIE" "$d/headers"
		ok "$name is a program, at an address that nobody knows before"
		test "$(awk '$1 == "minos" { print $2 }' "$d/headers")" = $min
		ok "$name is for macOS $min"
		grep -q LC_CODE_SIGNATURE "$d/headers"
		ok "$name is signed, as far as a linker does"

		# Undefined: "(undefined) [weak] external NAME (from LIBRARY)".
		llvm-nm -um "$p" > "$d/undefined"
		sed -n 's/.*external \([^ ]*\) (from libSystem)$/\1/p' \
		    "$d/undefined" | grep -v '^dyld_stub_binder$' |
		    sort -u > "$d/libc"
		late=$(comm -23 "$d/libc" "$d/13" | xargs)
		test -z "$late" || echo "# not in macOS 13: $late"
		test -z "$late"
		ok "$name asks libSystem for what macOS $min has"
		strong=$(newer "$p")
		test -z "$strong" || echo "# newer than macOS $min: $strong"
		test -z "$strong"
		ok "$name binds nothing that is newer, but weakly"

		llvm-objdump --macho --dylibs-used "$p" |
		    awk 'NR > 1 { print $1 }' | grep -v '^/usr/lib/libSystem' |
		    sed 's|.*/||; s|\..*||' | sort > "$d/libs"
		test "$(paste -sd' ' "$d/libs")" = \
		    "$(awk -v p="${p##*/}" '$1 == p { $1 = ""; print }' \
		    tests/darwin-libraries | xargs -n1 | sort | paste -sd' ' -)"
		ok "$name has the libraries of its row in tests/darwin-libraries"
	done
done

# The two processors are given the same.
test "$(ls build/darwin-arm64/bin | grep -vx vmm)" = \
    "$(ls build/darwin-x86_64/bin)"
ok "the same programs for both, but vmm"

# launchd expands nothing: no path of its files may want it.
for f in etc/launchd/*.plist etc/darwin/*.entitlements; do
	python3 - "$f" <<-'END'
	import plistlib, sys
	def walk(v):
	    if isinstance(v, dict):
	        for x in v.values():
	            walk(x)
	    elif isinstance(v, list):
	        for x in v:
	            walk(x)
	    elif isinstance(v, str):
	        assert "~" not in v and "$" not in v, v
	walk(plistlib.load(open(sys.argv[1], "rb")))
	END
	ok "$f is a property list that wants no shell"
done
for f in etc/launchd/*.plist; do
	grep -A 1 '<key>PATH</key>' "$f" | grep -q /opt/homebrew/bin &&
	    grep -A 1 AbandonProcessGroup "$f" | grep -q true
	ok "$f: Homebrew's programs, and VMs that outlive vmd"
done
echo "1..$n"
exit $bad
