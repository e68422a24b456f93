#!/bin/sh
# console.t: several at one console: one types, others read; breaks and sizes.
# The hypervisor is null, its console is made here and says back what it hears.
cd "$(dirname "$0")/../.." || exit 1
name=console
. tests/cli/control.sh
for p in socat tmux; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
vmctl=$bin/vmctl
VMCTL_HOST=unix://$sock
export VMCTL_HOST
echoing=
finish() {
	tm kill-server 2> /dev/null
	[ -z "$echoing" ] || kill $echoing 2> /dev/null
	for p in $readers; do kill "$p" 2> /dev/null; done
	cleanup
}
readers=
trap finish EXIT
tm() { tmux -S "$d/tmux" -f /dev/null "$@"; }

until_true() { # COMMAND: at most a minute; no test depends on how long
	i=0
	until "$@"; do
		i=$((i + 1))
		[ $i -lt 1200 ] || return 1
		sleep 0.05
	done
}
has() { grep -qF -e "$2" "$1" 2> /dev/null; }
shows() { tm capture-pane -p | grep -qF -e "$1"; }
: > "$d/body"
start || { echo "1..0 # SKIP vmd does not start"; exit 0; }
api POST /instances '{"name":"a","image":"x","hypervisor":"null"}'
is 201 '.name == "a"'; ok "a VM"
until_true state a Running; ok "it runs"
dir=$d/state/vms/$(get .id)
socat "UNIX-LISTEN:$dir/console.sock,fork" EXEC:cat 2> /dev/null &
echoing=$!
until_true [ -S "$dir/console.sock" ]
vmm() { # vmm MEMBER: of what the VMM has counted
	curl -s -m 10 --unix-socket "$dir/api.sock" \
	    http://vmd/api/v1/vm.info | jq -r ".vmd.$1"
}
counted() { [ "$(vmm "$1")" = "$2" ]; }

# The first one writes.  Each is a vmctl without a terminal.
attach() { # NAME: a vmctl whose input is the FIFO NAME.in
	mkfifo "$d/$1.in"
	"$vmctl" console a < "$d/$1.in" > "$d/$1.out" 2> "$d/$1.err" &
	readers="$readers $!"
	eval "$1=$!"
}
attach one
exec 5> "$d/one.in"
echo first >&5
until_true has "$d/one.out" first; ok "the first one types"
attach two
exec 6> "$d/two.in"
until_true has "$d/two.err" "Connected to vm a to read: of 2 terminals another"
ok "the second is told that it reads"
echo lost >&6
until_true has "$d/two.err" "[another terminal types; ~w takes over]"
ok "and that nobody gets what it types"

# With a terminal.
tm new-session -d -x 100 -y 30 "exec $vmctl console a"
until_true shows 'Connected to vm a to read: of 3 terminals'
ok "a third, on a terminal, reads too"
tm send-keys '~#'
tm send-keys Enter
tm send-keys '~w'
until_true shows '[you type now]'; ok "it takes over"
until_true has "$d/one.err" "[another terminal types now; ~w takes it back]"
ok "who typed is told"
until_true counted cols 100 && counted rows 30; ok "the console has its size"
counted breaks 0; ok "a reader's break was not sent"
echo late >&5
tm send-keys third Enter
until_true shows third; ok "it types"
tm resize-window -x 90 -y 25
until_true counted cols 90 && counted rows 25; ok "and its new size"
tm send-keys '~#'
until_true counted breaks 1; ok "a break"
tm send-keys Enter '~.'
until_true has "$d/one.err" "[you type now]"
ok "when it leaves the next one types"
echo again >&5
until_true has "$d/one.out" again; ok "indeed"
! has "$d/one.out" late && ! has "$d/two.out" lost
ok "what readers typed is nowhere"
kill -KILL "$one"
until_true has "$d/two.err" "[you type now]"
ok "who was killed has left too"
echo second >&6
until_true has "$d/two.out" second; ok "and the next one types"

# More than there may be; an end for all of them.
k=0
while [ $k -lt 7 ]; do
	attach "more$k"
	sleep 100 > "$d/more$k.in" &
	readers="$readers $!"
	until_true has "$d/more$k.err" "of $((k + 2)) terminals"
	k=$((k + 1))
done
out=$("$vmctl" console a 2>&1 < /dev/null)
[ "$?, $out" = "1, vmctl: 8 are attached to the console of a already" ]
ok "a ninth is refused"
# shellcheck disable=SC2046
kill $(pgrep -P "$echoing") "$echoing"
echoing=
wait "$two"; ok "all end with the console, and well: $?"
wait "$more6"; ok "the last one too"
exec 5>&- 6>&-

echo "1..$n"
exit $bad
