#!/bin/sh
# share.t: directories of the host in a VM: what a guest sees and may do
# there, whose rights count, and what happens when their server dies.
. tests/boot/lib.sh

[ -x /usr/lib/qemu/virtiofsd ] || skip_all "no virtiofsd (qemu-system-common)"
[ "$(id -u)" -eq 0 ] || skip_all "not root"
command -v setpriv > /dev/null || skip_all "no setpriv"
chmod 755 "$t"
passable || skip_all "other users may not read the build tree"
u=$(id -u games) g=$(id -g games) || skip_all "no user games"
as_user() { setpriv --reuid "$u" --regid "$g" --clear-groups "$@"; }
as_user unshare -U true 2> /dev/null || skip_all "users get no user namespace"

big=${SHARE_BIG_MIB:-32}
no() { ! "$@"; }
user_vmctl() { as_user timeout 120 "$bin/vmctl" "$@"; }
# user_run NAME OPTION...: a VM of that user's, which answers.
user_run() {
	name=$1; shift
	user_vmctl run -d --name "$name" -m 192M -c 1 "$@" busybox:hello &&
	    vmctl wait --state Running --timeout 100s "$name"
}
guest() { vmctl exec -u root a sh -c "$1" 2>&1; }
field() { vmctl inspect --format json a |
    jq -r "(if type == \"array\" then .[0] else . end) | .$1 // \"\""; }

start_vmd -o user=nobody || broken "vmd starts"
import_hello
d=$t/dir
install -d -o "$u" -g "$g" -m 755 "$d"
install -d -o "$u" -g "$g" -m 777 "$d/all"
install -d -m 700 "$t/closed"
echo from-host > "$d/file"
echo secret > "$t/secret"
echo roots > "$d/private"
chmod 600 "$d/private"

# Who may share what.
ok "what a user may not open is not shared" \
    no user_run x -v "$t/closed:/mnt/x"
has "and he is told so" "closed: Permission denied" "$(cat "$t/ok.out")"
is "nothing is left of it" "" "$(vmctl ps -aq)"
ok "nor what is no directory" no user_run x -v "$d/file:/mnt/x"
has "and he is told so" "Not a directory" "$(cat "$t/ok.out")"

ok "a user's directory, twice" user_run a -v "$d:/mnt/x" -v "$d:/mnt/ro:ro"
dir=$state/vms/$(field id)
p=$(vm_pids a fs0)
is "its server runs as that user" "Uid: $u $u $u $u" \
    "$(tr -s '\t' ' ' < "/proc/$p/status" | grep ^Uid)"
is "inspect shows both" "$d /mnt/x false $d /mnt/ro true" "$(vmctl inspect \
    --format json a | jq -r '(if type == "array" then .[0] else . end) |
    [.shares[] | .host_path, .path, .readonly] | join(" ")')"

# Both ways.
is "the guest reads the host's file" from-host "$(guest 'cat /mnt/x/file')"
guest 'echo from-guest > /mnt/x/new && sync'
is "the host reads the guest's" from-guest "$(cat "$d/new")"
is "it belongs to the user" "$u $g" "$(stat -c '%u %g' "$d/new")"
is "who is root in the guest" "0 0" "$(guest "stat -c '%u %g' /mnt/x/new")"
is "another user of the guest writes where all may" 0 \
    "$(vmctl exec -u 1000 a sh -c 'echo x > /mnt/x/all/f' 2>&1; echo $?)"
is "and that is the user's, too" "$u $g" "$(stat -c '%u %g' "$d/all/f")"
guest "dd if=/dev/urandom of=/mnt/x/big bs=1M count=$big && sync" > /dev/null
is "a large file is the same on both sides" \
    "$(sha256sum < "$d/big" | cut -d ' ' -f 1)" \
    "$(guest 'sha256sum < /mnt/x/big' | cut -d ' ' -f 1)"
is "and whole" "$((big * 1048576))" "$(stat -c %s "$d/big")"
guest 'mkdir /mnt/x/sub && mv /mnt/x/big /mnt/x/sub/moved && rm /mnt/x/new'
ok "files are renamed" [ -f "$d/sub/moved" ]
ok "and removed" [ ! -e "$d/new" ]

# What may not be.
has "read-only is read-only" Read-only "$(guest 'echo x > /mnt/ro/z')"
guest 'mount -o remount,rw /mnt/ro'
has "also for a guest that mounts it anew" Read-only \
    "$(guest 'echo x > /mnt/ro/z')"
ok "nothing was made" [ ! -e "$d/z" ]
has "a link out leads nowhere" "can't open" \
    "$(guest "ln -s $t/secret /mnt/x/link; cat /mnt/x/link")"
has "nor does one upwards" "can't open" \
    "$(guest "ln -s ../secret /mnt/x/up; cat /mnt/x/up")"
has "what is closed to the user is closed to the guest's root" "denied" \
    "$(guest 'cat /mnt/x/private')"
has "what he may only read is not written" "denied" \
    "$(guest 'echo x > /mnt/x/file')"
has "no set-user-ID programs" "not permitted" \
    "$(guest 'cp /bin/busybox /mnt/x/sub/p && chmod 4755 /mnt/x/sub/p')"
is "no bit of it" 0 "$(find "$d" -perm /6000 | wc -l)"
has "no devices" "not permitted" "$(guest 'mknod /mnt/x/null c 1 3')"
has "no other owners" "nvalid" "$(guest 'chown 1000 /mnt/x/sub')"

# Nothing keeps what the server knows.
has "standby is refused" "which no snapshot holds" "$(vmctl standby a 2>&1)"
has "a snapshot is refused" "which no snapshot holds" \
    "$(vmctl snapshot create a 2>&1)"
has "a fork is refused" "which no snapshot holds" "$(vmctl fork a b 2>&1)"
is "and the VM runs" Running "$(field state)"

# The monitor is replaced, the VM and its server go on.
kill -9 "$vmd_pid"
wait "$vmd_pid" 2> /dev/null
start_vmd -o user=nobody || broken "vmd starts again"
is "killed vmd: the directory is there" from-host "$(guest 'cat /mnt/x/file')"
is "with the same server" "$p" "$(vm_pids a fs0)"

stopped() { [ "$(field state)" = Stopped ]; }
kill -9 "$p"
ok "the server killed: the VM is Stopped" wait_for 20 stopped
has "the reason names it" fs0 "$(field exit_reason)"
gone() { ! leftovers | grep -v -e vmd-control -e /vmd | grep -q .; }
ok "nothing of it runs" wait_for 10 gone
ok "start works again" vmctl start a
ok "and it answers" vmctl wait --state Running --timeout 100s a
is "with its directory" from-host "$(guest 'cat /mnt/x/file')"
ok "stop" vmctl stop -w a
is "a stop has no other reason" "" "$(field exit_reason | grep fs0)"

# A record that is not vmd's own is not believed.
cp "$dir/shares" "$t/shares"
chown "$u" "$dir/shares"
ok "a record of another owner is refused" no vmctl start a
rm "$dir/shares"
sed 's/^vm ./vm -/' "$t/shares" > "$dir/shares"
chmod 600 "$dir/shares"
ok "and one of another VM" no vmctl start a
ok "remove" vmctl rm a
ok "nothing of it runs" wait_for 10 gone
done_testing
