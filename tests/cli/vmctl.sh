# vmctl.sh: what the tests of vmctl share; sourced, from the top of the tree.
#
#	begin			a directory and an empty set of routes
#	route LINE		an answer (tests/cli/fake.h)
#	serve			start the API with the routes so far
#	t TEXT STATUS COMMAND	run it; its exit status is STATUS
#	out, err TEXT		what the last t printed is what stands on stdin
#	sent TEXT		the requests it made are what stands on stdin
#	check TEXT STATUS	any other result
BUILD=${BUILD:-build}
vmctl=$(pwd)/$BUILD/bin/vmctl
fake=$(pwd)/$BUILD/tests/cli/fake-api
[ -x "$vmctl" ] || { echo "1..0 # SKIP vmctl is not built"; exit 0; }
[ -x "$fake" ] || { echo "1..0 # SKIP fake-api is not built"; exit 0; }
n=0
failed=0
dir=
pid=
unset VMCTL_TOKEN COLUMNS XDG_RUNTIME_DIR
TZ=UTC
LC_ALL=C.UTF-8
PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin
export TZ LC_ALL PATH

stop() {
	[ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2> /dev/null
	pid=
}
finish() {
	stop
	[ -z "$dir" ] || rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

begin() {
	finish
	dir=$(mktemp -d /tmp/vmctl.XXXXXX)
	mkdir "$dir/guest"
	: > "$dir/routes"
	VMCTL_HOST=unix://$dir/sock
	export VMCTL_HOST
}

route() {
	printf '%s\n' "$1" >> "$dir/routes"
}

serve() {
	stop
	rm -f "$dir/sock"
	"$fake" "$dir" &
	pid=$!
	while [ ! -S "$dir/sock" ] && kill -0 "$pid" 2> /dev/null; do
		sleep 0.02
	done
}

check() {
	n=$((n + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		failed=1
	fi
}

t() {
	text=$1 want=$2
	shift 2
	: > "$dir/log"
	"$@" > "$dir/out" 2> "$dir/err"
	got=$?
	[ "$got" = "$want" ]
	check "$text" $?
	[ "$got" = "$want" ] || {
		echo "# status $got, not $want"
		sed 's/^/# /' "$dir/err"
	}
}

same() { # TEXT FILE, against stdin
	sed "s|@DIR@|$dir|g" > "$dir/want"
	diff "$dir/want" "$2" > "$dir/diff" 2>&1
	check "$1" $?
	sed 's/^/# /' "$dir/diff"
}
out() { same "$1" "$dir/out"; }
err() { same "$1" "$dir/err"; }
sent() {
	# When the double notices that a client left is its own affair.
	sed '/^GONE/d; s/ $//' "$dir/log" > "$dir/log.plain"
	same "$1" "$dir/log.plain"
}

end() {
	echo "1..$n"
	exit $failed
}

# Two VMs most tests talk about.
web='"id":"webwebwebwebwebwebwebweb","name":"web","image":"docker.io/library/nginx:alpine","number":1,"vcpus":2,"size":"1.0 GB","owner":0,"owner_name":"root","pid":69172,"created_at":"2020-01-01T00:00:00Z","tags":{"team":"a","tier":"front"},"ports":[{"host_port":8080,"guest_port":80,"protocol":"tcp"}]'
db='"id":"dbdbdbdbdbdbdbdbdbdbdbdb","name":"db","image":"docker.io/library/postgres:16","number":2,"vcpus":1,"size":"512.0 MB","owner":1000,"owner_name":"joe","created_at":"2020-01-01T00:00:00Z","exit_code":3'
web_running="{$web,\"state\":\"Running\"}"
web_stopped="{$web,\"state\":\"Stopped\",\"exit_code\":0}"
db_stopped="{$db,\"state\":\"Stopped\"}"
web_id=/instances/webwebwebwebwebwebwebweb
