#!/bin/sh
# vmm.t: our own VMM and its devices, without vmd: every call of the API while
# a real guest runs, snapshots, the death of each process; and by hand.
#
# Where KVM is not worth it this skips; in the lab: BOOT_TESTS=vmm
# tests/lab/boot.t.
build=$(cd "${BUILD:-build}" && pwd)
bin=$build/bin
guest=$build/share/guest/x86_64
PATH=$PATH:/usr/sbin:/sbin

skip_all() { echo "1..0 # SKIP $*"; exit 0; }
for p in curl perl mksquashfs mke2fs cpio socat busybox; do
	command -v $p > /dev/null || skip_all "no $p"
done
for p in vmm viod; do
	[ -x "$bin/$p" ] || skip_all "no $bin/$p"
done
[ -f "$guest/initrd" ] || skip_all "no guest kernel (make guest)"
why=$("$bin/vmm" --probe) || skip_all "$why"

t=$(mktemp -d "${TMPDIR:-/tmp}/vmm.XXXXXX")
d=$t/vm
vm= n=0 bad=0
finish() {
	rc=$?
	trap - EXIT
	[ $bad -eq 0 ] || for f in "$d"/*.log "$d/err" "$t"/*.out; do
		[ ! -f "$f" ] || tail -n 20 "$f" | tr -d '\r' |
		    sed "s|^|# ${f##*/}: |" >&2
	done
	[ -z "$vm" ] || kill -9 "$(pid vmm)" 2>/dev/null
	[ -n "${KEEP:-}" ] || rm -rf "$t"
	exit $rc
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

is() { # is TEXT GOT WANTED
	n=$((n + 1))
	# shellcheck disable=SC2254
	case $2 in
	$3)	echo "ok $n - $1" ;;
	*)	echo "not ok $n - $1"
		echo "# wanted: $3"
		echo "# got:    $2"
		bad=1 ;;
	esac
}
wait_for() { # COMMAND...: until it succeeds; two minutes at most
	tries=2400
	until "$@" > /dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

# --- a guest that does as it is told on its console -----------------------------

cat > "$t/init.sh" <<'X'
echo up
(while :; do read a b < /proc/uptime; echo "tick $a"; sleep 1; done) &
while read line; do
	case $line in
	say*)	echo "said ${line#say }" ;;
	rescan)	echo 1 > /sys/bus/pci/rescan; echo rescanned ;;
	disks)	cat /proc/partitions; ls /sys/class/net; echo listed ;;
	free*)	grep MemFree /proc/meminfo; echo "measured ${line#free }" ;;
	write)	dd if=/dev/urandom of=/big bs=1M count=8 conv=fsync 2>&1 |
		    head -n 1; md5sum /big; echo written ;;
	check)	echo 3 > /proc/sys/vm/drop_caches; md5sum /big; echo checked ;;
	drivers) ls /sys/bus/virtio/drivers; echo known ;;
	nmis)	grep NMI: /proc/interrupts; echo counted ;;
	new)	dd if=/dev/vdc bs=512 count=1 2>/dev/null | head -c 5
		echo " read" ;;
	reboot)	reboot -f ;;
	crash)	echo c > /proc/sysrq-trigger ;;
	off)	exit 7 ;;
	esac
done < /dev/console
X
make_image() {
	mkdir -p "$t/root/bin" "$t/root/proc" "$t/root/dev" "$t/root/sys" \
	    "$t/root/tmp" "$t/root/etc" "$t/config/vmd"
	cp "$(command -v busybox)" "$t/root/bin/busybox"
	for a in sh cat dd echo head ls reboot sleep grep md5sum; do
		ln -s busybox "$t/root/bin/$a"
	done
	cp "$t/init.sh" "$t/root/init.sh"
	mksquashfs "$t/root" "$t/root.sqfs" -quiet -no-progress -comp lz4 \
	    -all-root > /dev/null
	printf '%s\0' version=1 hostname=h root=/dev/vda rootfs=squashfs \
	    overlay=/dev/vdb arg=/bin/sh arg=/init.sh env=PATH=/bin cwd=/ \
	    user=0 tty=0 mode=exec > "$t/config/vmd/config"
	chmod 600 "$t/config/vmd/config"
	cp "$guest/initrd" "$t/initrd"
	(cd "$t/config" && find vmd | cpio -o -H newc -R 0:0 2> /dev/null) \
	    >> "$t/initrd"
}
busybox 2>&1 | head -n 1 | grep -q BusyBox || skip_all "no busybox"
make_image

