#!/bin/sh
# vmctl_start.t: OpenBSD's options of start: what is asked for, every message.
. tests/cli/vmctl.sh
command -v jq > /dev/null || { echo "1..0 # SKIP no jq"; exit 0; }

db_id=/instances/dbdbdbdbdbdbdbdbdbdbdbdb
begin
route "GET /instances/db 200 $db_stopped"
route "GET /instances 200 [$db_stopped]"
route "POST $db_id/start 200 {$db,\"state\":\"Initializing\"}"
route "POST /instances 201 {$db,\"state\":\"Running\"}"
serve
: > "$dir/a.img"
: > "$dir/bsd"
mkdir "$dir/directory"
here=$(realpath "$dir")

one() { # TEXT OPTION...: start of a new VM; the body is compared with stdin
	text=$1; shift
	t "$text" 0 "$vmctl" start "$@" new
	sed -n 's/^POST \/instances //p' "$dir/log" | jq -Sc . |
	    sed "s|$here/||g" > "$dir/body"
	same "$text: the request" "$dir/body"
}
bad() { # MESSAGE OPTION...
	message=$1; shift
	t "start $*" 1 "$vmctl" start "$@" new
	printf 'vmctl: %s\n' "$message" > "$dir/want"
	tail -n 1 "$dir/err" | sed "s|$dir/||g" | cmp -s - "$dir/want"
	check "says: $message" $?
	grep -q '^POST' "$dir/log"
	check "and asks for nothing" $((! $?))
}

one "a disk" -d "$dir/a.img" <<'E'
{"auto_remove":true,"disks":[{"path":"a.img"}],"name":"new","network":{"enabled":false},"size":"512M","vcpus":1}
E
err "with a warning" <<'E'
vmctl: starting without network interfaces
vmctl: started vm 2 successfully
E
one "everything" -b "$dir/bsd" -d "raw:$dir/a.img" -d "qcow2:$dir/bsd" -m 1G \
    -p 4 -i 4 -L -n uplink -L <<'E'
{"auto_remove":true,"disks":[{"format":"raw","path":"a.img"},{"format":"qcow2","path":"bsd"}],"interfaces":[{"local":true},{"local":true},{"switch":"uplink"}],"kernel":"bsd","name":"new","network":{"enabled":true},"size":"1073741824","vcpus":4}
E
err "and nothing to warn of" <<'E'
vmctl: started vm 2 successfully
E
one "a CD" -B cdrom -r "$dir/a.img" -i 0 <<'E'
{"auto_remove":true,"boot_device":"cdrom","cdrom":"a.img","name":"new","network":{"enabled":false},"size":"512M","vcpus":1}
E
err "without disks" <<'E'
vmctl: starting without disks
vmctl: started vm 2 successfully
E
one "an instance" -t base -d "$dir/a.img" <<'E'
{"auto_remove":true,"disks":[{"path":"a.img"}],"name":"new","template":"base"}
E
one "memory in bytes" -b "$dir/bsd" -m 1048577 -L <<'E'
{"auto_remove":true,"interfaces":[{"local":true}],"kernel":"bsd","name":"new","network":{"enabled":false},"size":"1048576","vcpus":1}
E
err "is rounded" <<'E'
vmctl: starting without disks
vmctl: memory size rounded to 1 megabytes
vmctl: started vm 2 successfully
E

bad "no kernel or disk/cdrom specified" -m 512M
bad "unknown boot device tape" -d "$dir/a.img" -B tape
bad "boot device specified multiple times" -B disk -B net
bad "boot image specified multiple times" -b a -b b
bad "iso image specified multiple times" -r a -r b
bad "memory specified multiple times" -m 1G -m 2G
bad "interfaces specified multiple times" -i 1 -i 2
bad "cpus specified multiple times" -p 1 -p 2
bad "too many disks" -d a -d b -d c -d d -d e
bad "cpu count is too large: 65" -d "$dir/a.img" -p 65
bad "invalid cpu count: 0" -d "$dir/a.img" -p 0
bad "invalid memory size: much" -d "$dir/a.img" -m much
bad "memory size must be at least 1MB" -d "$dir/a.img" -m 1048575
bad "invalid interface count: few" -d "$dir/a.img" -i few
bad "too many network interfaces" -d "$dir/a.img" -i 5
bad "too many network interfaces" -d "$dir/a.img" -L -L -L -n a -n b
bad "invalid disk path: No such file or directory" -d "$dir/none"
bad "invalid boot image path: No such file or directory" -b "$dir/none"
bad "invalid iso image path: No such file or directory" -r "$dir/none"
bad "specified iso image is not a regular file" -r "$dir/directory"
bad "invalid network: " -d "$dir/a.img" -n ""
bad "kernel must be a regular file" -b "$dir/directory"
bad "no VM is called new" -p 2

t "-b and -p of one that is there" 0 "$vmctl" start -b "$dir/bsd" -p 3 db
sed "s|$here/||g; s/ \$//" "$dir/log" > "$dir/asked"
same "hold for the start" "$dir/asked" <<'E'
GET /instances
POST /instances/dbdbdbdbdbdbdbdbdbdbdbdb/start {"kernel":"bsd","vcpus":3}
E
t "a disk of one that is there" 1 "$vmctl" start -d "$dir/a.img" db
err "is refused" <<'E'
vmctl: start vm command failed: Operation already in progress: vm db is there, and only -b, -B and -p can be said of it
E
t "a new one whose name begins an ID" 0 "$vmctl" start -b "$dir/bsd" dbdb
t "a number that is no VM's" 1 "$vmctl" start -d "$dir/a.img" 17
stop
t "no daemon" 1 "$vmctl" stop db
err "is not no VM" <<'E'
vmctl: vmd is not running (nobody answers at @DIR@/sock); start it with 'vmd', or 'systemctl start vmd'
E
t "two names" 1 "$vmctl" start -d "$dir/a.img" a b
end
