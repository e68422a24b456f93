#!/bin/sh
# privsep.t - an installed vmd: root's, with every program as the user that
# vmd-processes(7) says, for ordinary users who see only what is theirs; then
# one that an ordinary user started, with no root anywhere.
. tests/boot/lib.sh

[ "$(id -u)" -eq 0 ] || skip_all "not root"
for p in setpriv useradd userdel pgrep make gcc curl; do
	command -v $p > /dev/null || skip_all "no $p"
done
for u in daemon games nobody; do
	id $u > /dev/null 2>&1 || skip_all "no user $u"
done
setpriv --reuid daemon --clear-groups test -x "${t%/*}" ||
    skip_all "other users may not enter ${TMPDIR:-/tmp}"
chmod 755 "$t"

# --- install, with a user _vmd if there is none --------------------------------

made=
ended() {
	rc=$?
	trap - EXIT INT TERM HUP
	[ $rc -eq 0 ] || bad=1
	stop_vmd
	( finish )
	rc=$?
	[ -z "$made" ] || wait_for 20 userdel _vmd
	exit $rc
}
trap ended EXIT
trap 'exit 1' INT TERM HUP
id _vmd > /dev/null 2>&1 || {
	useradd --system --home-dir /nonexistent --no-create-home \
	    --shell /usr/sbin/nologin _vmd || skip_all "cannot make user _vmd"
	made=1
}
mkdir "$t/build"
cp -Rp "$build/bin" "$build/lib" "$build/obj" "$t/build"
# With a DESTDIR it does not touch the users of the host.
env -u MAKEFLAGS make -s O="$t/build" DESTDIR=/ prefix="$t/opt" install \
    > "$t/install.log" 2>&1 || broken "make install"
rm -rf "$t/build"
bin=$t/opt/bin
sbin=$t/opt/sbin

as() { # as USER COMMAND...: in a directory everybody may be in
	who=$1; shift
	(cd / && exec setpriv --reuid "$who" --regid "$(id -g "$who")" \
	    --clear-groups "$@")
}
as_ctl() {
	who=$1; shift
	as "$who" timeout 120 "$bin/vmctl" "$@"
}
no() { ! "$@"; }
names() {
	jq -r '(if type == "array" then .[] else . end) | .name' | sort |
	    tr '\n' ' '
}
# status PID: the lines of /proc/PID/status that say what it may do.
status() {
	tr -s '\t' ' ' < "/proc/$1/status" |
	    grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' | tr '\n' ' '
}
confined() {
	echo "Uid: $1 $1 $1 $1 CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2 "
}
# Users that no other test looks at.
start_root() {
	"$sbin/vmd" -d -v -s "$state" -S "$t/vmd.sock" \
	    -o hypervisor="$HYPERVISOR" -o uid_base=1800000000 >> "$t/vmd.log" 2>&1 &
	vmd_pid=$!
	wait_for 30 vmctl version
}

# --- root's ------------------------------------------------------------------

ok "vmd starts with the defaults" start_root
uid=$(id -u _vmd)
is "vmd-control is _vmd and confined" "$(confined "$uid")" \
    "$(status "$(pgrep -P "$vmd_pid" vmd-control)")"
is "state" "root _vmd 1770" "$(stat -c '%U %G %a' "$state")"
is "vms" "root _vmd 750" "$(stat -c '%U %G %a' "$state/vms")"
is "images" "_vmd _vmd 750" "$(stat -c '%U %G %a' "$state/images")"
is "volumes" "_vmd _vmd 750" "$(stat -c '%U %G %a' "$state/volumes")"
is "the database" "_vmd" "$(stat -c %U "$state/vmd.db")"
ok "nobody else reads it" no as daemon cat "$state/vmd.db"
is "everybody may ask" 666 "$(stat -c %a "$t/vmd.sock")"

# A job that waits for its input stays to be looked at.
make_hello
mkfifo "$t/in"
vmctl image import --name busybox:hello - < "$t/in" > "$t/import.log" 2>&1 &
import=$!
exec 9> "$t/in"
dd if="$t/hello.tar" bs=4096 count=1 2> /dev/null >&9
ok "a job" wait_for 20 pgrep -P "$vmd_pid" vmd-image
is "is _vmd and confined" "$(confined "$uid")" \
    "$(status "$(pgrep -P "$vmd_pid" vmd-image)")"
dd if="$t/hello.tar" bs=4096 skip=1 2> /dev/null >&9
exec 9>&-
ok "and does its work" wait $import

# --- for its users -------------------------------------------------------------

