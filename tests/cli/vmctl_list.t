#!/bin/sh
# vmctl_list.t: status, ps, inspect, stats and how VMs are named.
. tests/cli/vmctl.sh

begin
route "GET /instances 200 [$web_running,$db_stopped]"
route "GET /instances/web 200 $web_running"
route "GET /instances/db 200 $db_stopped"
route "GET $web_id/stats 200 {\"instance_id\":\"webwebwebwebwebwebwebweb\",\"instance_name\":\"web\",\"cpu_seconds\":1.5,\"memory_rss_bytes\":138412032,\"network_rx_bytes\":2048,\"network_tx_bytes\":10,\"disk_read_bytes\":4096,\"disk_write_bytes\":0,\"allocated_memory_bytes\":1073741824}"
serve

t "status" 0 "$vmctl" status
out "status has OpenBSD's columns" <<'E'
   ID   PID VCPUS  MAXMEM  CURMEM     TTY        OWNER    STATE NAME
    1 69172     2    1.0G    132M       -         root  running web
    2     -     1    512M       -       -          joe  stopped db
E
t "status of one" 0 "$vmctl" status db
out "status of one is one row" <<'E'
   ID   PID VCPUS  MAXMEM  CURMEM     TTY        OWNER    STATE NAME
    2     -     1    512M       -       -          joe  stopped db
E
t "stat" 0 "$vmctl" stat
out "is what it is on OpenBSD, status, not stats" <<'E'
   ID   PID VCPUS  MAXMEM  CURMEM     TTY        OWNER    STATE NAME
    1 69172     2    1.0G    132M       -         root  running web
    2     -     1    512M       -       -          joe  stopped db
E
t "im" 1 "$vmctl" im
err "an ambiguous prefix" <<'E'
ambiguous argument: im
could be image, images
usage:	vmctl [-v] command [arg ...]
E
t "status -r" 0 "$vmctl" status -r
out "status -r leaves stopped ones out" <<'E'
   ID   PID VCPUS  MAXMEM  CURMEM     TTY        OWNER    STATE NAME
    1 69172     2    1.0G    132M       -         root  running web
E
t "by number" 0 "$vmctl" sho 2
sent "a number is looked for in the list" <<'E'
GET /instances/2
GET /instances
E
t "no such VM" 1 "$vmctl" status wbe
err "the name that was meant" <<'E'
vmctl: no VM is called wbe; did you mean web?
E

t "ps" 0 "$vmctl" ps
sed -i 's/[0-9]* years ago/N years ago/' "$dir/out"
out "ps shows running ones" <<'E'
ID            NAME  IMAGE                           STATE    CREATED      PORTS
webwebwebweb  web   docker.io/library/nginx:alpine  Running  N years ago  8080->80/tcp
E
t "ps -a" 0 "$vmctl" ps -aq
out "ps -aq" <<'E'
webwebwebweb
dbdbdbdbdbdb
E
t "ps with filters" 0 "$vmctl" ps -aqf label=team=a -f name=w
out "ps with filters" <<'E'
webwebwebweb
E
t "ps with a state" 0 "$vmctl" ps -qf state=stopped
out "ps with a state shows it" <<'E'
dbdbdbdbdbdb
E
t "a filter that is not" 1 "$vmctl" ps -f colour=red
err "is named" <<'E'
vmctl: filter colour=red: not id, name, image, state or label
E
t "ps in 60 columns" 0 env COLUMNS=60 "$vmctl" ps -a
[ "$(wc -L < "$dir/out")" -le 60 ]
check "no line is longer" $?
[ "$(wc -l < "$dir/out")" -eq 3 ]
check "and none wraps" $?
t "ps --format json" 0 "$vmctl" ps -a --format json
[ "$(jq -r .name < "$dir/out" | tr '\n' ' ')" = "web db " ]
check "an object a line" $?
t "inspect" 0 "$vmctl" inspect web db
[ "$(jq -r '.[1].name' < "$dir/out")" = db ]
check "inspect is a list" $?
t "stats" 0 "$vmctl" stats
out "stats" <<'E'
ID            NAME  CPU TIME  MEM / LIMIT  MEM %  NET IN / OUT  DISK IN / OUT
webwebwebweb  web       1.5s  132M / 1.0G  12.9%    2.0K / 10B      4.0K / 0B
E

begin
route 'GET /instances 200 []'
serve
t "no VM" 0 "$vmctl" ps
out "only the header" <<'E'
ID  NAME  IMAGE  STATE  CREATED  PORTS
E
begin
route 'GET /instances 500 {"code":"internal_error","message":"the disk is gone"}'
serve
t "an error of the API" 1 "$vmctl" ps
err "is its message" <<'E'
vmctl: the disk is gone
E
begin
route 'GET /instances 200 {"not":"a list"}'
route 'GET /instances/web 200 [1,2'
serve
t "an answer of another kind" 1 "$vmctl" ps
t "an answer that is no JSON" 1 "$vmctl" inspect web
begin
route "GET /instances 200 [{\"id\":\"x\",\"name\":\"a\\u001b[31mb\",\"state\":\"Running\"}]"
serve
t "a name with an escape" 0 "$vmctl" ps
! grep -q "$(printf '\033')" "$dir/out"
check "does not reach the terminal" $?

stop
t "no daemon" 1 "$vmctl" ps
err "says how to start one" <<'E'
vmctl: vmd is not running (nobody answers at @DIR@/sock); start it with 'vmd', or 'systemctl start vmd'
E
t "no daemon for run" 125 "$vmctl" run x
t "a host of another kind" 1 "$vmctl" -H ssh://x ps
err "is refused" <<'E'
vmctl: host ssh://x: neither unix://PATH nor http://HOST nor https://HOST
E
end
