#compdef vmctl
# zsh completion for vmctl; made by 'vmctl completion zsh'

_vmctl_vms() {
	compadd -- ${(f)"$(vmctl ps -a --format json 2>/dev/null |
	    sed -n 's/.*"name":"\([^"]*\)".*/\1/p')"}
}
_vmctl_images() { compadd -- ${(f)"$(vmctl images -q 2>/dev/null)"} }
_vmctl_volumes() {
	compadd -- ${(f)"$(vmctl volume ls -q --no-trunc 2>/dev/null)"}
}
_vmctl_commands() { compadd -- capabilities console cp create exec fork help image images inspect load log logs pause ps pull receive reload reset resources restore rm rmi run send show snapshot standby start stats status stop unpause version volume wait }

_vmctl() {
	local cmd=${words[2]}
	if (( CURRENT == 2 )); then _vmctl_commands; return; fi
	case $cmd in
	image)
		if (( CURRENT == 3 )); then compadd -- import inspect ls prune rm; return; fi
		cmd="$cmd ${words[3]}"
		shift words; (( CURRENT-- )) ;;
	snapshot)
		if (( CURRENT == 3 )); then compadd -- create delete fork list restore; return; fi
		cmd="$cmd ${words[3]}"
		shift words; (( CURRENT-- )) ;;
	volume)
		if (( CURRENT == 3 )); then compadd -- create ls rm; return; fi
		cmd="$cmd ${words[3]}"
		shift words; (( CURRENT-- )) ;;
	esac
	shift words; (( CURRENT-- ))
	case $cmd in
	'capabilities')
		_arguments -s \
		    '--format[table or json]:FORMAT:' \
		    '*:argument:' ;;
	'console')
		_arguments -s \
		    '*:argument:_vmctl_vms' ;;
	'cp')
		_arguments -s \
		    '-a[Keep user and group IDs]' \
		    '--archive[Keep user and group IDs]' \
		    '-L[Copy what a symbolic link refers to]' \
		    '--follow-link[Copy what a symbolic link refers to]' \
		    '-q[Do not show progress]' \
		    '--quiet[Do not show progress]' \
		    '*:argument:_files' ;;
	'create')
		_arguments -s \
		    '-b[Begin with what this image has]:FILE:_files' \
		    '--base[Begin with what this image has]:FILE:_files' \
		    '-i[Copy this image]:FILE:_files' \
		    '--input[Copy this image]:FILE:_files' \
		    '-s[Size of the disk, in whole megabytes]:SIZE:' \
		    '--size[Size of the disk, in whole megabytes]:SIZE:' \
		    '*:argument:_files' ;;
	'exec')
		_arguments -s \
		    '-d[Leave the command running]' \
		    '--detach[Leave the command running]' \
		    '*-e[Set an environment variable]:NAME\[=VALUE\]:' \
		    '*--env[Set an environment variable]:NAME\[=VALUE\]:' \
		    '*--env-file[Read environment variables]:FILE:_files' \
		    '-i[Connect standard input]' \
		    '--interactive[Connect standard input]' \
		    '-t[Give the command a terminal]' \
		    '--tty[Give the command a terminal]' \
		    '--timeout[End the command after this time]:TIME:' \
		    '-u[Run it as this user]:USER\[\:GROUP\]:' \
		    '--user[Run it as this user]:USER\[\:GROUP\]:' \
		    '-w[Working directory]:DIRECTORY:' \
		    '--workdir[Working directory]:DIRECTORY:' \
		    '*:argument:_vmctl_vms' ;;
	'fork')
		_arguments -s \
		    '--state[Running, Standby or Stopped]:STATE:' \
		    '*:argument:_vmctl_vms' ;;
	'help')
		_arguments -s \
		    '--table[One command or option a line, for programs]' \
		    '*:argument:_vmctl_commands' ;;
	'image import')
		_arguments -s \
		    '--name[Name of an image that has none in the archive]:NAME:' \
		    '-q[Do not show progress]' \
		    '--quiet[Do not show progress]' \
		    '*:argument:_files' ;;
	'image inspect')
		_arguments -s \
		    '*:argument:_vmctl_images' ;;
	'image ls')
		_arguments -s \
		    '--format[table or json]:FORMAT:' \
		    '--no-trunc[Do not shorten anything]' \
		    '-q[Only names]' \
		    '--quiet[Only names]' \
		    '*:argument:' ;;
	'image prune')
		_arguments -s \
		    '*:argument:' ;;
	'image rm')
		_arguments -s \
		    '*:argument:_vmctl_images' ;;
	'images')
		_arguments -s \
		    '--format[table or json]:FORMAT:' \
		    '--no-trunc[Do not shorten anything]' \
		    '-q[Only names]' \
		    '--quiet[Only names]' \
		    '*:argument:' ;;
	'inspect')
		_arguments -s \
		    '--format[json, one object a line, or a list]:FORMAT:' \
		    '*:argument:_vmctl_vms' ;;
	'load')
		_arguments -s \
		    '*:argument:_files' ;;
	'log')
		_arguments -s \
		    '*:argument:' ;;
	'logs')
		_arguments -s \
		    '-f[Go on until the VM ends]' \
		    '--follow[Go on until the VM ends]' \
		    '-n[Begin with this many of the last lines]:LINES:' \
		    '--tail[Begin with this many of the last lines]:LINES:' \
		    '--source[app, vmm or hypeman]:SOURCE:' \
		    '*:argument:_vmctl_vms' ;;
	'pause')
		_arguments -s \
		    '*:argument:_vmctl_vms' ;;
	'ps')
		_arguments -s \
		    '-a[All VMs, not only running ones]' \
		    '--all[All VMs, not only running ones]' \
		    '*-f[Only VMs for which it holds]:NAME=VALUE:' \
		    '*--filter[Only VMs for which it holds]:NAME=VALUE:' \
		    '--format[table or json]:FORMAT:' \
		    '--no-trunc[Do not shorten anything]' \
		    '-q[Only IDs]' \
		    '--quiet[Only IDs]' \
		    '*:argument:' ;;
	'pull')
		_arguments -s \
		    '--platform[Take the image for this platform]:OS/ARCH:' \
		    '-q[Do not show progress]' \
		    '--quiet[Do not show progress]' \
		    '*:argument:_vmctl_images' ;;
	'receive')
		_arguments -s \
		    '*:argument:' ;;
	'reload')
		_arguments -s \
		    '*:argument:' ;;
	'reset')
		_arguments -s \
		    '*:argument:_vmctl_vms' ;;
	'resources')
		_arguments -s \
		    '--format[table or json]:FORMAT:' \
		    '*:argument:' ;;
	'restore')
		_arguments -s \
		    '*:argument:_vmctl_vms' ;;
	'rm')
		_arguments -s \
		    '-a[All that are stopped]' \
		    '--all[All that are stopped]' \
		    '-f[Also running ones]' \
		    '--force[Also running ones]' \
		    '*:argument:_vmctl_vms' ;;
	'rmi')
		_arguments -s \
		    '*:argument:_vmctl_images' ;;
	'run')
		_arguments -s \
		    '--bandwidth-down[Limit what the VM receives]:RATE:' \
		    '--bandwidth-up[Limit what the VM sends]:RATE:' \
		    '-c[Number of virtual CPUs]:COUNT:' \
		    '--cpus[Number of virtual CPUs]:COUNT:' \
		    '-d[Print the ID of the VM and return]' \
		    '--detach[Print the ID of the VM and return]' \
		    '--disk-io[Limit its disks]:RATE:' \
		    '*-e[Set an environment variable]:NAME\[=VALUE\]:' \
		    '*--env[Set an environment variable]:NAME\[=VALUE\]:' \
		    '--entrypoint[Replace the entrypoint of the image]:WORD:' \
		    '*--env-file[Read environment variables]:FILE:_files' \
		    '-h[Host name in the guest]:NAME:' \
		    '--hostname[Host name in the guest]:NAME:' \
		    '--hypervisor[Run the VM with this hypervisor]:NAME:' \
		    '-i[Connect standard input]' \
		    '--interactive[Connect standard input]' \
		    '*-l[Add a label]:NAME=VALUE:' \
		    '*--label[Add a label]:NAME=VALUE:' \
		    '-m[Memory]:SIZE:' \
		    '--memory[Memory]:SIZE:' \
		    '--name[Name of the VM]:NAME:' \
		    '--network[user or none]:MODE:' \
		    '--overlay-size[Size of the writable layer]:SIZE:' \
		    '*-p[Publish a port of the guest]:\[ADDRESS\:\]HOST\:GUEST\[/PROTO\]:' \
		    '*--publish[Publish a port of the guest]:\[ADDRESS\:\]HOST\:GUEST\[/PROTO\]:' \
		    '--platform[Take the image for this platform]:OS/ARCH:' \
		    '--pull[always, missing or never]:WHEN:' \
		    '-q[Do not show progress]' \
		    '--quiet[Do not show progress]' \
		    '--restart[no, always, unless-stopped, on-failure\[\:N\]]:POLICY:' \
		    '--rm[Remove the VM when it has ended]' \
		    '--stop-signal[Signal that ends the command]:SIGNAL:' \
		    '--stop-timeout[Time the command has to end]:TIME:' \
		    '-t[Give the command a terminal]' \
		    '--tty[Give the command a terminal]' \
		    '-u[Run the command as this user]:USER\[\:GROUP\]:' \
		    '--user[Run the command as this user]:USER\[\:GROUP\]:' \
		    '*-v[Mount a volume or a directory of the host]:SOURCE\:PATH\[\:ro\]:_vmctl_volumes' \
		    '*--volume[Mount a volume or a directory of the host]:SOURCE\:PATH\[\:ro\]:_vmctl_volumes' \
		    '-w[Working directory]:DIRECTORY:' \
		    '--workdir[Working directory]:DIRECTORY:' \
		    '--wait[With -d, return when the guest answers]' \
		    '*:argument:_vmctl_images' ;;
	'send')
		_arguments -s \
		    '*:argument:_vmctl_vms' ;;
	'show')
		_arguments -s \
		    '-r[Only running VMs]' \
		    '--running[Only running VMs]' \
		    '--format[table or json]:FORMAT:' \
		    '*:argument:_vmctl_vms' ;;
	'snapshot create')
		_arguments -s \
		    '*-l[Add a label]:NAME=VALUE:' \
		    '*--label[Add a label]:NAME=VALUE:' \
		    '--name[Name of the snapshot]:NAME:' \
		    '*:argument:_vmctl_vms' ;;
	'snapshot delete')
		_arguments -s \
		    '*:argument:_vmctl_snapshots' ;;
	'snapshot fork')
		_arguments -s \
		    '--state[Running, Standby or Stopped]:STATE:' \
		    '*:argument:_vmctl_snapshots' ;;
	'snapshot list')
		_arguments -s \
		    '--format[table or json]:FORMAT:' \
		    '--no-trunc[Do not shorten anything]' \
		    '-q[Only IDs]' \
		    '--quiet[Only IDs]' \
		    '*:argument:_vmctl_vms' ;;
	'snapshot restore')
		_arguments -s \
		    '--state[Running, Standby or Stopped]:STATE:' \
		    '*:argument:_vmctl_vms' ;;
	'standby')
		_arguments -s \
		    '*:argument:_vmctl_vms' ;;
	'start')
		_arguments -s \
		    '*-B[Boot from disk, cdrom or net this time]:DEVICE:' \
		    '*--boot-device[Boot from disk, cdrom or net this time]:DEVICE:' \
		    '*-b[Boot this kernel this time]:FILE:_files' \
		    '*--boot[Boot this kernel this time]:FILE:_files' \
		    '-c[Connect to the console]' \
		    '--console[Connect to the console]' \
		    '*-d[A disk; may be repeated]:\[FORMAT\:\]FILE:_files' \
		    '*--disk[A disk; may be repeated]:\[FORMAT\:\]FILE:_files' \
		    '*-i[At least so many network cards]:COUNT:' \
		    '*--interfaces[At least so many network cards]:COUNT:' \
		    '-L[A local network card; may be repeated]' \
		    '--local[A local network card; may be repeated]' \
		    '*-m[Memory]:SIZE:' \
		    '*--memory[Memory]:SIZE:' \
		    '*-n[A network card on this switch]:NAME:' \
		    '*--switch[A network card on this switch]:NAME:' \
		    '*-p[Number of virtual CPUs]:COUNT:' \
		    '*--cpus[Number of virtual CPUs]:COUNT:' \
		    '*-r[Image of a CD-ROM]:FILE:_files' \
		    '*--cdrom[Image of a CD-ROM]:FILE:_files' \
		    '*-t[Make an instance of this VM]:VM:_vmctl_vms' \
		    '*--template[Make an instance of this VM]:VM:_vmctl_vms' \
		    '-w[Return when the guest answers]' \
		    '--wait[Return when the guest answers]' \
		    '*:argument:_vmctl_vms' ;;
	'stats')
		_arguments -s \
		    '--format[table or json]:FORMAT:' \
		    '*:argument:_vmctl_vms' ;;
	'status')
		_arguments -s \
		    '-r[Only running VMs]' \
		    '--running[Only running VMs]' \
		    '--format[table or json]:FORMAT:' \
		    '*:argument:_vmctl_vms' ;;
	'stop')
		_arguments -s \
		    '-a[All running VMs]' \
		    '--all[All running VMs]' \
		    '-f[Do not ask, kill]' \
		    '--force[Do not ask, kill]' \
		    '-t[Kill after this time]:TIME:' \
		    '--timeout[Kill after this time]:TIME:' \
		    '-w[Return when the VM has ended]' \
		    '--wait[Return when the VM has ended]' \
		    '*:argument:_vmctl_vms' ;;
	'unpause')
		_arguments -s \
		    '*:argument:_vmctl_vms' ;;
	'version')
		_arguments -s \
		    '--format[table or json]:FORMAT:' \
		    '*:argument:' ;;
	'volume create')
		_arguments -s \
		    '--size[Its size, rounded up to a GB]:SIZE:' \
		    '*:argument:' ;;
	'volume ls')
		_arguments -s \
		    '--format[table or json]:FORMAT:' \
		    '--no-trunc[Do not shorten anything]' \
		    '-q[Only IDs]' \
		    '--quiet[Only IDs]' \
		    '*:argument:' ;;
	'volume rm')
		_arguments -s \
		    '*:argument:_vmctl_volumes' ;;
	'wait')
		_arguments -s \
		    '--state[Wait for this state, not the end]:STATE:' \
		    '-t[Fail when it takes longer]:TIME:' \
		    '--timeout[Fail when it takes longer]:TIME:' \
		    '*:argument:_vmctl_vms' ;;
	esac
}

_vmctl "$@"
