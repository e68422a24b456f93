#!/bin/sh
# owners.t: who may do what with VMs of vm.conf: users, groups, instances.
# As root, on the null hypervisor, with callers of several users.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP not root"; exit 0; }
command -v setpriv > /dev/null || { echo "1..0 # SKIP no setpriv"; exit 0; }
id nobody > /dev/null 2>&1 || { echo "1..0 # SKIP no user nobody"; exit 0; }
name=owners
. tests/cli/conf.sh
# Others may not be able to come to the build tree.
cp "$bin/vmctl" "$d/vmctl"
alice=12001 bob=12002 carol=12003	# users; none of them has a name
wheel=12100				# a group of bob's

as() { # USER COMMAND...: bob is in wheel too
	who=$1 groups=--clear-groups; shift
	[ "$who" != $bob ] || groups="--groups $wheel"
	# shellcheck disable=SC2086
	setpriv --reuid "$who" --regid "$who" $groups "$@"
}
vmctl() { # USER WORDS...: messages, without file names
	who=$1; shift
	as "$who" "$d/vmctl" "$@" 2>&1 | sed "s|$d/||g"
}
state() { "$bin/vmctl" status "$1" 2> /dev/null | awk 'NR > 1 { print $8 }'; }
names() { vmctl "$1" status | awk 'NR > 1 { print $9 }' | sort | xargs; }

for u in $alice $bob $carol; do
	mkdir "$d/$u"
	chown $u "$d/$u"
	as $u "$d/vmctl" create -s 16M "$d/$u/disk.img" 2> /dev/null
	as $u sh -c "echo kernel > '$d/$u/kernel'"
	chmod 700 "$d/$u"
done
echo kernel > "$d/kernel"
chmod 600 "$d/kernel"
"$bin/vmctl" create -s 16M "$d/base.img" 2> /dev/null

cat > "$d/vm.conf" << END
vm alices { kernel "kernel", owner $alice, disable }
vm wheels { kernel "kernel", owner ":$wheel", disable }
vm both { kernel "kernel", owner "$alice:$wheel", disable }
vm roots { kernel "kernel", disable }
vm base {
	kernel "kernel"
	disk "base.img"
	memory 64M
	allow instance { disk, memory, owner $carol }
	disable
}
vm ofgroup { kernel "kernel", allow instance { owner ":$wheel" }, disable }
vm none { kernel "kernel", allow instance { disk, memory, boot }, disable }
vm booted { kernel "kernel", allow instance { boot, disk, interface, \\
	owner $carol }, disable }
END
"$bin/vmd" -d -f "$d/vm.conf" -s "$d/state" -S "$sock" -o user=nobody \
    -o cpu_ratio=100 -o memory_ratio=10 -o disk_ratio=100 \
    -o hypervisor=null 2>> "$d/log" &
pid=$!
until_true serves
until_true sh -c "'$bin/vmctl' status | grep -q booted"

# Who sees and does what.
is "a user has his own" "alices both" "$(names $alice)"
is "and those of his groups" "both wheels" "$(names $bob)"
is "another has none" "" "$(names $carol)"
is "the table names groups" "$alice:$wheel" "$("$bin/vmctl" status both |
    awk 'NR > 1 { print $7 }')"
is "an owner starts" "vmctl: started vm 1 successfully" \
    "$(vmctl $alice start alices)"
is "another cannot stop" "stopping vm alices: vm not found" \
    "$(vmctl $bob stop alices)"
is "nor pause" "vmctl: no VM is called alices" \
    "$(vmctl $carol pause alices)"
is "the owner can" "paused vm 1 successfully" "$(vmctl $alice pause alices)"
vmctl $alice unpause alices > /dev/null
is "and stops it" "stopping vm alices: terminated vm 1" \
    "$(vmctl $alice stop -w alices)"
is "a member of the group starts" "vmctl: started vm 2 successfully" \
    "$(vmctl $bob start wheels)"
is "and stops" "stopping vm wheels: forced to terminate vm 2" \
    "$(vmctl $bob stop -f wheels)"
is "a group's is not the owner's only" "vmctl: started vm 3 successfully" \
    "$(vmctl $bob start both)"
