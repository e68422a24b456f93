# bash completion for vmctl; made by 'vmctl completion bash'

_vmctl_names() {
	case $1 in
	vms) vmctl ps -a --format json 2>/dev/null |
	    sed -n 's/.*"name":"\([^"]*\)".*/\1/p' ;;
	images) vmctl images -q 2>/dev/null ;;
	volumes) vmctl volume ls -q --no-trunc 2>/dev/null ;;
	snapshots) vmctl snapshot list -q --no-trunc 2>/dev/null ;;
	commands) vmctl help --table 2>/dev/null |
	    sed -n 's/^command	\([^	]*\).*/\1/p' ;;
	esac
}

_vmctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local i=1 cmd= opts= value= args=
	while [ $i -lt $COMP_CWORD ]; do
		case ${COMP_WORDS[i]} in
		-H|--host) i=$((i + 1)) ;;
		-*) ;;
		*) cmd=${COMP_WORDS[i]}; break ;;
		esac
		i=$((i + 1))
	done
	case $cmd in
	'') COMPREPLY=($(compgen -W 'capabilities console cp create exec fork help image images inspect load log logs pause ps pull receive reload reset resources restore rm rmi run send show snapshot standby start stats status stop unpause version volume wait' -- "$cur")); return ;;
	image)
		if [ $((i + 1)) -eq $COMP_CWORD ]; then
			COMPREPLY=($(compgen -W 'import inspect ls prune rm' -- "$cur")); return
		fi
		cmd="$cmd ${COMP_WORDS[i+1]}" ;;
	snapshot)
		if [ $((i + 1)) -eq $COMP_CWORD ]; then
			COMPREPLY=($(compgen -W 'create delete fork list restore' -- "$cur")); return
		fi
		cmd="$cmd ${COMP_WORDS[i+1]}" ;;
	volume)
		if [ $((i + 1)) -eq $COMP_CWORD ]; then
			COMPREPLY=($(compgen -W 'create ls rm' -- "$cur")); return
		fi
		cmd="$cmd ${COMP_WORDS[i+1]}" ;;
	esac
	case $cmd in
	'capabilities')
		opts='--format --help'
		args=
		;;
	'console')
		opts='--help'
		args=vms
		;;
	'cp')
		opts='-a --archive -L --follow-link -q --quiet --help'
		args=files
		;;
	'create')
		opts='-b --base -i --input -s --size --help'
		args=files
		[ "$prev" = --base ] && args=files
		[ "$prev" = -b ] && args=files
		[ "$prev" = --input ] && args=files
		[ "$prev" = -i ] && args=files
		;;
	'exec')
		opts='-d --detach -e --env --env-file -i --interactive -t --tty --timeout -u --user -w --workdir --help'
		args=vms
		[ "$prev" = --env-file ] && args=files
		;;
	'fork')
		opts='--state --help'
		args=vms
		;;
	'help')
		opts='--table --help'
		args=commands
		;;
	'image import')
		opts='--name -q --quiet --help'
		args=files
		;;
	'image inspect')
		opts='--help'
		args=images
		;;
	'image ls')
		opts='--format --no-trunc -q --quiet --help'
		args=
		;;
	'image prune')
		opts='--help'
		args=
		;;
	'image rm')
		opts='--help'
		args=images
		;;
	'images')
		opts='--format --no-trunc -q --quiet --help'
		args=
		;;
	'inspect')
		opts='--format --help'
		args=vms
		;;
	'load')
		opts='--help'
		args=files
		;;
	'log')
		opts='--help'
		args=
		;;
	'logs')
		opts='-f --follow -n --tail --source --help'
		args=vms
		;;
	'pause')
		opts='--help'
		args=vms
		;;
	'ps')
		opts='-a --all -f --filter --format --no-trunc -q --quiet --help'
		args=
		;;
	'pull')
		opts='--platform -q --quiet --help'
		args=images
		;;
	'receive')
		opts='--help'
		args=
		;;
	'reload')
		opts='--help'
		args=
		;;
	'reset')
		opts='--help'
		args=vms
		;;
	'resources')
		opts='--format --help'
		args=
		;;
	'restore')
		opts='--help'
		args=vms
		;;
	'rm')
		opts='-a --all -f --force --help'
		args=vms
		;;
	'rmi')
		opts='--help'
		args=images
		;;
	'run')
		opts='--bandwidth-down --bandwidth-up -c --cpus -d --detach --disk-io -e --env --entrypoint --env-file -h --hostname --hypervisor -i --interactive -l --label -m --memory --name --network --overlay-size -p --publish --platform --pull -q --quiet --restart --rm --stop-signal --stop-timeout -t --tty -u --user -v --volume -w --workdir --wait --help'
		args=images
		[ "$prev" = --env-file ] && args=files
		[ "$prev" = --volume ] && args=volumes
		[ "$prev" = -v ] && args=volumes
		;;
	'send')
		opts='--help'
		args=vms
		;;
	'show')
		opts='-r --running --format --help'
		args=vms
		;;
	'snapshot create')
		opts='-l --label --name --help'
		args=vms
		;;
	'snapshot delete')
		opts='--help'
		args=snapshots
		;;
	'snapshot fork')
		opts='--state --help'
		args=snapshots
		;;
	'snapshot list')
		opts='--format --no-trunc -q --quiet --help'
		args=vms
		;;
	'snapshot restore')
		opts='--state --help'
		args=vms
		;;
	'standby')
		opts='--help'
		args=vms
		;;
	'start')
		opts='-B --boot-device -b --boot -c --console -d --disk -i --interfaces -L --local -m --memory -n --switch -p --cpus -r --cdrom -t --template -w --wait --help'
		args=vms
		[ "$prev" = --boot ] && args=files
		[ "$prev" = -b ] && args=files
		[ "$prev" = --disk ] && args=files
		[ "$prev" = -d ] && args=files
		[ "$prev" = --cdrom ] && args=files
		[ "$prev" = -r ] && args=files
		[ "$prev" = --template ] && args=vms
		[ "$prev" = -t ] && args=vms
		;;
	'stats')
		opts='--format --help'
		args=vms
		;;
	'status')
		opts='-r --running --format --help'
		args=vms
		;;
	'stop')
		opts='-a --all -f --force -t --timeout -w --wait --help'
		args=vms
		;;
	'unpause')
		opts='--help'
		args=vms
		;;
	'version')
		opts='--format --help'
		args=
		;;
	'volume create')
		opts='--size --help'
		args=
		;;
	'volume ls')
		opts='--format --no-trunc -q --quiet --help'
		args=
		;;
	'volume rm')
		opts='--help'
		args=volumes
		;;
	'wait')
		opts='--state -t --timeout --help'
		args=vms
		;;
	esac
	case $args in
	files) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	esac
	case $cur in
	-*) COMPREPLY=($(compgen -W "$opts" -- "$cur")) ;;
	*) COMPREPLY=($(compgen -W "$(_vmctl_names $args)" -- "$cur")) ;;
	esac
}
complete -o default -F _vmctl vmctl
