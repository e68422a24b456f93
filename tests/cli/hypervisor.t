#!/bin/sh
# hypervisor.t: which hypervisor auto takes, and what is said of the others.
# The VMMs of this test only answer what they are asked: vmm -P, vmm-qemu -P.
cd "$(dirname "$0")/../.." || exit 1
name=hypervisor
. tests/cli/api.sh
lib=$d/lib
user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"

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
	serving
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
