#!/bin/sh
# vmctl.t: what a user does, on a real daemon with real guests: the life of a
# VM, cp, run in the foreground, volumes, names.
. tests/boot/lib.sh

start_vmd || broken "vmd starts"
import_hello
hello() { # OPTION...: in the foreground
	vmctl run -m 192M -c 1 --entrypoint sh "$@"
}

# --- names and life ------------------------------------------------------------
vmctl volume create --size 1G data > "$t/volume"
is "a volume" "$(cat "$t/volume")" \
    "$(vmctl volume ls -q --no-trunc)"
ok "a VM with a volume" run_hello a -v data:/data
id=$(vmctl ps -q --no-trunc)
is "it is listed" "a" "$(vmctl ps --format json | jq -r .name)"
is "by a prefix of its ID" "$id" \
    "$(vmctl inspect "${id%????????????}" | jq -r '.[0].id')"
is "by its number" "$id" "$(vmctl inspect 1 | jq -r '.[0].id')"
vmctl inspect nosuchvm 2> "$t/err"
is "a name that is not" "vmctl: no VM is called nosuchvm" \
    "$(cat "$t/err")"
vmctl run -d --name a busybox:hello 2> "$t/err"
is "a name that is taken is 125" 125 $?
is "and says what to do" 2 "$(wc -l < "$t/err")"
vmctl volume rm data 2> "$t/err"
is "a volume in use stays" 1 $?
vmctl pause a 2> /dev/null
is "paused" paused "$(vmctl status a | awk 'NR == 2 { print $8 }')"
vmctl unpause a 2> /dev/null
is "unpaused" running "$(vmctl status -r a | awk 'NR == 2 { print $8 }')"
is "its log" 0 "$(vmctl logs -n 5 a > "$t/log"; echo $?)"
is "its statistics" a "$(vmctl stats --format json a | jq -r .instance_name)"

# --- cp --------------------------------------------------------------------------
mkdir -p "$t/tree/sub/deep" "$t/tree/ro"
echo one > "$t/tree/one"
ln "$t/tree/one" "$t/tree/sub/two"
ln -s ../one "$t/tree/sub/link"
mkfifo "$t/tree/fifo"
truncate -s 64M "$t/tree/sparse"
printf x | dd of="$t/tree/sparse" bs=1 seek=1000000 conv=notrunc status=none
head -c 3000000 /dev/urandom > "$t/tree/big"
chmod 4750 "$t/tree/one"
chmod 555 "$t/tree/ro"
touch -d 2001-02-03T04:05:06.5Z "$t/tree/one" "$t/tree/sub"
listing() { # DIR
	(cd "$1" && find . ! -name . ! -type d -printf '%P %y %m %T@ %n %l\n' , \
	    ! -name . -type d -printf '%P d %m %T@\n' | LC_ALL=C sort
	find . -type f -exec sha256sum {} + | LC_ALL=C sort)
}
listing "$t/tree" > "$t/want"
ok "a tree into the guest" vmctl cp "$t/tree" a:/copy
is "a set-user-ID file is one there" 4750 "$(vmctl exec -u 0 a stat -c %a /copy/one)"
is "holes are holes there" yes "$(vmctl exec -u 0 a sh -c \
    'test $(du -k /copy/sparse | cut -f1) -lt 1000 && echo yes')"
ok "and back" vmctl cp -a a:/copy "$t/back"
listing "$t/back" > "$t/got"
is "nothing has changed" "" "$(diff "$t/want" "$t/got")"
is "holes are holes here" yes \
    "$(test "$(du -k "$t/back/sparse" | cut -f1)" -lt 1000 && echo yes)"
ok "an archive out of one guest's directory into another" sh -c \
    "'$bin/vmctl' cp a:/copy - | '$bin/vmctl' cp - a:/data"
mkdir "$t/third"
ok "and back again" vmctl cp -a a:/data/copy "$t/third"
# An archive of ours has whole seconds.
listing "$t/third/copy" | sed -E 's/([0-9]{9,})\.[0-9]+/\1/' > "$t/got"
sed -E 's/([0-9]{9,})\.[0-9]+/\1/' "$t/want" > "$t/whole"
is "nothing has changed then either" "" "$(diff "$t/whole" "$t/got")"
mode=$(vmctl exec -u 0 a stat -c '%a %u' /data)
ok "contents into a directory" vmctl cp "$t/tree/." a:/data
is "whose mode and owner stay" "$mode" \
    "$(vmctl exec -u 0 a stat -c '%a %u' /data)"
vmctl cp a:/none "$t" 2> "$t/err"
is "a file that is not there" "vmctl: a:/none: no such file or directory" \
    "$(cat "$t/err")"

# --- the end, and again -----------------------------------------------------------
ok "stop -w" vmctl stop -w a
is "it is stopped" Stopped "$(vmctl ps -a --format json | jq -r .state)"
vmctl stop a 2> /dev/null
is "stop of a stopped VM fails" 1 $?
ok "start -w" vmctl start -w a
is "its files are there" one "$(vmctl exec -u 0 a cat /copy/one)"
vmctl rm a 2> /dev/null
is "rm of a running VM fails" 1 $?
is "rm -f" a "$(vmctl rm -f a)"
is "the volume can go" data "$(vmctl volume rm data)"

# --- in the foreground ---------------------------------------------------------------
hello --rm busybox:hello -c 'echo out; exit 42' > "$t/out" 2> "$t/err"
is "run: the exit code" 42 $?
is "run: the output and nothing else" out "$(cat "$t/out")"
is "run --rm: it is gone" "" "$(vmctl ps -aq)"
: > "$t/out"
hello --name fg busybox:hello -c \
    'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done' \
    > "$t/out" 2> "$t/err" &
p=$!
wait_for 60 grep -q up "$t/out"
kill -INT "$(pgrep -P $p -f 'vmctl run' | head -1)" 2> /dev/null ||
    kill -INT $p
wait $p
is "run: SIGINT stops it" 3 $?
is "run: its last words are shown" "up bye" "$(tr '\n' ' ' < "$t/out" |
    sed 's/ $//')"
vmctl rm fg > /dev/null
vmctl run -dt --name tt -m 192M -c 1 --entrypoint sh busybox:hello \
    -c 'tty; exit 6' > /dev/null
is "with a terminal: the exit code" 6 "$(vmctl wait tt 2> /dev/null)"
done_testing
