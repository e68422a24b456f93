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
	    grep -e '^_' -e '^dyld_' | sort -u > "$d/$v"
done
# The list says what these say, as far as they reach.
awk '/^# libSystem/ { on = 1 } on && /^[^#]/' tests/darwin-since > "$d/listed"
while read -r s v; do
	for x in 11 12 13; do
		has=no; grep -qxF -- "$s" "$d/$x" && has=yes
		should=no; [ "${v%%.*}" -gt $x ] || should=yes
		[ $has = $should ] || echo "# macOS $x has $s: $has"
	done
done < "$d/listed" > "$d/wrong"
cat "$d/wrong"
[ -s "$d/listed" ] && [ ! -s "$d/wrong" ]
ok "tests/darwin-since is right about libSystem of macOS 11 to 13"

# since FILE: what a program asks macOS for that is newer than the oldest that
# we build for and not bound weakly, and what nobody has looked up.
# "(undefined) [weak] external NAME (from LIBRARY)": libraries but libSystem
# and libobjc are Homebrew's.
since() {
	llvm-nm -um "$1" | awk -v min=$min '
	function newer(v, m, a, b) {
		split(v, a, "."); split(m, b, ".")
		if (a[1] != b[1])
			return a[1] + 0 > b[1] + 0
		return a[2] + 0 > b[2] + 0
	}
	NR == FNR {
		if ($0 !~ /^[^#]/)
			next
		if ($1 ~ /[*]/) {
			gsub(/[*]/, ".*", $1)
			like["^" $1 "$"] = $2
		} else
			is[$1] = $2
		next
	}
	{
		for (i = 1; $i != "external"; i++)
			;
		name = $(i + 1)
		weak = $0 ~ / weak /
		from = $NF; sub(/\)$/, "", from)
		if ($0 ~ /\(from / && from ~ /^lib/ &&
		    from != "libSystem" && from != "libobjc")
			next
		v = is[name]
		for (p in like)
			if (v == "" && name ~ p)
				v = like[p]
		if (v == "")
			print name " is not in tests/darwin-since: which" \
			    " macOS has it first?"
		else if (newer(v, min) && !weak)
			print name " is of macOS " v ", and not bound weakly"
	}' tests/darwin-since -
}
# object: C of standard input, for macOS.
object() {
	clang --target=arm64-apple-macos$min -x c -c -o "$d/since.o" - &&
	    since "$d/since.o"
}
for weak in "" "__attribute__((weak_import))"; do
	printf 'extern int hv_gic_create(void *) %s;\nextern int hv_vm_map(void);
	int f(void) { return hv_gic_create(0) + hv_vm_map(); }\n' "$weak" |
	    object
	echo
done > "$d/found"
printf '%s\n\n\n' "_hv_gic_create is of macOS 15.0, and not bound weakly" |
    cmp -s - "$d/found"
ok "a call that is newer is found, and not a weak one"
echo 'int strange(void); int f(void) { return strange(); }' | object |
    grep -q '^_strange is not in tests/darwin-since'
ok "and one that nobody has looked up"

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

		since "$p" > "$d/late" && [ ! -s "$d/late" ]
		ok "$name asks for what macOS $min has, or weakly"
		sed 's/^/# /' "$d/late"

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
