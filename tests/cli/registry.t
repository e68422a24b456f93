#!/bin/sh
# SPDX-License-Identifier: ISC
# registry.t: pulling from real registries on loopback
#
# docker-registry, open and with htpasswd; indexes, docker manifests, shared
# layers; blobs that are missing, connections that break or hang, jobs that
# are killed.  Whatever went wrong, the same command works right after.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
image=$PWD/$build/bin/vmd-image
tmp=$(mktemp -d /tmp/registry.XXXXXX) || exit 1
pids=
end() {
	for p in $pids; do kill "$p" 2> /dev/null; done
	wait 2> /dev/null
	rm -rf "$tmp"
}
trap end EXIT
trap 'exit 1' INT TERM
. tests/cli/oci.sh
[ -x "$image" ] || { echo "1..0 # SKIP no $image"; exit 0; }
need jq skopeo docker-registry htpasswd socat curl sqfstar
arch=$(host_arch)
other=arm64
[ "$arch" = amd64 ] || other=amd64
store=$tmp/store
# Nothing of the user who runs this.
HOME=$tmp/home; export HOME; mkdir "$HOME"
unset DOCKER_CONFIG XDG_RUNTIME_DIR REGISTRY_AUTH_FILE

# until COMMAND...: at most ten seconds of tries, ended by success.
until_ok() {
	i=0
	until "$@" > /dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 200 ] || return 1
		sleep 0.05
	done
}
# registry NAME [AUTH LINES]: sets $port.
registry() {
	printf '%s\n' "version: 0.1" "log: {level: info}" \
	    "storage: {filesystem: {rootdirectory: $tmp/$1.data}," \
	    "    delete: {enabled: true}}" \
	    "http: {addr: '127.0.0.1:0'}" "$2" > "$tmp/$1.yml"
	docker-registry serve "$tmp/$1.yml" > "$tmp/$1.log" 2>&1 &
	pids="$pids $!"
	until_ok grep -q 'listening on 127' "$tmp/$1.log"
	port=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' \
	    "$tmp/$1.log" | head -n 1)
}
# proxy NAME SHELL COMMAND: a listener that runs it for each connection.
proxy() {
	printf '%s\n' "$2" > "$tmp/$1.sh"
	socat -d -d TCP-LISTEN:0,bind=127.0.0.1,fork,reuseaddr \
	    "SYSTEM:sh $tmp/$1.sh" 2> "$tmp/$1.log" &
	pids="$pids $!"
	until_ok grep -q 'listening on' "$tmp/$1.log"
	pport=$(sed -n 's/.*listening on .*127.0.0.1:\([0-9]*\).*/\1/p' \
	    "$tmp/$1.log" | head -n 1)
}
run() { timeout 120 "$image" -s "$store" "$@"; }
fails() { # CODE WORDS COMMAND...
	code=$1 words=$2; shift 2
	"$@" > "$tmp/said"
	status=$?
	cat "$tmp/said"
	[ $status -eq 1 ] || return 1
	tail -n 1 "$tmp/said" | jq -e ".event == \"error\" and
	    .code == \"$code\"" > /dev/null &&
	    tail -n 1 "$tmp/said" | grep -q -e "$words"
}
# told FILTER COMMAND...: the filter is true of the image line.
told() {
	filter=$1; shift
	"$@" > "$tmp/said" || { cat "$tmp/said"; return 1; }
	cat "$tmp/said"
	jq -se "[.[] | select(.event == \"image\")][0].image | $filter" \
	    "$tmp/said"
}
clean() { # nothing of a failed pull is seen
	[ -z "$(ls "$store/tmp")" ] &&
	    jq -e '.manifests == []' "$store/index.json"
}

# --- images ----------------------------------------------------------------

mkdir -p "$tmp/base" "$tmp/app" "$tmp/app2"
head -c 3000000 /dev/urandom > "$tmp/base/big"
echo app > "$tmp/app/app"; echo app2 > "$tmp/app2/app"
for l in base app app2; do tar -C "$tmp/$l" -cf "$tmp/$l.tar" .; done
lay=$tmp/layout
oci_init "$lay"
one=$(oci_manifest "$lay" "$arch" '{"Cmd":["one"]}' "gzip:$tmp/base.tar" \
    "gzip:$tmp/app.tar")
two=$(oci_manifest "$lay" "$arch" '{"Cmd":["two"]}' "gzip:$tmp/base.tar" \
    "gzip:$tmp/app2.tar")
