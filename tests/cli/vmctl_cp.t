#!/bin/sh
# vmctl_cp.t: cp both ways, the rules of its paths, and a guest that lies.
. tests/cli/vmctl.sh

begin
route "GET /instances/web 200 $web_running"
route "GET $web_id/stat stat"
route "GET $web_id/cp copy"
serve
g=$dir/guest
h=$dir/host
mkdir "$h"

# A tree with one of everything an ordinary user can make.
mkdir -p "$h/tree/sub/empty" "$h/tree/ro"
echo one > "$h/tree/one"
ln "$h/tree/one" "$h/tree/sub/two"
ln -s ../one "$h/tree/sub/link"
ln -s /nowhere "$h/tree/dangling"
mkfifo "$h/tree/fifo"
head -c 300000 /dev/urandom > "$h/tree/big"
truncate -s 1M "$h/tree/sparse"
printf x | dd of="$h/tree/sparse" bs=1 seek=500000 conv=notrunc status=none
: > "$h/tree/empty file"
chmod 750 "$h/tree/one"
chmod 555 "$h/tree/ro"
touch -d 2001-02-03T04:05:06Z "$h/tree/one" "$h/tree/sub"

listing() { # DIR
	(cd "$1" && find . ! -type f -printf '%P %y %m %l\n' , \
	    -type f -printf '%P %y %m %s %n\n' | LC_ALL=C sort
	find . -type f -exec md5sum {} + | LC_ALL=C sort)
}
alike() { # TEXT A B
	listing "$2" > "$dir/a"
	listing "$3" > "$dir/b"
	diff "$dir/a" "$dir/b" > "$dir/diff"
	check "$1" $?
	sed 's/^/# /' "$dir/diff"
}

t "a file to a new name" 0 "$vmctl" cp "$h/tree/one" web:/one
cmp -s "$h/tree/one" "$g/one" && [ "$(stat -c %a "$g/one")" = 750 ]
check "with bytes and mode" $?
grep -q '"mtime_ns":981173106000000000,"size":4' "$dir/log"
check "and its time" $?
! grep -q '"uid"' "$dir/log"
check "and nobody's in particular" $?
mkdir "$g/d"
t "a file into a directory" 0 "$vmctl" cp "$h/tree/one" web:/d
[ -f "$g/d/one" ]
check "is there" $?
t "a file over a file" 0 "$vmctl" cp "$h/tree/big" web:d/one
cmp -s "$h/tree/big" "$g/d/one"
check "replaces it; a relative path begins at /" $?
t "-a sends owners" 0 "$vmctl" cp -a "$h/tree/one" web:/one
grep -q "\"uid\":$(id -u),\"gid\":$(id -g)" "$dir/log"
check "-a sends owners" $?
t "a link itself" 0 "$vmctl" cp "$h/tree/dangling" web:/l
[ "$(readlink "$g/l")" = /nowhere ]
check "a link itself" $?
t "what a link refers to" 0 "$vmctl" cp -L "$h/tree/sub/link" web:/followed
cmp -s "$h/tree/one" "$g/followed" && [ ! -L "$g/followed" ]
check "what a link refers to" $?

t "a tree to a new name" 0 "$vmctl" cp "$h/tree" web:/copy
alike "is the same" "$h/tree" "$g/copy"
grep -q '"type":"hole"' "$dir/log"
check "holes are sent as such" $?
t "a tree into a directory" 0 "$vmctl" cp "$h/tree" web:/d
alike "is the same" "$h/tree" "$g/d/tree"
mkdir "$g/there"
chmod 711 "$g/there"
t "what is in a tree" 0 "$vmctl" cp "$h/tree/." web:/there
[ -f "$g/there/one" ] && [ ! -e "$g/there/tree" ]
check "goes into the directory itself" $?

t "a file from the guest" 0 "$vmctl" cp web:/one "$h/from"
cmp -s "$g/one" "$h/from" && [ "$(stat -c %a "$h/from")" = 750 ]
check "with bytes and mode" $?
t "a tree from the guest" 0 "$vmctl" cp web:/copy "$h/back"
chmod 755 "$h/tree/sub"
(cd "$g/copy" && find . -printf '%P %y %m %l\n' | sort) > "$dir/a"
(cd "$h/back" && find . -printf '%P %y %m %l\n' | sort) > "$dir/b"
diff "$dir/a" "$dir/b"
check "is the same" $?
[ "$(stat -c %Y "$h/back/sub")" = "$(stat -c %Y "$g/copy/sub")" ]
check "also in the times of directories" $?
mkdir "$h/into"
t "a tree into a directory here" 0 "$vmctl" cp web:/copy "$h/into"
[ -f "$h/into/copy/one" ]
check "is below it" $?
t "what is in it, here" 0 "$vmctl" cp web:/copy/. "$h/into"
[ -f "$h/into/one" ] && [ "$(stat -c %a "$h/into")" = 755 ]
check "is in it, and its mode is kept" $?

