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
	t=$(mktemp)
	mandoc -T ascii -O width=200 man/vmctl.8 | col -b > "$t"
	# Each option between its command's heading and the next.
	missing=$("$build/bin/vmctl" help --table | awk -F'\t' '
		NR == FNR {
			if ($1 == "option") {
				n++
				command[n] = $2
				letter[n] = $3
				long[n] = $4
			} else if ($1 == "command") {
				n++
				command[n] = $2
			}
			next
		}
		{ page = page "\n" $0 }
		END {
			for (i = 1; i <= n; i++) {
				at = match(page, "\n     " command[i] "[ \n]")
				text = substr(page, at + 1)
				# Commands that share their text.
				while (match(text, /^     [^\n]*\n\n?     [a-z]/))
					text = substr(text, RLENGTH - 5)
				if (match(text, "\n     [a-z]"))
					text = substr(text, 1, RSTART)
				if (at == 0)
					print "command " command[i]
				else if (long[i] != "" &&
				    index(text, long[i]) == 0)
					print command[i] " " long[i]
				else if (letter[i] != "" &&
				    text !~ "-[a-zA-Z]*" substr(letter[i], 2))
					print command[i] " " letter[i]
			}
		}' - "$t")
	rm -f "$t"
	[ -z "$missing" ]
	result $? "vmctl(8) has every command and option" "$missing"
fi
echo "1..$n"
exit $bad
