#!/bin/sh
# uninstall.sh - take away what install.sh installed
#
#	./uninstall.sh [-n] [--prefix DIR] [--purge]
#
# Virtual machines that run go on, and their data stay: installed again, vmd has
# them again.  --purge ends them and removes their data, for good.
set -eu

prefix=/usr/local purge='' dry=''

die() { echo "uninstall.sh: $*" >&2; exit 1; }
usage() {
	echo "usage: uninstall.sh [-n] [--prefix DIR] [--purge]" >&2
	exit 2
}
while [ $# -gt 0 ]; do
	case $1 in
	--prefix)	[ $# -ge 2 ] || usage; prefix=$2; shift ;;
	--purge)	purge=yes ;;
	-n)		dry=yes ;;
	*)		usage ;;
	esac
	shift
done
case $prefix in
/*)	;;
*)	die "--prefix $prefix: an absolute path is wanted" ;;
esac
cd "$(dirname "$0")"
[ -f Makefile ] || die "not in the source tree"

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

# of PROGRAM...: the processes that run one of these, removed ones too.
of() {
	if [ -d /proc/self ]; then
		for exe in /proc/[0-9]*/exe; do
			pid=${exe#/proc/}
			echo "${pid%/exe} $(readlink "$exe" 2> /dev/null)"
		done
	else
		ps -axo pid=,comm=
	fi | while read -r pid program; do
		for p; do
			case ${program% (deleted)} in
			"$p" | "$p"/*)	echo "$pid" ;;
			esac
		done
	done
}

case $(uname -s) in
Darwin)
	make=gmake
	label=org.portable-vmd.vmd
	if [ "$(id -u)" -eq 0 ]; then
		domain=system dir=/Library/LaunchDaemons data=/var/db/vmd
	else
		label=$label.agent
		domain=gui/$(id -u) dir=$HOME/Library/LaunchAgents
		data="$HOME/Library/Application Support/vmd"
	fi
	if launchctl print "$domain/$label" > /dev/null 2>&1; then
		run launchctl bootout "$domain/$label"
	fi
	run rm -f "$dir/$label.plist" ;;
Linux)
	make=make data=/var/lib/vmd
	if [ -d /run/systemd/system ]; then
		as_root systemctl disable vmd.service || :
		as_root systemctl stop vmd.service || :
	fi ;;
*)	die "$(uname -s): Linux and macOS only" ;;
esac
# Another way than the host's service, or another's.
for pid in $(of "$prefix/sbin/vmd"); do as_root kill "$pid"; done
as_root $make -s uninstall "prefix=$prefix"
[ ! -d /run/systemd/system ] || as_root systemctl daemon-reload

if [ -n "$purge" ]; then
	for pid in $(of "$prefix/libexec/vmd"); do
		as_root kill -9 "$pid" || :
	done
	as_root rm -rf "$data"
	[ "$(uname -s)" = Darwin ] || ! id _vmd > /dev/null 2>&1 ||
	    as_root userdel _vmd
	exit 0
fi
n=$(of "$prefix/libexec/vmd/vmm" "$prefix/libexec/vmd/vmm-qemu" \
    "$prefix/libexec/vmd/vmm-vz" | wc -l)
[ "$n" -eq 0 ] || echo "uninstall.sh: $((n)) virtual machines go on; install" \
    "vmd again to reach them, or --purge to end them"
[ ! -d "$data" ] ||
    echo "uninstall.sh: $data stays; --purge removes what VMs wrote"