ok "daemon's VM" as_ctl daemon run -d --name a -m 192M -c 1 busybox:hello
ok "games' VM" as_ctl games run -d --name b -m 192M -c 1 busybox:hello
ok "both answer" vmctl wait --state Running --timeout 100s a
ok "(the other)" vmctl wait --state Running --timeout 100s b
has "exec in one's own" Linux "$(as_ctl daemon exec a uname)"
is "daemon sees his" "a " "$(as_ctl daemon ps -a --format json | names)"
is "games sees hers" "b " "$(as_ctl games ps -a --format json | names)"
is "root sees both" "a b " "$(vmctl ps -a --format json | names)"
has "another's is none: stop b" "stopping vm b: vm not found" \
    "$(as_ctl daemon stop b 2>&1)"
for c in "exec b true" "rm b" "logs b" "inspect b" "pause b" \
    "cp b:/etc/passwd $t/stolen"; do
	# shellcheck disable=SC2086
	has "another's is none: $c" "no VM is called b" \
	    "$(as_ctl daemon $c 2>&1)"
done
has "games' goes on" Linux "$(as_ctl games exec b uname)"

id_of() { vmctl inspect --format json "$1" |
    jq -r '(if type == "array" then .[0] else . end) | .id'; }
a=$state/vms/$(id_of a)
b=$state/vms/$(id_of b)
ua=$(stat -c %u "$a")
ok "a VM has a user of its own" [ "$ua" -ge 1800000000 ]
is "a VM's directory" "$ua _vmd 2770" "$(stat -c '%u %G %a' "$a")"
is "vmd's own files there" "0 600 0 600" \
    "$(stat -c '%u %a' "$a/lock" "$a/pids" | xargs)"
is "its sockets" "$ua _vmd 660" "$(stat -c '%u %G %a' "$a/api.sock")"
is "nothing there is anybody's" "" "$(find "$a" ! -type s -perm /007)"
for p in $(cut -d ' ' -f 2 "$a/pids") $(pgrep -U "$ua" qemu); do
	is "$(cat "/proc/$p/comm") has the VM's user and is confined" \
	    "$(confined "$ua")" "$(status "$p")"
done

as_a() { setpriv --reuid "$ua" --regid "$ua" --clear-groups "$@"; }
ask() { curl -s -m 5 --unix-socket "$1" http://localhost/api/v1/vmm.ping; }
has "root asks b's VMM" "$HYPERVISOR" "$(ask "$b/api.sock")"
for f in api.sock vsock.sock console.sock disk0.vu; do
	for u in "$ua" daemon; do
		ok "user $u does not connect to b's $f" no setpriv \
		    --reuid "$u" --clear-groups curl -s -m 5 --unix-socket \
		    "$b/$f" http://localhost/
	done
done
ok "a's user reads none of b's files" no as_a cat "$b/overlay.img"
ok "nor the images" no as_a ls "$state/images"
ok "nor does daemon read his own VM's disk" no as daemon cat "$a/overlay.img"
ok "daemon removes his" as_ctl daemon rm -f a
ok "games hers" as_ctl games rm -f b
is "no directory is left" "" "$(ls -A "$state/vms")"
stop_vmd
is "nor the API socket" "" "$(find "$t" -maxdepth 1 -name vmd.sock)"

# --- an ordinary user's own ------------------------------------------------------

mkdir "$t/home"
chown nobody "$t/home"
state=$t/home/.local/share/vmd
unset VMCTL_HOST
mine() {
	as nobody env -i HOME="$t/home" PATH="$PATH" timeout 120 "$@"
}
vmctl() { mine "$bin/vmctl" "$@"; }
start_mine() {
	(cd / && exec setpriv --reuid nobody --regid "$(id -g nobody)" \
	    --clear-groups env -i HOME="$t/home" PATH="$PATH" "$sbin/vmd" \
	    -d -v -o hypervisor="$HYPERVISOR") >> "$t/vmd.log" 2>&1 &
	vmd_pid=$!
	wait_for 30 vmctl version
}
ok "vmd of nobody's, and vmctl finds it" start_mine
chmod 644 "$t/hello.tar"
ok "import" vmctl image import --name busybox:hello "$t/hello.tar"
ok "a VM answers" run_hello c
has "exec" Linux "$(vmctl exec c uname)"
is "every process is nobody's" "nobody" \
    "$(ps -o user= -p "$(leftovers | cut -d ' ' -f 1 | tr '\n' ',')$vmd_pid" |
    sort -u)"
is "nothing of it is anybody else's" "" \
    "$(find "$t/home" ! -user nobody -o ! -type s ! -type l -perm /022)"
ok "nobody else may ask" no as daemon curl -s -m 5 --unix-socket \
    "$state/vmd.sock" http://localhost/health
kill -9 "$vmd_pid"
wait "$vmd_pid" 2> /dev/null
ok "it is started again" start_mine
has "the VM goes on" Linux "$(vmctl exec c uname)"
ok "remove" vmctl rm -f c
is "no directory is left" "" "$(ls -A "$state/vms")"
stop_vmd
ended() { [ -z "$(pgrep -u nobody -f "$t")" ]; }
wait_for 20 ended
is "no process is left" "" "$(pgrep -u nobody -f "$t")"
done_testing
