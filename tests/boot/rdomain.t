#!/bin/sh
# rdomain.t: interfaces in routing domains: VRFs with networks of their own,
# by guests that are network namespaces behind their cards
#
# Few kernels outside have VRFs: tests/lab/boot.t runs it where one has.
cd "$(dirname "$0")/../.." || exit 1
HYPERVISOR=null
. tests/boot/lib.sh
[ "$(id -u)" -eq 0 ] || skip_all "not root"
for p in ip jq nsenter busybox unshare; do
	command -v $p > /dev/null || skip_all "no $p"
done
[ -x "$build/tests/cli/tap-guest" ] || skip_all "no tap-guest (make unit)"
[ "$1" = inside ] || {
	unshare -n ip link add vrf9 type vrf table 9 2> /dev/null ||
	    skip_all "no right to make routing domains, or no VRF"
	rm -r "$t"
	exec unshare -n -m sh "$0" inside
}
guests=
at_end() { for g in $guests; do kill "$g"; done 2> /dev/null; }

# The host: in its own domain 203.0.113.1, and domain 7 is somebody's.
ip link set lo up
ip link add world type dummy
ip link set world up
ip addr add 203.0.113.1/24 dev world
ip link add seven type vrf table 7
ip link set seven alias "somebody's" up
host() {
	ip -o link | sed 's/^[0-9]*: //; s/<[^>]*>//' | sort
	ip rule; ip -6 rule; ip route show table all | sort
	ip -6 route show table all | grep -v fe80 | sort
}

cat > "$t/vm.conf" << 'END'
switch "s" { interface bridge0, rdomain 5 }
vm "five" { image none, hypervisor null, disable
	interface { rdomain 5, lladdr 02:00:00:00:05:01 } }
vm "other" { image none, hypervisor null, disable
	interface { switch "s", lladdr 02:00:00:00:05:02 } }
vm "six" { image none, hypervisor null, disable
	interface { rdomain 6, lladdr 02:00:00:00:06:01 } }
vm "seven" { image none, hypervisor null, disable
	interface { rdomain 7 } }
vm "wrong" { image none, hypervisor null, disable
	interface { rdomain 253 } }
END
# An address of the domains' router, so that packets could go anywhere.
echo 1 > /proc/sys/net/ipv4/ip_forward
[ ! -e /proc/sys/net/ipv6/conf/all/forwarding ] ||
    echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
host > "$t/before"
start_vmd -f "$t/vm.conf" || broken "vmd starts"

tap_of() { ip -o link | sed -n "s/^[0-9]*: \([^:]*\):.*alias $1.*/\1/p"; }
master_of() { ip -o link show "$1" | sed -n 's/.* master \([^ ]*\).*/\1/p'; }
# card VM MAC ADDRESS ROUTER: a guest for its card; its namespace is $guest's.
card() {
	id=$(vmctl inspect "$1" | jq -r '.[0].id')
	TMPDIR=$t unshare -n "$build/tests/cli/tap-guest" \
	    "$state/vms/$id/net0.vu" eth0 "$2" > "$t/card.$1" 2>&1 &
	guest=$!
	guests="$guests $guest"
	wait_for 20 grep ready "$t/card.$1" || broken "the card of $1"
	nsenter -t $guest -n ip addr add "$3" dev eth0
	nsenter -t $guest -n ip route add default via "$4"
}
ping_from() { nsenter -t "$1" -n busybox ping -c 2 -w 10 "$2"; }
no_ping_from() { ! nsenter -t "$1" -n busybox ping -c 2 -w 2 "$2"; }

for v in five other six seven; do
	ok "start $v" vmctl start "$v"
done
five=$(tap_of vm1-if0-five) six=$(tap_of vm3-if0-six)
is "a VM's tap is in its domain" vrf5 "$(master_of "$five")"
is "another's in another" vrf6 "$(master_of "$six")"
is "a bridge is in its switch's" vrf5 "$(master_of bridge0)"
is "its port on the bridge" bridge0 "$(master_of "$(tap_of vm2-if0-other)")"
is "one that was there is used" seven "$(master_of "$(tap_of vm4-if0-seven)")"
has "ours are described" "vmd: rdomain 5" "$(ip -o link show vrf5)"
has "others' are left as they were" "somebody's" "$(ip -o link show seven)"
is "which table it is" 5 "$(ip -d -j link show vrf5 |
    jq '.[0].linkinfo.info_data.table')"
ok "one stops: there are no more processors" vmctl stop -f -w seven
has "a domain that cannot be" "kernel's own tables are above 252" \
    "$(vmctl start wrong 2>&1)"

# The same addresses in both domains.
ip addr add 10.5.0.1/24 dev "$five"
ip addr add 10.5.0.1/24 dev "$six"
ip addr add 10.7.0.1/24 dev bridge0
card five 02:00:00:00:05:01 10.5.0.2/24 10.5.0.1; five_ns=$guest
card six 02:00:00:00:06:01 10.5.0.3/24 10.5.0.1; six_ns=$guest
card other 02:00:00:00:05:02 10.7.0.2/24 10.7.0.1; other_ns=$guest
ok "a guest reaches the host's end" ping_from "$five_ns" 10.5.0.1
ok "one in another domain its own, of the same address" \
    ping_from "$six_ns" 10.5.0.1
ok "guests of one domain reach each other by it" \
    ping_from "$five_ns" 10.7.0.2
ok "and back" ping_from "$other_ns" 10.5.0.2
ok "the other domain does not know that network" \
    no_ping_from "$six_ns" 10.7.0.2
ok "nor its guests" no_ping_from "$six_ns" 10.5.0.2
# The way to a network of the host's own domain: there is none from here.
ip neigh add 203.0.113.2 lladdr 02:00:00:00:99:99 dev world
sent() { ip -s -j link show world | jq '.[0].stats64.tx.packets'; }
was=$(sent)
ok "no answer from the host's own networks" \
    no_ping_from "$five_ns" 203.0.113.2
is "nothing went there" "$was" "$(sent)"
ip neigh del 203.0.113.2 dev world

for v in five other six; do
	ok "stop $v" vmctl stop -f -w "$v"
done
stop_vmd
host > "$t/after"
ok "vmd gone: links, rules and routes as before" \
    diff "$t/before" "$t/after"
done_testing
