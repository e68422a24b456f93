#!/bin/sh
# firmware.t: SeaBIOS boots a disk, a CD and a network with vmm-qemu, without
# vmd; its guests end by themselves.
#
#   LAB_GUESTS=all   a Debian, too, that GRUB starts, raw and qcow2: its login
#                    prompt, its address by DHCP, the power button (half a
#                    gigabyte is fetched, once; as root; some minutes)
cd "$(dirname "$0")/../.." || exit 1
build=$(cd "${BUILD:-build}" && pwd)
bin=$build/bin
bios=${BIOS:-/usr/share/seabios/bios-256k.bin}
cache=${VMD_CACHE:-build/cache}
PATH=$PATH:/usr/sbin:/sbin

skip_all() { echo "1..0 # SKIP $*"; exit 0; }
for p in curl perl socat cc ld qemu-system-x86_64; do
	command -v $p > /dev/null || skip_all "no $p"
done
for p in vmm-qemu viod viod-net vmctl; do
	[ -x "$bin/$p" ] || skip_all "no $bin/$p"
done
[ -f "$bios" ] || skip_all "no $bios (seabios)"

t=$(mktemp -d "${TMPDIR:-/tmp}/firmware.XXXXXX")
d=$t/vm
vm='' n=0 bad=0
finish() {
	rc=$?
	trap - EXIT
	[ $bad -eq 0 ] || for f in "$d/console.log" "$t/err"; do
		[ ! -f "$f" ] || tail -n 20 "$f" | tr -d '\r' | sed 's/^/# /' >&2
	done
	[ -z "$vm" ] || kill -9 "$(sed -n 's/^vmm //p' "$t/pids")" 2> /dev/null
	rm -rf "$t"
	exit $rc
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
ok() { # ok TEXT COMMAND...
	n=$((n + 1)); text=$1; shift
	if "$@"; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		bad=1
	fi
}
wait_for() { # SECONDS COMMAND...: until it succeeds
	tries=$(($1 * 10)); shift
	until "$@" > /dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

# --- what is booted -----------------------------------------------------------

cc -m32 -c -o "$t/sector.o" tests/lab/guest/sector.S &&
    ld -m elf_i386 -Ttext 0x7c00 --oformat binary -e _start \
	-o "$t/disk" "$t/sector.o" || skip_all "no assembler for x86"
truncate -s 1M "$t/disk"
printf o | dd of="$t/disk" bs=1 seek=1024 conv=notrunc 2> "$t/log"
truncate -s 1M "$t/none"
# A CD: El Torito's boot record in block 17, its catalog in the next, which
# says 19; the second sector is where a disk has it.  put BLOCK BYTE TEXT
# shellcheck disable=SC2059
put() { printf "$3" | dd of="$t/cd" bs=1 seek=$(($1 * 2048 + $2)) \
    conv=notrunc 2> "$t/log"; }
truncate -s 64K "$t/cd"
put 17 0 '\000CD001\001EL TORITO SPECIFICATION'
put 17 71 '\022'
put 18 0 '\001'
put 18 30 '\125\252\210\000\000\000\000\000\001\000\023'
dd if="$t/disk" of="$t/cd" bs=512 count=1 seek=76 conv=notrunc 2> "$t/log"
dd if="$t/disk" of="$t/cd" bs=512 count=2 skip=1 seek=4 conv=notrunc \
    2> "$t/log"
mkdir "$t/boot"
head -c 512 "$t/disk" > "$t/boot/loader"

# --- a VM -----------------------------------------------------------------------

call() { # METHOD NAME [BODY]: the body, then the status
	curl -s -m 90 --unix-socket "$d/api.sock" -w '%{http_code}' -X "$1" \
	    ${3:+-d "$3"} "http://localhost/api/v1/$2"
}
config() { # BOOT MIB
	dev='"vhost_user":true,"vhost_socket"'
	boot=
	[ -z "$1" ] || boot=",\"boot\":\"$1\""
	cat <<X
{"payload":{"firmware":"$bios"$boot},
 "cpus":{"boot_vcpus":1},"memory":{"size":$(($2 << 20))},
 "disks":[{"id":"disk0",$dev:"disk0.vu"},
          {"id":"cdrom0",$dev:"cdrom0.vu","cdrom":true,"readonly":true}],
 "net":[{"id":"net0",$dev:"net0.vu","mac":"02:00:00:00:00:01"}],
 "serial":{"mode":"Socket","socket":"console.sock","file":"console.log"},
 "rng":{"src":"/dev/urandom"},"platform":{"arch":"amd64"}}
X
}
start() { # DISK FORMAT BOOT MIB [OPTION OF NET...]
	disk=$1 format=$2 device=$3 mib=$4; shift 4
	rm -rf "$d" "$t/pids"
	mkdir "$d"
	ln "$disk" "$d/disk0.img" 2> "$t/log" || mv "$disk" "$d/disk0.img"
	perl tests/start-vm.pl "$d" "$bin/vmm-qemu" -v -A tcg \
	    -- disk0 "$bin/viod" blk -d 6 -f "$format" "6=disk0.img" \
	    -- cdrom0 "$bin/viod" scsi -d 6 "6<$t/cd" \
	    -- net0 "$bin/viod" net -m 02:00:00:00:00:01 "$@" \
	    > "$t/pids" 2> "$t/err" &
	vm=$!
	wait_for 30 grep -q ^vmm "$t/pids" || { cat "$t/err" >&2; exit 1; }
	for c in "$(call PUT vm.create "$(config "$device" "$mib")")" \
	    "$(call PUT vm.boot)"; do
		[ "$c" = 204 ] || { echo "# $c"; return 1; }
	done
}
said() { tr -d '\r' < "$d/console.log" | grep -q -e "$1"; }
ended() { # wait for the VMM: the guest switched itself off
	wait "$vm"
	vm=
	grep -q powered_off "$d/exit.json"
}
boots() { start "$@" && ended && said 'guest: first sector'; }

ok "a disk" boots "$t/disk" raw '' 64
ok "all of it" said 'guest: second sector'
"$bin/vmctl" create -i "$t/disk" "$t/disk.qcow2" > "$t/log" 2>&1
ok "a qcow2 image, by its name" boots "$t/disk.qcow2" qcow2 disk 64
ok "all of it" said 'guest: second sector'
ok "a CD beside a disk" boots "$t/none" raw cdrom 64
ok "all of it" said 'guest: second sector'
ok "a network: what its DHCP names, by TFTP" \
    boots "$t/none" raw net 64 -b "$t/boot/loader"

# --- a system -------------------------------------------------------------------

named() {
	timeout 20 socat -t 20 - TCP:127.0.0.1:"$port" < /dev/null 2> "$t/log" |
	    grep -qx guest
}
prompt_or_end() { said 'guest login:' || ! kill -0 "$vm"; }
stopped() {
	[ "$(call PUT vm.power-button)" = 204 ] && ended &&
	    said 'Power down'
}
debian() { # FORMAT DISK
	port=$((20000 + $$ % 10000))
	start "$2" "$1" disk 512 -p "127.0.0.1:$port:80"
	wait_for 900 prompt_or_end
	ok "Debian on a $1 disk: its login prompt" said 'guest login:'
	ok "its name, by an address of DHCP" wait_for 60 named
	ok "it ends by the power button" stopped
}
if [ "${LAB_GUESTS:-}" = all ] && [ -f /usr/lib/grub/i386-pc/boot.img ]; then
	tests/lab/debian-disk "$cache/lab-debian" || exit 1
	cp --sparse=always "$cache/lab-debian/disk" "$t/system"
	"$bin/vmctl" create -i "$t/system" "$t/system.qcow2" > "$t/log" 2>&1
	debian raw "$t/system"
	debian qcow2 "$t/system.qcow2"
fi
echo "1..$n"
exit $bad