is "stop -a is of what one has" "stopping vm both: terminated vm 3" \
    "$(vmctl $alice stop -aw)"
is "root's is nobody's" "vmctl: no VM is called roots" \
    "$(vmctl $alice start roots)"
for words in reload reset "log brief"; do
	# shellcheck disable=SC2086
	is "not for users: $words" "vmctl: only root and the user who started \
the daemon may do that" "$(vmctl $alice $words | head -n 1)"
done
is "nor load" "1" "$(cp "$d/vm.conf" "$d/$alice/vm.conf"
    chown $alice "$d/$alice/vm.conf"
    vmctl $alice load "$d/$alice/vm.conf" | grep -c 'only root and the user')"

# A kernel for one start: with the rights of who asks.
is "-b of a file of another" "vmctl: invalid boot image path: Permission \
denied" "$(vmctl $alice start -b "$d/$bob/kernel" alices)"
is "-b of one's own" "vmctl: started vm 1 successfully" \
    "$(vmctl $alice start -p 3 -b "$d/$alice/kernel" alices)"
is "-p holds for this start" "3" "$("$bin/vmctl" status alices |
    awk 'NR > 1 { print $3 }')"
vmctl $alice stop -w alices > /dev/null
vmctl $alice start alices > /dev/null
is "and no longer" "1" "$("$bin/vmctl" status alices |
    awk 'NR > 1 { print $3 }')"
vmctl $alice stop -w alices > /dev/null

# Instances.
c=$d/$carol
is "an instance with a disk of one's own" "vmctl: started vm 9 successfully" \
    "$(vmctl $carol start -t base -d "$c/disk.img" mine)"
is "is its maker's" "mine" "$(names $carol)"
is "has what the template has" "64.0M kernel" "$("$bin/vmctl" status mine |
    awk 'NR > 1 { print $4 }') $("$bin/vmctl" inspect mine |
    jq -r '.[0].kernel' | sed "s|$d/||")"
is "and its own disk only" "12003/disk.img" "$("$bin/vmctl" inspect mine |
    jq -r '.[0].disks[].path' | sed "s|$d/||")"
is "whose record is its maker's" "uid $carol
disk any 12003/disk.img" "$(sed -e '/^vm/d' -e "s|$d/||" \
    "$d"/state/vms/*/files)"
is "it goes when it ends" "" "$(vmctl $carol stop -w mine > /dev/null
    i=0
    while [ -n "$(state mine)" ] && [ $i -lt 1200 ]; do
	i=$((i + 1)); sleep 0.05
    done; state mine)"
is "the name of one that is there" "vmctl: start vm command failed: Operation \
already in progress: vm alices is there, and only -b, -B and -p can be said of \
it" "$(vmctl $alice start -t base alices)"
is "a disk of the template's" "disk base.img cannot be reused" \
    "$("$d/vmctl" start -t base -d "$d/base.img" i 2>&1 |
    sed "s|$d/||; s/.*failed: //")"
is "one of another user's" "vmctl: invalid disk path: Permission denied" \
    "$(vmctl $carol start -t base -d "$d/$bob/disk.img" i)"
refused() { # TEXT WORDS...
	want=$1; shift
	is "$want" "$want" "$(vmctl "$@" | sed 's/.*failed: //')"
}
refused "no permission to make an instance of base" $alice start -t base i
refused "no permission to make an instance of none" $alice start -t none i
refused "no permission to set cpus" $carol start -t base -p 2 i
refused "no permission to set interfaces" $carol start -t base -L i
refused "no permission to set boot image" $carol start -t base \
    -b "$c/kernel" i
refused "no permission to set memory" $carol start -t booted -m 128M i
refused "no permission to set disks" $bob start -t ofgroup \
    -d "$d/$bob/disk.img" i
refused "invalid template: vm.conf has no vm \"nothing\"" $carol start \
    -t nothing i
refused "no permission to set cdrom" $carol start -t base \
    -r "$c/disk.img" i
is "by a group" "vmctl: started vm 10 successfully" \
    "$(vmctl $bob start -t ofgroup j)"
is "with a kernel of one's own" "vmctl: started vm 11 successfully" \
    "$(vmctl $carol start -t booted -b "$c/kernel" k)"
is "root says everything" "vmctl: started vm 12 successfully" \
    "$("$d/vmctl" start -t none -p 2 -m 96M l 2>&1)"
post() { # BODY, as carol
	as $carol curl -s --unix-socket "$sock" \
	    -H 'Content-Type: application/json' -d "$1" http://vmd/instances
}
is "what has no flag is not for others" "no permission to set hypervisor" \
    "$(post '{"name":"x","template":"base","hypervisor":"null"}' |
    jq -r .message)"
is "the kernel of a template is not recorded as one's own" "" \
    "$(grep -l "^kernel any $d/kernel" "$d"/state/vms/*/files 2> /dev/null)"

