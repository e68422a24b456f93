#!/bin/sh
# layers.t: includes go one way.  For each directory below src, the layers
# its files may include; anything else is a new arrow and fails.
cd "$(dirname "$0")/.." || exit 1

# directory: what it may include, besides itself and lib
rules="
lib:
os:
disk: os
virtio: os
accel: os
chapi: os
agent: os
conf: os
priv: os
guest: agent
viod: os disk virtio
vmm: os disk chapi accel virtio
null: os chapi
qemu: os chapi accel
vz: os chapi
vmd: os priv disk
control: os chapi agent priv oci
oci: os
share:
vmctl: os conf disk
"

n=0 bad=0
for dir in src/*/; do
	dir=${dir#src/}; dir=${dir%/}
	n=$((n + 1))
	line=$(printf '%s' "$rules" | grep "^$dir:") || {
		echo "not ok $n - src/$dir has a rule"
		echo "# add src/$dir to tests/layers.t and to the" \
		    "drawing in docs/ARCHITECTURE.md"
		bad=1
		continue
	}
	allowed=" lib $dir ${line#*:} "
	wrong=$(grep -rn '^#include "' "src/$dir" --include='*.[ch]' |
	    sed 's/^\([^:]*:[0-9]*\):#include "\([^"]*\)".*/\1 \2/' |
	    while read -r where what; do
		case $what in
		*/*)	layer=${what%%/*} ;;
		*)	echo "$where: \"$what\" has no layer"; continue ;;
		esac
		case $allowed in
		*" $layer "*) ;;
		*) echo "$where: $dir includes $what" ;;
		esac
	    done)
	if [ -z "$wrong" ]; then
		echo "ok $n - $dir includes only what it may"
	else
		echo "not ok $n - $dir includes only what it may"
		echo "$wrong" | sed 's/^/# /'
		bad=1
	fi
done

# The hosts' differences stay in src/os.
n=$((n + 1))
hosts=$(grep -rnE '^#[ 	]*(if|ifdef|ifndef|elif).*(__linux__|__APPLE__|__OpenBSD__)' \
    src --include='*.[ch]' | grep -v '^src/os/')
if [ -z "$hosts" ]; then
	echo "ok $n - no #ifdef for a host outside src/os"
else
	echo "not ok $n - no #ifdef for a host outside src/os"
	echo "$hosts" | sed 's/^/# /'
	bad=1
fi
echo "1..$n"
exit $bad
