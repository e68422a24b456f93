#!/bin/sh
# vmd.t - the monitor, with a vmd-control that does what a line says: start
# and end, what it refuses, VMs that outlive it, nothing left behind.

BUILD=$(cd "${BUILD:-build}" && pwd)
for p in socat setpriv flock; do
	command -v $p >/dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
[ -x "$BUILD/tests/double/vmd-control" ] || {
	echo "1..0 # SKIP tests/double/vmd-control is not built"
	exit 0
}

d=$(mktemp -d /tmp/vmd.XXXXXX)
state=$d/state
lib=$d/libexec
vmd=
n=0
# As root without users of their own, but where the test says so.
user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"

# Every process below our directory: VMs outlive their daemon.
leftovers() {
	for p in /proc/[0-9]*; do
		case $(readlink "$p/cwd" 2>/dev/null) in
		"$d"/*) echo "${p#/proc/}" ;;
		esac
	done
}
cleanup() {
	[ -z "$vmd" ] || kill -9 "$vmd" 2>/dev/null
	for p in $(leftovers); do kill -9 "$p" 2>/dev/null; done
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

result() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		shift 2
		printf '# %s\n' "$@"
	fi
}
is() { [ "$2" = "$3" ]; result $? "$1" "got:    $2" "wanted: $3"; }
like() {
	case $2 in
	$3) result 0 "$1" ;;
	*) result 1 "$1" "got:  $2" "like: $3" ;;
	esac
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

# until_true COMMAND...: a bounded wait; the last try decides.
until_true() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || return 1
		sleep 0.02
	done
}
ask() {
	printf '%s\n' "$*" |
	    timeout 30 socat -t 30 - "UNIX-CONNECT:$state/vmd.sock" 2>&1
}
asks() { ask "$1" | grep -q "$2"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
procs() { ask list | tr ' ' '\n' | sed -n "s/^$1=//p"; }

# start_vmd [OPTION]...: and wait until it serves.
start_vmd() {
	# shellcheck disable=SC2086
	"$BUILD/bin/vmd" -d -s "$state" -o "libexec=$lib" $user "$@" \
	    2>> "$d/log" &
	vmd=$!
	until_true asks list '^ok'
}
end_vmd() {
	kill "$vmd"
	wait "$vmd"
	rc=$?
	vmd=
	return $rc
}

mkdir "$lib"
for p in viod vmm vmm-null vmm-qemu vmd-image; do
	ln -s "$BUILD/bin/$p" "$lib/$p"
done
ln -s "$BUILD/tests/double/vmd-control" "$lib/vmd-control"

# --- the command line ------------------------------------------------------

v="$BUILD/bin/vmd"
like "usage" "$("$v" -z 2>&1)" "usage: vmd *"
like "an unknown name is refused with the list" \
    "$("$v" -n -o colour=red 2>&1)" \
    "vmd: -o colour: not known; the names are accel, *, user"
like "a value is checked" "$("$v" -n -o cpu_ratio=1.234 2>&1)" \
    "vmd: -o cpu_ratio: 1.234 is no ratio such as 1.5"
like "a hypervisor is checked" "$("$v" -n -o hypervisor=xen 2>&1)" \
    "vmd: -o hypervisor: xen is not known"
like "TCP needs a key" "$("$v" -n -l 127.0.0.1:1 2>&1)" "vmd: -l needs -k *"
like "-n says what it did" "$("$v" -n 2>&1)" "*command line OK*"
"$v" -n 2>/dev/null
is "-n succeeds" $? 0

# --- start and end -----------------------------------------------------------

start_vmd -o cpu_ratio=2.5
result $? "vmd serves" "$(cat "$d/log")"
is "vmd-control is told the options" "$(ask setup 250)" ok
# shellcheck disable=SC2086
like "a second vmd is refused" "$("$v" -d -s "$state" $user 2>&1 | tail -n 1)" \
    "vmd: $state: already running as pid $vmd"
end_vmd
is "SIGTERM ends it" $? 0
[ ! -e "$state/vmd.sock" ]
result $? "its socket is gone"
is "nothing runs" "$(leftovers)" ""

# shellcheck disable=SC2086
"$v" -s "$state" -o "libexec=$lib" $user 2> "$d/err" < /dev/null
is "into the background" $? 0
vmd=$(cat "$state/vmd.lock")
asks list '^ok'
result $? "it serves when the command returns" "$(cat "$d/err")"
# shellcheck disable=SC2086
like "the one in the background is named" \
    "$("$v" -s "$state" $user 2>&1 | tail -n 1)" \
    "vmd: $state: already running as pid $vmd"
kill "$vmd"
until_true gone "$vmd"
result $? "it ends"
vmd=

: > "$state/refuse"
# shellcheck disable=SC2086
like "what vmd-control says against a start" \
    "$("$v" -s "$state" -o "libexec=$lib" $user 2>&1 | tail -n 1)" \
    "vmd: vmd-control: the test wants no start"
# shellcheck disable=SC2086
"$v" -d -s "$state" -o "libexec=$lib" $user 2> /dev/null
is "and in the foreground" $? 1
rm "$state/refuse"
: > "$state/die"
# shellcheck disable=SC2086
like "a vmd-control that dies at once" \
    "$("$v" -s "$state" -o "libexec=$lib" $user 2>&1 | tail -n 1)" \
    "vmd: vmd-control: ended before it served"
rm "$state/die"
# shellcheck disable=SC2086
like "no vmd-control" \
    "$("$v" -s "$state" -o libexec=/nonexistent $user 2>&1 | tail -n 1)" \
    "vmd: vmd-control: /nonexistent/vmd-control: No such file or directory"
# Who is told that it failed may try again at once: the lock is free by then.
for _ in 1 2 3 4 5 6 7 8 9 10; do
	# shellcheck disable=SC2086
	"$v" -s "$state" -o libexec=/nonexistent $user 2>&1
done > "$d/again"
is "and again at once, ten times" "$(grep -c "No such file" "$d/again")" 10

echo "0123456789abcdef0123456789abcdef" > "$d/key"
chmod 644 "$d/key"
# shellcheck disable=SC2086
like "a key that others may read" \
    "$("$v" -s "$state" -l 127.0.0.1:0 -k "$d/key" $user 2>&1 | tail -n 1)" \
    "vmd: -k $d/key: others may read it*"
chmod 600 "$d/key"
start_vmd -l 127.0.0.1:0 -l '[::1]:0' -k "$d/key"
is "vmd-control has the key" "$(ask setup "$(cat "$d/key")")" ok
is "and it is in no command line" \
    "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' |
    grep -c '^0123456789abcdef0123456789abcdef$')" 0
end_vmd

# --- VMs -----------------------------------------------------------------------

start_vmd
like "a directory is made" "$(ask make web)" "ok *"
is "once" "$(ask make web)" \
    "error already_exists VM web has a directory already"
is "not everything is an id" "$(ask make ../web)" \
    "error bad_request not the id of a VM"
is "no directory, no start" "$(ask start nope null)" \
    "error not_found VM nope has no directory"
truncate -s 1M "$d/disk"
like "a VM starts" "$(ask start web null "disk=$d/disk" vsock=3)" \
    "ok web/* vmm=* disk0=* vsock0=*"
is "it starts once" "$(ask start web null)" \
    "error invalid_state VM web: a process of it still lives"
is "its directory stays" "$(ask remove web)" \
    "error invalid_state VM web: a process of it still lives"
flock -n "$state/vms/web/lock" true
is "its processes hold the lock" $? 1
ask make db > /dev/null
is "a disk has one writer" "$(ask start db null "disk=$d/disk")" \
    "error disk_in_use disk0: another VM uses the file"
is "and no reader beside it" "$(ask start db null "disk=$d/disk:ro")" \
    "error disk_in_use disk0: another VM uses the file"
is "what is not built is refused" "$(ask start db cloud)" \
    "error not_supported hypervisor cloud-hypervisor is not part of this vmd"
is "no disk at all" "$(ask start db null disk=/nonexistent)" \
    "error bad_request disk0: no file"
is "what is no disk" "$(ask start db null disk=/dev/zero:ro)" \
    "error bad_request disk0: neither a file nor a block device"
is "a bad context id" "$(ask start db null vsock=2)" \
    "error bad_request vsock0: context id 2 is below 3"
like "it is listed" "$(ask list)" "ok web/* vmm=* disk0=* vsock0=*"

vmm=$(procs vmm)
disk=$(procs disk0)
is "a VM's process has nothing but PATH" \
    "$(tr '\0' '\n' < "/proc/$disk/environ" | sed 's/=.*//')" PATH
is "its directory is the VM's" "$(readlink "/proc/$disk/cwd")" \
    "$state/vms/web"
is "it leads a session" "$(ps -o sid= -p "$disk" | tr -d ' ')" "$disk"
is "it has nothing of vmd's" "$(ls -l "/proc/$disk/fd" |
    grep -c 'vmd.lock\|vmd.sock')" 0