call() { # METHOD NAME [BODY]: the body, then the status
	curl -s -m 90 --unix-socket "$d/api.sock" -w '%{http_code}' -X "$1" \
	    ${3:+-d "$3"} "http://localhost/api/v1/$2"
}
state() { call GET vm.info | sed 's/.*"state":"\([A-Za-z]*\)".*/\1/'; }
member() { call GET "$1" | grep -o "\"$2\":[0-9]*" | head -n 1 | cut -d: -f2; }
pid() { sed -n "s/^$1 //p" "$t/pids"; }
gone() { ! kill -0 "$1" 2> /dev/null; }
tell() { echo "$1" | timeout 20 socat -t 0.2 - "UNIX-CONNECT:$d/console.sock" \
    > /dev/null; }
seen() { [ "$(tr -d '\r' < "$d/console.log" | grep -c -e "$1")" -ge "$2" ]; }
# What the guest said last that fits.
last() { tr -d '\r' < "$d/console.log" | grep -o -e "$1" | tail -n 1; }

dev='"vhost_user":true,"vhost_socket"'
config() { # [KERNEL]
	cat <<X
{"payload":{"kernel":"${1:-$guest/vmlinux}","initramfs":"$t/initrd",
 "cmdline":"$(cat "$guest/cmdline")"},
 "cpus":{"boot_vcpus":1},"memory":{"size":268435456},
 "disks":[{"id":"disk0",$dev:"disk0.vu","readonly":true},
          {"id":"disk1",$dev:"disk1.vu"}],
 "net":[{"id":"net0",$dev:"net0.vu","mac":"02:00:00:00:00:01"}],
 "vsock":{"cid":3,"socket":"vsock.sock","vhost_socket":"vsock0.vu"},
 "console":{"mode":"Socket","socket":"console.sock","file":"console.log"},
 "balloon":{"deflate_on_oom":true},
 "rng":{"src":"/dev/urandom"},"platform":{"arch":"amd64"}}
X
}

