#!/bin/sh
# installer.t - install.sh and uninstall.sh: on this Debian, in a view of it, with
# a VM that runs through an upgrade and an uninstall; a release with the right
# and the wrong checksum; and what they do on a Mac, with programs in the place
# of Apple's that write down what they are told.
. "${TOP:-.}/tests/boot/view.sh"

if [ -z "${IN_VIEW:-}" ]; then
	outside make gcc pkg-config curl
	ok "deps has nothing to install" [ -z "$(scripts/deps run)" ]
	[ $bad -eq 0 ] || done_testing
	# What is built already is not built again there.
	in_view
	is "this system knows nothing of it" "" \
	    "$(ls -d /usr/local/libexec/vmd /usr/local/sbin/vmd 2> /dev/null)"
	done_testing
fi

unset BUILD MAKEFLAGS MAKELEVEL
rm -rf /usr/local/libexec/vmd /usr/local/share/vmd /var/lib/vmd
cd "$TOP" || exit 1
says() { # says TEXT WORDS STATUS COMMAND...
	text=$1 words=$2 status=$3; shift 3
	"$@" > /tmp/said 2>&1
	is "$text: status" "$status" $?
	is "$text: it says so" 1 "$(grep -c -e "$words" /tmp/said)"
}

# --- this Debian ---------------------------------------------------------------

ok "only saying what would be done" ./install.sh -n
is "does nothing" "" "$(ls -d /usr/local/libexec/vmd 2> /dev/null)"
ok "installed" ./install.sh
ok "with a user for vmd" id _vmd
ok "vmd is started" wait_for 60 vmctl version
ok "a VM runs" run_vm
ok "and answers" answers
[ $bad -eq 0 ] || view_done
pids=$(processes)
first=$(main_pid)
ok "installed again" ./install.sh
ok "vmd answers" wait_for 60 vmctl version
is "which is another" 1 "$(test "$first" != "$(main_pid)" && echo 1)"
is "the VM is the same" "$pids" "$(alive $pids)"
ok "and answers" answers
says "uninstalled" "1 virtual machines go on" 0 ./uninstall.sh
is "no program is left" "" "$(ls -d /usr/local/libexec/vmd \
    /usr/local/sbin/vmd /usr/local/bin/vmctl /usr/local/share/vmd \
    /usr/local/lib/systemd/system/vmd.service 2> /dev/null)"
is "vmd is gone" "" "$(main_pid)"
is "the VM is not" "$pids" "$(alive $pids)"
ok "uninstalled again" ./uninstall.sh
ok "installed once more" ./install.sh
ok "vmd has its VM" wait_for 60 vmctl status a
ok "which answers" answers
ok "purged" ./uninstall.sh --purge
wait_for 20 [ -z "$(alive $pids)" ]
is "the VM is gone" "" "$(alive $pids)"
is "with its data, and the user" "" \
    "$(ls -d /var/lib/vmd 2> /dev/null; id _vmd 2> /dev/null)"

# --- a release -----------------------------------------------------------------

mkdir -p /tmp/release/vmd-9
printf '#!/bin/sh\necho "installed with $*"\n' > /tmp/release/vmd-9/install.sh
tar czf /tmp/release.tar.gz -C /tmp/release vmd-9
sum=$(sha256sum /tmp/release.tar.gz | cut -d ' ' -f 1)
says "a release" "^installed with --prefix /opt/v --no-start$" 0 \
    ./install.sh --tarball /tmp/release.tar.gz --sha256 "$sum" \
    --prefix /opt/v --no-start
says "another than was asked for" "its SHA-256 is $sum, not 00" 1 \
    ./install.sh --tarball /tmp/release.tar.gz --sha256 00
says "one without a checksum" "needs --sha256" 1 \
    ./install.sh --tarball /tmp/release.tar.gz
says "without encryption" "only https" 1 \
    ./install.sh --tarball http://127.0.0.1/vmd.tar.gz --sha256 00
