#!/bin/sh
# size.t: functions stop at 60 lines, files at 1,000, lines at 80 columns.
# A function that is a table in disguise may be longer: name it here, with
# the reason.
cd "$(dirname "$0")/.." || exit 1

# file:function  reason
longer="
"

bad=0
files=$(find src tests -name '*.[ch]' | sort)

# A function runs from a line that begins with its name (KNF: the return type
# stands alone above) to the first line that is "}".
# shellcheck disable=SC2086
long=$(awk '
	FNR == 1 { name = "" }
	/^[a-z_][a-zA-Z0-9_]*\(/ { name = $0; sub(/\(.*/, "", name); from = FNR }
	/^}/ && name != "" {
		if (FNR - from + 1 > 60)
			print FILENAME ":" name " " FNR - from + 1 " lines"
		name = ""
	}' $files |
    while read -r where rest; do
	printf '%s' "$longer" | grep -q "^$where[ 	]" || echo "$where $rest"
    done)
if [ -z "$long" ]; then
	echo "ok 1 - no function above 60 lines"
else
	echo "not ok 1 - no function above 60 lines"
	echo "$long" | sed 's/^/# /'
	bad=1
fi

# shellcheck disable=SC2086
big=$(wc -l $files | awk '$1 > 1000 && $2 != "total"')
if [ -z "$big" ]; then
	echo "ok 2 - no file above 1,000 lines"
else
	echo "not ok 2 - no file above 1,000 lines"
	echo "$big" | sed 's/^/# /'
	bad=1
fi

# A tab counts to the next column of eight.
# shellcheck disable=SC2086
wide=$(for f in $files; do
	expand "$f" | awk -v f="$f" 'length > 80 { print f ":" FNR }'
    done | head -n 20)
if [ -z "$wide" ]; then
	echo "ok 3 - no line above 80 columns"
else
	echo "not ok 3 - no line above 80 columns"
	echo "$wide" | sed 's/^/# /'
	bad=1
fi

# shellcheck disable=SC2086
nospdx=$(grep -L 'SPDX-License-Identifier: ISC' $files)
if [ -z "$nospdx" ]; then
	echo "ok 4 - every file has its SPDX line"
else
	echo "not ok 4 - every file has its SPDX line"
	echo "$nospdx" | sed 's/^/# /'
	bad=1
fi
echo 1..4
exit $bad
