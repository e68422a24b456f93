#!/bin/sh
# SPDX-License-Identifier: ISC
# image.sh: from the layers of an image to its root image, against
# umoci unpack + mksquashfs of the same image
#
# The image is made of this machine's /usr: some 200 MB in three layers, the
# upper ones with whiteouts.  Each way runs RUNS times (3), in turn; the
# least CPU and wall-clock time of each is taken.  One JSON line a result.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
image=$PWD/$build/bin/vmd-image
measure=$PWD/$build/tests/bench/measure
tmp=$(mktemp -d "${TMPDIR:-/tmp}/bench-image.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
. tests/cli/oci.sh
for p in "$image" "$measure"; do
	[ -x "$p" ] || { echo "image.sh: no $p" >&2; exit 1; }
done
for p in jq umoci mksquashfs sqfstar; do
	command -v $p > /dev/null || { echo "image.sh: no $p" >&2; exit 1; }
done

# Files until there are so many MB, in the order of their names.
take() { # MB DIRECTORY...
	mb=$1; shift
	find "$@" -xdev \( -type f -o -type l \) -printf '%s %p\n' 2> /dev/null |
	    LC_ALL=C sort -k2 | awk -v max=$((mb * 1048576)) \
	    '{ sum += $1; if (sum > max) exit; sub(/^[0-9]+ \//, ""); print }'
}
take 150 /usr/bin /usr/sbin > "$tmp/1"
take 80 /usr/include /usr/share/perl /usr/share/doc /usr/lib/python3 > "$tmp/2"
take 40 /usr/share/locale /usr/share/man /usr/share/zoneinfo > "$tmp/3"
i=0
for list in "$tmp/1" "$tmp/2" "$tmp/3"; do
	i=$((i + 1))
	tar -C / --numeric-owner --no-recursion -cf "$list.tar" -T "$list"
done
# The third layer takes a tenth of the second away.
awk 'NR % 10 == 0 { sub(/[^\/]*$/, ".wh.&"); print }' "$tmp/2" |
    while IFS= read -r f; do
	mkdir -p "$tmp/wh/${f%/*}" && : > "$tmp/wh/$f"
    done
tar -C "$tmp/wh" -rf "$tmp/3.tar" --numeric-owner .
lay=$tmp/layout arch=$(host_arch)
oci_init "$lay"
for kind in ${KINDS:-gzip}; do
	m=$(oci_manifest "$lay" "$arch" '{}' "$kind:$tmp/1.tar" \
	    "$kind:$tmp/2.tar" "$kind:$tmp/3.tar")
	oci_name "$lay" "bench/$kind:1" "$m" "$arch"
done
tar -C "$lay" -cf "$tmp/all.tar" .
"$image" -s "$tmp/store" import "$tmp/all.tar" > /dev/null || exit 1

least() { # FILE COLUMN
	awk -v c="$2" 'NR == 1 || $c < m { m = $c } END { print m }' "$1"
}
most() {
	awk -v c="$2" '$c > m { m = $c } END { print m }' "$1"
}
line() { # NAME UNIT OURS PEER PEER_VALUE GOAL
	jq -nc --arg n "$1" --arg u "$2" --argjson o "$3" --arg p "$4" \
	    --argjson v "$5" --arg g "$6" '{name:$n, unit:$u, ours:$o, peer:$p,
	    peer_value:$v, ratio:(($v / $o * 100 | round) / 100), goal:$g}'
}
for kind in ${KINDS:-gzip}; do
	: > "$tmp/ours"; : > "$tmp/theirs"
	r=0
	while [ $r -lt "${RUNS:-3}" ]; do
		r=$((r + 1))
		rm -rf "$tmp/store/root"
		"$measure" "$image" -s "$tmp/store" unpack "bench/$kind:1" \
		    >> "$tmp/ours" || exit 1
		[ $kind = gzip ] || continue
		rm -rf "$tmp/bundle" "$tmp/theirs.sqfs"
		"$measure" sh -c "umoci unpack --image '$lay:bench/gzip:1' \
		    '$tmp/bundle' && mksquashfs '$tmp/bundle/rootfs' \
		    '$tmp/theirs.sqfs' -comp lz4 -quiet -no-progress" \
		    >> "$tmp/theirs" || exit 1
	done
	sed "s/^/# $kind ours /" "$tmp/ours" >&2
	sed "s/^/# $kind peer /" "$tmp/theirs" >&2
	if [ $kind = gzip ]; then
		peer='umoci unpack + mksquashfs'
		line "image: layers to root image, CPU" ms \
		    "$(least "$tmp/ours" 2)" "$peer" \
		    "$(least "$tmp/theirs" 2)" '>= 2.0'
		line "image: layers to root image, wall clock" ms \
		    "$(least "$tmp/ours" 1)" "$peer" \
		    "$(least "$tmp/theirs" 1)" '>= 2.0'
	fi
	line "image: peak memory, merge ($kind)" KiB \
	    "$(most "$tmp/ours" 3)" limit 65536 '>= 1.0'
	line "image: peak memory, with writer ($kind)" KiB \
	    "$(most "$tmp/ours" 4)" limit 65536 '>= 1.0'
done
