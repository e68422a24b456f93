# api.sh: questions to a daemon's API and what tests say of the answers, for
# tests that source it and start a daemon on $sock, with $pid; TAP.
#
#	name	of the test; set before

build=${BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
bin=$build/bin
for p in "$bin/vmd" "$bin/vmd-control" "$bin/vmm-null"; do
	[ -x "$p" ] || { echo "1..0 # SKIP no $p"; exit 0; }
done
for p in curl jq; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-$name.XXXXXX")
sock=$d/sock
pid=

# The daemon answers: at most a minute; no test depends on how long.
serving() {
	i=0
	until curl -sf --unix-socket "$sock" http://vmd/health > /dev/null; do
		i=$((i + 1))
		[ $i -lt 1200 ] && kill -0 $pid 2> /dev/null || return 1
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
# api METHOD PATH [BODY]: body to $d/body, status to $status
api() {
	status=$(curl -s -g -m 60 --unix-socket "$sock" -X "$1" -o "$d/body" \
	    -w '%{http_code}' ${3+-d "$3"} "http://vmd$2")
}
# is STATUS FILTER: the last answer has that status and the filter is true
is() { [ "$status" = "$1" ] && jq -e "$2" "$d/body" > /dev/null; }
refused() { # refused STATUS CODE WORD
	is "$1" ".code == \"$2\" and (.message | contains(\"$3\"))"
}
get() { jq -r "$1" "$d/body"; }
state() { # state NAME STATE
	api GET "/instances/$1"
	is 200 ".state == \"$2\""
}