kill -9 "$disk"
until_true asks events 'web:gone'
like "a device that dies ends its VM" "$(ask list)" "ok"
like "it starts again" "$(ask start web null "disk=$d/disk" vsock=3)" "ok *"
ask events > /dev/null
kill -9 "$(procs vmm)"
until_true asks list '^ok$'
like "a VMM that dies ends its devices" "$(ask events)" \
    "ok *web/vmm:killed *web:gone *"
like "again" "$(ask start web null)" "ok *"
is "term" "$(ask term web)" ok
until_true asks list '^ok$'
like "the VMM ends the VM" "$(ask events)" "ok web/vmm:exited web:gone *"

# --- programs that misbehave at the start ----------------------------------------

# with PROGRAM TEXT: a shell script in its place.
with() {
	rm -f "$lib/$1"
	printf '#!/bin/sh\n%s\n' "$2" > "$lib/$1"
	chmod +x "$lib/$1"
}
back() { rm -f "$lib/$1"; ln -s "$BUILD/bin/$1" "$lib/$1"; }

with viod 'echo "error port 8080 is in use" >&3'
is "a refusal is passed on" "$(ask start web null net=8080)" \
    "error port_in_use net0: port 8080 is in use"
is "the VMM that served is gone" "$(ask list)" ok
is "nothing is told of it" "$(ask events)" "ok "
with viod 'exit 3'
is "a device that ends" "$(ask start web null net=8080)" \
    "error start_failed net0: ended before it served"
