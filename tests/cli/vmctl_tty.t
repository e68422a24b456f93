#!/bin/sh
# vmctl_tty.t: on a terminal: raw mode and back, sizes, escapes, progress.
. tests/cli/vmctl.sh
command -v tmux > /dev/null || { echo "1..0 # SKIP no tmux"; exit 0; }

begin
route "GET /instances/web 200 $web_running"
route "GET $web_id/exec exec"
route "GET $web_id/console console"
route "GET /instances/r 200 {\"id\":\"reads\",\"name\":\"r\",\"state\":\"Running\"}"
route "GET /instances/reads/console console"
route "GET /images/x 200 {\"name\":\"x\",\"status\":\"ready\"}"
route 'POST /images 202 {"name":"slow","status":"pending"}'
route 'GET /images/slow/events 200 @pull.sse+'
route "POST /instances 201 {$web,\"state\":\"Initializing\"}"
route "GET $web_id/logs 200 @log.sse+"
route "GET $web_id/wait 200 {\"state\":\"Stopped\"}"
route "POST $web_id/stop 200 $web_running"
route "GET $web_id 200 {$web,\"state\":\"Stopped\",\"exit_code\":5}"
serve
printf 'data: "hello"\n\n' > "$dir/log.sse"
printf 'data: "bye"\n\n' > "$dir/log.sse.rest"
printf 'data: {"name":"slow","status":"pulling","progress":{"bytes_done":1048576,"bytes_total":4194304,"layers_done":1,"layers_total":3}}\n\n' > "$dir/pull.sse"
printf 'data: {"name":"slow","status":"ready"}\n\n' > "$dir/pull.sse.rest"

tm() { tmux -S "$dir/tmux" -f /dev/null "$@"; }
quit() {
	tm kill-server 2> /dev/null
	finish
}
trap quit EXIT
tm new-session -d -x 100 -y 30 "PS1='\$ ' exec sh" || {
	echo "1..0 # SKIP tmux does not start"
	exit 0
}

# Everything that is waited for comes, or the test fails after some time.
shows() { # PATTERN
	for i in $(seq 200); do
		tm capture-pane -p | grep -q -e "$1" && return 0
		sleep 0.05
	done
	tm capture-pane -p | grep -v '^$' | sed 's/^/# /'
	return 1
}
there() { # FILE
	for i in $(seq 200); do
		[ -s "$1" ] && return 0
		sleep 0.05
	done
	return 1
}
on_tty() { # COMMAND...: run it on the terminal, between two stty -g
	rm -f "$dir/before" "$dir/after" "$dir/status"
	tm send-keys "clear; stty -g > $dir/before; $*; echo \$? > $dir/status; stty -g > $dir/after" Enter
	# What is looked for next must not be what was there before.
	there "$dir/before"
}
restored() { # TEXT STATUS
	there "$dir/after"
	check "$1: it ends" $?
	[ "$(cat "$dir/status")" = "$2" ]
	check "$1: status $2, not $(cat "$dir/status")" $?
	cmp -s "$dir/before" "$dir/after"
	check "$1: the terminal is as it was" $?
}
of_vmctl() { # its process in the pane
	pgrep -f "$vmctl $1" | head -1
}

on_tty "$vmctl" exec -it web sh -c "'stty size; stty -a | grep -ow isig; echo \$TERM; read x; echo got:\$x; exit 4'"
shows '30 100'
check "exec: the size" $?
shows '^isig'
check "exec: a terminal of its own" $?
shows 'screen\|tmux'
check "exec: TERM" $?
tm send-keys 'words' Enter
shows 'got:words'
check "exec: input" $?
restored exec 4

on_tty "$vmctl" exec -it web sh -c "'trap \"stty size\" WINCH; echo up; while :; do sleep 0.1; done'"
shows up
tm resize-window -x 90 -y 25
shows '25 90'
check "exec: a new size" $?
tm send-keys C-c
restored "exec, interrupted there" 130

