#!/bin/sh
# vmctl_exec.t: exec and console, against commands that are run here.
. tests/cli/vmctl.sh

begin
route "GET /instances/web 200 $web_running"
route "GET $web_id/exec exec"
route "GET $web_id/console console"
route "GET /instances/db 200 $db_stopped"
route 'GET /instances/dbdbdbdbdbdbdbdbdbdbdbdb/exec 409 {"code":"invalid_state","message":"instance must be running (current state: Stopped)"}'
serve

t "stdout and stderr are apart" 3 "$vmctl" exec web sh -c 'echo out; echo err >&2; exit 3'
out "stdout" <<'E'
out
E
err "stderr" <<'E'
err
E
t "without -i there is no input" 0 "$vmctl" exec web cat
sent "the first frame, and the end of input" <<'E'
GET /instances/web
GET /instances/webwebwebwebwebwebwebweb/exec
WS /instances/webwebwebwebwebwebwebweb/exec {"command":["cat"],"tty":false,"streams":true}
TEXT - {"stdin_eof":true}
E
t "options" 0 env A=1 "$vmctl" exec -e A -e B=2 -e NONE_OF_THAT --timeout 1.5s \
    -u joe:staff -w /tmp web -- sh -c 'echo $A$B; pwd'
out "env and cwd" <<'E'
12
/tmp
E
grep '^WS' "$dir/log" | cut -d' ' -f3- | jq -cS . > "$dir/frame"
same "the first frame has them" "$dir/frame" <<'E'
{"command":["sh","-c","echo $A$B; pwd"],"cwd":"/tmp","env":{"A":"1","B":"2"},"streams":true,"timeout":2,"tty":false,"user":"joe:staff"}
E
printf '# comment\nX=y z\n\nEMPTY=\n' > "$dir/env"
t "a file of variables" 0 "$vmctl" exec --env-file "$dir/env" -e X=1 web sh -c 'echo "$X:${EMPTY-unset}"'
out "words win over files" <<'E'
1:
E
t "-d" 0 "$vmctl" exec -d web sleep 100
t "not found" 127 "$vmctl" exec web no-such-program
t "not executable" 126 "$vmctl" exec web /etc/passwd
t "killed by a signal" 137 "$vmctl" exec web sh -c 'kill -9 $$'
t "options behind the VM are the command's" 0 "$vmctl" exec web echo -n -i
t "not running" 125 "$vmctl" exec db true
err "is the daemon's message, and what to do" <<'E'
vmctl: instance must be running (current state: Stopped)
'vmctl ps -a' shows the state of every VM
E
t "-it without a terminal" 125 "$vmctl" exec -it web sh
err "is refused" <<'E'
vmctl: standard input is no terminal; use -i without -t
E
t "no command" 125 "$vmctl" exec web

# Input, its end, and every byte.
head -c 3000000 /dev/urandom > "$dir/random"
t "binary both ways" 0 sh -c "'$vmctl' exec -i web cat < '$dir/random'"
cmp "$dir/random" "$dir/out"
check "not a byte is changed" $?
t "through pipes" 0 sh -c "cat '$dir/random' | '$vmctl' exec -i web cat | cat"
cmp "$dir/random" "$dir/out"
check "not a byte is changed" $?
t "an end of input" 0 sh -c "printf abc | '$vmctl' exec -i web wc -c"
out "is passed on" <<'E'
3
E
t "a reader that goes away" 0 sh -c "'$vmctl' exec web yes | head -1"
out "ends it" <<'E'
y
E
t "a command that does not read" 0 sh -c "head -c 5000000 /dev/zero | '$vmctl' exec -i web true"

# Signals.
for s in TERM INT USR1; do
	: > "$dir/out"
	"$vmctl" exec web sh -c "trap 'echo got $s; exit 7' $s; echo up; while :; do sleep 0.05; done" > "$dir/out" &
	p=$!
	while ! grep -q up "$dir/out"; do sleep 0.02; done
	kill -$s $p
	wait $p
	[ $? -eq 7 ] && grep -q "got $s" "$dir/out"
	check "SIG$s reaches the command" $?
done
: > "$dir/out"
"$vmctl" exec web sh -c "trap '' INT; echo up; sleep 1000" > "$dir/out" &
p=$!
while ! grep -q up "$dir/out"; do sleep 0.02; done
for i in 1 2 3; do kill -INT $p; sleep 0.05; done
wait $p
[ $? -eq 130 ]
check "the third SIGINT leaves" $?
while ! grep -q GONE "$dir/log"; do sleep 0.02; done
check "and the daemon knows" 0

# The console without a terminal.
t "console" 0 sh -c "printf 'root\nbye\n' | '$vmctl' console web"
out "what is typed and what comes" <<'E'
login: root
bye
E
end
