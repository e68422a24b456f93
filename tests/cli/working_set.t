#!/bin/sh
# working_set.t: who records the pages a restored VM uses first, where the
# record goes, and that nothing fails for it; on the null hypervisor, whose
# records say nothing.
cd "$(dirname "$0")/../.." || exit 1
name=working_set
. tests/cli/control.sh
control() { ps -o pid=,comm= --ppid "$pid" | awk '$2 ~ /vmd-control/ { print $1 }'; }
null='"image":"none","hypervisor":"null","size":"64MB","vcpus":1'
# comes FILE: it is there soon
comes() {
	i=0
	until [ -s "$1" ]; do
		i=$((i + 1)); [ $i -lt 600 ] || return 1
		sleep 0.05
	done
}
# prefetched NAME WORD: whether its VMM began with a set
prefetched() {
	api GET "/instances/$1"
	curl -s -m 60 --unix-socket "$d/state/vms/$(get .id)/api.sock" \
	    -o "$d/body" http://vmm/api/v1/vm.info
	jq -e "[.. | .prefetched? | select(. != null)] == [$2]" "$d/body" \
	    > /dev/null
}

start
api POST /instances "{\"name\":\"a\",$null}" ; is 201 '.state == "Running"'
ok "an instance"
dir=$d/state/vms/$(get .id)
api POST /instances/a/standby
[ ! -e "$dir/standby/working-set" ]
ok "one that was never restored stands by without a set"
api POST /instances/a/restore
is 200 '.state == "Running"' && prefetched a false
ok "and is restored without"
comes "$dir/working-set"
ok "what it uses then is recorded"
api POST /instances/a/standby
[ -s "$dir/standby/working-set" ]
ok "the next standby has the set"
api POST /instances/a/restore
is 200 '.state == "Running"' && prefetched a true
ok "and the next restore begins with it"
[ -s "$dir/working-set" ]
ok "it is kept"
api POST /instances/a/standby
echo nonsense > "$dir/standby/working-set"
api POST /instances/a/restore
is 200 '.state == "Running"' && prefetched a false
ok "a set that is refused is done without"
comes "$dir/working-set" && api POST /instances/a/standby &&
    api POST /instances/a/restore && prefetched a true
ok "and recorded anew"

# --- snapshots and forks
api POST /instances/a/snapshots '{"kind":"Standby","name":"s1"}'
[ -s "$d/state/snapshots/$(get .id)/memory/working-set" ]
ok "a snapshot takes the set along"
api POST "/snapshots/$(get .id)/fork" '{"name":"b"}'
is 201 '.state == "Running"' && prefetched b true
ok "a fork of it begins with it"
api POST /instances "{\"name\":\"c\",$null}"
api POST /instances/c/snapshots '{"kind":"Standby","name":"s2"}'
s2=$(get .id)
set=$d/state/snapshots/$s2/memory/working-set
[ ! -e "$set" ]
ok "a snapshot without a set"
api POST "/snapshots/$s2/fork" '{"name":"e"}'
is 201 '.state == "Running"' && prefetched e false
ok "its first fork begins without"
comes "$set" && [ "$(stat -c %h "$set")" -eq 1 ]
ok "and gives it a set of its own"
api POST "/snapshots/$s2/fork" '{"name":"f"}'
is 201 '.state == "Running"' && prefetched f true
ok "with which the second one begins"
rm "$set"
api POST "/snapshots/$s2/fork" '{"name":"g","target_state":"Standby"}'
kill -9 "$(control)"
sleep 0.2; serving
api POST /instances/g/restore ; is 200 '.state == "Running"'
comes "$set"
ok "a daemon that is killed knows whose set it is"
rm "$set"
api POST "/snapshots/$s2/fork" '{"name":"h"}'
api DELETE "/snapshots/$s2" ; [ "$status" = 204 ]
ok "a snapshot that is deleted before it has its set"
api GET /instances/h
comes "$d/state/vms/$(get .id)/working-set"
ok "is not missed"

# --- the end of it
api POST /instances/a/stop '{"force":true}'
api POST /instances/a/start ; is 200 '.state == "Running"'
[ ! -e "$dir/working-set" ]
ok "an instance that boots has no set any more"

echo "1..$n"
exit $bad
