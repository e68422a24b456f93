#!/bin/sh
# vmctl_misc.t: volumes, the host, help, options, completion.
. tests/cli/vmctl.sh

begin
route 'GET /volumes 200 [{"id":"volvolvolvolvolvol","name":"data","size_gb":10,"created_at":"2020-01-01T00:00:00Z","attachments":[{"instance_id":"webwebwebwebwebwebwebweb","mount_path":"/data","readonly":false}]}]'
route 'POST /volumes 201 {"id":"volvolvolvolvolvol","name":"data","size_gb":2}'
route 'DELETE /volumes/data 204'
route 'GET /capabilities 200 {"server":{"version":"0.1.0","api_version":"0.3.0"},"default_runtime":{"name":"qemu","available":true},"runtimes":[{"name":"qemu","available":true,"features":["exec","pause"]},{"name":"vmm","available":false,"features":[],"reason":"/dev/kvm interprets guests"}]}'
route 'GET /resources 200 {"cpu":{"capacity":2,"effective_limit":8,"allocated":3,"available":5,"oversub_ratio":4.0},"memory":{"capacity":4294967296,"effective_limit":4294967296,"allocated":1073741824,"available":3221225472,"oversub_ratio":1.0},"disk":{"capacity":1,"effective_limit":1,"allocated":0,"available":1,"oversub_ratio":1.0},"network":{"capacity":0,"effective_limit":0,"allocated":0,"available":0,"oversub_ratio":1.0},"allocations":[{"instance_name":"web","cpu":3,"memory_bytes":1073741824,"disk_bytes":0}]}'
route "GET /instances 200 [$web_running,$db_stopped]"
route 'GET /images 200 [{"name":"docker.io/library/nginx:alpine"}]'
serve

t "volume create" 0 "$vmctl" volume create --size 1.5G data
sent "rounds up" <<'E'
POST /volumes {"name":"data","size_gb":2}
E
t "volume ls" 0 "$vmctl" volume ls
sed -i 's/[0-9]* years ago/N years ago/' "$dir/out"
out "volume ls" <<'E'
ID            NAME  SIZE  USED BY             CREATED
volvolvolvol  data   10G  webwebwebweb:/data  N years ago
E
t "volume rm" 0 "$vmctl" vol rm data
t "capabilities" 0 "$vmctl" cap
out "say why not" <<'E'
NAME  DEFAULT  AVAILABLE  FEATURES    REASON
qemu  *        yes        exec,pause
vmm            no         -           /dev/kvm interprets guests
E
t "resources" 0 "$vmctl" resources
out "resources" <<'E'
RESOURCE  CAPACITY  LIMIT  ALLOCATED  FREE  OVERCOMMIT
cpu              2      8          3     5         4.0
memory        4.0G   4.0G       1.0G  3.0G         1.0
disk            1B     1B         0B    1B         1.0
network         0B     0B         0B    0B         1.0

VM   CPU  MEMORY  DISK  DISK/S  DOWN/S  UP/S
web    3    1.0G    0B      0B      0B    0B
E
t "version" 0 "$vmctl" --version
grep -q '^vmd 0.1.0 (API 0.3.0)$' "$dir/out"
check "of both" $?

# The commands as such.
t "no command" 1 "$vmctl"
err "is OpenBSD's usage" <<'E'
usage:	vmctl [-v] command [arg ...]
E
t "not a command" 1 "$vmctl" starr
err "did you mean" <<'E'
unknown argument: starr
did you mean start?
usage:	vmctl [-v] command [arg ...]
E
t "half a command" 1 "$vmctl" image
t "a unique prefix" 0 "$vmctl" vo l -q
t "a hidden command has no prefix" 1 "$vmctl" comple bash
t "an option that is not" 1 "$vmctl" ps --al
head -1 "$dir/err" > "$dir/first"
same "did you mean" "$dir/first" <<'E'
vmctl: unknown option --al; did you mean --all?
E
t "an option without its value" 1 "$vmctl" ps -f
t "a flag with a value" 0 "$vmctl" ps --all=false
t "help" 0 "$vmctl" help
t "help of a command" 0 "$vmctl" help image imp
t "--help of a command" 0 "$vmctl" run --help
t "-v shows requests" 0 "$vmctl" -v ps
err "-v shows requests" <<'E'
vmctl: GET /instances
E
t "a page that cannot be written" 1 sh -c "'$vmctl' ps > /dev/full"

# Every option's help fits, and the table has every command once.
"$vmctl" help --table | awk -F'\t' 'NF < 2 || ($1 == "option" && NF != 5)' |
    grep -q . ; [ $? -eq 1 ]
check "the table is a table" $?
[ -z "$("$vmctl" help --table | sort | uniq -d)" ]
check "nothing twice" $?
"$vmctl" help --table | awk -F'\t' '$1 == "command" { print $2 }' |
while read -r c; do
	"$vmctl" help $c | awk 'length($0) > 80' | grep . >&2
done 2> "$dir/long"
[ ! -s "$dir/long" ]
check "help fits 80 columns" $?

# bash: what a key press offers.
PATH=$(dirname "$vmctl"):$PATH
offer() { # WORDS..., the last one is completed
	bash -c '
		eval "$(vmctl completion bash)"
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		COMPREPLY=()
		_vmctl
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$@" | tr '\n' ' ' > "$dir/out"
	echo >> "$dir/out"
}
if command -v bash > /dev/null; then
	offer vmctl st
	out "bash: commands" <<'E'
standby start stats status stop 
E
	offer vmctl stop ''
	out "bash: names of VMs" <<'E'
web db 
E
	offer vmctl run --na
	out "bash: options" <<'E'
--name 
E
	offer vmctl run ''
	out "bash: names of images" <<'E'
docker.io/library/nginx:alpine 
E
	offer vmctl image p
	out "bash: second words" <<'E'
prune 
E
	offer vmctl volume rm ''
	out "bash: names of volumes" <<'E'
volvolvolvolvolvol 
E
	offer vmctl help ru
	out "bash: commands of help" <<'E'
run 
E
fi
if command -v fish > /dev/null; then
	mkdir -p "$dir/fish/completions"
	"$vmctl" completion fish > "$dir/fish/completions/vmctl.fish"
	for line in 'st' 'stop ' 'run --na' 'image p' 'rmi '; do
		HOME=$dir XDG_CONFIG_HOME=$dir fish -c "complete -C 'vmctl $line'"
	done 2>&1 | cut -f1 > "$dir/out"
	out "fish: commands, VMs, options, second words, images" <<'E'
standby
start
stats
status
stop
db
web
--name
prune
docker.io/library/nginx:alpine
E
fi
for shell in zsh fish; do
	t "a script for $shell" 0 "$vmctl" completion $shell
	command -v $shell > /dev/null || continue
	$shell -n "$dir/out"
	check "that $shell can read" $?
done
t "a shell that is not" 1 "$vmctl" completion tcsh
for shell in bash zsh fish; do
	"$vmctl" completion $shell | cmp -s - etc/completion/vmctl.$shell
	check "etc/completion/vmctl.$shell is what the program prints" $?
done
end
