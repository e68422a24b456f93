#!/bin/sh
# vz.t - vmm-vz against a double of Virtualization.framework: the whole API,
# every failure, devices, snapshots, and the sockets of its guests

BUILD=$(cd "${BUILD:-build}" && pwd)
top=$(pwd)
# With sanitizers where that is built.
vz=$BUILD/san/tests/double/vmm-vz
[ -x "$vz" ] || vz=$BUILD/tests/double/vmm-vz
[ -x "$vz" ] || { echo "1..0 # SKIP no $vz"; exit 0; }
for p in curl perl; do
	command -v "$p" >/dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
d=$(mktemp -d /tmp/vz.XXXXXX)
vm=
n=0
trap '[ -z "$vm" ] || kill "$vm" 2>/dev/null; rm -rf "$d"' EXIT
case $(uname -m) in
x86_64) arch=amd64 other=arm64 ;;
*) arch=arm64 other=amd64 ;;
esac

ok() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# wanted: $3"
		echo "# got:    $2"
	fi
}

log() { # TEXT: how often the log says it
	grep -c -- "$1" "$d/vmm.log"
}

until_log() { # TEXT: the same, once it does
	i=0
	until grep -q -- "$1" "$d/vmm.log" || [ $((i += 1)) -gt 1000 ]; do
		sleep 0.02
	done
	grep -c -- "$1" "$d/vmm.log"
}

call() { # METHOD NAME [BODY]: the body, then the status
	curl -s -m 30 --unix-socket "$d/api.sock" -w '%{http_code}' -X "$1" \
	    ${3:+-d "$3"} "http://localhost/api/v1/$2"
}

state() {
	call GET vm.info | grep -o '"state":"[A-Za-z]*"' | cut -d'"' -f4
}

vs() {
	perl "$top/tests/cli/vz_vsock.pl" "$d/vsock.sock" "$@"
}

# start [HOST]: of that kind, with a network card that looks for its frame.
start() {
	rm -f "$d/pids" "$d/vmm.log" "$d/echo"
	VZ_DOUBLE=${1:-} perl tests/start-vm.pl "$d" "$vz" -v -- \
	    net0 6~40 /usr/bin/perl -e '
		open my $s, "+<&=", 6 or die; open my $r, ">&=", 3 or die;
		open my $l, "+<&=", 4 or die;
		syswrite $r, "ok\n"; close $r;
		my $frame = join "", map chr($_ & 255), 1 .. 1000;
		for (;;) {
			my $in = "";
			syswrite $s, $frame if !-e "echo";
			vec($in, 6, 1) = 1; vec($in, 4, 1) = 1;
			next unless select($in, undef, undef, 0.05);
			if (vec($in, 4, 1)) {
				sysread $l, my $got, 10 or exit;
				syswrite $l, "rx_frames 7\n";
			}
			next if !vec($in, 6, 1);
			sysread $s, my $got, 4000;
			next if -e "echo" || $got ne $frame;
			open my $f, ">", "echo.new"; print $f "same"; close $f;
			rename "echo.new", "echo";
		}' > "$d/pids" 2> "$d/err" &
	vm=$!
	until grep -q ^vmm "$d/pids" 2>/dev/null; do
		kill -0 $vm 2>/dev/null || break
		sleep 0.02
	done
}

# finish: into $end what exit.json says; a broken rule, a leak or a crash of
# the double's or a sanitizer's too.
finish() {
	wait $vm
	status=$?
	vm=
	[ $status -eq 0 ] && end= || end="status $status "
	end=$end$(grep -E 'ERROR|runtime error|^double: [A-Z][A-Za-z]* ' \
	    "$d/vmm.log" | head -n 3; cat "$d/exit.json" 2>/dev/null)
}

minimal() { # CMDLINE [MEMBERS]: a VmConfig
	echo "{\"payload\":{\"kernel\":\"k\",\"cmdline\":\"$1\"},
	    \"cpus\":{\"boot_vcpus\":1},\"memory\":{\"size\":268435456}
	    ${2:+,$2}}"
}

