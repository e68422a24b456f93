#!/bin/sh
# vz_vmd.t - vmd starts vmm-vz, on a double of Virtualization.framework
#
# The guest of the double is vminit's agent, whose commands run here, and a
# network card whose other end is this test's (tests/double/vz/linux.c).
# Everything else is as on a Mac: vmctl, vmd, vmm-vz and viod net -F.

BUILD=$(cd "${BUILD:-build}" && pwd)
top=$(pwd)
# As root a network and name servers of its own.
if [ "$(id -u)" -eq 0 ] && [ "${1:-}" != inside ] &&
    unshare -n -m true 2> /dev/null; then
	exec unshare -n -m sh "$0" inside
fi
# With sanitizers where that is built.
double=$BUILD/san/tests/double
[ -x "$double/vmm-vz" ] && [ -x "$double/vz-agent" ] ||
    double=$BUILD/tests/double
[ -x "$double/vmm-vz" ] && [ -x "$double/vz-agent" ] ||
    { echo "1..0 # SKIP no $double/vmm-vz"; exit 0; }
for p in busybox curl jq perl sqfstar; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
d=$(mktemp -d "${TMPDIR:-/tmp}/vz_vmd.XXXXXX")
state=$d/state
lib=$d/lib
VMCTL_HOST=unix://$d/sock
export VMCTL_HOST
vmd= dns=
n=0 bad=0
user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"
machine=$(uname -m)
kernel=vmlinux
[ "$machine" != x86_64 ] || kernel=vmlinuz

leftovers() {
	for p in /proc/[0-9]*; do
		case $(readlink "$p/cwd" 2>/dev/null) in
		"$state"*) echo "${p#/proc/}" ;;
		esac
	done
}
cleanup() {
	[ -z "$vmd" ] || kill -9 "$vmd" 2>/dev/null
	[ -z "$dns" ] || kill "$dns" 2>/dev/null
	for p in $(leftovers); do kill -9 "$p" 2>/dev/null; done
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

ok() { # TEXT COMMAND...
	n=$((n + 1)); text=$1; shift
	if "$@" > "$d/out" 2>&1; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		tail -n 5 "$d/out" "$d/log" | sed 's/^/# /'
		bad=1
	fi
}
is() { # TEXT WANTED GOT
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '# wanted: %s\n# got:    %s\n' "$2" "$3"
		bad=1
	fi
}
until_true() {
	tries=0
	until "$@" > /dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 1500 ] || return 1
		sleep 0.02
	done
}
vmctl() { timeout 60 "$BUILD/bin/vmctl" "$@"; }
field() { # VM FILTER
	vmctl inspect --format json "$1" |
	    jq -r "(if type == \"array\" then .[0] else . end) | .$2 // \"\""
}
in_state() { [ "$(field "$1" state)" = "$2" ]; }
dir() { echo "$state/vms/$(field "$1" id)"; }
pid() { sed -n "s/^$2 \([0-9]*\) .*/\1/p" "$(dir "$1")/pids"; }
words() { tr '\0' ' ' < "/proc/$(pid "$1" "$2")/cmdline"; }
start_vmd() {
	# shellcheck disable=SC2086
	"$BUILD/bin/vmd" -d -s "$state" -S "$d/sock" -o "libexec=$lib" \
	    -o "data=$d/data" $user "$@" 2>> "$d/log" &
	vmd=$!
	until_true vmctl version
}
api() { # METHOD PATH [BODY]
	curl -s -g -m 60 --unix-socket "$d/sock" -X "$1" ${3+-d "$3"} \
	    -H 'Content-Type: application/json' "http://vmd$2"
}
says() { # a sanitizer's or the double's complaint about VM $1
	grep -hE 'ERROR|runtime error|^double: [A-Z][A-Za-z]* ' \
	    "$(dir "$1")/vmm.log" | head -n 3
}

