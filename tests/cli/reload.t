#!/bin/sh
# reload.t: what vmd makes of vm.conf, on the null hypervisor: at its start,
# by reload, load and reset, after a kill at any moment; and what it refuses.
cd "$(dirname "$0")/../.." || exit 1
name=reload
. tests/cli/conf.sh
opts="-o cpu_ratio=100 -o memory_ratio=10 -o disk_ratio=100"
[ "$(id -u)" -ne 0 ] || opts="$opts -o user=root"

start() {
	# shellcheck disable=SC2086
	"$bin/vmd" -d -f "$conf" -s "$d/state" -S "$sock" $opts "$@" \
	    2>> "$d/log" &
	pid=$!
	until_true serves
}
vms() { # NAME=STATE of each, in the order of names
	"$bin/vmctl" status 2>&1 |
	    awk 'NR > 1 { print $9 "=" $8 }' | sort | xargs
}
are() { [ "$(vms)" = "$1" ]; }
become() { # TEXT VMS: it becomes so
	until_true are "$2"
	is "$1" "$2" "$(vms)"
}
pids() {
	"$bin/vmctl" status | awk 'NR > 1 && $2 != "-" { print $9, $2 }' |
	    sort | xargs
}
vmctl() { # its messages without file names; then the exit status
	"$bin/vmctl" "$@" 2>&1 | sed "s|$d/||"
}

# Nothing starts on a file with an error.
echo 'vm a { nonsense }' > "$conf"
# shellcheck disable=SC2086
out=$("$bin/vmd" -d -f "$conf" -s "$d/state" -S "$sock" $opts 2>&1)
is "vmd does not start on a wrong file" "1 vm.conf:1: syntax error" \
    "$? ${out#"$d/"}"
is "and makes nothing" "" "$(ls "$d/state" 2> /dev/null)"
is "vmd -n says the same" "vm.conf:1: syntax error 1" \
    "$("$bin/vmd" -n -f "$conf" 2>&1 | sed "s|$d/||") $("$bin/vmd" -n \
    -f "$conf" 2> /dev/null; echo $?)"
is "vmd -n -f of no file" "vmd: there is no $d/none 1" \
    "$("$bin/vmd" -n -f "$d/none" 2>&1) $("$bin/vmd" -n -f "$d/none" \
    2> /dev/null; echo $?)"
is "the example is right" "configuration OK 0" \
    "$("$bin/vmd" -n -f etc/examples/vm.conf 2>&1) $?"
is "OpenBSD: the example is right" "configuration OK 0" \
    "$("$bin/vmd" -n -f etc/examples/openbsd.conf 2>&1) $?"

cat > "$conf" << 'END'
staggered start parallel 2 delay 0
image = "none.example/x"
vm one { image $image, hypervisor null, memory $mem }
vm two { image $image, hypervisor null, disable }
vm three { image $image, hypervisor null }
vm four { image $image, hypervisor null, interfaces 0 }
vm five { image $image, hypervisor null, cpus 2 }
vm bsd { disk "/nowhere/bsd.qcow2", sev, disable }
END
start -D mem=64M
become "VMs are there, and enabled ones are started" "bsd=stopped five=running\
 four=running one=running three=running two=stopped"
is "OpenBSD's table" "    -     1   64.0M" "$("$bin/vmctl" status one |
    awk 'NR > 1 { printf "%5s %5s %7s", $6, $3, $4 }')"
is "a keyword that cannot be done is named by the start" "vmctl: start vm \
command failed: cannot start instance bsd: sev: this version encrypts no \
memory" "$(vmctl start bsd)"
is "one that is disabled can be started" "running" \
    "$("$bin/vmctl" start two 2> /dev/null; "$bin/vmctl" status two |
    awk 'NR > 1 { print $8 }')"

# Reload: errors change nothing, all of them are said.
before=$(pids)
cp "$conf" "$d/good"
printf 'vm six { image x, hypervisor null }\nvm bad { xx }\nvm { }\n' >> "$conf"
is "reload says every error" "vm.conf:10: syntax error
vm.conf:11: syntax error
vmctl: the configuration has errors; nothing was changed" "$(vmctl reload)"
"$bin/vmctl" reload 2> /dev/null
is "and exits with 1" 1 $?
is "nothing was changed" "$before" "$(pids)"
{
	cat "$d/good"
	echo 'vm seven { image x, hypervisor null, memory 16M }'
} > "$conf"
is "what the parser lets pass and the daemon not, too" "vm.conf:9: vm \
\"seven\": size (memory): 16777216 is not between 32.0 MB and 1.0 TB
vmctl: the configuration has errors; nothing was changed" "$(vmctl reload)"

# Reload: added, removed, updated, and what runs.
"$bin/vmctl" stop -w five 2> /dev/null
sed -e '/^vm three/d' -e '/^vm two/d' \
    -e '/^vm bsd/s/disable/disable, cpus 3, owner games/' \
    -e '/^vm five/s/cpus 2/cpus 4, disable/' \
    -e '/^vm one/s/\$mem/128M, env A = 1/' "$d/good" > "$conf"
echo 'vm six { image x, hypervisor null, disable }' >> "$conf"
"$bin/vmctl" stop -w two 2> /dev/null
is "reload says what is done" "bsd: updated: owner, cpus
five: updated: cpus
one: is Running; from its next start: env, memory
six: added
three: is Running; it goes with the first reload that finds it stopped
two: removed" "$(vmctl reload | sort)"
become "and does it" "bsd=stopped five=stopped four=running one=running\
 six=stopped three=running"
