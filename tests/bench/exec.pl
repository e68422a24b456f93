#!/usr/bin/perl
# exec.pl RUNS SOCKET VMCTL ARGUMENT...: two ways to a guest and back
#
# In turn: "VMCTL ARGUMENT...", a process from its start to its end; and the
# least that could be done instead, the agent's greeting over a connection
# that is there, viod and the guest's kernel between.  SOCKET is the VM's
# vsock.sock.  Prints the median of both, milliseconds.
use strict;
use warnings;
use Socket;
use Time::HiRes qw(time);

my ($runs, $path, @command) = @ARGV;

# A connection to the agent, ready to be greeted.
sub agent {
	socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
	connect($s, sockaddr_un($path)) or die "$path: $!";
	syswrite $s, "CONNECT 2222\n";
	my $c = '';
	while ($c ne "\n") {
		sysread($s, $c, 1) or die "no agent\n";
	}
	return $s;
}

# docs/agent-protocol.md: HELLO is type 1 with a record of the version.
sub greet {
	my ($s) = @_;
	my $hello = "version=1\0";
	syswrite $s, pack('CCvV', 1, 0, 0, length $hello) . $hello;
	sysread($s, my $head, 8) == 8 or die "no greeting\n";
	sysread($s, my $rest, (unpack 'CCvV', $head)[3]);
}

sub median {
	my @v = sort { $a <=> $b } @_;
	return 1000 * $v[@v / 2];
}

my (@exec, @echo);
for (1 .. $runs) {
	my $begin = time;
	system(@command) == 0 or die "@command: $?\n";
	push @exec, time - $begin;
	my $s = agent();
	$begin = time;
	greet($s);
	push @echo, time - $begin;
}
printf "%.3f %.3f\n", median(@exec), median(@echo);
