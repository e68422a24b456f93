# view.sh - for tests that change the system: in a copy-on-write view of it
#
#	. tests/boot/view.sh
#	outside PROGRAM...		in the system: $t, ok, is, as lib.sh
#	in_view VARIABLE=VALUE...	the rest of this script, in the view, as
#					the first process: nothing survives it
#	. tests/boot/view.sh		there: $bad, ok, is, wait_for and more
#
# The view has no systemd: a small systemctl does what scripts of packages ask
# of one, as the unit says.

if [ -z "${IN_VIEW:-}" ]; then

. tests/boot/lib.sh

outside() {
	[ "$(id -u)" -eq 0 ] || skip_all "not root"
	for p in unshare chroot jq setsid "$@"; do
		command -v "$p" > /dev/null || skip_all "no $p"
	done
	mkdir "$t/view"
	unshare -m sh -c "$mount_view" sh "$t/view" > "$t/view.log" 2>&1 ||
	    skip_all "no overlay here: $(tail -n 1 "$t/view.log")"
	make_hello || broken "scripts/busybox-image"
}
# shellcheck disable=SC2016
mount_view='v=$1 r=$1/root
mount -t tmpfs view "$v" && mkdir "$v/up" "$v/work" "$r" &&
mount -t overlay view -o "lowerdir=/,upperdir=$v/up,workdir=$v/work" "$r"'
# shellcheck disable=SC2016
enter_view='
mount -t proc proc "$r/proc" && mount --rbind /dev "$r/dev" &&
mount --rbind /sys "$r/sys" && mount -t tmpfs run "$r/run" && shift &&
exec chroot "$r" env "$@"'
in_view() {
	timeout 1800 unshare -m -p -f --kill-child \
	    sh -c "$mount_view &&$enter_view" sh "$t/view" IN_VIEW=1 T="$t" \
	    TOP="$top" BUILD="$build" "$@" sh "$top/$0" > "$t/lines"
	rc=$?
	awk -v n="$n" '/^(not )?ok /	{ sub(/ok [0-9]+/, "ok " ++n) }
	    { print }' "$t/lines"
	n=$((n + $(grep -c '^ok\|^not ok' "$t/lines")))
	ok "the view is left at its end" [ $rc -eq 0 ]
}

else	# --- in the view ------------------------------------------------------

t=$T n=0 bad=0
HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
DEBIAN_FRONTEND=noninteractive
export HOME PATH DEBIAN_FRONTEND
unset VMCTL_HOST
rm -f /usr/sbin/policy-rc.d
mkdir -p /run/systemd/system
cat > /usr/bin/systemctl << 'END'
#!/bin/sh
# start, stop and restart vmd as the unit says.
pid=/run/vmd.main what=
wanted=/etc/systemd/system/multi-user.target.wants/vmd.service
for w; do
	case $w in
	-*) ;;
	*)	[ -n "$what" ] || what=$w ;;
	esac
done
stop() {
	[ -s $pid ] || return 0
	grep -q '^KillMode=process$' $unit || exit 1
	kill "$(cat $pid)"
	# Nobody may have waited for it yet.
	while grep -q '^State:[^Z]*$' "/proc/$(cat $pid)/status"; do
		sleep 0.1
	done 2> /dev/null
	rm -f $pid
}
start() {
	NOTIFY_SOCKET= setsid $(sed -n 's/^ExecStart=//p' $unit) -v \
	    >> /var/log/vmd.log 2>&1 < /dev/null &
	echo $! > $pid
}
unit=
for f in /lib/systemd/system /usr/local/lib/systemd/system; do
	[ ! -f $f/vmd.service ] || unit=$f/vmd.service
done
case $what in
start)	start ;;
stop)	stop ;;
restart|try-restart) stop; start ;;
enable|preset) mkdir -p "${wanted%/*}" && ln -sf "$unit" "$wanted" ;;
disable) rm -f "$wanted" ;;
is-enabled) [ -L "$wanted" ] || { echo disabled; exit 1; }; echo enabled ;;
is-active) [ -s $pid ] ;;
esac
END
chmod 755 /usr/bin/systemctl

ok() {
	n=$((n + 1)); text=$1; shift
	if "$@" > /tmp/ok.out 2>&1; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		echo "# status $? of: $*"
		tail -n 20 /tmp/ok.out | sed 's/^/# /'
		bad=1
	fi
}
is() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf 'wanted: %s\ngot: %s\n' "$2" "$3" | sed 's/^/# /'
		bad=1
	fi
}
wait_for() { # wait_for SECONDS COMMAND...
	tries=$(($1 * 10)); shift
	until "$@" > /dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}
processes() {
	id=$(ls /var/lib/vmd/vms)
	awk '{ print $2 }' "/var/lib/vmd/vms/$id/pids" | sort -n | xargs
}
alive() { # those of PID... that are
	for p; do kill -0 "$p" 2> /dev/null && echo "$p"; done | xargs
}
run_vm() {
	vmctl image import --name busybox:hello "$t/hello.tar" &&
	    vmctl run -d --name a -m 192M -c 1 busybox:hello &&
	    vmctl wait --state Running --timeout 300s a
}
answers() { wait_for 60 timeout 60 vmctl exec a true; }
main_pid() { cat /run/vmd.main 2> /dev/null; }
view_done() {
	[ $bad -eq 0 ] || tail -n 30 /var/log/vmd.log | sed 's/^/# vmd: /' >&2
	exit $bad
}

fi