t "to an archive" 0 sh -c "'$vmctl' cp web:/copy/sub - | tar tf -"
sort "$dir/out" > "$dir/sorted"
same "has every name once" "$dir/sorted" <<'E'
sub/
sub/empty/
sub/link
sub/two
E
mkdir "$g/untar"
t "from an archive" 0 sh -c "tar cf - -C '$h' tree | '$vmctl' cp - web:/untar"
alike "is the same" "$h/tree" "$g/untar/tree"
t "an archive onto a file" 1 sh -c "tar cf - -C '$h' tree | '$vmctl' cp - web:/one"
t "an archive that climbs" 1 sh -c "cd '$h' && tar cPf - tree/../tree/one | '$vmctl' cp - web:/untar"

# What is refused.
t "no such file here" 1 "$vmctl" cp "$h/no" web:/x
t "no such file there" 1 "$vmctl" cp web:/no "$h"
err "names it" <<'E'
vmctl: web:/no: no such file or directory
E
t "a directory over a file" 1 "$vmctl" cp "$h/tree" web:/one
err "is refused" <<'E'
vmctl: cannot copy a directory to a file, /one
E
t "a directory that is not there" 1 "$vmctl" cp "$h/tree/one" web:/no/
t "both here" 1 "$vmctl" cp a b
t "both there" 1 "$vmctl" cp web:/a web:/b

# A guest that lies.  Nothing may appear outside of "$h/evil".
liar() { # TEXT, messages on stdin
	cat > "$dir/evil"
	rm -rf "$h/evil" "$h/outside"
	mkdir "$h/outside"
	t "$1" 1 "$vmctl" cp web:/copy "$h/evil"
	[ -z "$(ls -A "$h/outside")" ]
	check "$1: nothing outside" $?
}
dot='{"type":"header","path":".","kind":"dir","mode":493}'
file='"kind":"file","mode":420,"size":3}'
liar "a name that climbs" <<E
$dot
{"type":"header","path":"../outside/x",$file
abc
{"type":"end","final":true}
E
liar "an absolute name" <<E
$dot
{"type":"header","path":"$h/outside/x",$file
abc
E
liar "through a symbolic link" <<E
$dot
{"type":"header","path":"l","kind":"symlink","mode":511,"link":"$h/outside"}
{"type":"header","path":"l/x",$file
abc
E
liar "a directory that is a symbolic link" <<E
$dot
{"type":"header","path":"l","kind":"symlink","mode":511,"link":"$h/outside"}
{"type":"header","path":"l","kind":"dir","mode":511}
{"type":"header","path":"l/x",$file
E
liar "a hard link out of it" <<E
$dot
{"type":"header","path":"l","kind":"hardlink","mode":511,"link":"../outside"}
E
liar "more than a file" <<E
$dot
{"type":"header","path":"x",$file
abcdef
E
liar "less than a file" <<E
$dot
{"type":"header","path":"x",$file
ab
{"type":"end","final":true}
E
liar "no root" <<E
{"type":"header","path":"x",$file
abc
E
liar "an end before it began" <<E
{"type":"end","final":true}
E
liar "no JSON" <<E
{"type
E
liar "a hole of its own" <<E
$dot
{"type":"hole","bytes":9}
E
liar "nothing" < /dev/null
liar "an error" <<E
{"type":"error","message":"no space left on device","path":"/copy/x"}
E
err "is shown" <<'E'
vmctl: /copy/x: no space left on device
E
cat > "$dir/evil" <<E
$dot
{"type":"header","path":"s","kind":"file","mode":3565,"size":0}
{"type":"end","final":true}
E
t "a set-user-ID file" 0 "$vmctl" cp web:/copy "$h/evil"
[ "$(stat -c %a "$h/evil/s")" = 755 ]
check "is not one here" $?
chmod -R u+w "$dir"
end
