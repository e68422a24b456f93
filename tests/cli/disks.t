#!/bin/sh
# disks.t: disks and kernels of vm.conf, on the null hypervisor, with real
# device processes: which files are opened, by whom, in which order; locks;
# reload, load, adoption, restarts; what is refused.
cd "$(dirname "$0")/../.." || exit 1
name=disks
. tests/cli/conf.sh
opts="-o cpu_ratio=100 -o memory_ratio=10 -o disk_ratio=100 -o hypervisor=null"
[ "$(id -u)" -ne 0 ] || user="-o user=root"

start() {
	# shellcheck disable=SC2086
	"$bin/vmd" -d -f "$conf" -s "$d/state" -S "$sock" $opts $user \
	    2>> "$d/log" &
	pid=$!
	until_true serves
}
state() { "$bin/vmctl" status "$1" | awk 'NR > 1 { print $8 }'; }
is_state() { [ "$(state "$1")" = "$2" ]; }
become() { # TEXT VM STATE: it becomes so
	until_true is_state "$2" "$3"
	is "$1" "$3" "$(state "$2")"
}
vmctl() { # its messages without file names
	"$bin/vmctl" "$@" 2>&1 | sed "s|$d/||g"
}
id_of() { "$bin/vmctl" inspect "$1" | jq -r '.[0].id'; }
procs() { # of a VM, by name
	cut -d' ' -f1 "$d/state/vms/$(id_of "$1")/pids" | sort | xargs
}
words() { # VM DEVICE: the format and the files of its command line
	dev=$(awk -v n="$2" '$1 == n { print $2 }' \
	    "$d/state/vms/$(id_of "$1")/pids")
	tr '\0' '\n' < "/proc/$dev/cmdline" | awk '
	    a == "-d" || a == "-B" { fd = $0; sub(".*:", "", fd)
		f = $0; sub(":?[0-9]+$", "", f); print (f == "" ? "-" : f), fd }
	    a == "-f" { print "format", $0 }
	    { a = $0 }' | while read -r what fd; do
		case $what in
		format) printf '%s ' "$fd" ;;
		*) printf '%s ' "$(readlink "/proc/$dev/fd/$fd")" ;;
		esac
	done | sed "s|$d/||g; s/ \$//"
}

"$bin/vmctl" create -s 16M "$d/a.img" 2> /dev/null
"$bin/vmctl" create -s 16M "$d/base.qcow2" 2> /dev/null
(cd "$d" && "$bin/vmctl" create -b base.qcow2 top.qcow2) 2> /dev/null
: > "$d/kernel"
truncate -s 1M "$d/cd.iso"

cat > "$conf" << 'END'
vm a {
	kernel "kernel"
	disk "a.img"
	disk "top.qcow2" format qcow2
	limit disk 10MB/s
}
vm same { kernel "kernel", disk "a.img", disable }
vm gone { boot "kernel", disk "none.img", disable }
vm other { kernel "kernel", disk "a.img" format qcow2, disable }
vm bare { memory 64M, disable }
vm bios {
	disk "top.qcow2"
	cdrom "cd.iso"
	firmware "kernel"
	boot device cdrom
	disable
}
END
start
become "a VM of disks is started" a running
is "a process for each disk, in their order" "disk0 disk1 vmm" "$(procs a)"
is "a raw image" "raw a.img" "$(words a disk0 | sed 's/^\(.*\) raw$/raw \1/')"
is "a qcow2 image and its base" "qcow2 top.qcow2 base.qcow2" \
    "$(words a disk1 | awk '{ print $2, $1, $3 }')"
is "the VMM's devices" "disk0 disk1" \
    "$(jq -r '.disks[].id' "$d/state/vms/$(id_of a)/config.json" | xargs)"
is "what the API says" "a.img top.qcow2:qcow2 kernel" "$("$bin/vmctl" \
    inspect a | jq -r '.[0] | [(.disks[] | .path + (if .format then ":" +
    .format else "" end)), .kernel] | join(" ")' | sed "s|$d/||g")"
is "an image that is used" "vmctl: start vm command failed: disk0: the image \
is in use" "$(vmctl start same)"
is "one that is not there" "vmctl: start vm command failed: could not open \
disk image(s): none.img: No such file or directory" "$(vmctl start gone)"
is "one that is of another format" "1" \
    "$(vmctl start other | grep -c 'disk image(s): a.img: ')"
is "nothing boots it" "vmctl: start vm command failed: cannot start instance \
bare: image: there is none, nor a kernel, a disk or a cdrom to boot" \
    "$(vmctl start bare)"

# Firmware: what it boots from is the VMM's to be told.
"$bin/vmctl" stop -w a 2> /dev/null
is "firmware, with a CD drive" "vmctl: started vm $("$bin/vmctl" inspect bios |
    jq '.[0].number') successfully" "$(vmctl start bios)"
