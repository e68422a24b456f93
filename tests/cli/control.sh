# control.sh: a daemon of its own and its API, for tests that source it; TAP.
#
#	name	of the test; set before

build=${BUILD:-build}
bin=$build/bin
for p in "$bin/vmd" "$bin/vmd-control" "$bin/vmm-null"; do
	[ -x "$p" ] || { echo "1..0 # SKIP no $p"; exit 0; }
done
for p in curl jq; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-$name.XXXXXX")
sock=$d/sock
opts="-o cpu_ratio=100 -o memory_ratio=10 -o disk_ratio=100"
[ "$(id -u)" -ne 0 ] || opts="$opts -o user=root"
pid=

start() {
	# shellcheck disable=SC2086
	"$bin/vmd" -d -s "$d/state" -S "$sock" $opts 2>> "$d/log" &
	pid=$!
	serving
}
serving() {
	i=0
	until curl -sf --unix-socket "$sock" http://vmd/health > /dev/null; do
		i=$((i + 1))
		[ $i -lt 200 ] && kill -0 $pid 2> /dev/null || return 1
		sleep 0.05
	done
}
cleanup() {
	for i in $(curl -s --unix-socket "$sock" http://vmd/instances |
	    jq -r '.[].id' 2> /dev/null); do
		curl -s --unix-socket "$sock" -X DELETE \
		    "http://vmd/instances/$i" > /dev/null
	done
	[ -z "$pid" ] || kill "$pid" 2> /dev/null
	wait 2> /dev/null
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

n=0 bad=0
ok() { # ok TEXT: the last command's status
	rc=$?
	n=$((n + 1))
	[ $rc -eq 0 ] && echo "ok $n - $1" || {
		echo "not ok $n - $1"
		sed 's/^/# /' "$d/body"
		echo
		bad=1
	}
}
api() { # api METHOD PATH [BODY]
	status=$(curl -s -g -m 60 --unix-socket "$sock" -X "$1" -o "$d/body" \
	    -w '%{http_code}' ${3+-d "$3"} "http://vmd$2")
}
is() { [ "$status" = "$1" ] && jq -e "$2" "$d/body" > /dev/null; }
refused() { # refused STATUS CODE WORD
	is "$1" ".code == \"$2\" and (.message | contains(\"$3\"))"
}
get() { jq -r "$1" "$d/body"; }
state() { # state NAME STATE
	api GET "/instances/$1"
	is 200 ".state == \"$2\""
}