on_tty "$vmctl" exec -it web sh -c "'echo up; cat'"
shows up
kill -TERM "$(of_vmctl exec)"
restored "exec, SIGTERM" 143
on_tty "$vmctl" exec -it web sh -c "'echo up; cat'"
shows up
kill -HUP "$(of_vmctl exec)"
restored "exec, SIGHUP" 129
on_tty "(ulimit -c 0;" "$vmctl" exec -it web sh -c "'echo up; cat')"
shows up
kill -SEGV "$(of_vmctl exec)"
restored "exec, SIGSEGV" 139

on_tty "$vmctl" console web
shows 'login:'
check "console: shows it" $?
tm send-keys 'root' Enter '~?'
shows 'leave'
check "console: ~? lists the escapes" $?
tm send-keys Enter '~~' x
shows '^~x'
check "console: ~~ is a tilde" $?
tm send-keys Enter '~#'
shows '^.the VM has no serial port.$'
check "console: ~# asks for a break, and why it cannot be is shown" $?
grep -q "^WS $web_id/console {\"break\":true}" "$dir/log"
check "console: the break was sent" $?
grep -q "^WS $web_id/console {\"resize\":{\"rows\":25,\"cols\":90}}" "$dir/log"
check "console: the size of the terminal was sent" $?
tm resize-window -x 100 -y 30
there_is() { for i in $(seq 200); do grep -q "$1" "$dir/log" && return; sleep 0.05; done; false; }
there_is "^WS $web_id/console {\"resize\":{\"rows\":30,\"cols\":100}}"
check "console: and when it changes" $?
tm send-keys Enter '~.'
shows '^.EOT.$'
check "console: ~. says EOT, as cu does" $?
restored "console, left" 0
on_tty "$vmctl" console web
shows 'Connected to vm web (~. leaves'
check "console: says what it is" $?
shows 'login:'
tm send-keys Enter '~' C-d
restored "console, left by ~^D" 0
on_tty "$vmctl" console r
shows 'Connected to vm r to read: of 2 terminals another types'
check "console of a reader: says so" $?
shows 'login:'
tm send-keys 'lost'
shows '^.another terminal types; ~w takes over.$'
check "console of a reader: typing is refused" $?
tm send-keys '~w'
tm send-keys Enter '~w'
shows '^.you type now.$'
check "console of a reader: ~w takes over" $?
tm send-keys 'kept'
shows 'kept'
check "console of a reader: and types" $?
! tm capture-pane -p | grep -q lost
check "console of a reader: what was typed before is nowhere" $?
kill -TERM "$(of_vmctl console)"
restored "console, SIGTERM" 143
on_tty "$vmctl" console web
shows 'login:'
kill -HUP "$(of_vmctl console)"
restored "console, SIGHUP" 129
on_tty "$vmctl" console web
shows 'login:'
tm send-keys 'bye' Enter
restored "console of a VM that ends" 0

on_tty "$vmctl" run x
shows hello
tm send-keys C-c
shows 'again to kill it'
check "run: the first ^C says so" $?
restored "run, interrupted" 5
grep -q "^POST $web_id/stop {}" "$dir/log"
check "run: it was stopped" $?

on_tty "$vmctl" run -it x
shows 'login:'
tm send-keys 'bye' Enter
restored "run -it" 5

on_tty "$vmctl" pull slow
shows 'slow: pulling  1/3 layers  1.0 MB / 4.0 MB  \[=*> *\]'
check "pull: a bar" $?
"$vmctl" stop web 2> /dev/null
restored pull 0
shows 'slow: ready'
check "pull: the bar is gone" $?
! tm capture-pane -p | grep -q pulling
check "pull: and leaves no trace" $?

# The daemon dies under a session.
on_tty "$vmctl" exec -it web sh -c "'echo up; cat'"
shows up
kill -KILL "$pid"
restored "exec, the daemon dies" 125
serve
on_tty "$vmctl" console web
shows 'login:'
kill -KILL "$pid"
restored "console, the daemon dies" 1
end
