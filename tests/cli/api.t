#!/bin/sh
# api.t: the control API of a real vmd, over its socket, on the null
# hypervisor: what is served, what is refused and how, and what outlives the
# daemon.
cd "$(dirname "$0")/../.." || exit 1
name=api
. tests/cli/control.sh

start
ok "the daemon serves"
api GET /health
is 200 '.status == "ok"'
ok "health"
api GET /capabilities
is 200 '[.runtimes[] | select((.reason | length) == 0)] == []'
ok "capabilities say why, and why not"
is 200 '.runtimes | map(select(.name == "cloud-hypervisor"))[0] |
    (.available == false and (.reason | contains("does not start")))'
ok "one that is not part of this version"
default=$("$bin/vmm" --probe > /dev/null && echo vmm || echo qemu)
is 200 ".default_runtime.name == \"$default\""
ok "auto chooses $default here, as vmm --probe says"
api GET /resources
is 200 '.cpu.oversub_ratio == 100 and .memory.allocated == 0'
ok "resources"
api GET /instances
is 200 '. == []'
ok "no instances"

null='"image":"none","hypervisor":"null"'
api POST /instances "{\"name\":\"a\",$null,\"tags\":{\"t\":\"1 2\"},
    \"size\":\"512MB\",\"env\":{\"A\":\"b\"}}"
is 201 '.state == "Running" and .size == "512.0 MB" and .number == 1 and
    (.id | test("^[a-z0-9]{24}$")) and .owner_name != null and
    (.created_at | test("^20.*Z$"))'
ok "create"
id=$(jq -r .id "$d/body")
api GET "/instances/$id"
is 200 '.name == "a"'
ok "by id"
api GET "/instances/$(echo "$id" | cut -c 1-6)"
is 200 '.name == "a"'
ok "by the beginning of an id"
api GET /instances/a
is 200 ".id == \"$id\" and .env.A == \"b\""
ok "by name"
api GET '/instances?state=Running&tags%5Bt%5D=1+2'
is 200 'length == 1'
ok "filters that fit"
api GET '/instances?tags[t]=2' ; is 200 'length == 0'
ok "a filter that does not"
api GET /resources
is 200 '.memory.allocated == 536870912 and .allocations[0].cpu == 2'
ok "what it takes is counted"

# --- refusals: every one says what and names it
api POST /instances "{\"name\":\"a\",$null}"
refused 400 name_conflict '\"a\"'
ok "name taken"
api POST /instances "{\"name\":\"Bad_\",$null}"
refused 400 invalid_request Bad_
ok "bad name"
api POST /instances "{\"name\":\"b\",$null,\"size\":\"0\"}"
refused 400 invalid_size size
ok "memory 0"
api POST /instances "{\"name\":\"b\",$null,\"size\":\"900GB\"}"
refused 409 insufficient_resources "requested 900.0 GB, free"
ok "memory beyond the host, with numbers"
api POST /instances "{\"name\":\"b\",$null,\"vcpus\":1000}"
refused 400 invalid_request vcpus
ok "too many CPUs"
api POST /instances '{"name":"b","image":"x","hypervisor":"cloud-hypervisor"}'
refused 501 not_supported cloud-hypervisor
ok "a hypervisor that is not here"
api POST /instances '{"name":"b","image":"a//b"}'
refused 400 invalid_name a//b
ok "bad image name"
api POST /instances "{\"name\":\"b\",$null,\"volumes\":[{\"volume_id\":\"no\",
    \"mount_path\":\"/data\"}]}"