echo kernel > "$d/k"
echo initrd > "$d/i"
head -c 1000 /dev/zero > "$d/disk0.img"
head -c 4096 /dev/zero > "$d/disk1.img"
head -c 4096 /dev/zero > "$d/disk2.img"
head -c 2048 /dev/zero > "$d/cd.iso"
head -c 700 /dev/zero > "$d/odd.img"
mkdir "$d/shared"

# --- hosts that cannot
for host in "absent:this host has no Virtualization.framework" \
    "unsupported:this host's processor" \
    "unsigned:the program is not signed" \
    "unentitled:the program's signature lacks the entitlement com.apple"; do
	VZ_DOUBLE=${host%%:*} "$vz" -a 9 3> "$d/report" 9< "$d/k" 2> /dev/null
	ok "host ${host%%:*}: ${host#*:}" \
	    "$(grep -c "^error ${host#*:}" "$d/report")" 1
	VZ_DOUBLE=${host%%:*} "$vz" -P 3> "$d/report"
	ok "its probe" "$(grep -o '"usable":[a-z]*' "$d/report")" \
	    '"usable":false'
done
"$vz" -P 3> "$d/report"
ok 'a probe that works' "$(tr '\n' ' ' < "$d/report")" \
    '{"event":"probe","usable":true,"accel":"vz","reason":""} {"event":"done"} '

# --- the API
start
ok 'ping names it, and what it has' "$(call GET vmm.ping |
    grep -o '"features":[^]]*')" \
    '"features":["vz","vm.resize","vm.snapshot","vm.restore"'
for c in boot pause resume shutdown reboot power-button delete resize \
    snapshot; do
	ok "$c before create" "$(call PUT vm.$c)" '["VM is not created"]404'
done
ok 'what it has not' "$(call PUT vm.nmi)" \
    '["vm.nmi: not supported by vz"]405'

refused() { # MEMBERS WHY
	ok "refused: $2" "$(call PUT vm.create "$(minimal q "$1")")" "[\"$2\"]400"
}
refused '"gdb":{"socket":"g"}' 'gdb: not supported by vz'
refused '"serial":{"mode":"Null"}' 'serial: not supported by vz'
refused '"console":{"mode":"Tty"}' 'console: mode Tty: not supported by vz'
refused '"pvpanic":true' 'pvpanic: not supported by vz'
refused '"vmmci":true' 'vmmci: not supported by vz'
refused "\"platform\":{\"arch\":\"$other\"}" \
    "platform: arch other than the host's: not supported by vz"
refused '"disks":[{"id":"d0","vhost_user":true,"vhost_socket":"s"}]' \
    'disks: vhost_user: not supported by vz'
refused '"disks":[{"id":"d0","path":"x.QCOW2"}]' \
    'd0: vz has raw disks only; \"vmctl create -i\" makes one of it'
refused '"net":[{"id":"n0","vhost_user":true,"vhost_socket":"s","mac":"02:00:00:00:00:01"}]' \
    'net: vhost_user: not supported by vz'
refused '"fs":[{"id":"f0","socket":"s","tag":"t"}]' \
    'fs: socket: not supported by vz'
refused '"vsock":{"cid":3,"socket":"s","vhost_socket":"v"}' \
    'vsock: vhost_socket: not supported by vz'
refused '"vsock":{"cid":4,"socket":"s"}' \
    'vsock: a cid that is not 3: not supported by vz'