is "nothing is left of them" "" "$(ls -d /tmp/vmd-install.* 2> /dev/null)"
says "a relative prefix" "absolute" 1 ./install.sh --prefix here
says "another word" "usage:" 2 ./install.sh --frefix /here

# --- a Mac ---------------------------------------------------------------------

mac=/tmp/mac
mkdir -p $mac/bin "$mac/home"
for p in brew launchctl xcode-select gmake; do
	cat > $mac/bin/$p << 'END'
#!/bin/sh
# Writes down what it is told.
echo "${0##*/} $*" >> /tmp/mac/told
case ${0##*/},$1 in
brew,list) [ ! -f /tmp/mac/brewed ] || cat /tmp/mac/brewed ;;
brew,install) shift; printf '%s\n' "$@" >> /tmp/mac/brewed ;;
launchctl,print) [ -f /tmp/mac/runs ] ;;
launchctl,bootstrap) : > /tmp/mac/runs ;;
launchctl,bootout) rm /tmp/mac/runs ;;
gmake,-s) case $2 in
	install) mkdir -p /tmp/mac/usr/share/vmd/launchd
		for f in etc/launchd/*; do
			sed "s|@sbindir@|/tmp/mac/usr/sbin|" "$f" \
			    > "/tmp/mac/usr/share/vmd/launchd/${f##*/}"
		done ;;
	uninstall) rm -r /tmp/mac/usr ;;
	esac ;;
esac
END
	chmod 755 $mac/bin/$p
done
printf '#!/bin/sh\necho Darwin\n' > $mac/bin/uname
printf '#!/bin/sh\ncase $* in -u) echo ${MAC_UID:-501} ;; *) exit 1 ;; esac\n' \
    > $mac/bin/id
printf '#!/bin/sh\n"$@"\n' > $mac/bin/sudo
chmod 755 $mac/bin/*
on_mac() { HOME=$mac/home PATH=$mac/bin:$PATH "$@" --prefix $mac/usr; }
told() { grep -c "^$1" $mac/told; }
agent=$mac/home/Library/LaunchAgents/org.portable-vmd.vmd.agent.plist

ok "mac: installed" on_mac ./install.sh
is "libraries from Homebrew" 1 "$(told 'brew install make ')"
is "made, signed, installed" "all sign install" \
    "$(sed -n 's/^gmake -s \([a-z]*\) .*/\1/p' $mac/told | xargs)"
is "an agent of the user" 1 "$(told "launchctl bootstrap gui/501 $agent")"
ok "which is a property list" python3 -c 'import plistlib, sys
p = plistlib.load(open(sys.argv[1], "rb"))
assert p["Label"] == "org.portable-vmd.vmd.agent"
assert p["ProgramArguments"][0] == "/tmp/mac/usr/sbin/vmd"
assert p["AbandonProcessGroup"] is True
assert not any("$" in a or "~" in a for a in p["ProgramArguments"])' "$agent"
is "with nothing left to put in" "" "$(grep @ "$agent")"
: > $mac/told
ok "mac: installed again" on_mac ./install.sh
is "nothing is brewed" 0 "$(told 'brew install')"
is "the one that ran ends first" "launchctl bootout gui/501/org.portable-vmd.vmd.agent
launchctl bootstrap gui/501 $agent" "$(grep -e bootout -e bootstrap $mac/told)"
mkdir -p "$mac/home/Library/Application Support/vmd"
says "mac: uninstalled" "Application Support/vmd stays" 0 on_mac ./uninstall.sh
is "no agent" "" "$(ls "$agent" 2> /dev/null)"
is "nor one that runs" "" "$(ls $mac/runs 2> /dev/null)"
mkdir -p $mac/usr
ok "mac: purged" on_mac ./uninstall.sh --purge
is "with its data" "" "$(ls "$mac/home/Library/Application Support")"
: > $mac/told
ok "mac: by root" env MAC_UID=0 HOME=$mac/home PATH=$mac/bin:"$PATH" \
    ./install.sh --prefix $mac/usr
is "for the host" 1 "$(told 'launchctl bootstrap system /Library/LaunchDaemons/org.portable-vmd.vmd.plist')"
view_done
