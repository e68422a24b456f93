#!/bin/sh
# vmm_null.t - the Cloud Hypervisor API: states, codes, bad input, the end

BUILD=$(cd "${BUILD:-build}" && pwd)
d=$(mktemp -d /tmp/vmm_null.XXXXXX)
vm=
n=0
trap '[ -z "$vm" ] || kill "$vm" 2>/dev/null; rm -rf "$d"' EXIT
for p in curl perl; do
	command -v "$p" >/dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done

ok() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# wanted: $3"
		echo "# got:    $2"
	fi
}

# call METHOD NAME [BODY]: the body, then the status.
call() {
	curl -s -m 10 --unix-socket "$d/api.sock" -w '%{http_code}' -X "$1" \
	    ${3:+-d "$3"} "http://localhost/api/v1/$2"
}

# A device that lives until it is told to end.
start() {
	rm -f "$d/pids"
	mkfifo "$d/end"
	perl tests/start-vm.pl "$d" "$BUILD/bin/vmm-null" -v "$@" \
	    -- disk0 /bin/sh -c 'echo ok >&3; exec 3>&-; read x < end' \
	    > "$d/pids" 2> "$d/err" &
	vm=$!
	until grep -q ^vmm "$d/pids" 2>/dev/null; do
		kill -0 $vm 2>/dev/null || { cat "$d/err"; exit 1; }
		sleep 0.02
	done
}

finish() {
	wait $vm
	status=$?
	vm=
	[ ! -p "$d/end" ] || { (echo > "$d/end") & killed=$!; sleep 0.05
	    kill $killed 2>/dev/null; wait $killed 2>/dev/null
	    rm -f "$d/end"; }
}

config='{"payload":{"kernel":"k"},"cpus":{"boot_vcpus":1},
	"memory":{"size":268435456}}'
echo 1..69
start
ok 'ping names the back-end' "$(call GET vmm.ping |
    grep -o '"features":\["null","vm.resize"')" \
    '"features":["null","vm.resize"'
ok 'info before create' "$(call GET vm.info)" '["VM is not created"]404'
for c in boot pause resume shutdown reboot power-button delete resize \
    add-disk remove-device nmi snapshot; do
	ok "$c before create" "$(call PUT vm.$c)" '["VM is not created"]404'
done
ok 'an unknown member is refused by name' \
    "$(call PUT vm.create '{"watchdog":true}')" \
    '["watchdog: no such member"]400'
ok 'no JSON' "$(call PUT vm.create '{' | tail -c 3)" 400
ok 'wrong method' "$(call POST vm.create)" '["/api/v1/vm.create: only PUT"]405'
ok 'no such path' "$(call GET vm.fly)" '["/api/v1/vm.fly: no such path"]404'
ok 'create' "$(call PUT vm.create "$config")" 204
ok 'create twice' "$(call PUT vm.create "$config")" \
    '["VM is created already"]405'
ok 'pause before boot' "$(call PUT vm.pause)" '["VM is not running"]405'
ok 'boot' "$(call PUT vm.boot)" 204
ok 'boot twice' "$(call PUT vm.boot)" '["VM is booted already"]405'
ok 'resume while running' "$(call PUT vm.resume)" '["VM is not paused"]405'
ok 'pause' "$(call PUT vm.pause)" 204
ok 'info says so' "$(call GET vm.info | grep -o '"state":"[A-Za-z]*"')" \
    '"state":"Paused"'
ok 'resume' "$(call PUT vm.resume)" 204
ok 'shutdown' "$(call PUT vm.shutdown)" 204
ok 'boot again' "$(call PUT vm.boot)" 204
ok 'delete' "$(call PUT vm.delete)" 204

# --- devices, which change the config, with a guest and without
disk='{"id":"disk9","vhost_user":true,"vhost_socket":"disk9.vu"}'
config='{"payload":{"kernel":"k"},"cpus":{"boot_vcpus":1},
	"memory":{"size":268435456},"balloon":{}}'
ids() {
	call GET vm.info | grep -o '"device_tree":.*' | grep -o '"id":"[a-z0-9]*"' |
	    tr '\n' ' '
}
call PUT vm.create "$config" > /dev/null
ok 'a disk for a VM that is not booted' "$(call PUT vm.add-disk "$disk")" 204
ok 'it is in the config' "$(ids)" '"id":"disk9" '
ok 'twice' "$(call PUT vm.add-disk "$disk")" '["disk9: id is used twice"]400'
call PUT vm.boot > /dev/null
ok 'a share for one that is' "$(call PUT vm.add-fs \
    '{"id":"fs0","socket":"s","tag":"t"}')" \
    '{"id":"fs0","bdf":"0000:00:02.0"}200'
ok 'the vsock device' "$(call PUT vm.add-vsock \
    '{"cid":5,"socket":"v","vhost_socket":"w"}')" \
    '{"id":"vsock0","bdf":"0000:00:02.0"}200'
ok 'a second one' "$(call PUT vm.add-vsock \
    '{"cid":5,"socket":"v","vhost_socket":"w"}')" '["vsock: the VM has one"]400'
