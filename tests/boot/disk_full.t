#!/bin/sh
# disk_full.t: the file system of the state is full.  What asks for room is
# told so and leaves nothing half-made, a guest gets I/O errors, and nothing
# else ends; with room again all goes on.
. tests/cli/oci.sh
. tests/boot/lib.sh
[ "$(id -u)" = 0 ] || skip_all "not root: no file system to fill"
for p in docker-registry skopeo zstd; do
	command -v $p > /dev/null || skip_all "no $p"
done
tmp=$t
small=$t/small
mkdir "$small"
mount -t tmpfs -o size=1G,mode=755 none "$small" 2> /dev/null ||
    skip_all "tmpfs cannot be mounted"
state=$small/state
registry=
at_end() {
	[ -z "$registry" ] || kill "$registry"
	umount -l "$small"
}

# left KIB: so much is left, as tmpfs counts; 1G again with room.
left() {
	used=$(df -k --output=used "$small" | tail -n 1)
	mount -o "remount,size=$((used + $1))k" "$small"
}
room() { mount -o remount,size=1G "$small"; }
# fails TEXT STATUS COMMAND...: with it, and because there is no room.
fails() {
	text=$1 status=$2; shift 2
	"$@" > "$t/out" 2> "$t/err"
	is "$text fails" "$status" $?
	ok "and says why" grep -q 'o space left\|disk is full' "$t/err"
	ok "vmd is the same" kill -0 "$vmd_pid"
}
nothing_made() {
	ok "nothing is left of it" sh -c "cd '$state/images' &&
	    [ -z \"\$(ls tmp blobs/sha256 | grep -v :)\" ]"
}

# --- import, pull: more than the reserve of 128 MB --------------------------

mkdir "$t/l"
head -c 140M /dev/urandom > "$t/l/big"
tar -C "$t/l" -cf "$t/l.tar" big
lay=$t/layout arch=$(host_arch)
oci_init "$lay"
m=$(oci_manifest "$lay" "$arch" '{"Cmd":["x"]}' "zstd:$t/l.tar")
oci_name "$lay" big:1 "$m" "$arch"
tar -C "$lay" -cf "$t/big.tar" .
printf '%s\n' "version: 0.1" \
    "storage: {filesystem: {rootdirectory: $t/registry}}" \
    "http: {addr: '127.0.0.1:0'}" > "$t/registry.yml"
docker-registry serve "$t/registry.yml" > "$t/registry.log" 2>&1 &
registry=$!
wait_for 20 grep -q 'listening on 127' "$t/registry.log"
ref=$(sed -n 's/.*listening on \(127.0.0.1:[0-9]*\).*/\1/p' \
    "$t/registry.log" | head -n 1)/t/big:1
ok "a registry" skopeo copy -q --insecure-policy --dest-tls-verify=false \
    "oci:$lay:big:1" "docker://$ref"

start_vmd -o disk_ratio=100 || broken "vmd starts"
left 135000
fails "an import" 1 vmctl image import "$t/big.tar"
nothing_made
is "it is not listed" "" "$(vmctl images -q)"
fails "a pull" 1 vmctl pull "$ref"
nothing_made
is "it is listed as failed" failed \
    "$(vmctl images --format json | jq -r .status)"
left 200000
fails "a pull whose root image has no room" 1 vmctl pull "$ref"
room
ok "with room the same pull works" vmctl pull "$ref"
ok "and is removed" vmctl rmi "$ref"
ok "with room the same import works" vmctl image import "$t/big.tar"
ok "and is removed" vmctl rmi big:1
import_hello

# --- run --------------------------------------------------------------------

left 8
fails "a run" 125 vmctl run -d --name no -m 192M -c 1 busybox:hello
is "it is not listed" "" "$(vmctl ps -aq)"
is "it has no directory" "" "$(ls "$state/vms")"
room

# --- while it runs ----------------------------------------------------------

ok "with room a VM runs" run_hello a
pids=$(vm_pids a)
left 64
# Not much of it: a slow guest's journal may be the first to fail, and then
# its kernel complains about every page.
vmctl exec -u 0 a dd if=/dev/zero of=/big bs=1M count=4 conv=fsync \
    > "$t/out" 2>&1
is "a guest that writes gets an error" 1 $?
ok "of its disk" grep -q "Input/output error\|Read-only file system" "$t/out"
ok "and goes on" vmctl exec a true
is "its processes are the same" "$pids" "$(vm_pids a)"
# shellcheck disable=SC2086
ok "all of them live" kill -0 $pids
is "it is running" Running "$(vmctl ps --format json | jq -r .state)"
ok "vmd is the same" kill -0 "$vmd_pid"
room
ok "with room it stops" vmctl stop -w a
ok "and starts again" vmctl start -w a
ok "and writes" vmctl exec -u 0 a dd if=/dev/zero of=/big bs=1M count=8 \
    conv=fsync

# What ends while nothing can be recorded is known afterwards.
left 0
vmctl stop -w a > "$t/out" 2>&1
ok "vmd is the same" kill -0 "$vmd_pid"
room
ok "with room it answers" wait_for 60 "$bin/vmctl" status
is "and knows the VM" a "$(vmctl ps -a --format json | jq -r .name)"
ok "which goes" vmctl rm -f a
is "and nothing is left" "" "$(leftovers)"
done_testing
