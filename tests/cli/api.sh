# api.sh: questions to a daemon's API and what tests say of the answers, for
# tests that source it and start a daemon on $sock, with $pid; TAP.
#
#	name	of the test; set before
. tests/cli/daemon.sh

serving() { until_true serves; }
end_vmd() { # and its instances
	for i in $(curl -s --unix-socket "$sock" http://vmd/instances |
	    jq -r '.[].id' 2> /dev/null); do
		curl -s --unix-socket "$sock" -X DELETE \
		    "http://vmd/instances/$i" > /dev/null
	done
	end_daemon
}
cleanup() {
	end_vmd
	rm -rf "$d"
}

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