with viod 'kill -SEGV $$'
is "a device that crashes" "$(ask start web null net=8080)" \
    "error start_failed net0: ended before it served"
with viod 'printf "error \001\377bad\n" >&3'
like "control characters are not" "$(ask start web null net=8080)" \
    "error start_failed net0: [?]*bad"
with viod 'echo hello >&3'
is "another word" "$(ask start web null net=8080)" \
    'error start_failed net0: reported "hello"'
with viod 'echo ok >&3; exec 3>&-; exec sleep 1000'
with vmm-null 'sleep 0.2; echo "error no memory" >&3'
is "a VMM that fails" "$(ask start web null net=8080)" \
    "error start_failed vmm: no memory"
is "takes its devices with it" "$(ask list) $(leftovers |
    xargs -r ps -o comm= -p | grep -c sleep)" "ok 0"
# A process that holds the lock when the VM's own are gone.
with vmm-null 'sleep 1000 & echo ok >&3; exec 3>&-; exec sleep 1000'
like "a VMM with a child" "$(ask start web null)" "ok *"
ask kill web > /dev/null
until_true asks list '^ok$'
is "whoever stays is killed" "$(leftovers | xargs -r ps -o comm= -p |
    grep -c sleep)" 0
# vmm is handed the device that its user may not open.
with vmm 'while [ "$1" != -k ] && [ $# -gt 0 ]; do shift; done
echo "error $(readlink "/proc/self/fd/${2:-none}")" >&3'
if [ -w /dev/kvm ]; then
	is "vmm is given /dev/kvm" "$(ask start web vmm)" \
	    "error start_failed vmm: /dev/kvm"
else
	is "vmm is given no device that vmd may not open" \
	    "$(ask start web vmm)" "error start_failed vmm: "
fi
back vmm
rm "$lib/viod"
is "a program that is not there" "$(ask start web null net=8080)" \
    "error start_failed net0: $lib/viod: No such file or directory"
ln -s "$BUILD/bin/viod" "$lib/viod"
back vmm-null
ask events > /dev/null

# --- vmd-control dies ---------------------------------------------------------------

like "a VM" "$(ask start web null "disk=$d/disk")" "ok *"
before=$(ask list)
control=$(ps -o pid= --ppid "$vmd" | while read -r p; do
    [ "$(cat "/proc/$p/comm")" != vmd-control ] || echo "$p"; done)
