#!/bin/sh
# install.t - what make install puts where, that it is found there, and that
# make uninstall takes all of it away.

build=${BUILD:-build}
for p in make gcc pkg-config; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done
[ -f build/share/guest/"$(uname -m)"/initrd ] || {
	echo "1..0 # SKIP no guest kernel (make guest)"
	exit 0
}
[ -x "$build/bin/vmd" ] || { echo "1..0 # SKIP vmd is not built"; exit 0; }
d=$(mktemp -d /tmp/install.XXXXXX)
trap 'rm -rf "$d"' EXIT
trap 'exit 1' INT TERM
n=0

is() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf 'wanted: %s\ngot: %s\n' "$2" "$3" | sed 's/^/# /'
	fi
}
ok() {
	n=$((n + 1)); text=$1; shift
	if "$@" > "$d/out" 2>&1; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		tail -n 10 "$d/out" | sed 's/^/# /'
	fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

# A copy of what is built: another prefix makes vmd anew, and other tests
# run the one that is there.
mkdir "$d/build"
cp -Rp "$build/bin" "$build/lib" "$build/obj" "$d/build"
mk() { env -u MAKEFLAGS make -s O="$d/build" "$@"; }
root=$d/root

umask 077
ok "install" mk install DESTDIR="$root" prefix=/usr
umask 022
is "the programs a user starts" "/usr/bin/vmctl /usr/sbin/vmd" \
    "$(cd "$root" && find . -path '*bin/*' -type f | sort | cut -c 2- |
    xargs)"
is "and those of vmd" "viod viod-net viod-tap vmd-conf vmd-control vmd-image vmd-share vmm vmm-null vmm-qemu" \
    "$(ls "$root/usr/libexec/vmd" | xargs)"
is "all for everybody, whatever the umask" "" \
    "$(find "$root/usr" ! -perm -go=r; find "$root/usr" -type d ! -perm 755
    find "$root" -path '*bin/*' -type f ! -perm 755)"
is "nothing that more than the owner may change" "" \
    "$(find "$root/usr" -perm /022)"
is "a page a program" "$(ls man | xargs)" \
    "$(cd "$root/usr/share/man" && ls man5/* man7/* man8/* | sed 's|.*/||' |
    sort | xargs)"
is "completion of three shells" 3 "$(find "$root/usr/share" \
    -path '*completion*' -name 'vmctl*' -type f -o -name _vmctl | wc -l)"
is "a guest kernel" "$(ls "build/share/guest/$(uname -m)" | xargs)" \
    "$(ls "$root/usr/share/vmd/guest/$(uname -m)" | xargs)"

user=
[ "$(id -u)" -ne 0 ] || user="-o user=root"
# vmd looks for its programs where they were put.
if [ -e /usr/libexec/vmd/vmd-control ]; then
	skip "the prefix is in vmd" "a vmd is installed here"
else
	# shellcheck disable=SC2086
	is "the prefix is in vmd" \
	    "vmd: vmd-control: /usr/libexec/vmd/vmd-control: No such file or directory" \
	    "$("$root/usr/sbin/vmd" -s "$d/state" $user 2>&1 | tail -n 1)"
fi
# With no DESTDIR it would make the user _vmd of this host.
ok "another prefix, in its place" mk install DESTDIR=/ prefix="$d/opt"
# shellcheck disable=SC2086
is "vmd knows" \
    "vmd: vmd-control: $d/opt/libexec/vmd/vmd-control: No such file or directory" \
    "$(mv "$d/opt/libexec/vmd/vmd-control" "$d/control"
    "$d/opt/sbin/vmd" -s "$d/state" $user 2>&1 | tail -n 1)"
mv "$d/control" "$d/opt/libexec/vmd/vmd-control"
ok "built again, nothing is made" sh -c "[ -z \"\$(env -u MAKEFLAGS make \
    --no-print-directory \
    O='$d/build' prefix='$d/opt' programs 2>&1 | grep -v 'Nothing to be')\" ]"

# The unit.
unit=$root/usr/lib/systemd/system/vmd.service
exec=$(sed -n 's/^ExecStart=//p' "$unit")
is "the unit starts vmd in the foreground" "/usr/sbin/vmd -d" "$exec"
ok "which is there" test -x "$root${exec% *}"
is "no word is left to be put in" "" "$(grep @ "$unit")"
is "VMs survive a stop" "KillMode=process" "$(grep ^KillMode "$unit")"
is "and the kernel's killing one of them" "OOMPolicy=continue" \
    "$(grep ^OOMPolicy "$unit")"
if command -v systemd-analyze > /dev/null; then
	# Of the unit at another place, since it looks for the program.
	sed "s|/usr/sbin/vmd|$root/usr/sbin/vmd|; s|^Documentation=.*||" \
	    "$unit" > "$d/vmd.service"
	is "systemd-analyze verify" "" "$(systemd-analyze verify --man=no \
	    "$d/vmd.service" 2>&1 | grep 'vmd[.]service')"
else
	skip "systemd-analyze verify" "no systemd-analyze"
fi

ok "uninstall" mk uninstall DESTDIR="$root" prefix=/usr
is "no file is left" "" "$(find "$root" ! -type d)"
is "nor a directory of ours" "" "$(find "$root" -name '*vmd*')"
ok "uninstall the other" mk uninstall DESTDIR=/ prefix="$d/opt"
is "nothing of it is left" "" "$(find "$d/opt" ! -type d)"
ok "again is no error" mk uninstall DESTDIR=/ prefix="$d/opt"
echo "1..$n"
