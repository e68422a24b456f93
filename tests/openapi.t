#!/bin/sh
# openapi.t: the API's description is clean, and says exactly what is served.
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
npm=${VMD_CACHE:-build/cache}/npm/node_modules/.bin

n=0 bad=0
result() { # result STATUS TEXT DIAGNOSTICS
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		echo "$3" | sed 's/^/# /'
		bad=1
	fi
}

if [ -x "$npm/redocly" ]; then
	out=$("$npm/redocly" lint --config api/redocly.yaml \
	    --format stylish api/openapi.yaml 2>&1)
	result $? "redocly finds nothing" "$out"
else
	n=$((n + 1))
	echo "ok $n # SKIP no redocly (scripts/npm-tools)"
fi

# METHOD PATH a line, from the description and from the daemon's table.
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
awk '/^[a-z]/ { paths = $1 == "paths:" }
    paths && /^  \// { path = $1; sub(/:$/, "", path) }
    paths && /^    (get|put|post|patch|delete):/ {
	m = $1; sub(/:$/, "", m); print toupper(m), path }' api/openapi.yaml |
    sort > "$t/described"
sed -n 's/.*{ "\([A-Z]*\)", "\([^"]*\)".*/\1 \2/p' \
    src/control/routes/routes.c | sort > "$t/served"
out=$(diff "$t/described" "$t/served")
result $? "described (<) equals served (>)" "$out"
echo "1..$n"
exit $bad