refused 404 not_found '\"no\"'
ok "unknown volume"
api POST /instances '{"name":"b","name":"c"}'
refused 400 invalid_request duplicate
ok "duplicate members"
api POST /instances '[]' ; refused 400 invalid_request object
ok "not an object"
api POST /instances ; refused 400 invalid_request name
ok "no body"
api GET /instances/nobody ; refused 404 not_found nobody
ok "unknown instance"
api GET /nothing ; refused 404 not_found /nothing
ok "unknown path"
api PUT /instances ; refused 405 method_not_allowed PUT
ok "unknown method"
api GET /images/%ff%00 ; refused 400 invalid_request NUL
ok "a NUL in a path"
api GET '/instances?state=Sleeping' ; refused 400 invalid_state Sleeping
ok "unknown state"
api GET '/instances/a/wait?state=Paused&timeout=6m'
refused 400 invalid_timeout 6m
ok "too long a wait"
api GET '/instances/a/wait?state=Paused&state=Paused'
refused 400 invalid_request once
ok "an argument given twice"
api GET /instances/a/logs?source=x ; refused 400 invalid_request source
ok "unknown source of logs"
api GET /instances/a/exec ; refused 400 invalid_request WebSocket
ok "exec without a WebSocket"
head -c 300000 /dev/zero | tr '\0' x > "$d/big"
status=$(curl -s --unix-socket "$sock" -o "$d/body" -w '%{http_code}' \
    -d "@$d/big" http://vmd/instances)
refused 413 body_too_large larger
ok "a body that is too large"
status=$(curl -s --unix-socket "$sock" -o "$d/body" -w '%{http_code}' \
    -H 'Transfer-Encoding: chunked' -d "@$d/big" http://vmd/instances)
refused 413 body_too_large larger
ok "the same in chunks"
api GET /instances/a ; is 200 '.state == "Running"'
ok "nothing was changed by any of it"

# --- a VMM that does not answer
vmm=$(jq -r .pid "$d/body")
kill -STOP "$vmm"
i=0
until api GET /instances/a && is 200 '.state == "Unknown" and
    (.state_error | contains("does not answer"))'; do
	i=$((i + 1))
	[ $i -lt 600 ] || break
	sleep 0.1
done
is 200 '.state == "Unknown"'
ok "a VMM that does not answer is Unknown"
kill -CONT "$vmm"
i=0
until api GET /instances/a && is 200 '.state == "Running"'; do
	i=$((i + 1))
	[ $i -lt 600 ] || break
	sleep 0.1
done
is 200 '.state == "Running" and .state_error == null'
ok "and Running when it does"

# --- what curl does not send
raw() { # raw TEXT: as it is; the answer to $d/body
	printf "$1" | timeout 10 socat -t 5 - "UNIX-CONNECT:$sock" \
	    > "$d/body" 2> /dev/null
}
if command -v socat > /dev/null; then
	for h in 'Content-Length: 0\r\nContent-Length: 5' 'Host: b' \
	    'Content-Length: 5\r\nTransfer-Encoding: chunked' \
	    'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity'; do
		raw "GET /health HTTP/1.1\r\nHost: a\r\n$h\r\n\r\n"
		head -n 1 "$d/body" | grep -q ' 400 '
		ok "refused: $(echo "$h" | tr -d '\r' | tr '\n' ' ')"
	done
	i=0
	while [ $i -lt 20 ]; do
		i=$((i + 1))
		head -c 10000 /dev/urandom | timeout 10 socat -u - \
		    "UNIX-CONNECT:$sock" 2> /dev/null
	done
	api GET /instances/a ; is 200 '.state == "Running"'
	ok "20 times 10,000 random bytes change nothing"
else
	for i in 1 2 3 4 5; do
		n=$((n + 1)); echo "ok $n # SKIP no socat"
	done
fi

# --- ports
port='"ports":[{"host_port":18765,"guest_port":80}]'
api POST /instances "{\"name\":\"p\",$null,$port}"
is 201 '.ports[0].host_port == 18765'
ok "a published port"
api POST /instances "{\"name\":\"q\",$null,$port}"
refused 409 port_in_use "published by instance p"
ok "port in use"
api DELETE /instances/p ; [ "$status" = 204 ]
ok "delete"

# --- lifecycle
api POST /instances/a/start '{}' ; refused 409 invalid_state Running
ok "start what runs"
api POST /instances/a/pause ; is 200 '.state == "Paused"'
ok "pause"
api POST /instances/a/pause ; refused 409 invalid_state Paused
ok "pause again"
api POST /instances/a/resume ; is 200 '.state == "Running"'
ok "resume"
api POST /instances/a/reset ; is 200 '.state == "Running"'
ok "reset"
api PATCH /instances/a '{"tags":{"t":"3"}}' ; is 200 '.tags.t == "3"'
ok "patch"
api GET '/instances/a/wait?state=Paused&timeout=100ms'
is 200 '.state == "Running" and .timed_out == true'
ok "a wait that times out"
(curl -s -m 20 --unix-socket "$sock" \
    'http://vmd/instances/a/wait?state=Stopped&timeout=15s' > "$d/waited") &
waiter=$!
api POST /instances/a/stop ; is 200 '.state == "Stopped" and
    .restart_status.blocked_reason == "manual_stop" and
    .stopped_at != null and .exit_reason != ""'
ok "stop"
wait $waiter
jq -e '.state == "Stopped" and .timed_out == false' "$d/waited" > /dev/null
ok "who waited is told"
api POST /instances/a/stop ; refused 409 invalid_state Stopped
ok "stop what is stopped"
api GET /instances/a/console ; refused 409 invalid_state Stopped
ok "no console when stopped"
api POST /instances/a/start '{"cmd":["x"]}' ; is 200 '.state == "Running"'
ok "start"

# --- volumes
api POST /volumes '{"name":"v","size_gb":1}'
is 201 '.size_gb == 1 and .attachments == []'
ok "a volume is made"
vol=$(jq -r .id "$d/body")
api POST /instances "{\"name\":\"w\",$null,\"volumes\":[{\"volume_id\":\"v\",
    \"mount_path\":\"/data\"}]}"
is 201 ".volumes[0].volume_id == \"$vol\""
ok "and attached by its name"
api DELETE "/volumes/$vol" ; refused 409 conflict "instance w"
ok "it cannot go while it is attached"
api DELETE /instances/w
api DELETE "/volumes/$vol" ; [ "$status" = 204 ]
ok "afterwards it can"
[ -z "$(ls "$d/state/volumes")" ]
ok "no file of it is left"

# --- death of the brain, of the monitor, of a VM
vmm=$(curl -s --unix-socket "$sock" http://vmd/instances/a | jq .pid)
kill -9 "$(pgrep -P $pid -x vmd-control)"
i=0
until api GET /instances/a; is 200 '.state == "Running"' ||
    [ $i -ge 100 ]; do
	i=$((i + 1)); sleep 0.1
done
is 200 ".state == \"Running\" and .pid == $vmm and .tags.t == \"3\""
ok "vmd-control was killed: the VM is found again"
kill -9 $pid; wait $pid 2> /dev/null
start && api GET /instances/a
is 200 ".state == \"Running\" and .pid == $vmm"
ok "vmd was killed: the VM is found again"
kill -9 "$vmm"
api GET '/instances/a/wait?state=Stopped&timeout=15s'
is 200 '.state == "Stopped"'
ok "the VMM was killed: the VM is stopped"
api GET /instances/a ; is 200 '.exit_reason | contains("vmm")'
ok "and says why"
api POST /instances/a/start '{}' ; is 200 '.state == "Running"'
ok "it starts again"
vmm=$(jq .pid "$d/body")
kill $pid; wait $pid 2> /dev/null
kill -9 "$vmm"
start && api GET /instances/a
is 200 '.state == "Stopped" and .exit_reason != ""'
ok "it died while no daemon ran: stopped, with a reason"
api DELETE /instances/a ; [ "$status" = 204 ]
ok "delete what is stopped"
[ -z "$(ls "$d/state/vms")" ]
ok "no directory is left"

# --- restart policy
api POST /instances "{\"name\":\"r\",$null,\"restart_policy\":
    {\"policy\":\"always\",\"backoff\":\"10ms\"}}"
first=$(jq .pid "$d/body")
kill -9 "$first"
i=0
until api GET /instances/r; is 200 ".state == \"Running\" and
    .pid != $first" || [ $i -ge 100 ]; do
	i=$((i + 1)); sleep 0.1
done
is 200 ".state == \"Running\" and .restart_status.attempts == 1"
ok "always: it is started again"
api POST /instances/r/stop
api GET /instances/r ; is 200 '.state == "Stopped"'
ok "a user's stop ends that"
api POST /instances "{\"name\":\"gone-1\",$null,\"auto_remove\":true}"
api POST /instances/gone-1/stop
i=0
until api GET /instances/gone-1; [ "$status" = 404 ] || [ $i -ge 100 ]; do
	i=$((i + 1)); sleep 0.1
done
[ "$status" = 404 ]
ok "auto_remove"

# --- a database that is not whole
kill $pid; wait $pid 2> /dev/null
cp "$d/state/vmd.db" "$d/saved"
head -c 8192 /dev/urandom > "$d/state/vmd.db"
rm -f "$d/state/vmd.db-wal" "$d/state/vmd.db-shm"
# shellcheck disable=SC2086
timeout 20 "$bin/vmd" -d -s "$d/state" -S "$sock" $opts > "$d/body" 2>&1
[ $? -ne 0 ] && grep -q "damaged.*move it away" "$d/body"
ok "a damaged database is refused, with what to do"
cp "$d/saved" "$d/state/vmd.db"
start && api GET /instances/r ; is 200 '.state == "Stopped"'
ok "the saved one is taken again"

# --- TCP: only with a token
kill $pid; wait $pid 2> /dev/null
tcp=127.0.0.1:18766
key=0123456789abcdef0123456789abcdef
(umask 077; echo $key > "$d/key")
opts="$opts -k $d/key -l $tcp"
b64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
token() { # token CLAIMS [KEY]
	t=$(printf '{"alg":"HS256","typ":"JWT"}' | b64).$(printf '%s' "$1" |
	    b64)
	echo "$t.$(printf '%s' "$t" | openssl dgst -sha256 -binary \
	    -hmac "${2:-$key}" | b64)"
}
web() { # web METHOD PATH TOKEN
	status=$(curl -s -m 10 -X "$1" -o "$d/body" -w '%{http_code}' \
	    ${3:+-H "Authorization: Bearer $3"} "http://$tcp$2")
}
exp=$(($(date +%s) + 3600))
if command -v openssl > /dev/null && start; then
	web GET /health ''; is 200 '.status == "ok"'
	ok "TCP: health is open to all"
	web GET /instances ''; refused 401 unauthorized Bearer
	ok "TCP: nothing else is"
	web GET /instances "$(token "{\"sub\":\"x\",\"exp\":$exp}")"
	is 200 'length == 1'
	ok "TCP: a token sees everything"
	web GET /instances "$(token "{\"sub\":\"x\",\"exp\":$exp}" \
	    "another-key-another-key-another-")"
	[ "$status" = 401 ]
	ok "TCP: signed with another key"
	web GET /instances "$(token '{"sub":"x","exp":1}')"
	[ "$status" = 401 ]
	ok "TCP: a token whose time is over"
	read=$(token "{\"sub\":\"x\",\"exp\":$exp,
	    \"permissions\":[\"instance:read\"]}")
	web GET /instances/r "$read"; is 200 '.name == "r"'
	ok "TCP: a permission that is there"
	web DELETE /instances/r "$read"
	refused 403 forbidden instance:delete
	ok "TCP: one that is not"
	web GET /nothing ''; [ "$status" = 401 ]
	ok "TCP: no word to strangers about what there is"
else
	for i in 1 2 3 4 5 6 7 8; do
		n=$((n + 1)); echo "ok $n # SKIP no openssl, or port in use"
	done
fi

echo "1..$n"
exit $bad
