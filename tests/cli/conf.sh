# conf.sh: a daemon with a vm.conf, for tests that source it; TAP. They start
# it on $sock, with $pid.
#
#	name	of the test; set before
programs="vmd-conf viod"
. tests/cli/daemon.sh
chmod 755 "$d"
conf=$d/vm.conf
VMCTL_HOST=unix://$sock
export VMCTL_HOST

cleanup() {
	"$bin/vmctl" rm -af > /dev/null 2>&1
	end_daemon
	rm -rf "$d"
}

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
