#!/bin/sh
# switch.t: interfaces on taps: switches, local interfaces, with real packets
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/nets.sh
nft -f - << 'RULES'
table inet others {
	chain forward { type filter hook forward priority 10; policy accept; }
}
RULES
# The world advertises itself as the host's router.
cat > "$d/advertise.pl" << 'RA'
use Socket qw(:all);
socket(my $s, AF_INET6, SOCK_RAW, 58) or die;
setsockopt($s, IPPROTO_IPV6, 18, pack('i', 255)) or die;	# hops
send($s, pack('CCnCCnNN', 134, 0, 0, 64, 0, $ARGV[0], 0, 0), 0,
    pack_sockaddr_in6(0, inet_pton(AF_INET6, 'ff02::1'), 2)) or die;
RA
until_true sh -c '! ip addr | grep tentative'
until_true in_guest $world sh -c '! ip addr | grep tentative'
advertised() {
	in_guest $world perl "$d/advertise.pl" "$1" &&
	    ip -6 route | grep -E "^default via fe80::.* expires $2"
}
until_true advertised 1800 1
echo 'nameserver 192.0.2.2' > "$d/resolv.conf"
mount --bind "$d/resolv.conf" /etc/resolv.conf
cat > "$d/vm.conf" << 'CONF'
local inet6 prefix fd12:3456:789a::/64
switch "uplink" { interface bridge0, locked lladdr }
switch "admin" { interface bridge1 }
switch "off" { interface bridge2, disable }
vm "one" { image none, hypervisor null, disable
	interface { switch "uplink", lladdr 02:00:00:00:01:01 }
	local interface { lladdr 02:00:00:00:01:10 } }
vm "two" { image none, hypervisor null, disable
	interface { switch "uplink", lladdr 02:00:00:00:02:01 }
	local interface tap41 { lladdr 02:00:00:00:02:10 }
	interface { switch "admin" } }
vm "three" { image none, hypervisor null, disable
	interface { switch "none" } }
vm "four" { image none, hypervisor null, disable
	interface { switch "off" } }
vm "five" { image none, hypervisor null, disable
	interface { group "no-such" } }
vm "six" { image none, hypervisor null, disable
	interface tap41 }
vm "seven" { image none, hypervisor null, disable
	interface { switch "uplink", address 10.9.0.7, address "fd00::7" } }
vm "eight" { image none, hypervisor null, disable
	interface { switch "uplink", address 100.64.1.5 } }
CONF
ip link add bridge1 address 02:00:00:00:00:b1 type bridge
ip link set bridge1 alias "somebody's" up
until_true sh -c '! ip addr | grep tentative'
host > "$d/before"

vmd
ok "vmd is there"
host | diff "$d/before" - > "$d/out"
ok "and has changed nothing"
start one
ok "a VM on a switch and with a local interface"
start two
ok "and another"
ip -o link show bridge0 | grep -q 'alias vmd: switch uplink' &&
    ip -o link show "$(tap_of vm1-if0-one)" | grep -q 'master bridge0' &&
    ip -o link show "$(tap_of vm2-if2-two)" | grep -q 'master bridge1' &&
    [ "$(tap_of vm2-if1-two)" = tap41 ]
ok "bridge and taps have names and descriptions"
ip -o link show bridge1 | grep -q "alias somebody's"
ok "a bridge that was there is left as it was"
! ip -o addr show "$(tap_of vm1-if0-one)" | grep -q inet
ok "the host has no address on a port of a bridge"