# Files of an ad-hoc VM are opened as who asks.
is "a kernel of root's" "1" "$(post "{\"name\":\"x\",\"hypervisor\":\"null\",\
\"kernel\":\"$c/kernel\",\"disks\":[{\"path\":\"$d/base.img\"}]}" |
    jq -r .message | grep -c 'base.img: Permission denied')"

# Who may do what: each user, each command, of a VM that runs and one that
# does not.  A stranger is told what he is told of a VM that is not there.
may() { # USER COMMAND: yes or no, and what it is now
	out=$(vmctl "$1" "$2" both)
	case $out in
	*"no VM is called"* | *"vm not found"*) echo no ;;
	*"only root and the user"*) echo never ;;
	*) echo yes ;;
	esac
}
matrix() { # WANTED USERS...: of start, stop, pause, unpause, console, status
	want=$1; shift
	for u; do
		"$bin/vmctl" stop -wf both > /dev/null 2>&1
		got="$(may "$u" console) $(may "$u" pause) $(may "$u" start)"
		[ "$(state both)" = running ] ||
		    "$bin/vmctl" start both 2> /dev/null
		got="$got $(may "$u" console) $(may "$u" pause)"
		got="$got $(may "$u" unpause) $(may "$u" status)"
		got="$got $(may "$u" stop)"
		is "user $u, stopped: console, pause, start; running: console, \
pause, unpause, status, stop" "$want" "$got"
	done
}
matrix "yes yes yes yes yes yes yes yes" 0 $alice $bob
matrix "no no no no no no no no" $carol

# The socket itself: who may connect at all.
mode() { stat -c '%u:%g %a' "$sock"; }
is "without socket owner everybody may connect" "0:0 666" "$(mode)"
cp "$d/vm.conf" "$d/vm.conf.all"
echo "socket owner \"$alice:$wheel\"" >> "$d/vm.conf"
"$bin/vmctl" reload > /dev/null 2>&1
is "socket owner is its owner, group and mode" "$alice:$wheel 660" "$(mode)"
is "the owner connects" 0 "$(vmctl $alice ps > /dev/null; echo $?)"
is "the group connects" 1 "$(vmctl $bob ps | grep -c NAME)"
is "another does not" 0 "$(vmctl $carol ps | grep -c NAME)"
is "root does" 1 "$("$bin/vmctl" ps | grep -c NAME)"
echo "nonsense" >> "$d/vm.conf"
"$bin/vmctl" reload > /dev/null 2>&1
is "a file with an error changes nothing" "$alice:$wheel 660" "$(mode)"
kill -KILL "$pid"
wait "$pid" 2> /dev/null
cp "$d/vm.conf.all" "$d/vm.conf"
echo "socket owner \":$wheel\"" >> "$d/vm.conf"
"$bin/vmd" -d -f "$d/vm.conf" -s "$d/state" -S "$sock" -o user=nobody \
    -o cpu_ratio=100 -o memory_ratio=10 -o disk_ratio=100 \
    -o hypervisor=null 2>> "$d/log" &
pid=$!
until_true serves
of_wheel() { [ "$(mode)" = "0:$wheel 660" ]; }
until_true of_wheel
is "a group alone" "0:$wheel 660" "$(mode)"
cp "$d/vm.conf.all" "$d/vm.conf"
"$bin/vmctl" reload > /dev/null 2>&1
is "and back without it" "0:0 666" "$(mode)"
echo "1..$n"
exit $bad
