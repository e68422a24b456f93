#!/bin/sh
# vmctl_create.t: disk images made and converted, read by qemu-img.
. tests/cli/vmctl.sh
command -v qemu-img > /dev/null || { echo "1..0 # SKIP no qemu-img"; exit 0; }
begin
cd "$dir" || exit 1

says() {
	grep -qF "$2" stderr.txt
	check "$1" $?
}
# make TEXT STATUS ARGS: what it prints goes to stderr.txt
make() {
	text=$1 want=$2
	shift 2
	"$vmctl" create "$@" > /dev/null 2> stderr.txt
	[ $? = "$want" ]
	check "$text" $?
}
same() {
	qemu-img compare -q "$2" "$3"
	check "$1" $?
}

make "an empty raw disk" 0 -s 5M a.raw
says "says what it made" "vmctl: raw imagefile created"
[ "$(stat -c '%s %b %a' a.raw)" = "5242880 0 600" ]
check "is sparse, and its owner's" $?
make "is not made twice" 1 -s 5M a.raw
says "for that reason" "create imagefile operation failed: File exists"
make "an empty qcow2 disk" 0 -s 64M a.qcow2
says "of that format" "vmctl: qcow2 imagefile created"
qemu-img check -q a.qcow2 &&
    qemu-img info a.qcow2 | grep -q 'virtual size: 64 MiB'
check "is one for qemu-img" $?
make "a format before the name" 0 -s 1M qcow2:odd
[ "$(head -c 3 odd)" = QFI ]
check "is that one" $?
make "a size is needed" 1 b.raw
says "and missed" "could not create b.raw: missing size argument"
make "a megabyte is the least" 1 -s 4096 b.raw
make "what is above it is cut" 0 -s 1100k b.raw
says "and said" "disk size rounded to 1 megabytes"
make "a size that is none" 1 -s much k.raw
says "is refused" "invalid disk size: much"
make "one that is too small" 1 -s 1048575 k.raw
says "is refused" "disk size must be at least 1MB"
make "base and input together" 1 -b a.qcow2 -i a.qcow2 c.qcow2
says "are one too many" "conflicting -b and -i arguments"

# A disk with data, holes and zeroes.
head -c 300000 /dev/urandom > data
dd if=data of=d.raw bs=1M seek=3 conv=notrunc 2> /dev/null
truncate -s 9M d.raw
make "raw to qcow2" 0 -i d.raw d.qcow2
same "has the same disk" d.raw d.qcow2
[ "$(stat -c %b d.qcow2)" -lt 2048 ]
check "without the holes" $?
make "qcow2 to raw" 0 -i d.qcow2 e.raw
same "has the same disk again" d.raw e.raw
qemu-img convert -c -O qcow2 d.raw c1.qcow2 &&
    qemu-img convert -c -O qcow2 -o compression_type=zstd d.raw c2.qcow2
make "from deflate" 0 -i c1.qcow2 f.raw
same "what was compressed" d.raw f.raw
make "from zstd" 0 -i c2.qcow2 g.qcow2
same "what was compressed, too" d.raw g.qcow2
make "a larger copy" 0 -s 20M -i d.qcow2 h.qcow2
same "begins with it" d.raw h.qcow2
make "a smaller copy" 1 -s 2M -i d.qcow2 i.qcow2
says "is refused" "size cannot be smaller than input disk size"
[ ! -e i.qcow2 ]
check "and nothing is left of it" $?
truncate -s 1000000 odd.raw
make "an odd size" 0 -i odd.raw j.raw
says "is rounded up" "destination size rounded to 1 megabytes"

mkdir sub
make "a base" 0 -b ../d.qcow2 sub/k.qcow2
same "is below the new one" d.raw sub/k.qcow2
qemu-img info sub/k.qcow2 | grep -q 'backing file format: qcow2'
check "with its format" $?
make "a chain flattened" 0 -i sub/k.qcow2 l.raw
same "is the disk" d.raw l.raw
make "a raw base" 0 -b d.raw m.qcow2
same "is below it" d.raw m.qcow2
make "a base that is not there" 1 -b none.qcow2 n.qcow2
make "a base of another size" 1 -b d.qcow2 -s 1G n.qcow2
says "is refused, too" "base size does not match requested size"
make "a raw disk with a base" 1 -b d.qcow2 n.raw
says "cannot be" "base images require qcow2 disk format"
make "a base that is none" 1 -b qcow2:d.raw n.qcow2
says "is found out" "it is not a qcow2 image"

# Loops and long chains.
make "a first" 0 -b d.qcow2 o.qcow2
qemu-img rebase -u -b o.qcow2 -F qcow2 o.qcow2
make "an image below itself" 1 -i o.qcow2 p.raw
says "is refused as such" "is its own backing file"
cp d.qcow2 q0.qcow2
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	"$vmctl" create -b q$((i - 1)).qcow2 q$i.qcow2 2> /dev/null
done
make "sixteen files" 0 -i q15.qcow2 q.raw
same "are a disk" d.raw q.raw
make "and no more" 1 -b q15.qcow2 q16.qcow2
make "an image in use" 0 -s 1M r.qcow2
(exec 6<> r.qcow2 && exec timeout 30 "${vmctl%vmctl}viod" blk -d 6 -f qcow2 \
    -S r.sock 2> /dev/null) &
viod=$!
while [ ! -S r.sock ] && kill -0 $viod 2> /dev/null; do
	sleep 0.1
done
make "is not copied" 1 -i r.qcow2 s.raw
says "while it is written" "the image is being written by another program"
kill $viod
wait $viod 2> /dev/null

echo "1..$n"
exit $failed