card one net0 02:00:00:00:01:01 ; one=$guest
card two net0 02:00:00:00:02:01 ; two=$guest
in_guest $one ip addr add 10.9.0.1/24 dev eth0
in_guest $two ip addr add 10.9.0.2/24 dev eth0
in_guest $one ping -c 3 -W 5 -i 0.2 10.9.0.2 > "$d/out" 2>&1
ok "guests of a switch reach each other"
head -c 20000000 /dev/urandom > "$d/data"
in_guest $two socat -u TCP-LISTEN:7000,reuseaddr "OPEN:$d/got,creat,trunc" &
pair=$!
until_true in_guest $one socat -u "OPEN:$d/data" TCP:10.9.0.2:7000
wait $pair
cmp "$d/data" "$d/got" > "$d/out" 2>&1
ok "TCP between them, 20 MB"
api GET /instances/one
# The guest takes another address: its own frames are spoofed ones now.
in_guest $one ip link set eth0 address 02:00:00:00:01:99
! in_guest $one ping -c 2 -W 1 -i 0.2 10.9.0.2 > "$d/out" 2>&1
ok "locked lladdr: from another address nothing passes"
in_guest $two ip -o neigh | grep -q 02:00:00:00:01:99
[ $? -ne 0 ]
ok "and nobody has heard of it"
in_guest $one ip link set eth0 address 02:00:00:00:01:01
in_guest $one ping -c 2 -W 5 -i 0.2 10.9.0.2 > "$d/out" 2>&1
ok "with its own it is back"

# Local interfaces, by DHCP clients as they are.
card one net1 02:00:00:00:01:10 ; one=$guest
card two net1 02:00:00:00:02:10 ; two=$guest
LEASE=$d/lease.one in_guest $one udhcpc -i eth0 -n -q -f -t 5 -T 1 \
    -s "$d/lease" > "$d/out" 2>&1
grep -qE '^100\.64\.1\.5 100\.64\.1\.4 100\.64\.1\.4 one vmd.internal (31|255.255.255.254)$' \
    "$d/lease.one"
ok "udhcpc: address, router, name server, names"
in_guest $two dhclient -1 -d -e LEASE="$d/lease.two" -sf "$d/lease" \
    -lf "$d/leases" -pf "$d/dhclient.pid" eth0 > "$d/out" 2>&1 &
guests="$guests $!"
until_true grep '^100\.64\.2\.5 100\.64\.2\.4 100\.64\.2\.4 two vmd.internal 255.255.255.254$' \
    "$d/lease.two"
ok "dhclient: the same"
in_guest $one ping -c 2 -W 5 -i 0.2 100.64.1.4 > "$d/out" 2>&1
ok "the host answers"
in_guest $one ping -c 2 -W 5 -i 0.2 100.64.2.5 > "$d/out" 2>&1
ok "so does the other guest"
in_guest $one ping -c 2 -W 5 -i 0.2 192.0.2.2 > "$d/out" 2>&1
ok "and the world"
in_guest $world socat -t 20 TCP-LISTEN:7000,reuseaddr,fork \
    'SYSTEM:echo $SOCAT_PEERADDR; cat' &
guests="$guests $!"
until_true in_guest $world sh -c 'ss -ltn | grep :7000'
echo hello | in_guest $one socat -t 20 - TCP:192.0.2.2:7000 > "$d/out" 2>&1
[ "$(tr '\n' ' ' < "$d/out")" = "192.0.2.1 hello " ]
ok "which sees the host's address"
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ]
ok "the host as such is no router"
! in_guest $lan ping -c 2 -W 1 -i 0.2 192.0.2.2 > "$d/out" 2>&1 &&
    ! in_guest $world ping -c 2 -W 1 -i 0.2 198.51.100.2 > "$d/out" 2>&1
ok "and none for its other networks"
in_guest $one ping -c 2 -W 5 -i 0.2 198.51.100.2 > "$d/out" 2>&1
ok "which guests do reach"
! in_guest $world ping -c 2 -W 1 -i 0.2 100.64.1.5 > "$d/out" 2>&1
ok "nobody begins with them from outside, knowing the way or not"
in_guest $one ip addr add 203.0.113.99/32 dev eth0
! in_guest $one ping -c 2 -W 1 -i 0.2 -I 203.0.113.99 192.0.2.2 \
    > "$d/out" 2>&1
