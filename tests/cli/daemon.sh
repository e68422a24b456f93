# daemon.sh: a place for a daemon of its own, for tests that source it; TAP.
#
#	name		of the test; set before
#	programs	of ours that it wants, too; set before

build=${BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
bin=$build/bin
for p in vmd vmd-control vmm-null ${programs:-}; do
	[ -x "$bin/$p" ] || { echo "1..0 # SKIP no $bin/$p"; exit 0; }
done
for p in curl jq; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-$name.XXXXXX")
sock=$d/sock
pid=
n=0 bad=0
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

serves() { curl -sf --unix-socket "$sock" http://vmd/health > /dev/null; }
until_true() { # COMMAND: at most a minute; no test depends on how long
	i=0
	until "$@"; do
		i=$((i + 1))
		[ $i -lt 1200 ] && kill -0 $pid 2> /dev/null || return 1
		sleep 0.05
	done
}
end_daemon() { # after its VMs
	[ -z "$pid" ] || kill "$pid" 2> /dev/null
	wait 2> /dev/null
	pid=
}
