# lib.sh - for tests that run real VMs on a daemon of their own
#
#	. tests/boot/lib.sh
#	start_vmd; import_hello; vmctl run -d --name a ... busybox:hello
#	ok "text" COMMAND...
#	done_testing
#
# $t is a directory of the test's own; whatever runs is ended on exit.
#
# HYPERVISOR: qemu (default), null, or vmm, which wants a KVM that is worth
# using: tests/lab/boot.t runs these tests where there is one.  $machine: which
# QEMU is wanted, if not the host's.

build=${BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
bin=$build/bin
top=$PWD

skip_all() { echo "1..0 # SKIP $*"; exit 0; }
# What should work here and does not is a failure, never a skip.
broken() { echo "not ok 1 - $*"; echo 1..1; exit 1; }
# May everybody pass through all directories above the build?  (Trying it as
# another user does not tell where capabilities survive the change.)
passable() {
	p=$build
	while [ "$p" != / ]; do
		case $(stat -c %A "$p") in
		*[xt])	p=$(dirname "$p") ;;
		*)	return 1 ;;
		esac
	done
}
HYPERVISOR=${HYPERVISOR:-qemu}
case $HYPERVISOR in
qemu)	program=vmm-qemu
	command -v "qemu-system-${machine:-$(uname -m)}" > /dev/null ||
	    skip_all "no qemu-system-${machine:-$(uname -m)}" ;;
vmm)	program=vmm ;;
null)	program=vmm-null ;;
*)	broken "HYPERVISOR=$HYPERVISOR: qemu, vmm or null" ;;
esac
for p in vmd vmd-control vmd-image vmctl viod "$program"; do
	[ -x "$bin/$p" ] || skip_all "no $bin/$p"
done
[ "$HYPERVISOR" != vmm ] || "$bin/vmm" --probe > /dev/null 2>&1 ||
    skip_all "vmm --probe: no KVM to use"
[ -f "$build/share/guest/$(uname -m)/initrd" ] || skip_all "no guest kernel (make guest)"

t=$(mktemp -d "${TMPDIR:-/tmp}/vmd-test.XXXXXX")
state=$t/state
VMCTL_HOST=unix://$t/vmd.sock
export VMCTL_HOST
vmd_pid=
n=0 bad=0

vmctl() { timeout "${LIMIT:-120}" "$bin/vmctl" "$@"; }

# start_vmd [OPTION...]: and wait until it answers.
start_vmd() {
	user=
	[ "$(id -u)" -ne 0 ] || user="-o user=root"
	# shellcheck disable=SC2086
	"$bin/vmd" -d -v -s "$state" -S "$t/vmd.sock" $user \
	    -o hypervisor="$HYPERVISOR" "$@" >> "$t/vmd.log" 2>&1 &
	vmd_pid=$!
	wait_for 30 "$bin/vmctl" version
}
# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	tries=$(($1 * 20)); shift
	until "$@" > /dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}
stop_vmd() {
	[ -z "$vmd_pid" ] || {
		kill "$vmd_pid" 2>/dev/null
		wait "$vmd_pid" 2>/dev/null
	}
	vmd_pid=
}
# The busybox image, as $t/hello.tar; it may have been made already.
make_hello() {
	[ ! -f "$build/tests/hello.tar" ] ||
	    { cp "$build/tests/hello.tar" "$t"; return; }
	"$top/scripts/busybox-image" "$t/hello.tar"
}
import_hello() {
	make_hello &&
	    vmctl image import --name busybox:hello "$t/hello.tar" > /dev/null
}
# run_hello NAME [OPTION...]: a VM of the busybox image that answers.
run_hello() {
	name=$1; shift
	vmctl run -d --name "$name" -m 192M -c 1 "$@" busybox:hello > /dev/null &&
	    vmctl wait --state Running --timeout 100s "$name" > /dev/null
}
# Process ids of VM NAME: all, or those of the program $2.
vm_pids() {
	id=$(vmctl inspect --format json "$1" | jq -r 'if type == "array"
	    then .[0].id else .id end')
	awk -v want="${2:-}" 'want == "" || $1 == want { print $2 }' \
	    "$state/vms/$id/pids"
}

# Whatever of ours still runs below $t.
leftovers() {
	for p in /proc/[0-9]*; do
		[ "${p#/proc/}" != "$$" ] || continue
		case $(readlink "$p/cwd" 2>/dev/null) in
		"$t"/state*) echo "${p#/proc/} $(tr '\0' ' ' < "$p/cmdline")" ;;
		esac
	done
}
kill_leftovers() {
	leftovers | while read -r p _; do kill -9 "$p" 2>/dev/null; done
}
# A test that has more to end than VMs defines this again.
at_end() { :; }
finish() {
	rc=$?
	trap - EXIT INT TERM HUP
	[ $rc -eq 0 ] && [ $bad -eq 0 ] || {
		[ ! -s "$t/vmd.log" ] || tail -n 40 "$t/vmd.log" | sed 's/^/# vmd: /'
		for f in "$state"/vms/*/*.log; do
			[ ! -s "$f" ] || {
				echo "# $f"
				tail -n 12 "$f" | tr -d '\r' | sed 's/^/# /'
			}
		done
	} >&2
	[ -z "$vmd_pid" ] || timeout 60 "$bin/vmctl" rm -f -a > /dev/null 2>&1
	stop_vmd
	kill_leftovers
	at_end
	[ -n "${KEEP:-}" ] || rm -rf "$t"
	exit $rc
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# ok TEXT COMMAND...: passes when the command succeeds; its output explains.
ok() {
	n=$((n + 1)) rc=0 text=$1; shift
	"$@" > "$t/ok.out" 2>&1 || rc=$?
	if [ $rc -eq 0 ]; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		echo "# status $rc of: $*"
		tail -n 20 "$t/ok.out" | sed 's/^/# /'
		bad=1
	fi
}
# is TEXT WANTED GOT
is() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf 'wanted: %s\ngot: %s\n' "$2" "$3" | sed 's/^/# /'
		bad=1
	fi
}
# has TEXT PATTERN GOT: GOT holds what the shell pattern says.
has() {
	n=$((n + 1))
	# shellcheck disable=SC2254
	case $3 in
	*$2*)	echo "ok $n - $1" ;;
	*)	echo "not ok $n - $1"
		printf 'wanted: *%s*\ngot: %s\n' "$2" "$3" | sed 's/^/# /'
		bad=1 ;;
	esac
}
done_testing() {
	echo "1..$n"
	exit $bad
}