full="{\"payload\":{\"kernel\":\"k\",\"initramfs\":\"i\",\"cmdline\":\"quiet\"},
    \"cpus\":{\"boot_vcpus\":2},\"memory\":{\"size\":268435456},
    \"disks\":[{\"id\":\"disk0\",\"path\":\"disk0.img\"},
	{\"id\":\"disk1\",\"path\":\"$d/disk1.img\",\"readonly\":true,
	\"direct\":true,\"sync\":\"none\"},
	{\"id\":\"disk2\",\"path\":\"disk2.img\",\"sync\":\"fsync\"},
	{\"id\":\"cd0\",\"path\":\"cd.iso\",\"cdrom\":true}],
    \"net\":[{\"id\":\"net0\",\"fds\":[40],\"mac\":\"52:54:00:12:34:56\"},
	{\"id\":\"net1\",\"nat\":true,\"mac\":\"52:54:00:12:34:57\"}],
    \"fs\":[{\"id\":\"fs0\",\"path\":\"shared\",\"tag\":\"src\"},
	{\"id\":\"fs1\",\"path\":\"shared\",\"readonly\":true,\"tag\":\"ro\"}],
    \"vsock\":{\"cid\":3,\"socket\":\"vsock.sock\"},
    \"console\":{\"mode\":\"Socket\",\"socket\":\"console.sock\",
	\"file\":\"console.log\"},
    \"balloon\":{\"size\":67108864},\"rng\":{\"src\":\"/dev/urandom\"},
    \"platform\":{\"arch\":\"$arch\"}}"
# A stale socket, and a port that somebody listens on before the boot.
perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un($ARGV[0]))' \
    "$d/vsock.sock"
vs serve 5555 'early' > "$d/early" & early=$!
until [ -S "$d/vsock.sock_5555" ]; do sleep 0.02; done
ok 'create' "$(call PUT vm.create "$full")" 204
ok 'boot' "$(call PUT vm.boot)" 204
ok 'it runs' "$(state)" Running
ok 'every device of each list' "$(log \
    'machine of 4 disks 2 nets 2 shares, 1 entropy')" 1
ok 'a disk is filled up to a sector' "$(log \
    'disk disk0.img cache 2 sync 1 size 1024')" 1
ok 'modes of a disk' "$(log 'disk1.img readonly cache 1 sync 3')" 1
ok 'one that trusts the drive' "$(log 'disk2.img cache 2 sync 2')" 1
ok 'a CD' "$(log 'disk cd.iso readonly')" 1
ok 'shares' "$(log 'double: share shared') $(log 'shared readonly')" '2 1'
ok 'each its address' "$(log 'mac 52:54:00:12:34:5[67]')" 2
ok 'the balloon takes its part' "$(until_log 'balloon leaves 201326592')" 1
ok 'that is said' "$(call GET vm.info | grep -o '"memory_actual[^,]*')" \
    '"memory_actual_size":201326592'
ok 'what the framework says is told' "$(call GET vm.info |
    grep -o '"machine_state":"[a-z]*","snapshots":[a-z]*')" \
    '"machine_state":"running","snapshots":true'
i=0
until [ -s "$d/echo" ] || [ $((i += 1)) -gt 500 ]; do sleep 0.02; done
ok 'frames go both ways' "$(cat "$d/echo")" same
i=0
until grep -q hello "$d/console.log" || [ $((i += 1)) -gt 500 ]; do
	sleep 0.02
done
ok 'the console is recorded' "$(cat "$d/console.log")" \
    'hello from the double'
ok 'and served, with what it said before' "$(perl -MSocket -e 'alarm 20;
    socket(S, PF_UNIX, SOCK_STREAM, 0);
    connect(S, sockaddr_un($ARGV[0])) or die;
    syswrite S, "typed\n";
    sysread S, $x, 100, length $x or die until $x =~ /typed/;
    print $x' "$d/console.sock")" 'hello from the double
typed'
id=$(cat "$d/vz-machine")

# --- sockets
ok 'connect, half-close, all that was said' "$(vs say 7 'some bytes')" \
    'OK 5007
some bytes'
ok 'nobody listens' "$(vs say 99 x)" 'ERR refused by the guest'
ok 'no port' "$(vs line 'CONNECT 1x
')" 'ERR not CONNECT <port>'
ok 'a line that is too long' "$(vs line 'CONNECT 00000000000000000')" \
    'ERR not CONNECT <port>'
ok 'a line that is cut' "$(vs line 'CONN')" 'ERR not CONNECT <port>'
ok 'the guest ends first' "$(vs hear 9 12345)" 65536
i=0
until grep -q '5 bytes' "$d/console.log" || [ $((i += 1)) -gt 500 ]; do
	sleep 0.02
done
ok 'and hears the rest' "$(grep -c '^5 bytes' "$d/console.log")" 1
ok 'the guest hangs up' "$(vs say 13)" 'OK 5013
bye'
ok 'a program that goes at once' "$(vs leave 8)" 'OK 5008'
ok '3 MiB there and back' "$(vs large 3145728)" same
ok '1,000 connections' "$(vs many 1000)" '1000 good, 0 bad'
i=0
until [ "$(call GET vm.counters | grep -o '"open":[0-9]*')" = '"open":0' ] ||
    [ $((i += 1)) -gt 500 ]; do sleep 0.02; done
ok 'none is left, and they were counted' "$(call GET vm.counters |
    grep -o '"vsock0":.*}' | cut -d} -f1)" \
    '"vsock0":{"open":0,"opened":1005,"refused":4'
ok 'those of the network card' "$(call GET vm.counters |
    grep -o '"net0":{[^}]*}')" '"net0":{"rx_frames":7}'
