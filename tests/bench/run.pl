#!/usr/bin/perl
# run.pl: the CPU and wall-clock seconds until the agent of a VM is ready.
#
#	run.pl hand DIR VIOD QEMU [ARGUMENT...]
#	run.pl ours VMD-PID STATE VMCTL NAME [OPTION...] IMAGE
#
# "hand" starts QEMU in DIR, with a viod as its vsock device (vsock0.vu), and
# ends both when vminit has connected to port 1024.  "ours" is "vmctl run"
# until "vmctl wait" has seen the VM running: what vmctl, vmd, vmd-control
# and the processes of the VM used; the VM goes on.
use strict;
use warnings;
use POSIX ();
use Socket;
use Time::HiRes qw(time);

my $tick = POSIX::sysconf(POSIX::_SC_CLK_TCK());

# Seconds of a process, proc(5), /proc/PID/stat 14 and 15; those of its ended
# children (16, 17) too where they are asked for.
sub cpu {
	my ($pid, $children) = @_;
	open(my $f, '<', "/proc/$pid/stat") or return 0;
	my @s = split ' ', <$f> =~ s/.*\) //sr;
	my $n = $s[11] + $s[12];
	$n += $s[13] + $s[14] if $children;
	return $n / $tick;
}

sub children_of {
	my ($pid) = @_;
	open(my $f, '<', "/proc/$pid/task/$pid/children") or return ();
	return split ' ', <$f> // '';
}

sub listener {
	my ($path) = @_;
	unlink $path;
	socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
	bind($s, sockaddr_un($path)) or die "bind $path: $!";
	listen($s, 16) or die "listen: $!";
	return $s;
}

# A program with the descriptors of @fds at 6 and up.
sub start {
	my ($fds, @argv) = @_;
	my $pid = fork() // die "fork: $!";
	return $pid if $pid;
	# Out of the way first: a place may hold another's.
	POSIX::dup2(fileno $fds->[$_], 128 + $_) for 0 .. $#$fds;
	POSIX::dup2(128 + $_, 6 + $_) for 0 .. $#$fds;
	open(STDOUT, '>>', 'log');
	open(STDERR, '>>', 'log');
	exec { $argv[0] } @argv or POSIX::_exit(127);
}

sub hand {
	my ($dir, $viod, @qemu) = @_;
	chdir $dir or die "$dir: $!";
	my $ready = listener('vsock.sock_1024');
	my $vsock = listener('vsock.sock');
	sysopen(my $here, '.', 0) or die "opendir: $!";
	my $begin = time;
	my @pids = (start([$vsock, $here], $viod, 'vsock', '-S', 'vsock0.vu',
	    '-c', 3, '-l', 6, '-d', 7));
	select(undef, undef, undef, 0.001) until -S 'vsock0.vu';
	push @pids, start([], @qemu);
	local $SIG{ALRM} = sub { kill 'KILL', @pids; die "never ready\n" };
	alarm 60;
	accept(my $c, $ready) or die "accept: $!";
	my $line = <$c> // '';
	my $wall = time - $begin;
	my $cpu = 0;
	$cpu += cpu($_) for @pids;
	kill 'KILL', @pids;
	1 while wait != -1;
	$line eq "ready\n" or die "said: $line\n";
	printf "%.3f %.3f\n", $cpu, $wall;
}

sub ours {
	my ($vmd, $state, $vmctl, $name, @args) = @_;
	my $daemon = sub {
		my $n = cpu($vmd, 1);
		$n += cpu($_) for children_of($vmd);
		return $n;
	};
	my $before = $daemon->();
	my $begin = time;
	my $id = qx($vmctl run -d --name $name @args);
	die "vmctl run failed\n" if $?;
	qx($vmctl wait --state Running --timeout 100s $name);
	die "vmctl wait failed\n" if $?;
	my $wall = time - $begin;
	chomp $id;
	my $cpu = 0;
	open(my $f, '<', "$state/vms/$id/pids") or die "pids of $id: $!";
	while (<$f>) {
		my (undef, $pid) = split;
		$cpu += cpu($_) for $pid, children_of($pid);
	}
	my $after = $daemon->();
	my (undef, undef, $user, $system) = times;
	printf "%.3f %.3f\n", $cpu + $after - $before + $user + $system,
	    $wall;
}

my $way = shift // '';
if ($way eq 'hand') { hand(@ARGV) }
elsif ($way eq 'ours') { ours(@ARGV) }
else { die "usage: run.pl hand|ours ...\n" }
