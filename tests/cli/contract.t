#!/bin/sh
# contract.t: what a real vmd answers is what api/openapi.yaml says, by an
# independent judge: prism stands between a client and the daemon.  Every
# route is asked well and badly; members nobody described count as a fault.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
bin=$build/bin
prism=${VMD_CACHE:-build/cache}/npm/node_modules/.bin/prism
skip_all() { echo "1..0 # SKIP $*"; exit 0; }
# What should work here and does not is a failure, never a skip.
broken() { echo "not ok 1 - $*"; echo 1..1; exit 1; }
[ -x "$prism" ] || skip_all "no prism (scripts/npm-tools)"
[ -x "$bin/vmd-control" ] && [ -x "$bin/vmm-null" ] || skip_all "not built"
for p in curl jq socat sqfstar; do
	command -v $p > /dev/null || skip_all "no $p"
done

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-contract.XXXXXX")
tmp=$d
. tests/cli/oci.sh
sock=$d/sock
opts="-o cpu_ratio=100 -o memory_ratio=10 -o disk_ratio=100"
[ "$(id -u)" -ne 0 ] || opts="$opts -o user=root"
pids=
cleanup() {
	for i in $(curl -s --unix-socket "$sock" http://vmd/instances |
	    jq -r '.[].id' 2> /dev/null); do
		curl -s --unix-socket "$sock" -X DELETE \
		    "http://vmd/instances/$i" > /dev/null
	done
	# shellcheck disable=SC2086
	kill $pids 2> /dev/null
	wait 2> /dev/null
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
until_ok() {
	i=0
	until "$@" > /dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 600 ] || return 1
		sleep 0.05
	done
}

# --- vmd, a port in front of its socket, and prism in front of that ---------

: > "$d/vm.conf"
# shellcheck disable=SC2086
"$bin/vmd" -d -f "$d/vm.conf" -s "$d/state" -S "$sock" $opts 2> "$d/log" &
pids=$!
until_ok curl -sf --unix-socket "$sock" http://vmd/health ||
    broken "vmd serves"
socat -d -d TCP-LISTEN:0,bind=127.0.0.1,fork,reuseaddr \
    "UNIX-CONNECT:$sock" 2> "$d/socat" &
pids="$pids $!"
until_ok grep -q 'listening on' "$d/socat"
port=$(sed -n 's/.*listening on .*127.0.0.1:\([0-9]*\).*/\1/p' "$d/socat" |
    head -n 1)
# An object with properties has these and no others.
grep -v '^ *additionalProperties: false$' api/openapi.yaml |
    sed 's/^\( *\)type: object$/&\n\1additionalProperties: false/' \
    > "$d/openapi.yaml"
"$prism" proxy -p 0 "$d/openapi.yaml" "http://127.0.0.1:$port" \
    > "$d/prism" 2>&1 &
pids="$pids $!"
until_ok grep -q 'is listening' "$d/prism" || broken "prism serves"
url=$(sed -n 's/.*is listening on \(http[^ ]*\).*/\1/p' "$d/prism" |
    head -n 1)

# --- asking -----------------------------------------------------------------

n=0 bad=0
result() { # STATUS TEXT
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$d/head"
		head -c 1000 "$d/body" | sed 's/^/# /'
		echo "# violations: $faults"
		echo
		bad=1
	fi
}
# ask STATUS METHOD ROUTE PATH [CURL OPTION...]: no violation in the answer,
# and where it is a good one none in the request.
ask() {
	want=$1 method=$2 route=$3 path=$4
	shift 4
	status=$(curl -s -g -m 60 -X "$method" -D "$d/head" -o "$d/body" \
	    -w '%{http_code}' "$@" "$url$path")
	where=response
	[ "$want" -ge 400 ] || where=
	echo "$method $route" >> "$d/asked"
	[ "$want" -lt 400 ] || echo "$method $route" >> "$d/asked.badly"
	faults=$(tr -d '\r' < "$d/head" |
	    sed -n 's/^sl-violations: //Ip' |
	    jq -r --arg w "$where" '.[] |
	    select($w == "" or .location[0] == $w)' 2>&1)
	[ "$status" = "$want" ] && [ -z "$faults" ]
	result $? "$want $method $path"
}
json() { # as ask, and a body before the options
	w=$1 m=$2 r=$3 p=$4 b=$5
	shift 5
	ask "$w" "$m" "$r" "$p" -H 'Content-Type: application/json' \
	    -d "$b" "$@"
}

long=$(printf 'x%.0s' $(seq 600))
# These have no argument that could be bad.
ask 200 GET /health /health
ask 200 GET /capabilities /capabilities
ask 200 GET /resources /resources
for r in health capabilities resources; do
	echo "GET /$r" >> "$d/asked.badly"
done
ask 200 POST /config/reload /config/reload
ask 200 DELETE /config /config
for r in 'POST /config/reload' 'DELETE /config'; do
	echo "$r" >> "$d/asked.badly"
done
json 200 POST /config /config '{"vms":[{"name":"c","where":"f:1",
    "enabled":false,"request":{"name":"c","image":"x"}}]}'
