#!/bin/sh
# image.t: what a VM sees of an image is what the image says: each file as
# the guest has it, against an unpack of the same image by umoci as root.
. tests/cli/oci.sh
. tests/boot/lib.sh
PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || skip_all "not root: owners and devices"
for p in jq umoci zstd setfattr setcap; do
	command -v $p > /dev/null || skip_all "no $p"
done
# May have been built already.
walk=$build/tests/walk
cc=$build/guest/$(uname -m)/cc
[ -x "$walk" ] || [ -x "$cc" ] || skip_all "no $cc"
umask 022
tmp=$t
. tests/cli/oci_layers.sh

# --- the image: the three layers, and one with a program that stays ---------

layer1 && layer2 && layer3 || broken "the layers are made"
mkdir "$t/l4"
if [ -x "$walk" ]; then
	cp "$walk" "$t/l4/walk"
else
	ok "a program without libraries" "$cc" -std=gnu17 -D_GNU_SOURCE -O1 \
	    -Wall -Wextra -Werror -static -s -o "$t/l4/walk" \
	    tests/boot/walk.c
fi
tar -C "$t/l4" --numeric-owner -cf "$t/l4.tar" walk
lay=$t/layout arch=$(host_arch)
oci_init "$lay"
m=$(oci_manifest "$lay" "$arch" \
    '{"Entrypoint":["/walk"],"User":"1000","WorkingDir":"/etc"}' \
    "gzip:$t/l1.tar" "gzip:$t/l2.tar" "gzip:$t/l3.tar" "gzip:$t/l4.tar")
oci_name "$lay" test.example/rules:1 "$m" "$arch"
tar -C "$lay" -cf "$t/rules.tar" .
cp -r "$lay" "$t/named"
jq -c '.manifests[].annotations[] = "rules"' "$lay/index.json" \
    > "$t/named/index.json"
ok "umoci unpacks it" umoci unpack --image "$t/named:rules" "$t/bundle"

# --- both, file by file -----------------------------------------------------

start_vmd || broken "vmd starts"
ok "import" vmctl image import "$t/rules.tar"
ok "it runs" vmctl run -d --name rules -m 192M -c 1 test.example/rules:1
ok "and answers" vmctl wait --state Running --timeout 100s rules
# What vminit puts there: mount points, and the names of the network.
made="./proc ./sys ./dev ./run ./etc/hostname ./etc/hosts
./etc/resolv.conf"
# shellcheck disable=SC2086
"$t/l4/walk" "$t/bundle/rootfs" $made > "$t/theirs"
# shellcheck disable=SC2086
vmctl exec -u 0 rules /walk / $made > "$t/ours"
is "the guest lists its files" 0 $?
ok "the same files ($(wc -l < "$t/ours") lines)" \
    diff -u "$t/theirs" "$t/ours"
# That the comparison had all it is for.
for what in ' 104755 ' '^\. 40711 0:0' 'links=3' 'user.binary=' \
    'security.capability=' 'trusted.test=' 'device=5:1' ' 4000000:3999999 ' \
    ' 10622 ' 'size=20971520' ' -> /nnn' 'new\\012line'; do
	ok "one is $what" grep -q -e "$what" "$t/ours"
done
ok "no whiteout is left" sh -c "! grep -q '\.wh\.' '$t/ours'"

# What an upper layer of the VM's own does to it stays the VM's.
ok "cp out of the image" vmctl cp -a rules:/type "$t/type"
"$t/l4/walk" "$t/bundle/rootfs/type" > "$t/theirs.type"
"$t/l4/walk" "$t/type" > "$t/ours.type"
ok "is the same too" diff -u "$t/theirs.type" "$t/ours.type"
done_testing
