#!/usr/bin/perl
# start-vm.pl DIR VMM [ARGUMENT...] [-- NAME PROGRAM ARGUMENT...]...
#
# Start a VMM and its devices in DIR as vmd does: descriptors at fixed places
# (docs/ARCHITECTURE.md, "How a program is started"), each report read.
# A device NAME gets its listening NAME.vu on 5 and, at 6 and up, the files
# of its environment-like words "6=PATH" (read-write) or "6<PATH" (read).
# "6@PATH" is a listening unix socket, "6~40" one end of a pair of sockets of
# datagrams, whose other end is the VMM's descriptor 40.  Prints "NAME PID" a line, the VMM
# last as "vmm PID", and stays until the VMM has ended.
#
# With VM_CONFIG=FILE in the environment it also creates and boots the VM of
# that VmConfig, and in the end prints "used CPU-SECONDS WALL-SECONDS" of all
# it started.  A VMM named "-" is no VMM but a command of its own, measured
# the same way.
use strict;
use warnings;
use POSIX ();
use Socket;
use Fcntl;
use Time::HiRes qw(time);

$^F = 255;
my $dir = shift;
my @groups = ([]);
for (@ARGV) {
	if ($_ eq '--') { push @groups, [] } else { push @{$groups[-1]}, $_ }
}
my @vmm = @{shift @groups};
my $begin = time;
chdir $dir or die "$dir: $!";

sub listener {
	my ($path) = @_;
	unlink $path;
	socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
	bind($s, sockaddr_un($path)) or die "bind $path: $!";
	listen($s, 16) or die "listen: $!";
	return $s;
}

# Start a program with the handles of %$fds at their numbers.
sub start {
	my ($name, $fds, @argv) = @_;
	pipe(my $r, my $w) or die "pipe: $!";
	my $pid = fork() // die "fork: $!";
	if ($pid == 0) {
		my %at = (3 => $w, %$fds);
		# Out of the way first: a place may hold another's handle.
		POSIX::dup2(fileno $at{$_}, 128 + $_) for keys %at;
		POSIX::dup2(128 + $_, $_) for keys %at;
		POSIX::close($_) for grep { !exists $at{$_} } 3 .. 255;
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', '/dev/null');
		open(STDERR, '>>', 'vmm.log');
		exec { $argv[0] } @argv or POSIX::_exit(127);
	}
	close $w;
	my $report = <$r> // "error $name: ended before its report\n";
	if ($report ne "ok\n") {
		print STDERR "$name: $report";
		exit 1;
	}
	print "$name $pid\n";
	return $pid;
}

# One call of the API; dies unless it answers 204.
sub call {
	my ($name, $body) = @_;
	socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
	connect($s, sockaddr_un('api.sock')) or die "api.sock: $!";
	my $len = length $body;
	syswrite $s, "PUT /api/v1/$name HTTP/1.1\r\nHost: localhost\r\n" .
	    "Connection: close\r\nContent-Length: $len\r\n\r\n$body";
	my $answer = do { local $/; <$s> };
	$answer =~ m{^HTTP/1.1 204 } or die "$name: $answer";
}

# Wait for everything, print what it took.
sub used {
	my $end = time;
	1 while wait != -1;
	my (undef, undef, $user, $system) = times;
	printf "used %.3f %.3f\n", $user + $system, $end - $begin;
}

$| = 1;
if ($vmm[0] eq '-') {
	shift @vmm;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0) {
		open(STDOUT, '>>', 'vmm.log');
		open(STDERR, '>>', 'vmm.log');
		exec { $vmm[0] } @vmm or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	used();
	exit($? >> 8);
}
my (%lines, @life, %keep, %of_vmm);
my $next = 20;
for my $g (@groups) {
	my ($name, @argv) = @$g;
	my %fds = (5 => listener("$name.vu"));
	@argv = grep {
		my $w = $_;
		if ($w =~ /^(\d+)([=<@~])(.+)$/) {
			my ($n, $how, $path) = ($1, $2, $3);
			my $h;
			if ($how eq '~') {
				socketpair($h, $of_vmm{$path}, AF_UNIX,
				    SOCK_DGRAM, 0) or die "socketpair: $!";
			} elsif ($how eq '@') {
				$h = listener($path);
			} else {
				sysopen($h, $path, $how eq '=' && !-d $path ?
				    O_RDWR : O_RDONLY) or die "$path: $!";
			}
			$fds{$n} = $h;
			0;
		} else { 1 }
	} @argv;
	socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, 0)
	    or die "socketpair: $!";
	$fds{4} = $theirs;
	start($name, \%fds, @argv);
	push @life, [$name, $ours];
}
my %fds = (5 => listener('api.sock'), %of_vmm);
my @lines;
for (@life) {
	$fds{$next} = $_->[1];
	push @lines, '-L', "$_->[0]=$next";
	$next++;
}
my $pid = start('vmm', \%fds, @vmm, '-a', 5, @lines);
undef @life;
undef %of_vmm;
%fds = ();
if (my $config = $ENV{VM_CONFIG}) {
	open(my $f, '<', $config) or die "$config: $!";
	call('vm.create', do { local $/; <$f> });
	call('vm.boot', '');
}
waitpid $pid, 0;
my $status = $?;
used() if $ENV{VM_CONFIG};
exit($status >> 8 || $status & 127);