is "what ran still runs" "$(echo "$before" |
    sed 's/five [0-9]* //; s/two [0-9]*//' | xargs)" "$(pids)"
"$bin/vmctl" stop -w one three 2> /dev/null
"$bin/vmctl" start one 2> /dev/null
is "the next start has it" 128M \
    "$("$bin/vmctl" status one | awk 'NR > 1 { print $4 }')"
is "a second reload: nothing but what is left to do" "three: removed" \
    "$(vmctl reload)"
become "and nothing else" "bsd=stopped five=stopped four=running one=running\
 six=stopped"

# Names of others are theirs.
curl -s --unix-socket "$sock" http://vmd/instances -d \
    '{"name":"mine","image":"x","hypervisor":"null"}' > /dev/null
echo 'vm mine { image y, hypervisor null }' >> "$conf"
is "a VM that vm.conf did not make is left alone" "mine: there is a VM of \
this name that is not of vm.conf; left as it is" "$(vmctl reload)"
sed -i '/^vm mine/d' "$conf"
"$bin/vmctl" reload
echo 'vm mine { image y, hypervisor null }' > "$d/load"
echo 'vm seven { image y, hypervisor null }' >> "$d/load"
"$bin/vmctl" rm -f mine > /dev/null
is "load adds" "mine: added
seven: added" "$(vmctl load "$d/load")"
is "and leaves what is there" "mine: is there already; left as it is
seven: is there already; left as it is" "$(vmctl load "$d/load")"
echo 'vm x {' > "$d/load"
is "load reads the file itself" "load:1: block without its closing brace
vmctl: the configuration has errors; nothing was changed" \
    "$(vmctl load "$d/load")"
is "a body that lies is refused" '400 400 200 false' "$(
    for body in '[]' 'x' '{"vms":[{"name":"a"},3]}'; do
	curl -s -o "$d/body" -w '%{http_code} ' --unix-socket "$sock" \
	    http://vmd/config -d "$body"
    done; jq .accepted "$d/body")"

# SIGHUP is a reload.
echo 'vm eight { image x, hypervisor null }' >> "$conf"
kill -HUP $pid
become "SIGHUP reads it again" "bsd=stopped eight=running five=stopped \
four=running mine=running one=running seven=running six=stopped"

# Another vmd: what runs is adopted, what was stopped stays so.
"$bin/vmctl" stop -w eight 2> /dev/null
before=$(pids)
kill -KILL $pid
wait $pid 2> /dev/null
start -D mem=64M
become "after kill -9 of vmd nothing is started twice" "bsd=stopped \
eight=stopped five=stopped four=running mine=running one=running \
seven=running six=stopped"
is "the processes are the same" "$before" "$(pids)"

# Killed in the middle of a reload: the next one ends what was accepted.
round=0 good=0
while [ $round -lt 10 ]; do
	round=$((round + 1))
	{
		echo 'staggered start parallel 3 delay 0'
		for k in 1 2 3 4 5 6 7 8; do
			echo "vm k$k-$round { image x, hypervisor null }"
		done
	} > "$conf"
	# Before, in and after the reload: where is left to chance.
	"$bin/vmctl" reload > /dev/null 2>&1 &
	reload=$!
	[ $((round % 2)) -eq 0 ] || sleep 0.0$((round / 2))
	pkill -KILL -P $pid -x vmd-control
	wait $reload
	until_true serves
	"$bin/vmctl" reload > /dev/null 2>&1
	want=$(for k in 1 2 3 4 5 6 7 8; do echo "k$k-$round=running"; done |
	    xargs)
	all() { case " $(vms) " in *" $want "*) ;; *) return 1 ;; esac; }
	until_true all && good=$((good + 1))
	"$bin/vmctl" stop -af > /dev/null 2>&1
done
is "killed in a reload, and all is there 10 times" 10 $good
"$bin/vmctl" reload > /dev/null 2>&1
become "the last file is what there is" "$want"

# reset
is "reset switches does nothing" "" "$(vmctl reset switches)"
is "reset vms removes them all" 8 "$(vmctl reset VMS | grep -c ': removed')"
become "and they are gone" ""
"$bin/vmctl" reload > /dev/null 2>&1
become "until the next reload" "$want"
is "reset is reset all" 8 "$(vmctl reset | grep -c ': removed')"

# Who waits for his turn says so; a start of one's own is at once.
{
	echo 'staggered start parallel 1 delay 3600'
	echo 'vm first { image x, hypervisor null }'
	echo 'vm second { image x, hypervisor null }'
	echo 'vm third { image x, hypervisor null }'
} > "$conf"
"$bin/vmctl" reload > /dev/null 2>&1
become "one is started, others wait" "first=running second=waiting \
third=waiting"
"$bin/vmctl" start third 2> /dev/null
become "one that waits can be started" "first=running second=waiting \
third=running"

# log
is "log takes the beginning of its words" 0 "$("$bin/vmctl" log v
    "$bin/vmctl" log BRIEF && echo $?)"
is "and no other" "unknown argument: loud" "$(vmctl log loud | head -1)"
"$bin/vmctl" reset > /dev/null 2>&1

echo "1..$n"
exit $bad
