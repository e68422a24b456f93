# SPDX-License-Identifier: ISC
# oci.sh - for tests: OCI image layouts from layer tars, by hand
#
# Sourced.  Needs jq, sha256sum, gzip, zstd.  Nothing of ours takes part, so
# that what is compared with is independent of it.

# ok TEXT COMMAND...: one TAP line.  n counts, bad is the exit status.
n=0 bad=0
ok() {
	text=$1; shift
	n=$((n + 1))
	if "$@" > "$tmp/out" 2>&1; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		head -n 40 "$tmp/out" | sed 's/^/# /'
		bad=1
	fi
}

# need PROGRAM...: or skip everything.
need() {
	for p in "$@"; do
		command -v "$p" > /dev/null || {
			echo "1..0 # SKIP no $p"
			exit 0
		}
	done
}

# oci_blob LAYOUT FILE: put it into the layout; prints "digest size".
oci_blob() {
	d=$(sha256sum < "$2" | cut -d' ' -f1)
	cp "$2" "$1/blobs/sha256/$d"
	echo "sha256:$d $(stat -c %s "$2")"
}

oci_init() { # LAYOUT
	mkdir -p "$1/blobs/sha256"
	echo '{"imageLayoutVersion":"1.0.0"}' > "$1/oci-layout"
	echo '{"schemaVersion":2,"manifests":[]}' > "$1/index.json"
}

# oci_manifest LAYOUT ARCH CONFIG LAYER...: the image of these layers, each
# "tar", "gzip" or "zstd" and a tar, as in gzip:/tmp/l1.tar.  CONFIG is the
# config member.  Prints "digest size" of its manifest.
oci_manifest() {
	lay=$1 arch=$2 conf=$3
	shift 3
	layers='[]' ids='[]'
	for l in "$@"; do
		kind=${l%%:*} tar=${l#*:} type=application/vnd.oci.image.layer.v1.tar
		id=sha256:$(sha256sum < "$tar" | cut -d' ' -f1)
		case $kind in
		tar)	cp "$tar" "$tmp/layer" ;;
		gzip)	gzip -nc "$tar" > "$tmp/layer"; type=$type+gzip ;;
		zstd)	zstd -qfc "$tar" > "$tmp/layer"; type=$type+zstd ;;
		esac
		set -- "$@"
		b=$(oci_blob "$lay" "$tmp/layer")
		layers=$(echo "$layers" | jq -c ". + [{mediaType:\"$type\",
		    digest:\"${b% *}\",size:${b#* }}]")
		ids=$(echo "$ids" | jq -c ". + [\"${DIFF_ID:-$id}\"]")
	done
	echo "{\"created\":\"2026-01-01T00:00:00Z\",\"architecture\":\"$arch\",
	    \"os\":\"linux\",\"config\":$conf,\"rootfs\":{\"type\":\"layers\",
	    \"diff_ids\":$ids}}" > "$tmp/config"
	b=$(oci_blob "$lay" "$tmp/config")
	echo "{\"schemaVersion\":2,
	    \"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",
	    \"config\":{\"mediaType\":
	    \"application/vnd.oci.image.config.v1+json\",
	    \"digest\":\"${b% *}\",\"size\":${b#* }},\"layers\":$layers}" |
	    jq -c . > "$tmp/manifest"
	oci_blob "$lay" "$tmp/manifest"
}

# oci_name LAYOUT NAME "DIGEST SIZE" ARCH: give a manifest a name.
oci_name() {
	jq -c ".manifests += [{mediaType:
	    \"application/vnd.oci.image.manifest.v1+json\",
	    digest:\"${3% *}\",size:${3#* },
	    platform:{os:\"linux\",architecture:\"$4\"},
	    annotations:{\"org.opencontainers.image.ref.name\":\"$2\"}}]" \
	    "$1/index.json" > "$tmp/index" && mv "$tmp/index" "$1/index.json"
}

# host_arch: as OCI spells it.
host_arch() {
	case $(uname -m) in
	x86_64)		echo amd64 ;;
	aarch64)	echo arm64 ;;
	*)		uname -m ;;
	esac
}

# tree_list DIR: everything that a root image keeps of each file; of names
# with a newline nothing.
tree_list() {
	(cd "$1" && find . ! -name '*
*' -print | LC_ALL=C sort | while IFS= read -r f; do
		if [ -L "$f" ]; then
			stat -c '%n %F %u:%g %h %Y' "$f"
			readlink "$f"
		elif [ -d "$f" ]; then
			stat -c '%n %F %a %u:%g' "$f"
		elif [ -f "$f" ]; then
			stat -c '%n %F %a %u:%g %h %s %Y' "$f"
			sha256sum < "$f"
		else
			stat -c '%n %F %a %u:%g %h %t:%T %Y' "$f"
		fi
		[ -L "$f" ] || getfattr -d -m - -e hex -h --absolute-names \
		    "$f" 2> /dev/null | grep -v '^# file'
	done)
}
