# nets.sh: what the tests of interfaces have in common
#
# vmd runs in a network namespace of this test, which is the host.  Guests are
# namespaces too, behind tap-guest, which drives their cards; so is the world,
# behind an interface of the host's.  VMs are of the null hypervisor.
# Sourced from the top of the tree, with the test's arguments.
build=$(cd "${BUILD:-build}" && pwd) || exit 1
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP not root"; exit 0; }
for p in curl jq ip nft unshare nsenter socat ping udhcpc dhclient setpriv perl busybox; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
id nobody > /dev/null 2>&1 || { echo "1..0 # SKIP no user nobody"; exit 0; }
if [ "$1" != inside ]; then
	unshare -n sh -c 'ip link add br0 type bridge && nft add table inet try' \
	    2> /dev/null ||
	    { echo "1..0 # SKIP no right to make bridges and rules"; exit 0; }
	exec unshare -n -m sh "$0" inside
fi

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-nets.XXXXXX") || exit 1
sock=$d/sock pid='' guests=''
cleanup() {
	for i in one two three seven eight; do api DELETE "/instances/$i"; done
	for i in $pid $guests; do kill "$i"; done 2> /dev/null
	wait 2> /dev/null
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
chmod 755 "$d"
mkdir -m 755 "$d/bin"
cp "$build"/bin/v* "$d/bin/"
setpriv --reuid nobody --clear-groups "$d/bin/vmd" -n -s /nonexistent \
    > /dev/null 2>&1
[ $? -ne 126 ] && [ $? -ne 127 ] ||
    { echo "1..0 # SKIP other users may not enter $d"; exit 0; }

n=0 bad=0
ok() {
	rc=$?
	n=$((n + 1))
	[ $rc -eq 0 ] && echo "ok $n - $1" || {
		echo "not ok $n - $1"
		tail -n 20 "$d/out" "$d/log" | sed 's/^/# /'
		bad=1
	}
}
api() {
	status=$(curl -s -m 60 --unix-socket "$sock" -X "$1" -o "$d/body" \
	    -w '%{http_code}' ${3+-d "$3"} "http://vmd$2")
}
until_true() {
	i=0
	until "$@" > "$d/out" 2>&1; do
		i=$((i + 1))
		[ $i -lt 200 ] || return 1
		sleep 0.05
	done
}
# VMs of the file are there a moment after vmd is.
start() {
	until_true exists "$1"
	api POST "/instances/$1/start"
	running "$1"
}
exists() { api GET "/instances/$1" && [ "$status" = 200 ]; }
running() {
	api GET "/instances/$1"
	[ "$(jq -r .state "$d/body")" = Running ]
}
vmd() {
	"$d/bin/vmd" -d -f "$d/vm.conf" -s "$d/state" -S "$sock" \
	    -o user=nobody -o uid_base=1910000000 2>> "$d/log" &
	pid=$!
	until_true curl -sf --unix-socket "$sock" http://vmd/health
}
end_vmd() {
	kill "$@" "$pid"
	wait "$pid" 2> /dev/null
	pid=
}
dir() {
	api GET "/instances/$1"
	echo "$d/state/vms/$(jq -r .id "$d/body")"
}
# card VM NET MAC: a guest for it; its namespace is that of process $guest
card() {
	TMPDIR=$d unshare -n "$build/tests/cli/tap-guest" "$(dir "$1")/$2.vu" \
	    eth0 "$3" > "$d/$1.$2" 2> "$d/out" &
	guest=$!
	guests="$guests $guest"
	until_true grep ready "$d/$1.$2"
}
in_guest() { g=$1; shift; timeout 30 nsenter -t "$g" -n "$@"; }
tap_of() {
	ip -o link | sed -n "s/^[0-9]*: \([^:]*\):.*alias $1.*/\1/p"
}
# What of the host could have been changed.  Indexes are never the same again.
host() {
	# A bridge's carrier is that of what was on it.
	ip -o link | sed 's/^[0-9]*: //; s/<[^>]*>//; s/ state [A-Z]*//' | sort
	ip -o addr | grep -v 'inet6 fe80' | sed 's/^[0-9]*: //' | sort
	ip route
	ip -6 route | grep -v '^fe80' | sed 's/ expires.*//' | sort
	ip rule
	ip -6 rule
	nft list ruleset
	for i in iptables-save ip6tables-save; do
		command -v $i > /dev/null && $i 2> /dev/null | grep -v '^#'
	done
	ip netns
	# Namespaces that are held by a mount, and mounts of ours.
	grep -e ' nsfs ' -e " $d" /proc/self/mountinfo | cut -d ' ' -f 4-
	# A day of conntrack's is no state of the host's.
	find /proc/sys/net -type f -readable ! -path '*/neigh/*' \
	    ! -path '*/tap[0-9]*' ! -path '*/bridge0/*' \
	    ! -name 'nf_conntrack_count' | sort | xargs grep -s ''
}

# The world: 192.0.2.2 behind eth0, with no way to the guests' addresses.
ip link set lo up
unshare -n sleep 600 &
world=$! guests=$world
sleep 0.2
ip link add eth0 type veth peer name eth0 netns $world
ip link set eth0 up
ip addr add 192.0.2.1/24 dev eth0
in_guest $world ip link set lo up
in_guest $world ip link set eth0 up
in_guest $world ip addr add 192.0.2.2/24 dev eth0
# Another network of the host's, which is no router between the two.
unshare -n sleep 600 &
lan=$! guests="$guests $lan"
sleep 0.2
ip link add eth1 type veth peer name eth0 netns $lan
ip link set eth1 up
ip addr add 198.51.100.1/24 dev eth1
in_guest $lan ip link set lo up
in_guest $lan ip link set eth0 up
in_guest $lan ip addr add 198.51.100.2/24 dev eth0
ip addr add 2001:db8:1::1/64 dev eth0 nodad
ip addr add 2001:db8:2::1/64 dev eth1 nodad
in_guest $world ip addr add 2001:db8:1::2/64 dev eth0 nodad
in_guest $lan ip addr add 2001:db8:2::2/64 dev eth0 nodad
in_guest $world ip -6 route add 2001:db8:2::/64 via 2001:db8:1::1
in_guest $world ip -6 route add fd12::/16 via 2001:db8:1::1
in_guest $lan ip -6 route add default via 2001:db8:2::1
in_guest $lan ip route add default via 198.51.100.1
in_guest $world ip route add 198.51.100.0/24 via 192.0.2.1
in_guest $world ip route add 100.64.0.0/10 via 192.0.2.1

# Leases of DHCP clients as they are, in $LEASE.
cat > "$d/lease" << 'LEASE'
#!/bin/sh
case $1$reason in
bound|BOUND)
	ip addr add "${ip:-$new_ip_address}/31" dev "$interface"
	ip route add default via "${router:-$new_routers}"
	echo "${ip:-$new_ip_address} ${router:-$new_routers}" \
	    "${dns:-$new_domain_name_servers} ${hostname:-$new_host_name}" \
	    "${domain:-$new_domain_name} ${mask:-$new_subnet_mask}" > "$LEASE"
esac
LEASE
chmod 755 "$d/lease"
cat > "$d/lease6" << 'LEASE'
#!/bin/sh
[ -z "$new_ip6_address" ] || {
	ip -6 addr add "$new_ip6_address/128" dev "$interface" nodad
	echo "$new_ip6_address $new_dhcp6_name_servers" \
	    "$new_dhcp6_domain_search" > "$LEASE"
}
LEASE
chmod 755 "$d/lease6"
# lease6 VM PROCESS
lease6() {
	until_true in_guest "$2" sh -c '! ip -6 addr show eth0 | grep tentative'
	in_guest "$2" dhclient -6 -1 -d -e LEASE="$d/lease6.$1" \
	    -sf "$d/lease6" -lf "$d/leases6.$1" -pf "$d/dhclient6.$1" eth0 \
	    > "$d/dhclient.$1" 2>&1 &
	guests="$guests $!"
	until_true grep . "$d/lease6.$1"
}