is "has a process for the drive" "cdrom0 disk0 vmm" "$(procs bios)"
is "the drive reads the image" "cd.iso" "$(words bios cdrom0)"
is "and what the VMM is told of it" "disk0 cdrom0:true" "$(jq -r '.disks[] |
    .id + (if .cdrom then ":true" else "" end)' \
    "$d/state/vms/$(id_of bios)/config.json" | xargs)"
is "another device for one start" "" "$("$bin/vmctl" stop -w bios 2> /dev/null
    vmctl start -B disk bios | grep -v started)"
is "not of a kernel" "vmctl: start vm command failed: boot_device: goes \
without an image and a kernel" "$(vmctl start -B disk a)"
"$bin/vmctl" stop -w bios 2> /dev/null
"$bin/vmctl" start a 2> /dev/null

# What a snapshot does not hold.
is "no standby" "1" "$(vmctl standby a 2>&1 |
    grep -c 'is a file of the host, which no snapshot holds')"
is "no snapshot" "1" "$(vmctl snapshot create a 2>&1 |
    grep -c 'is a file of the host, which no snapshot holds')"
is "nobody to execute" "1" "$(vmctl exec a true 2>&1 |
    grep -c "was not made of an image: no agent of vmd's is in it")"

# Pause, stop, start.
is "pause and unpause" "paused running" "$("$bin/vmctl" pause a 2> /dev/null
    echo "$(state a)" "$("$bin/vmctl" unpause a 2> /dev/null; state a)")"
is "stop" "stopped powered off" "$("$bin/vmctl" stop -w a 2> /dev/null
    echo "$(state a) $("$bin/vmctl" inspect a |
    jq -r '.[0].exit_reason' | sed 's/^guest //')")"
is "the image is free" "vmctl: started vm 2 successfully" \
    "$(vmctl start same)"
"$bin/vmctl" stop -w same 2> /dev/null
is "and start" "vmctl: started vm 1 successfully" "$(vmctl start a)"

# vmd's death, and its children's.
row() { "$bin/vmctl" status a | awk 'NR > 1 { print $2, $8 }'; }
before=$(row)
kill -9 $pid
wait $pid 2> /dev/null
start
is "killed: the VM is adopted" "$before" "$(row)"
"$bin/vmctl" stop -w a 2> /dev/null
is "and starts again" "vmctl: started vm 1 successfully" "$(vmctl start a)"

# Reload.
sed -e 's/disk "top.qcow2" format qcow2/restart always/' "$conf" > "$d/new"
mv "$d/new" "$conf"
is "reload names what differs" "a: is Running; from its next start: disk, \
restart" "$(vmctl reload)"
is "what runs keeps its disks" "disk0 disk1 vmm" "$(procs a)"
"$bin/vmctl" stop -w a 2> /dev/null
"$bin/vmctl" start a 2> /dev/null
is "until then" "disk0 vmm" "$(procs a)"
old=$("$bin/vmctl" status a | awk 'NR > 1 { print $2 }')
kill -9 "$old"
restarted() {
	new=$("$bin/vmctl" status a | awk 'NR > 1 { print $2 }')
	[ "$new" != "$old" ] && [ "$new" != - ] && [ -n "$new" ]
}
until_true restarted
become "restart policy" a running
sed -e 's/disk "a.img"/disk "top.qcow2"/' "$conf" > "$d/new"
cp "$conf" "$d/old"
cp "$d/new" "$conf"
echo 'vm bad { nonsense }' >> "$conf"
vmctl reload > /dev/null
is "a file with an error gives no right to its files" "vm a
disk any a.img" "$(grep -A 3 '^vm a' "$d/state/vm.conf.files" |
    grep -v '^uid\|^kernel\|^vm same' | sed "s|$d/||g")"
cp "$d/old" "$conf"

# Files that another than vmd wrote are not believed.
"$bin/vmctl" stop -w a 2> /dev/null
chmod 644 "$d/state/vm.conf.files"
is "a record of somebody else's" "vmctl: start vm command failed: VM a: the \
vm.conf.files file is not vmd's own" "$(vmctl start a)"
chmod 600 "$d/state/vm.conf.files"

# Others than vm.conf's.
echo "vm b { kernel \"kernel\", disk \"a.img\" }" > "$d/more.conf"
is "load" "b: added" "$(vmctl load "$d/more.conf")"
become "and it starts" b running
is "with its files" "disk0 vmm" "$(procs b)"
"$bin/vmctl" stop -w b 2> /dev/null
is "again" "vmctl: started vm $("$bin/vmctl" inspect b |
    jq '.[0].number') successfully" "$(vmctl start b)"