json 400 POST /config /config '[]'
json 200 POST /log /log '{"verbose":false}'
json 400 POST /log /log '{"verbose":7}'
ask 200 DELETE /config /config

# --- images; prism carries text only, and so is the archive
mkdir "$d/l"
echo text > "$d/l/file"
tar -C "$d/l" -cf "$d/l.tar" file
oci_init "$d/layout"
m=$(oci_manifest "$d/layout" "$(host_arch)" '{"Cmd":["x"],"Env":["A=b"]}' \
    "tar:$d/l.tar")
oci_name "$d/layout" contract:1 "$m" "$(host_arch)"
tar -C "$d/layout" -cf "$d/image.tar" .
image=docker.io%2Flibrary%2Fcontract%3A1
ask 200 POST /images/import /images/import \
    -H 'Content-Type: application/octet-stream' -H 'Expect:' \
    --data-binary "@$d/image.tar"
ask 400 POST /images/import /images/import \
    -H 'Content-Type: application/octet-stream' --data-binary junk
ask 200 GET /images /images
ask 400 GET /images "/images?tags[a]=$long"
ask 200 GET '/images/{name}' /images/$image
ask 404 GET '/images/{name}' /images/none
ask 400 GET '/images/{name}' /images/UPPER
ask 200 GET '/images/{name}/events' /images/$image/events
ask 404 GET '/images/{name}/events' /images/none/events
json 202 POST /images /images '{"name":"127.0.0.1:9/none:1"}'
json 400 POST /images /images '{"name":"UPPER"}'
json 400 POST /images /images '{'
json 400 POST /images /images "{\"name\":\"$long\"}"
json 200 POST /images/prune /images/prune '{"all":false}'
json 400 POST /images/prune /images/prune '{"all":7}'

# --- volumes
json 201 POST /volumes /volumes \
    '{"id":"data","name":"data","size_gb":1,"tags":{"a":"b"}}'
json 409 POST /volumes /volumes '{"id":"data","name":"d","size_gb":1}'
json 400 POST /volumes /volumes '{"name":"x","size_gb":0}'
ask 200 GET /volumes /volumes
ask 400 GET /volumes "/volumes?tags[a]=$long"
ask 200 GET '/volumes/{id}' /volumes/data
ask 404 GET '/volumes/{id}' /volumes/none

# --- instances
null='"image":"none","hypervisor":"null","size":"64MB"'
json 201 POST /instances /instances "{\"name\":\"a\",$null,\"vcpus\":1,
    \"env\":{\"A\":\"b\"},\"tags\":{\"t\":\"1\"},\"cmd\":[\"x\"],
    \"restart_policy\":{\"policy\":\"on_failure\"},
    \"volumes\":[{\"volume_id\":\"data\",\"mount_path\":\"/data\"}],
    \"ports\":[{\"host_port\":18080,\"guest_port\":80}]}"
json 400 POST /instances /instances "{\"name\":\"a\",$null}"
json 400 POST /instances /instances "{\"name\":\"Bad_\",$null}"
json 400 POST /instances /instances "{\"name\":\"b\",$null,\"what\":1}"
json 404 POST /instances /instances \
    '{"name":"b","image":"sha256:'"$(printf '0%.0s' $(seq 64))"'"}'
ask 200 GET /instances /instances
ask 200 GET /instances '/instances?state=Running&tags[t]=1'
ask 400 GET /instances '/instances?state=Asleep'
ask 200 GET '/instances/{id}' /instances/a
ask 404 GET '/instances/{id}' /instances/none
json 200 PATCH '/instances/{id}' /instances/a '{"tags":{"t":"2"}}'
json 400 PATCH '/instances/{id}' /instances/a '{"vcpus":2}'
ask 200 GET '/instances/{id}/stats' /instances/a/stats
ask 404 GET '/instances/{id}/stats' /instances/none/stats
ask 200 GET '/instances/{id}/logs' '/instances/a/logs?source=hypeman&tail=5'
ask 400 GET '/instances/{id}/logs' '/instances/a/logs?source=x'
ask 200 GET '/instances/{id}/wait' '/instances/a/wait?state=Running&timeout=1s'
ask 400 GET '/instances/{id}/wait' '/instances/a/wait?state=x'
ask 200 POST '/instances/{id}/pause' /instances/a/pause
ask 409 POST '/instances/{id}/pause' /instances/a/pause
ask 200 POST '/instances/{id}/resume' /instances/a/resume
ask 409 POST '/instances/{id}/resume' /instances/a/resume
ask 200 POST '/instances/{id}/reset' /instances/a/reset
ask 404 POST '/instances/{id}/reset' /instances/none/reset
# Without a guest there is nothing to ask about a path; and prism carries no
# WebSocket: what is refused is judged.  tests/boot has the good ones.
ask 503 GET '/instances/{id}/stat' '/instances/a/stat?path=/'
ask 400 GET '/instances/{id}/stat' /instances/a/stat
ask 503 GET '/instances/{id}/console' /instances/a/console
for r in exec cp send; do
	ask 400 GET "/instances/{id}/$r" /instances/a/$r
	ask 404 GET "/instances/{id}/$r" /instances/none/$r
