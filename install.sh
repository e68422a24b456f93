#!/bin/sh
# install.sh - build portable vmd and install it, on Debian and on macOS
#
#	./install.sh			this tree, for all users of the host
#	./install.sh --tarball FILE|URL --sha256 SUM	a release
#
#   --prefix DIR	where programs go (default /usr/local)
#   --no-start		do not start vmd, nor at boot
#   -n			only say what would be done
#
# Run again it upgrades: vmd is restarted, virtual machines go on.  What needs
# root is done through sudo.  On macOS vmd is an agent of the user who runs
# this, or the host's when root does.
set -eu

prefix=/usr/local start=yes dry='' tarball='' sum=''

die() { echo "install.sh: $*" >&2; exit 1; }
usage() {
	echo "usage: install.sh [-n] [--prefix DIR] [--no-start]" \
	    "[--tarball FILE|URL --sha256 SUM]" >&2
	exit 2
}
value() { [ $# -ge 2 ] || usage; }
while [ $# -gt 0 ]; do
	case $1 in
	--prefix)	value "$@"; prefix=$2; shift ;;
	--tarball)	value "$@"; tarball=$2; shift ;;
	--sha256)	value "$@"; sum=$2; shift ;;
	--no-start)	start='' ;;
	-n)		dry=yes ;;
	*)		usage ;;
	esac
	shift
done
case $prefix in
/*)	;;
*)	die "--prefix $prefix: an absolute path is wanted" ;;
esac

run() {
	echo "+ $*"
	[ -n "$dry" ] || "$@"
}
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		run "$@"
	else
		command -v sudo > /dev/null ||
		    die "not root, and no sudo for: $*"
		run sudo "$@"
	fi
}

# --- a release -----------------------------------------------------------------

digest() {
	if command -v sha256sum > /dev/null; then
		sha256sum "$1"
	else
		shasum -a 256 "$1"
	fi | cut -d ' ' -f 1
}
# A release installs itself, once it is what was asked for.
from_tarball() {
	[ -n "$sum" ] || die "--tarball needs --sha256, of who made it"
	d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-install.XXXXXX")
	trap 'rm -rf "$d"' EXIT
	trap 'exit 1' INT TERM HUP
	case $tarball in
	https://*)
		curl -fsSL --proto '=https' --max-filesize 200000000 \
		    -o "$d/vmd.tar.gz" "$tarball" || die "$tarball: not had" ;;
	*://*)	die "$tarball: only https" ;;
	*)	cp "$tarball" "$d/vmd.tar.gz" || die "$tarball: not read" ;;
	esac
	got=$(digest "$d/vmd.tar.gz")
	[ "$got" = "$sum" ] || die "$tarball: its SHA-256 is $got, not $sum"
	mkdir "$d/tree"
	tar xzf "$d/vmd.tar.gz" -C "$d/tree" --strip-components 1
	set -- --prefix "$prefix"
	[ -n "$start" ] || set -- "$@" --no-start
	[ -z "$dry" ] || set -- "$@" -n
	sh "$d/tree/install.sh" "$@"
	exit
}
[ -z "$tarball" ] || from_tarball
[ -z "$sum" ] || die "--sha256 is for --tarball"
cd "$(dirname "$0")"
[ -f Makefile ] || die "not in the source tree; --tarball installs a release"

# --- Debian --------------------------------------------------------------------

linux() {
	run scripts/deps run
	run make -s all guest "prefix=$prefix"
	as_root make -s install "prefix=$prefix"
	[ -n "$start" ] || return 0
	if [ -d /run/systemd/system ]; then
		as_root systemctl daemon-reload
		as_root systemctl enable vmd.service
		as_root systemctl restart vmd.service
	else
		echo "install.sh: no systemd here: start $prefix/sbin/vmd as root"
	fi
}

# --- macOS ---------------------------------------------------------------------

formulae="make pkgconf libevent jansson jose libmicrohttpd wslay libarchive
libslirp zstd openssl@3 sqlite curl glib lz4 skopeo squashfs e2fsprogs"

packages() {
	command -v brew > /dev/null ||
	    die "Homebrew is needed for libraries: https://brew.sh"
	xcode-select -p > /dev/null 2>&1 ||
	    die "Apple's command line tools are needed: xcode-select --install"
	missing=
	have=$(brew list --formula -1)
	for f in $formulae; do
		echo "$have" | grep -qx "$f" || missing="$missing $f"
	done
	# shellcheck disable=SC2086
	[ -z "$missing" ] || run brew install $missing
}
# An agent of this user, or a daemon of the host.
launch() {
	label=org.portable-vmd.vmd
	if [ "$(id -u)" -eq 0 ]; then
		domain=system dir=/Library/LaunchDaemons
	else
		label=$label.agent
		domain=gui/$(id -u) dir=$HOME/Library/LaunchAgents
	fi
	run mkdir -p "$dir"
	run install -m 644 "$prefix/share/vmd/launchd/$label.plist" "$dir"
	# One that runs is ended, which ends no virtual machine.
	if launchctl print "$domain/$label" > /dev/null 2>&1; then
		run launchctl bootout "$domain/$label"
	fi
	run launchctl bootstrap "$domain" "$dir/$label.plist"
}
darwin() {
	packages
	run gmake -s all "prefix=$prefix"
	# Whatever changes a program undoes its signature; a copy does not.
	run gmake -s sign "prefix=$prefix"
	as_root gmake -s install "prefix=$prefix"
	[ -z "$start" ] || launch
}

case $(uname -s) in
Linux)	command -v apt-get > /dev/null ||
	    echo "install.sh: not a Debian: README.md says what is needed" >&2
	linux ;;
Darwin)	darwin ;;
*)	die "$(uname -s): Linux and macOS only" ;;
esac
echo "install.sh: vmd is in $prefix; vmctl(8) is where to begin"