"$bin/vmctl" rm -f b > /dev/null
post() { # BODY
	curl -s --unix-socket "$sock" -H 'Content-Type: application/json' \
	    -d "$1" http://vmd/instances
}
is "by the API" "Running" "$(post "{\"name\":\"c\",\"kernel\":\
\"$d/kernel\",\"disks\":[{\"path\":\"$d/top.qcow2\"}]}" | jq -r .state)"
is "the format by its name" "disk0 vmm" "$(procs c)"
is "qcow2" "qcow2" "$(words c disk0 | awk '{ print $2 }')"
"$bin/vmctl" rm -f c > /dev/null
is "nothing to boot" "image: is missing" \
    "$(post '{"name":"c","size":"64MB"}' | jq -r .message)"
is "a boot device of a kernel's" "boot_device: goes without an image and a \
kernel" "$(post "{\"name\":\"c\",\"kernel\":\"$d/kernel\",\"boot_device\":\
\"disk\"}" | jq -r .message)"
is "but the net" "Running net" "$(post "{\"name\":\"c\",\"kernel\":\
\"$d/kernel\",\"boot_device\":\"net\"}" | jq -r '.state + " " +
    .boot_device')"
"$bin/vmctl" rm -f c > /dev/null
is "a file of the network's without one" "netboot: goes with a card of the \
user network, and without an image" "$(post "{\"name\":\"c\",\"netboot\":\
\"$d/kernel\",\"boot_device\":\"net\",\"network\":{\"enabled\":false}}" |
    jq -r .message)"
is "with one" "$d/kernel" "$(post "{\"name\":\"c\",\"netboot\":\
\"$d/kernel\",\"boot_device\":\"net\"}" | jq -r .netboot)"
is "is recorded" "netboot any kernel" "$(sed -n "s|$d/||; /^netboot/p" \
    "$d/state/vms/$(id_of c)/files")"
"$bin/vmctl" rm -f c > /dev/null
is "firmware's" "cmdline: goes with a kernel" "$(post "{\"name\":\"c\",\
\"cmdline\":\"x\",\"disks\":[{\"path\":\"$d/a.img\"}]}" |
    jq -r .message)"
is "not a path" "disks[0]: path: \"a.img\" is not an absolute path" \
    "$(post "{\"name\":\"c\",\"kernel\":\"$d/kernel\",\"disks\":\
[{\"path\":\"a.img\"}]}" | jq -r .message)"
is "no such format" "disks[0]: format: \"vmdk\" is neither raw nor qcow2" \
    "$(post "{\"name\":\"c\",\"kernel\":\"$d/kernel\",\"disks\":\
[{\"path\":\"/a\",\"format\":\"vmdk\"}]}" | jq -r .message)"
is "what only an image has" "env: goes with an image, and there is none" \
    "$(post "{\"name\":\"c\",\"kernel\":\"$d/kernel\",\"env\":{\"A\":\"b\"}}" |
    jq -r .message)"

# As root: with the owner's rights, and each VM by a user of its own.
if [ "$(id -u)" -eq 0 ] && id nobody > /dev/null 2>&1 && id games > /dev/null 2>&1
then
	"$bin/vmctl" rm -af > /dev/null 2>&1
	kill $pid; wait $pid 2> /dev/null
	chmod 666 "$d/base.qcow2"
	chmod 600 "$d/a.img"
	chown games "$d/top.qcow2"
	cp "$d/top.qcow2" "$d/secret.qcow2"
	chown games "$d/secret.qcow2"
	cat > "$conf" << 'END'
vm own { kernel "kernel", disk "top.qcow2", owner games, disable }
vm theirs { kernel "kernel", disk "a.img", owner games, disable }
vm below { kernel "kernel", disk "secret.qcow2", owner games, disable }
vm roots { kernel "kernel", disk "a.img", disable }
END
	rm -rf "$d/state"
	user="-o user=nobody"
	start
	until_true sh -c "'$bin/vmctl' status | grep -q roots"
	is "an owner's disk" "vmctl: started vm 1 successfully" \
	    "$(vmctl start own)"
	dev=$(awk '$1 == "disk0" { print $2 }' \
	    "$d/state/vms/$(id_of own)/pids")
	uid=$(awk '/^Uid:/ { print $2 }' "/proc/$dev/status")
	is "its process is neither root's nor the owner's" "1" \
	    "$([ "$uid" -ge 1900000000 ] && echo 1)"
	is "a disk of root's in an owner's VM" "vmctl: start vm command \
failed: could not open disk image(s): a.img: Permission denied" \
	    "$(vmctl start theirs)"
	"$bin/vmctl" stop -w own 2> /dev/null
	chmod 600 "$d/base.qcow2"
	is "a base of root's below it" "vmctl: start vm command failed: could \
not open disk image(s): secret.qcow2: backing file: base.qcow2: Permission \
denied" "$(vmctl start below)"
	is "root's own" "vmctl: started vm 4 successfully" \
	    "$(vmctl start roots)"
else
	echo "# as root: owners"
fi
echo "1..$n"
exit $bad
