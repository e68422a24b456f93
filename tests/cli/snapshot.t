#!/bin/sh
# snapshot.t: standby, restore, snapshots and forks on the null hypervisor,
# whose VMs write snapshots without a guest in them: states, names, codes,
# files, and what a kill at any moment leaves.
cd "$(dirname "$0")/../.." || exit 1
name=snapshot
. tests/cli/control.sh
null='"image":"none","hypervisor":"null","size":"64MB","vcpus":1'

start
ok "the daemon serves"
api POST /instances "{\"name\":\"a\",$null}"
is 201 '.state == "Running" and .has_snapshot == false'
ok "an instance"
id=$(get .id) mac=$(get .network.mac)
dir=$d/state/vms/$id

# --- standby and restore
api POST /instances/a/restore ; refused 409 invalid_state Running
ok "restore of one that runs"
api POST /instances/a/standby '{"compression":{"enabled":true}}'
refused 501 not_supported compress
ok "no compression"
api POST /instances/a/standby '{"colour":1}' ; refused 400 invalid_request colour
ok "an unknown member"
api POST /instances/a/standby '{}'
is 200 '.state == "Standby" and .has_snapshot and .pid == null'
ok "standby"
[ -s "$dir/standby/config.json" ] && [ -s "$dir/standby/state.json" ]
ok "its files are there"
! for p in /proc/[0-9]*; do readlink "$p/cwd"; done 2> /dev/null |
    grep -q "$id"
ok "no process is left"
api GET /resources
is 200 '.memory.allocated == 0'
ok "it takes no memory"
api POST /instances/a/standby ; refused 409 invalid_state Standby
ok "standby twice"
api POST /instances/a/start ; refused 409 invalid_state Standby
ok "start of one in standby"
api POST /instances/a/stop ; refused 409 invalid_state Standby
ok "stop of one in standby"
api GET "/instances?state=Standby" ; is 200 'length == 1'
ok "the filter by state"
api POST /instances/a/restore
is 200 '.state == "Running" and .has_snapshot == false'
ok "restore"
[ ! -e "$dir/standby" ]
ok "what was used up is gone"

# --- a VMM that pauses when nobody waits any more
api GET /instances/a
vmm=$(get .pid)
kill -STOP "$vmm"
api POST /instances/a/standby '{}'
refused 503 unavailable "no answer in time"
ok "standby of one whose VMM does not answer"
kill -CONT "$vmm"
info() { curl -s --unix-socket "$dir/api.sock" http://vmm/api/v1/vm.info; }
i=0
until state a Running && [ "$(info | jq -r .state)" = Running ]; do
	i=$((i + 1))
	[ $i -lt 600 ] || break
	sleep 0.1
done
[ "$(info | jq -r .state)" = Running ]
ok "its guest goes on when it does"

# --- standby outlives the daemon, and a host that was restarted
api POST /instances/a/standby ; is 200 '.state == "Standby"'
kill "$pid"; wait "$pid" 2> /dev/null
start
state a Standby
ok "standby outlives the daemon"
control() { ps -o pid=,comm= --ppid "$pid" | awk '$2 ~ /vmd-control/ { print $1 }'; }
kill -9 "$(control)"
sleep 0.2; serving
state a Standby
ok "and a kill of vmd-control"
api POST /instances/a/restore ; is 200 '.state == "Running"'
ok "restore by another daemon"

# --- what is in the way
touch "$dir/standby"
api POST /instances/a/standby
[ "$status" -ge 500 ] && is "$status" '.message | contains("standby")'
ok "a standby that fails says why"
state a Running && is 200 '.has_snapshot == false'
ok "and leaves it running"
rm -f "$dir/standby"
api POST /instances/a/standby
rm "$dir/standby/state.json"
api POST /instances/a/restore
is "$status" '.code == "start_failed"'
ok "a restore that fails says so"
state a Standby
ok "and leaves it in standby"
api DELETE /instances/a ; [ "$status" = 204 ]
api POST /instances "{\"name\":\"a\",$null}"
id=$(get .id) mac=$(get .network.mac)
dir=$d/state/vms/$id

# --- snapshots
api POST /instances/a/snapshots '{}' ; refused 400 invalid_request kind
ok "a snapshot has a kind"
api POST /instances/a/snapshots '{"kind":"Sleeping"}'
refused 400 invalid_request Sleeping
ok "one of two"
api POST /instances/a/snapshots '{"kind":"Stopped"}'
refused 409 invalid_state Running
ok "Stopped wants a stopped instance"
api POST /instances/a/snapshots '{"kind":"Standby","name":"Bad_"}'
refused 400 invalid_request Bad_
ok "a bad name"
api POST /instances/a/snapshots '{"kind":"Standby","name":"s1",
    "tags":{"t":"1"}}'