overlay() {
	truncate -s 64M "$d/overlay.img"
	mke2fs -q -t ext4 -F "$d/overlay.img"
}
start() { # the processes, no VM yet
	mkdir -p "$d"
	rm -f "$d"/*.log "$d/exit.json" "$t/pids"
	perl tests/start-vm.pl "$d" "$bin/vmm" -v \
	    -- disk0 "$bin/viod" blk -r -d 6 "6<$t/root.sqfs" \
	    -- disk1 "$bin/viod" blk -d 6 "6=overlay.img" \
	    -- disk2 "$bin/viod" blk -r -d 6 "6<$t/init.img" \
	    -- net0 "$bin/viod" net -m 02:00:00:00:00:01 \
	    -- vsock0 "$bin/viod" vsock -c 3 -l 6 -d 7 6@vsock.sock "7<." \
	    > "$t/pids" 2> "$d/err" &
	vm=$!
	wait_for grep -q ^vmm "$t/pids" || { cat "$d/err" >&2; exit 1; }
}
boot() { # create and boot: the two statuses
	echo "$(call PUT vm.create "$(config)")" "$(call PUT vm.boot)"
}
ended() { # wait for the VMM; $reason is what it left
	wait_for gone "$(pid vmm)" || kill -9 "$(pid vmm)"
	wait "$vm"
	vm=
	reason=$(cat "$d/exit.json" 2> /dev/null || echo none)
}
mkdir -p "$d"
printf 'hello%507s' > "$t/init.img"

# --- a guest runs ---------------------------------------------------------------

overlay
start
is 'create and boot' "$(boot)" '204 204'
is 'it is running' "$(state)" Running
head -c 10000 /dev/urandom |
    timeout 5 socat - "UNIX-CONNECT:$d/api.sock" > /dev/null 2>&1
is '10,000 random bytes change nothing' "$(state)" Running
is 'the image runs' "$(wait_for seen '^up' 1; echo $?)" 0
tell disks
wait_for seen listed 1
is 'two disks and a network card' "$(tr -d '\r' < "$d/console.log" |
    grep -E -o '^eth0|vd[a-z]$' | sort | tr '\n' ' ')" 'eth0 vda vdb '
is 'the devices have places' "$(call GET vm.info |
    grep -o '"pci_bdf":"0000:00:[0-9a-f.]*"' | wc -l)" 7

is 'pause' "$(call PUT vm.pause)" 204
is 'it is paused' "$(state)" Paused
a=$(wc -c < "$d/console.log"); sleep 2; b=$(wc -c < "$d/console.log")
is 'nothing happens in a paused guest' "$b" "$a"
is 'pause twice' "$(call PUT vm.pause)" '\["VM is not running"]405'
is 'resume' "$(call PUT vm.resume)" 204
ticks=$(grep -c tick "$d/console.log")
is 'it goes on' "$(wait_for seen tick $((ticks + 1)); echo $?)" 0
is 'counters' "$(call GET vm.counters)" '{"vmm":{"exits":[1-9]*200'

is 'nmi' "$(call PUT vm.nmi)" 204
tell nmis
wait_for seen counted 1
is 'the guest has had it' "$(last 'NMI: *[0-9]*' | tr -s ' ')" 'NMI: [1-9]*'

is 'a disk is plugged in' "$(call PUT vm.add-disk \
    "{\"id\":\"disk2\",$dev:\"disk2.vu\",\"readonly\":true}")" \
    '{"id":"disk2","bdf":"0000:00:*"}200'
# A kernel without ACPI is not told.
for i in 1 2 3 4 5 6 7 8 9 10; do
	tell disks; sleep 0.5
	! seen 'vdc$' 1 || break
	[ $i -lt 5 ] || tell rescan
done
is 'the guest finds it' "$(seen 'vdc$' 1; echo $?)" 0
tell new
is 'and reads it' "$(wait_for seen 'hello read' 1; echo $?)" 0

tell drivers; wait_for seen known 1
if seen virtio_balloon 1; then
	tell 'free 1'; wait_for seen 'measured 1' 1
	a=$(last 'MemFree: *[0-9]*' | tr -dc 0-9)
	is 'the balloon takes 128 MiB' \
	    "$(call PUT vm.resize '{"desired_balloon":134217728}')" 204
	is 'it has them' "$(wait_for eval \
	    '[ "$(member vm.info memory_actual_size)" = 134217728 ]'; echo $?)" 0
	tell 'free 2'; wait_for seen 'measured 2' 1
	b=$(last 'MemFree: *[0-9]*' | tr -dc 0-9)
	is 'they are not the guest'\''s any more' "$((a - b > 100000))" 1
	is 'and come back' "$(call PUT vm.resize '{"desired_balloon":0}'
	    wait_for eval '[ "$(member vm.info memory_actual_size)" = 268435456 ]'
	    echo $?)" '2040'
else
	n=$((n + 1))
	echo "ok $n # SKIP this guest has no driver for a balloon"
fi

core='{"destination_url":"file:core"}'
is 'coredump of a running VM' "$(call PUT vm.coredump "$core")" 204
is 'it is an ELF core file' "$(od -A n -t x1 -j 16 -N 4 "$d/core" | tr -d ' ')" \
    04003e00
is 'it cannot be overwritten' "$(call PUT vm.coredump "$core")" '\["*core*"]500'
rm -f "$d/core"
ticks=$(grep -c tick "$d/console.log")
is 'and the VM goes on' "$(wait_for seen tick $((ticks + 1)); echo $?)" 0

# --- a snapshot, and on from it in another process -------------------------------

tell write; wait_for seen written 1
sum=$(last '^[0-9a-f]\{32\}')
snap='{"destination_url":"file:snap"}'
is 'a snapshot of a running VM' "$(call PUT vm.snapshot "$snap")" \
    '\["VM is not paused"]405'
call PUT vm.pause > /dev/null
is 'snapshot' "$(call PUT vm.snapshot "$snap")" 204
is 'its files' "$(ls "$d/snap" | tr '\n' ' ')" 'config.json memory state.json '
is 'the memory is sparse' "$(($(du -k "$d/snap/memory" | cut -f1) < 131072))" 1
is 'it cannot be overwritten' "$(call PUT vm.snapshot "$snap")" \
    '\["*snap*"]500'
tick=$(last 'tick [0-9]*' | tr -dc 0-9)
is 'the VM goes on' "$(call PUT vm.resume)" 204
ticks=$(grep -c tick "$d/console.log")
is 'really' "$(wait_for seen tick $((ticks + 1)); echo $?)" 0
is 'vmm.shutdown' "$(call PUT vmm.shutdown)" 204
ended
is 'the end by request' "$reason" \
    '{"code":"shut_down","reason":"shut down by request"}'

start
is 'restore in another process' \
    "$(call PUT vm.restore '{"source_url":"file:snap"}')" 204
is 'it is paused, as it was' "$(state)" Paused
is 'resume what was restored' "$(call PUT vm.resume)" 204
is 'it ticks' "$(wait_for seen tick 2; echo $?)" 0
now=$(last 'tick [0-9]*' | tr -dc 0-9)
is 'its clock went on' "$((now >= tick))" 1
tell check
is 'its disk works' "$(wait_for seen checked 1; echo $?)" 0
is 'with the right data' "$(last '^[0-9a-f]\{32\}')" "$sum"
tell 'say well'
is 'its console too' "$(wait_for seen 'said well' 1; echo $?)" 0
tell new
is 'and the disk that came late' "$(wait_for seen 'hello read' 1; echo $?)" 0
is 'the disk is taken away' "$(call PUT vm.remove-device '{"id":"disk2"}')" 204
is 'it is not the config'\''s any more' "$(call GET vm.info |
    grep -c '"disks":[^]]*disk2')" 0
tell off
ended
is 'it powers off' "$reason" \
    '{"code":"powered_off","reason":"guest powered off"}'

start
is 'a snapshot that is not there' \
    "$(call PUT vm.restore '{"source_url":"file:nope"}')" \
    '\["snapshot nope: No such file or directory"]404'
is 'restore twice from one snapshot' \
    "$(call PUT vm.restore '{"source_url":"file:snap"}')" 204
call PUT vm.resume > /dev/null
wait_for seen tick 1

# --- reboots ---------------------------------------------------------------------

is 'reboot of a restored VM' "$(call PUT vm.reboot)" 204
is 'it comes up again' "$(wait_for seen '^up' 1; echo $?)" 0
tell reboot
is 'a reboot by the guest too' "$(wait_for seen '^up' 2; echo $?)" 0
is 'both are counted' "$(call GET vm.info | grep -o '"reboots":[0-9]*')" \
    '"reboots":2'
is 'power button' "$(call PUT vm.power-button)" 204
tell off
ended
is 'the guest powers off' "$reason" \
    '{"code":"powered_off","reason":"guest powered off"}'
is 'its exit code is its last word' "$(grep '^vmd: ' "$d/console.log" |
    tail -n 1 |
    tr -d '\r')" 'vmd: exit code=7 signal=- *'
rm -rf "$d/snap"

# --- each process dies ----------------------------------------------------------

for victim in disk1 vsock0; do
	overlay
	start
	is "boot, to kill $victim" "$(boot)" '204 204'
	kill -9 "$(pid $victim)"
	ended
	is "$victim killed: the reason says so" "$reason" \
	    "{\"code\":\"device_died\",\"reason\":\"$victim: *\"}"
	is "$victim killed: all are gone" "$(for p in $(cut -d' ' -f2 \
	    "$t/pids"); do wait_for gone "$p" || echo "$p"; done)" ''
done

# --- what cannot work ------------------------------------------------------------

start
call PUT vm.create "$(config "$t/nothing")" > /dev/null
is 'no kernel: boot fails' "$(call PUT vm.boot)" \
    '\["kernel: *nothing: No such file or directory"]500'
is 'no kernel: the VM is as it was' "$(state)" Created
is 'delete' "$(call PUT vm.delete)" 204
kill "$(pid vmm)"
ended
is 'the end by a signal' "$reason" \
    '{"code":"shut_down","reason":"shut down by signal 15"}'

start
is 'create and boot' "$(boot)" '204 204'
is 'shutdown' "$(call PUT vm.shutdown)" 204
is 'it is shut down' "$(state)" Shutdown
is 'boot again, same devices' "$(call PUT vm.boot)" 204
is 'it comes up' "$(wait_for seen '^up' 1; echo $?)" 0
is 'delete while it runs' "$(call PUT vm.delete)" 204
kill -9 "$(pid vmm)"
ended
is 'vmm killed: it says nothing' "$reason" none
is 'vmm killed: all are gone' "$(for p in $(cut -d' ' -f2 \
    "$t/pids"); do wait_for gone "$p" || echo "$p"; done)" ''

# --- by hand ---------------------------------------------------------------------

overlay
cd "$d" || exit 1
(sleep 1000 & echo $! > "$t/sleep"; wait) | "$bin/vmm" \
    --kernel "$guest/vmlinux" --initramfs "$t/initrd" \
    --cmdline "$(cat "$guest/cmdline")" --memory 256M --rng \
    --disk "$t/root.sqfs,readonly" --disk overlay.img --net user \
    --vsock cid=3,socket="$d/hand.sock" --console tty \
    --api-socket "$d/api.sock" > "$d/console.log" 2> "$t/hand.out" &
hand=$!
is 'by hand a guest comes up' "$(wait_for seen '^up' 1; echo $?)" 0
is 'and answers on a socket' "$(state)" Running
is 'its helpers end it' "$(pkill -P $hand -f "viod net"; wait $hand
    cat "$t/hand.out")" 'vmm: net0: *'
kill "$(cat "$t/sleep")"
is 'and no socket is left' "$(ls -d /tmp/vmm-dev.*/*.vu "$XDG_RUNTIME_DIR"/vmm-dev.*/*.vu \
    2> /dev/null)" ''
: > "$d/console.log"
{ wait_for seen '^up' 1; echo off; } | "$bin/vmm" --kernel "$guest/vmlinux" --initramfs "$t/initrd" \
    --cmdline "$(cat "$guest/cmdline")" --disk "$t/root.sqfs,readonly" \
    --disk overlay.img --console tty > "$d/console.log" 2> "$t/hand.out"
is 'what is typed reaches it' "$?$(cat "$t/hand.out")" 0
echo "1..$n"
exit $bad
