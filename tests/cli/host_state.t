#!/bin/sh
# host_state.t: what the host is left with when processes are killed
#
# Each process of a VM and of the daemon, one at a time and all at once, and
# all at moments of a start: when a vmd has come, stopped its VMs and gone, the
# host is as it was.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/nets.sh

cat > "$d/vm.conf" << 'CONF'
local inet6 prefix fd12:3456:789a::/64
switch "uplink" { interface bridge0 }
vm "one" { image none, hypervisor null, disable
	interface { switch "uplink" }
	local interface
	publish { 8080:80, 5353:53/udp } }
vm "two" { image none, hypervisor null, disable
	local interface }
CONF
until_true sh -c '! ip addr | grep tentative'
host > "$d/before"
# A VM of the name has no process and no interface.
gone() {
	api GET "/instances/$1"
	jq -e '.state == "Stopped"' "$d/body" > /dev/null &&
	    ! ip -o link | grep -q "alias vm[0-9]*-if[0-9]*-$1"
}
settle() {
	for i in one two; do
		api POST "/instances/$i/stop" '{"force":true}'
		until_true gone $i || return 1
	done
	[ -z "$(ls "$d/state/names")" ] && ! ls "$d"/state/vms/*/ports
}
as_before() { host | diff "$d/before" - > "$d/out"; }
# pid_of NAME: a process of VM one, or of the daemon
pid_of() {
	case $1 in
	vmd) echo "$pid" ;;
	vmd-control) pgrep -P "$pid" -x vmd-control ;;
	*) awk -v name="$1" '$1 == name { print $2 }' "$(dir one)/pids" ;;
	esac
}
for p in vmm net0 net1 vmd-control vmd; do
	vmd
	start one && start two
	victim=$(pid_of $p)
	kill -9 "$victim"
	if [ $p = vmd ]; then
		wait "$pid" 2> /dev/null
		vmd
	fi
	# The rest of its VM ends by itself, and no other VM does.
	case $p in
	vmd*) until_true running one ;;
	*) until_true gone one && running two ;;
	esac && settle > "$d/out" 2>&1
	ok "$p killed: its VM ends, or goes on"
	end_vmd
	as_before
	ok "and the host is as it was"
done

# A VM's with vmd, one after the other, in both orders.
for order in first last; do
	vmd
	start one && start two
	all=$(awk '{ print $2 }' "$(dir one)/pids")
	[ $order = first ] && { kill -9 "$pid"; wait "$pid" 2> /dev/null; }
	for p in $all; do kill -9 "$p"; done
	[ $order = last ] && { kill -9 "$pid"; wait "$pid" 2> /dev/null; }
	vmd
	until_true gone one && running two && settle > "$d/out" 2>&1
	ok "a VM killed, vmd $order"
	end_vmd
	as_before
	ok "and the host is as it was"
done

# At moments of a start, by how far it has got: what vmd has made by then.
# Each is waited for, and may be over when the kill comes.
moment() {
	case $1 in
	tap) ip -o link | grep -q 'alias vm1-' ;;
	name) [ -e "$d/state/names/one" ] ;;
	record) ls "$d"/state/vms/*/ports > /dev/null 2>&1 ;;
	table) nft list table inet vmd > /dev/null 2>&1 ;;
	process) [ -s "$(echo "$d"/state/vms/*/pids)" ] ;;
	running) [ "$(wc -l < "$(echo "$d"/state/vms/*/pids)")" -ge 3 ] ;;
	esac
}
for when in tap name record table process running; do
	rm -f "$d"/state/vms/*/pids
	vmd
	until_true exists one
	curl -s -m 60 --unix-socket "$sock" -X POST -o /dev/null \
	    http://vmd/instances/one/start &
	asker=$!
	i=0
	until moment $when 2> /dev/null || [ $((i += 1)) -gt 2000 ]; do :; done
	kill -9 "$pid" $(awk '{ print $2 }' "$d"/state/vms/*/pids 2> /dev/null)
	wait "$pid" $asker 2> /dev/null
	vmd
	settle > "$d/out" 2>&1
	ok "killed in a start, when there is its $when"
	end_vmd
	as_before
	ok "and the host is as it was"
done

# vmd ends by itself while VMs run; the last of them goes without it.
vmd
start one
end_vmd
kill -9 $(awk '{ print $2 }' "$d"/state/vms/*/pids)
vmd
until_true gone one
end_vmd
as_before
ok "a VM that ended without a vmd: the host is as it was after the next"
echo "1..$n"
exit $bad