is 201 ".kind == \"Standby\" and .name == \"s1\" and .tags.t == \"1\" and
    .source_instance_id == \"$id\" and .source_instance_name == \"a\" and
    .source_hypervisor == \"null\" and .size_bytes > 0 and
    .compression_state == \"none\" and (.id | length) == 24"
ok "a snapshot of one that runs"
s1=$(get .id)
state a Running
ok "which goes on"
[ -s "$d/state/snapshots/$s1/memory/state.json" ] && [ ! -e "$dir/capture" ]
ok "its files"
api POST /instances/a/snapshots '{"kind":"Standby","name":"s1"}'
refused 409 conflict s1
ok "names are unique"
[ "$(ls "$d/state/snapshots" | wc -l)" -eq 1 ]
ok "a refusal leaves nothing"
api GET "/snapshots?name=s1&kind=Standby&source_instance_id=$id&tags[t]=1"
is 200 'length == 1'
ok "filters that fit"
api GET "/snapshots?kind=Stopped" ; is 200 'length == 0'
ok "one that does not"
api GET "/instances/a/snapshots" ; is 200 "length == 1 and .[0].id == \"$s1\""
ok "the instance's"
api GET "/snapshots/$s1" ; is 200 ".id == \"$s1\""
ok "one of them"
api GET /snapshots/nothing ; refused 404 not_found nothing
ok "no such snapshot"

# --- back to a snapshot
api POST "/instances/a/snapshots/$s1/restore" ; refused 409 invalid_state Running
ok "not over one that runs"
api POST /instances/a/stop '{"force":true}' ; is 200 '.state == "Stopped"'
api POST "/instances/a/snapshots/$s1/restore" '{"target_hypervisor":"qemu"}'
refused 501 not_supported target_hypervisor
ok "nor on another hypervisor"
api POST "/instances/a/snapshots/$s1/restore" '{"target_state":"Standby"}'
is 200 '.state == "Standby" and .has_snapshot'
ok "back to a snapshot, standing by"
api POST /instances/a/restore ; is 200 '.state == "Running"'
ok "from where it goes on"
api POST /instances/a/standby
api POST "/instances/a/snapshots/$s1/restore"
is 200 '.state == "Running"'
ok "over one in standby, running by default"
api POST /instances/a/standby
api POST "/instances/a/snapshots/$s1/restore" '{"target_state":"Stopped"}'
is 200 '.state == "Stopped" and .has_snapshot == false'
ok "its disk only"
api POST /instances/a/snapshots '{"kind":"Stopped","name":"cold"}'
is 201 '.kind == "Stopped"'
ok "a snapshot of a stopped instance"
cold=$(get .id)
api POST "/instances/a/snapshots/$cold/restore" '{"target_state":"Standby"}'
refused 400 invalid_request "no memory"
ok "which has no memory"
api POST "/instances/a/snapshots/$cold/restore" '{"target_state":"Running"}'
is 200 '.state == "Running"'
ok "and starts"
api POST /instances/a/snapshots '{"kind":"Standby"}'
is 201 '.name == null'
ok "a snapshot needs no name"
api DELETE "/snapshots/$(get .id)" ; [ "$status" = 204 ]
ok "delete"
api DELETE "/snapshots/$cold" ; [ "$status" = 204 ]
[ "$(ls "$d/state/snapshots")" = "$s1" ]
ok "with its files"

# --- forks
api POST /instances/a/fork '{"name":"b"}' ; refused 409 invalid_state from_running
ok "a fork of one that runs has to be meant"
api POST /instances/a/fork '{"from_running":true}'
refused 400 invalid_request name
ok "a fork has a name"
api POST /instances/a/fork '{"name":"a","from_running":true}'
refused 409 name_conflict a
ok "of its own"
api POST /instances/a/fork '{"name":"b","from_running":true}'
is 201 ".name == \"b\" and .state == \"Running\" and .id != \"$id\" and
    .network.mac != \"$mac\" and .number > 1 and .hypervisor == \"null\""
ok "a fork of one that runs"
state a Running
ok "which goes on"
[ "$(ls "$d/state/snapshots")" = "$s1" ]
ok "nothing else is left of it"
api POST /instances/a/fork '{"name":"c","from_running":true,
    "target_state":"Standby"}'