far=$(oci_manifest "$lay" $other '{"Cmd":["far"]}' "gzip:$tmp/app.tar")
oci_name "$lay" one "$one" "$arch"
oci_name "$lay" two "$two" "$arch"
oci_name "$lay" far "$far" $other
registry open ''
reg=127.0.0.1:$port
push() { # NAME TARGET [OPTION...]
	name=$1 to=$2; shift 2
	skopeo copy -q --insecure-policy --dest-tls-verify=false "$@" \
	    "oci:$lay:$name" "docker://$to"
}
push one "$reg/t/one:1"; push two "$reg/t/two:1"
push one "$reg/t/multi:a"; push far "$reg/t/multi:b"
push one "$reg/t/docker:1" --format v2s2
echo "{\"schemaVersion\":2,\"mediaType\":
    \"application/vnd.oci.image.index.v1+json\",\"manifests\":[
    {\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",
    \"digest\":\"${far% *}\",\"size\":${far#* },
    \"platform\":{\"os\":\"linux\",\"architecture\":\"$other\"}},
    {\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",
    \"digest\":\"${one% *}\",\"size\":${one#* },
    \"platform\":{\"os\":\"linux\",\"architecture\":\"$arch\"}}]}" \
    > "$tmp/index"
curl -sf -X PUT -T "$tmp/index" \
    -H 'Content-Type: application/vnd.oci.image.index.v1+json' \
    "http://$reg/v2/t/multi/manifests/all"
index=sha256:$(sha256sum < "$tmp/index" | cut -d' ' -f1)

# --- failures first, on an empty store --------------------------------------

ok "plain http needs -i" fails network 'insecure\|trusted' run pull "$reg/t/one:1"
ok "no such tag" fails not_found 'no such image' run pull -i "$reg/t/one:2"
ok "no such repository" fails not_found 'no such' run pull -i "$reg/t/none"
ok "nobody listens" fails network 'nobody answers' \
    run pull -i 127.0.0.1:1/t/one
ok "no such host" fails network . run pull host.invalid/t/one
ok "a bad name" fails invalid_reference 'lower case' run pull "$reg/T/One"
ok "a platform that is not there" fails platform_not_available \
    "linux/$other, linux/$arch\|linux/$arch, linux/$other" \
    run pull -i -p riscv64 "$reg/t/multi:all"
ok "another platform than the only one" fails platform_not_available \
    "there is: linux/$arch" run pull -i -p $other "$reg/t/one:1"
gone=$(jq -r '.layers[0].digest' "$lay/blobs/sha256/$(echo "${one% *}" |
    cut -d: -f2)" | cut -d: -f2)
data=$(find "$tmp/open.data" -path "*$gone/data")
mv "$data" "$tmp/hidden"
ok "a blob deleted in the registry" fails not_found 'lost a part' \
    run pull -i "$reg/t/one:1"
ok "leaves nothing to be seen" clean
mv "$tmp/hidden" "$data"

# A connection that breaks in the middle of a layer, each time.
proxy cut "socat - TCP:$reg | head -c 300000"
ok "a connection cut in the middle" fails network 'broke off' \
    run pull -i "127.0.0.1:$pport/t/one:1"
ok "leaves nothing to be seen" clean

# One that hangs: the job is there when it is killed.
proxy hang "socat - TCP:$reg | (head -c 300000; exec sleep 1000)"
no_skopeo() { ! pgrep -f "skopeo .*127.0.0.1:$pport/t/one"; }
for sig in KILL TERM; do
	"$image" -s "$store" pull -i "127.0.0.1:$pport/t/one:1" \
	    > "$tmp/hung" &
	p=$!
	ok "the pull is under way" until_ok grep -q '"bytes_done":[1-9]' \
	    "$tmp/hung"
	kill -$sig $p
	wait $p
	ok "no skopeo is left after SIG$sig" until_ok no_skopeo
	if [ $sig = TERM ]; then
		ok "it says so" grep -q '"code":"interrupted"' "$tmp/hung"
	else
		ok "it left its work" [ -n "$(ls "$store/tmp")" ]
	fi
	ok "the next job finds it" run list
	ok "and cleans up" clean
done

# --- and it works ------------------------------------------------------------

ok "pull by tag" told ".cmd == [\"one\"] and .name == \"$reg/t/one:1\" and
    .digest == \"${one% *}\" and .source_digest == .digest and
    (.layers | length) == 2" run pull -i "$reg/t/one:1"
ok "progress was told" jq -se '[.[] | select(.event == "progress" and
    .phase == "pulling")] | last | .bytes_done == .bytes_total and
    .bytes_total > 3000000 and .layers_done == 2' "$tmp/said"
gets() { grep -c "GET /v2/t/$1/blobs/sha256:$gone" "$tmp/open.log"; }
ok "a second image" told '.cmd == ["two"]' run pull -i "$reg/t/two:1"
ok "did not fetch the layer they share" [ "$(gets two)" = 0 ]
n1=$(grep -c 'GET /v2/t/one/blobs' "$tmp/open.log")
ok "pulling again" run pull -i "$reg/t/one:1"
ok "fetches no layer" [ "$(grep -c 'GET /v2/t/one/blobs/sha256:'"$gone" \
    "$tmp/open.log")" -le "$n1" ]
ok "from an index, this platform" told ".digest == \"${one% *}\" and
    .source_digest == \"$index\"" run pull -i "$reg/t/multi:all"
