#!/bin/sh
# vmctl_run.t: run, pull, and images.
. tests/cli/vmctl.sh

img='"name":"docker.io/library/nginx:alpine","digest":"sha256:0123456789abcdef0123456789abcdef","platform":"linux/amd64","size_bytes":7340032,"created_at":"2020-01-01T00:00:00Z"'
esc=/images/docker.io%2Flibrary%2Fnginx%3Aalpine
events() {
	printf 'data: {%s,"status":"pulling","progress":{"bytes_done":0,"bytes_total":2097152,"layers_done":0,"layers_total":2}}\n\n' "$img"
	printf 'data: {%s,"status":"pulling","progress":{"bytes_done":1048576,"bytes_total":2097152,"layers_done":1,"layers_total":2}}\n\n' "$img"
	printf 'data: {%s,"status":"converting","progress":{"bytes_done":2097152,"bytes_total":2097152,"layers_done":2,"layers_total":2}}\n\n' "$img"
	printf 'data: {%s,"status":"%s","error":"%s"}\n\n' "$img" "$1" "$2"
}

begin
route "POST /images 202 {$img,\"status\":\"pending\"}"
route "GET $esc/events 200 @pull.sse"
route "GET /images/nginx%3Aalpine 404 {\"code\":\"not_found\",\"message\":\"no such image\"}"
route "GET /images/ready 200 {$img,\"status\":\"ready\"}"
route "POST /instances 201 {$web,\"state\":\"Initializing\"}"
route "GET $web_id/wait 200 {\"state\":\"Running\",\"timed_out\":false}"
route "GET $web_id 200 $web_running"
serve
events ready > "$dir/pull.sse"

t "pull" 0 "$vmctl" pull nginx:alpine
out "prints the name" <<'E'
docker.io/library/nginx:alpine
E
err "plain lines when piped" <<'E'
nginx:alpine: pending
nginx:alpine: pulling  0/2 layers  0.0 B / 2.0 MB
nginx:alpine: pulling  1/2 layers  1.0 MB / 2.0 MB
nginx:alpine: converting  2/2 layers  2.0 MB / 2.0 MB
nginx:alpine: ready
E
t "pull -q" 0 "$vmctl" pull -q --platform linux/arm64 nginx:alpine
err "says nothing" < /dev/null
sent "a platform" <<'E'
POST /images {"name":"nginx:alpine","platform":"linux/arm64"}
GET /images/docker.io%2Flibrary%2Fnginx%3Aalpine/events
E

t "run -d" 0 "$vmctl" run -dq nginx:alpine
out "prints the ID" <<'E'
webwebwebwebwebwebwebweb
E
grep '^POST /instances' "$dir/log" | cut -d' ' -f3- |
    jq -r .name > "$dir/name"
grep -qx 'nginx-[a-z2-7]\{4\}' "$dir/name"
check "a name is made" $?
t "run with everything" 0 env A=from-here "$vmctl" run -d --rm --wait --name web \
    --cpus=4 -m 512M --overlay-size 1G -e A -e B=2=3 -l team=a --label x \
    -p 8080:80 -p 127.0.0.1:53:53/udp -p '[::1]:8000-8001:9000-9001' \
    -v data:/data -v conf:/etc/x:ro -v /usr/../usr/lib:/l:ro -v /:/h --platform linux/amd64 \
    --hypervisor qemu --entrypoint /bin/sh -u 1000:1000 -w /srv -h host \
    --restart on-failure:3 --stop-signal INT --stop-timeout 5s \
    --network user --bandwidth-down 1MB/s --bandwidth-up 1Gbps \
    --disk-io 10MB/s ready -c 'echo "$0" -d' --rm
