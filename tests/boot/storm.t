#!/bin/sh
# storm.t: snapshots of a guest that is busy with processes, a disk and the
# network, each restored in another process while the one before is killed.
# Nothing is lost or done twice, data are right, its clock never goes back.
#
#   STORM_ROUNDS   how many times (default 3)
#
# Where KVM is not worth it this skips; in the lab: BOOT_TESTS=storm
# tests/lab/boot.t.
build=$(cd "${BUILD:-build}" && pwd)
bin=$build/bin
guest=$build/share/guest/x86_64
rounds=${STORM_ROUNDS:-3}
PATH=$PATH:/usr/sbin:/sbin

skip_all() { echo "1..0 # SKIP $*"; exit 0; }
for p in curl mksquashfs mke2fs cpio busybox; do
	command -v $p > /dev/null || skip_all "no $p"
done
[ -x "$bin/vmm" ] || skip_all "no $bin/vmm"
[ -f "$guest/initrd" ] || skip_all "no guest kernel (make guest)"
busybox 2>&1 | head -n 1 | grep -q BusyBox || skip_all "no busybox"
why=$("$bin/vmm" --probe) || skip_all "$why"

t=$(mktemp -d "${TMPDIR:-/tmp}/storm.XXXXXX")
vm='' n=0 bad=0
finish() {
	rc=$?
	trap - EXIT
	[ $bad -eq 0 ] || tail -n 30 "$t/vmm.log" "$t/console" |
	    tr -d '\r' | sed 's/^/# /' >&2
	[ -z "$vm" ] || kill -9 "$vm" 2> /dev/null
	rm -rf "$t"
	exit $rc
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

ok() { # ok TEXT COMMAND...
	n=$((n + 1))
	text=$1; shift
	if "$@"; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		bad=1
	fi
}

# --- the guest --------------------------------------------------------------------

cat > "$t/init.sh" <<'X'
echo up
echo 40 > /proc/sys/vm/dirty_writeback_centisecs
(n=0 before=0
while read now rest < /proc/uptime; do
	now=${now%.*}${now#*.} n=$((n + 1))
	[ "$now" -ge "$before" ] || echo "BAD clock: $before, then $now"
	before=$now
	echo "tick $n"
	usleep 200000
done) &
p=0
while [ $p -lt 3 ]; do
	(want=$(seq $p 500 | md5sum)
	while got=$(seq $p 500 | md5sum); do
		[ "$got" = "$want" ] || echo "BAD process $p: $got"
	done) &
	p=$((p + 1))
done
(n=0
while n=$((n + 1)); do
	f=/file$((n % 4))
	dd if=/dev/urandom of=$f bs=64k count=8 conv=fsync 2> /dev/null
	a=$(md5sum < $f)
	[ $((n % 4)) != 0 ] || echo 1 > /proc/sys/vm/drop_caches
	b=$(md5sum < $f)
	[ "$a" = "$b" ] || echo "BAD disk: $a, then $b"
	echo "disk $n"
done) &
gw=$(route -n | awk '$1 == "0.0.0.0" { print $2 }')
n=0
while :; do
	ping -c 1 -W 2 "$gw" > /dev/null && n=$((n + 1)) && echo "net $n"
	usleep 500000
done
X
mkdir -p "$t/root/bin" "$t/root/proc" "$t/root/dev" "$t/root/sys" \
    "$t/root/tmp" "$t/root/etc" "$t/config/vmd"
cp "$(command -v busybox)" "$t/root/bin/busybox"
for a in sh dd echo seq md5sum usleep ping route awk; do
	ln -s busybox "$t/root/bin/$a"
done
cp "$t/init.sh" "$t/root/init.sh"
mksquashfs "$t/root" "$t/root.sqfs" -quiet -no-progress -comp lz4 \
    -all-root > /dev/null
printf '%s\0' version=1 hostname=h root=/dev/vda rootfs=squashfs \
    overlay=/dev/vdb net=dhcp arg=/bin/sh arg=/init.sh env=PATH=/bin cwd=/ \
    user=0 tty=0 mode=exec > "$t/config/vmd/config"
chmod 600 "$t/config/vmd/config"
cp "$guest/initrd" "$t/initrd"
(cd "$t/config" && find vmd | cpio -o -H newc -R 0:0 2> /dev/null) \
    >> "$t/initrd"
truncate -s 64M "$t/overlay.img"
mke2fs -q -t ext4 -F "$t/overlay.img"

# --- the host ---------------------------------------------------------------------

cd "$t" || exit 1	# outside of it a VM by hand may make no files

start() { # start OPTION...
	rm -f "$t/api.sock"
	"$bin/vmm" "$@" --memory 128M --disk "$t/root.sqfs,readonly" \
	    --disk "$t/overlay.img" --net user --rng \
	    --console "file=$t/console" --serial off \
	    --api-socket "$t/api.sock" < /dev/null > "$t/vmm.log" 2>&1 &
	vm=$!
}
call() { # call NAME [BODY]: the status
	curl -s -m 90 --unix-socket "$t/api.sock" -o /dev/null \
	    -w '%{http_code}' -X PUT ${2:+-d "$2"} \
	    "http://localhost/api/v1/$1"
}
# The last number behind a word.
count() {
	[ ! -e "$t/console" ] || tr -d '\r' < "$t/console" |
	    sed -n "s/^$1 \([0-9]*\)\$/\1/p" | tail -n 1
}
beyond() { # beyond WORD NUMBER: it gets further than that, in two minutes
	tries=120
	until [ "$(count "$1" || echo 0)" -gt "$2" ] 2> /dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 1
	done
}
goes_on() { # with all it does
	beyond tick $((tick + 3)) && beyond disk $((disk + 1)) &&
	    beyond net "$net"
}
where() {
	tick=$(count tick) disk=$(count disk) net=$(count net)
	tick=${tick:-0} disk=${disk:-0} net=${net:-0}
}

tick=0 disk=0 net=0
start --kernel "$guest/vmlinux" --initramfs "$t/initrd" \
    --cmdline "$(cat "$guest/cmdline")"
ok "the guest is busy" goes_on
round=0
while [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	paused=$(call vm.pause)
	saved=$(call vm.snapshot "{\"destination_url\":\"file:$t/snap$round\"}")
	where
	kill -9 $vm
	wait $vm 2> /dev/null
	start --restore "$t/snap$round"
	[ "$paused,$saved" = 204,204 ] && goes_on || break
	rm -rf "$t/snap$((round - 1))"
done
ok "it goes on after each of $rounds snapshots" [ $round = "$rounds" ]
ok "and the last" goes_on
kill -9 $vm
wait $vm 2> /dev/null
vm=''
tr -d '\r' < "$t/console" > "$t/plain"
ok "nothing is wrong in it" [ "$(grep -c BAD "$t/plain")" = 0 ]
grep -m 3 BAD "$t/plain" | sed 's/^/# /'
sed -n 's/^tick //p' "$t/plain" > "$t/ticks"
seq 1 "$(count tick)" > "$t/wanted"
ok "no tick is lost or comes twice" cmp -s "$t/ticks" "$t/wanted"
echo "1..$n"
exit $bad