ok "a source that is not the guest's goes nowhere"
in_guest $one ip addr del 203.0.113.99/32 dev eth0
nft list table inet others | grep -q 'priority'
ok "rules of others are as they were"

# Names: of VMs, and what the world's name server knows.
cat > "$d/dns.pl" << 'DNS'
use Socket;
socket(my $s, PF_INET, SOCK_DGRAM, 17) or die;
bind($s, sockaddr_in(53, INADDR_ANY)) or die;
while (my $from = recv($s, my $q, 2000, 0)) {
	send($s, substr($q, 0, 2) . pack('n5', 0x8180, 1, 1, 0, 0) .
	    substr($q, 12) . pack('n3Nn', 0xc00c, 1, 1, 60, 4) .
	    pack('C4', 203, 0, 113, 7), 0, $from);
}
DNS
nsenter -t $world -n perl "$d/dns.pl" > /dev/null 2>&1 &
guests="$guests $!"
until_true in_guest $world sh -c 'ss -lun | grep :53'
# name VM'S-PROCESS SERVER NAME ADDRESS
name() {
	in_guest "$1" busybox nslookup "$3" "$2" > "$d/name" 2>&1
	echo "status $?" >> "$d/name"
	cp "$d/name" "$d/out"
	sed 1,2d "$d/name" | grep -qF "$4"
}
name $one 100.64.1.4 two.vmd.internal 100.64.2.5
ok "a guest knows the other by name"
name $two 100.64.2.4 one.vmd.internal 100.64.1.5
ok "which knows it"
name $one 100.64.1.4 one.vmd.internal 100.64.1.5
ok "and itself"
name $one 100.64.1.4 100.64.2.5 two.vmd.internal
ok "whose address it is"
name $one 100.64.1.4 www.example.org 203.0.113.7
ok "other names by the host's name server"
! name $one 100.64.1.4 three.vmd.internal 203.0.113.7 &&
    grep -q NXDOMAIN "$d/out"
ok "no name of a VM that does not run, and nobody else is asked"
readlink "$d/state/names/one" > "$d/out"
grep -q '^[a-z0-9-]* 100\.64\.1\.5 fd12:3456:789a:0:6440:105:0:2$' "$d/out"
ok "the record"

# Those on a switch, as vm.conf says.
start seven
name $one 100.64.1.4 seven.vmd.internal 10.9.0.7
ok "an address that vm.conf says"
name $one 100.64.1.4 10.9.0.7 seven.vmd.internal
ok "and whose it is"
start eight
name $one 100.64.1.4 eight.vmd.internal 100.64.1.5
ok "one that is another's"
name $one 100.64.1.4 100.64.1.5 one.vmd.internal
ok "who still has it"
gone() { ! readlink "$d/state/names/$1"; }
for i in seven eight; do api POST /instances/$i/stop '{"force":true}'; done
until_true gone seven
until_true gone eight
! name $one 100.64.1.4 seven.vmd.internal 10.9.0.7 &&
    grep -q NXDOMAIN "$d/name"
ok "gone with the VM"
name $one 100.64.1.4 100.64.1.5 one.vmd.internal
ok "and what was another's is there"

# The same by TCP, which is the kernel's, on that link only.
cat > "$d/dns-tcp.pl" << 'DNS'
use IO::Socket::INET;
my $l = IO::Socket::INET->new(LocalPort => 53, Listen => 5, ReuseAddr => 1)
    or die;
while (my $c = $l->accept) {
	next unless read($c, my $n, 2) == 2;
	read($c, my $q, unpack('n', $n));
	print $c pack('n/a', substr($q, 0, 2) . pack('n5', 0x8180, 1, 1, 0, 0) .
	    substr($q, 12) . pack('n3Nn', 0xc00c, 1, 1, 60, 4) .
	    pack('C4', 203, 0, 113, 8));
}
DNS
nsenter -t $world -n perl "$d/dns-tcp.pl" > /dev/null 2>&1 &
guests="$guests $!"
until_true in_guest $world sh -c 'ss -ltn | grep :53'
cat > "$d/ask.pl" << 'ASK'
use IO::Socket::IP;
my ($server, $name) = @ARGV;
my $s = IO::Socket::IP->new(PeerHost => $server, PeerPort => 53,
    Timeout => 20) or die "$@\n";
