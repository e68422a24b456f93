#!/bin/sh
# manual.t: every program has its page, every page is clean, and what vmctl
# knows its page knows.
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}

command -v mandoc > /dev/null || { echo "1..0 # SKIP no mandoc"; exit 0; }
n=0 bad=0
result() { # result STATUS TEXT [DIAGNOSTICS]
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		[ -z "${3:-}" ] || echo "$3" | sed 's/^/# /'
		bad=1
	fi
}

for p in $(ls "$build/bin") vminit; do
	[ -f "man/$p.8" ]
	result $? "$p has a page" "no man/$p.8"
done
for page in man/*.[0-9]; do
	out=$(mandoc -T lint -W style "$page" 2>&1 |
	    grep -v -e 'referenced manual not found' -e 'outdated mandoc.db')
	[ -z "$out" ]
	result $? "$page is clean" "$out"
	# Each page that is referred to and is ours exists.
	missing=$(sed -n 's/^\.Xr \(vm[a-z-]*\|viod\) \([0-9]\).*/\1.\2/p' \
	    "$page" | sort -u | while read -r x; do
		[ -f "man/$x" ] || echo "$x"
	    done)
	[ -z "$missing" ]
	result $? "$page refers to pages that exist" "$missing"
done

if [ -x "$build/bin/vmctl" ] && "$build/bin/vmctl" help --table \
    > /dev/null 2>&1; then
	text=$(mandoc -T utf8 -O width=200 man/vmctl.8 | col -b)
	missing=$("$build/bin/vmctl" help --table |
	    while read -r command option _; do
		case ${option:--} in
		-)	printf '%s' "$text" | grep -q -e "^ *$command\b" ||
			    echo "command $command" ;;
		*)	printf '%s' "$text" | grep -q -e "$option\b" ||
			    echo "$command $option" ;;
		esac
	    done)
	[ -z "$missing" ]
	result $? "vmctl(8) has every command and option" "$missing"
fi
echo "1..$n"
exit $bad
