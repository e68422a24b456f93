# control.sh: a daemon of its own and its API, for tests that source it; TAP.
#
#	name	of the test; set before
. tests/cli/api.sh
opts="-o cpu_ratio=100 -o memory_ratio=10 -o disk_ratio=100"
[ "$(id -u)" -ne 0 ] || opts="$opts -o user=root"

start() {
	# shellcheck disable=SC2086
	"$bin/vmd" -d -s "$d/state" -S "$sock" $opts 2>> "$d/log" &
	pid=$!
	serving
}
