#!/bin/sh
# linked.t - how programs are linked: where code lies is not known before, what
# was relocated cannot be written, and what runs beside a guest needs no library

BUILD=$(cd "${BUILD:-build}" && pwd)
bin=$BUILD/bin
command -v readelf > /dev/null || { echo "1..0 # SKIP no readelf"; exit 0; }
[ -x "$bin/vmm" ] || { echo "1..0 # SKIP no $bin/vmm"; exit 0; }
case $BUILD in
*/san) echo "1..0 # SKIP sanitizers are linked as they need it"; exit 0 ;;
esac

n=0
ok() { # TEXT: of what $? says
	# shellcheck disable=SC2181
	[ $? -eq 0 ] && r=ok || r="not ok"
	n=$((n + 1))
	echo "$r $n - $1"
}

for p in "$bin"/*; do
	name=${p##*/}
	headers=$(readelf -hldW "$p")
	test "$(echo "$headers" | awk '$1 == "Type:" { print $2 }')" = DYN
	ok "$name is position-independent"
	echo "$headers" | grep -q GNU_RELRO &&
	    echo "$headers" | grep -Eq 'BIND_NOW|Flags: .*NOW'
	ok "$name: what is relocated is read-only then"
	! echo "$headers" | awk '$1 == "LOAD" || $1 == "GNU_STACK"' |
	    grep -q 'RWE'
	ok "$name has nothing that can be written and run"
done

for name in viod viod-tap vmm; do
	! readelf -ldW "$bin/$name" | grep -Eq 'INTERP|NEEDED'
	ok "$name needs no library"
done

# Where the kernel is asked to choose addresses, it does: not twice the same.
d=$(mktemp -d /tmp/linked.XXXXXX)
trap 'rm -rf "$d"' EXIT
where() {
	(cd "$d" && exec "$bin/vmm" --api-socket api) & pid=$!
	i=0
	until [ -S "$d/api" ] || [ $((i += 1)) -gt 1000 ]; do sleep 0.01; done
	awk -v f="$bin/vmm" '$6 == f { print $1; exit }' "/proc/$pid/maps"
	kill "$pid"
	wait "$pid" 2> /dev/null
	rm -f "$d/api"
}
n=$((n + 1))
if [ "$(cat /proc/sys/kernel/randomize_va_space)" != 2 ] ||
    [ $((0x$(cat /proc/self/personality) & 0x40000)) -ne 0 ]; then
	echo "ok $n # SKIP addresses are not random here"
else
	one=$(where) two=$(where)
	[ -n "$one" ] && [ "$one" != "$two" ] && r=ok || r="not ok"
	echo "$r $n - vmm lies at another address each time"
fi
echo "1..$n"