is 201 '.state == "Standby"'
ok "a fork that stands by"
api POST /instances/c/fork '{"name":"e"}' ; is 201 '.state == "Standby"'
ok "a fork of that is as it"
cid=$(curl -s --unix-socket "$sock" http://vmd/instances/c | jq -r .id)
eid=$(get .id)
[ "$(stat -c %i "$d/state/vms/$cid/standby/state.json")" = \
    "$(stat -c %i "$d/state/vms/$eid/standby/state.json")" ]
ok "they share what their VMM wrote"
api DELETE /instances/c ; [ "$status" = 204 ]
api POST /instances/e/restore ; is 200 '.state == "Running"'
ok "and outlive each other"
api POST /instances/e/stop '{"force":true}'
api POST /instances/e/fork '{"name":"f"}' ; is 201 '.state == "Stopped"'
ok "a fork of a stopped one"
api POST /instances/e/fork '{"name":"g","target_state":"Running"}'
is 201 '.state == "Running"'
ok "which may be started"
api POST "/snapshots/$s1/fork" '{"name":"h"}'
is 201 '.state == "Running"'
ok "a fork of a snapshot"
api POST "/snapshots/$s1/fork" '{"name":"i","target_state":"Standby"}'
is 201 '.state == "Standby"'
ok "that stands by"
api DELETE /instances/a
api POST "/snapshots/$s1/fork" '{"name":"j","target_state":"Stopped"}'
is 201 '.state == "Stopped"'
ok "a snapshot outlives its source"
api DELETE "/snapshots/$s1"
api POST /instances/i/restore ; is 200 '.state == "Running"'
ok "a fork outlives its snapshot"
i=0
while [ $i -lt 20 ]; do
	curl -s -m 60 --unix-socket "$sock" -o "$d/fork.$i" -d \
	    "{\"name\":\"k$i\",\"from_running\":true}" \
	    http://vmd/instances/i/fork &
	forks="$forks $!"
	i=$((i + 1))
done
# shellcheck disable=SC2086
wait $forks
api GET /instances
is 200 '[.[] | select(.name | startswith("k"))] |
    [length, (map(.network.mac) | unique | length)] | (.[0] == .[1] and
    .[0] >= 15)'
ok "forks at once, as many as may wait, each with its own address"
[ -z "$(ls "$d/state/snapshots")" ]
ok "and no files between"

# --- killed at any moment
api GET /instances/i
fork_id=$(get .id)
for delay in 0.000 0.002 0.004 0.006 0.01 0.015 0.02 0.03 0.05; do
	curl -s -m 5 --unix-socket "$sock" -X POST -o /dev/null \
	    http://vmd/instances/i/standby &
	c=$!
	sleep $delay
	kill -9 "$(control)"
	wait $c
	sleep 0.1; serving
	i=0
	while state i Created || state i Initializing || state i Paused; do
		i=$((i + 1)); [ $i -lt 100 ] || break
		sleep 0.05
	done
	if state i Standby; then
		api POST /instances/i/restore
	fi
	state i Running || { echo "# after $delay s"; cat "$d/body"; false; } ||
	    break
done
state i Running
ok "kill -9 of vmd-control while it goes to standby"
for delay in 0.000 0.002 0.004 0.006 0.01 0.015 0.02 0.03 0.05; do
	api POST /instances/i/standby
	curl -s -m 5 --unix-socket "$sock" -X POST -o /dev/null \
	    http://vmd/instances/i/restore &
	c=$!
	sleep $delay
	kill -9 "$(control)"
	wait $c
	sleep 0.1; serving
	i=0
	while state i Created || state i Initializing; do
		i=$((i + 1)); [ $i -lt 100 ] || break
		sleep 0.05
	done
	state i Paused && api POST /instances/i/resume
	state i Standby && api POST /instances/i/restore
	state i Running || break
done
state i Running
ok "kill -9 of vmd-control while it comes back"
for delay in 0.000 0.003 0.006 0.01 0.02 0.03; do
	curl -s -m 5 --unix-socket "$sock" -X POST -o /dev/null -d \
	    '{"name":"z","from_running":true}' \
	    http://vmd/instances/i/fork &
	c=$!
	sleep $delay
	kill -9 "$(control)"
	wait $c
	sleep 0.1; serving
	i=0
	until state i Running; do
		i=$((i + 1)); [ $i -lt 100 ] || break
		sleep 0.05
	done
	state i Running || break
	api DELETE /instances/z
done
state i Running
ok "kill -9 of vmd-control while it is forked leaves it running"
[ -z "$(ls "$d/state/snapshots")" ]
ok "and nothing half made"
[ -n "$fork_id" ]

echo "1..$n"
exit $bad
