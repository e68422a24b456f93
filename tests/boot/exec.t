#!/bin/sh
# exec.t: exec into a real VM: bytes, codes, signals, terminals, endurance.
. tests/boot/lib.sh

start_vmd || broken "vmd starts"
import_hello
ok "a VM of the busybox image answers" run_hello a

is "output" Linux "$(vmctl exec a uname -s)"
is "USER of the image" "1000:1000 1000 1001" \
    "$(vmctl exec a id -u):$(vmctl exec a id -g) $(vmctl exec a id -G)"
is "-u root" 0 "$(vmctl exec -u root a id -u)"
is "WorkingDir of the image" /www "$(vmctl exec a pwd)"
is "-w" /etc "$(vmctl exec -w /etc a pwd)"
is "-e" "x y" "$(vmctl exec -e 'V=x y' a sh -c 'echo "$V"')"
vmctl exec a sh -c 'exit 42'; is "exit code" 42 $?
vmctl exec a sh -c 'kill -9 $$'; is "killed by a signal is 128+n" 137 $?
vmctl exec a /nonesuch 2>/dev/null; is "not found is 127" 127 $?
vmctl exec a /etc/passwd 2>/dev/null; is "not executable is 126" 126 $?
vmctl exec nosuchvm true 2>/dev/null; is "no such VM is 125" 125 $?
is "stdout and stderr are apart" "out|err" \
    "$(vmctl exec a sh -c 'echo out; echo err >&2' 2>"$t/err")|$(cat "$t/err")"
is "end of standard input" 3 "$(printf 'a\nb\nc\n' | vmctl exec -i a wc -l)"
is "without -i there is no input" 0 "$(echo x | vmctl exec a wc -l)"

head -c 1048576 /dev/urandom > "$t/random"
want=$(sha256sum < "$t/random")
is "binary safe both ways" "$want" \
    "$(vmctl exec -i a cat < "$t/random" | sha256sum)"

big=${EXEC_BIG_MIB:-1024}
pattern() { # $big MiB that differ from block to block
	i=0
	while [ $i -lt $((big / 64)) ]; do
		yes "block $i of a gigabyte" | head -c 67108864
		i=$((i + 1))
	done
}
want=$(pattern | sha256sum)
is "$big MiB through stdin to stdout" "$want" \
    "$(pattern | LIMIT=600 vmctl exec -i a cat | sha256sum)"
is "$big MiB hashed in the guest" "${want%% *}" \
    "$(pattern | LIMIT=600 vmctl exec -i a sha256sum | cut -d' ' -f1)"

count() {
	i=0
	while [ $i -lt "${EXEC_COUNT:-1000}" ]; do
		"$bin/vmctl" exec a true || return 1
		i=$((i + 1))
	done
}
ok "${EXEC_COUNT:-1000} times exec true" count

# A client that is killed leaves no process behind, unless detached.
timeout -s KILL 3 "$bin/vmctl" exec a sleep 4321
gone() { ! vmctl exec -u root a sh -c 'ps | grep -v grep | grep -q "sleep 4321"'; }
ok "a killed client leaves no process in the guest" wait_for 20 gone
vmctl exec -d a sleep 1234
there() { vmctl exec -u root a sh -c 'ps | grep -v grep | grep -q "sleep 1234"'; }
ok "a detached one goes on" wait_for 10 there
vmctl exec --timeout 1s a sleep 100 2>/dev/null
is "a time-out is 124" 124 $?

# A terminal: size, resize, raw bytes.
if command -v tmux > /dev/null; then
	tm() { tmux -L "vmd$$" "$@"; }
	tm -f /dev/null new-session -d -x 91 -y 33 "$bin/vmctl exec -it a sh"
	screen() { tm capture-pane -p; }
	sees() { screen | grep -q -e "$1"; }
	tm send-keys 'stty size' Enter
	ok "the guest's terminal has our size" wait_for 20 sees '33 91'
	tm resize-window -x 77 -y 22
	sleep 0.5
	tm send-keys 'stty size' Enter
	ok "and follows a resize" wait_for 20 sees '22 77'
	tm send-keys 'sleep 100' Enter
	sleep 0.5
	tm send-keys C-c
	tm send-keys 'echo got $?' Enter
	ok "Ctrl-C goes to the guest" wait_for 20 sees 'got 130'
	tm kill-server 2>/dev/null
fi
done_testing
