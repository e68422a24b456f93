#!/bin/sh
# net.t: the network of a real guest: addresses, published ports, what it
# may reach, and bytes both ways.
. tests/boot/lib.sh

for p in curl socat sha256sum; do
	command -v $p > /dev/null || skip_all "no $p"
done
start_vmd || broken "vmd starts"
import_hello

# A port nobody has now.
free_port() {
	while :; do
		p=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 20000))
		socat -u "TCP-LISTEN:$p" /dev/null 2>/dev/null & s=$!
		sleep 0.1
		kill $s 2>/dev/null && { wait $s; echo "$p"; return; }
	done
}
tcp=$(free_port)
udp=$(free_port)
ok "a VM with published ports answers" \
    run_hello a -p "127.0.0.1:$tcp:8080" -p "$udp:7777/udp"
root() { vmctl exec -u root a "$@"; }

has "address by DHCP" "inet 10.0.2.15/24" "$(root ip addr)"
has "a router by DHCP" "default via 10.0.2.2" "$(root ip route)"
has "a name server" "nameserver 10.0.2.3" "$(root cat /etc/resolv.conf)"
has "the gateway answers" "1 packets received" \
    "$(root ping -c 1 -W 20 10.0.2.2)"

is "a published port" "hello from a virtual machine" \
    "$(curl -s --retry 20 --retry-connrefused -m 60 "http://127.0.0.1:$tcp/")"
head -c 4194304 /dev/urandom > "$t/bytes"
want=$(sha256sum < "$t/bytes")
vmctl cp "$t/bytes" a:/www/bytes
is "4 MiB from the guest" "$want" \
    "$(curl -s -m 100 "http://127.0.0.1:$tcp/bytes" | sha256sum)"
taken=$(free_port)
socat -u "TCP-LISTEN:$taken" /dev/null & s=$!
sleep 0.2
err=$(vmctl run -d --name b -m 192M -p "$taken:80" busybox:hello 2>&1)
has "a port in use is refused" "port $taken is in use" "$err"
kill $s

# What listens on the host's loopback is none of the guest's business.
lo=$(free_port)
socat -u "TCP-LISTEN:$lo,bind=127.0.0.1,fork" "CREATE:$t/heard" & s=$!
root sh -c "echo hi | nc -w 5 10.0.2.2 $lo" > /dev/null 2>&1
root sh -c "echo hi | nc -w 5 127.0.0.1 $lo" > /dev/null 2>&1
kill $s
ok "the host's loopback is out of reach" [ ! -s "$t/heard" ]

# An address of the host's own card is within it.
own=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m 1 '^[0-9.]*$')
if [ -n "$own" ]; then
	out=$(free_port)
	socat -u "TCP-LISTEN:$out,bind=$own" "CREATE:$t/sent" & s=$!
	root sh -c "nc -w 20 $own $out < /www/bytes" > /dev/null 2>&1
	wait $s
	is "4 MiB out of the guest" "$want" "$(sha256sum < "$t/sent")"
else
	n=$((n + 1))
	echo "ok $n # SKIP this host has no address but loopback"
fi
done_testing
