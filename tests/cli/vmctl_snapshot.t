#!/bin/sh
# vmctl_snapshot.t: standby, restore, fork, snapshot.
. tests/cli/vmctl.sh

s1='{"id":"aaaaaaaaaaaaaaaaaaaaaaaa","name":"one","kind":"Standby","source_instance_id":"webwebwebwebwebwebwebweb","source_instance_name":"web","source_hypervisor":"vmm","created_at":"2020-01-01T00:00:00Z","size_bytes":1048576}'
s2='{"id":"abbbbbbbbbbbbbbbbbbbbbbb","name":null,"kind":"Stopped","source_instance_id":"dbdbdbdbdbdbdbdbdbdbdbdb","source_instance_name":"db","source_hypervisor":"qemu","created_at":"2020-01-01T00:00:00Z","size_bytes":2048}'
db_id=/instances/dbdbdbdbdbdbdbdbdbdbdbdb
begin
route "GET /instances/web 200 $web_running"
route "GET /instances/db 200 $db_stopped"
route "GET /instances 200 [$web_running,$db_stopped]"
route "POST $web_id/standby 200 $web_running"
route "POST $web_id/restore 200 $web_running"
route "POST $db_id/standby 409 {\"code\":\"invalid_state\",\"message\":\"cannot standby instance db: it is Stopped\"}"
route "POST $web_id/fork 201 {\"id\":\"cccccccccccccccccccccccc\"}"
route "POST $web_id/snapshots 201 $s1"
route "POST $db_id/snapshots 201 $s2"
route "GET /snapshots 200 [$s1,$s2]"
route "GET $web_id/snapshots 200 [$s1]"
route "DELETE /snapshots/aaaaaaaaaaaaaaaaaaaaaaaa 204"
route "POST /snapshots/aaaaaaaaaaaaaaaaaaaaaaaa/fork 201 {\"id\":\"cccccccccccccccccccccccc\"}"
route "POST $web_id/snapshots/aaaaaaaaaaaaaaaaaaaaaaaa/restore 200 $web_running"
serve

t "standby" 0 "$vmctl" standby web
err "says so" <<'E'
put to standby vm 1 successfully
E
t "of one that does not run" 1 "$vmctl" standby db web
grep -q "cannot standby instance db" "$dir/err"
check "says why" $?
grep -q "vm 1 successfully" "$dir/err"
check "and goes on with the next" $?
t "restore" 0 "$vmctl" restore web
err "says so" <<'E'
restored vm 1 successfully
E

t "fork" 0 "$vmctl" fork --state Standby web child
out "prints the ID" <<'E'
cccccccccccccccccccccccc
E
sent "and pauses one that runs" <<'E'
GET /instances/web
POST /instances/webwebwebwebwebwebwebweb/fork {"target_state":"Standby","name":"child","from_running":true}
E
t "fork to another state" 1 "$vmctl" fork --state Asleep web child
t "fork without a name" 1 "$vmctl" fork web

t "snapshot create" 0 "$vmctl" snapshot create --name one -l a=b web
sent "of one that runs is its memory, too" <<'E'
GET /instances/web
POST /instances/webwebwebwebwebwebwebweb/snapshots {"tags":{"a":"b"},"kind":"Standby","name":"one"}
E
t "of a stopped one" 0 "$vmctl" snapshot create db
sent "is its disk" <<'E'
GET /instances/db
POST /instances/dbdbdbdbdbdbdbdbdbdbdbdb/snapshots {"tags":{},"kind":"Stopped"}
E
t "snapshot list" 0 "$vmctl" snapshot list
sed 's/ *[0-9]* years ago/  AGO/' "$dir/out" > "$dir/table"
same "is a table" "$dir/table" <<'E'
ID            NAME  KIND     VM   SIZE  CREATED
aaaaaaaaaaaa  one   Standby  web  1.0M  AGO
abbbbbbbbbbb  -     Stopped  db   2.0K  AGO
E
t "snapshot list -q of a VM" 0 "$vmctl" snapshot list -q web
out "are IDs" <<'E'
aaaaaaaaaaaa
E
t "snapshot list as JSON" 0 "$vmctl" snapshot list --format json
[ "$(wc -l < "$dir/out")" -eq 2 ]
check "an object a line" $?
t "snapshot delete by name" 0 "$vmctl" snapshot delete one
out "repeats it" <<'E'
one
E
t "by the beginning of an ID" 0 "$vmctl" snapshot delete aaa
t "by one that fits two" 1 "$vmctl" snapshot delete a
grep -q "2 snapshots are called a" "$dir/err"
check "says so" $?
t "none of that name" 1 "$vmctl" snapshot delete none
t "snapshot fork" 0 "$vmctl" snapshot fork one child
sent "finds it first" <<'E'
GET /snapshots
POST /snapshots/aaaaaaaaaaaaaaaaaaaaaaaa/fork {"name":"child"}
E
t "snapshot restore" 0 "$vmctl" snapshot restore --state Stopped web one
err "says so" <<'E'
restored vm 1 successfully
E
"$vmctl" completion bash | grep -q 'vmctl snapshot list -q'
check "names of snapshots are completed" $?
end