kill -9 "$control"
until_true asks list '^ok web'
is "vmd-control is started again, the VM goes on" "$(ask list)" "$before"
ask garbage > /dev/null
until_true asks list '^ok web'
is "one that sends garbage is replaced" "$(ask list)" "$before"
ask early > /dev/null
until_true asks list '^ok web'
is "one that asks what it may not, too" "$(ask list)" "$before"
like "vmd says so" "$(grep -c 'vmd-control killed: it may not ask setup' \
    "$d/log")" 1
ask hang > /dev/null &
end_vmd
is "one that hangs does not hold up the end" $? 0
wait

# --- vmd dies -----------------------------------------------------------------------

start_vmd
is "the VM outlived an orderly end" "$(ask list)" "$before"
kill -9 "$vmd"
wait "$vmd" 2>/dev/null
start_vmd
is "and SIGKILL" "$(ask list)" "$before"
kill -9 "$(procs disk0)"
until_true asks list '^ok$'
like "the end of an adopted VM is told" "$(ask events)" \
    "ok *web/vmm:[?] *web:gone *"
like "it starts again" "$(ask start web null "disk=$d/disk")" "ok *"
ask kill web > /dev/null
until_true asks list '^ok$'
is "kill" "$(ask remove web)$(ask remove db)" "okok"
is "nothing is left" "$(ls -A "$state/vms")" ""

# pids that lie: a process of ours that has nothing to do with it.
ask make liar > /dev/null
sleep 1000 &
other=$!
kill -9 "$vmd"
wait "$vmd" 2>/dev/null
start=$(sed 's/.*) //' "/proc/$other/stat" | cut -d ' ' -f 20)
printf 'vmm %d %d\ndisk0 1 1\ndisk0 -5 7\nx\n\n%01000d\n' "$other" \
    $((start + 1)) 7 > "$state/vms/liar/pids"
start_vmd
is "a number that was used again is no process of the VM" "$(ask list)" ok
kill -9 "$vmd"
wait "$vmd" 2>/dev/null
printf 'vmm %d %d\n' "$other" "$start" > "$d/pids"
ln -sf "$d/pids" "$state/vms/liar/pids"
start_vmd
is "pids that is a link is not believed" "$(ask list)" ok
kill -9 "$vmd"
wait "$vmd" 2>/dev/null
rm "$state/vms/liar/pids"
ln "$d/pids" "$state/vms/liar/pids"
start_vmd
is "nor one with another name" "$(ask list)" ok
like "it is made anew" "$(ask start liar null)" "ok *"
is "and the other file untouched" "$(cat "$d/pids")" "vmm $other $start"
ask kill liar > /dev/null
until_true asks list '^ok$'
kill -0 "$other"
is "the stranger lives" $? 0
kill "$other"

# Links and directories where files should be.
rm -f "$state/vms/liar/lock"
ln -s "$d/target" "$state/vms/liar/lock"
like "a link in the lock's place" "$(ask start liar null)" \
    "error - VM liar: lock: *"
rm "$state/vms/liar/lock"
mkdir -p "$state/vms/liar/sub/sub/sub"
ln -s / "$state/vms/liar/sub/root"
rm -f "$state/vms/liar/api.sock"
: > "$state/vms/liar/api.sock"
is "a file in the socket's place" "$(ask start liar null)" \
    "error - api.sock: exists and is no socket"
is "all of it is removed" "$(ask remove liar)$(ls "$state/vms")" ok
[ -d /usr ] && [ ! -e "$d/target" ]
result $? "and nothing behind a link"
end_vmd

mkdir "$d/home"
chmod 755 "$d/home"
: > "$d/home/letter"
# shellcheck disable=SC2086
like "a directory of somebody's" \
    "$("$v" -s "$d/home" -o "libexec=$lib" $user 2>&1 | tail -n 1)" \
    "vmd: $d/home: holds other things than the state of a vmd"
is "it is as it was" "$(stat -c %a "$d/home") $(ls "$d/home")" "755 letter"

# --- a state that is damaged ---------------------------------------------------------

rmdir "$state/vms"
: > "$state/vms"
# shellcheck disable=SC2086
like "a file for a directory" \
    "$("$v" -s "$state" -o "libexec=$lib" $user 2>&1 | tail -n 1)" \
    "vmd: $state/vms: *"
