#!/bin/sh
# platforms.t: the table of what there is on which host is what vmd answers.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
bin=$PWD/$build/bin
case $build in /*) bin=$build/bin ;; esac
for p in "$bin/vmd" "$bin/vmd-control" "$bin/vmctl"; do
	[ -x "$p" ] || { echo "1..0 # SKIP no $p"; exit 0; }
done
command -v jq > /dev/null || { echo "1..0 # SKIP no jq"; exit 0; }

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-platforms.XXXXXX")
user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"
pid=
cleanup() {
	[ -z "$pid" ] || kill "$pid" 2> /dev/null
	wait 2> /dev/null
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
n=0 bad=0
ok() { # ok TEXT COMMAND...
	n=$((n + 1)); text=$1; shift
	if "$@" > "$d/out" 2>&1; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		sed 's/^/# /' "$d/out"
		bad=1
	fi
}
vmctl() { "$bin/vmctl" -H "unix://$d/sock" "$@"; }

ok 'the page has the table of its files' scripts/platforms -c

# Nothing here works: that is not what is compared.
mkdir "$d/lib"
ln -s "$bin/vmd-control" "$d/lib"
# shellcheck disable=SC2086
"$bin/vmd" -d -s "$d/state" -S "$d/sock" -o "libexec=$d/lib" $user \
    2> "$d/log" &
pid=$!
i=0
until vmctl capabilities --format json > "$d/answer" 2> "$d/err"; do
	i=$((i + 1))
	[ $i -lt 400 ] && kill -0 $pid 2> /dev/null || break
	sleep 0.05
done
scripts/platforms -k < "$d/answer" > "$d/kept"
file=docs/platforms/$(jq -r '.host | .os + "-" + .arch' "$d/kept").json
if [ -f "$file" ]; then
	ok "$file is what vmd answers" diff "$file" "$d/kept"
else
	n=$((n + 1))
	echo "ok $n - # SKIP no $file"
fi
echo "1..$n"
exit $bad