ok 'no descriptor is left' "$(ls "/proc/$(sed -n 's/^vmm //p' "$d/pids")/fd" |
    awk 'END { print (NR < 40) }')" 1
ok 'the guest calls: nobody there' "$(vs say 3024)" 'OK 8024
refused'
vs serve 1024 'thanks' > "$d/late" & late=$!
until [ -S "$d/vsock.sock_1024" ]; do sleep 0.02; done
ok 'the guest calls' "$(vs say 3024)" 'OK 8024
thanks'
wait $late
ok 'and was heard' "$(cat "$d/late")" ready
ok 'a port there was before' "$(vs say 7555)" 'OK 12555
early'
wait $early
ok 'a port there was not' "$(vs say 9999)" 'OK 14999
refused'

# --- states
ok 'pause' "$(call PUT vm.pause)" 204
ok 'it is paused' "$(state)" Paused
ok 'nobody is connected then' "$(vs say 7 x)" 'ERR guest is not ready'
ok 'pause again' "$(call PUT vm.pause)" '["VM is not running"]405'
snap='{"destination_url":"file:snap"}'
mkdir "$d/snap.new" && echo cut > "$d/snap.new/memory"
ok 'snapshot, over what a killed one left' "$(call PUT vm.snapshot "$snap")" 204
ok 'its files' "$(cd "$d/snap" && ls | tr '\n' ' '; ls -d "$d"/snap*)" \
    "config.json memory state.json vz-machine $d/snap"
ok 'the same again' "$(call PUT vm.snapshot "$snap")" \
    '["snap: is there already"]500'
ok 'resume' "$(call PUT vm.resume)" 204
ok 'it runs again' "$(state) $(vs say 7 x | tail -n 1)" 'Running x'
ok 'the balloon by a call' "$(call PUT vm.resize \
    '{"desired_balloon":134217728}')" 204
ok 'it was told' "$(log 'balloon leaves 134217728')" 1
ok 'reboot' "$(call PUT vm.reboot)" 204
ok 'as it was' "$(state) $(cat "$d/vz-machine")" "Running $id"
ok 'it is counted' "$(call GET vm.info | grep -o '"reboots":[0-9]*')" \
    '"reboots":1'
ok 'its sockets too' "$(vs say 7 again | tail -n 1)" again
ok 'shutdown' "$(call PUT vm.shutdown)" 204
ok 'is it' "$(state)" Shutdown
ok 'boot again' "$(call PUT vm.boot)" 204
ok 'delete' "$(call PUT vm.delete)" 204
ok 'none is there' "$(call GET vm.info)" '["VM is not created"]404'

# --- restore
echo 'identifier of another' > "$d/vz-machine"
ok 'restore' "$(call PUT vm.restore '{"source_url":"file:snap"}')" 204
ok 'with its identifier, paused' "$(state) $(cat "$d/vz-machine")" \
    "Paused $id"
ok 'resume what was restored' "$(call PUT vm.resume)" 204
ok 'it answers' "$(vs say 7 restored | tail -n 1)" restored
call PUT vm.delete > /dev/null
echo x >> "$d/snap/memory"
ok 'a memory that is not its own' "$(call PUT vm.restore \
    '{"source_url":"file:snap"}')" '["restore: Invalid argument (error 12)"]500'
