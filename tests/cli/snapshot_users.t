#!/bin/sh
# snapshot_users.t: snapshots and forks where each VM has a user of its own:
# who owns the files, who reads them, and who does not.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP not root"; exit 0; }
command -v setpriv > /dev/null || { echo "1..0 # SKIP no setpriv"; exit 0; }
id nobody > /dev/null 2>&1 || { echo "1..0 # SKIP no user nobody"; exit 0; }
name=snapusers
. tests/cli/api.sh
chmod 755 "$d"
mkdir -m 755 "$d/bin"
for p in vmd vmd-control vmm-null vmm vmm-qemu viod vmd-image; do
	cp "$build/bin/$p" "$d/bin/" ||
	    { echo "1..0 # SKIP no $build/bin/$p"; exit 0; }
done
setpriv --reuid nobody --clear-groups "$d/bin/vmd" -n -s /nonexistent \
    > /dev/null 2>&1
[ $? -ne 126 ] && [ $? -ne 127 ] ||
    { echo "1..0 # SKIP other users may not enter $d"; exit 0; }

vm() { curl -s --unix-socket "$sock" "http://vmd/instances/$1" | jq -r .id; }

"$d/bin/vmd" -d -s "$d/state" -S "$sock" -o user=nobody \
    -o uid_base=1910000000 2> "$d/log" &
pid=$!
serving
api POST /instances '{"name":"a","image":"none","hypervisor":"null",
    "size":"64MB"}'
is 201 '.state == "Running"'
ok "a VM"
api POST /instances/a/standby ; is 200 '.state == "Standby"'
ok "standby"
a=$d/state/vms/$(vm a)
api POST /instances/a/fork '{"name":"b"}' ; is 201 '.state == "Standby"'
ok "its fork"
b=$d/state/vms/$(vm b)
[ "$(stat -c %u "$a")" != "$(stat -c %u "$b")" ]
ok "they have different users"
[ "$(stat -c %i:%u "$b/standby/state.json")" = \
    "$(stat -c %i "$a/standby/state.json"):$(stat -c %u "$a")" ]
ok "and one file, which is the first one's"
setpriv --reuid "$(stat -c %u "$b")" --regid "$(stat -c %u "$b")" \
    --clear-groups cat "$b/standby/state.json" > /dev/null 2>&1
[ $? -ne 0 ]
ok "which the other may not read"
api POST /instances/b/restore ; is 200 '.state == "Running"'
ok "until vmd shows it to him at its restore"
! setpriv --reuid "$(stat -c %u "$b")" --regid "$(stat -c %u "$b")" \
    --clear-groups cat "$a/standby/state.json" > /dev/null 2>&1
ok "still not by the way of the other's directory"
api POST /instances/b/snapshots '{"kind":"Standby"}' ; is 201 '.size_bytes > 0'
ok "a snapshot of one that runs"
s=$(jq -r .id "$d/body")
! setpriv --reuid "$(stat -c %u "$b")" --regid "$(stat -c %u "$b")" \
    --clear-groups ls "$d/state/snapshots/$s" > /dev/null 2>&1
ok "is out of its reach"
api POST "/snapshots/$s/fork" '{"name":"c"}' ; is 201 '.state == "Running"'
ok "and becomes another"
i=0
until [ -s "$d/state/snapshots/$s/memory/working-set" ]; do
	i=$((i + 1))
	[ $i -lt 600 ] || break
	sleep 0.05
done
api POST "/snapshots/$s/fork" '{"name":"e"}' ; is 201 '.state == "Running"'
ok "whose working set is kept"
curl -s --unix-socket "$d/state/vms/$(vm e)/api.sock" -o "$d/body" \
    http://vmm/api/v1/vm.info
jq -e '[.. | .prefetched? | select(. != null)] == [true]' "$d/body" \
    > /dev/null
ok "and read by the user of the next one"
api POST /instances/a/restore ; is 200 '.state == "Running"'
ok "the first goes on"
# A link where the memory should be leads nowhere.
api POST /instances/a/standby
rm "$a/standby/state.json"
echo secret > "$d/secret"
chmod 600 "$d/secret"
ln -s "$d/secret" "$a/standby/state.json"
api POST /instances/a/restore
[ "$status" -ge 400 ] && [ "$(stat -c %a "$d/secret")" = 600 ]
ok "a link in its place is not followed"
api GET /instances/a ; is 200 '.state == "Standby"'
ok "and changes nothing"

echo "1..$n"
exit $bad