done
ask 400 GET /receive '/receive?name=x'
# --- standby, snapshots, forks; of one that writes to no volume.  A 501 cannot
# be asked for here: prism takes it for its own cue to invent an answer.
json 201 POST /instances /instances "{\"name\":\"s\",$null}"
ask 409 POST '/instances/{id}/restore' /instances/s/restore
json 400 POST '/instances/{id}/standby' /instances/s/standby '{"a":1}'
json 200 POST '/instances/{id}/standby' /instances/s/standby '{}'
ask 200 POST '/instances/{id}/restore' /instances/s/restore
json 201 POST '/instances/{id}/snapshots' /instances/s/snapshots \
    '{"kind":"Standby","name":"one","tags":{"a":"b"}}'
snapshot=$(curl -s --unix-socket "$sock" http://vmd/snapshots | jq -r '.[0].id')
json 409 POST '/instances/{id}/snapshots' /instances/s/snapshots \
    '{"kind":"Standby","name":"one"}'
json 400 POST '/instances/{id}/snapshots' /instances/s/snapshots '{}'
ask 200 GET '/instances/{id}/snapshots' '/instances/s/snapshots?kind=Standby'
ask 400 GET '/instances/{id}/snapshots' '/instances/s/snapshots?kind=x'
ask 200 GET /snapshots '/snapshots?name=one&tags[a]=b'
ask 400 GET /snapshots '/snapshots?kind=x'
ask 200 GET '/snapshots/{id}' "/snapshots/$snapshot"
ask 404 GET '/snapshots/{id}' /snapshots/none
json 409 POST '/instances/{id}/fork' /instances/s/fork '{"name":"f"}'
json 201 POST '/instances/{id}/fork' /instances/s/fork \
    '{"name":"f","from_running":true}'
json 201 POST '/snapshots/{id}/fork' "/snapshots/$snapshot/fork" \
    '{"name":"g","target_state":"Standby"}'
json 409 POST '/snapshots/{id}/fork' "/snapshots/$snapshot/fork" \
    '{"name":"g"}'
json 409 POST '/instances/{id}/snapshots/{snapshotId}/restore' \
    "/instances/s/snapshots/$snapshot/restore" '{}'
json 200 POST '/instances/{id}/stop' /instances/s/stop '{"force":true}'
json 200 POST '/instances/{id}/snapshots/{snapshotId}/restore' \
    "/instances/s/snapshots/$snapshot/restore" '{"target_state":"Stopped"}'
ask 204 DELETE '/snapshots/{id}' "/snapshots/$snapshot"
ask 404 DELETE '/snapshots/{id}' "/snapshots/$snapshot"
for i in s f g; do
	ask 204 DELETE '/instances/{id}' /instances/$i
done

ask 409 DELETE '/volumes/{id}' /volumes/data
json 200 POST '/instances/{id}/stop' /instances/a/stop '{"force":true}'
json 400 POST '/instances/{id}/stop' /instances/a/stop '{"timeout":"x"}'
json 200 POST '/instances/{id}/start' /instances/a/start '{}'
json 409 POST '/instances/{id}/start' /instances/a/start '{}'
ask 204 DELETE '/instances/{id}' /instances/a
ask 404 DELETE '/instances/{id}' /instances/a
ask 204 DELETE '/volumes/{id}' /volumes/data
ask 404 DELETE '/volumes/{id}' /volumes/data
ask 204 DELETE '/images/{name}' /images/$image
ask 404 DELETE '/images/{name}' /images/$image

# --- nothing was forgotten
sed -n 's/.*{ "\([A-Z]*\)", "\([^"]*\)".*/\1 \2/p' \
    src/control/routes/routes.c | sort > "$d/served"
: > "$d/head"
for f in asked asked.badly; do
	sort -u "$d/$f" | diff "$d/served" - > "$d/body"
	result $? "every route is $f"
done
echo "1..$n"
exit $bad