echo '{"format":"vmm","version":1}' > "$d/snap/state.json"
ok 'a snapshot of another VMM' "$(call PUT vm.restore \
    '{"source_url":"file:snap"}')" \
    '["snapshot: state.json: was not made by vmm-vz"]500'
echo nonsense > "$d/vz-machine"
call PUT vm.create "$(minimal q)" > /dev/null
ok 'an identifier that is none' "$(call PUT vm.boot)" \
    '["vz-machine: is no identifier of a machine"]500'
rm "$d/vz-machine"
ok 'a boot that failed may be repeated' "$(call PUT vm.boot)" 204
ok 'vmm.shutdown' "$(call PUT vmm.shutdown)" 204
finish
ok 'the reason is left' "$end" \
    '{"code":"shut_down","reason":"shut down by request"}'

# --- failures
start
fails() { # WHAT CONFIG WHY
	call PUT vm.create "$2" > /dev/null
	ok "$1" "$(call PUT vm.boot)" "[\"$3\"]500"
	ok 'it stays created' "$(state)" Created
	call PUT vm.delete > /dev/null
}
fails 'no kernel' "$(minimal q | sed 's/"k"/"nope"/')" \
    'kernel nope: No such file or directory'
fails 'a configuration that is not valid' "$(minimal vz.invalid)" \
    'configuration: Invalid virtual machine configuration: It was told to be (error 2)'
fails 'an entitlement that the framework misses' \
    "$(minimal vz.entitlement)" 'vmm-vz is not signed with the entitlement com.apple.security.virtualization'
fails 'a start that fails' "$(minimal vz.start)" \
    'start: The virtual machine failed to start (error 1)'
fails 'no disk' "$(minimal q '"disks":[{"id":"d0","path":"nope.img"}]')" \
    'd0: nope.img: No such file or directory'
fails 'a disk that cannot be filled up' \
    "$(minimal q '"disks":[{"id":"d0","path":"odd.img","readonly":true}]')" \
    'd0: odd.img: its size is no multiple of 512 bytes, and it is not to be written'
fails 'a descriptor that is no disk' \
    "$(minimal q '"disks":[{"id":"d0","fd":99}]')" \
    'd0: descriptor 99: Bad file descriptor'
fails 'one whose file has no name' \
    "$(minimal q '"disks":[{"id":"d0","fd":5}]')" \
    'd0: descriptor 5: its file has no name'
fails 'a directory for a disk' \
    "$(minimal q '"disks":[{"id":"d0","path":"shared","readonly":true}]')" \
    'd0: shared: is no file'
fails 'a file for a share' \
    "$(minimal q '"fs":[{"id":"f0","path":"k","tag":"t"}]')" \
    'f0: k: is no directory'
fails 'no such share' \
    "$(minimal q '"fs":[{"id":"f0","path":"nope","tag":"t"}]')" \
    'f0: nope: No such file or directory'
fails 'Rosetta that is not installed' \
    "$(minimal q '"fs":[{"id":"f0","rosetta":true,"tag":"t"}]')" \
    'f0: Rosetta is not installed: \"softwareupdate --install-rosetta\" does it'
fails 'a descriptor that is none of frames' \
    "$(minimal q '"net":[{"id":"n0","fds":[5],"mac":"02:00:00:00:00:01"}]')" \
    'n0: descriptor 5: is no connected socket of datagrams'
fails 'a descriptor that is none' \
    "$(minimal q '"net":[{"id":"n0","fds":[99],"mac":"02:00:00:00:00:01"}]')" \
    'n0: descriptor 99: Bad file descriptor'
call PUT vm.create "$(minimal 'vz.pause vz.button')" > /dev/null
call PUT vm.boot > /dev/null
ok 'a pause that fails' "$(call PUT vm.pause)" \
    '["pause: It does not pause (error 1)"]500'
ok 'it runs on' "$(state)" Running
ok 'a power button that nobody hears' "$(call PUT vm.power-button)" \
    '["power button: The guest does not listen (error 3)"]500'
ok 'a balloon that is not there' "$(call PUT vm.resize \
    '{"desired_balloon":1048576}' | tail -c 3)" 400