ok "from an index, another" told ".digest == \"${far% *}\" and
    .platform == \"linux/$other\"" run pull -i -p $other "$reg/t/multi:all"
ok "both are there" sh -c "'$image' -s '$store' list |
    jq -se '[.[] | select(.image.name == \"$reg/t/multi:all\")] |
    length == 2'"
ok "inspect takes this machine's" told ".platform == \"linux/$arch\"" \
    run inspect "$reg/t/multi:all"
ok "or the one asked for" told ".platform == \"linux/$other\"" \
    run inspect -p $other "$reg/t/multi:all"
ok "by digest of a manifest" told ".name == \"$reg/t/multi@${one% *}\"" \
    run pull -i "$reg/t/multi@${one% *}"
ok "by digest of an index, beside a tag" told ".digest == \"${one% *}\"" \
    run pull -i "$reg/t/multi:b@$index"
ok "a digest of another repository" fails not_found . \
    run pull -i "$reg/t/two@${far% *}"
ok "a docker manifest is converted" told '.digest != .source_digest' \
    run pull -i "$reg/t/docker:1"
src=$(jq -sr '[.[] | select(.event == "image")][0].image.source_digest' \
    "$tmp/said")
ok "and found by the registry's digest" told ".name == \"$reg/t/docker:1\"" \
    run inspect "$src"
ok "unpack of it" told '.root != null' run unpack "$reg/t/docker:1"

# --- a tag that moves ----------------------------------------------------------

push two "$reg/t/one:1"
ok "a tag that moved" told '.cmd == ["two"]' run pull -i "$reg/t/one:1"
run remove "$reg/t/multi:all" > /dev/null
run remove "$reg/t/multi@${one% *}" > /dev/null
run remove "$reg/t/multi@$index" > /dev/null
ok "leaves the old one without a name" told '.name == ""' \
    run inspect "${one% *}"
ok "prune takes it" sh -c "'$image' -s '$store' prune |
    jq -se '.[0].digest == \"${one% *}\" and last.freed_bytes > 0'"
ok "it is gone" fails not_found . run inspect "${one% *}"
ok "what they shared is not" run unpack "$reg/t/one:1"

# --- credentials ------------------------------------------------------------------

htpasswd -Bbn alice 's3cret' > "$tmp/htpasswd"
registry auth "auth: {htpasswd: {realm: test, path: $tmp/htpasswd}}"
areg=127.0.0.1:$port
push one "$areg/p/one:1" --dest-creds alice:s3cret
secret() { # PASSWORD
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$areg" \
	    "$(printf 'alice:%s' "$1" | base64)"
}
secret s3cret > "$tmp/auth.json"
secret wrong > "$tmp/wrong.json"
rm -rf "$store"
ok "no login" fails unauthorized 'login' run pull -i "$areg/p/one:1"
ok "a wrong one" fails unauthorized 'login' \
    run pull -i -a "$tmp/wrong.json" "$areg/p/one:1"
ok "leaves nothing to be seen" clean
ok "a file" run pull -i -a "$tmp/auth.json" "$areg/p/one:1"
rm -rf "$store"
ok "a descriptor" sh -c "exec 7< '$tmp/auth.json'
    '$image' -s '$store' pull -i -A 7 '$areg/p/one:1'"
rm -rf "$store"
mkdir -p "$HOME/.docker" "$tmp/path"
echo "{\"credHelpers\":{\"$areg\":\"test\"}}" > "$HOME/.docker/config.json"
printf '%s\n' '#!/bin/sh' 'cat > /dev/null' \
    'echo "{\"Username\":\"alice\",\"Secret\":\"s3cret\"}"' \
    > "$tmp/path/docker-credential-test"
chmod +x "$tmp/path/docker-credential-test"
ok "a credential helper of docker's configuration" \
    env PATH="$tmp/path:$PATH" "$image" -s "$store" pull -i "$areg/p/one:1"
if ! "$image" -v -s "$store" list 2>&1 > /dev/null | grep 'sandbox is without'
then
	rm -rf "$store"
	echo foreign > "$tmp/foreign"
	sed "2i if cat $tmp/foreign || touch $tmp/made; then exit 1; fi" \
	    "$tmp/path/docker-credential-test" > "$tmp/path/new"
	chmod +x "$tmp/path/new"
	mv "$tmp/path/new" "$tmp/path/docker-credential-test"
	ok "which reads and makes no other files" \
	    env PATH="$tmp/path:$PATH" \
	    "$image" -s "$store" pull -i "$areg/p/one:1"
else
	n=$((n + 1)); echo "ok $n # SKIP not the whole sandbox here"
fi
rm -rf "$store" "$HOME/.docker"
mkdir "$tmp/dockerconf"
cp "$tmp/auth.json" "$tmp/dockerconf/config.json"
ok "DOCKER_CONFIG" env DOCKER_CONFIG="$tmp/dockerconf" \
    "$image" -s "$store" pull -i "$areg/p/one:1"
echo "1..$n"
exit $bad
