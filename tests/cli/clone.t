#!/bin/sh
# clone.t: files whose blocks are shared, on a file system that can: btrfs
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP not root"; exit 0; }
command -v mkfs.btrfs > /dev/null || { echo "1..0 # SKIP no mkfs.btrfs"; exit 0; }
d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-clone.XXXXXX")
trap 'umount "$d/fs" 2> /dev/null; rm -rf "$d"' EXIT
trap 'exit 1' INT TERM HUP
mkdir "$d/fs"
truncate -s 160M "$d/image"
if ! mkfs.btrfs -q "$d/image" > "$d/log" 2>&1 ||
    ! mount -o loop "$d/image" "$d/fs" 2> "$d/log"; then
	echo "1..0 # SKIP no btrfs here: $(head -n 1 "$d/log")"
	exit 0
fi
OS_CLONES=1 TMPDIR=$d/fs "$build/tests/unit/os.t" > "$d/out" 2>&1
status=$?
sed 's/^/# /' "$d/out"
echo 1..3
bad=0
ok() { # N TEXT: of what $? says
	# shellcheck disable=SC2181
	[ $? -eq 0 ] && r=ok || { r="not ok"; bad=1; }
	echo "$r $1 - $2"
}
[ $status -eq 0 ]
ok 1 "the contract of os.h there"
grep -q '^ok [0-9]* - clone_new$' "$d/out"
ok 2 "a file is cloned"
[ -z "$(ls "$d/fs")" ]
ok 3 "nothing is left"
exit $bad
