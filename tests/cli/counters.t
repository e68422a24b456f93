#!/bin/sh
# counters.t - vm.counters: of devices that count, are silent, and lie

BUILD=$(cd "${BUILD:-build}" && pwd)
d=$(mktemp -d /tmp/counters.XXXXXX)
vm=
n=0
trap '[ -z "$vm" ] || kill "$vm" 2> /dev/null; rm -rf "$d"' EXIT
for p in curl perl jq; do
	command -v "$p" > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done

is() { # WHAT GOT WANTED
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# wanted: $3"
		echo "# got:    $2"
	fi
}

call() { # METHOD NAME [BODY]
	curl -s -m 20 --unix-socket "$d/api.sock" -X "$1" ${3:+-d "$3"} \
	    "http://localhost/api/v1/$2"
}

truncate -s 1M "$d/disk"
mkfifo "$d/end"
# shellcheck disable=SC2016 # the shells of the devices expand these
perl tests/start-vm.pl "$d" "$BUILD/bin/vmm-null" -v \
    -- disk0 "$BUILD/bin/viod" blk -d 6 6=disk \
    -- net0 "$BUILD/bin/viod" net -m 02:00:00:00:00:01 \
    -- disk1 /bin/sh -c 'echo ok >&3; exec 3>&-; read x < end' \
    -- net1 /bin/sh -c 'echo ok >&3; exec 3>&-
	while x=$(dd bs=1 count=1 2> /dev/null <&4) && [ -n "$x" ]; do
		echo "rx_bytes -5 \"x\" 1" >&4
	done' > "$d/pids" 2> "$d/err" &
vm=$!
until grep -q ^vmm "$d/pids" 2> /dev/null; do
	kill -0 $vm 2> /dev/null || { cat "$d/err"; exit 1; }
	sleep 0.02
done
call PUT vm.create '{"payload":{"kernel":"k"},
    "cpus":{"boot_vcpus":1,"max_vcpus":1},
    "memory":{"size":67108864,"shared":true},"disks":[
    {"vhost_user":true,"vhost_socket":"disk0.vu","id":"disk0"},
    {"vhost_user":true,"vhost_socket":"disk1.vu","id":"disk1"}],"net":[
    {"vhost_user":true,"vhost_socket":"net0.vu",
     "mac":"02:00:00:00:00:01","id":"net0"},
    {"vhost_user":true,"vhost_socket":"net1.vu",
     "mac":"02:00:00:00:00:02","id":"net1"}]}'
is 'not before the VM is booted' "$(call GET vm.counters)" \
    '["VM is not booted"]'
call PUT vm.boot
# Four at once, and again: each is answered, whoever is silent.
for i in 1 2 3 4; do
	call GET vm.counters > "$d/out.$i" &
	asked="${asked:-} $!"
done
# shellcheck disable=SC2086
wait $asked
want='{"disk0":{"read_bytes":0,"read_ops":0,"write_bytes":0,"write_ops":0}'
want="$want,\"net0\":{\"rx_bytes\":0,\"rx_frames\":0,\"tx_bytes\":0"
want="$want,\"tx_frames\":0}}"
for i in 1 2 3 4; do
	is "disk and network card, $i" "$(jq -cS . < "$d/out.$i")" "$want"
done
is 'and once more' "$(call GET vm.counters | jq -cS .)" "$want"
is 'the devices live' "$(for p in disk0 net0 disk1 net1; do
	kill -0 "$(sed -n "s/^$p //p" "$d/pids")" && echo $p; done | wc -l)" 4
call PUT vmm.shutdown
(echo > "$d/end") &
killed=$!
sleep 0.1
kill $killed 2> /dev/null
wait $killed 2> /dev/null
echo "1..$n"
