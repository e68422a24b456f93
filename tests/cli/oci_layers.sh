# SPDX-License-Identifier: ISC
# oci_layers.sh - for tests: three layers that hit every rule of merging
#
# Sourced, by root with umask 022.  layer1, layer2 and layer3 make the tars
# $tmp/l1.tar, $tmp/l2.tar and $tmp/l3.tar.

long=$(printf 'n%.0s' $(seq 120))
deep=$long/$long/$long
pack() { # LAYER [TAR OPTION...]
	l=$1; shift
	tar -C "$tmp/$l" --format=posix --numeric-owner --sort=name --xattrs \
	    --xattrs-include='*' "$@" -cf "$tmp/$l.tar" .
}
layer1() {
	mkdir -p "$tmp/l1" && cd "$tmp/l1" || return
	mkdir -p etc bin opaque/sub gone/sub type var/empty "$deep" keep/a/b
	echo one > etc/replaced; echo stays > etc/stays; echo x > etc/deleted
	echo f > opaque/old; echo f > opaque/sub/old; echo f > gone/sub/old
	echo f > type/file-to-dir; mkdir type/dir-to-file
	echo f > type/dir-to-file/child; ln -s nowhere type/link-to-dir
	ln -s ../etc/stays type/link-to-file; echo f > type/file-to-link
	head -c 3000000 /dev/urandom > bin/big
	cp bin/big bin/tool; ln bin/tool bin/tool2; ln bin/tool "$deep/tool3"
	chmod 4755 bin/tool; chmod 1777 var; chmod 2750 var/empty
	echo t > lower-target; echo t > hidden-target
	ln hidden-target hidden-link; ln hidden-target hidden-link2
	ln -s "/$deep/$deep" long-symlink; ln -s dangling dangling
	: > empty; printf 'caf\303\251' > "$(printf 'caf\303\251')"
	printf 'x' > "$(printf 'latin1-\351')"
	echo sp > 'with space'; echo nl > "$(printf 'new\nline')"
	mknod char c 5 1; mknod block b 8 1; mkfifo -m 622 fifo
	chmod 600 char
	truncate -s 20M sparse; printf data | dd of=sparse bs=1 seek=9000000 \
	    conv=notrunc 2> /dev/null
	echo o > owned; chown 1000:1000 owned; echo o > big-owner
	chown 4000000:3999999 big-owner; mkdir owned-dir
	chown 70000:70001 owned-dir; chmod 700 owned-dir
	setfattr -n user.test -v value etc/stays
	setfattr -n user.binary -v 0x00ff00 etc/stays
	setfattr -n trusted.test -v secret owned-dir
	cp /bin/true bin/cap; setcap cap_net_raw,cap_chown+ep bin/cap
	touch -d '2001-02-03 04:05:06' etc/stays keep/a
	touch -h -d '2001-02-03 04:05:07' dangling
	chmod 0711 .
	cd "$OLDPWD" && pack l1 --sparse
}
layer2() {
	mkdir -p "$tmp/l2" && cd "$tmp/l2" || return
	mkdir -p etc opaque bin type/file-to-dir again
	echo two > etc/replaced; chmod 640 etc/replaced
	: > etc/.wh.deleted; : > .wh.gone
	: > opaque/.wh..wh..opq; echo new > opaque/new; chmod 750 opaque
	echo c > type/file-to-dir/child; echo f > type/dir-to-file
	mkdir type/link-to-dir; echo c > type/link-to-dir/child
	echo f > type/link-to-file; ln -s x type/file-to-link
	echo h > hidden-target
	echo a > lower-target; ln lower-target to-lower
	echo a > same1; ln same1 same2
	chmod 0711 .
	cd "$OLDPWD" && pack l2
	# The link stays, the file it names is in the layer below.
	tar --delete -f "$tmp/l2.tar" ./lower-target
}
layer3() {
	mkdir -p "$tmp/l3" && cd "$tmp/l3" || return
	mkdir -p gone/again type keep deep/er
	echo g > gone/again/file
	: > keep/.wh.a; mkdir keep/a; echo k > keep/a/new
	: > .wh.same1
	echo z > deep/er/file
	chmod 0711 .
	cd "$OLDPWD" && pack l3 --no-recursion keep/a keep/a/new \
	    keep/.wh.a gone/again/file deep/er/file .wh.same1
	# Parents that no layer has an entry for; a path that comes twice.
	tar -C "$tmp/l3" --format=posix --numeric-owner -cf "$tmp/l3.tar" \
	    ./keep/.wh.a ./keep/a ./gone/again/file ./deep/er/file ./.wh.same1
	echo later > "$tmp/l3/deep/er/file"
	tar -C "$tmp/l3" --format=posix --numeric-owner -rf "$tmp/l3.tar" \
	    ./deep/er/file
}
