#!/bin/sh
# vmctl_openbsd.t: what scripts written for OpenBSD's vmctl(8) look at: tables
# byte for byte, each message, each exit status.  What start says is in
# vmctl_start.t, create in vmctl_create.t, the console in console.t and
# vmctl_tty.t, who may do what in owners.t.
. tests/cli/vmctl.sh
command -v jq > /dev/null || { echo "1..0 # SKIP no jq"; exit 0; }
here=$(pwd)

# --- status and show: tests/cli/status/NAME.json is what the daemon has ------
table() { # NAME
	begin
	route "GET /instances 200 $(jq -c . "$here/tests/cli/status/$1.json")"
	jq -c '.[]' "$here/tests/cli/status/$1.json" > "$dir/vms"
	while read -r vm; do
		id=$(echo "$vm" | jq -r .id)
		route "GET /instances/$(echo "$vm" | jq -r .name) 200 $vm"
		route "GET /instances/$id/stats 200 $(echo "$vm" |
		    jq -c '{memory_rss_bytes: .rss}')"
	done < "$dir/vms"
	serve
}
for name in none wide states; do
	table $name
	t "status of $name" 0 "$vmctl" status
	out "status of $name, byte for byte" < "$here/tests/cli/status/$name.ok"
	cp "$dir/out" "$dir/status"
	t "show of $name" 0 "$vmctl" show
	out "show of $name is the same" < "$dir/status"
	same "and nothing else is said" "$dir/err" < /dev/null
done
t "status -r" 0 "$vmctl" status -r
out "status -r, byte for byte" < "$here/tests/cli/status/running.ok"
t "show -r of one that is stopped" 1 "$vmctl" show -r off
out "show -r of it: the header" < "$here/tests/cli/status/none.ok"
t "status of one" 0 "$vmctl" status off
sed -n '1p; /off$/p' "$here/tests/cli/status/states.ok" > "$dir/want.one"
out "status of one: its row" < "$dir/want.one"
t "status of none" 1 "$vmctl" status nobody
out "status of none: no table" < /dev/null
err "status of none: a message" <<'M'
vmctl: no VM is called nobody
M

# --- names and ids ------------------------------------------------------------
begin
route "GET /instances/web 200 $web_running"
route "GET /instances/db 200 $db_stopped"
route "GET /instances 200 [$web_running,$db_stopped]"
route "POST $web_id/pause 409 {\"code\":\"invalid_state\",\"message\":\"it is paused\"}"
route "POST $web_id/resume 409 {\"code\":\"invalid_state\",\"message\":\"it runs\"}"
route "POST $web_id/stop 200 $web_running"
route 'POST /log 204'
route 'POST /config/reload 200 {"accepted":true,"messages":["vm web: memory will be 1G after its next start"]}'
route 'POST /config 200 {"accepted":true,"messages":["vm new: added"]}'
route 'DELETE /config 200 {"accepted":true,"messages":["vm db: removed"]}'
serve
says() { # MESSAGE STATUS WORDS...
	message=$1 want=$2; shift 2
	t "$*" "$want" "$vmctl" "$@"
	grep -qxF -e "$message" "$dir/err"
	check "says: $message" $?
}
says "vmctl: invalid VM name" 1 pause .hidden
says "vmctl: invalid VM name" 1 pause _under
says "vmctl: invalid VM name" 1 pause -- -dash
says "vmctl: invalid VM name" 1 pause 'sla/sh'
says "vmctl: name too long" 1 pause "$(printf '%064d' 0)"
says "vmctl: the name of a VM is empty" 1 pause ''
says "vmctl: no VM is called 17" 1 pause 17
says "stopping vm 17: vm not found" 1 stop 17
says "vmctl: invalid VM name" 1 start -m 1G .x
says "vmctl: console not found: no VM is called nope" 1 console nope
says "vmctl: console not found: vm db is not running" 1 console db

# --- commands -------------------------------------------------------------------
says "vmctl: pause vm command failed: it is paused" 1 pause web
says "vmctl: unpause vm command failed: it runs" 1 unpause web
says "stopping vm web: requested to shutdown vm 1" 0 stop 1
says "stopping vm web: forced to terminate vm 1" 0 stop -f web
says "stopping vm db: cannot stop vm that is not running" 1 stop db
says "stopping vm web: requested to shutdown vm 1" 0 stop -a
for words in brief b BRI verbose verb V; do
	t "log $words" 0 "$vmctl" log $words
	case $words in [bB]*) v=false ;; *) v=true ;; esac
	sent "is $v" <<M
POST /log {"verbose":$v}
M
done
says "unknown argument: loud" 1 log loud
says "usage:	vmctl [-v] log brief|verbose" 1 log loud
says "usage:	vmctl [-v] log brief|verbose" 1 log
says "vm web: memory will be 1G after its next start" 0 reload
for words in "" all ALL vms VMs; do
	# shellcheck disable=SC2086
	says "vm db: removed" 0 reset $words
done
t "reset switches" 0 "$vmctl" reset Switches
sent "leaves everything" < /dev/null
says "vmctl: no VM is called vm" 1 reset vm
: > "$dir/empty.conf"
says "vm new: added" 0 load "$dir/empty.conf"
says "vmctl: $dir/none: No such file or directory" 1 load "$dir/none"
echo nonsense > "$dir/bad.conf"
says "$(realpath "$dir")/bad.conf:1: syntax error" 1 load "$dir/bad.conf"
says "vmctl: the configuration has errors; nothing was changed" 1 \
    load "$dir/bad.conf"

# --- which command ----------------------------------------------------------------
for words in "cons console" "cre create" "loa load" "pau pause" "rel reload" \
    "sh show" "statu status" "sto stop" "unp unpause" "w wait" \
    "stat status" "star start" "p pause" "res reset" "cr create" \
    "u unpause"; do
	# shellcheck disable=SC2086
	set -- $words
	t "$1" 0 "$vmctl" help "$1"
	head -1 "$dir/out" | grep -q "vmctl \[-v\] $2"
	check "$1 is $2" $?
done
for words in sta st s re c lo i; do
	says "ambiguous argument: $words" 1 $words
done
says "unknown argument: frobnicate" 1 frobnicate
for words in "" frobnicate; do
	# shellcheck disable=SC2086
	says "usage:	vmctl [-v] command [arg ...]" 1 $words
done
for c in console create load log pause start stop unpause wait; do
	t "$c of nothing" 1 "$vmctl" $c
	grep -q "^usage:	vmctl \[-v\] $c" "$dir/err"
	check "$c: its usage" $?
done
stop
t "no daemon" 1 "$vmctl" status
out "no table" < /dev/null
end
