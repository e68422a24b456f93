#!/bin/sh
# ports.t: published ports of VMs with local interfaces, with real packets
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/nets.sh

cat > "$d/vm.conf" << 'CONF'
local inet6 prefix fd12:3456:789a::/64
switch "uplink" { interface bridge0 }
vm "one" { image none, hypervisor null, disable
	interface { switch "uplink" }
	local interface { lladdr 02:00:00:00:01:10 }
	publish { 8080:80, "192.0.2.1:8081:80", "127.0.0.1:8082:80" }
	publish { "5353:53/udp", "[2001:db8:1::1]:8083:80" } }
vm "two" { image none, hypervisor null, disable
	local interface { lladdr 02:00:00:00:02:10 } }
vm "three" { image none, hypervisor null, disable
	local interface, publish 9090:80 }
vm "four" { image none, hypervisor null, disable
	local interface, publish "[::1]:8090:80" }
vm "five" { image none, hypervisor null, disable
	local interface, publish 80:80 }
CONF
# serve PROCESS WORDS: a server in a namespace; ask WHO WORDS: what it says
serve() {
	g=$1; shift
	nsenter -t "$g" -n socat -t 20 "$@" > /dev/null 2>&1 &
	guests="$guests $!"
}
ask() {
	g=$1; shift
	nsenter -t "$g" -n timeout 20 socat -u "$1",connect-timeout=5 - \
	    2>&1 | tr '\n' ' ' > "$d/out"
}
says() { ask "$1" "$2" && [ "$(cat "$d/out")" = "$3 " ]; }
silent() { ask "$1" "$2"; grep -q ' E connect' "$d/out"; }
host=$$
until_true sh -c '! ip addr | grep tentative'
host > "$d/before"
vmd
start one
ok "a VM with a local interface and published ports"
api GET /instances/one
jq -e '.network.enabled == false and (.ports | length) == 5' "$d/body" \
    > "$d/out"
ok "has no other card for them"
start two
card one net1 02:00:00:00:01:10 ; one=$guest
card two net0 02:00:00:00:02:10 ; two=$guest
for i in one two; do
	eval "g=\$$i"
	in_guest $g ip link set lo up
	LEASE=$d/lease.$i in_guest $g udhcpc -i eth0 -n -q -f -t 5 -T 1 \
	    -s "$d/lease" > "$d/out" 2>&1
	lease6 $i $g
done
until_true in_guest $one sh -c 'ip -6 route | grep "^default via fe80::1 "'
serve $one TCP6-LISTEN:80,ipv6only=0,reuseaddr,fork 'SYSTEM:echo $SOCAT_PEERADDR'
serve $one UDP-RECVFROM:53,reuseaddr,fork 'SYSTEM:echo $SOCAT_PEERADDR'
until_true in_guest $one sh -c 'ss -ltun | grep :80 && ss -lun | grep :53'
v4='[0000:0000:0000:0000:0000:ffff'
says $world TCP:192.0.2.1:8080 "$v4:c000:0202]"
ok "the world reaches it, and the guest sees who it is"
says $lan TCP:198.51.100.1:8080 "$v4:c633:6402]"
ok "so does the host's other network, at its address"
says $host TCP:192.0.2.1:8080 "$v4:c000:0201]"
ok "the host, at its own address"
says $host TCP:127.0.0.1:8080 "$v4:6440:0104]"
ok "and at that of loopback: from the router's address"
says $two TCP:192.0.2.1:8080 "$v4:6440:0104]"
ok "another guest, at the host's address"
says $one TCP:192.0.2.1:8080 "$v4:6440:0104]"
ok "and the guest itself"
says $world TCP:192.0.2.1:8081 "$v4:c000:0202]" &&
    silent $lan TCP:198.51.100.1:8081
ok "a port of one address is at that one"
says $host TCP:127.0.0.1:8082 "$v4:6440:0104]" &&
    silent $world TCP:192.0.2.1:8082 && silent $host TCP:192.0.2.1:8082