rm "$state/vms"
mkdir -p "$state/vms/.new-a" "$state/vms/.gone-b/c" "$state/vms/ok"
ln -s /etc "$state/vms/link"
: > "$state/vms/file"
start_vmd
is "odd names are no VMs" "$(ask list)" ok
is "what was half made or removed is gone" \
    "$(ls -A "$state/vms" | tr '\n' ' ')" "file link ok "
like "a link is no directory" "$(ask open link)" "error - directory of VM link*"
end_vmd

# --- SIGKILL at random moments -----------------------------------------------------------

rm -rf "$state/vms"
start_vmd
for i in 1 2 3 4; do
	ask make "vm$i" > /dev/null
	truncate -s 1M "$d/disk$i"
done
rounds=25
bad=
seed=$$
while [ $rounds -gt 0 ]; do
	rounds=$((rounds - 1))
	for i in 1 2 3 4; do
		(ask start "vm$i" null "disk=$d/disk$i" vsock=3
		ask kill "vm$i") > /dev/null 2>&1 &
		askers="$askers $!"
	done
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	sleep "0.0$((seed / 65536 % 90 + 10))"
	kill -9 "$vmd"
	wait "$vmd" 2>/dev/null
	# shellcheck disable=SC2086
	wait $askers 2>/dev/null
	askers=
	start_vmd || { bad="vmd does not serve again"; break; }
	# Each process that lives is known, or on its way out.
	for i in 1 2 3 4; do
		ask kill "vm$i" > /dev/null
		until_true asks "start vm$i null disk=$d/disk$i" \
		    '^ok\|^error - disk0: another VM' ||
		    bad="$bad vm$i: $(ask start "vm$i" null "disk=$d/disk$i")"
		ask kill "vm$i" > /dev/null
	done
	until_true asks list '^ok$' || bad="$bad $(ask list)"
	[ -z "$bad" ] || break
done
is "25 times: every VM can be killed and started" "$bad" ""
is "no zombie" "$(ps -o stat= --ppid "$vmd" | grep -c Z)" 0
for i in 1 2 3 4; do ask remove "vm$i" > /dev/null; done
end_vmd
is "no process is left" "$(leftovers)" ""
is "no file is left" "$(ls -A "$state/vms")" ""

# A directory that cannot be removed: too deep, made by whoever ran there.
deep=$state/vms/.gone-deep
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	deep=$deep/d
done
mkdir -p "$deep"
start_vmd
result $? "what cannot be swept away does not keep vmd from serving" \
    "$(tail -n 3 "$d/log")"
end_vmd
rm -rf "$state/vms/.gone-deep"

# --- jobs ------------------------------------------------------------------------------

start_vmd
truncate -s 8M "$d/ext4"
if [ -x /sbin/mke2fs ]; then
	like "a file becomes an ext4" "$(ask job mkfs "in=$d/ext4")" \
	    "ok status 0*"
	is "it is one" "$(dd if="$d/ext4" bs=1 skip=1080 count=2 2>/dev/null |
	    od -An -tx1 | tr -d ' ')" 53ef
	: > "$d/copy"
	like "a file is copied" "$(ask job copy "in=$d/ext4" "to=$d/copy")" \
	    "ok status 0*"
	is "byte by byte" "$(cmp "$d/ext4" "$d/copy" && echo same)" same
	like "a copy of one file only is refused" \
	    "$(ask job copy "in=$d/ext4")" "error bad_request *"
	like "a file is made durable" "$(ask job sync "in=$d/copy")" \
	    "ok status 0*"
else
	skip "a file becomes an ext4" "no mke2fs"
	skip "it is one" "no mke2fs"
fi
is "a job needs its image" "$(ask job pull)" \
    "error bad_request a job without its image or file"
is "an image is no option" "$(ask job unpack -r)" \
    "error bad_request -r is no image"
with vmd-image 'echo "$*" >&3; pwd >&3'
is "a job's words" "$(ask job unpack busybox)" "ok status 0
-r 3 unpack -- busybox
$state/images"
rm "$lib/vmd-image"
like "no job program" "$(ask job list)" \
    'ok status 127*{"event":"error","code":"io",*vmd-image: No such file*}'