mkdir -p "$lib" "$d/data/guest/$machine" "$d/share" "$d/unix"
for p in "$BUILD"/bin/*; do ln -s "$p" "$lib"; done
rm -f "$lib/vmm" "$lib/vmm-qemu"
ln -s "$double/vmm-vz" "$lib"
echo kernel > "$d/data/guest/$machine/$kernel"
echo initrd > "$d/data/guest/$machine/initrd"
echo "vz.agent vz.net" > "$d/data/guest/$machine/cmdline"
scripts/busybox-image "$d/hello.tar"

# --- who answers names: one address, whatever is asked
if [ "${1:-}" = inside ]; then
	ip link set lo up
	cat > "$d/dns.pl" <<-'END'
	use Socket;
	socket(my $s, PF_INET, SOCK_DGRAM, 17) or die;
	bind($s, sockaddr_in(53, INADDR_LOOPBACK)) or die;
	while (my $from = recv($s, my $q, 2000, 0)) {
		send($s, substr($q, 0, 2) . pack('n5', 0x8180, 1, 1, 0, 0) .
		    substr($q, 12) . pack('n3Nn', 0xc00c, 1, 1, 60, 4) .
		    pack('C4', 192, 0, 2, 77), 0, $from);
	}
	END
	perl "$d/dns.pl" & dns=$!
	echo nameserver 127.0.0.1 > "$d/resolv.conf"
	mount --bind "$d/resolv.conf" /etc/resolv.conf
fi

# --- who chooses it
start_vmd || { echo "not ok 1 - vmd starts"; echo "1..1"; exit 1; }
is "auto takes it where it works" "vz true" "$(vmctl capabilities \
    --format json | jq -r '.default_runtime | "\(.name) \(.available)"')"
is "what it can do" "pause reset console" "$(vmctl capabilities \
    --format json | jq -r '.runtimes[] | select(.name == "vz") |
    .features | join(" ")')"

# --- an image
port=$(perl -MSocket -e 'socket my $s, PF_INET, SOCK_STREAM, 0;
    bind $s, sockaddr_in(0, INADDR_LOOPBACK);
    print((sockaddr_in(getsockname $s))[0])')
ok "import" vmctl image import --name busybox:hello "$d/hello.tar"
ok "volume" vmctl volume create --size 16M v
ok "run" vmctl run -d --name a -m 192M -c 2 --bandwidth-down 64MB/s \
    --bandwidth-up 32MB/s -p "127.0.0.1:$port:80" \
    -v v:/data -v "$d/share:/host:ro" busybox:hello
ok "its agent is heard: it runs" until_true in_state a Running
is "the framework has all devices but the card" "net0 vmm" \
    "$(cut -d' ' -f1 "$(dir a)/pids" | sort | paste -sd' ' -)"
is "its disks, in their order" "true 6 false 7 false 8" "$(jq -r \
    '[.disks[] | .readonly, .fd] | join(" ")' "$(dir a)/config.json")"
double_has() { grep -q -- "$1" "$(dir a)/vmm.log"; }
is "its share is a directory" "$d/share true" "$(jq -r \
    '.fs[] | .path, .readonly' "$(dir a)/config.json" | paste -sd' ' -)"
is "exec" "hello
3" "$(vmctl exec a sh -c 'echo hello; exit 3'; echo $?)"
echo told > "$d/copy"
ok "cp to it" vmctl cp "$d/copy" "a:$d/copied"
is "it is there" told "$(cat "$d/copied")"
ok "its console" grep -q "hello from the double" "$(dir a)/console.log"

# --- its network: this test is the guest's driver
cat > "$d/net.pl" <<'END'
use strict; use warnings; use Socket;
my ($dir, $mac, $port, $names) = @ARGV;
chdir $dir or die;
unlink 'test.net';
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die;
bind($s, sockaddr_un('test.net')) or die;
my $me = pack 'H12', $mac =~ tr/://dr;
sub out { send($s, $_[0], 0, sockaddr_un('guest.net')) or die "send: $!" }
sub sum { my $t = 0; $t += $_ for unpack 'n*', $_[0];
	$t = ($t & 0xffff) + ($t >> 16) for 1, 2; return ~$t & 0xffff }
sub await { my ($what, $fn) = @_;
	for (1 .. 200) {
		my $in = ''; vec($in, fileno $s, 1) = 1;
		next unless select $in, undef, undef, 0.1;
		recv $s, my $f, 65536, 0;
		my $r = $fn->($f);
		if (defined $r) { print "$what $r\n"; return $f }
	}
	print "$what never\n"; exit 1 }
# BOOTP and DHCP (RFC 2131): a discover, and what is offered.
my $dhcp = pack('C4 N n2 N4 a16 x192 N', 1, 1, 6, 0, 42, 0, 0, 0, 0, 0, 0,
    $me, 0x63825363) . pack('C*', 53, 1, 1, 255) . "\0" x 60;
my $udp = pack('n4', 68, 67, 8 + length $dhcp, 0) . $dhcp;
my $ip = pack 'C2 n3 C2 n N2', 0x45, 0, 20 + length $udp, 0, 0, 64, 17, 0,
    0, 0xffffffff;
substr($ip, 10, 2) = pack 'n', sum($ip);
out("\xff" x 6 . $me . "\x08\0" . $ip . $udp);
my $offer = await('offer', sub { my $f = shift;
	return unless substr($f, 12, 2) eq "\x08\0" && ord(substr $f, 23) == 17
	    && unpack('n', substr $f, 36, 2) == 68;
	return join '.', unpack 'C4', substr $f, 58, 4 });
# Who connects to the published port asks for the guest, then says SYN.
socket(my $t, PF_INET, SOCK_STREAM, 0) or die;
connect($t, sockaddr_in($port, inet_aton('127.0.0.1'))) or die "connect: $!";
await('syn', sub { my $f = shift;
	if (substr($f, 12, 2) eq "\x08\x06" && unpack('n', substr $f, 20) == 1) {
		out(substr($f, 6, 6) . $me . "\x08\x06" . pack('n2C2n', 1, 0x800,
		    6, 4, 2) . $me . substr($f, 38, 4) . substr($f, 22, 10));
		return;
	}
	return unless substr($f, 12, 2) eq "\x08\0" && ord(substr $f, 23) == 6;
	return unpack 'n', substr $f, 36, 2 });
# A name (RFC 1035), asked of 10.0.2.3.
exit if !$names;
$udp = pack('n6 n4', 4000, 53, 0, 0, 7, 0x100, 1, 0, 0, 0) .
    "\4name\4test\0" . pack 'n2', 1, 1;
substr($udp, 4, 2) = pack 'n', length $udp;
$ip = pack 'C2 n3 C2 n C4 C4', 0x45, 0, 20 + length $udp, 0, 0, 64, 17, 0,
    10, 0, 2, 15, 10, 0, 2, 3;
substr($ip, 10, 2) = pack 'n', sum($ip);
out(substr($offer, 6, 6) . $me . "\x08\0" . $ip . $udp);
await('name', sub { my $f = shift;
	return unless substr($f, 12, 2) eq "\x08\0" && ord(substr $f, 23) == 17
	    && unpack('n', substr $f, 34, 2) == 53;
	return join '.', unpack 'C4', substr $f, -4 });
END
is "DHCP, a published port and a name, by viod net" "offer 10.0.2.15
syn 80${dns:+
name 192.0.2.77}" "$(timeout 60 perl "$d/net.pl" "$(dir a)" \
    "$(jq -r '.net[0].mac' "$(dir a)/config.json")" "$port" $dns)"
is "with its limits" "-D 67108864 -U 33554432" \
    "$(words a net0 | grep -o -e '-D [0-9]* -U [0-9]*')"
is "those of disks are refused" 1 "$(vmctl run -d --name l -m 192M \
    --disk-io 10MB/s busybox:hello 2>&1 | grep -c 'vz has no limits of disks')"
vmctl rm -f l > /dev/null 2>&1
ok "frames, no vhost-user" test "$(words a net0 | grep -c -- ' -F ')" = 1
is "what it counted" true "$(curl -s --unix-socket "$(dir a)/api.sock" \
    http://x/api/v1/vm.counters | jq '.net0.rx_frames > 0')"

# --- pause, reset, stop
ok "pause" vmctl pause a
is "it is" Paused "$(field a state)"
ok "and goes on" vmctl unpause a
is "exec again" again "$(vmctl exec a echo again)"
ok "reset" api PUT "/instances/$(field a id)/reset"
ok "it runs again" until_true in_state a Running

# --- killed
for name in net0 vmm; do
	kill -9 "$(pid a $name)"
	ok "$name killed: Stopped" until_true in_state a Stopped
	is "the reason names it" 1 "$(field a exit_reason | grep -c "$name")"
	is "nothing complained" '' "$(says a)"
	ok "start" vmctl start a
	ok "it runs" until_true in_state a Running
done
vmm=$(pid a vmm)
kill -9 "$vmd"
wait "$vmd" 2> /dev/null
start_vmd
is "vmd killed: it lives, and is adopted" "Running $vmm" \
    "$(field a state) $(pid a vmm)"
is "exec afterwards" after "$(vmctl exec a echo after)"
ok "stop: the agent switches it off" vmctl stop -w a
is "the reason" "guest powered off" "$(field a exit_reason)"
is "nothing complained" '' "$(says a)"
ok "a volume that two write" vmctl start a
is "is refused" 1 "$(vmctl run -d --name b -m 192M -v v:/data \
    busybox:hello 2>&1 | grep -c 'volumes.0.')"
ok "remove" vmctl rm -f a

# --- disks of the host, firmware, a kernel of one's own
head -c 1048576 /dev/zero > "$d/disk.img"
new() { # MEMBERS: what is answered to a VM of them
	api POST /instances "{\"name\":\"k\",\"hypervisor\":\"vz\",
	    \"size\":\"128MB\",$1}"
}
id=$(new "\"disks\":[{\"path\":\"$d/disk.img\"}]" | jq -r .id)
ok "a disk boots by UEFI" in_state k Running
ok "variables are the VM's" test -f "$state/vms/$id/efi-variables"
is "and the console is hvc0" Socket "$(jq -r .console.mode \
    "$state/vms/$id/config.json")"
ok "remove" vmctl rm -f k
echo kernel > "$d/kernel"
new "\"kernel\":\"$d/kernel\",\"cmdline\":\"q\",
    \"disks\":[{\"path\":\"$d/disk.img\"}]" > /dev/null
ok "a kernel of one's own" in_state k Running
ok "remove" vmctl rm -f k
command -v qemu-img > /dev/null && {
	qemu-img create -q -f qcow2 "$d/q.qcow2" 1M
	is "qcow2 is refused, with a hint" 1 "$(new \
	    "\"disks\":[{\"path\":\"$d/q.qcow2\"}]" |
	    grep -c 'vz has raw disks only')"
}
echo "1..$n"
exit $bad
