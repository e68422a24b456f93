#!/bin/sh
# send.t: vmctl send and receive between two daemons, on the null hypervisor:
# however the stream is cut, who is killed and what is said, the VM runs in
# one place, and never in two.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
bin=$build/bin
for p in "$bin/vmd" "$bin/vmd-control" "$bin/vmm-null" "$bin/vmctl"; do
	[ -x "$p" ] || { echo "1..0 # SKIP no $p"; exit 0; }
done
for p in curl jq; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-send.XXXXXX")
opts="-o cpu_ratio=100 -o memory_ratio=10 -o disk_ratio=100"
[ "$(id -u)" -ne 0 ] || opts="$opts -o user=root"
a=$d/a.sock b=$d/b.sock
pid_a='' pid_b=''

serving() { # serving SOCKET
	i=0
	until curl -sf --unix-socket "$1" http://vmd/health > /dev/null; do
		i=$((i + 1))
		[ $i -lt 400 ] || return 1
		sleep 0.05
	done
}
start() { # start a|b
	# shellcheck disable=SC2086
	"$bin/vmd" -d -s "$d/$1" -S "$d/$1.sock" $opts 2>> "$d/log.$1" &
	eval "pid_$1=$!"
	serving "$d/$1.sock"
}
ids() { curl -s --unix-socket "$1" http://vmd/instances | jq -r '.[].id'; }
cleanup() {
	for s in "$a" "$b"; do
		for i in $(ids "$s" 2> /dev/null); do
			curl -s --unix-socket "$s" -X DELETE \
			    "http://vmd/instances/$i" > /dev/null
		done
	done
	[ -z "$pid_a" ] || kill "$pid_a" 2> /dev/null
	[ -z "$pid_b" ] || kill "$pid_b" 2> /dev/null
	# shellcheck disable=SC2086
	wait $pid_a $pid_b 2> /dev/null
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

n=0 bad=0
ok() { # ok TEXT: the last command's status
	rc=$?
	n=$((n + 1))
	[ $rc -eq 0 ] && echo "ok $n - $1" || {
		echo "not ok $n - $1"
		sed 's/^/# /' "$d/err" "$d/log.a" "$d/log.b" | tail -30
		echo "# a: $(all "$a"); b: $(all "$b")"
		bad=1
	}
}
all() { # all SOCKET: "NAME=STATE" of each
	curl -s --unix-socket "$1" http://vmd/instances |
	    jq -r '[.[] | "\(.name)=\(.state)"] | sort | join(" ")'
}
are() { # are A B: what there is in each, soon
	i=0
	until [ "$(all "$a")" = "$1" ] && [ "$(all "$b")" = "$2" ]; do
		i=$((i + 1))
		[ $i -lt 200 ] || return 1
		sleep 0.05
	done
}
va() { timeout 60 "$bin/vmctl" -H "$a" "$@" 2> "$d/err"; }
vb() { timeout 60 "$bin/vmctl" -H "$b" "$@" 2> "$d/err"; }
says() { grep -qF -- "$1" "$d/err"; }
new() { # new SOCKET NAME
	curl -s --unix-socket "$1" -o "$d/body" -d "{\"name\":\"$2\",\
	    \"image\":\"none\",\"hypervisor\":\"null\",\"size\":\"64MB\",\
	    \"vcpus\":1}" http://vmd/instances
	jq -r .id "$d/body"
}
del() { # del SOCKET NAME
	curl -s --unix-socket "$1" -X DELETE "http://vmd/instances/$2" \
	    > /dev/null
}
control() { # control PID: of its vmd-control
	ps -o pid=,comm= --ppid "$1" | awk '$2 ~ /vmd-control/ { print $1 }'
}
clean() { # nothing is left of what was not taken
	[ -z "$(ls "$d/a/snapshots" "$d/b/snapshots" | grep -v ':$')" ] &&
	    ! find "$d/a/vms" "$d/b/vms" -name send.pipe | grep -q .
}
receive="$bin/vmctl -H $b receive"

# Receivers that say nothing read "never", which stays open for as long as 8.
mkfifo "$d/never" "$d/hold"
exec 8<> "$d/never"
silent="cat $d/never"

start a && start b
ok "two daemons serve"
id=$(new "$a" vm)
mac=$(jq -r .network.mac "$d/body")
are "vm=Running" ""
ok "a VM runs at the first"

# --- there and back
va send vm $receive two
ok "it is sent"
says "received vm 1 successfully" && says "sent vm 1 successfully"
ok "both say so"
are "vm=Stopped" "two=Running"
ok "it has ended here and runs there"
curl -s --unix-socket "$a" http://vmd/instances/vm |
    jq -e '.exit_reason == "sent to another daemon"' > "$d/err"
ok "why it ended"
curl -s --unix-socket "$b" http://vmd/instances/two |
    jq -e ".network.mac == \"$mac\" and .hostname == \"vm\"" > "$d/err"
ok "it has its address and host name"
clean
ok "nothing is left of the stream"
vb send two > "$d/stream"
ok "to a file"
says "is paused here" && says "vmctl unpause two"
ok "what is to be done is said"
are "vm=Stopped" "two=Paused"
ok "nobody heard it arrive: it is left, paused"
va receive one < "$d/stream" > "$d/out"
ok "from a file"
[ ! -s "$d/out" ]
ok "nothing is said to a file"
are "one=Running vm=Stopped" "two=Paused"
ok "it runs there"
vb unpause two
are "one=Running vm=Stopped" "two=Running"
ok "and, if one insists, here"
del "$a" one; del "$a" vm; del "$b" two
len=$(wc -c < "$d/stream")

# --- refused
id=$(new "$a" vm)
va send nobody > "$d/out"; says "no VM is called nobody"
ok "no such VM"
va send vm $receive 'no name'; says "name: must be"
ok "a name that is none"
new "$b" taken > /dev/null
va send vm $receive taken; says 'the name "taken" is taken'
ok "a name that is taken"
are "vm=Running" "taken=Running"
ok "nothing has changed"
del "$b" taken
va pause vm; va send vm > "$d/out"; says "Paused"
ok "one that does not run"
va unpause vm; va send vm /nonexistent/command
[ $? -eq 1 ] && are "vm=Running" ""
ok "a command that is not there"
va send vm true; [ $? -eq 1 ] && are "vm=Running" ""
ok "a command that ends at once"
va send vm > /dev/full; says "No space left" && are "vm=Running" ""
ok "a file that cannot be written"

# --- a stream that is cut
cut=0 good=0 tries=0
while [ $cut -lt "$len" ]; do
	va send vm sh -c "head -c $cut | $receive two"
	tries=$((tries + 1))
	if are "vm=Running" "" && clean; then
		good=$((good + 1))
	else
		break
	fi
	cut=$((cut + 1000))
done
[ $good -eq $tries ]
ok "cut at each 1,000th of $len bytes: it goes on here, and only here"
va send vm > "$d/stream"
are "vm=Paused" ""
va unpause vm
are "vm=Running" ""
len=$(wc -c < "$d/stream")
good=0
for cut in 1 2 12 23 24 25 47 48 49; do
	# The two-way header is one byte longer: "false".  dd holds back none.
	va send vm sh -c "dd bs=1 count=$((len + 1 - cut)) status=none |
	    $receive two"
	are "vm=Running" "" && good=$((good + 1))
done
[ $good -eq 9 ]
ok "cut in END and COMMIT: the receiver says so, it goes on here"
good=0 tries=0 cut=0
while [ $cut -lt "$len" ]; do
	va send vm | head -c $cut | vb receive two > "$d/out"
	tries=$((tries + 1))
	[ "$(all "$a")" = vm=Running ] || va unpause vm
	are "vm=Running" "" && clean && good=$((good + 1))
	cut=$((cut + 5000))
done
[ $good -eq $tries ]
ok "without an answer: running or paused here, and not there"

# --- one side is killed
va send vm sh -c 'head -c 5000 > /dev/null; kill -9 $$'
[ $? -eq 1 ] && are "vm=Running" ""
ok "a receiver that is killed"
"$bin/vmctl" -H "$a" send vm $silent 8>&- 2> "$d/err" &
sender=$!
i=0
until [ "$(all "$a")" = vm=Paused ] || [ $i -eq 200 ]; do
	i=$((i + 1)); sleep 0.05
done
[ $i -lt 200 ]
ok "it stands while the receiver is waited for"
va stop -f vm & waits=$!
kill -9 $sender
wait $waits 2> /dev/null
are "vm=Stopped" ""
ok "the sender is killed; what was asked meanwhile comes next"
va start vm
are "vm=Running" ""
"$bin/vmctl" -H "$a" send vm $silent 8>&- 2> "$d/err" &
sender=$!
i=0
until [ "$(all "$a")" = vm=Paused ] || [ $i -eq 200 ]; do
	i=$((i + 1)); sleep 0.05
done
kill -9 "$(control "$pid_a")"
sleep 0.1
serving "$a" && are "vm=Running" ""
ok "vmd-control is killed here: it goes on"
kill $sender 2> /dev/null
vb receive two < "$d/hold" > "$d/out" &
exec 9> "$d/hold"
head -c $((len - 24)) "$d/stream" >&9
i=0
until grep -q vmm "$d"/b/vms/*/pids 2> /dev/null || [ $i -eq 200 ]; do
	i=$((i + 1)); sleep 0.05
done
[ $i -lt 200 ] && are "vm=Running" ""
ok "it is not seen there until it is said to be its"
kill -9 "$(control "$pid_b")"
sleep 0.1
serving "$b" && are "vm=Running" ""
ok "vmd-control is killed there: nothing is left of it"
exec 9>&-
[ -z "$(ls "$d/b/vms")" ]
ok "no directory either"

# --- what is no stream
garbage() { # garbage TEXT WORD: what is in "in"
	vb receive two < "$d/in" > "$d/out"
	[ $? -eq 1 ] && says "$2" && are "vm=Running" "" && clean
	ok "$1"
}
: > "$d/in"; garbage "nothing at all" "ended early"
head -c 100000 /dev/zero > "$d/in"; garbage "zeroes" "not what vmctl send writes"
head -c 100000 /dev/urandom > "$d/in"; garbage "noise" "not what vmctl send writes"
head -c 16 "$d/stream" > "$d/in"; garbage "the magic alone" "ended early"
{ cat "$d/stream"; echo more; } > "$d/long"
vb receive two < "$d/long" > "$d/out"
are "vm=Running" "two=Running"
ok "what comes behind COMMIT is not looked at"
del "$b" two
record() { # record JSON: magic and a header
	printf 'vmd vm stream 1\n\001\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
	l=$(printf %s "$1" | wc -c)
	printf "\\$(printf %o $((l % 256)))\\$(printf %o $((l / 256)))"
	printf '\0\0\0\0\0\0%s' "$1"
}
head=$(tail -c +41 "$d/stream" | jq -c . 2> /dev/null | head -1)
[ -n "$head" ]
ok "the header is JSON"
change() { record "$(printf %s "$head" | jq -c "$1")"; }
change . > "$d/in"; garbage "a header alone" "ended early"
record '{' > "$d/in"; garbage "no JSON" "header"
record '[]' > "$d/in"; garbage "no object" "version 0"
change '.version = 2' > "$d/in"; garbage "another version" "version 2"
change '.memory = 4096' > "$d/in"; garbage "other memory" "memory"
change '.memory = -1' > "$d/in"; garbage "negative memory" "memory"
change '.disk = 9007199254740992' > "$d/in"; garbage "a huge disk" "disk"
change 'del(.vm)' > "$d/in"; garbage "no VM" "vm: is missing"
change '.vm.hypervisor = "x"' > "$d/in"; garbage "no such hypervisor" "of no instance"
change '.vm.spec.vcpus = 100000' > "$d/in"; garbage "a VM that cannot be" "vcpus"
change '.vm.hypervisor = "vmm" | .vm.digest = "sha256:../../../vmd"' \
    > "$d/in"; garbage "an image that is a path" "no digest"
change ".vm.hypervisor = \"vmm\" | .vm.digest = \"sha256:$(
    printf %064d 0)\"" > "$d/in"; garbage "an image that is not here" "pull it first"
change '.vm.spec.volumes = [{"volume_id":"abcdefghijklmnopqrstuvwx",
    "mount_path":"/x"}]' > "$d/in"; garbage "volumes" "stay where they"

# --- a receiver that lies
liar() { # liar TEXT COMMAND WORD
	va send vm sh -c "$2"
	[ $? -eq 1 ] && says "$3" && are "vm=Running" ""
	ok "$1"
}
liar "running before it may" "echo running; cat > /dev/null" "running"
liar "a greeting" "echo Welcome; cat > /dev/null" "is it vmctl receive?"
liar "a long line" "head -c 100000 /dev/zero; cat > /dev/null" "receive?"
liar "a refusal" "echo failed no room; cat > /dev/null" "no room"
va send vm sh -c "head -c $((len - 24)) > /dev/null; echo ready;
    echo failed too late; cat > /dev/null"
says "too late" && are "vm=Running" ""
ok "a refusal behind ready"
va send vm sh -c "head -c $((len - 24)) > /dev/null; echo ready;
    head -c 25 > /dev/null"
says "nobody said" && are "vm=Paused" ""
ok "the last word is missing: it is left, paused"
kill -9 "$(control "$pid_a")"
sleep 0.1
serving "$a" && are "vm=Paused" ""
ok "and no other daemon lets it run"
va unpause vm
are "vm=Running" ""
ok "its owner does"
[ "$(ids "$a")" = "$id" ]
ok "it is still the same"
echo "1..$n"
exit $bad
