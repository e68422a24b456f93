#!/bin/sh
# vmm_qemu.t: vmm-qemu and its devices, without vmd: the API while a real
# guest runs, what the guest does by itself, and the death of each process.
build=$(cd "${BUILD:-build}" && pwd)
bin=$build/bin
guest=$build/share/guest/x86_64
PATH=$PATH:/usr/sbin:/sbin

skip_all() { echo "1..0 # SKIP $*"; exit 0; }
for p in curl perl mksquashfs mke2fs cpio socat busybox qemu-system-x86_64; do
	command -v $p > /dev/null || skip_all "no $p"
done
for p in vmm-qemu viod; do
	[ -x "$bin/$p" ] || skip_all "no $bin/$p"
done
[ -f "$guest/initrd" ] || skip_all "no guest kernel (make guest)"

t=$(mktemp -d "${TMPDIR:-/tmp}/vmm-qemu.XXXXXX")
d=$t/vm
vm= n=0 bad=0
finish() {
	rc=$?
	trap - EXIT
	[ $bad -eq 0 ] || [ ! -d "$d" ] || for f in "$d"/*.log "$d/err"; do
		[ ! -f "$f" ] || tail -n 20 "$f" | tr -d '\r' | sed 's/^/# /' >&2
	done
	[ -z "$vm" ] || kill -9 "$(pid vmm)" 2>/dev/null
	! mountpoint -q "$d/full" || umount -l "$d/full"
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
wait_for() { # COMMAND...: until it succeeds; three minutes at most
	tries=3600
	until "$@" > /dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

# --- a guest that does as it is told on its console -----------------------------

cat > "$t/init.sh" <<'X'
echo up
(while :; do echo tick; sleep 1; done) &
while read line; do
	case $line in
	say*)	echo "said ${line#say }" ;;
	disks)	cat /proc/partitions; ls /sys/class/net ;;
	fill)	dd if=/dev/zero of=/big bs=1M count=48 conv=fsync 2>&1 |
		    head -n 1; echo filled ;;
	reboot)	reboot -f ;;
	off)	exit 7 ;;
	esac
done < /dev/console
X
make_image() {
	mkdir -p "$t/root/bin" "$t/root/proc" "$t/root/dev" "$t/root/sys" \
	    "$t/root/tmp" "$t/root/etc" "$t/config/vmd"
	cp "$(command -v busybox)" "$t/root/bin/busybox"
	for a in sh cat dd echo head ls reboot sleep; do
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
pid() { sed -n "s/^$1 //p" "$t/pids"; }
qemu() { pgrep -P "$(pid vmm)" qemu; }
gone() { ! kill -0 "$1" 2> /dev/null; }
tell() { echo "$1" | timeout 20 socat -t 0.2 - "UNIX-CONNECT:$d/console.sock" \
    > /dev/null; }
seen() { [ "$(tr -d '\r' < "$d/console.log" | grep -c -e "^$1")" -ge "$2" ]; }

dev='"vhost_user":true,"vhost_socket"'
config() { # KERNEL
	cat <<X
{"payload":{"kernel":"$1","initramfs":"$t/initrd",
 "cmdline":"$(cat "$guest/cmdline")"},
 "cpus":{"boot_vcpus":1},"memory":{"size":268435456},
 "disks":[{"id":"disk0",$dev:"disk0.vu","readonly":true},
          {"id":"disk1",$dev:"disk1.vu"}],
 "net":[{"id":"net0",$dev:"net0.vu","mac":"02:00:00:00:00:01"}],
 "vsock":{"cid":3,"socket":"vsock.sock","vhost_socket":"vsock0.vu"},
 "console":{"mode":"Socket","socket":"console.sock","file":"console.log"},
 "rng":{"src":"/dev/urandom"},"platform":{"arch":"amd64"}}
X
}

start() { # [DIRECTORY OF THE OVERLAY]: processes, no VM yet
	mkdir -p "$d/${1:-.}"
	rm -f "$d"/*.log "$d/exit.json" "$t/pids"
	truncate -s 64M "$d/${1:-.}/overlay.img"
	mke2fs -q -t ext4 -F "$d/${1:-.}/overlay.img"
	perl tests/start-vm.pl "$d" "$bin/vmm-qemu" -v -A tcg \
	    -- disk0 "$bin/viod" blk -r -d 6 "6<$t/root.sqfs" \
	    -- disk1 "$bin/viod" blk -d 6 "6=${1:-.}/overlay.img" \
	    -- net0 "$bin/viod" net -m 02:00:00:00:00:01 \
	    -- vsock0 "$bin/viod" vsock -c 3 -l 6 -d 7 6@vsock.sock "7<." \
	    > "$t/pids" 2> "$d/err" &
	vm=$!
	wait_for grep -q ^vmm "$t/pids" || { cat "$d/err" >&2; exit 1; }
}
boot() { # create and boot: the two statuses
	echo "$(call PUT vm.create "$(config "$guest/vmlinux")")" \
	    "$(call PUT vm.boot)"
}
ended() { # wait for the VMM; $reason is what it left
	wait "$vm"
	vm=
	reason=$(cat "$d/exit.json" 2> /dev/null || echo none)
}

# --- a guest runs ---------------------------------------------------------------

start
is 'an unknown member is refused by name' \
    "$(call PUT vm.create '{"devices":[]}')" '\["devices: no such member"]400'
is 'create and boot' "$(boot)" '204 204'
is 'it is running' "$(state)" Running
head -c 10000 /dev/urandom |
    timeout 5 socat - "UNIX-CONNECT:$d/api.sock" > /dev/null 2>&1
is '10,000 random bytes change nothing' "$(state)" Running
wait_for seen up 1
is 'the image runs' "$(tr -d '\r' < "$d/console.log" | grep ^up)" up
tell disks
wait_for seen eth0 1
is 'two disks and a network card' "$(tr -d '\r' < "$d/console.log" |
    grep -E -o '^eth0|vd[ab]$' | sort | tr '\n' ' ')" 'eth0 vda vdb '

is 'pause' "$(call PUT vm.pause)" 204
is 'it is paused' "$(state)" Paused
a=$(wc -c < "$d/console.log"); sleep 2; b=$(wc -c < "$d/console.log")
is 'nothing happens in a paused guest' "$b" "$a"
is 'pause twice' "$(call PUT vm.pause)" '\["VM is not running"]405'
is 'resume' "$(call PUT vm.resume)" 204
ticks=$(grep -c tick "$d/console.log")
is 'it goes on' "$(wait_for seen tick $((ticks + 1)); echo $?)" 0

is 'reboot' "$(call PUT vm.reboot)" 204
is 'it comes up again' "$(wait_for seen up 2; echo $?)" 0
q=$(qemu)
tell reboot
is 'a reboot by the guest too' "$(wait_for seen up 3; echo $?)" 0
is 'in the same QEMU' "$(qemu)" "$q"
is 'both are counted' "$(call GET vm.info | grep -o '"reboots":[0-9]*')" \
    '"reboots":2'
is 'counters' "$(call GET vm.counters)" '{"qemu":{"cpu_ns":[1-9]*200'
is 'of devices too' "$(call GET vm.counters |
    grep -c '"disk0":{"read_bytes":[1-9].*"net0":{"rx_bytes":[0-9]')" 1
is 'power button' "$(call PUT vm.power-button)" 204
is 'memory of VMM and devices beside QEMU, in KiB' "$(
    for p in vmm disk0 disk1 net0 vsock0; do
	cat "/proc/$(pid $p)/smaps_rollup"
    done | awk '/^Pss:/ { s += $2 } END { print s }')" '[1-9]*'
tell off
ended
is 'the guest powers off' "$reason" \
    '{"code":"powered_off","reason":"guest powered off"}'
is 'its exit code is its last word' "$(grep '^vmd: ' "$d/console.log" |
    tail -n 1 |
    tr -d '\r')" 'vmd: exit code=7 signal=- *'
is 'QEMU is gone' "$(wait_for gone "$q"; echo $?)" 0

# --- each process dies ----------------------------------------------------------

for victim in qemu disk0 disk1 net0 vsock0; do
	start
	is "boot, to kill $victim" "$(boot)" '204 204'
	q=$(qemu)
	if [ $victim = qemu ]; then
		want='{"code":"hypervisor_died","reason":"QEMU was killed by signal 9*"}'
		kill -9 "$q"
	else
		want="{\"code\":\"device_died\",\"reason\":\"$victim: viod ended\"}"
		kill -9 "$(pid $victim)"
	fi
	ended
	is "$victim killed: the reason says so" "$reason" "$want"
	is "$victim killed: all are gone" "$(for p in "$q" $(cut -d' ' -f2 \
	    "$t/pids"); do wait_for gone "$p" || echo "$p"; done)" ''
done
start
is 'boot, to kill vmm-qemu' "$(boot)" '204 204'
q=$(qemu)
kill -9 "$(pid vmm)"
ended
is 'vmm-qemu killed: it says nothing' "$reason" none
is 'vmm-qemu killed: all are gone' "$(for p in "$q" $(cut -d' ' -f2 \
    "$t/pids"); do wait_for gone "$p" || echo "$p"; done)" ''

# --- what cannot work ------------------------------------------------------------

start
call PUT vm.create "$(config "$t/nothing")" > /dev/null
is 'no kernel: boot fails with what QEMU says' "$(call PUT vm.boot)" \
    '\["QEMU ended with status 1: *nothing*"]500'
is 'no kernel: the VM is as it was' "$(state)" Created
is 'delete' "$(call PUT vm.delete)" 204
is 'it is gone' "$(call GET vm.info)" '\["VM is not created"]404'
is 'vmm.shutdown' "$(call PUT vmm.shutdown)" 204
ended
is 'the end by request' "$reason" \
    '{"code":"shut_down","reason":"shut down by request"}'

start
is 'create and boot' "$(boot)" '204 204'
is 'shutdown' "$(call PUT vm.shutdown)" 204
is 'it is shut down' "$(state)" Shutdown
is 'boot again, same devices' "$(call PUT vm.boot)" 204
is 'it comes up' "$(wait_for seen up 1; echo $?)" 0
is 'delete while it runs' "$(call PUT vm.delete)" 204
kill "$(pid vmm)"
ended
is 'the end by a signal' "$reason" \
    '{"code":"shut_down","reason":"shut down by signal 15"}'

# --- the disk of the host is full -------------------------------------------------

mkdir -p "$d/full"
if [ "$(id -u)" -eq 0 ] &&
    mount -t tmpfs -o size=8m tmpfs "$d/full" 2> /dev/null; then
	start full
	is 'boot on a small disk' "$(boot)" '204 204'
	wait_for seen up 1
	tell fill
	is 'a full disk is an error of the guest' "$(wait_for seen filled 1
	    tr -d '\r' < "$d/console.log" | grep -o -m 1 'dd: .*')" 'dd: *error'
	is 'and the VM goes on' "$(state)" Running
	tell 'say well'
	is 'the guest too' "$(wait_for seen 'said well' 1; echo $?)" 0
	call PUT vmm.shutdown > /dev/null
	ended
	is 'until it is ended' "$reason" '{"code":"shut_down",*'
	umount -l "$d/full"
else
	n=$((n + 1))
	echo "ok $n - # SKIP a full disk: no small file system can be mounted"
fi
echo "1..$n"
exit $bad
