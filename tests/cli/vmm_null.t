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
	perl tests/start-vm.pl "$d" "$BUILD/bin/vmm-null" -v \
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
echo 1..30
start
ok 'ping names the back-end' "$(call GET vmm.ping | grep -o '\["null"\]')" \
    '["null"]'
ok 'info before create' "$(call GET vm.info)" '["VM is not created"]404'
for c in boot pause resume shutdown reboot power-button delete; do
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