ok 'a wrong network card' "$(call PUT vm.add-net '{"id":"net0"}')" \
    '["net: [0]: vhost_user: must be true"]400'
ok 'no object' "$(call PUT vm.add-net '[]')" '["net: must be an object"]400'
ok 'remove what is not there' "$(call PUT vm.remove-device '{"id":"net0"}')" \
    '["net0: no device of this VM that can be removed"]404'
ok 'remove a disk' "$(call PUT vm.remove-device '{"id":"disk9"}')" 204
ok 'remove the vsock device' "$(call PUT vm.remove-device '{"id":"vsock0"}')" \
    204
ok 'what is left' "$(ids)" '"id":"fs0" '
ok 'no body' "$(call PUT vm.remove-device)" '["no body"]400'
ok 'the balloon' "$(call PUT vm.resize '{"desired_balloon":134217728}')" 204
ok 'it has the memory' "$(call GET vm.info | grep -o '"memory_actual[^,]*')" \
    '"memory_actual_size":134217728'
ok 'more processors' "$(call PUT vm.resize '{"desired_vcpus":2}')" \
    '["desired_vcpus: is more than max_vcpus"]400'
ok 'nmi' "$(call PUT vmm.nmi)" 204
ok 'coredump fails' "$(call PUT vm.coredump '{"destination_url":"file:x"}')" \
    '["there is no guest to dump"]500'

# --- snapshots
snap='{"destination_url":"file:snap"}'
ok 'a snapshot of a running VM' "$(call PUT vm.snapshot "$snap")" \
    '["VM is not paused"]405'
call PUT vm.reboot > /dev/null
call PUT vm.pause > /dev/null
ok 'another scheme' "$(call PUT vm.snapshot \
    '{"destination_url":"http://x/y"}')" \
    '["destination_url: must be file:PATH"]400'
ok 'a host' "$(call PUT vm.snapshot '{"destination_url":"file://x/y"}')" \
    '["destination_url: must not name a host"]400'
mkdir -p "$d/snap.new"
echo cut > "$d/snap.new/config.json"
ok 'snapshot over what a killed one left' "$(call PUT vm.snapshot "$snap")" 204
ok 'its files' "$(cd "$d" && ls -d snap*; ls "$d/snap" | tr '\n' ' ')" \
    "snap
config.json state.json "
ok 'the same again' "$(call PUT vm.snapshot "$snap")" \
    '["snap: is there already"]500'
ok 'restore into a booted VM' "$(call PUT vm.restore \
    '{"source_url":"file:snap"}')" '["VM is booted already"]405'
call PUT vm.delete > /dev/null
ok 'restore what is not there' "$(call PUT vm.restore \
    '{"source_url":"file:nope"}')" \
    '["snapshot nope: No such file or directory"]404'
ok 'nothing is created' "$(call GET vm.info)" '["VM is not created"]404'
ok 'restore' "$(call PUT vm.restore "{\"source_url\":\"file://$d/snap\",
    \"prefault\":true}")" 204
ok 'it is paused, with its devices' \
    "$(call GET vm.info | grep -o '"state":"[A-Za-z]*"') $(ids)" \
    '"state":"Paused" "id":"fs0" '
ok 'and its state' "$(call GET vm.info | grep -o '"reboots":[0-9]*')" \
    '"reboots":1'
ok 'resume what was restored' "$(call PUT vm.resume)" 204
call PUT vm.delete > /dev/null
call PUT vm.create "$(echo "$config" | sed 's/"k"/"other"/')" > /dev/null
ok 'restore with a config of its own' "$(call PUT vm.restore \
    '{"source_url":"file:snap"}')" 204
ok 'that is the config' "$(call GET vm.info | grep -o '"kernel":"[a-z]*"')" \
    '"kernel":"other"'
call PUT vm.delete > /dev/null
sed -i 's/vmm-null/vmm/' "$d/snap/state.json"
ok 'a snapshot of another VMM' "$(call PUT vm.restore \
    '{"source_url":"file:snap"}')" '["snapshot: state.json: was not made by vmm-null"]500'
rm -r "$d/snap"

head -c 10000 /dev/urandom | timeout 5 socat - "UNIX-CONNECT:$d/api.sock" \
    > /dev/null 2>&1
ok 'random bytes change nothing' "$(call GET vmm.ping | tail -c 3)" 200
ok 'vmm.shutdown' "$(call PUT vmm.shutdown)" 204
finish
ok 'the reason is left' "$(cat "$d/exit.json")" \
    '{"code":"shut_down","reason":"shut down by request"}'

start
echo > "$d/end"
finish
ok 'a device that dies ends the VM' "$(cat "$d/exit.json")" \
    '{"code":"device_died","reason":"disk0: viod ended"}'

"$BUILD/bin/vmm-null" -a 99 3> "$d/report" 2> /dev/null
ok 'a bad descriptor is reported' "$(cat "$d/report")" \
    'error API socket 99: Bad file descriptor'