call PUT vm.delete > /dev/null
call PUT vm.create "$(minimal 'vz.resume vz.unsaved')" > /dev/null
call PUT vm.boot > /dev/null
call PUT vm.pause > /dev/null
ok 'a resume that fails' "$(call PUT vm.resume)" \
    '["resume: It does not go on (error 1)"]500'
ok 'it stays paused' "$(state)" Paused
ok 'one that cannot be saved' "$(call PUT vm.snapshot "$snap")" \
    '["snapshots: Unsupported console device (error 11)"]500'
ok 'that is told before' "$(call GET vm.info |
    grep -o '"snapshots":.*"reboots' )" \
    '"snapshots":false,"snapshots_reason":"snapshots: Unsupported console device (error 11)","reboots'
call PUT vm.delete > /dev/null
rm -rf "$d/snap"
call PUT vm.create "$(minimal vz.save)" > /dev/null
call PUT vm.boot > /dev/null
call PUT vm.pause > /dev/null
ok 'a save that fails' "$(call PUT vm.snapshot "$snap")" \
    '["save: An internal error (error 11)"]500'
ok 'nothing of it is left' "$(ls "$d" | grep -c snap)" 0
call PUT vm.delete > /dev/null
call PUT vm.create "$(minimal q '"vsock":{"cid":3,"socket":"vsock.sock"}')" \
    > /dev/null
call PUT vm.boot > /dev/null
ok 'a network that is lost is logged' "$(vs say 1003 | head -n 1
    until_log 'a network card is disconnected: The network is gone')" \
    'OK 6003
1'
vs say 1002 > /dev/null
i=0
until [ "$(state)" = Shutdown ] || [ $((i += 1)) -gt 500 ]; do sleep 0.02; done
ok 'a state nobody knows is Shutdown' "$(state)" Shutdown
ok 'with a line in the log' "$(log 'in state 42, which is not known')" 1
ok 'and it can be ended' "$(call PUT vm.shutdown)" 204
call PUT vm.boot > /dev/null
vs say 1001 > /dev/null
finish
ok 'a machine that crashes is the end' "$end" '{"code":"hypervisor_died","reason":"machine: Internal virtualization error: The process of the guest crashed (error 1)"}'

start old
ok 'an old macOS has no snapshots' "$(call GET vmm.ping |
    grep -o '"features":[^]]*')" '"features":["vz","vm.resize"'
ok 'and says so' "$(call PUT vm.snapshot "$snap")" \
    '["vm.snapshot: not supported by vz"]405'
fails 'nor UEFI' "$(minimal q | sed 's/"kernel":"k","cmdline":"q"/"variables":"efi"/')" \
    'payload: variables: this macOS has no UEFI, 13 and later have'
call PUT vm.create "$(minimal q)" > /dev/null
call PUT vm.boot > /dev/null
ok 'a guest that switches itself off' "$(call PUT vm.power-button)" 204
finish
ok 'ends the VM' "$end" \
    '{"code":"powered_off","reason":"guest powered off"}'

start rosetta
call PUT vm.create "$(minimal q '"fs":[{"id":"f0","rosetta":true,"tag":"t"}]' |
    sed 's/"kernel":"k","cmdline":"q"/"variables":"efi"/')" > /dev/null
ok 'UEFI, and Rosetta' "$(call PUT vm.boot)" 204
ok 'new variables' "$(log 'new variables efi') $(log 'double: rosetta')" '1 1'
call PUT vm.reboot > /dev/null
ok 'the same ones again' "$(log 'double: variables efi')" 1
kill "$(sed -n 's/^net0 //p' "$d/pids")"
finish
ok 'a device that dies ends the VM' "$end" \
    '{"code":"device_died","reason":"net0: viod ended"}'
start
call PUT vm.create "$full" > /dev/null
call PUT vm.boot > /dev/null
kill "$(sed -n 's/^vmm //p' "$d/pids")"
finish
ok 'a signal ends it' "$end" \
    '{"code":"shut_down","reason":"shut down by signal 15"}'
echo "1..$n"
