#!/bin/sh
# hypervisor.t: which hypervisor auto takes, and what is said of the others.
# The VMMs of this test only answer what they are asked: vmm -P, vmm-qemu -P.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
bin=$PWD/$build/bin
case $build in /*) bin=$build/bin ;; esac
for p in "$bin/vmd" "$bin/vmd-control" "$bin/vmctl"; do
	[ -x "$p" ] || { echo "1..0 # SKIP no $p"; exit 0; }
done
for p in curl jq; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-hypervisor.XXXXXX")
sock=$d/sock
lib=$d/lib
user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"
pid=
cleanup() {
	[ -z "$pid" ] || kill "$pid" 2> /dev/null
	wait 2> /dev/null
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

n=0 bad=0
ok() {
	rc=$?
	n=$((n + 1))
	[ $rc -eq 0 ] && echo "ok $n - $1" || {
		echo "not ok $n - $1"
		sed 's/^/# /' "$d/body"
		echo
		bad=1
	}
}
api() {
	status=$(curl -s -g -m 60 --unix-socket "$sock" -X "$1" \
	    -o "$d/body" -w '%{http_code}' ${3+-d "$3"} "http://vmd$2")
}
is() { [ "$status" = "$1" ] && jq -e "$2" "$d/body" > /dev/null; }

# with NAME COMMANDS: the program NAME is this shell script
with() {
	rm -f "$lib/$1"
	printf '#!/bin/sh\n%s\n' "$2" > "$lib/$1"
	chmod 755 "$lib/$1"
}
says='echo "{\"event\":\"probe\",\"usable\":USABLE,\"accel\":\"kvm\",'\
'\"reason\":\"REASON\"HINT}" >&3; echo "{\"event\":\"done\"}" >&3'
# says USABLE REASON [HINT]: a probe's answer
says() {
	echo "$says" | sed "s/USABLE/$1/; s/REASON/$2/; s/HINT/${3:+,\\\\\"hint\\\\\":\\\\\"$3\\\\\"}/"
}
start() { # start [OPTION]...
	# shellcheck disable=SC2086
	"$bin/vmd" -d -s "$d/state" -S "$sock" -o "libexec=$lib" $user "$@" \
	    2>> "$d/log" &
	pid=$!
	i=0
	until curl -sf --unix-socket "$sock" http://vmd/health > /dev/null; do
		i=$((i + 1))
		[ $i -lt 200 ] && kill -0 $pid 2> /dev/null || return 1
		sleep 0.05
	done
}
stop() {
	kill "$pid"
	wait "$pid"
	pid=
}
runtime() { # runtime NAME FILTER: of the last capabilities
	is 200 ".runtimes[] | select(.name == \"$1\") | $2"
}
default() { is 200 ".default_runtime.name == \"$1\""; }

mkdir "$lib"
for p in viod vmd-control vmd-image vmm-null; do
	ln -s "$bin/$p" "$lib/$p"
done

with vmm "$(says true '' 'creating a VM waits 11 ms')"
with vmm-qemu "$(says true '')"
start
api GET /capabilities
default vmm
ok "auto takes vmm where it works"
runtime vmm '.available and (.reason | contains("chosen by auto") and
    contains("creating a VM waits 11 ms"))'
ok "with what would make it faster"
runtime qemu '.available and (.reason | contains("when it is named"))'
ok "qemu is there for who names it"
"$bin/vmctl" -H "unix://$sock" capabilities > "$d/body" 2>&1
grep -q '^vmm  *\* *yes' "$d/body"
ok "vmctl capabilities marks it"
stop

start -o accel=tcg
api GET /capabilities
default qemu
ok "accel=tcg is for qemu"
stop
start -o hypervisor=qemu
api GET /capabilities
default qemu
ok "vmd -o hypervisor"
stop

with vmm "$(says false 'guests are interpreted')"
start
api GET /capabilities
default qemu
ok "auto takes qemu where vmm does not work"
runtime vmm '.available == false and .reason == "guests are interpreted"'
ok "and says why"
api POST /instances '{"name":"a","image":"x","hypervisor":"vmm"}'
is 503 '.code == "dependency_missing" and
    (.message | contains("guests are interpreted"))'
ok "vmm by name is refused with the reason, before anything is pulled"
api POST /instances '{"name":"a","image":"x","hypervisor":"vmm",
    "platform":"linux/arm64"}'
is 503 '.message | contains("architecture")'
ok "nor does it run other architectures"
stop

with vmm "if [ -e '$d/asked' ]; then $(says true ''); else : > '$d/asked'
    $(says false 'busy' | sed 's/\\"hint/&/; s/}" >&3/,\\"again\\":true}" >\&3/')
fi"
start
api GET /capabilities
default vmm
ok "one that could not tell is asked again"
stop

with vmm 'kill -9 $$'
with vmm-qemu "$(says false 'no qemu-system-x86_64')"
start
api GET /capabilities
runtime vmm '.available == false and (.reason | contains("signal 9"))'
ok "a probe that dies is no hypervisor"
is 200 '.default_runtime.available == false'
ok "none is left"
api POST /instances '{"name":"a","image":"x"}'
is 503 '.code == "dependency_missing" and
    (.message | contains("signal 9") and contains("no qemu-system"))'
ok "each reason is in the refusal"
stop

echo "1..$n"
exit $bad