print $s pack('n/a', pack('n6', 7, 0x100, 1, 0, 0, 0) .
    join('', map { pack('C/a', $_) } split(/\./, $name)) .
    pack('Cnn', 0, 1, 1));
read($s, my $n, 2) == 2 or die "no answer\n";
read($s, my $a, unpack('n', $n));
print join('.', unpack('C4', substr($a, -4))), "\n";
ASK
# tcp_name VM'S-PROCESS SERVER NAME ADDRESS
tcp_name() {
	in_guest "$1" perl "$d/ask.pl" "$2" "$3" > "$d/out" 2>&1
	grep -qx "$4" "$d/out"
}
tcp_name $one 100.64.1.4 two.vmd.internal 100.64.2.5
ok "a name by TCP"
tcp_name $two 100.64.2.4 www.example.org 203.0.113.8
ok "one of the world's, which is asked by TCP too"
! tcp_name $two 100.64.1.4 one.vmd.internal 100.64.1.5
ok "of its own link only"
ss -ltn | grep ':53 ' > "$d/out"
! grep -qv '%' "$d/out"
ok "nothing else of the host listens there"

# IPv6: a /96 for each, by DHCPv6, and the way out.
six=fd12:3456:789a:0:6440
lease6 one $one
grep -q "^$six:105:0:2 $six:105:0:1 vmd.internal" "$d/lease6.one"
ok "dhclient -6: address, name server, domain"
until_true in_guest $one sh -c 'ip -6 route | grep "^fd12:.*/96 dev eth0"'
ok "an advertisement: what is on the link"
until_true in_guest $one sh -c 'ip -6 route | grep "^default via fe80::1 "'
ok "and the router"
lease6 two $two
in_guest $one ping -6 -c 2 -W 5 -i 0.2 $six:105:0:1 > "$d/out" 2>&1
ok "the host answers"
name $one $six:105:0:1 two.vmd.internal $six:205:0:2
ok "names have the addresses, and the name server is there by IPv6"
name $one 100.64.1.4 $six:205:0:2 two.vmd.internal
ok "whose address it is"
tcp_name $one $six:105:0:1 two.vmd.internal 100.64.2.5
ok "by TCP over IPv6"
[ "$(cat "/proc/sys/net/ipv6/conf/$(tap_of vm1-if1-one)/accept_ra")" = 0 ]
ok "what guests advertise is nothing to the host"

# Beyond the host, by its address.
in_guest $one ping -6 -c 2 -W 5 -i 0.2 $six:205:0:2 > "$d/out" 2>&1
ok "the other guest answers by IPv6"
in_guest $one ping -6 -c 2 -W 5 -i 0.2 2001:db8:1::2 > "$d/out" 2>&1
ok "so does the world"
in_guest $world socat -t 20 TCP6-LISTEN:7006,reuseaddr,fork \
    'SYSTEM:echo $SOCAT_PEERADDR; cat' &
guests="$guests $!"
until_true in_guest $world sh -c 'ss -ltn | grep :7006'
echo hello | in_guest $one socat -t 20 - 'TCP6:[2001:db8:1::2]:7006' \
    > "$d/out" 2>&1
[ "$(tr '\n' ' ' < "$d/out")" = \
    "[2001:0db8:0001:0000:0000:0000:0000:0001] hello " ]
ok "which sees the host's address"
! in_guest $lan ping -6 -c 2 -W 1 -i 0.2 2001:db8:1::2 > "$d/out" 2>&1 &&
    ! in_guest $world ping -6 -c 2 -W 1 -i 0.2 2001:db8:2::2 \
    > "$d/out" 2>&1