ok "one of loopback for the host alone"
# A datagram may be lost, as on any wire.
udp() {
	echo | nsenter -t $world -n timeout 5 socat -t 3 - UDP:192.0.2.1:5353 |
	    grep '^192\.0\.2\.2$'
}
until_true udp
ok "UDP"
says $world 'TCP6:[2001:db8:1::1]:8080' \
    '[2001:0db8:0001:0000:0000:0000:0000:0002]'
ok "the world by IPv6"
says $host 'TCP6:[2001:db8:1::1]:8080' \
    '[2001:0db8:0001:0000:0000:0000:0000:0001]'
ok "the host by IPv6"
says $world 'TCP6:[2001:db8:1::1]:8083' \
    '[2001:0db8:0001:0000:0000:0000:0000:0002]' &&
    silent $world TCP:192.0.2.1:8083
ok "a port of an IPv6 address"
silent $host 'TCP6:[::1]:8080' && grep -q refused "$d/out"
ok "IPv6's loopback refuses, so that clients try the next address"
silent $world TCP:192.0.2.1:80 && silent $world TCP:192.0.2.1:53
ok "no other port is open"
! in_guest $world ping -c 1 -W 1 100.64.1.5 > "$d/out" 2>&1
ok "nobody begins with the guest itself"
# The loopback of the host is for nobody on a tap.
serve $host TCP-LISTEN:7777,bind=127.0.0.1,reuseaddr,fork SYSTEM:'echo 1.1'
until_true sh -c 'ss -ltn | grep :7777'
says $host TCP:127.0.0.1:7777 1.1
in_guest $one ip addr del 127.0.0.1/8 dev lo
in_guest $one ip route add 127.0.0.1/32 via 100.64.1.4
silent $one TCP:127.0.0.1:7777
ok "a guest does not reach what the host has on loopback"
in_guest $one ip route del 127.0.0.1/32
in_guest $one ip addr add 127.0.0.1/8 dev lo

# What is refused.
! timeout 5 socat TCP-LISTEN:8080 /dev/null 2> "$d/out" &&
    grep -q 'in use' "$d/out"
ok "the port is nobody else's"
serve $host TCP-LISTEN:9090,reuseaddr,fork 'SYSTEM:echo 2.2'
until_true sh -c 'ss -ltn | grep :9090'
refused() {
	until_true exists "$1"
	api POST "/instances/$1/start"
	[ "$status" -ge 400 ] && jq -r '.code + ": " + .message' "$d/body" \
	    > "$d/out" && grep -q "$2" "$d/out"
}
refused three 'port_in_use: .*port 9090 is in use'
ok "a port that somebody has"
refused four 'not_supported: .*port 8090 of ::1'
ok "IPv6's loopback"
refused five 'port 80: Permission denied'
ok "a port that is not for everybody"
! nft list ruleset | grep -q 9090 && ! ls "$d"/state/vms/*/ports |
    grep -qv "$(dir one)"
ok "and nothing is left of them"

# The daemon goes and comes.
end_vmd -9
says $world TCP:192.0.2.1:8080 "$v4:c000:0202]"
ok "vmd killed: the port is open"
vmd
says $world TCP:192.0.2.1:8080 "$v4:c000:0202]" &&
    nft list map inet vmd any4 | grep -q 8080
ok "a new vmd has taken it over"
api POST /instances/two/stop '{"force":true}'
until_true sh -c '! ip -o link | grep -q "alias vm2-"'
start two
says $world TCP:192.0.2.1:8080 "$v4:c000:0202]"
ok "another VM has come and gone"
kill -9 "$pid" $(awk '{print $2}' "$(dir one)/pids")
wait "$pid" 2> /dev/null
serve $host TCP-LISTEN:8080,reuseaddr,fork 'SYSTEM:echo 3.3'
until_true sh -c 'ss -ltn | grep :8080'
vmd
until_true sh -c '! nft list ruleset | grep -q 8080'
says $world TCP:192.0.2.1:8080 3.3
ok "killed with vmd: when the next vmd is there the port is the host's"
refused one 'port_in_use: .*port 8080 is in use'
ok "who then has it"
api POST /instances/two/stop '{"force":true}'
until_true sh -c '! ip -o link | grep -q "alias vm[0-9]"'
end_vmd
host | diff "$d/before" - > "$d/out"
ok "vmd gone: the host is as it was"
echo "1..$n"
exit $bad
