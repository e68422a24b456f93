# conf.sh: a daemon with a vm.conf, for tests that source it; TAP. They start
# it on $sock, with $pid.
#
#	name	of the test; set before

build=${BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
bin=$build/bin
for p in "$bin/vmd" "$bin/vmd-control" "$bin/vmd-conf" "$bin/vmm-null" \
    "$bin/viod"; do
	[ -x "$p" ] || { echo "1..0 # SKIP no $p"; exit 0; }
done
for p in curl jq; do
	command -v $p > /dev/null || { echo "1..0 # SKIP no $p"; exit 0; }
done

d=$(mktemp -d "${TMPDIR:-/tmp}/vmd-$name.XXXXXX")
chmod 755 "$d"
sock=$d/sock
conf=$d/vm.conf
VMCTL_HOST=unix://$sock
export VMCTL_HOST
pid=

serves() { curl -sf --unix-socket "$sock" http://vmd/health > /dev/null; }
until_true() { # COMMAND: at most a minute; no test depends on how long
	i=0
	until "$@"; do
		i=$((i + 1))
		[ $i -lt 1200 ] && kill -0 $pid 2> /dev/null || return 1
		sleep 0.05
	done
}
cleanup() {
	"$bin/vmctl" rm -af > /dev/null 2>&1
	[ -z "$pid" ] || kill "$pid" 2> /dev/null
	wait 2> /dev/null
	rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

n=0 bad=0
is() { # is TEXT WANTED FOUND
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf 'wanted: %s\nfound:  %s\n' "$2" "$3" | sed 's/^/# /'
		bad=1
	fi
}
