#!/bin/sh
# conf.t: vm.conf: every production and every error, and the ways to check it
#
# tests/conf/NAME.conf is read as vmd -nv reads it; NAME.ok has the exit
# status, what is said, and the normal form of what was understood.  -u
# writes the .ok files anew.
cd "$(dirname "$0")/../.." || exit 1
build=$(cd "${BUILD:-build}" && pwd) || exit 1
export BUILD="$build"
n=0 bad=0

result()
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		bad=1
	fi
}

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

reading()
{
	(cd tests/conf && "$BUILD/bin/vmd-conf" -v "$1.conf" 2>&1
	    echo "exit $?")
}

for f in tests/conf/*.conf; do
	name=${f#tests/conf/} name=${name%.conf}
	reading "$name" > "$dir/out"
	[ "$1" = -u ] && cp "$dir/out" "tests/conf/$name.ok"
	diff "tests/conf/$name.ok" "$dir/out" | sed 's/^/# /' > "$dir/diff"
	cat "$dir/diff"
	[ -s "$dir/diff" ]
	result $((! $?)) "$name"
done

# What is printed reads as the same again.
for f in tests/conf/pass-*.conf; do
	name=${f#tests/conf/}
	(cd tests/conf && "$BUILD/bin/vmd-conf" -v "$name" 2>/dev/null) \
	    > "$dir/first.conf"
	(cd "$dir" && "$BUILD/bin/vmd-conf" -v first.conf 2>/dev/null) |
	    cmp -s "$dir/first.conf" - || echo "# $name"
done > "$dir/differ"
cat "$dir/differ"
[ ! -s "$dir/differ" ]
result $? "the normal form reads as what it was"

# What vmd is told: one JSON object a line.
command -v jq > /dev/null && {
	"$BUILD/bin/vmd-conf" -r 1 tests/conf/pass-ours.conf |
	    jq -c 'select(.event == "vm" and .vm.name == "web").vm |
	    .where, .enabled, .request.shares, .request.ports[1],
	    .request.env.B, .request.cmd' > "$dir/json"
	diff - "$dir/json" <<'END'
"tests/conf/pass-ours.conf:1"
true
[{"host_path":"/srv/site","path":"/srv","readonly":true}]
{"host_ip":"127.0.0.1","host_port":5353,"guest_port":53,"protocol":"udp"}
"two words"
["nginx","-g","daemon off;"]
END
	result $? "a VM as a CreateInstanceRequest"
	"$BUILD/bin/vmd-conf" -r 1 tests/conf/fail-ours.conf |
	    jq -se 'any(.event == "vm") == false and .[-1].errors == 18' \
	    > /dev/null
	result $? "a file with errors has no VMs for vmd"
}

# Macros of the command line win.
printf 'm = 1G\nvm "x" { memory $m, disable }\n' > "$dir/d.conf"
"$BUILD/bin/vmd-conf" -v -D m=3G "$dir/d.conf" 2>/dev/null |
    grep -q 'memory 3072M'
result $? "-D overrides a macro of the file"
"$BUILD/bin/vmd-conf" -D nothing "$dir/d.conf" 2>&1 |
    grep -q 'could not parse macro definition nothing'
result $? "-D without a value is refused"

# Files that are none, and what they include, are refused at once.
mkfifo "$dir/fifo"
timeout 10 "$BUILD/bin/vmd-conf" "$dir/fifo" 2>&1 |
    grep -q 'fifo: is no regular file'
result $? "a FIFO is no file, and nobody waits for it"
i=0
while [ $i -lt 17 ]; do
	echo "include \"$((i + 1)).conf\"" > "$dir/$i.conf"
	i=$((i + 1))
done
: > "$dir/17.conf"
"$BUILD/bin/vmd-conf" "$dir/0.conf" 2>&1 | grep -q 'the 16th file inside'
result $? "files include each other 16 deep"
yes '# 1' | head -c 1100000 > "$dir/large.conf"
"$BUILD/bin/vmd-conf" "$dir/large.conf" 2>&1 |
    grep -q 'larger than 1048576 bytes'
result $? "a file has at most 1 MiB"
{
	printf 'm = "%08000d"\n' 0
	yes 'vm $m$m$m$m$m$m$m$m$m$m$m$m$m$m$m$m { memory $m }' | head -20000
} > "$dir/bomb.conf"
timeout 60 "$BUILD/bin/vmd-conf" "$dir/bomb.conf" > "$dir/out" 2>&1
[ $? -eq 1 ] && [ "$(wc -l < "$dir/out")" -le 101 ]
result $? "macros that make it large end it, and 100 errors are enough"

# Errors whose files are long, or not text.
long()
{
	"$BUILD/bin/vmd-conf" "$dir/long.conf" 2>&1 | grep -qF ": $1"
	result $? "$1"
}
words() { # PREFIX N SUFFIX: that many, numbered
	i=1
	while [ $i -le "$2" ]; do
		printf '%s%d%s' "$1" $i "$3"
		i=$((i + 1))
	done
}
printf 'vm "%08097d" { disable }\n' 0 > "$dir/long.conf"
long "string too long"
printf 'vm "a\000b" { disable }\n' > "$dir/long.conf"
long "a NUL character"
words 'switch "s' 65 '" { interface bridge0 }
' > "$dir/long.conf"
long "more than 64 switches"
words m 257 ' = "x"
' > "$dir/long.conf"
long "more than 256 macros"
{
	echo 'vm "a" { image x'
	words 'volume "v' 15 '":"/v"
' | sed 's/"v\([0-9]*\)":"\/v"/"v\1:\/v\1"/'
	echo '}'
} > "$dir/long.conf"
long "more than 14 of them"
{
	printf 'vm "a" { image x, command {'
	printf ' "%08000d"' 1 2 3 4 5
	echo ' } }'
} > "$dir/long.conf"
long "more than 32768 bytes in lists of a vm"
echo 'vm "a" { memory 2T, disable }' > "$dir/long.conf"
long "failed to parse size: 2199023255552: memory size too large"

yes 'vm "a" { disable }' | head -3000 | awk '{ sub("a", "a" NR); print }' \
    > "$dir/many.conf"
"$BUILD/bin/vmd-conf" "$dir/many.conf" 2>&1 | grep -q 'more than 1024 VMs'
result $? "a file has at most 1024 VMs"

echo "1..$n"
exit $bad