grep '^POST /instances' "$dir/log" | cut -d' ' -f3- | jq -S . > "$dir/body"
same "is all in the request" "$dir/body" <<'E'
{
  "auto_remove": true,
  "cmd": [
    "-c",
    "echo \"$0\" -d",
    "--rm"
  ],
  "disk_io_bps": "10MB/s",
  "entrypoint": [
    "/bin/sh"
  ],
  "env": {
    "A": "from-here",
    "B": "2=3"
  },
  "hostname": "host",
  "hypervisor": "qemu",
  "image": "ready",
  "name": "web",
  "network": {
    "bandwidth_download": "1MB/s",
    "bandwidth_upload": "1Gbps",
    "enabled": true
  },
  "overlay_size": "1G",
  "platform": "linux/amd64",
  "ports": [
    {
      "guest_port": 80,
      "host_port": 8080,
      "protocol": "tcp"
    },
    {
      "guest_port": 53,
      "host_ip": "127.0.0.1",
      "host_port": 53,
      "protocol": "udp"
    },
    {
      "guest_port": 9000,
      "host_ip": "::1",
      "host_port": 8000,
      "protocol": "tcp"
    },
    {
      "guest_port": 9001,
      "host_ip": "::1",
      "host_port": 8001,
      "protocol": "tcp"
    }
  ],
  "restart_policy": {
    "max_attempts": 3,
    "policy": "on_failure"
  },
  "shares": [
    {
      "host_path": "/usr/lib",
      "path": "/l",
      "readonly": true
    },
    {
      "host_path": "/",
      "path": "/h",
      "readonly": false
    }
  ],
  "size": "512M",
  "stop_signal": "INT",
  "stop_timeout": "5000ms",
  "tags": {
    "team": "a",
    "x": ""
  },
  "user": "1000:1000",
  "vcpus": 4,
  "volumes": [
    {
      "mount_path": "/data",
      "readonly": false,
      "volume_id": "data"
    },
    {
      "mount_path": "/etc/x",
      "readonly": true,
      "volume_id": "conf"
    }
  ],
  "working_dir": "/srv"
}
E
bad() { # OPTION VALUE, message on stdin
	t "$1 $2" 125 "$vmctl" run -d "$1" "$2" ready
	head -1 "$dir/err" > "$dir/first"
	same "is refused" "$dir/first"
	! grep -q POST "$dir/log"
	check "before anything is asked" $?
}
t "run -i without -t" 125 "$vmctl" run -i ready
err "says what to do" <<'E'
vmctl: -i needs -t: without a terminal the command of a VM reads nothing; 'vmctl exec -i' connects a pipe to one
E
bad -m 12x <<'E'
vmctl: -m: "12x" is not a size (try 512M or 2G)
E
bad -c 0 <<'E'
vmctl: -c: 0 is not between 1 and 1024
E
bad -p 80 <<'E'
vmctl: port 80: not [ADDRESS:]HOST:GUEST[/PROTO]
E
bad -p 1-3:1-2 <<'E'
vmctl: port 1-3:1-2: ranges of different length
E
bad -v /tmp <<'E'
vmctl: volume /tmp: not VOLUME:/PATH[:ro] or HOSTDIR:/PATH[:ro]
E
bad -v /tmp:/x:rx <<'E'
vmctl: volume /tmp:/x:rx: rx: neither ro nor rw
E
bad -v /nonexistent/here:/x <<'E'
vmctl: volume /nonexistent/here:/x: /nonexistent/here: No such file or directory
E
bad --restart maybe <<'E'
vmctl: --restart maybe: not no, always, unless-stopped or on-failure[:N]
E
bad --pull sometimes <<'E'
vmctl: --pull: sometimes: not one of always|missing|never
E
bad -e =x <<'E'
vmctl: environment: =x: no name
E
bad --env-file /nonexistent <<'E'
vmctl: open /nonexistent: No such file or directory
E

begin
route "POST /images 202 {$img,\"status\":\"pending\"}"
route "GET $esc/events 200 @pull.sse"
route "GET /images/nginx 404 {\"code\":\"not_found\",\"message\":\"no such image\"}"
route "GET /images/gone 404 {\"code\":\"not_found\",\"message\":\"no such image\"}"
serve
events failed "manifest unknown" > "$dir/pull.sse"
t "a pull that fails" 125 "$vmctl" run -d nginx
tail -1 "$dir/err" > "$dir/last"
same "is the end of run" "$dir/last" <<'E'
vmctl: nginx: manifest unknown
E
! grep -q 'POST /instances' "$dir/log"
check "and no VM is made" $?

