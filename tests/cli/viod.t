#!/bin/sh
# viod.t: how viod is started, refuses, reports and ends.
# Descriptors as vmd puts them: 3 report, 4 lifeline, 5 listener, 6 the disk.
cd "$(dirname "$0")/../.." || exit 1
viod=${BUILD:-build}/bin/viod

[ -x "$viod" ] || { echo "1..0 # SKIP no viod"; exit 0; }
command -v python3 > /dev/null || { echo "1..0 # SKIP no python3"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
truncate -s 1M "$dir/disk"
truncate -s 100 "$dir/small"
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

# refused TEXT WORDS...: exit 1 and an error that has TEXT.
refused() {
	want=$1
	shift
	out=$(timeout 20 "$viod" "$@" -S "$dir/s" 2>&1 6<> "$dir/disk" \
	    7<> "$dir/small" 8< "$dir/disk")
	status=$?
	[ $status -eq 1 ] && echo "$out" | grep -q -e "$want"
	result $? "refused: $*" "exit $status: $out"
}

refused 'not open for writing' blk -d 8
refused 'too small' blk -d 7
refused 'Bad file descriptor' blk -d 99
refused 'neither a file' blk -d 0 < /dev/null
refused 'descriptor: "x"' blk -d x
refused 'longer than 20 bytes' blk -d 6 -s 123456789012345678901
refused 'queues: 17' blk -d 6 -q 17
refused 'requests a second: 0' blk -d 6 -i 0
refused 'bytes a second: "fast"' blk -d 6 -b fast
refused 'no engine is called steam' blk -d 6 -E steam

for args in '' 'disk' 'blk' 'blk -d 6 more' 'blk -Z'; do
	# shellcheck disable=SC2086
	timeout 20 "$viod" $args > /dev/null 2> "$dir/err"
	status=$?
	[ $status -eq 2 ] && grep -q '^usage: viod' "$dir/err"
	result $? "usage: viod $args" "exit $status"
done

out=$(timeout 20 "$viod" blk -d 6 6<> "$dir/disk" 3>&- 4>&- 5>&- 2>&1)
[ $? -eq 1 ] && echo "$out" | grep -q 'descriptor 3'
result $? 'without the descriptors of vmd it says which is missing' "$out"

# The contract: ok on the report when it serves, error and its reason when
# not, the end with the lifeline, and the end of a live connection with it.
timeout 60 python3 - "$viod" "$dir" << 'EOF' > "$dir/py" 2>&1
import os, socket, struct, subprocess, sys
viod, d = sys.argv[1:]
n = 0

def start(disk, args):
    report, w = os.pipe()
    mine, life = socket.socketpair()
    listener = socket.socket(socket.AF_UNIX)
    path = "%s/vu%d" % (d, n)
    listener.bind(path)
    listener.listen(4)
    src = [w, life.fileno(), listener.fileno(), os.open(disk, os.O_RDWR)]
    high = [os.dup2(fd, 100 + i) for i, fd in enumerate(src)]
    def place():
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
    p = subprocess.Popen([viod, "blk", "-n", "disk0", "-d", "6"] + args,
        preexec_fn=place, pass_fds=[3, 4, 5, 6], stderr=subprocess.DEVNULL)
    for fd in high + [w]:
        os.close(fd)
    life.close()
    listener.close()
    return p, report, mine, path

def result(good, text):
    print(("ok" if good else "not ok"), text)

p, report, life, path = start(d + "/disk", [])
result(os.read(report, 100) == b"ok\n", "it reports ok")
result(os.read(report, 100) == b"", "and closes the report")
s = socket.socket(socket.AF_UNIX)
s.connect(path)
s.sendall(struct.pack("<III", 1, 1, 0))
a = s.recv(100)
result(len(a) == 20 and struct.unpack("<III", a[:12]) == (1, 5, 8),
    "it answers GET_FEATURES on descriptor 5")
for junk in (b"\xff" * 4096, struct.pack("<III", 5, 1, 0x7fffffff)):
    s.sendall(junk)
    try:
        while s.recv(4096):
            pass
    except ConnectionResetError:
        pass
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.sendall(struct.pack("<III", 1, 1, 0))
    result(len(s.recv(100)) == 20, "after junk the next one is served")
life.close()
result(p.wait(20) == 0, "it ends with the lifeline")
n = 1
p, report, life, path = start(d + "/small", [])
text = os.read(report, 1000)
result(text.startswith(b"error ") and text.endswith(b"too small\n"),
    "it reports an error with its reason")
result(p.wait(20) == 1, "and exits 1")
EOF
while read -r what text; do
	case $what in
	ok)	result 0 "$text" ;;
	*)	result 1 "$what $text" ;;
	esac
done < "$dir/py"
[ "$(wc -l < "$dir/py")" -eq 8 ]
result $? 'all of it was said' "$(cat "$dir/py")"
echo "1..$n"
exit $bad
