#!/bin/sh
# tap.t: a real guest on a local interface of a host that is a namespace: its
# lease, names, TCP both ways, and the world behind
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP not root"; exit 0; }
for p in curl ip jq nft nsenter perl socat unshare; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
if [ "$1" != inside ]; then
	unshare -n -m sh -c 'ip tuntap add tap0 mode tap &&
	    nft add table inet try' 2> /dev/null ||
	    { echo "1..0 # SKIP no right to make taps and rules"; exit 0; }
	exec unshare -n -m sh "$0" inside
fi
. tests/boot/lib.sh

# The world: 192.0.2.2, with a name server that says what it is asked for.
ip link set lo up
unshare -n sleep 3600 > /dev/null 2>&1 &
world=$!
at_end() { kill $world $servers 2> /dev/null; }
wait_for 10 sh -c "[ \$(readlink /proc/$world/ns/net) != \
    \$(readlink /proc/self/ns/net) ]"
in_world() { nsenter -t $world -n "$@"; }
ip link add eth0 type veth peer name eth0 netns $world
ip addr add 192.0.2.1/24 dev eth0
ip link set eth0 up
in_world ip addr add 192.0.2.2/24 dev eth0
in_world ip link set eth0 up
cat > "$t/dns.pl" << 'END'
use Socket;
socket(my $s, PF_INET, SOCK_DGRAM, 17) or die;
bind($s, sockaddr_in(53, INADDR_ANY)) or die;
while (my $from = recv($s, my $q, 2000, 0)) {
	send($s, substr($q, 0, 2) . pack('n5', 0x8180, 1, 1, 0, 0) .
	    substr($q, 12) . pack('n3Nn', 0xc00c, 1, 1, 60, 4) .
	    pack('C4', 192, 0, 2, 2), 0, $from);
}
END
# By their own process ids, so that they can be ended.
nsenter -t $world -n perl "$t/dns.pl" > /dev/null 2>&1 &
servers=$!
nsenter -t $world -n socat TCP-LISTEN:7000,reuseaddr,fork \
    'SYSTEM:echo to $SOCAT_PEERADDR; cat' > /dev/null 2>&1 &
servers="$servers $!"
echo 'nameserver 192.0.2.2' > "$t/resolv.conf"
mount --bind "$t/resolv.conf" /etc/resolv.conf

cat > "$t/vm.conf" << END
vm guest {
	disable
	image "busybox:hello"
	memory 192M
	cpus 1
	local interface
	publish 18080:8080
}
vm peer {
	disable
	image none
	hypervisor null
	local interface
}
END
start_vmd -f "$t/vm.conf" || broken "vmd starts"
import_hello
ok "a VM that is known by name" vmctl start peer
ok "a guest on a tap" vmctl start guest
ok "whose agent answers" \
    wait_for "${BOOT_LIMIT:-300}" "$bin/vmctl" exec guest true
root() { vmctl exec -u root guest "$@"; }
has "its address by DHCP" "inet 100.64.1.3/31" "$(root ip addr)"
has "its router" "default via 100.64.1.2" "$(root ip route)"
has "its name server" "nameserver 100.64.1.2" \
    "$(root cat /etc/resolv.conf)"
has "another VM by name" "100.64.2.3" \
    "$(root nslookup peer.vmd.internal 2>&1)"
has "a name of the world" "192.0.2.2" \
    "$(root nslookup www.example.org 2>&1)"
is "TCP from the host" "hello from a virtual machine" \
    "$(curl -s --retry 20 --retry-connrefused -m 60 http://100.64.1.3:8080/)"
head -c 1048576 /dev/urandom > "$t/bytes"
vmctl cp "$t/bytes" guest:/www/bytes
is "1 MiB of it" "$(sha256sum < "$t/bytes")" \
    "$(curl -s -m 100 http://100.64.1.3:8080/bytes | sha256sum)"
is "a published port, from the world" "hello from a virtual machine" \
    "$(in_world curl -s -m 60 http://192.0.2.1:18080/)"
is "and from the host's loopback" "hello from a virtual machine" \
    "$(curl -s -m 60 http://localhost:18080/)"
is "TCP to the world, with the host's address" "to 192.0.2.1" \
    "$(root sh -c 'echo | nc -w 20 www.example.org 7000' | head -n 1)"
is "the host is no router" 0 "$(cat /proc/sys/net/ipv4/ip_forward)"
vmctl stop -f guest > /dev/null 2>&1
gone() { ! ip -o link | grep -q 'alias vm1-'; }
ok "stopped: its tap is gone" wait_for 30 gone
done_testing