begin
route "POST /instances 400 {\"code\":\"name_conflict\",\"message\":\"the name web is taken\"}"
serve
t "a VM that is refused" 125 "$vmctl" run --pull never --name web x
err "with what to do" <<'E'
vmctl: the name web is taken
choose another name, or 'vmctl rm' that VM first
E

# In the foreground: what it writes, how it ends.
front() { # last state
	begin
	route "GET /images/x 200 {$img,\"status\":\"ready\"}"
	route "POST /instances 201 {$web,\"state\":\"Initializing\"}"
	route "GET $web_id/logs 200 @log.sse$2"
	route "GET $web_id/wait 200 {\"state\":\"Stopped\",\"timed_out\":false}"
	route "POST $web_id/stop 200 $web_running"
	route "GET $web_id 200 $web_running"
	route "GET $web_id 200 {$web,\"state\":\"Stopped\"$1}"
	route "DELETE $web_id 204"
	serve
	printf 'data: "hello"\n\n' > "$dir/log.sse"
	printf 'data: "bye"\n\ndata: ""\n\ndata: ""\n\ndata: "vmd: exit code=0 signal=- message="\n\n' > "$dir/log.sse.rest"
}
front ',"exit_code":7' ''
t "the guest's exit code" 7 "$vmctl" run --rm x
out "and its output" <<'E'
hello
E
grep -q "^DELETE $web_id" "$dir/log"
check "and it is removed" $?
front ',"exit_code":0' ''
t "without --rm" 0 "$vmctl" run x
! grep -q "^DELETE" "$dir/log"
check "it stays" $?
front ',"exit_reason":"qemu died"' ''
t "a VM that ended badly" 125 "$vmctl" run x
err "says why" <<'E'
vmctl: vm web ended without an exit code: qemu died
E
for s in INT TERM HUP; do
	front ',"exit_code":143' '+'
	: > "$dir/out"
	"$vmctl" run x > "$dir/out" 2> "$dir/err" &
	p=$!
	while ! grep -q hello "$dir/out"; do sleep 0.02; done
	kill -$s $p
	wait $p
	[ $? -eq 143 ] && grep -q "^POST $web_id/stop {}" "$dir/log"
	check "SIG$s stops it" $?
	printf 'hello\nbye\n\n' | cmp - "$dir/out"
	check "and its last words are shown" $?
done

begin
route "GET /images 200 [{$img,\"status\":\"ready\"}]"
route "GET /images/a 200 {$img,\"status\":\"ready\"}"
route "POST /images/import 200 [{$img,\"status\":\"ready\"}]"
route 'POST /images/prune 200 {"deleted":["a","b"],"reclaimed_bytes":1048576}'
route 'DELETE /images/a 204'
route 'DELETE /images/b 409 {"code":"conflict","message":"image b is used by web"}'
serve
t "images" 0 "$vmctl" images
sed -i 's/[0-9]* years ago/N years ago/' "$dir/out"
out "images" <<'E'
NAME                            PLATFORM     STATUS  DIGEST                 SIZE  CREATED
docker.io/library/nginx:alpine  linux/amd64  ready   sha256:0123456789ab  7.0 MB  N years ago
E
t "image ls -q" 0 "$vmctl" image ls -q
out "image ls -q" <<'E'
docker.io/library/nginx:alpine
E
printf 'an archive' > "$dir/archive"
t "image import" 0 "$vmctl" image import --name 'a/b:c' "$dir/archive"
sent "sends it" <<'E'
POST /images/import?name=a%2Fb%3Ac an archive
E
t "image import -" 0 sh -c "printf stream | '$vmctl' image import -"
sent "also what comes" <<'E'
POST /images/import stream
E
t "no such archive" 1 "$vmctl" image import /nonexistent
t "image prune" 0 "$vmctl" image prune
out "image prune" <<'E'
a
b
E
err "how much" <<'E'
reclaimed 1.0 MB
E
t "rmi" 1 "$vmctl" rmi b a
out "goes on" <<'E'
a
E
t "image inspect" 0 "$vmctl" image inspect a
[ "$(jq -r '.[0].status' < "$dir/out")" = ready ]
check "image inspect" $?
end
