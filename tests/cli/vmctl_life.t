#!/bin/sh
# vmctl_life.t: start, stop, pause, unpause, reset, rm, wait, logs.
. tests/cli/vmctl.sh

begin
route "GET /instances/web 200 $web_running"
route "GET /instances/db 200 $db_stopped"
route "GET /instances 200 [$web_running,$db_stopped]"
route "GET $web_id 200 $web_running"
route "GET $web_id 200 $web_stopped"
route "GET $web_id/wait 200 {\"state\":\"Running\",\"timed_out\":true}"
route "POST $web_id/stop 200 $web_running"
for verb in pause resume reset; do
	route "POST $web_id/$verb 200 $web_running"
done
route "DELETE $web_id 204"
route "POST /instances/dbdbdbdbdbdbdbdbdbdbdbdb/start 200 {$db,\"state\":\"Initializing\"}"
route "GET /instances/dbdbdbdbdbdbdbdbdbdbdbdb 200 {$db,\"state\":\"Running\"}"
route "GET /instances/dbdbdbdbdbdbdbdbdbdbdbdb/wait 200 {\"state\":\"Running\"}"
route "DELETE /instances/dbdbdbdbdbdbdbdbdbdbdbdb 204"
serve

t "stop" 0 "$vmctl" stop web
err "asks" <<'E'
stopping vm web: requested to shutdown vm 1
E
sent "with a body" <<'E'
GET /instances/web
POST /instances/webwebwebwebwebwebwebweb/stop {}
E
t "stop -w" 0 "$vmctl" stop -w -t 1m30s web
err "waits" <<'E'
stopping vm web: terminated vm 1
E
sent "as often as it takes" <<'E'
GET /instances/web
POST /instances/webwebwebwebwebwebwebweb/stop {"timeout":"90000ms"}
GET /instances/webwebwebwebwebwebwebweb/wait?state=Stopped&timeout=300000ms
GET /instances/webwebwebwebwebwebwebweb
GET /instances/webwebwebwebwebwebwebweb/wait?state=Stopped&timeout=300000ms
GET /instances/webwebwebwebwebwebwebweb
E
t "stop -f" 0 "$vmctl" stop -f web
err "kills" <<'E'
stopping vm web: forced to terminate vm 1
E
t "stop of a stopped one" 1 "$vmctl" stop db
err "says so" <<'E'
stopping vm db: cannot stop vm that is not running
E
t "stop of none" 1 "$vmctl" stop nope
err "says so, too" <<'E'
stopping vm nope: vm not found
E
t "stop -a" 0 "$vmctl" stop -a
err "stops those that run" <<'E'
stopping vm web: requested to shutdown vm 1
E
t "stop of nothing" 1 "$vmctl" stop
err "is not all" <<'E'
usage:	vmctl [-v] stop [-afw] [-t TIME] [vm ...]
E
t "stop -a of one" 1 "$vmctl" stop -a web
t "one of two is wrong" 1 "$vmctl" pause nope web
err "the other is done" <<'E'
vmctl: no VM is called nope
paused vm 1 successfully
E
t "unpause" 0 "$vmctl" unp web
err "unpause" <<'E'
unpaused vm 1 successfully
E
t "reset" 0 "$vmctl" reset web
t "start -w" 0 "$vmctl" start -w db
err "start -w" <<'E'
vmctl: started vm 2 successfully
E
t "rm of a running one" 1 "$vmctl" rm web
err "says how" <<'E'
vmctl: vm web is running; stop it first, or use rm -f
E
t "rm -f" 0 "$vmctl" rm -f web gone db
out "prints what went" <<'E'
web
db
E
t "rm -a" 0 "$vmctl" rm -a
out "leaves running ones" <<'E'
db
E
t "wait" 0 "$vmctl" wait web
err "says what it does" <<'E'
vmctl: waiting for vm web: terminated vm 1
E
out "prints the exit code" <<'E'
0
E

begin
route "GET /instances/web 200 $web_running"
route "GET $web_id 200 $web_running"
route "GET $web_id/wait 200 {\"state\":\"Running\"}"
serve
t "wait for a state" 0 "$vmctl" wait --state Running --timeout 2m web
err "says which" <<'E'
vmctl: waiting for vm web: running vm 1
E
t "wait for too long" 1 "$vmctl" wait --timeout 1ms web
err "fails" <<'E'
vmctl: waiting for vm web: failed
vmctl: vm web: not Stopped in time
E

begin
route "GET /instances/web 200 $web_running"
route "GET $web_id 404 {\"code\":\"not_found\",\"message\":\"there is none\"}"
route "GET $web_id/wait 404 {\"code\":\"not_found\",\"message\":\"there is none\"}"
serve
t "wait for one that is removed when it ends" 0 "$vmctl" wait web
err "it has ended" <<'E'
vmctl: waiting for vm web: terminated vm 1
E
t "wait for a state of it" 1 "$vmctl" wait --state Paused web
stop

begin
route "GET /instances/web 200 $web_running"
route "GET $web_id/logs 200 @log.sse"
serve
printf ': hello\n\nevent: x\ndata: "one\\u0000"\n\ndata: "two"\r\n\r\ndata:"three \\"q\\""\n\n' > "$dir/log.sse"
t "logs" 0 "$vmctl" logs web
printf 'one\0\ntwo\nthree "q"\n' | cmp - "$dir/out"
check "are lines" $?
sent "all of them" <<'E'
GET /instances/web
GET /instances/webwebwebwebwebwebwebweb/logs?follow=false&tail=1000000000&source=app
E
t "logs with options" 0 "$vmctl" logs web -fn 5 --source=vmm
sent "are passed on" <<'E'
GET /instances/web
GET /instances/webwebwebwebwebwebwebweb/logs?follow=true&tail=5&source=vmm
E
t "a source that is not" 1 "$vmctl" logs --source x web
t "a number that is not" 1 "$vmctl" logs -n x web
t "a reader that goes away" 0 sh -c "'$vmctl' logs web | head -1 | tr -d '\0'"

begin
route "GET /instances/web 200 $web_running"
route "POST $web_id/stop 409 {\"code\":\"invalid_state\",\"message\":\"instance is being removed\"}"
serve
t "a refusal" 1 "$vmctl" stop web
err "is shown" <<'E'
stopping vm web: failed: instance is being removed
E
end
