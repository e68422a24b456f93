#!/bin/sh
# package.t - the Debian package: built, looked at by lintian, and in the life of
# a system: installed, upgraded with a VM running, removed, there again, purged.
. "${TOP:-.}/tests/boot/view.sh"

if [ -z "${IN_VIEW:-}" ]; then
	outside dpkg-buildpackage dh lintian
	# The tree, and nothing that was built.
	mkdir "$t/src"
	tar cf - --exclude=./build --exclude=./.git . | tar xf - -C "$t/src"
	cache=${VMD_CACHE:-build/cache}
	mkdir -p "$cache"
	package() {
		VMD_CACHE=$(cd "$cache" && pwd) && cd "$t/src" &&
		    env -u MAKEFLAGS -u MAKELEVEL -u BUILD -u O \
		    VMD_CACHE="$VMD_CACHE" dpkg-buildpackage -b -us -uc -j2
	}
	ok "it builds" package
	is "lintian has nothing to say" "" \
	    "$(lintian --allow-root "$t"/vmd_*.changes 2>&1)"
	# The next version: the same but for its number.
	old=$(echo "$t"/vmd_*.deb)
	next() {
		dpkg-deb -R "$old" "$t/next" &&
		    sed -i 's/^Version: .*/&+next/' "$t/next/DEBIAN/control" &&
		    dpkg-deb -b --root-owner-group "$t/next" "$t/next.deb"
	}
	ok "so does the next version" next
	[ $bad -ne 0 ] || in_view OLD="$old"
	is "this system knows nothing of it" "" \
	    "$(dpkg-query -W -f '${Status}' vmd 2> /dev/null)"
	done_testing
fi

ok "it is installed" dpkg -i "$OLD"
ok "with a user for vmd" id _vmd
ok "vmd is started" wait_for 60 vmctl version
ok "a VM runs" run_vm
ok "and answers" answers
[ $bad -eq 0 ] || view_done
pids=$(processes)
first=$(main_pid)
ok "the next version is installed" dpkg -i "$t/next.deb"
ok "vmd answers" wait_for 60 vmctl version
is "which is another" 1 "$(test "$first" != "$(main_pid)" && echo 1)"
is "the VM is the same" "$pids" "$(alive $pids)"
ok "and answers" answers
said=$(dpkg -r vmd 2>&1 | grep '^vmd: ')
is "it is removed, and says what goes on" "vmd: 1 virtual machines go on; \
install vmd again to reach them, or purge it to end them" "$said"
ok "vmd is gone" test ! -e /usr/sbin/vmd -a ! -s /run/vmd.main
is "the VM is not" "$pids" "$(alive $pids)"
ok "installed again" dpkg -i "$t/next.deb"
ok "vmd answers" wait_for 60 vmctl version
is "the VM is still the same" "$pids" "$(alive $pids)"
ok "and answers" answers
ok "it is purged" dpkg -P vmd
wait_for 20 [ -z "$(alive $pids)" ]
is "the VM is gone" "" "$(alive $pids)"
is "and all there was" "" "$(ls -d /var/lib/vmd /etc/vmd* /usr/libexec/vmd \
    /usr/lib/vmd /lib/systemd/system/vmd* /usr/share/doc/vmd 2> /dev/null)"
view_done
