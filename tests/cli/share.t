#!/bin/sh
# share.t: who may share which directory of the host, and what is refused;
# with the null hypervisor, so no guest looks at them.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP not root"; exit 0; }
command -v setpriv > /dev/null || { echo "1..0 # SKIP no setpriv"; exit 0; }
[ -x /usr/lib/qemu/virtiofsd ] || { echo "1..0 # SKIP no virtiofsd"; exit 0; }
u=$(id -u games 2> /dev/null) || { echo "1..0 # SKIP no user games"; exit 0; }
name=share
. tests/cli/api.sh
chmod 755 "$d"
mkdir -m 755 "$d/bin"
for p in vmd vmd-control vmd-image vmd-share vmm-null vmm vmm-qemu viod; do
	cp "$build/bin/$p" "$d/bin/" ||
	    { echo "1..0 # SKIP no $build/bin/$p"; exit 0; }
done
as_user() { setpriv --reuid "$u" --regid 60 --clear-groups "$@"; }
as_user "$d/bin/vmd" -n -s /nonexistent > /dev/null 2>&1
[ $? -ne 126 ] && [ $? -ne 127 ] ||
    { echo "1..0 # SKIP other users may not enter $d"; exit 0; }
as_user unshare -U true 2> /dev/null ||
    { echo "1..0 # SKIP users get no user namespace"; exit 0; }

api() { # METHOD PATH [BODY]; $as runs it as somebody
	status=$(${as:-} curl -s -g -m 60 --unix-socket "$sock" -X "$1" \
	    -w '%{http_code}' ${3+-d "$3"} "http://vmd$2" > "$d/all"
	    tail -c 3 "$d/all")
	head -c -3 "$d/all" > "$d/body"
}
start_vmd() { # COMMAND...
	"$@" 2>> "$d/log" &
	pid=$!
	serving || { echo "not ok 1 - vmd starts"; echo 1..1
	    sed 's/^/# /' "$d/log" >&2; exit 1; }
}
make_vm() { # NAME HOSTDIR
	api POST /instances "{\"name\":\"$1\",\"image\":\"none\",\"hypervisor\":\
\"null\",\"shares\":[{\"host_path\":\"$2\",\"path\":\"/x\",\"readonly\":true}]}"
}
fs0() { awk '$1 == "fs0" { print $2 }' "$d/state/vms/$1/pids"; }
runs_as() { [ "$(ps -o uid= -p "$(fs0 "$1")" | tr -d ' ')" = "$2" ]; }
ended() {
	i=0
	while [ -d "/proc/$1" ] && [ $i -lt 100 ]; do
		i=$((i + 1))
		sleep 0.05
	done
	[ ! -d "/proc/$1" ]
}

install -d -o "$u" -m 700 "$d/mine"
install -d -m 700 "$d/closed"
: > "$d/file"
start_vmd "$d/bin/vmd" -d -s "$d/state" -S "$sock" -o user=nobody \
    -o uid_base=1920000000

as=as_user
make_vm bad mine
is 400 '.message | contains("host_path")'; ok "a relative path is refused"
make_vm bad "$d/mine/../closed"
is 400 '.message | contains("..")'; ok "and one with .."
make_vm bad "$d/closed"
jq -e '.message | contains("Permission denied")' "$d/body" > /dev/null
ok "what he may not open is not shared"
make_vm bad "$d/file"
jq -e '.message | contains("Not a directory")' "$d/body" > /dev/null
ok "nor a file"
api GET /instances
is 200 'length == 0'; ok "nothing is left of these"
make_vm a "$d/mine"
is 201 ".shares == [{host_path: \"$d/mine\", path: \"/x\", readonly: true}]"
ok "a directory of his own is"
id=$(jq -r .id "$d/body")
runs_as "$id" "$u"; ok "its server is his"
stat -c '%u %a' "$d/state/vms/$id/shares" | grep -qx '0 600'
ok "the record is root's"
api POST "/instances/$id/standby"
jq -e '.message | contains("no snapshot holds")' "$d/body" > /dev/null
ok "standby is refused"
api POST "/instances/$id/fork" '{"name":"b","from_running":true}'
jq -e '.message | contains("no snapshot holds")' "$d/body" > /dev/null
ok "a fork is refused"
api GET "/instances/$id"
is 200 '.state == "Running"'; ok "and it runs"

as=
p=$(fs0 "$id")
api POST "/instances/$id/stop"
is 200 '.state == "Stopped"'; ok "root stops it"
ended "$p"; ok "its server ends"
api GET "/instances/$id"
is 200 '(.exit_reason // "") | contains("fs0") | not'
ok "and is no reason of the end"
api POST "/instances/$id/start"
is 200 '.state == "Running"'; ok "root starts it"
runs_as "$id" "$u"; ok "its server is still his"
make_vm root "$d/closed"
is 201 '.shares[0].readonly'; ok "root shares what is root's"
end_vmd

# A daemon of a user's own, which root can reach as well.
sock=$d/mine/sock
# Not by as_user: the process that is ended must be vmd, not a shell's.
start_vmd setpriv --reuid "$u" --regid 60 --clear-groups \
    "$d/bin/vmd" -d -s "$d/mine/state" -S "$sock"
make_vm a "$d/mine"
jq -e '.message | contains("nobody else")' "$d/body" > /dev/null
ok "a user's daemon shares nothing of root's"
as=as_user
make_vm a "$d/mine"
is 201 '.shares | length == 1'; ok "and what is the user's"
echo "1..$n"
exit $bad