ok "the host is no router for its other networks"
in_guest $one ping -6 -c 2 -W 5 -i 0.2 2001:db8:2::2 > "$d/out" 2>&1
ok "which guests do reach"
! in_guest $world ping -6 -c 2 -W 1 -i 0.2 $six:105:0:2 > "$d/out" 2>&1
ok "nobody begins with them from outside"
in_guest $one ip -6 addr add 2001:db8:99::1/128 dev eth0 nodad
in_guest $lan ip -6 route add 2001:db8:99::/64 via 2001:db8:2::1
! in_guest $one ping -6 -c 2 -W 1 -i 0.2 -I 2001:db8:99::1 2001:db8:2::2 \
    > "$d/out" 2>&1
ok "a source that is not the guest's goes nowhere"
in_guest $one ip -6 addr del 2001:db8:99::1/128 dev eth0
until_true advertised 600 5
ok "the host hears its own router, as before"
until_true advertised 1800 1

# What is refused, and what that leaves.
refused() {
	until_true exists "$1"
	api POST "/instances/$1/start"
	[ "$status" -ge 400 ] && jq -r .message "$d/body" > "$d/out" &&
	    grep -q "$2" "$d/out"
}
refused three 'switch "none" not found'
ok "a switch that is not there"
refused four 'switch "off" is disabled'
ok "one that is disabled"
refused five 'group "no-such" is not in'
ok "an unknown group"
refused six 'tap41 is in use'
ok "a tap of another VM"

# The host becomes a router while VMs run, and is one from then on.
sysctl -q -w net.ipv4.ip_forward=1
api POST /instances/two/stop '{"force":true}'
until_true sh -c '! ip -o link | grep -q "alias vm2-"'
start two
in_guest $lan ping -c 2 -W 5 -i 0.2 192.0.2.2 > "$d/out" 2>&1
ok "made a router by somebody else it is one"
! in_guest $world ping -c 2 -W 1 -i 0.2 100.64.1.5 > "$d/out" 2>&1
ok "but not to guests"
sysctl -q -w net.ipv4.ip_forward=0
api POST /instances/two/stop '{"force":true}'
until_true sh -c '! ip -o link | grep -q "alias vm2-"'
start two
card two net1 02:00:00:00:02:10 ; two=$guest

# The daemon goes and comes.
end_vmd -9
in_guest $one ping -c 2 -W 5 -i 0.2 192.0.2.2 > "$d/out" 2>&1
ok "vmd killed: guests go on"
name $one 100.64.1.4 two.vmd.internal 100.64.2.5
ok "and so do names"
vmd
end_vmd
in_guest $one ping -c 2 -W 5 -i 0.2 192.0.2.2 > "$d/out" 2>&1
ok "vmd gone: what VMs need stays"
vmd
api POST /instances/one/stop '{"force":true}'
api POST /instances/two/stop '{"force":true}'
until_true sh -c '! ip -o link | grep -q "alias vm[0-9]"'
ok "VMs stopped: their taps are gone"
until_true sh -c "ls $d/state/names && [ -z \"\$(ls $d/state/names)\" ]"
ok "and their names"
end_vmd
host | diff "$d/before" - > "$d/out"
ok "vmd gone: the host is as it was"
vmd
start one
kill -9 "$pid" $(cat "$(dir one)/pids" | awk '{print $2}')
wait "$pid" 2> /dev/null
vmd
until_true sh -c '! ip -o link | grep -q "alias vm[0-9]"'
# vmd keeps what a VM needs as long as it takes it for running.
ended() {
	api GET /instances/one
	jq -e '.state == "Stopped"' "$d/body"
}
until_true ended
[ -z "$(ls "$d/state/names")" ]
ok "killed with vmd: its name is gone when the next vmd is there"
end_vmd
host | diff "$d/before" - > "$d/out"
ok "all killed, vmd started and ended: as it was"
echo "1..$n"
exit $bad