with vmd-image "sleep 1000.$$ & sleep 0.2; kill -9 \$\$"
like "a job that is killed" "$(ask job list)" "ok status 0*"
until_true sh -c "! ps -A -o stat=,args= | grep '^[^Z].*[s]leep 1000.$$'"
result $? "leaves nothing"
with vmd-image "sleep 1000.$$ & exec sleep 1000.$$"
ask job list > "$d/out" &
until_true sh -c "ps -A -o args= | grep -q '^[s]leep 1000.$$'"
end_vmd
wait
until_true sh -c "! ps -A -o stat=,args= | grep '^[^Z].*[s]leep 1000.$$'"
result $? "jobs end with vmd"

# --- users of their own ------------------------------------------------------------------

# May everybody pass through all directories above the programs?  (Trying it
# as another user does not tell where capabilities survive the change.)
passable() {
	p=$BUILD/bin
	while [ "$p" != / ]; do
		case $(stat -c %A "$p") in
		*[xt])	p=$(dirname "$p") ;;
		*)	return 1 ;;
		esac
	done
}
if [ "$(id -u)" -ne 0 ] || ! id nobody > /dev/null 2>&1 || ! passable; then
	skip "users of their own" "not root, or nobody may not read the build"
	echo "1..$n"
	exit 0
fi
user=
like "no such user" "$("$v" -s "$state" -o user=nonesuch 2>&1)" \
    "vmd: no user nonesuch on this host; make install makes _vmd*"
rm -rf "$state"
chmod 755 "$d" "$lib"
back vmd-image
user="-o user=nobody -o uid_base=1900000000"
start_vmd
result $? "vmd serves" "$(tail -n 5 "$d/log")"
control=$(ps -o pid= --ppid "$vmd" | tr -d ' ')
is "vmd-control is nobody" "$(ps -o user= -p "$control")" nobody
is "STATE" "$(stat -c '%U %a' "$state")" "root 1770"
is "STATE/vms" "$(stat -c '%U %a' "$state/vms")" "root 750"
is "STATE/images" "$(stat -c '%U %a' "$state/images")" "nobody 750"
ask make a > /dev/null
ask make b > /dev/null
is "a VM's user" "$(stat -c '%u %a' "$state/vms/a")" "1900000000 2770"
is "another's" "$(stat -c '%u' "$state/vms/b")" "1900000001"
is "vmd-control writes there" "$(ask put a initrd hello)" ok
truncate -s 1M "$d/disk"
chmod 644 "$d/disk"
like "VMs start" "$(ask start a null "disk=$d/disk:ro" vsock=3)" "ok a/190000000*"
like "two" "$(ask start b null)" "ok b/1900000001 *"
pid=$(sed -n 's/^disk0 \([0-9]*\) .*/\1/p' "$state/vms/a/pids")
is "a device runs as the VM's user, no group beside" \
    "$(grep -E '^(Uid|Gid|Groups)' "/proc/$pid/status" | tr -s '\t\n ' ' ')" \
    "Uid: 1900000000 1900000000 1900000000 1900000000 Gid: 1900000000 1900000000 1900000000 1900000000 Groups: "
is "initrd is the VM's" "$(stat -c %u "$state/vms/a/initrd")" 1900000000
is "sockets are for it and vmd-control" \
    "$(stat -c '%u %G %a' "$state/vms/a/api.sock")" "1900000000 nogroup 660"
is "pids is vmd's" "$(stat -c '%U' "$state/vms/a/pids")" root
setpriv --reuid 1900000000 --regid 1900000000 --clear-groups \
    cat "$state/vms/a/initrd" > /dev/null 2>&1
is "a VM does not get in by name" $? 1
setpriv --reuid 1900000000 --regid 1900000000 --clear-groups \
    kill -0 "$(sed -n 's/^vmm \([0-9]*\) .*/\1/p' "$state/vms/b/pids")" \
    2>/dev/null
is "nor signals another's process" $? 1
kill -9 "$vmd"
wait "$vmd" 2>/dev/null
start_vmd
like "adopted" "$(ask list)" "ok *a/1900000000*"
ask kill a > /dev/null
ask kill b > /dev/null
until_true asks list '^ok$'
is "removed" "$(ask remove a)$(ask remove b)$(ls -A "$state/vms")" okok
ask make c > /dev/null
is "the user is free again" "$(stat -c '%u' "$state/vms/c")" 1900000000
: > "$state/vms/c/lock"
chown 1900000000 "$state/vms/c/lock"
is "a lock that is not vmd's" "$(ask start c null)" \
    "error - VM c: its lock is not vmd's own file"
end_vmd
echo "1..$n"
